//! How is one question put to a server, and its answer read?

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// The id of the request, where the answer has it.
    pub(crate) request: String,
    /// The bytes of its body.
    pub(crate) size: usize,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// Asks, and reads the whole answer.
    pub(crate) fn ask(
        &mut self,
        line: &str,
        fields: &str,
        body: &str,
    ) -> Result<Answer, Box<dyn Error>> {
        let (address, length) = (self.address, body.len());
        let request = format!(
            "{line} HTTP/1.1\r\nhost: {address}\r\n{fields}content-length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut answer = Answer { status: 0, request: String::new(), size: 0 };
        let status = self.line()?;
        answer.status = status.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut is_chunked = false;
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            match name {
                "content-length" => answer.size = value.parse()?,
                "transfer-encoding" => is_chunked = true,
                "x-request-id" => value.clone_into(&mut answer.request),
                _ => {}
            }
        }
        if is_chunked {
            answer.size = self.chunks()?;
        } else {
            self.skip(answer.size)?;
        }
        Ok(answer)
    }

    fn chunks(&mut self) -> Result<usize, Box<dyn Error>> {
        let mut total = 0;
        loop {
            let size = usize::from_str_radix(&self.line()?, 16)?;
            total += size;
            self.skip(size)?;
            self.line()?;
            if size == 0 {
                return Ok(total);
            }
        }
    }

    fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn skip(&mut self, size: usize) -> Result<(), Box<dyn Error>> {
        let mut body = Read::by_ref(&mut self.stream).take(size as u64);
        std::io::copy(&mut body, &mut std::io::sink())?;
        Ok(())
    }
}
