//! What does the outcome of a call cost?

use uuid::Uuid;

use crate::records::entry::{Entry, Fact, Why};
use crate::records::state::{Reservation, State, is_minutes};
use crate::records::store::{Store, Stored};
use crate::records::words::{AudioMillis, Meter, Moment, Payer, Posting};

/// The call was answered, with an id where it creates something. Calls and objects are paid; minutes
/// wait for the end of the job, about which the upstream is first asked at `ask_at`.
///
/// Returns whether the reservation was open.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn bind(
    store: &mut dyn Store,
    id: &Uuid,
    object: &Uuid,
    ask_at: Moment,
    at: Moment,
) -> Stored<bool> {
    let Some(reservation) = in_state(store, id, &[State::Open, State::Lost])? else {
        return Ok(false);
    };
    // Whoever had the id first keeps it: an answer never moves an object from one tenant to another.
    let is_new = store.object(object)?.is_none();
    let postings = reservation.holds.iter().filter(|hold| !is_minutes(&hold.meter)).map(|hold| {
        let counts = is_new || !matches!(hold.meter, Meter::Objects(_));
        Posting { held: -hold.held, used: if counts { hold.held } else { 0 }, ..hold.clone() }
    });
    let entry = Entry {
        postings: postings.collect(),
        fact: Fact::Bind { reservation: *id, object: is_new.then_some(*object) },
    };
    store.write(at, &entry)?;
    if reservation.holds.iter().any(|hold| is_minutes(&hold.meter)) {
        store.schedule(id, Some((ask_at, 0)))?;
    }
    Ok(true)
}

/// The call or its job is paid: with the length of the audio and what is charged for it, else with
/// what was held. After a close by policy it is an adjustment.
///
/// Returns whether anything changed.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn settle(
    store: &mut dyn Store,
    id: &Uuid,
    audio: Option<(AudioMillis, AudioMillis)>,
    why: Why,
    at: Moment,
) -> Stored<bool> {
    let Some(reservation) = store.reservation(id)? else { return Ok(false) };
    if reservation.state.is_closed() {
        let Some((length, billed)) = audio else { return Ok(false) };
        return adjust(store, id, &reservation, Some(length), billed, at);
    }
    let billed = match audio {
        Some((_, billed)) => Some(billed),
        None => reservation.opening.minutes,
    };
    let postings = book(&reservation.holds, billed);
    let length = audio.map(|(length, _)| length);
    let entry = Entry { fact: Fact::Settle { reservation: *id, length, billed, why }, postings };
    store.write(at, &entry)?;
    forget_unless_asked_again(store, id, &reservation, why)?;
    Ok(true)
}

/// What was held is free again. After a close by policy it is an adjustment to nothing.
///
/// Returns whether anything changed.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn release(store: &mut dyn Store, id: &Uuid, why: Why, at: Moment) -> Stored<bool> {
    let Some(reservation) = store.reservation(id)? else { return Ok(false) };
    if reservation.state.is_closed() {
        return adjust(store, id, &reservation, None, AudioMillis(0), at);
    }
    let free = |hold: &Posting| Posting { held: -hold.held, ..hold.clone() };
    let postings = reservation.holds.iter().map(free).collect();
    store.write(at, &Entry { fact: Fact::Release { reservation: *id, why }, postings })?;
    forget_unless_asked_again(store, id, &reservation, why)?;
    Ok(true)
}

/// Nobody knows whether the upstream has done the call: it stays held.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn lose(store: &mut dyn Store, id: &Uuid, at: Moment) -> Stored<bool> {
    if in_state(store, id, &[State::Open])?.is_none() {
        return Ok(false);
    }
    store.write(at, &Entry::plain(Fact::Lose { reservation: *id }))?;
    Ok(true)
}

/// What was closed by policy may still turn out otherwise, where there is a job to ask about; a plan
/// without one would be due for good, and in the way of all others.
fn forget_unless_asked_again(
    store: &mut dyn Store,
    id: &Uuid,
    reservation: &Reservation,
    why: Why,
) -> Stored<()> {
    if reservation.object.is_some() && why == Why::Policy {
        return Ok(());
    }
    store.schedule(id, None)
}

fn in_state(store: &mut dyn Store, id: &Uuid, states: &[State]) -> Stored<Option<Reservation>> {
    let reservation = store.reservation(id)?;
    Ok(reservation.filter(|reservation| states.contains(&reservation.state)))
}

/// The true outcome of what was closed by policy takes the place of the assumed one.
fn adjust(
    store: &mut dyn Store,
    id: &Uuid,
    reservation: &Reservation,
    length: Option<AudioMillis>,
    billed: AudioMillis,
    at: Moment,
) -> Stored<bool> {
    if !reservation.awaits_outcome() {
        return Ok(false);
    }
    let assumed = reservation.billed.unwrap_or_default();
    let mut postings = Vec::new();
    for payer in payers(&reservation.holds) {
        let holds = minutes_of(&reservation.holds, &payer);
        let (before, after) = (shares(&holds, assumed.0), shares(&holds, billed.0));
        for ((hold, before), after) in holds.into_iter().zip(before).zip(after) {
            if before != after {
                postings.push(Posting { held: 0, used: after - before, ..hold.clone() });
            }
        }
    }
    let fact = Fact::Adjust { reservation: *id, length, billed };
    store.write(at, &Entry { fact, postings })?;
    store.schedule(id, None)?;
    Ok(true)
}

pub(super) fn payers(holds: &[Posting]) -> Vec<Payer> {
    let mut payers: Vec<Payer> = Vec::new();
    for hold in holds {
        if !payers.contains(&hold.payer) {
            payers.push(hold.payer.clone());
        }
    }
    payers
}

pub(super) fn minutes_of<'h>(holds: &'h [Posting], payer: &Payer) -> Vec<&'h Posting> {
    let own = holds.iter().filter(|hold| hold.payer == *payer && is_minutes(&hold.meter));
    own.collect()
}

/// Books all holds: calls as they are, minutes by what is charged. A place for an object is given
/// back: without an id nobody could ever delete what would take it.
fn book(holds: &[Posting], billed: Option<AudioMillis>) -> Vec<Posting> {
    let paid = |hold: &Posting, used| Posting { held: -hold.held, used, ..hold.clone() };
    let others = holds.iter().filter(|hold| !is_minutes(&hold.meter));
    let mut postings: Vec<Posting> = others
        .map(|hold| paid(hold, if matches!(hold.meter, Meter::Objects(_)) { 0 } else { hold.held }))
        .collect();
    for payer in payers(holds) {
        let minutes = minutes_of(holds, &payer);
        let held = minutes.iter().map(|hold| hold.held).sum();
        let used = shares(&minutes, billed.map_or(held, |billed| billed.0));
        postings.extend(minutes.into_iter().zip(used).map(|(hold, used)| paid(hold, used)));
    }
    postings
}

/// Who of a payer's holds pays how much: the first one first, and the last one what is above all.
fn shares(holds: &[&Posting], billed: i64) -> Vec<i64> {
    let mut left = billed;
    let share = |(index, hold): (usize, &&Posting)| {
        let used = if index + 1 == holds.len() { left } else { left.min(hold.held) };
        left -= used;
        used
    };
    holds.iter().enumerate().map(share).collect()
}
