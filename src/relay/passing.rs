//! How do the bytes of a file get from the client to storage, and who keeps whom waiting?

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// What an upload does right now, for those who watch its time. The bytes and their clock run in one
/// task: relaxed order is enough.
#[derive(Debug)]
pub(super) struct Watch {
    began: Instant,
    /// Milliseconds from the beginning to the last piece.
    moved: AtomicU64,
    stage: AtomicU8,
}

/// Where an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Storage is to take the next piece.
    AtStorage,
    /// The client is to give the next piece.
    AtClient,
    /// The client has broken off, or sent other than it announced.
    Broken,
    /// The last piece has been given to the connection: storage may have the whole file.
    Whole,
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        let (moved, stage) = (AtomicU64::new(0), AtomicU8::new(Stage::AtStorage as u8));
        Arc::new(Self { began: Instant::now(), moved, stage })
    }

    /// When the last piece was given to the connection.
    pub(super) fn moved(&self) -> Instant {
        self.began + Duration::from_millis(self.moved.load(Relaxed))
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Relaxed) {
            stage if stage == Stage::AtClient as u8 => Stage::AtClient,
            stage if stage == Stage::Broken as u8 => Stage::Broken,
            stage if stage == Stage::Whole as u8 => Stage::Whole,
            _ => Stage::AtStorage,
        }
    }

    fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    fn moves(&self) {
        let since = self.began.elapsed().as_millis();
        self.moved.store(u64::try_from(since).unwrap_or(u64::MAX), Relaxed);
    }
}

/// A file on its way: what was read of it to judge it, and the rest as it comes. Exactly as many bytes
/// as were announced, or an error, on which the connection to storage is closed.
#[derive(Debug)]
pub(super) struct Passing<A> {
    head: Option<Bytes>,
    rest: A,
    /// Bytes that are still to be given, the head's included.
    left: u64,
    watch: Arc<Watch>,
}

/// The client did not send what it announced.
#[derive(Debug, thiserror::Error)]
#[error("the file broke off, or is not as large as announced")]
pub(super) struct NotAsAnnounced;

impl<A> Passing<A> {
    pub(super) fn new(head: Bytes, rest: A, size: u64, watch: &Arc<Watch>) -> Self {
        Self { head: Some(head), rest, left: size, watch: Arc::clone(watch) }
    }

    fn give(&mut self, data: Bytes) -> Result<Frame<Bytes>, NotAsAnnounced> {
        let Some(left) = self.left.checked_sub(data.len() as u64) else {
            self.watch.enter(Stage::Broken);
            return Err(NotAsAnnounced);
        };
        self.left = left;
        self.watch.moves();
        self.watch.enter(if left == 0 { Stage::Whole } else { Stage::AtStorage });
        Ok(Frame::data(data))
    }
}

impl<A: Body<Data = Bytes> + Unpin> Body for Passing<A> {
    type Data = Bytes;
    type Error = NotAsAnnounced;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NotAsAnnounced>>> {
        let this = self.get_mut();
        if let Some(head) = this.head.take() {
            return Poll::Ready(Some(this.give(head)));
        }
        loop {
            if this.left == 0 {
                return Poll::Ready(None);
            }
            this.watch.enter(Stage::AtClient);
            match ready!(Pin::new(&mut this.rest).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Some(this.give(data))),
                    // Trailers say nothing to storage.
                    Ok(_) | Err(_) => {}
                },
                Some(Err(_)) | None => {
                    this.watch.enter(Stage::Broken);
                    return Poll::Ready(Some(Err(NotAsAnnounced)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;

    async fn passed(head: &'static str, rest: &'static str, size: u64) -> (Option<String>, Stage) {
        let watch = Watch::new();
        let passing = Passing::new(head.into(), Full::new(Bytes::from(rest)), size, &watch);
        let collected = passing.collect().await.ok();
        let text = collected.map(|all| String::from_utf8(all.to_bytes().to_vec()).unwrap());
        (text, watch.stage())
    }

    #[tokio::test]
    async fn exactly_what_was_announced_passes() {
        assert_eq!(passed("ab", "cd", 4).await, (Some("abcd".to_owned()), Stage::Whole));
        assert_eq!(passed("abcd", "", 4).await, (Some("abcd".to_owned()), Stage::Whole));
        assert_eq!(passed("ab", "cd", 5).await, (None, Stage::Broken));
        assert_eq!(passed("ab", "cd", 3).await, (None, Stage::Broken));
        assert_eq!(passed("abcd", "", 3).await, (None, Stage::Broken));
    }

    #[tokio::test]
    async fn whoever_keeps_the_other_waiting_is_known() {
        type Never = futures_util::stream::Pending<Result<Frame<Bytes>, NotAsAnnounced>>;
        let watch = Watch::new();
        let never: StreamBody<Never> = StreamBody::new(futures_util::stream::pending());
        let mut passing = Passing::new("ab".into(), never, 9, &watch);
        assert_eq!(watch.stage(), Stage::AtStorage);
        assert!(passing.frame().await.unwrap().is_ok());
        assert_eq!(watch.stage(), Stage::AtStorage);
        assert!(futures_util::FutureExt::now_or_never(passing.frame()).is_none());
        assert_eq!(watch.stage(), Stage::AtClient);
    }
}
