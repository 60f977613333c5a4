//! Is there enough left for one more call?

use std::sync::Arc;

use super::charge::{Charge, MinutesLimit};
use crate::rate::Enforcement;
use crate::records::calendar::Calendar;
use crate::records::entry::{Entry, Fact, Opening};
use crate::records::store::{Store, Stored};
use crate::records::words::{AudioMillis, Meter, Moment, Payer, Period, Posting};

/// What a call wants to hold before it is forwarded.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// Who makes which call.
    pub opening: Opening,
    /// When.
    pub at: Moment,
    /// How the tenant's months are cut.
    pub tenant_calendar: Calendar,
    /// How the account's months are cut.
    pub account_calendar: Calendar,
    /// All that it costs: charged together or not at all.
    pub charges: Vec<Charge>,
}

/// The call may be forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The tenant's monthly limit after this call: the limit, what is left, and the month.
    pub monthly: Option<(u32, u32, Period)>,
    /// What would have denied it, if its limit were enforced.
    pub shadow: Vec<Denied>,
}

/// The call may not be forwarded, and nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// The month's calls are used up.
    Calls {
        /// Whose.
        payer: Payer,
        /// How many there are in a month.
        limit: u32,
        /// The month.
        period: Period,
    },
    /// There are as many objects as there may be.
    Objects {
        /// Whose.
        payer: Payer,
        /// How many there may be.
        limit: u32,
    },
    /// The minutes do not cover the call.
    Minutes {
        /// Whose.
        payer: Payer,
    },
}

/// Charges a call against the tenant and the account, all or nothing.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn reserve(store: &mut dyn Store, reserve: &Reserve) -> Stored<Result<Reserved, Denied>> {
    let tenant = Payer::Tenant(reserve.opening.tenant.clone());
    let tenant = Purse::open(store, tenant, &reserve.tenant_calendar, reserve.at)?;
    let account = Purse::open(store, Payer::Account, &reserve.account_calendar, reserve.at)?;
    let mut reserved = Reserved { monthly: None, shadow: Vec::new() };
    let mut postings = Vec::new();
    for charge in &reserve.charges {
        // The tenant first: where both are at their limit, the tenant hears of its own.
        let first = tenant.take(store, charge, Side::Tenant)?;
        let taken = match first {
            Ok(taken) => taken,
            Err(denied) => return Ok(Err(denied)),
        };
        postings.extend(taken.postings);
        reserved.monthly = reserved.monthly.or(taken.monthly);
        reserved.shadow.extend(taken.shadow);
        match account.take(store, charge, Side::Account)? {
            Ok(taken) => {
                postings.extend(taken.postings);
                reserved.shadow.extend(taken.shadow);
            }
            Err(denied) => return Ok(Err(denied)),
        }
    }
    for purse in [&tenant, &account] {
        purse.note(store, reserve.at)?;
    }
    let entry = Entry { fact: Fact::Reserve(reserve.opening.clone()), postings };
    store.write(reserve.at, &entry)?;
    Ok(Ok(reserved))
}

/// What one charge would be to one payer, if the call came now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// What is charged.
    pub charge: Charge,
    /// To whom.
    pub payer: Payer,
    /// The payer's present month.
    pub period: Period,
    /// Whether the payer's limit is enforced.
    pub enforcement: Enforcement,
    /// What would be held, or why nothing would be.
    pub held: Result<Vec<Posting>, Denied>,
    /// What would deny it, if its limit were enforced.
    pub shadow: Option<Denied>,
}

/// Tells what [`reserve`] would find, charge by charge and the tenant before the account; nothing is
/// written.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn foresee(store: &mut dyn Store, reserve: &Reserve) -> Stored<Vec<Foreseen>> {
    let tenant = Payer::Tenant(reserve.opening.tenant.clone());
    let tenant = Purse::open(store, tenant, &reserve.tenant_calendar, reserve.at)?;
    let account = Purse::open(store, Payer::Account, &reserve.account_calendar, reserve.at)?;
    let mut found = Vec::new();
    for charge in &reserve.charges {
        for (purse, side) in [(&tenant, Side::Tenant), (&account, Side::Account)] {
            let (held, shadow) = match purse.take(store, charge, side)? {
                Ok(taken) => (Ok(taken.postings), taken.shadow),
                Err(denied) => (Err(denied), None),
            };
            let [tenant, account] = charge.enforcement();
            let (payer, period) = (purse.payer.clone(), purse.period);
            let (charge, enforcement) = (charge.bare().clone(), side.of(tenant, account));
            found.push(Foreseen { charge, payer, period, enforcement, held, shadow });
        }
    }
    Ok(found)
}

