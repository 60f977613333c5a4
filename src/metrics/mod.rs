//! What does Prometheus read?
//!
//! The numbers of [`Traffic`], the present levels of the gateway and how the limits stand in the
//! records, read at each scrape. Names of endpoints, limits and reasons come from closed sets; tenants
//! are named up to a bound, and are `other` beyond it, so that a scrape stays small however many there
//! are. `docs/metrics.md` lists all of them.

mod books;
mod format;
mod observing;
mod passing;
mod process;
mod state;
mod tenants;
mod write;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use crate::alerts::Counts;
use crate::log::Lines;
use crate::pace::Paces;
use crate::records::{Moment, Records};
use crate::stack::Levels;
use crate::trace::Counts as Spans;
use crate::traffic::{Connections, Traffic};
use books::{Book, Books};
use format::Format;
use tenants::Names;

const PREFIX: &str = "heify_gateway";

/// All that is exported. Clones are the same handle.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Exported>);

/// What is exported for as long as the process lives.
#[derive(Debug, Clone)]
pub struct Sources {
    /// What passes.
    pub traffic: Arc<Traffic>,
    /// The connections of the data port.
    pub connections: Arc<Connections>,
    /// The records; `None`: there are none.
    pub records: Option<Records>,
    /// The file that they are in.
    pub file: Option<PathBuf>,
    /// The lines of the log; `None`: nothing is logged.
    pub lines: Option<Lines>,
    /// What became of spans; `None`: none are exported.
    pub spans: Option<Spans>,
}

/// What a reload replaces.
#[derive(Debug, Clone, Default)]
pub struct InUse {
    /// How full the rooms are.
    pub levels: Levels,
    /// How long a call may be unresolved.
    pub settle_deadline: Duration,
    /// Until when the certificate of the data port is valid.
    pub certificate_ends: Option<SystemTime>,
}

#[derive(Debug)]
struct Exported {
    sources: Sources,
    books: Books,
    present: Mutex<Present>,
    started: SystemTime,
}

/// What changes.
#[derive(Debug, Clone)]
struct Present {
    in_use: InUse,
    version: u64,
    loaded: SystemTime,
    succeeded: bool,
    failures: u64,
    /// What webhooks were told.
    alerts: Counts,
}

impl Metrics {
    /// Exports these sources, and the configuration in use.
    pub fn new(sources: Sources, in_use: InUse, now: SystemTime) -> Self {
        let (version, alerts) = (1, Counts::default());
        let present =
            Present { in_use, version, loaded: now, succeeded: true, failures: 0, alerts };
        let (books, present) = (Books::default(), Mutex::new(present));
        Self(Arc::new(Exported { sources, books, present, started: now }))
    }

    /// Another configuration is in use.
    pub fn reloaded(&self, in_use: InUse, version: u64, now: SystemTime) {
        let mut present = self.0.present();
        *present = Present { in_use, version, loaded: now, succeeded: true, ..present.clone() };
    }

    /// Webhooks are told things, and counted there.
    pub fn alerting(&self, counts: Counts) {
        self.0.present().alerts = counts;
    }

    /// The same configuration has other limits or keys.
    pub fn renewed(&self, levels: Levels) {
        self.0.present().in_use.levels = levels;
    }

    /// A configuration was refused, and the old one is in use.
    pub fn not_reloaded(&self) {
        let mut present = self.0.present();
        present.succeeded = false;
        present.failures += 1;
    }

    /// A scrape: its content type and its text, in the format that `Accept` prefers. It has the checks
    /// of readiness as they are given. It waits for the records for a second at most.
    pub async fn scrape(
        &self,
        checks: &[(&'static str, bool)],
        accept: Option<&HeaderValue>,
    ) -> (&'static str, String) {
        let format = Format::wanted(accept);
        let InUse { levels, settle_deadline, .. } = self.0.present().in_use.clone();
        let book = match levels.quotas() {
            Some(quotas) => self.0.books.look(quotas, settle_deadline).await,
            None => self.0.books.known(),
        };
        let text = self.text(book, checks);
        let text = if format == Format::Plain { format::plain(&text) } else { text };
        (format.content_type(), text)
    }

    fn text(&self, book: Arc<Book>, checks: &[(&'static str, bool)]) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        let (exported, now) = (Arc::clone(&self.0), Moment::now());
        registry.register_collector(Box::new(Scraped {
            exported,
            book,
            checks: checks.to_vec(),
            now,
        }));
        let mut written = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode_registry(&mut written, &registry);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process { started: self.0.started }));
        let _ = text::encode(&mut written, &registry);
        written
    }
}

impl Exported {
    fn present(&self) -> MutexGuard<'_, Present> {
        // What is inside is whole between any two statements.
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One scrape.
#[derive(Debug)]
struct Scraped {
    exported: Arc<Exported>,
    book: Arc<Book>,
    checks: Vec<(&'static str, bool)>,
    now: Moment,
}

impl Collector for Scraped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (encoder, book) = (&mut encoder, &self.book);
        let Sources { traffic, connections, records, file, lines, spans } = &self.exported.sources;
        let present = self.exported.present().clone();
        let levels = &present.in_use.levels;
        let names = Names::new(traffic);
        passing::requests(encoder, traffic)?;
        passing::durations(encoder, traffic)?;
        passing::tenants(encoder, traffic, &names)?;
        passing::shadows(encoder, traffic, &names)?;
        passing::connections(encoder, &connections.read())?;
        tenants::limits(encoder, book, levels.rates(), &names)?;
        tenants::account_limits(encoder, book, levels.paces().and_then(Paces::left))?;
        tenants::audio(encoder, book, &names)?;
        state::reservations(encoder, book, self.now)?;
        state::records(encoder, records.as_ref(), file.as_deref(), book.read)?;
        state::readiness(encoder, &self.checks)?;
        state::levels(encoder, levels)?;
        state::upstream(encoder, levels)?;
        state::preflights(encoder, levels)?;
        observing::lines(encoder, lines.as_ref())?;
        observing::spans(encoder, spans.as_ref())?;
        state::alerts(encoder, &present)?;
        state::config(encoder, &present)
    }
}

#[cfg(test)]
mod tests;
