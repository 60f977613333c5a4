//! How is a part of a file fetched, without trusting whoever serves it?
//!
//! One connection per question, to an address that was checked, HTTP/1.1, and no more read than was
//! asked for. Nothing is followed, decompressed, kept or sent along here. The caller has the deadline.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::header::{ACCEPT_ENCODING, CONNECTION, HOST, HeaderMap, HeaderValue, RANGE, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::outcome::Outcome;
use super::range::Range;
use super::secure::Tls;
use super::target::{Scheme, Target};

/// The longest head of an answer, and what is read ahead of its body.
const READ_AHEAD: usize = 32 * 1024;
/// Fields of an answer.
const MOST_FIELDS: usize = 100;
/// Addresses of a host that are tried.
const TRIED: usize = 3;
const USER: HeaderValue =
    HeaderValue::from_static(concat!("heify-gateway/", env!("CARGO_PKG_VERSION"), " (preflight)"));

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) range: Option<Range>,
}

/// What came.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Its body, no more of it than was asked for.
    pub(super) body: Bytes,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
}

/// Asks one of these addresses.
pub(super) async fn fetch(
    target: &Target,
    addresses: &[IpAddr],
    patience: Duration,
    tls: &Tls,
    question: &Question,
) -> Result<Page, Outcome> {
    let request = request(target, question).ok_or(Outcome::NotFetched)?;
    let stream = connect(addresses, target.port, patience).await?;
    let most = question.range.as_ref().map_or(0, Range::length);
    match target.scheme {
        Scheme::Http => exchange(stream, request, most).await,
        Scheme::Https => exchange(tls.secure(target, stream).await?, request, most).await,
    }
}

fn request(target: &Target, question: &Question) -> Option<Request<Empty<Bytes>>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = question.method.clone();
    *request.uri_mut() = target.path.clone().into();
    let headers = request.headers_mut();
    headers.insert(HOST, target.authority()?);
    headers.insert(USER_AGENT, USER);
    // The bytes of the file themselves are wanted, and nothing is decompressed here.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some(range) = &question.range {
        headers.insert(RANGE, range.field()?);
    }
    Some(request)
}

async fn connect(
    addresses: &[IpAddr],
    port: u16,
    patience: Duration,
) -> Result<TcpStream, Outcome> {
    for address in addresses.iter().take(TRIED) {
        if let Ok(Ok(stream)) = timeout(patience, TcpStream::connect((*address, port))).await {
            return Ok(stream);
        }
    }
    Err(Outcome::Unreachable)
}

/// Sends the request and reads the answer, up to so many bytes of its body. The connection lives and
/// ends with the question.
async fn exchange<I>(io: I, request: Request<Empty<Bytes>>, most: usize) -> Result<Page, Outcome>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |_| Outcome::Unreadable;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(READ_AHEAD)
        .max_headers(MOST_FIELDS)
        .handshake(TokioIo::new(io))
        .await
        .map_err(broken)?;
    let answered = pin!(async move {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let (parts, body) = answer.into_parts();
        // A part has its end here; of a file that came in place of it, no more than the part is read.
        let end = most + usize::from(parts.status == StatusCode::PARTIAL_CONTENT);
        let (mut body, is_whole) = read(body, end).await?;
        body.truncate(most);
        Ok(Page { status: parts.status, headers: parts.headers, body, is_whole })
    });
    match select(answered, pin!(connection)).await {
        Either::Left((page, _)) => page,
        // What has come before the end of the connection is still to be read.
        Either::Right((_, answered)) => answered.await,
    }
}

/// The body, and whether that is all of it. More than so many bytes are not waited for.
async fn read(mut body: Incoming, most: usize) -> Result<(Bytes, bool), Outcome> {
    let mut read = BytesMut::new();
    while read.len() < most {
        let Some(frame) = body.frame().await else { return Ok((read.freeze(), true)) };
        let Ok(data) = frame.map_err(|_| Outcome::Unreadable)?.into_data() else { continue };
        read.extend_from_slice(&data);
    }
    Ok((read.freeze(), false))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::super::range::size;
    use super::*;

    /// Whatever a site sends is read to an end, and no more of it kept than was asked for.
    fn answered(bytes: Vec<u8>, most: usize) -> Result<Page, Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (own, mut site) = tokio::io::duplex(1 << 20);
            site.write_all(&bytes).await.unwrap();
            site.shutdown().await.unwrap();
            exchange(own, Request::new(Empty::new()), most).await
        })
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_keep_more_than_was_asked_for(
            status in prop::sample::select(vec!["200", "206", "302", "404"]),
            fields in prop::collection::vec(
                "(content-length: [0-9]{1,3}|content-range: bytes [0-9]{1,2}-[0-9]{1,2}/[0-9*]{1,2}\
                 |transfer-encoding: chunked|[a-z:]{0,6}|\\PC{0,6})", 0..4,
            ),
            body in prop::collection::vec(any::<u8>(), 0..200),
            most in 1_usize..64,
        ) {
            let mut bytes = format!("HTTP/1.1 {status} X\r\n{}\r\n\r\n", fields.join("\r\n")).into_bytes();
            bytes.extend_from_slice(&body);
            if let Ok(page) = answered(bytes, most) {
                prop_assert!(page.body.len() <= most);
                let _ = size(&page, Some(Range::head(most)));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = answered(bytes, 64);
        }
    }
}
