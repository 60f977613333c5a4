//! How does the simulator play the storage that audio is uploaded to?
//!
//! `PUT` on a presigned address takes a file, as S3 does, and answers 200 without a body; its refusals
//! are S3's, as XML. Of a file only its length, its digest and its first bytes are looked at, while it
//! passes: nothing is kept. With the file's last byte its transcription begins.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use super::answer::Rejection;
use super::presigned::Denied;
use super::request::Answer;
use super::world::World;
use crate::body::Body;

/// What all addresses of files start with.
pub(crate) const PREFIX: &str = "/upload/";
/// S3's own limit for one PUT.
const LARGEST: u64 = 5 << 30;
/// For each piece of a file.
const PIECE_TIMEOUT: Duration = Duration::from_secs(20);
/// What is looked at to tell a length.
const HEAD: usize = 44;

/// An error, as S3 names it.
type Trouble = (StatusCode, &'static str, &'static str);

const TOO_LARGE: Trouble = (
    StatusCode::BAD_REQUEST,
    "EntityTooLarge",
    "Your proposed upload exceeds the maximum allowed size",
);
const NO_LENGTH: Trouble = (
    StatusCode::LENGTH_REQUIRED,
    "MissingContentLength",
    "You must provide the Content-Length HTTP header.",
);
const TIMED_OUT: Trouble = (
    StatusCode::BAD_REQUEST,
    "RequestTimeout",
    "Your socket connection to the server was not read from or written to within the timeout period.",
);
const INCOMPLETE: Trouble = (
    StatusCode::BAD_REQUEST,
    "IncompleteBody",
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
);

/// Answers a request to storage.
pub(crate) async fn answer<B>(world: &World, head: &Parts, body: B) -> Answer
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let number = world.state().journal.write(head, Err(Rejection::MissingKey));
    match take(world, head, body).await {
        Ok((length, digest)) => {
            world.state().journal.add_body(number, length);
            let mut answer = Response::new(Body::from(Bytes::new()));
            // S3's is a digest of the file, too; which one depends on the bucket.
            if let Ok(tag) = HeaderValue::try_from(format!("\"{digest}\"")) {
                answer.headers_mut().insert(ETAG, tag);
            }
            answer
        }
        Err((status, code, message)) => {
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
                 <Message>{message}</Message><RequestId>{number:016X}</RequestId></Error>"
            );
            let mut answer = Response::new(Body::from(Bytes::from(text)));
            *answer.status_mut() = status;
            let xml = HeaderValue::from_static("application/xml");
            answer.headers_mut().insert(CONTENT_TYPE, xml);
            answer
        }
    }
}

impl From<Denied> for Trouble {
    fn from(denied: Denied) -> Self {
        let (code, message) = match denied {
            Denied::Unsigned => ("AccessDenied", "Access Denied"),
            Denied::Expired => ("AccessDenied", "Request has expired"),
            Denied::UnsignedField => {
                ("AccessDenied", "There were headers present in the request which were not signed")
            }
            Denied::Mismatch => (
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. \
                 Check your key and signing method.",
            ),
        };
        (StatusCode::FORBIDDEN, code, message)
    }
}

/// Takes a file to its end; its length and its SHA-256.
async fn take<B>(world: &World, head: &Parts, mut body: B) -> Result<(usize, String), Trouble>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    world.admit(head)?;
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced: u64 = announced.and_then(|text| text.parse().ok()).ok_or(NO_LENGTH)?;
    if announced > LARGEST {
        return Err(TOO_LARGE);
    }
    let (mut length, mut digest, mut first) = (0, Sha256::new(), Vec::new());
    loop {
        let frame = tokio::time::timeout(PIECE_TIMEOUT, body.frame()).await;
        let Some(frame) = frame.map_err(|_| TIMED_OUT)? else { break };
        let frame = frame.map_err(|_| INCOMPLETE)?;
        if let Some(data) = frame.data_ref() {
            length += data.len();
            digest.update(data);
            let missing = HEAD - first.len();
            first.extend_from_slice(data.get(..missing).unwrap_or(data));
        }
    }
    if length as u64 != announced {
        return Err(INCOMPLETE);
    }
    let place = head.uri.path().strip_prefix(PREFIX).and_then(|path| path.split_once('/'));
    if let Some((client_id, id)) = place {
        world.uploaded(client_id, id, length_millis(&first, length as u64));
    }
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((length, digest))
}

/// The length of a WAV file whose head is the usual 44 bytes; no other is read.
fn length_millis(first: &[u8], size: u64) -> Option<i64> {
    let is_usual = first.len() == HEAD
        && first.starts_with(b"RIFF")
        && first.get(8..16) == Some(b"WAVEfmt ")
        && first.get(36..40) == Some(b"data");
    let rate = first.get(28..32)?.try_into().ok().map(u32::from_le_bytes)?;
    let audio = size.checked_sub(HEAD as u64).filter(|_| is_usual)?;
    i64::try_from((audio * 1000).checked_div(rate.into())?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_wav_has_a_length_and_nothing_else_has() {
        let mut head = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        head.extend(8_000_u32.to_le_bytes());
        head.extend(16_000_u32.to_le_bytes());
        head.extend(b"\x02\0\x10\0data\0\0\0\0");
        assert_eq!(length_millis(&head, 44 + 24_000), Some(1_500));
        assert_eq!(length_millis(&head, 40), None);
        assert_eq!(length_millis(&head[..40], 99), None);
        assert_eq!(length_millis(&[b'x'; HEAD], 99), None);
        head[28..32].fill(0);
        assert_eq!(length_millis(&head, 99), None);
    }
}
