//! Which bytes pass between the socket and hyper?
//!
//! All of them, counted, but for one kind: the empty answers that hyper writes by itself to a
//! malformed head. Those are swallowed here, and the connection answers with the envelope.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;

/// Which protocol is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// The bytes with which an HTTP/2 client begins (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A socket that keeps the connection's [`Activity`] up to date.
#[derive(Debug)]
pub(super) struct Guard<I> {
    io: I,
    activity: Arc<Activity>,
    protocol: Protocol,
    /// The first bytes of the connection, read to tell the protocol.
    first: [u8; PREFACE.len()],
    filled: u8,
    given: u8,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Guard<I> {
    pub(super) fn new(io: I, activity: Arc<Activity>, protocol: Protocol) -> Self {
        Self { io, activity, protocol, first: [0; PREFACE.len()], filled: 0, given: 0 }
    }

    /// Reads until the bytes are, or are not, the preface of HTTP/2.
    pub(super) fn poll_detect(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Protocol>> {
        loop {
            let filled = usize::from(self.filled);
            if self.first[..filled] != PREFACE[..filled] {
                return Poll::Ready(Ok(self.speak(Protocol::Http1)));
            }
            if filled == PREFACE.len() {
                return Poll::Ready(Ok(self.speak(Protocol::Http2)));
            }
            let mut rest = ReadBuf::new(&mut self.first[filled..]);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut rest))?;
            let bytes = rest.filled().len();
            self.activity.received(bytes);
            if bytes == 0 {
                return Poll::Ready(Ok(self.speak(Protocol::Http1)));
            }
            self.filled += bytes as u8; // at most 24
        }
    }

    pub(super) fn into_inner(self) -> I {
        self.io
    }

    fn speak(&mut self, protocol: Protocol) -> Protocol {
        self.protocol = protocol;
        protocol
    }

    fn swallows(&self) -> bool {
        self.protocol == Protocol::Http1 && self.activity.writes_unasked()
    }

    fn note(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Ready(Ok(_)) => self.activity.wrote(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.write_blocked(),
        }
        outcome
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.given < this.filled {
            let rest = &this.first[usize::from(this.given)..usize::from(this.filled)];
            let bytes = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..bytes]);
            this.given += bytes as u8; // at most 24
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        this.activity.received(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.swallows() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = Pin::new(&mut this.io).poll_write(context, bytes);
        this.note(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.swallows() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let outcome = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.note(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_flush(context);
        match &outcome {
            Poll::Ready(Ok(())) => this.activity.flushed(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => this.activity.write_blocked(),
        }
        outcome
    }

    /// On HTTP/1 the farewell closes the socket, after hyper is gone: it may have to write first.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.activity.finish();
        match this.protocol {
            Protocol::Http1 => Poll::Ready(Ok(())),
            Protocol::Http2 => Pin::new(&mut this.io).poll_shutdown(context),
        }
    }
}
