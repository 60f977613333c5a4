//! May an announced upload begin, and what becomes of one that never does?

use std::time::Duration;

use uuid::Uuid;

use super::amend::{Amended, amend};
use super::charge::Charge;
use super::close::release;
use super::reserve::Denied;
use crate::key::KeyDigest;
use crate::records::entry::Why;
use crate::records::state::State;
use crate::records::store::{Store, Stored};
use crate::records::upload::{Upload, UploadState};
use crate::records::words::Moment;

/// For how long an upload that has expired is remembered, so that whoever comes late hears why.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Whether an upload may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It may: from now on nobody takes it for one that never happened.
    Begun,
    /// Storage has taken it already.
    Done,
    /// Its time is over, or its job is.
    Over,
}

/// Holds what an upload costs, and notes that it is about to be sent, both or neither. `None`: the
/// minutes of the tenant are not counted.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn begin_upload(
    store: &mut dyn Store,
    token: &KeyDigest,
    charge: Option<&Charge>,
    at: Moment,
) -> Stored<Result<Begun, Denied>> {
    let Some(upload) = store.upload(token)? else { return Ok(Ok(Begun::Over)) };
    match upload.state {
        UploadState::Done => return Ok(Ok(Begun::Done)),
        UploadState::Ended => return Ok(Ok(Begun::Over)),
        UploadState::Waiting | UploadState::Sent => {}
    }
    if let Some(charge) = charge {
        match amend(store, &upload.reservation, charge, at)? {
            Ok(Amended::Held) => {}
            Ok(Amended::Closed) => return Ok(Ok(Begun::Over)),
            Err(denied) => return Ok(Err(denied)),
        }
    }
    store.put_upload(&Upload { state: UploadState::Sent, ..upload })?;
    Ok(Ok(Begun::Begun))
}

/// Notes how an upload ended that was sent.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn end_upload(store: &mut dyn Store, token: &KeyDigest, state: UploadState) -> Stored<()> {
    let sent = store.upload(token)?.filter(|upload| upload.state == UploadState::Sent);
    sent.map_or(Ok(()), |upload| store.put_upload(&Upload { state, ..upload }))
}

