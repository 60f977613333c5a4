//! How do keys that were issued into the records open the gateway?

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use heify_gateway::authenticate::{KeySettings, Switch};
use heify_gateway::config::Settings;
use heify_gateway::key::KeyDigest;
use heify_gateway::records::{IssuedKey, Moment};

/// Adds issued keys to the tenants of the file. What the file says of a key stands.
pub(crate) fn add(settings: &mut Settings, issued: &[IssuedKey]) {
    let tenants = &mut settings.authenticate.tenants;
    let mut known: Vec<KeyDigest> =
        tenants.iter().flat_map(|tenant| tenant.keys.iter().map(|key| key.digest)).collect();
    known.sort_unstable();
    for key in issued {
        let Some(digest) = KeyDigest::from_hex(&key.sha256) else {
            tracing::error!(key = &*key.key, "an issued key has no valid hash");
            continue;
        };
        if known.binary_search(&digest).is_ok() {
            continue;
        }
        let Some(tenant) = tenants.iter_mut().find(|tenant| tenant.id == key.tenant) else {
            tracing::warn!(
                key = &*key.key,
                tenant = &*key.tenant,
                "an issued key opens nothing: its tenant is not in the configuration"
            );
            continue;
        };
        tenant.keys.push(KeySettings {
            id: Arc::clone(&key.key),
            digest,
            expires: key.expires.map(time),
            state: if key.revoked.is_some() { Switch::Disabled } else { Switch::Enabled },
        });
    }
}

fn time(moment: Moment) -> SystemTime {
    // Before 1970 nothing was issued; such a key has expired.
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(moment.0).unwrap_or(0))
}
