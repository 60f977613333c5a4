//! How does a client call a gateway that may end at any moment?

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::process::PATIENCE;

/// An answer that came whole.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub reason: Option<String>,
    pub body: Value,
}

impl Reply {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The id of what was created.
    pub fn created(&self) -> Option<Uuid> {
        let data = &self.body["data"];
        let id =
            ["transcription_id", "configuration_id"].iter().find_map(|name| data[name].as_str());
        id.map(|id| id.parse().unwrap())
    }

    #[track_caller]
    pub fn assert_refused(&self, status: u16, reason: &str) {
        assert_eq!((self.status, self.reason.as_deref()), (status, Some(reason)), "{self:?}");
    }
}

/// Sends a call whole, and gives the connection on which the answer comes.
pub async fn send(
    address: SocketAddr,
    path: &str,
    key: &str,
    name: &str,
    body: &Value,
) -> Option<TcpStream> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\nx-api-key: {key}\r\n\
         x-request-id: {name}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    Some(stream)
}

/// Reads the answer; `None` when it did not come whole.
pub async fn receive(mut stream: TcpStream) -> Option<Reply> {
    let mut bytes = Vec::new();
    // A reset after a whole answer does not take it back.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("no answer, and no end");
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let field = |name: &str| {
        let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    if field("content-length").and_then(|length| length.parse().ok()) != Some(body.len()) {
        return None;
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let reason = field("x-gateway-reason").map(str::to_owned);
    Some(Reply { status, reason, body: serde_json::from_str(body).unwrap_or_default() })
}

/// One call; `None` when its answer did not come whole.
pub async fn call(
    address: SocketAddr,
    path: &str,
    key: &str,
    name: &str,
    body: &Value,
) -> Option<Reply> {
    receive(send(address, path, key, name, body).await?).await
}

/// The status code of a GET.
pub async fn get(address: SocketAddr, path: &str) -> Option<u16> {
    text(address, path).await?.split(' ').nth(1)?.parse().ok()
}

/// The whole answer to a GET.
pub async fn text(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
