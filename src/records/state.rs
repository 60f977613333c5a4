//! How far is a call, and whose is an object?
//!
//! The one rule by which an entry changes a reservation.

use std::sync::Arc;

use uuid::Uuid;

use super::entry::{Entry, Fact, Holder, Opening, Sharing, Why};
use super::words::{AudioMillis, Meter, Moment, Posting};

/// A call that was forwarded, or is about to be, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Who made which call.
    pub opening: Opening,
    /// When.
    pub opened: Moment,
    /// How far it is.
    pub state: State,
    /// The object that the call created.
    pub object: Option<Uuid>,
    /// What it holds, or held until it was closed; without what was paid when it was bound.
    pub holds: Vec<Posting>,
    /// The length of the audio.
    pub length: Option<AudioMillis>,
    /// What was charged for it.
    pub billed: Option<AudioMillis>,
    /// When it was closed.
    pub closed: Option<Moment>,
    /// On which ground.
    pub why: Option<Why>,
}

/// How far a reservation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// The call is on its way.
    Open,
    /// Nobody knows what became of the call.
    Lost,
    /// The call was answered; its job is not settled yet.
    Bound,
    /// It is paid.
    Settled,
    /// It costs nothing.
    Released,
}

impl State {
    /// How it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Lost => "lost",
            Self::Bound => "bound",
            Self::Settled => "settled",
            Self::Released => "released",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Open, Self::Lost, Self::Bound, Self::Settled, Self::Released];
        all.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing is held any more.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Settled | Self::Released)
    }
}

impl Reservation {
    /// What a `reserve` entry opens.
    pub fn open(opening: Opening, postings: &[Posting], at: Moment) -> Self {
        Self {
            opening,
            opened: at,
            state: State::Open,
            object: None,
            holds: postings.to_vec(),
            length: None,
            billed: None,
            closed: None,
            why: None,
        }
    }

    /// What a later entry about it makes of it.
    pub fn apply(&mut self, entry: &Entry, at: Moment) {
        match &entry.fact {
            Fact::Bind { object, .. } => {
                self.object = *object;
                self.holds.retain(|hold| is_minutes(&hold.meter));
                if self.holds.is_empty() {
                    self.close(State::Settled, Why::Done, at);
                } else {
                    self.state = State::Bound;
                }
            }
            Fact::Settle { length, billed, why, .. } => {
                (self.length, self.billed) = (*length, *billed);
                self.close(State::Settled, *why, at);
            }
            Fact::Release { why, .. } => self.close(State::Released, *why, at),
            Fact::Lose { .. } => self.state = State::Lost,
            Fact::Adjust { length, billed, .. } => {
                (self.length, self.billed) = (*length, Some(*billed));
                self.why = Some(Why::Done);
            }
            Fact::Amend { minutes, .. } => {
                self.opening.minutes = Some(*minutes);
                entry.postings.iter().for_each(|posting| self.hold(posting));
            }
            _ => {}
        }
    }

    /// Holds more of something, or less.
    fn hold(&mut self, posting: &Posting) {
        let place = |hold: &Posting| (hold.payer.clone(), hold.meter.clone(), hold.period);
        match self.holds.iter().position(|hold| place(hold) == place(posting)) {
            Some(at) => {
                let Some(hold) = self.holds.get_mut(at) else { return };
                hold.held = hold.held.saturating_add(posting.held);
                // What is above all holds is charged to the last one: that must not be a grant of
                // which nothing is held. The only hold stays: it says to whom a job is charged.
                let (is_nothing, payer) = (hold.held == 0, hold.payer.clone());
                let own = self.holds.iter().filter(|one| one.payer == payer);
                if is_nothing
                    && posting.meter == Meter::Granted
                    && own.filter(|one| is_minutes(&one.meter)).count() > 1
                {
                    self.holds.remove(at);
                }
            }
            None => self.holds.push(posting.clone()),
        }
    }

    fn close(&mut self, state: State, why: Why, at: Moment) {
        (self.state, self.why, self.closed) = (state, Some(why), Some(at));
    }

    /// Whether the upstream may still say something about its minutes.
    pub fn awaits_outcome(&self) -> bool {
        self.state == State::Bound
            || (self.why == Some(Why::Policy)
                && self.opening.minutes.is_some()
                && self.object.is_some())
    }
}

/// Whether a meter counts audio.
pub fn is_minutes(meter: &Meter) -> bool {
    matches!(meter, Meter::Minutes | Meter::Granted)
}

/// An object that exists upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its kind, as in the contract.
    pub kind: Arc<str>,
    /// Who may use it.
    pub holder: Holder,
    /// The reservation under which it was created.
    pub reservation: Option<Uuid>,
}

/// What records know of one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The object's kind, as in the contract.
    pub kind: Arc<str>,
    /// Who may use it.
    pub holder: Holder,
    /// Whether its minutes are not settled yet.
    pub job_open: bool,
}

impl Owner {
    /// Whether it is the tenant's own.
    pub fn is_held_by(&self, tenant: &str) -> bool {
        matches!(&self.holder, Holder::Tenant(holder) if &**holder == tenant)
    }

    /// Whether it is shared, and with this tenant.
    pub fn is_shared_with(&self, tenant: &str) -> bool {
        match &self.holder {
            Holder::Tenant(_) => false,
            Holder::Shared(Sharing::Everybody) => true,
            Holder::Shared(Sharing::With(tenants)) => tenants.iter().any(|one| &**one == tenant),
        }
    }
}
