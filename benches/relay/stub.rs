//! The API and its storage: one announces uploads to the other, which takes every file.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 0\r\n\r\n";

/// Starts on threads of its own; they end with the process.
pub(crate) fn start() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                // A client that goes away is no fault of the stub's.
                let _ = serve(stream, address);
            });
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream, own: SocketAddr) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let mut filled = 0;
        let head = loop {
            let read = stream.read(&mut buffer[filled..])?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            let found = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(at) = found {
                break at + 4;
            }
        };
        let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut left = length.saturating_sub(filled - head);
        while left > 0 {
            let wanted = left.min(buffer.len());
            let read = stream.read(&mut buffer[..wanted])?;
            if read == 0 {
                return Ok(());
            }
            left -= read;
        }
        if text.starts_with("PUT") {
            stream.write_all(TAKEN)?;
            if text.contains("connection: close") {
                return Ok(());
            }
            continue;
        }
        let body = format!(
            "{{\"data\":{{\"transcription_id\":\"{}\",\"upload_url\":\"http://{own}/up?X-Amz-Expires=300\"}}}}",
            uuid::Uuid::now_v7()
        );
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
        stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes())?;
    }
}
