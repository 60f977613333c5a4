//! How does a connection end in ways that HTTP has no words for?
//!
//! hyper owns the connection while it serves it, so the breaking is arranged beforehand: once the
//! switch is thrown, reading and writing fail, hyper lets go, and the last act is done on drop.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const GARBAGE: &[u8] = b"\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n";

/// How a connection ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// In order, but too early.
    Close,
    /// With RST: what is still on its way is lost.
    Reset,
    /// After bytes that are no HTTP.
    Garbage,
}

/// Breaks the connection that it belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switch(Arc<OnceLock<Breakage>>);

impl Switch {
    /// The first breakage wins: a connection ends only once.
    pub(crate) fn throw(&self, breakage: Breakage) {
        let _ = self.0.set(breakage);
    }

    fn check(&self) -> io::Result<()> {
        match self.0.get() {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

/// A TCP stream with a switch.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    switch: Switch,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, switch: Switch) -> Self {
        Self { stream, switch }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Best effort: there is nobody left to tell, and the peer may be gone.
        match self.switch.0.get() {
            Some(Breakage::Reset) => drop(self.stream.set_zero_linger()),
            Some(Breakage::Garbage) => drop(self.stream.try_write(GARBAGE)),
            Some(Breakage::Close) | None => {}
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