/// The month of a payer around a moment, whether it has begun to count or not.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn period(
    store: &mut dyn Store,
    payer: &Payer,
    calendar: &Calendar,
    at: Moment,
) -> Stored<Period> {
    Ok(calendar.open(at, &store.periods(payer)?))
}

/// Adds minutes to a payer, or takes them away where the amount is negative.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn grant(
    store: &mut dyn Store,
    payer: &Payer,
    amount: AudioMillis,
    note: &Arc<str>,
    at: Moment,
) -> Stored<()> {
    let posting = Posting {
        payer: payer.clone(),
        meter: Meter::Granted,
        period: Moment(0),
        granted: amount.0,
        used: 0,
        held: 0,
    };
    let fact = Fact::Grant { payer: payer.clone(), amount, note: note.clone() };
    store.write(at, &Entry { fact, postings: vec![posting] })
}

#[derive(Clone, Copy)]
pub(super) enum Side {
    Tenant,
    Account,
}

/// One payer in its month.
pub(super) struct Purse {
    payer: Payer,
    period: Period,
    /// Whether the month is new to the journal.
    is_new: bool,
}

pub(super) struct Taken {
    pub(super) postings: Vec<Posting>,
    monthly: Option<(u32, u32, Period)>,
    /// What would have denied it.
    shadow: Option<Denied>,
}

impl Taken {
    fn new(postings: Vec<Posting>) -> Self {
        Self { postings, monthly: None, shadow: None }
    }
}

impl Purse {
    /// A payer in a month that has begun to count.
    pub(super) fn of(payer: Payer, period: Period) -> Self {
        Self { payer, period, is_new: false }
    }

    fn open(store: &mut dyn Store, payer: Payer, calendar: &Calendar, at: Moment) -> Stored<Self> {
        let opened = store.periods(&payer)?;
        let period = calendar.open(at, &opened);
        let is_new = !opened.contains(&period);
        Ok(Self { payer, period, is_new })
    }

    /// Writes that the month has begun.
    fn note(&self, store: &mut dyn Store, at: Moment) -> Stored<()> {
        if !self.is_new {
            return Ok(());
        }
        let Period { start, end } = self.period;
        store.write(at, &Entry::plain(Fact::Period { payer: self.payer.clone(), start, end }))
    }

    pub(super) fn take(
        &self,
        store: &mut dyn Store,
        charge: &Charge,
        side: Side,
    ) -> Stored<Result<Taken, Denied>> {
        match charge {
            Charge::Call { path, tenant, account } => {
                let limit = side.of(*tenant, *account);
                self.take_call(store, Meter::Calls(path.clone()), limit)
            }
            Charge::Object { kind, tenant, account } => {
                let limit = side.of(*tenant, *account);
                self.take_object(store, Meter::Objects(kind.clone()), limit)
            }
            Charge::Minutes { amount, tenant, account } => {
                self.take_minutes(store, *amount, side.of(*tenant, *account))
            }
            Charge::Watched { charge, tenant, account } => {
                let taken = self.take(store, charge, side)?;
                Ok(match side.of(*tenant, *account) {
                    Enforcement::Enforced => taken,
                    Enforcement::Shadow => Ok(self.whatever_the_limit(taken, charge)),
                })
            }
        }
    }

