//! What follows from an entry?
//!
//! The one rule by which an entry changes balances, reservations, objects and keys. Each engine keeps
//! these in its own way, as [`Tables`], and decides nothing about them.

use uuid::Uuid;

use super::change::{Audited, Limit, Override};
use super::entry::{Entry, Fact, Holder, IssuedKey};
use super::state::{Object, Reservation};
use super::words::{Moment, Payer, Period, Posting};

/// Where an engine keeps what follows. To put is to write over what was there.
pub(super) trait Tables {
    /// What can go wrong.
    type Error;

    fn post(&mut self, posting: &Posting) -> Result<(), Self::Error>;
    fn add_period(&mut self, payer: &Payer, period: Period) -> Result<(), Self::Error>;
    fn find_reservation(&mut self, id: &Uuid) -> Result<Option<Reservation>, Self::Error>;
    fn put_reservation(&mut self, reservation: &Reservation) -> Result<(), Self::Error>;
    fn put_object(&mut self, id: &Uuid, object: &Object) -> Result<(), Self::Error>;
    fn remove_object(&mut self, id: &Uuid) -> Result<(), Self::Error>;
    fn find_key(&mut self, id: &str) -> Result<Option<IssuedKey>, Self::Error>;
    fn put_key(&mut self, key: &IssuedKey) -> Result<(), Self::Error>;
    fn put_override(&mut self, change: &Override) -> Result<(), Self::Error>;
    fn remove_override(&mut self, tenant: &str, limit: &Limit) -> Result<(), Self::Error>;
    fn add_audited(&mut self, at: Moment, audited: &Audited) -> Result<(), Self::Error>;
}

/// Changes what follows from an entry.
pub(super) fn follow<T: Tables>(tables: &mut T, at: Moment, entry: &Entry) -> Result<(), T::Error> {
    for posting in &entry.postings {
        tables.post(posting)?;
    }
    match &entry.fact {
        Fact::Grant { .. } => Ok(()),
        Fact::Period { payer, start, end } => {
            tables.add_period(payer, Period { start: *start, end: *end })
        }
        Fact::Reserve(opening) => {
            let opened = Reservation::open(opening.clone(), &entry.postings, at);
            tables.put_reservation(&opened)
        }
        Fact::Bind { reservation, .. }
        | Fact::Settle { reservation, .. }
        | Fact::Release { reservation, .. }
        | Fact::Lose { reservation }
        | Fact::Adjust { reservation, .. }
        | Fact::Amend { reservation, .. } => follow_reservation(tables, reservation, entry, at),
        Fact::Adopt { object, object_kind, holder } => {
            let (kind, holder) = (object_kind.clone(), holder.clone());
            tables.put_object(object, &Object { kind, holder, reservation: None })
        }
        Fact::Delete { object } => tables.remove_object(object),
        Fact::Issue(key) => tables.put_key(key),
        Fact::Override(change) => tables.put_override(change),
        Fact::Lift { tenant, limit } => tables.remove_override(tenant, limit),
        Fact::Audit(audited) => tables.add_audited(at, audited),
        Fact::Replace { key, .. } | Fact::Revoke { key } => {
            let Some(mut found) = tables.find_key(key)? else { return Ok(()) };
            found.apply(&entry.fact, at);
            tables.put_key(&found)
        }
    }
}

fn follow_reservation<T: Tables>(
    tables: &mut T,
    id: &Uuid,
    entry: &Entry,
    at: Moment,
) -> Result<(), T::Error> {
    let Some(mut reservation) = tables.find_reservation(id)? else { return Ok(()) };
    reservation.apply(entry, at);
    tables.put_reservation(&reservation)?;
    let Fact::Bind { object: Some(object), .. } = &entry.fact else { return Ok(()) };
    let opening = &reservation.opening;
    let created = Object {
        kind: opening.creates.clone().unwrap_or_default(),
        holder: Holder::Tenant(opening.tenant.clone()),
        reservation: Some(*id),
    };
    tables.put_object(object, &created)
}
