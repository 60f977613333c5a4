//! What does a `traceparent` say, and when is it none?

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Carries the trace, the caller's span, and whether they are recorded.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Carries what tracing systems say to themselves.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of version 00; a later version may have more, after another dash.
const LENGTH: usize = 55;
const SAMPLED: u8 = 1;

/// The id of a trace; never all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// The id of a span; never all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// A valid `traceparent` (W3C Trace Context, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub span_id: SpanId,
    flags: u8,
}

macro_rules! id {
    ($name:ident, $length:literal, $number:ty) => {
        impl $name {
            /// Takes an id from random bytes; all zeros are not one.
            pub fn new(bytes: [u8; $length]) -> Option<Self> {
                (<$number>::from_be_bytes(bytes) != 0).then_some(Self(bytes))
            }

            /// Its bytes, in the order in which it is written.
            pub fn bytes(&self) -> [u8; $length] {
                self.0
            }

            /// In hexadecimal.
            pub(crate) fn hex(self) -> [u8; 2 * $length] {
                let mut text = [0; 2 * $length];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
                }
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(TraceId, 16, u128);
id!(SpanId, 8, u64);

impl TraceParent {
    /// Reads a field's value. Of a later version, what version 00 has is read (section 4.4).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let head = value.get(..LENGTH)?;
        let dashes = head[2] == b'-' && head[35] == b'-' && head[52] == b'-';
        let [version] = hex(&head[..2])?;
        let length = match version {
            0 => value.len() == LENGTH,
            0xff => false,
            _ => value.get(LENGTH).is_none_or(|next| *next == b'-'),
        };
        if !dashes || !length {
            return None;
        }
        let [flags] = hex(&head[53..])?;
        let trace_id = TraceId::new(hex(&head[3..35])?)?;
        let span_id = SpanId::new(hex(&head[36..52])?)?;
        Some(Self { trace_id, span_id, flags })
    }

    /// The one valid `traceparent` of a request. Two are as good as none: nobody knows which one is
    /// meant (section 3.2.1 has one).
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        Self::parse(value.as_bytes())
    }

    /// A span of ours, as the next hop's parent; it is recorded.
    pub fn sampled(trace_id: TraceId, span_id: SpanId) -> Self {
        Self { trace_id, span_id, flags: SAMPLED }
    }

    /// Whether the caller says that it is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// As a field of version 00.
    pub fn to_header(self) -> Option<HeaderValue> {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(&self.trace_id.hex());
        text[36..52].copy_from_slice(&self.span_id.hex());
        // Only what version 00 defines: what else was set is the caller's.
        if self.is_sampled() {
            text[54] = b'1';
        }
        HeaderValue::from_bytes(&text).ok()
    }
}

/// The digit of a number below 16: by arithmetic, which a compiler does for many at once.
fn digit(number: u8) -> u8 {
    number + if number < 10 { b'0' } else { b'a' - 10 }
}

/// Reads hexadecimal digits in lower case; others are not valid (section 3.2.2).
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = digit(*text.get(2 * place)?)? << 4 | digit(*text.get(2 * place + 1)?)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn parse(value: &str) -> Option<TraceParent> {
        TraceParent::parse(value.as_bytes())
    }

    #[test]
    fn what_the_specification_calls_valid_is_taken() {
        for (flags, sampled) in [("00", false), ("01", true), ("03", true), ("fe", false)] {
            let parent = parse(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
            assert_eq!(parent.is_sampled(), sampled);
            assert_eq!(parent.trace_id.to_string(), TRACE);
            assert_eq!(parent.span_id.to_string(), SPAN);
            let again = parent.to_header().unwrap();
            let kept = if sampled { "01" } else { "00" };
            assert_eq!(again, format!("00-{TRACE}-{SPAN}-{kept}"));
        }
        // A later version, as it is and with more.
        for later in [format!("cc-{TRACE}-{SPAN}-01"), format!("01-{TRACE}-{SPAN}-01-what-else")] {
            assert!(parse(&later).is_some(), "{later}");
        }
    }

    #[test]
    fn what_the_specification_calls_invalid_is_none() {
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-"),
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-011"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("FF-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!(".0-{TRACE}-{SPAN}-01"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("00-{TRACE}-{SPAN}-.0"),
            format!("00-{}-{SPAN}-01", TRACE.replace('0', ".")),
            format!("00-{TRACE}_{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!("00-{}-{SPAN}-01", &TRACE[..31]),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn two_of_them_are_none() {
        let value = format!("00-{TRACE}-{SPAN}-01");
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_str(&value).unwrap());
        assert!(TraceParent::of(&headers).is_some());
        headers.append(TRACEPARENT, HeaderValue::from_str(&value).unwrap());
        assert!(TraceParent::of(&headers).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_one_or_none(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceParent::parse(&value);
        }
    }
}