    /// A limit that is not enforced denies nothing, and is no limit to tell a client of.
    fn whatever_the_limit(&self, taken: Result<Taken, Denied>, charge: &Charge) -> Taken {
        match taken {
            Ok(taken) => Taken { monthly: None, ..taken },
            Err(denied) => {
                let hold = match charge.bare() {
                    Charge::Call { path, .. } => {
                        self.hold(Meter::Calls(path.clone()), self.period.start, 1)
                    }
                    Charge::Object { kind, .. } => {
                        self.hold(Meter::Objects(kind.clone()), Moment(0), 1)
                    }
                    // The month is overdrawn, and not what was granted for good.
                    Charge::Minutes { amount, .. } => {
                        self.hold(Meter::Minutes, self.period.start, amount.0)
                    }
                    Charge::Watched { .. } => return Taken::new(Vec::new()),
                };
                Taken { shadow: Some(denied), ..Taken::new(vec![hold]) }
            }
        }
    }

    fn take_call(
        &self,
        store: &mut dyn Store,
        meter: Meter,
        limit: Option<u32>,
    ) -> Stored<Result<Taken, Denied>> {
        let taken = store.balance(&self.payer, &meter, self.period.start)?.taken();
        let left = limit.map(|limit| (limit, i64::from(limit) - taken - 1));
        if let Some((limit, left)) = left
            && left < 0
        {
            let (payer, period) = (self.payer.clone(), self.period);
            return Ok(Err(Denied::Calls { payer, limit, period }));
        }
        let monthly =
            left.map(|(limit, left)| (limit, u32::try_from(left).unwrap_or_default(), self.period));
        let postings = vec![self.hold(meter, self.period.start, 1)];
        Ok(Ok(Taken { monthly, ..Taken::new(postings) }))
    }

    fn take_object(
        &self,
        store: &mut dyn Store,
        meter: Meter,
        limit: Option<u32>,
    ) -> Stored<Result<Taken, Denied>> {
        if let Some(limit) = limit
            && store.balance(&self.payer, &meter, Moment(0))?.taken() >= i64::from(limit)
        {
            return Ok(Err(Denied::Objects { payer: self.payer.clone(), limit }));
        }
        Ok(Ok(Taken::new(vec![self.hold(meter, Moment(0), 1)])))
    }

    /// The month's allowance pays first, then what was granted. What is overdrawn of one counts
    /// against the other.
    fn take_minutes(
        &self,
        store: &mut dyn Store,
        amount: AudioMillis,
        limit: MinutesLimit,
    ) -> Stored<Result<Taken, Denied>> {
        let taken = |postings| Ok(Ok(Taken::new(postings)));
        if limit == MinutesLimit::Off {
            return taken(Vec::new());
        }
        // From the first grant on there is a limit, also when all of it was taken back.
        let granted = store.posted(&self.payer, &Meter::Granted, Moment(0))?;
        let allowance = match limit {
            MinutesLimit::Monthly(allowance) => {
                let month = store.balance(&self.payer, &Meter::Minutes, self.period.start)?;
                allowance.0.saturating_sub(month.taken())
            }
            MinutesLimit::Off | MinutesLimit::Granted if granted.is_some() => 0,
            // Without a limit of any kind the month only counts.
            MinutesLimit::Off | MinutesLimit::Granted => amount.0,
        };
        let granted = granted.unwrap_or_default();
        let rest = granted.granted.saturating_sub(granted.taken());
        if allowance.saturating_add(rest) < amount.0 {
            return Ok(Err(Denied::Minutes { payer: self.payer.clone() }));
        }
        let from_month = allowance.clamp(0, amount.0);
        let mut postings = Vec::new();
        // A hold of nothing still says which month a longer job is charged to.
        if from_month > 0 || from_month == amount.0 {
            postings.push(self.hold(Meter::Minutes, self.period.start, from_month));
        }
        if from_month < amount.0 {
            postings.push(self.hold(Meter::Granted, Moment(0), amount.0 - from_month));
        }
        taken(postings)
    }

    fn hold(&self, meter: Meter, period: Moment, held: i64) -> Posting {
        Posting { payer: self.payer.clone(), meter, period, granted: 0, used: 0, held }
    }
}

impl Side {
    fn of<T>(self, tenant: T, account: T) -> T {
        match self {
            Self::Tenant => tenant,
            Self::Account => account,
        }
    }
}
