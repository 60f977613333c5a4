//! What happens to a request once it has been read: Heify's own order of checks.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::Value;

use super::account::{Account, KeyState, Keys};
use super::answer::{Outcome, Rejection};
use super::clock::Clock;
use super::endpoints::{self, Way};
use super::faults::Scripts;
use super::fields::Fields;
use super::journal::Journal;
use super::presigned::{Denied, Signer};
use super::settings::{Settings, StartError};
use crate::key::KeyDigest;

/// Everything that the connections share.
#[derive(Debug)]
pub(crate) struct World {
    clock: Clock,
    processing: Duration,
    signer: Signer,
    pub(crate) token: Option<KeyDigest>,
    state: Mutex<State>,
}

/// What changes. One lock for all of it: a call must see its account as no other call leaves it
/// half-way, and it is held for microseconds, never across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: Keys,
    pub(crate) scripts: Scripts,
    pub(crate) journal: Journal,
}

impl World {
    /// A world whose storage can be reached there.
    pub(crate) fn new(settings: &Settings, address: SocketAddr) -> Result<Self, StartError> {
        Ok(Self {
            clock: Clock::start(settings.wall_clock),
            processing: settings.processing,
            signer: Signer::new(address),
            token: settings.token.as_ref().map(|token| KeyDigest::of(token.expose().as_bytes())),
            state: Mutex::new(State {
                accounts: settings.accounts.iter().map(Account::new).collect(),
                keys: keys(settings)?,
                scripts: Scripts::default(),
                journal: Journal::default(),
            }),
        })
    }

    /// The state, also after a panic elsewhere: a simulator that stops answering helps nobody.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what is due by now in every account.
    pub(crate) fn settle(&self, state: &mut State) {
        let now = self.clock.now();
        state.accounts.iter_mut().for_each(|account| account.settle(now));
    }

    /// Carries out a request to Heify.
    pub(crate) fn perform(
        &self,
        head: &Parts,
        body: &Result<Bytes, Rejection>,
    ) -> (StatusCode, Value) {
        match self.outcome(head, body) {
            Ok(success) => (success.status, success.body()),
            Err(rejection) => (rejection.status(), rejection.body()),
        }
    }

    /// Whether storage takes a request at this moment.
    pub(crate) fn admit(&self, head: &Parts) -> Result<(), Denied> {
        self.signer.check(head, self.clock.now().wall)
    }

    /// A file has come whole, and the transcription that waits for it begins.
    pub(crate) fn uploaded(&self, client_id: &str, id: &str, length_millis: Option<i64>) {
        let now = self.clock.now();
        let mut state = self.state();
        let account = state.accounts.iter_mut().find(|one| one.client_id == client_id);
        if let Some(account) = account {
            account.settle(now);
            account.uploaded(id, length_millis, now, self.processing);
        }
    }

    /// Path, key, rate, month, body, account. Heify publishes no order: this is the one in which an
    /// API gateway with a program behind it would check.
    fn outcome(&self, head: &Parts, body: &Result<Bytes, Rejection>) -> Outcome {
        let (place, endpoint) = endpoints::find(head.uri.path()).ok_or(Rejection::UnknownPath)?;
        if head.method != Method::POST {
            return Err(Rejection::UnknownPath);
        }
        let now = self.clock.now();
        let mut state = self.state();
        let opened = state.keys.open(&head.headers)?;
        let account = state.accounts.get_mut(opened).ok_or(Rejection::UnknownKey)?;
        account.settle(now);
        account.check_limits(place, endpoint, now)?;
        let body = body.as_ref().map_err(Clone::clone)?;
        // A body that is JSON but no object has no fields: the same text serves.
        let members = serde_json::from_slice(body).map_err(|_| Rejection::InvalidJson)?;
        let fields = Fields::of(&members);
        let way = Way { processing: self.processing, signer: &self.signer };
        let outcome = endpoints::perform(endpoint.operation, account, fields, now, way)?;
        account.count(place);
        Ok(outcome)
    }
}

fn keys(settings: &Settings) -> Result<Keys, StartError> {
    let mut keys = Keys::default();
    let accounts = &settings.accounts;
    if accounts.iter().all(|account| account.keys.is_empty()) {
        return Err(StartError::NoKey);
    }
    for (place, account) in accounts.iter().enumerate() {
        let client_id = account.client_id.clone();
        if accounts.iter().take(place).any(|earlier| earlier.client_id == client_id) {
            return Err(StartError::DoubledAccount { account: place, client_id });
        }
        let active = account.keys.iter().map(|key| (key, KeyState::Active));
        let deactivated = account.deactivated_keys.iter().map(|key| (key, KeyState::Deactivated));
        for (key, state) in active.chain(deactivated) {
            if !keys.add(key.expose().as_bytes(), place, state) {
                return Err(StartError::DoubledKey { account: place, client_id });
            }
        }
    }
    Ok(keys)
}
