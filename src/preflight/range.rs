//! Which part of a file was asked for, and is it what came?

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue};

use super::fetch::Page;
use super::outcome::Outcome;

/// A part of a file, by its first and its last byte (RFC 9110, section 14.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    first: u64,
    last: u64,
}

impl Range {
    /// So many bytes at the beginning; one at least.
    pub(super) fn head(length: usize) -> Self {
        Self { first: 0, last: (length.max(1) - 1) as u64 }
    }

    /// These bytes; `None`: there are none.
    pub(super) fn of(bytes: &std::ops::Range<u64>) -> Option<Self> {
        let last = bytes.end.checked_sub(1)?;
        (bytes.start <= last).then_some(Self { first: bytes.start, last })
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> usize {
        usize::try_from(self.last - self.first + 1).unwrap_or(usize::MAX)
    }

    pub(super) fn field(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("bytes={}-{}", self.first, self.last)).ok()
    }
}

/// What a page says of the size of its file; `None`: nothing. What is in the page is the part that was
/// asked for, or, where the other side knows no parts, the beginning of the file.
pub(super) fn size(page: &Page, asked: Option<Range>) -> Result<Option<u64>, Outcome> {
    if page.status.is_client_error() || page.status.is_server_error() {
        return Err(Outcome::ErrorStatus);
    }
    let encodings = page.headers.get_all(CONTENT_ENCODING);
    if encodings.iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Outcome::Unreadable);
    }
    match (page.status, asked) {
        (StatusCode::OK, _) => Ok(length(&page.headers)),
        (StatusCode::PARTIAL_CONTENT, Some(asked)) => part(page, asked),
        _ => Err(Outcome::Unreadable),
    }
}

/// hyper refuses lengths that contradict each other. A file of no bytes is no file: some answer HEAD
/// that way for all of them.
fn length(headers: &HeaderMap) -> Option<u64> {
    number(headers.get(CONTENT_LENGTH)?.to_str().ok()?).filter(|length| *length > 0)
}

/// A part has to be what was asked for, whole, or else all that there is from there on.
fn part(page: &Page, asked: Range) -> Result<Option<u64>, Outcome> {
    let mut fields = page.headers.get_all(CONTENT_RANGE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return Err(Outcome::Unreadable);
    };
    let (first, last, size) = content_range(field).ok_or(Outcome::Unreadable)?;
    let end = size.map_or(asked.last, |size| asked.last.min(size.saturating_sub(1)));
    let fits = first == asked.first && last == end && first <= last;
    let came = page.is_whole && page.body.len() as u64 == last.saturating_sub(first) + 1;
    if fits && came { Ok(size) } else { Err(Outcome::Unreadable) }
}

/// `bytes 0-65535/1234567`, or with a star for a size that is not known.
fn content_range(field: &HeaderValue) -> Option<(u64, u64, Option<u64>)> {
    let (unit, rest) = field.to_str().ok()?.split_once(' ')?;
    let (part, size) = rest.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let size = match size {
        "*" => None,
        size => Some(number(size)?),
    };
    unit.eq_ignore_ascii_case("bytes").then_some((number(first)?, number(last)?, size))
}

/// Digits, and nothing that the standard library takes besides.
fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
