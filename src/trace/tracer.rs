//! Which requests are recorded?

use std::cell::RefCell;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::counts::Counts;
use super::finished::Finished;
use super::parent::{SpanId, TraceId, TraceParent};
use super::queue::{Left, Queue};

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

/// Decides which requests are recorded, and leaves their spans for the exporter. Clones are the same;
/// with the last of them the exporter ends, after it has exported what was there.
#[derive(Debug, Clone)]
pub struct Tracer(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    ratio: Ratio,
    queue: Arc<Queue>,
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
    pub fn new(ratio: Ratio) -> (Self, Left) {
        let queue = Arc::<Queue>::default();
        let left = Left::new(Arc::clone(&queue));
        (Self(Arc::new(Handle { ratio, queue, counts: Counts::default() })), left)
    }

    /// What became of the spans.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Decides on a request: its caller's word counts, else the ratio. `None`: it has no trace.
    pub fn begin(&self, parent: Option<TraceParent>) -> Option<Trace> {
        let id = match parent {
            Some(parent) => parent.trace_id,
            None => TraceId::new(random())?,
        };
        let sampled = match parent {
            Some(parent) => parent.is_sampled(),
            None => self.0.ratio.takes(id),
        };
        if !sampled {
            return parent.map(|_| Trace { id, parent, spans: None });
        }
        let [a, b, c, d, e, f, g, h, client @ ..] = random();
        let server = SpanId::new([a, b, c, d, e, f, g, h])?;
        let spans = Spans { server, client: SpanId::new(client)? };
        Some(Trace { id, parent, spans: Some(spans) })
    }

    /// Leaves the spans of a request for the exporter. Never waits for it: where there is no room, they
    /// are dropped and counted.
    pub fn leave(&self, finished: Finished) {
        let count = finished.count();
        self.0.counts.add_recorded(count);
        if !self.0.queue.push(finished) {
            self.0.counts.add_dropped(count);
        }
    }

    /// Waits until everything that was left before is exported or given up. It has no deadline.
    pub async fn flush(&self) {
        let (done, exported) = oneshot::channel();
        self.0.queue.flush(done);
        // Without an exporter there is nothing to wait for.
        let _ = exported.await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn random() -> [u8; 16] {
    RANDOM.with_borrow_mut(|source| source.u128(..)).to_ne_bytes()
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
}
