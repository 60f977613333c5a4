//! How are minutes reserved and charged, and what is said when a month is used up?

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::field::Field;
use super::reader::Section;
use crate::quota::{LONGEST_AUDIO, Minutes, Policy, Rounding, Settle, WhenRecordsFail};
use crate::records::AudioMillis;

/// From a second to the longest audio that there is.
const ESTIMATE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_millis(LONGEST_AUDIO.0.unsigned_abs());
/// From an hour, for jobs take a while, to a year.
const UNRESOLVED: RangeInclusive<Duration> =
    Duration::from_secs(3600)..=Duration::from_secs(8760 * 3600);
/// Asking more often would take the tenants' turns.
const PER_MINUTE: RangeInclusive<u32> = 1..=500;

/// Reads `[minutes]`.
pub(crate) fn minutes(mut section: Section<'_>) -> (Minutes, Settle) {
    let estimate = estimate(&mut section);
    let roundings =
        [("none", Rounding::None), ("second", Rounding::Second), ("minute", Rounding::Minute)];
    let rounding = section.take("rounding").and_then(|field| field.word(&roundings));
    let per_minute = section.take("settle_per_minute").and_then(|field| field.integer(PER_MINUTE));
    let deadline = section.duration("deadline", UNRESOLVED);
    let policies = [("charge", Policy::Charge), ("release", Policy::Release)];
    let policy = section.take("policy").and_then(|field| field.word(&policies));
    section.finish();
    let (minutes, settle) = (Minutes::default(), Settle::default());
    let minutes = Minutes {
        estimate: estimate.unwrap_or(minutes.estimate),
        rounding: rounding.unwrap_or(minutes.rounding),
    };
    let settle = Settle {
        per_minute: per_minute.and_then(NonZeroU32::new).unwrap_or(settle.per_minute),
        deadline: deadline.unwrap_or(settle.deadline),
        policy: policy.unwrap_or(settle.policy),
    };
    (minutes, settle)
}

/// What is reserved for a job of unknown length: an estimate, or strictly the longest audio.
fn estimate(section: &mut Section<'_>) -> Option<AudioMillis> {
    let field = section.take("estimate");
    let estimate_place = field.as_ref().map(|field| field.place().clone());
    let estimate = field.and_then(|field| field.duration(ESTIMATE));
    let strict = section.take("strict");
    let strict_place = strict.as_ref().map(|field| field.place().clone());
    if strict.and_then(Field::boolean) != Some(true) {
        let millis = i64::try_from(estimate?.as_millis()).ok()?;
        return Some(AudioMillis(millis));
    }
    if let (Some(estimate), Some(strict)) = (estimate_place, strict_place) {
        let message = "is true, which reserves the longest audio: do not give estimate, too";
        let message = format!("{}: {message}", section.key("strict"));
        section.report.problem((&estimate).max(&strict), message);
    }
    Some(LONGEST_AUDIO)
}

/// Reads `[quota]`: the longest `Retry-After` of a used-up month, and what becomes of calls while they
/// cannot be counted.
pub(crate) fn quota(mut section: Section<'_>) -> (Option<Duration>, WhenRecordsFail) {
    const A_MONTH: Duration = Duration::from_secs(31 * 24 * 3600);
    let longest = section.duration("longest_retry_after", Duration::from_secs(1)..=A_MONTH);
    let words = [("closed", WhenRecordsFail::Closed), ("open", WhenRecordsFail::Open)];
    let fails = section.take("when_records_fail").and_then(|field| field.word(&words));
    section.finish();
    (longest, fails.unwrap_or_default())
}
