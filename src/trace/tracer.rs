//! Which requests are recorded, and how do their spans get to the exporter?

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, mpsc, oneshot};

use super::parent::{SpanId, TraceId, TraceParent};

/// Requests whose spans may wait for the exporter.
const MOST: usize = 2_048;

/// Which trace a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Its id.
    pub id: TraceId,
    /// What the caller said.
    pub parent: Option<TraceParent>,
    /// The spans that are recorded of it here; `None`: it only passes.
    pub spans: Option<Spans>,
}

/// The ids of what is recorded of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// From the head of the request to the end of its answer.
    pub server: SpanId,
    /// The call to the upstream.
    pub client: SpanId,
}

/// What is recorded of a request that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub parent: Option<SpanId>,
    /// The ids of its spans.
    pub spans: Spans,
    /// When its head was complete.
    pub began: SystemTime,
    /// Until the end of its answer.
    pub took: Duration,
    /// From its beginning until the call was sent, and until the upstream answered or was given up;
    /// `None`: it was not sent.
    pub call: Option<(Duration, Option<Duration>)>,
    /// The method, of those that are known.
    pub method: &'static str,
    /// The path of an endpoint in the contract.
    pub endpoint: Option<Arc<str>>,
    /// The tenant's id.
    pub tenant: Option<Arc<str>>,
    /// The status of the answer; `None`: the client went away before there was one.
    pub status: Option<u16>,
    /// The status of the upstream's answer.
    pub upstream_status: Option<u16>,
    /// The reason of a refusal.
    pub reason: Option<&'static str>,
}

impl Finished {
    /// How many spans it is.
    pub fn count(&self) -> u64 {
        1 + u64::from(self.call.is_some())
    }
}

/// What is left for the exporter.
#[derive(Debug)]
pub enum Left {
    /// The spans of a request.
    Request(Box<Finished>),
    /// Whoever waits here wants everything exported that was left before.
    Flush(oneshot::Sender<()>),
}

/// The part of new traces that is recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio(f64);

impl Ratio {
    /// All of them.
    pub const ALL: Self = Self(1.0);

    /// Takes a number between 0 and 1.
    pub fn new(ratio: f64) -> Option<Self> {
        (0.0..=1.0).contains(&ratio).then_some(Self(ratio))
    }

    /// Decides by the id, so that all who see the trace decide alike.
    fn takes(self, id: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g] = id.bytes();
        // 56 random bits, which a float can hold (W3C Trace Context Level 2, section 4.3).
        let random = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
        (random as f64) < self.0 * (1_u64 << 56) as f64
    }
}

/// How many spans there were, and what became of them. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<[AtomicU64; 4]>);

impl Counts {
    /// That were recorded.
    pub fn recorded(&self) -> u64 {
        self.0[0].load(Relaxed)
    }

    /// That the receiver has taken.
    pub fn exported(&self) -> u64 {
        self.0[1].load(Relaxed)
    }

    /// For which there was no room.
    pub fn dropped(&self) -> u64 {
        self.0[2].load(Relaxed)
    }

    /// That the receiver has not taken.
    pub fn failed(&self) -> u64 {
        self.0[3].load(Relaxed)
    }

    /// Notes that the receiver has taken some.
    pub fn add_exported(&self, spans: u64) {
        self.0[1].fetch_add(spans, Relaxed);
    }

    /// Notes that the receiver has not taken some, and will not be asked again.
    pub fn add_failed(&self, spans: u64) {
        self.0[3].fetch_add(spans, Relaxed);
    }

    /// Of which nobody knows yet.
    pub fn open(&self) -> u64 {
        let known = self.exported() + self.dropped() + self.failed();
        self.recorded().saturating_sub(known)
    }
}

/// Decides which requests are recorded, and leaves their spans for the exporter. Clones are the same.
#[derive(Debug, Clone)]
pub struct Tracer {
    ratio: Ratio,
    sender: mpsc::Sender<Left>,
    /// For an exporter that collects: it should not wait any longer.
    hurry: Arc<Notify>,
    counts: Counts,
}

