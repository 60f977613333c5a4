//! Is a tenant's key one that can be used, and is it nobody else's?

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::field::Field;
use super::places::Places;
use super::problem::{Place, shown};
use super::reader::Section;
use super::server::{UNSENDABLE, is_sendable};
use super::tenants::switch;
use crate::authenticate::KeySettings;
use crate::key::{KeyDigest, KeyShape, LONGEST, SHORTEST, shape};

/// All keys so far.
pub(crate) struct FoundKeys {
    central: Option<KeyDigest>,
    digests: HashMap<KeyDigest, (String, Place)>,
    ids: HashSet<String>,
    pub(crate) places: Places,
}

impl FoundKeys {
    /// None yet, but one that no tenant may have.
    pub(crate) fn new(central_key: &str) -> Self {
        let central = (!central_key.is_empty()).then(|| KeyDigest::of(central_key.as_bytes()));
        let (digests, ids, places) = (HashMap::new(), HashSet::new(), Places::default());
        Self { central, digests, ids, places }
    }
}

/// Reads one key of a tenant.
pub(crate) fn key(
    mut section: Section<'_>,
    default_id: String,
    now: SystemTime,
    found: &mut FoundKeys,
) -> Option<KeySettings> {
    let (report, place) = (section.report, section.place.clone());
    let id_field = section.take("id");
    let id_place = id_field.as_ref().map_or(&place, |field| field.place()).clone();
    let given = id_field.and_then(|field| field.parsed(parse_id));
    // A made id is taken only where its tenant's id is: that mistake is told there.
    let is_given = given.is_some();
    let id = given.unwrap_or(default_id);
    if !found.ids.insert(id.clone()) && is_given {
        let message = format!("{}: another key has the id {}", section.key("id"), shown(&id));
        report.problem(&id_place, message);
    }
    let expires = section.take("expires").and_then(|field| expires(field, now));
    let state = switch(section.take("disabled"));
    let digest = digest(&mut section);
    let own_key = section.own_key().to_owned();
    section.finish();
    let id: Arc<str> = id.into();
    found.places.add_key(&id, place);
    let (digest, place) = digest?;
    if found.central == Some(digest) {
        report.problem(&place, format!("{own_key}: is the central key, which no tenant may have"));
    }
    if let Some((other, first)) = found.digests.get(&digest) {
        report.problem(&place, format!("{own_key}: the same key as {other} ({first})"));
        return None;
    }
    found.digests.insert(digest, (own_key, place));
    Some(KeySettings { id, digest, expires, state })
}

/// The digest, given as such, or of a key that is given; and where.
fn digest(section: &mut Section<'_>) -> Option<(KeyDigest, Place)> {
    let ways = ["sha256", "key", "key_file"].map(|name| section.is_given(name));
    let (report, place) = (section.report, section.place.clone());
    let sha256 = section.take("sha256");
    let own_key = section.own_key().to_owned();
    match ways {
        [false, false, false] => {
            // The other two names are known, too.
            section.secret("key", "key_file");
            report.missing(&place, format!("{own_key}: needs one of sha256, key and key_file"));
            return None;
        }
        [true, true, _] | [true, _, true] => {
            section.secret("key", "key_file");
            report.problem(&place, format!("{own_key}: give either sha256, key or key_file"));
            return None;
        }
        _ => {}
    }
    let secret = section.secret("key", "key_file");
    if let Some(field) = sha256 {
        return of_hex(field, "key");
    }
    let found = secret?;
    let text = found.secret.expose();
    let unsendable = || (!is_sendable(text)).then(|| UNSENDABLE.to_owned());
    match complaint(text).or_else(unsendable) {
        None => Some((KeyDigest::of(text.as_bytes()), found.place)),
        Some(complaint) => {
            report.problem(&found.place, format!("{}: {complaint}", found.key));
            None
        }
    }
}

/// What is wrong with a text that is to be a key or a token.
pub(crate) fn complaint(text: &str) -> Option<String> {
    match shape(text.as_bytes()) {
        KeyShape::Impossible => {
            Some(format!("must have {SHORTEST} characters at least and {LONGEST} bytes at most"))
        }
        KeyShape::Mistyped => {
            let typing =
                "starts with `hgw_`, but its checksum is wrong: a typing error, or cut off";
            Some(typing.to_owned())
        }
        KeyShape::Gateway | KeyShape::Foreign => None,
    }
}

/// The digest of a `secret`, a key or a token. The value is not shown: people write the secret itself
/// here.
pub(crate) fn of_hex(field: Field<'_>, secret: &str) -> Option<(KeyDigest, Place)> {
    let (report, place) = (field.report, field.place().clone());
    let key = field.key().to_owned();
    let digest = KeyDigest::from_hex(&field.text()?);
    if digest.is_none() {
        let message = format!("must be the 64 hexadecimal digits of the {secret}'s SHA-256");
        report.problem(&place, format!("{key}: {message}"));
    }
    Some((digest?, place))
}

/// When a key expires: an instant, so the offset must be there.
fn expires(field: Field<'_>, now: SystemTime) -> Option<SystemTime> {
    let (text, field) = field.datetime()?;
    let Ok(instant) = text.parse::<jiff::Timestamp>() else {
        let expected = "must be a date and time as in RFC 3339 such as \"2030-01-31T00:00:00Z\"";
        field.wrong(&format!("{expected}, not {}", shown(&text)));
        return None;
    };
    let instant = SystemTime::from(instant);
    if instant <= now {
        field.warn("the key has expired");
    }
    Some(instant)
}

fn parse_id(text: &str) -> Result<String, String> {
    let plain = !text.trim().is_empty() && !text.contains(char::is_control);
    if plain { Ok(text.to_owned()) } else { Err("must be a text on one line".to_owned()) }
}
