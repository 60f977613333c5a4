//! May a tenant touch the objects that its request names?

use std::sync::Arc;

use uuid::Uuid;

use super::named::Named;
use crate::contract::{Endpoint, Kind};
use crate::records::Owner;
use crate::refusal::Refusal;

/// Judges the ids that a request names; `owners` are theirs, in the same order.
///
/// An id in a field of the contract must be of the field's kind, and the tenant's own or shared with
/// it. Any other id must only not be somebody else's. What is foreign and what does not exist get
/// the same answer.
///
/// # Errors
/// The refusal for the first id that the tenant may not name.
pub fn judge(
    named: &[Named],
    owners: &[Option<Arc<Owner>>],
    tenant: &str,
    endpoint: &Endpoint,
) -> Result<(), Refusal> {
    if named.len() != owners.len() {
        return Err(Refusal::Misassembled);
    }
    named.iter().zip(owners).try_for_each(|(named, owner)| one(named, owner, tenant, endpoint))
}

/// All refusals of a request, and not the first of them only.
pub(super) fn judge_all(
    named: &[Named],
    owners: &[Option<Arc<Owner>>],
    tenant: &str,
    endpoint: &Endpoint,
) -> Vec<(Box<str>, Refusal)> {
    let judged = named.iter().zip(owners).filter_map(|(named, owner)| {
        Some((named.field.clone(), one(named, owner, tenant, endpoint).err()?))
    });
    judged.collect()
}

fn one(
    named: &Named,
    owner: &Option<Arc<Owner>>,
    tenant: &str,
    endpoint: &Endpoint,
) -> Result<(), Refusal> {
    let unknown = || Refusal::UnknownId { field: named.field.clone() };
    let Some(owner) = owner else {
        // In an unknown place it may be no id at all, or one that the records never see.
        return if named.known.is_some() { Err(unknown()) } else { Ok(()) };
    };
    let is_held = owner.is_held_by(tenant);
    if !is_held && !owner.is_shared_with(tenant) {
        return Err(unknown());
    }
    if let Some(place) = named.known {
        let field = endpoint.ids.get(place).ok_or(Refusal::Misassembled)?;
        if *field.kind != *owner.kind {
            return Err(unknown());
        }
    }
    let effect = &endpoint.effect;
    let alters = matches!(effect.kind, Kind::Changes | Kind::Deletes | Kind::Analyzes);
    if !is_held && alters && effect.object.as_deref() == Some(&*owner.kind) {
        return Err(Refusal::SharedObject { field: named.field.clone() });
    }
    Ok(())
}

/// The job that a request reads and whose outcome nobody has seen.
pub(super) fn open_job(
    named: &[Named],
    owners: &[Option<Arc<Owner>>],
    endpoint: &Endpoint,
) -> Option<Uuid> {
    if endpoint.effect.kind != Kind::Reads {
        return None;
    }
    let open = |owner: &Option<Arc<Owner>>| owner.as_ref().is_some_and(|owner| owner.job_open);
    let mut pairs = named.iter().zip(owners);
    let (named, _) = pairs.find(|(named, owner)| named.known.is_some() && open(owner))?;
    named.id
}
