//! What can be set on a simulated Heify, and why may it refuse to start?

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use crate::secret::Secret;

/// Milliseconds of audio in a minute.
pub const MILLIS_PER_MINUTE: i64 = 60_000;

/// Everything that can be set before the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen: a loopback address. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// What `x-simulator-token` must carry on the control paths; `None` closes them.
    pub token: Option<Secret>,
    /// The accounts; each has its own objects, rates and minutes.
    pub accounts: Vec<AccountSettings>,
    /// How long a transcription stays in progress, on tokio's clock.
    pub processing: Duration,
    /// What the wall clock shows at the start. From then on it moves with tokio's clock.
    pub wall_clock: SystemTime,
}

impl Settings {
    /// One account with one key, on a port that the system chooses.
    pub fn with_key(key: Secret) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: None,
            accounts: vec![AccountSettings::with_key(key)],
            // Long enough to see IN_PROGRESS by hand, short enough to wait for.
            processing: Duration::from_secs(3),
            wall_clock: SystemTime::now(),
        }
    }
}

/// One simulated customer of Heify.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// What Heify calls `client_id`.
    pub client_id: String,
    /// Accepted keys: all of them open the same account.
    pub keys: Vec<Secret>,
    /// Keys that were in use once and are answered with 403.
    pub deactivated_keys: Vec<Secret>,
    /// Milliseconds of audio that are paid for.
    pub balance_millis: i64,
    /// Whether the published rates and monthly quotas are enforced.
    pub rates: Rates,
}

impl AccountSettings {
    /// An account named `client-0001` with one key, 1,000 minutes and the published rates.
    pub fn with_key(key: Secret) -> Self {
        Self {
            client_id: "client-0001".to_owned(),
            keys: vec![key],
            deactivated_keys: Vec::new(),
            balance_millis: 1000 * MILLIS_PER_MINUTE,
            rates: Rates::Published,
        }
    }
}

/// Which rates an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rates {
    /// The published numbers per endpoint, and the published monthly quotas.
    Published,
    /// Neither rates nor monthly quotas: for load tests.
    Off,
}

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Anyone who reaches the port could script faults and read what arrived.
    #[error("listen = \"{0}\": expected a loopback address, such as 127.0.0.1:0 or [::1]:8090")]
    NotLoopback(SocketAddr),
    /// Nobody could call it.
    #[error("accounts: expected at least one account with a key")]
    NoKey,
    /// A key must lead to exactly one account and state.
    #[error("accounts[{account}] (client_id = \"{client_id}\"): one of its keys is listed twice")]
    DoubledKey {
        /// The account's position in the settings, from 0.
        account: usize,
        /// The account's name.
        client_id: String,
    },
    /// Two accounts with one name could not be told apart on the control paths.
    #[error("accounts[{account}]: client_id = \"{client_id}\" is taken by an earlier account")]
    DoubledAccount {
        /// The account's position in the settings, from 0.
        account: usize,
        /// The account's name.
        client_id: String,
    },
    /// The address is taken or not ours.
    #[error("listen = \"{address}\": cannot listen there")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