/// Releases what uploads hold that never happened, and forgets those whose time is long over.
///
/// Only a client that was announced one knows where to put the file, and only through the gateway: when its
/// time is over and nothing was sent, its job never begins.
///
/// Returns the objects whose reservations were closed.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn expire_uploads(store: &mut dyn Store, now: Moment, most: usize) -> Stored<Vec<Uuid>> {
    let mut objects = Vec::new();
    for upload in store.expiring(now, Some(UploadState::Waiting), most)? {
        let reservation = store.reservation(&upload.reservation)?;
        // Its call is still on its way: there is something to write about it yet.
        if reservation.as_ref().is_some_and(|one| one.state == State::Open) {
            continue;
        }
        release(store, &upload.reservation, Why::NeverUploaded, now)?;
        store.put_upload(&Upload { state: UploadState::Ended, ..upload })?;
        objects.extend(reservation.and_then(|one| one.object));
    }
    for upload in store.expiring(now.earlier(REMEMBERED), None, most)? {
        if upload.state != UploadState::Waiting {
            store.remove_upload(&upload.token)?;
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::entry::Opening;
    use crate::records::ledger::{self, MinutesLimit, Reserve, bind};
    use crate::records::{AudioMillis, Calendar, Memory, Meter, Payer};

    const NOW: Moment = Moment(1_790_000_000_000);
    const LATER: Moment = Moment(NOW.0 + 300_001);
    const JOB: Uuid = Uuid::from_u128(1);
    const OBJECT: Uuid = Uuid::from_u128(9);

    fn charge(minutes: i64) -> Charge {
        let monthly = MinutesLimit::Monthly(AudioMillis(100));
        Charge::Minutes { amount: AudioMillis(minutes), tenant: monthly, account: monthly }
    }

    fn token() -> KeyDigest {
        KeyDigest::of(b"token")
    }

    /// An upload that was announced, and whose call is answered where `bound` says so.
    fn announced(bound: bool) -> Memory {
        let mut store = Memory::default();
        let opening = Opening {
            reservation: JOB,
            tenant: "acme".into(),
            label: None,
            key: "acme-1".into(),
            endpoint: "/work".into(),
            request: "r".into(),
            creates: Some("job".into()),
            minutes: Some(AudioMillis(60)),
            upload: true,
        };
        let (tenant_calendar, account_calendar) = (Calendar::default(), Calendar::default());
        let charges = vec![charge(60)];
        let reserve = Reserve { opening, at: NOW, tenant_calendar, account_calendar, charges };
        assert!(ledger::reserve(&mut store, &reserve).unwrap().is_ok());
        if bound {
            assert!(bind(&mut store, &JOB, &OBJECT, NOW, NOW).unwrap());
        }
        let upload = Upload {
            token: token(),
            tenant: "acme".into(),
            reservation: JOB,
            expires: Moment(NOW.0 + 300_000),
            address: vec![1].into(),
            state: UploadState::Waiting,
        };
        store.put_upload(&upload).unwrap();
        store
    }

    fn state(store: &mut Memory) -> Option<UploadState> {
        store.upload(&token()).unwrap().map(|upload| upload.state)
    }

    fn held(store: &mut Memory) -> i64 {
        let month = Calendar::default().month(NOW).start;
        store.balance(&Payer::Account, &Meter::Minutes, month).unwrap().held
    }

    #[test]
    fn what_never_happened_is_free_once_its_time_is_over() {
        let mut store = announced(true);
        assert_eq!(expire_uploads(&mut store, NOW, 9).unwrap(), Vec::<Uuid>::new());
        assert_eq!(held(&mut store), 60);
        assert_eq!(expire_uploads(&mut store, LATER, 9).unwrap(), [OBJECT]);
        assert_eq!((held(&mut store), state(&mut store)), (0, Some(UploadState::Ended)));
        let why = store.reservation(&JOB).unwrap().unwrap().why;
        assert_eq!(why, Some(Why::NeverUploaded));
        let late = begin_upload(&mut store, &token(), Some(&charge(1)), LATER).unwrap();
        assert_eq!(late, Ok(Begun::Over));
        expire_uploads(&mut store, LATER.later(REMEMBERED), 9).unwrap();
        assert_eq!(state(&mut store), None);
    }

    #[test]
    fn what_may_have_happened_stays_held() {
        for end in [None, Some(UploadState::Sent), Some(UploadState::Done)] {
            let mut store = announced(true);
            let begun = begin_upload(&mut store, &token(), Some(&charge(70)), NOW).unwrap();
            assert_eq!((begun, held(&mut store)), (Ok(Begun::Begun), 70));
            if let Some(end) = end {
                end_upload(&mut store, &token(), end).unwrap();
            }
            assert_eq!(expire_uploads(&mut store, LATER, 9).unwrap(), Vec::<Uuid>::new());
            assert_eq!(held(&mut store), 70, "{end:?}");
        }
    }

    #[test]
    fn what_was_broken_off_may_begin_again_and_what_storage_has_may_not() {
        let mut store = announced(true);
        let begin =
            |store: &mut Memory| begin_upload(store, &token(), Some(&charge(70)), NOW).unwrap();
        assert_eq!(begin(&mut store), Ok(Begun::Begun));
        end_upload(&mut store, &token(), UploadState::Waiting).unwrap();
        assert_eq!(begin(&mut store), Ok(Begun::Begun));
        end_upload(&mut store, &token(), UploadState::Done).unwrap();
        assert_eq!(begin(&mut store), Ok(Begun::Done));
        // A late word of an earlier attempt changes nothing.
        end_upload(&mut store, &token(), UploadState::Waiting).unwrap();
        assert_eq!(state(&mut store), Some(UploadState::Done));
    }

    #[test]
    fn what_is_not_covered_does_not_begin_and_a_call_on_its_way_is_not_taken_for_over() {
        let mut store = announced(true);
        let denied = begin_upload(&mut store, &token(), Some(&charge(101)), NOW).unwrap();
        assert!(denied.is_err());
        assert_eq!((held(&mut store), state(&mut store)), (60, Some(UploadState::Waiting)));
        let mut store = announced(false);
        assert_eq!(expire_uploads(&mut store, LATER, 9).unwrap(), Vec::<Uuid>::new());
        assert_eq!((held(&mut store), state(&mut store)), (60, Some(UploadState::Waiting)));
    }
}
