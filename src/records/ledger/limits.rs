//! How are limits changed and lifted, and who did what?

use crate::records::change::{Audited, Limit, Override};
use crate::records::entry::{Entry, Fact};
use crate::records::store::{Store, Stored};
use crate::records::words::Moment;

/// Changes a limit. Returns what was changed to before.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn change_limit(store: &mut dyn Store, to: &Override) -> Stored<Option<Override>> {
    let before = find(store, &to.tenant, &to.limit)?;
    let same =
        before.as_ref().is_some_and(|before| Override { made: to.made, ..before.clone() } == *to);
    // Done again, it is no further change.
    if !same {
        store.write(to.made, &Entry::plain(Fact::Override(to.clone())))?;
    }
    Ok(before)
}

/// Lets a limit be again what the configuration says. `None`: it was not changed.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn lift_limit(
    store: &mut dyn Store,
    tenant: &str,
    limit: &Limit,
    at: Moment,
) -> Stored<Option<Override>> {
    let Some(before) = find(store, tenant, limit)? else { return Ok(None) };
    let (tenant, limit) = (before.tenant.clone(), before.limit.clone());
    store.write(at, &Entry::plain(Fact::Lift { tenant, limit }))?;
    Ok(Some(before))
}

fn find(store: &mut dyn Store, tenant: &str, limit: &Limit) -> Stored<Option<Override>> {
    let all = store.overrides()?;
    Ok(all.into_iter().find(|one| &*one.tenant == tenant && one.limit == *limit))
}

/// Keeps who did what.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn audit(store: &mut dyn Store, audited: Audited, at: Moment) -> Stored<()> {
    store.write(at, &Entry::plain(Fact::Audit(audited)))
}
