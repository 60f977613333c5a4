//! How does a browser stay signed in?

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use zeroize::Zeroizing;

use crate::key::KeyDigest;

/// The cookie's name.
pub(in crate::admin) const COOKIE: &str = "heify_gateway_session";
/// A night's shift.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// Nobody forgets a browser for longer.
const IDLE: Duration = Duration::from_secs(3600);
const MOST: u64 = 1_000;

/// The sessions of browsers, by the hash of their id: who reads the memory of this map cannot use it.
#[derive(Debug)]
pub(in crate::admin) struct Sessions(Cache<KeyDigest, Arc<str>>);

impl Sessions {
    pub(in crate::admin) fn new() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(LONGEST).time_to_idle(IDLE).build())
    }

    /// Opens a session for the holder of a token. Returns its id.
    pub(in crate::admin) fn open(
        &self,
        token: &Arc<str>,
    ) -> Result<Zeroizing<String>, getrandom::Error> {
        let id = crate::key::generate()?;
        self.0.insert(KeyDigest::of(id.as_bytes()), Arc::clone(token));
        Ok(id)
    }

    /// Whose session it is: the name of the token.
    pub(in crate::admin) fn holder(&self, id: &str) -> Option<Arc<str>> {
        self.0.get(&KeyDigest::of(id.as_bytes()))
    }

    pub(in crate::admin) fn close(&self, id: &str) {
        self.0.invalidate(&KeyDigest::of(id.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_until_it_is_closed_and_no_other_is() {
        let sessions = Sessions::new();
        let id = sessions.open(&"night".into()).unwrap();
        assert_eq!(sessions.holder(&id).as_deref(), Some("night"));
        assert_eq!(sessions.holder("hgw_nobody"), None);
        sessions.close(&id);
        assert_eq!(sessions.holder(&id), None);
    }
}
