//! What does one account hold, and who may open it?

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::answer::Rejection;
use super::clock::Moment;
use super::configurations::Configuration;
use super::endpoints::{ENDPOINTS, Endpoint};
use super::evaluators::Evaluator;
use super::limits::Used;
use super::participants::Participant;
use super::settings::{AccountSettings, Rates};
use super::shelf::Shelf;
use super::transcriptions::{Status, Transcription};
use crate::key::KeyDigest;

/// Where Heify expects the key.
pub(crate) const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// One customer's objects, minutes and used rates.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) client_id: String,
    pub(crate) balance_millis: i64,
    pub(crate) rates: Rates,
    pub(crate) configurations: Shelf<Configuration>,
    pub(crate) evaluators: Shelf<Evaluator>,
    pub(crate) participants: Shelf<Participant>,
    pub(crate) transcriptions: Shelf<Transcription>,
    /// Ids of transcriptions in progress with the time at which each is due: all take equally long,
    /// so the first submitted is the first due.
    running: VecDeque<(Moment, String)>,
    /// By the endpoint's place in the table.
    used: Vec<Used>,
}

impl Account {
    pub(crate) fn new(settings: &AccountSettings) -> Self {
        Self {
            client_id: settings.client_id.clone(),
            balance_millis: settings.balance_millis,
            rates: settings.rates,
            configurations: Shelf::default(),
            evaluators: Shelf::default(),
            participants: Shelf::default(),
            transcriptions: Shelf::default(),
            running: VecDeque::new(),
            used: ENDPOINTS.iter().map(|endpoint| Used::nothing(endpoint.limits)).collect(),
        }
    }

    /// Puts a new transcription to work.
    pub(crate) fn start(&mut self, made: Transcription, now: Moment, processing: Duration) {
        self.running.push_back((now.later(processing), made.id.clone()));
        self.keep(made);
    }

    /// Keeps a new transcription whose file is still to come.
    pub(crate) fn keep(&mut self, made: Transcription) {
        self.transcriptions.add(&made.id.clone(), made);
    }

    /// The file of a transcription has come. A second one takes the place of the first, and starts
    /// nothing; nor does one whose transcription was deleted.
    pub(crate) fn uploaded(
        &mut self,
        id: &str,
        length_millis: Option<i64>,
        now: Moment,
        processing: Duration,
    ) {
        let waiting = self.transcriptions.find_mut(id).filter(|made| made.awaits_upload);
        if let Some(made) = waiting {
            made.uploaded(length_millis);
            self.running.push_back((now.later(processing), made.id.clone()));
        }
    }

    /// Ends what is due, and debits it. Nothing runs in the background: whoever looks next finds the
    /// state as it would be by then.
    pub(crate) fn settle(&mut self, now: Moment) {
        while let Some((due, id)) = self.running.pop_front_if(|(due, _)| due.elapsed <= now.elapsed)
        {
            // A deleted transcription is neither finished nor paid; Heify's rule is not published.
            let Some(ended) = self.transcriptions.find_mut(&id) else { continue };
            ended.end(due.wall);
            if ended.status == Status::Completed {
                self.balance_millis -= ended.length_millis;
            }
        }
    }

    /// Refuses when the endpoint's rate or monthly quota is used up.
    pub(crate) fn check_limits(
        &mut self,
        place: usize,
        endpoint: &Endpoint,
        now: Moment,
    ) -> Result<(), Rejection> {
        match (self.rates, self.used.get_mut(place)) {
            (Rates::Published, Some(used)) => {
                used.take(endpoint.limits, now.elapsed)?;
                used.check_month(endpoint.limits, now.month())
            }
            _ => Ok(()),
        }
    }

    /// Counts a call that succeeded against the month.
    pub(crate) fn count(&mut self, place: usize) {
        if let Some(used) = self.used.get_mut(place) {
            used.count();
        }
    }
}

/// Which key opens which account.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: HashMap<KeyDigest, (usize, KeyState)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyState {
    Active,
    Deactivated,
}

impl Keys {
    /// Adds a key; `false` when it is known already.
    pub(crate) fn add(&mut self, key: &[u8], account: usize, state: KeyState) -> bool {
        self.known.insert(KeyDigest::of(key), (account, state)).is_none()
    }

    /// Changes the state of a known key; `false` when it is unknown.
    pub(crate) fn change(&mut self, key: &[u8], state: KeyState) -> bool {
        let known = self.known.get_mut(&KeyDigest::of(key));
        known.map(|(_, kept)| *kept = state).is_some()
    }

    /// The account that these headers open. Two key headers are no key.
    pub(crate) fn open(&self, headers: &HeaderMap) -> Result<usize, Rejection> {
        let mut sent = headers.get_all(KEY_HEADER).iter();
        let key = sent.next().ok_or(Rejection::MissingKey)?;
        if sent.next().is_some() {
            return Err(Rejection::UnknownKey);
        }
        match self.known.get(&KeyDigest::of(key.as_bytes())) {
            None => Err(Rejection::UnknownKey),
            Some((_, KeyState::Deactivated)) => Err(Rejection::DeactivatedKey),
            Some((account, KeyState::Active)) => Ok(*account),
        }
    }
}