thread_local! {
    /// Ids are unique, not secret: one seed per thread from the system, no system call per request.
    static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(
        getrandom::u64().unwrap_or_else(|_| fastrand::u64(..)),
    ));
}

impl Tracer {
    /// A tracer, and where what it leaves comes out.
    pub fn new(ratio: Ratio) -> (Self, mpsc::Receiver<Left>) {
        let (sender, receiver) = mpsc::channel(MOST);
        (Self { ratio, sender, hurry: Arc::default(), counts: Counts::default() }, receiver)
    }

    /// Told when what was left should be exported at once.
    pub fn hurry(&self) -> Arc<Notify> {
        Arc::clone(&self.hurry)
    }

    /// What became of the spans.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Decides on a request: its caller's word counts, else the ratio. `None`: it has no trace.
    pub fn begin(&self, parent: Option<TraceParent>) -> Option<Trace> {
        let id = match parent {
            Some(parent) => parent.trace_id,
            None => TraceId::new(random())?,
        };
        let sampled = match parent {
            Some(parent) => parent.is_sampled(),
            None => self.ratio.takes(id),
        };
        if !sampled {
            return parent.map(|_| Trace { id, parent, spans: None });
        }
        let spans = Spans { server: SpanId::new(random())?, client: SpanId::new(random())? };
        Some(Trace { id, parent, spans: Some(spans) })
    }

    /// Leaves the spans of a request for the exporter. Never waits: where there is no room, they are
    /// dropped and counted.
    pub fn leave(&self, finished: Finished) {
        let count = finished.count();
        self.counts.0[0].fetch_add(count, Relaxed);
        if self.sender.try_send(Left::Request(Box::new(finished))).is_err() {
            self.counts.0[2].fetch_add(count, Relaxed);
        }
        if self.sender.capacity() <= MOST / 2 {
            self.hurry.notify_one();
        }
    }

    /// Waits until everything that was left before is exported or given up. It has no deadline.
    pub async fn flush(&self) {
        let (done, exported) = oneshot::channel();
        if self.sender.send(Left::Flush(done)).await.is_ok() {
            self.hurry.notify_one();
            // Without an exporter there is nothing to wait for.
            let _ = exported.await;
        }
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    RANDOM.with_borrow_mut(|source| source.fill(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(flags: &str) -> TraceParent {
        let value = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        TraceParent::parse(value.as_bytes()).unwrap()
    }

    #[test]
    fn the_callers_word_counts_and_else_the_ratio() {
        for (ratio, new) in [(0.0, false), (1.0, true)] {
            let (tracer, _receiver) = Tracer::new(Ratio::new(ratio).unwrap());
            assert!(tracer.begin(Some(parent("01"))).unwrap().spans.is_some());
            let passing = tracer.begin(Some(parent("00"))).unwrap();
            assert_eq!((passing.spans, passing.parent), (None, Some(parent("00"))));
            assert_eq!(tracer.begin(None).is_some(), new);
        }
        assert_eq!(Ratio::new(1.1), None);
        assert_eq!(Ratio::new(f64::NAN), None);
    }

    #[test]
    fn half_of_the_traces_are_about_half() {
        let (tracer, _receiver) = Tracer::new(Ratio::new(0.5).unwrap());
        let taken = (0..10_000).filter(|_| tracer.begin(None).is_some()).count();
        assert!((4_500..5_500).contains(&taken), "{taken}");
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (tracer, receiver) = Tracer::new(Ratio::ALL);
        let trace = tracer.begin(None).unwrap();
        let finished = Finished {
            trace_id: trace.id,
            parent: None,
            spans: trace.spans.unwrap(),
            began: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
            call: Some((Duration::ZERO, None)),
            method: "POST",
            endpoint: None,
            tenant: None,
            status: None,
            upstream_status: None,
            reason: None,
        };
        for _ in 0..MOST + 3 {
            tracer.leave(finished.clone());
        }
        assert_eq!((tracer.counts().dropped(), tracer.counts().open()), (6, 2 * MOST as u64));
        drop(receiver);
        tracer.leave(finished);
        assert_eq!(tracer.counts().dropped(), 8);
    }
}
