//! Whose is an object that exists upstream?

use std::sync::Arc;

use uuid::Uuid;

use crate::records::entry::{Entry, Fact, Holder, Why};
use crate::records::ledger::close::settle;
use crate::records::state::Object;
use crate::records::store::{Store, Stored};
use crate::records::words::{Meter, Moment, Payer, Posting};

/// What became of an adoption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    /// It is the holder's now.
    New,
    /// It was already.
    Already,
    /// It is somebody else's, and stays so.
    Taken(Holder),
}

/// Gives an object that exists upstream to a tenant, or shares it. Caps count it and do not prevent
/// it: it is there.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn adopt(
    store: &mut dyn Store,
    object: &Uuid,
    kind: &Arc<str>,
    holder: &Holder,
    at: Moment,
) -> Stored<Adopted> {
    if let Some(known) = store.object(object)? {
        let same = known.holder == *holder;
        return Ok(if same { Adopted::Already } else { Adopted::Taken(known.holder) });
    }
    let fact = Fact::Adopt { object: *object, object_kind: kind.clone(), holder: holder.clone() };
    store.write(at, &Entry { fact, postings: count(kind, holder, 1) })?;
    Ok(Adopted::New)
}

/// The object is gone: its place under the cap is free. Minutes of a job that was not settled yet
/// are charged as they were reserved.
///
/// Returns whether it was there.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn delete(store: &mut dyn Store, object: &Uuid, at: Moment) -> Stored<bool> {
    let Some(Object { kind, holder, reservation }) = store.object(object)? else {
        return Ok(false);
    };
    if let Some(reservation) = reservation {
        settle(store, &reservation, None, Why::Deleted, at)?;
    }
    let postings = count(&kind, &holder, -1);
    store.write(at, &Entry { fact: Fact::Delete { object: *object }, postings })?;
    Ok(true)
}

/// What is shared counts against the account alone.
fn count(kind: &Arc<str>, holder: &Holder, used: i64) -> Vec<Posting> {
    let mut payers = vec![Payer::Account];
    if let Holder::Tenant(tenant) = holder {
        payers.push(Payer::Tenant(tenant.clone()));
    }
    let posting = |payer| Posting {
        payer,
        meter: Meter::Objects(kind.clone()),
        period: Moment(0),
        granted: 0,
        used,
        held: 0,
    };
    payers.into_iter().map(posting).collect()
}
