//! Which keys are there, those of the file and those that were issued, and which of them are valid?

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::authenticate::Switch;
use crate::config::Settings;
use crate::key::KeyDigest;
use crate::records::{IssuedKey, Moment};

/// One key, without anything that could open the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: Arc<str>,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// Whether it opens the gateway.
    pub state: State,
    /// Where it is set.
    pub source: String,
    /// From when on it is refused.
    pub expires: Option<Moment>,
    /// The operator's words.
    pub note: Option<Arc<str>>,
}

/// Whether a key opens the gateway, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It opens the gateway.
    Valid,
    /// Valid for the overlap: another key takes its place.
    ReplacedUntil(Moment),
    /// Its time is over.
    Expired,
    /// It was switched off.
    Revoked,
    /// It, or its tenant, is switched off in the file.
    Disabled,
    /// The configuration does not have its tenant.
    WithoutTenant,
    /// The same key stands in the file, and what the file says holds.
    SetByFile,
}

impl State {
    /// Whether it opens the gateway now.
    pub fn is_valid(self) -> bool {
        matches!(self, Self::Valid | Self::ReplacedUntil(_))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::ReplacedUntil(end) => write!(f, "replaced until {end}"),
            Self::Expired => f.write_str("expired"),
            Self::Revoked => f.write_str("revoked"),
            Self::Disabled => f.write_str("disabled"),
            Self::WithoutTenant => f.write_str("tenant unknown"),
            Self::SetByFile => f.write_str("set by the file"),
        }
    }
}

/// All keys: by tenant those of the file, then those that were issued, the oldest first.
pub fn keys(settings: &Settings, issued: &[IssuedKey], now: Moment) -> Vec<Key> {
    let tenants = &settings.authenticate.tenants;
    let in_file: HashSet<KeyDigest> =
        tenants.iter().flat_map(|tenant| tenant.keys.iter().map(|key| key.digest)).collect();
    let mut found = Vec::new();
    for tenant in tenants {
        let keys = tenant.keys.iter().map(|key| {
            let expires = key.expires.map(moment);
            let is_off = [key.state, tenant.state].contains(&Switch::Disabled);
            let state = match expires {
                _ if is_off => State::Disabled,
                Some(expires) if expires <= now => State::Expired,
                _ => State::Valid,
            };
            let place = settings.places.key(&key.id);
            Key {
                id: Arc::clone(&key.id),
                tenant: Arc::clone(&tenant.id),
                state,
                source: place.map_or_else(|| "file".to_owned(), ToString::to_string),
                expires,
                note: None,
            }
        });
        found.extend(keys);
    }
    found.extend(issued.iter().map(|key| {
        let tenant = tenants.iter().find(|tenant| tenant.id == key.tenant);
        let digest = KeyDigest::from_hex(&key.sha256);
        let state = match tenant {
            _ if digest.is_some_and(|digest| in_file.contains(&digest)) => State::SetByFile,
            None => State::WithoutTenant,
            Some(tenant) if tenant.state == Switch::Disabled => State::Disabled,
            Some(_) => of_issued(key, now),
        };
        Key {
            id: Arc::clone(&key.key),
            tenant: Arc::clone(&key.tenant),
            state,
            source: "records".to_owned(),
            expires: key.expires,
            note: (!key.note.is_empty()).then(|| Arc::clone(&key.note)),
        }
    }));
    found.sort_by_key(|key| {
        tenants.iter().position(|tenant| tenant.id == key.tenant).unwrap_or(usize::MAX)
    });
    found
}

/// Whether an issued key is valid, its tenant aside.
pub fn of_issued(key: &IssuedKey, now: Moment) -> State {
    match (key.revoked, key.expires, &key.successor) {
        (Some(_), _, _) => State::Revoked,
        (None, Some(expires), _) if expires <= now => State::Expired,
        (None, Some(expires), Some(_)) => State::ReplacedUntil(expires),
        (None, _, _) => State::Valid,
    }
}

fn moment(time: SystemTime) -> Moment {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment(0).later(since)
}

#[cfg(test)]
mod tests {
    use crate::config::{Sources, load};

    use super::*;

    const NOW: Moment = Moment(1_790_000_000_000);

    fn issued(id: &str, tenant: &str) -> IssuedKey {
        IssuedKey {
            key: id.into(),
            tenant: tenant.into(),
            sha256: KeyDigest::of(id.as_bytes()).to_string().into(),
            note: "".into(),
            created: Moment(0),
            expires: None,
            revoked: None,
            successor: None,
        }
    }

    fn settings() -> Settings {
        let file = "upstream.url = 'http://h'\nupstream.api_key = 'the-central-key'\n\
            [[tenants]]\nid = 'a'\nkeys = [{ key = 'a-key-of-16-letters' }, \
            { key = 'b-key-of-16-letters', expires = '2001-01-01T00:00:00Z' }]\n\
            [[tenants]]\nid = 'off'\ndisabled = true\nkeys = [{ key = 'c-key-of-16-letters' }]\n";
        let nothing: [(&str, &str); 0] = [];
        let read_file = |_: &std::path::Path| Ok(file.as_bytes().to_vec());
        let sources =
            Sources { read_file: &read_file, ..Sources::new(Some("g.toml".into()), nothing) };
        load(&sources).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    #[test]
    fn each_key_has_its_source_and_its_state() {
        let mut replaced = issued("replaced", "a");
        (replaced.successor, replaced.expires) = (Some("k".into()), Some(Moment(NOW.0 + 1)));
        let mut over = replaced.clone();
        (over.key, over.expires) = ("over".into(), Some(NOW));
        let mut revoked = issued("revoked", "a");
        revoked.revoked = Some(NOW);
        let mut same = issued("same", "a");
        same.sha256 = KeyDigest::of(b"a-key-of-16-letters").to_string().into();
        let all = [issued("lone", "gone"), replaced, over, revoked, same, issued("off-k1", "off")];
        let found = keys(&settings(), &all, NOW);
        let states: Vec<_> =
            found.iter().map(|key| format!("{} {} {}", key.id, key.source, key.state)).collect();
        assert_eq!(
            states,
            [
                "a-1 g.toml:5:9 valid",
                "a-2 g.toml:5:42 expired",
                "replaced records replaced until 2026-09-21T14:13:20Z",
                "over records expired",
                "revoked records revoked",
                "same records set by the file",
                "off-1 g.toml:9:9 disabled",
                "off-k1 records disabled",
                "lone records tenant unknown",
            ]
        );
        assert_eq!(found.iter().filter(|key| key.state.is_valid()).count(), 2);
    }
}
