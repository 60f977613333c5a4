//! Until when is a certificate valid?
//!
//! A look at the one field that operators have to watch; whether a certificate can be used at all is
//! for rustls to say.

use std::time::{Duration, SystemTime};

/// The tags of DER (X.690) that stand before and in the validity of a certificate (RFC 5280, section
/// 4.1).
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The `notAfter` of a certificate in DER; `None` where it is not one.
pub fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    let (tag, signed, _) = element(certificate)?;
    let (inner, mut fields, _) = element(signed)?;
    if (tag, inner) != (SEQUENCE, SEQUENCE) {
        return None;
    }
    if let (VERSION, _, rest) = element(fields)? {
        fields = rest;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (SEQUENCE, validity, _) = element(fields)? else { return None };
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    parse(tag, std::str::from_utf8(time).ok()?)
}

/// The first element: its tag, what is in it, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        // At most four bytes of length: no certificate is larger.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ` up to 2049, `YYYYMMDDHHMMSSZ` from then on (RFC 5280, section 4.1.2.5).
fn parse(tag: u8, time: &str) -> Option<SystemTime> {
    let (century, rest) = match tag {
        UTC_TIME if time.get(..2)? < "50" => ("20", time),
        UTC_TIME => ("19", time),
        GENERALIZED_TIME => time.split_at_checked(2)?,
        _ => return None,
    };
    let time = format!("{century}{rest}");
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", &time).ok()?;
    let second = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(second).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let mut wanted = rcgen::CertificateParams::new(["gateway.example".to_owned()]).unwrap();
        wanted.not_after = rcgen::date_time_ymd(year, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        wanted.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_found_in_both_forms_of_time() {
        for year in [2031, 2061] {
            let end = not_after(&made(year)).unwrap();
            let since = end.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let wanted = format!("{year}-03-04T00:00:00Z").parse::<jiff::Timestamp>().unwrap();
            assert_eq!(since.as_secs(), u64::try_from(wanted.as_second()).unwrap());
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let made = made(2031);
        for length in 0..made.len() {
            // Cut anywhere it says nothing, and nothing worse.
            assert_eq!(not_after(&made[..length]), None);
        }
        for place in 0..made.len().min(200) {
            for byte in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut broken = made.clone();
                broken[place] = byte;
                let _ = not_after(&broken);
            }
        }
    }
}
