//! How is an HTTP/1 connection left?
//!
//! hyper is gone by then. What it left to say is written, the sending side is closed, and what
//! the client still sends is read and thrown away for a moment: a socket that is closed with
//! unread bytes makes the kernel reset the connection, and the client loses the answer
//! (RFC 9112, section 9.6).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use uuid::Uuid;

use crate::refusal::Refusal;

/// How long a farewell may take in all.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much is read after the last word.
const MAX_BYTES: usize = 256 * 1024;

/// Whether the client may still be sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linger {
    /// It may: read on for a moment.
    Yes,
    /// It has said all, or has been idle.
    No,
}

/// Says the last word, if there is one, and closes the connection.
pub(super) async fn part<I>(io: I, word: Option<Refusal>, linger: Linger)
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    // Whoever does not take the last word in time does without.
    let _ = tokio::time::timeout(PATIENCE, say_and_close(io, word, linger)).await;
}

async fn say_and_close<I>(mut io: I, word: Option<Refusal>, linger: Linger) -> std::io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(refusal) = word {
        io.write_all(&answer(refusal, &Uuid::now_v7().to_string())).await?;
        io.flush().await?;
    }
    io.shutdown().await?;
    if linger == Linger::No {
        return Ok(());
    }
    let mut scratch = vec![0; 8 * 1024];
    let mut read = 0;
    while read < MAX_BYTES {
        match io.read(&mut scratch).await? {
            0 => break,
            bytes => read += bytes,
        }
    }
    Ok(())
}

/// The bytes of a refusal as the last answer on an HTTP/1.1 connection.
fn answer(refusal: Refusal, request_id: &str) -> Vec<u8> {
    let response: Response<Bytes> = refusal.into_response();
    let mut bytes = Vec::with_capacity(512);
    bytes.extend_from_slice(b"HTTP/1.1 ");
    bytes.extend_from_slice(response.status().as_str().as_bytes());
    bytes.push(b' ');
    let phrase = response.status().canonical_reason().unwrap_or_default();
    bytes.extend_from_slice(phrase.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in response.headers() {
        field(&mut bytes, name.as_str(), value.as_bytes());
    }
    field(&mut bytes, "x-request-id", request_id.as_bytes());
    field(&mut bytes, "connection", b"close");
    field(&mut bytes, "date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(response.body());
    bytes
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_a_whole_answer() {
        let bytes = answer(Refusal::MalformedHttp, "an-id");
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"));
        assert!(head.contains("\r\nx-gateway-reason: malformed_http\r\n"));
        assert!(head.contains("\r\nx-request-id: an-id\r\n"));
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())));
        assert!(crate::refusal::is_envelope(body.as_bytes()));
    }
}
