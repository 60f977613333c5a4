//! How is an address signed, so that one file can be put there for five minutes?
//!
//! As S3 does it: Signature Version 4 in the query, over the method, the path, the query and the signed
//! fields (docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).

use std::net::SocketAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::shelf::new_id;
use super::transcriptions::Transcription;

/// How long an address is good for.
const LIFETIME: Duration = Duration::from_secs(300);
const REGION: &str = "eu-west-1";
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// The types that files are put with, by the ends of their names. Which type Heify signs is not
/// published: here it is that of the name, and any where the name has no end.
const TYPES: [(&str, &str); 11] = [
    ("aac", "audio/aac"),
    ("aiff", "audio/aiff"),
    ("amr", "audio/amr"),
    ("asf", "video/x-ms-asf"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("wav", "audio/wav"),
    ("webm", "audio/webm"),
];

/// Signs addresses, and knows its own again.
#[derive(Debug)]
pub(crate) struct Signer {
    host: String,
    secret: String,
}

/// Why a request is not let in, as S3 says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    Unsigned,
    Expired,
    /// A field that begins with `x-amz-` and is not signed.
    UnsignedField,
    Mismatch,
}

impl Signer {
    /// Signs for a storage that listens there, with a secret of its own.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { host: address.to_string(), secret: new_id() }
    }

    /// The address where the file of a transcription is put.
    pub(crate) fn sign(&self, client_id: &str, made: &Transcription, now: Timestamp) -> String {
        let configuration = made.configuration.configuration_id.clone();
        let mut fields =
            vec![("host", self.host.clone()), ("x-amz-meta-configuration_id", configuration)];
        if let Some(name) = &made.name {
            fields.push(("x-amz-meta-name", name.trim().to_owned()));
        }
        fields.extend(type_of(made).map(|media_type| ("content-type", media_type.to_owned())));
        fields.sort_unstable();
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let (time, names) = (now.strftime(TIME).to_string(), names.join("%3B"));
        let path = format!("/upload/{client_id}/{}", made.id);
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=SIMULATED%2F{}%2F{REGION}%2Fs3%2Faws4_request\
             &X-Amz-Date={time}&X-Amz-Expires={}&X-Amz-SignedHeaders={names}",
            day(&time),
            LIFETIME.as_secs()
        );
        let signature = self.signature("PUT", &path, &query, &fields, &time);
        format!("http://{}{path}?{query}&X-Amz-Signature={signature}", self.host)
    }

    /// Whether a request is one that an address was signed for, in time.
    pub(crate) fn check(&self, head: &Parts, now: Timestamp) -> Result<(), Denied> {
        let query = head.uri.query().unwrap_or_default();
        let member = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
        };
        let (Some(given), Some(time), Some(names)) =
            (member("X-Amz-Signature"), member("X-Amz-Date"), member("X-Amz-SignedHeaders"))
        else {
            return Err(Denied::Unsigned);
        };
        let lifetime = member("X-Amz-Expires").and_then(|text| text.parse().ok());
        let end = ends(time, lifetime.unwrap_or_default()).ok_or(Denied::Unsigned)?;
        if now > end {
            return Err(Denied::Expired);
        }
        let names = names.replace("%3B", ";");
        let names: Vec<&str> = names.split(';').collect();
        let unsigned = |name: &str| name.starts_with("x-amz-") && !names.contains(&name);
        if head.headers.keys().any(|name| unsigned(name.as_str())) {
            return Err(Denied::UnsignedField);
        }
        let fields: Vec<_> =
            names.iter().map(|name| (*name, value_of(&head.headers, name))).collect();
        let mut pairs: Vec<&str> =
            query.split('&').filter(|pair| !pair.starts_with("X-Amz-Signature=")).collect();
        pairs.sort_unstable();
        let (method, path) = (head.method.as_str(), head.uri.path());
        let expected = self.signature(method, path, &pairs.join("&"), &fields, time);
        // Nobody gains anything by measuring how long this takes.
        if expected == given { Ok(()) } else { Err(Denied::Mismatch) }
    }

    fn signature(
        &self,
        method: &str,
        path: &str,
        query: &str,
        fields: &[(&str, String)],
        time: &str,
    ) -> String {
        let lines: String =
            fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let request = format!("{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD");
        let (day, digest) = (day(time), hex(&Sha256::digest(request)));
        let scope = format!("{day}/{REGION}/s3/aws4_request");
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, REGION, "s3", "aws4_request"] {
            key = mac(&key, part);
        }
        hex(&mac(&key, &format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}")))
    }
}

fn type_of(made: &Transcription) -> Option<&'static str> {
    let (_, end) = made.name.as_deref()?.rsplit_once('.')?;
    let known = TYPES.iter().find(|(known, _)| end.eq_ignore_ascii_case(known));
    known.map(|(_, media_type)| *media_type)
}

/// A field's value as it is signed; empty when it is missing.
fn value_of(headers: &HeaderMap, name: &str) -> String {
    let values =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.map(|value| value.trim().to_owned()).collect::<Vec<_>>().join(",")
}

fn ends(time: &str, lifetime: u32) -> Option<Timestamp> {
    let began = DateTime::strptime(TIME, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    began.checked_add(SignedDuration::from_secs(lifetime.into())).ok()
}

fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or_default()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // A key may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
