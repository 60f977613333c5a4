//! What does an answer about a job mean, and when is it asked about again?

use std::time::Duration;

use crate::contract::Job;
use crate::quota::{Look, Policy, Settle};
use crate::records::{AudioMillis, Moment, Reservation, State, Why};

/// Until when an upload can begin: the lifetime of its address (docs.heify.com, request-upload-url),
/// and a quarter of an hour for an upload that began at its end.
const UPLOAD_WINDOW: Duration = Duration::from_secs(300 + 900);
/// The first waits, which double from one to the next.
const SHORTEST: Duration = Duration::from_secs(15);
/// The longest wait while a job may still be in progress.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// The wait for what was closed by policy, in case the upstream remembers it after all.
const AFTERWARDS: Duration = Duration::from_secs(6 * 60 * 60);

/// What is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The job is paid: the length of its audio.
    Settle(AudioMillis),
    /// The job costs nothing.
    Release(Why),
    /// Nobody told: charged as reserved.
    ChargeByPolicy,
    /// Nobody told, and nobody will be asked again.
    GiveUp,
    /// It is asked again then.
    AskAgain(Moment),
    /// It was not asked, for want of room in the account's rate: it is asked then.
    PutOff(Moment),
}

/// Decides about one reservation after an answer; `asked` counts the answers before this one.
pub fn outcome(
    reservation: &Reservation,
    look: Look,
    asked: u32,
    now: Moment,
    settings: &Settle,
) -> Outcome {
    let age = reservation.opened.until(now);
    match look {
        Look::Told(Job::Completed(Some(length))) => {
            return Outcome::Settle(AudioMillis(length));
        }
        Look::Told(Job::Failed) => return Outcome::Release(Why::Failed),
        Look::NotFound if reservation.opening.upload && age >= UPLOAD_WINDOW => {
            return Outcome::Release(Why::NeverUploaded);
        }
        // Nothing was learned, not even that there is nothing to learn.
        Look::NoRoom => return Outcome::PutOff(now.later(SHORTEST)),
        Look::Told(Job::Completed(None) | Job::Unfinished) | Look::NotFound | Look::Silent => {}
    }
    if reservation.state.is_closed() {
        let over = age >= settings.deadline.saturating_mul(2);
        return if over { Outcome::GiveUp } else { Outcome::AskAgain(now.later(AFTERWARDS)) };
    }
    by_policy(reservation, now, settings)
        .unwrap_or_else(|| Outcome::AskAgain(now.later(next_asked(asked))))
}

/// What is done with a reservation whose time is over, lost ones included.
pub(super) fn by_policy(
    reservation: &Reservation,
    now: Moment,
    settings: &Settle,
) -> Option<Outcome> {
    let open = matches!(reservation.state, State::Bound | State::Lost);
    let over = reservation.opened.until(now) >= settings.deadline;
    (open && over).then_some(match settings.policy {
        Policy::Charge => Outcome::ChargeByPolicy,
        Policy::Release => Outcome::Release(Why::Policy),
    })
}

/// How often a job of this age was asked about, if always as planned.
pub(super) fn asked_by(age: Duration) -> u32 {
    let mut left = age;
    let mut asked = 0;
    while let Some(rest) = left.checked_sub(next_asked(asked))
        && asked < 16
    {
        (left, asked) = (rest, asked + 1);
    }
    asked
}

/// The wait before a job is asked about again.
pub fn next_asked(asked: u32) -> Duration {
    SHORTEST.saturating_mul(1 << asked.min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::records::Opening;

    const HOUR: Duration = Duration::from_secs(3600);

    fn reservation(upload: bool, state: State) -> Reservation {
        let opening = Opening {
            reservation: Uuid::nil(),
            tenant: "acme".into(),
            label: None,
            key: "acme-1".into(),
            endpoint: "/work".into(),
            request: "r".into(),
            creates: Some("job".into()),
            minutes: Some(AudioMillis(600_000)),
            upload,
        };
        Reservation { state, ..Reservation::open(opening, &[], Moment(0)) }
    }

    fn decide(upload: bool, state: State, look: Look, age: Duration) -> Outcome {
        let now = Moment(0).later(age);
        outcome(&reservation(upload, state), look, 2, now, &Settle::default())
    }

    #[test]
    fn a_told_outcome_is_booked_at_any_age() {
        for state in [State::Bound, State::Settled] {
            let told = |job| decide(false, state, Look::Told(job), HOUR * 500);
            assert_eq!(told(Job::Completed(Some(7))), Outcome::Settle(AudioMillis(7)));
            assert_eq!(told(Job::Failed), Outcome::Release(Why::Failed));
        }
    }

    #[test]
    fn an_upload_that_never_happened_is_free_only_after_its_window() {
        let missing = |age| decide(true, State::Bound, Look::NotFound, Duration::from_secs(age));
        assert!(matches!(missing(1199), Outcome::AskAgain(_)));
        assert_eq!(missing(1200), Outcome::Release(Why::NeverUploaded));
        let running = Look::Told(Job::Unfinished);
        assert!(matches!(decide(true, State::Bound, running, HOUR), Outcome::AskAgain(_)));
        let submitted = decide(false, State::Bound, Look::NotFound, HOUR);
        assert!(matches!(submitted, Outcome::AskAgain(_)));
    }

    #[test]
    fn what_nobody_tells_is_closed_by_policy_after_the_deadline() {
        let silent = |age| decide(false, State::Bound, Look::Silent, age);
        assert!(matches!(silent(HOUR * 24 * 7 - HOUR), Outcome::AskAgain(_)));
        assert_eq!(silent(HOUR * 24 * 7), Outcome::ChargeByPolicy);
        let release = Settle { policy: Policy::Release, ..Settle::default() };
        let late = Moment(0).later(HOUR * 24 * 8);
        let lost = reservation(false, State::Lost);
        assert_eq!(by_policy(&lost, late, &release), Some(Outcome::Release(Why::Policy)));
        assert_eq!(by_policy(&reservation(false, State::Open), late, &release), None);
        assert_eq!(decide(false, State::Settled, Look::Silent, HOUR * 24 * 14), Outcome::GiveUp);
    }

    #[test]
    fn what_could_not_be_asked_is_neither_closed_nor_asked_less_often() {
        let soon = Moment(0).later(HOUR * 24 * 8 + SHORTEST);
        for state in [State::Bound, State::Settled] {
            let decided = decide(false, state, Look::NoRoom, HOUR * 24 * 8);
            assert_eq!(decided, Outcome::PutOff(soon));
        }
    }

    #[test]
    fn a_job_that_is_looked_at_keeps_the_waits_of_its_age() {
        let asked = |seconds| asked_by(Duration::from_secs(seconds));
        assert_eq!([asked(0), asked(14), asked(15), asked(45), asked(104)], [0, 0, 1, 2, 2]);
        assert_eq!(asked(u64::MAX / 2), 16);
    }

    #[test]
    fn the_waits_double_up_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> = (0..8).map(|asked| next_asked(asked).as_secs()).collect();
        assert_eq!(waits, [15, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(next_asked(u32::MAX), LONGEST);
    }
}
