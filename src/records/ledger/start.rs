//! What is put right before a gateway serves?

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

use super::close::lose;
use crate::records::state::{Reservation, State};
use crate::records::store::{Store, Stored};
use crate::records::words::Moment;

/// How many reservations are closed in one step.
const PIECE: usize = 1000;
/// Longer than a job in progress ever waits to be asked about: a plan beyond it was made by a clock
/// that was ahead.
const LONGEST_PLAN: Duration = Duration::from_secs(3600);

/// At start nothing is on its way: what is open was cut off by the end of the process before.
///
/// Returns how many there were; when it is none, all is done.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn lose_open(store: &mut dyn Store, at: Moment) -> Stored<usize> {
    let open = store.in_state(State::Open, PIECE)?;
    for reservation in &open {
        lose(store, &reservation.opening.reservation, at)?;
    }
    Ok(open.len())
}

/// Plans every job that nobody would ask about: the agenda is no part of the journal, so that no
/// recount finds out what is missing from it, and its minutes would stay held for good.
///
/// Returns how many there were.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn reschedule(store: &mut dyn Store, at: Moment) -> Stored<usize> {
    let id = |reservation: &Reservation| reservation.opening.reservation;
    let due = store.due(at.later(LONGEST_PLAN), usize::MAX)?;
    let planned: HashSet<Uuid> = due.iter().map(|(reservation, _)| id(reservation)).collect();
    let bound = store.in_state(State::Bound, usize::MAX)?;
    let missing: Vec<Uuid> = bound.iter().map(id).filter(|id| !planned.contains(id)).collect();
    for id in &missing {
        store.schedule(id, Some((at, 0)))?;
    }
    Ok(missing.len())
}
