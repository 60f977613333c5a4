//! What does a preflight find out about the file behind a URL?

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Method, StatusCode};

use super::Mode;
use super::fetch::{Page, Question, fetch};
use super::outcome::Outcome;
use super::range::{Range, size};
use super::room::Preflights;
use super::rule::{Found, is_no_audio, judge};
use super::target::{Target, Unfit};
use crate::audio::{self, PART, Sample};
use crate::budget::Hold;

/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// A URL that is being looked at.
struct Visit<'p> {
    preflight: &'p Preflights,
    hold: &'p Arc<Hold>,
    target: Target,
    /// Where the target is; all of them were checked.
    addresses: Vec<IpAddr>,
    redirects_left: usize,
}

/// Looks at what a URL leads to. The caller has the deadline.
pub(super) async fn look(
    preflight: &Preflights,
    url: &str,
    hold: &Arc<Hold>,
) -> Result<Found, Outcome> {
    let settings = &preflight.settings;
    let target = Target::parse(url, &settings.ports, &settings.hosts).map_err(not_fetched)?;
    let addresses = addresses(preflight, &target, hold).await?;
    let mut visit = Visit { preflight, hold, target, addresses, redirects_left: REDIRECTS };
    match settings.mode {
        Mode::Headers => visit.ask_for_size().await,
        Mode::Probe => visit.probe().await,
    }
}

impl Visit<'_> {
    /// Only how large the file is: HEAD, and where that does not tell, the file's first byte.
    async fn ask_for_size(&mut self) -> Result<Found, Outcome> {
        let page = self.ask(Method::HEAD, None).await?;
        if let Ok(Some(size)) = size(&page, None) {
            return Ok(Found { size: Some(size), ..Found::default() });
        }
        let first = Range::head(1);
        let page = self.ask(Method::GET, Some(first)).await?;
        Ok(Found { size: size(&page, Some(first))?, ..Found::default() })
    }

    /// The file's beginning, and what its length depends on besides.
    async fn probe(&mut self) -> Result<Found, Outcome> {
        let range = Range::head(PART);
        let page = self.ask(Method::GET, Some(range)).await?;
        let size = size(&page, Some(range))?;
        let has_parts = page.status == StatusCode::PARTIAL_CONTENT;
        // Where no length was announced and all of it came, that is its size.
        let size = size.or_else(|| page.is_whole.then_some(page.body.len() as u64));
        let mut sample = Sample::of_head(page.body, size);
        let mut found = Found { size, ..Found::default() };
        let judged = judge(&found);
        found.format = audio::recognize(&sample.head);
        found.is_no_audio = found.format.is_none() && is_no_audio(&sample.head);
        let (Some(format), Ok(())) = (found.format, judged) else { return Ok(found) };
        if has_parts && let Some(bytes) = audio::also_needed(format, &sample.head, size) {
            sample.part = self.part(&bytes, size).await.map(|part| (bytes.start, part));
        }
        found.length = audio::length(format, &sample);
        Ok(found)
    }

    /// Another part of the same file, where it can be had.
    async fn part(&mut self, bytes: &std::ops::Range<u64>, known: Option<u64>) -> Option<Bytes> {
        let range = Range::of(bytes)?;
        let page = self.ask(Method::GET, Some(range)).await.ok()?;
        // A file in place of its part, or a part of another file, tells nothing.
        let is_part = page.status == StatusCode::PARTIAL_CONTENT;
        (is_part && size(&page, Some(range)).ok()? == known).then_some(page.body)
    }

    /// Asks, and asks again where a redirect leads; each is checked like the first.
    async fn ask(&mut self, method: Method, range: Option<Range>) -> Result<Page, Outcome> {
        let question = Question { method, range };
        let (settings, tls) = (&self.preflight.settings, self.preflight.tls()?);
        // So that an address that does not answer leaves time for another.
        let patience = settings.timeout / 3;
        loop {
            let page = fetch(&self.target, &self.addresses, patience, tls, &question).await?;
            let location = page.headers.get(LOCATION);
            let Some(location) = location.filter(|_| page.status.is_redirection()) else {
                return Ok(page);
            };
            self.redirects_left = self.redirects_left.checked_sub(1).ok_or(Outcome::NotFetched)?;
            let target = self.target.redirected(location, &settings.ports, &settings.hosts);
            let target = target.map_err(not_fetched)?;
            self.addresses = addresses(self.preflight, &target, self.hold).await?;
            self.target = target;
        }
    }
}

async fn addresses(
    preflight: &Preflights,
    target: &Target,
    hold: &Arc<Hold>,
) -> Result<Vec<IpAddr>, Outcome> {
    let networks = &preflight.settings.networks;
    let found = preflight.resolver().addresses(&target.host, networks, hold).await;
    tracing::debug!(host = %target.host, port = target.port, ?found, "a preflight goes there");
    found
}

fn not_fetched(unfit: Unfit) -> Outcome {
    tracing::debug!(?unfit, "a preflight does not look at a URL");
    Outcome::NotFetched
}
