//! What does an answer's body consist of?

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

/// Any error of a body or a service, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that the gateway wrote itself, or a stream that passes through it. An enum and not a trait
/// object: what polls it is compiled for the stream.
#[derive(Debug)]
pub enum Body<S> {
    /// An answer of the gateway, or one that it had to read whole: what is left to send.
    Whole(Option<Bytes>),
    /// An answer of the upstream that passes through.
    Stream(S),
    /// What was read of an answer that turned out too long to be read whole, and the rest.
    Rest(Option<Bytes>, S),
}

impl<S> Body<S> {
    /// The same body with what was already read of it put back in front.
    pub fn after(self, read: Bytes) -> Self {
        let read = (!read.is_empty()).then_some(read);
        match self {
            Self::Stream(stream) | Self::Rest(None, stream) => Self::Rest(read, stream),
            // Nothing was read of these: their only piece is all there is.
            Self::Whole(None) => Self::Whole(read),
            whole @ (Self::Whole(Some(_)) | Self::Rest(Some(_), _)) => whole,
        }
    }
}

/// A body that was read whole, or turned out too long for that.
#[derive(Debug)]
pub enum Read<S> {
    /// All of it.
    Whole(Bytes),
    /// As it was, with what was read of it in front.
    TooLong(Body<S>),
}

/// A body ended before its end. Nothing of it has been sent: passed on as it came, it would be an empty
/// reply, which clients take for an old connection and repeat the call by themselves, or a half that
/// looks whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenOff;

impl<S> Body<S>
where
    S: HttpBody<Data = Bytes> + Unpin,
    S::Error: Into<BoxError>,
{
    /// Reads it whole, if it has no more than so many bytes. Whoever calls bounds the time.
    ///
    /// # Errors
    /// [`BrokenOff`].
    pub async fn read(mut self, most: usize) -> Result<Read<S>, BrokenOff> {
        let mut read = BytesMut::new();
        loop {
            match self.frame().await {
                None => return Ok(Read::Whole(read.freeze())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        read.extend_from_slice(&data);
                    }
                    if read.len() > most {
                        return Ok(Read::TooLong(self.after(read.freeze())));
                    }
                }
                Some(Err(_)) => return Err(BrokenOff),
            }
        }
    }
}

impl<S> From<Bytes> for Body<S> {
    fn from(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl<S> HttpBody for Body<S>
where
    S: HttpBody<Data = Bytes> + Unpin,
    S::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Rest(read @ Some(_), _) => Poll::Ready(read.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream(stream) | Self::Rest(None, stream) => Pin::new(stream)
                .poll_frame(context)
                .map(|frame| frame.map(|f| f.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(stream) => stream.is_end_stream(),
            Self::Rest(read, stream) => read.is_none() && stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(stream) => stream.size_hint(),
            Self::Rest(read, stream) => {
                let read = read.as_ref().map_or(0, |bytes| bytes.len() as u64);
                let rest = stream.size_hint();
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower().saturating_add(read));
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper.saturating_add(read));
                }
                hint
            }
        }
    }
}
