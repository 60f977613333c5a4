//! What do the extensions of an operation say?
//!
//! Each reader takes the whole extension apart: a member that it does not know is a mistake, so
//! that a misspelled limit never reads as no limit.

use std::num::NonZeroU32;
use std::time::Duration;

use super::endpoint::{Answer, Cap, Effect, Kind};
use super::source::{Data, Entry, Mistakes, Node, Place};
use crate::rate::Rate;

/// The extensions that exist, for the mistake that names an unknown one.
pub(super) const KNOWN: &[&str] = &[
    "x-gateway-limits",
    "x-gateway-effect",
    "x-gateway-cap",
    "x-gateway-key-proof",
    "x-gateway-answer",
    "x-gateway-id",
    "x-gateway-message",
    "x-gateway-rule",
    "x-gateway-trimmed-length",
    "x-gateway-audio-url",
];

/// One extension that is being read.
pub(super) struct Extension<'d, 'm> {
    entry: &'d Entry,
    mistakes: &'m mut Mistakes,
}

impl<'d, 'm> Extension<'d, 'm> {
    /// Opens an extension whose members can only be those in `known`.
    pub(super) fn open(entry: &'d Entry, known: &[&str], mistakes: &'m mut Mistakes) -> Self {
        mistakes.mark_read(entry);
        if !entry.value.is_map() {
            let expected = format!("{}: expected a mapping of {}", entry.key, known.join(", "));
            mistakes.add(entry.value.place, expected);
        }
        for member in entry.value.entries() {
            if !known.contains(&&*member.key) {
                let message =
                    format!("{}: unknown {}; known: {}", entry.key, member.key, known.join(", "));
                mistakes.add(member.place, message);
            }
        }
        Self { entry, mistakes }
    }

    fn wrong(&mut self, place: Place, message: &str) {
        self.mistakes.add(place, format!("{}: {message}", self.entry.key));
    }

    fn number(&mut self, key: &str) -> Option<NonZeroU32> {
        let node = self.entry.value.member(key)?;
        let number = match node.data {
            Data::Integer(integer) => u32::try_from(integer).ok().and_then(NonZeroU32::new),
            _ => None,
        };
        if number.is_none() {
            self.wrong(node.place, &format!("{key} must be a whole number of at least 1"));
        }
        number
    }

    fn text(&mut self, key: &str) -> Option<&'d str> {
        let node = self.entry.value.member(key)?;
        let text = node.text().filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong(node.place, &format!("{key} must be a text"));
        }
        text
    }

    fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.entry.value.member(key).map(|node| (&node.data, node.place)) {
            None => default,
            Some((Data::Boolean(flag), _)) => *flag,
            Some((_, place)) => {
                self.wrong(place, &format!("{key} must be true or false"));
                default
            }
        }
    }

    fn duration(&mut self, key: &str) -> Option<Duration> {
        let text = self.text(key)?;
        let duration = duration(text);
        if duration.is_none() {
            let place = self.entry.value.member(key).map_or(self.entry.place, |node| node.place);
            self.wrong(place, &format!("{key} must be a time such as 90s, 500ms or 2m"));
        }
        duration
    }

    /// A JSON Pointer (RFC 6901) in its text form.
    fn pointer(&mut self, key: &str) -> Option<Box<str>> {
        let node = self.entry.value.member(key)?;
        let text = node.text().filter(|text| {
            let escapes = text.split('~').skip(1);
            text.starts_with('/') && escapes.clone().all(|rest| rest.starts_with(['0', '1']))
        });
        if text.is_none() {
            self.wrong(node.place, &format!("{key} must be a JSON Pointer such as /data/id"));
        }
        text.map(Into::into)
    }
}

/// `x-gateway-limits`: the rate and the monthly quota.
pub(super) fn limits(entry: &Entry, mistakes: &mut Mistakes) -> (Option<Rate>, Option<NonZeroU32>) {
    let mut limits = Extension::open(entry, &["rate", "burst", "monthly"], mistakes);
    let rate = match (limits.number("rate"), limits.number("burst")) {
        (Some(per_minute), Some(burst)) => Some(Rate { per_minute, burst }),
        _ => None,
    };
    if entry.value.entry("rate").is_some() != entry.value.entry("burst").is_some() {
        limits.wrong(entry.value.place, "rate and burst belong together");
    }
    (rate, limits.number("monthly"))
}

/// `x-gateway-effect`: what a call does.
pub(super) fn effect(entry: &Entry, mistakes: &mut Mistakes) -> Option<Effect> {
    let known = ["kind", "object", "spends_minutes", "repeatable", "timeout"];
    let mut effect = Extension::open(entry, &known, mistakes);
    let Some(node) = entry.value.member("kind") else {
        effect.wrong(entry.value.place, "kind is missing");
        return None;
    };
    let kind = match node.text() {
        Some("creates") => Kind::Creates,
        Some("reads") => Kind::Reads,
        Some("lists") => Kind::Lists,
        Some("changes") => Kind::Changes,
        Some("deletes") => Kind::Deletes,
        Some("analyzes") => Kind::Analyzes,
        _ => {
            let kinds = "kind must be creates, reads, lists, changes, deletes or analyzes";
            effect.wrong(node.place, kinds);
            return None;
        }
    };
    Some(Effect {
        kind,
        object: effect.text("object").map(Into::into),
        spends_minutes: effect.flag("spends_minutes", false),
        // Only what changes nothing is safe to send twice, unless the document knows better.
        repeatable: effect.flag("repeatable", matches!(kind, Kind::Reads | Kind::Lists)),
        timeout: effect.duration("timeout"),
    })
}

/// `x-gateway-cap`: how many objects an account may hold.
pub(super) fn cap(entry: &Entry, mistakes: &mut Mistakes) -> Option<Cap> {
    let mut cap = Extension::open(entry, &["most", "message"], mistakes);
    if entry.value.is_map() && entry.value.entry("most").is_none() {
        cap.wrong(entry.value.place, "most is missing");
    }
    let message = cap.text("message").map(Into::into);
    Some(Cap { most: cap.number("most")?, message })
}

/// `x-gateway-key-proof`: the body that asks for nothing but whether the key is taken.
pub(super) fn key_proof(entry: &Entry, mistakes: &mut Mistakes) -> Option<serde_json::Value> {
    let mut proof = Extension::open(entry, &["body"], mistakes);
    let body = entry.value.member("body");
    if entry.value.is_map() && body.is_none() {
        proof.wrong(entry.value.place, "body is missing");
    }
    body.map(Node::to_json)
}

/// `x-gateway-answer`: where a successful answer carries what.
pub(super) fn answer(entry: &Entry, mistakes: &mut Mistakes) -> Answer {
    let known = [
        "id",
        "items",
        "count",
        "item_id",
        "status",
        "completed",
        "failed",
        "duration",
        "upload_url",
    ];
    let mut answer = Extension::open(entry, &known, mistakes);
    Answer {
        id: answer.pointer("id"),
        items: answer.pointer("items"),
        count: answer.pointer("count"),
        item_id: answer.pointer("item_id"),
        status: answer.pointer("status"),
        completed: answer.text("completed").map(Into::into),
        failed: answer.text("failed").map(Into::into),
        duration: answer.pointer("duration"),
        upload_url: answer.pointer("upload_url"),
    }
}

/// A whole number with its unit; zero is no time to wait for anything.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number = u64::from(number.parse::<u32>().ok().filter(|number| *number > 0)?);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        for bad in ["", "90", "s", "0s", "-1s", "1.5s", "1h", "99999999999s", "9 s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
