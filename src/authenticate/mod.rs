//! Who is calling, and may they?
//!
//! `x-api-key` is hashed and looked up in an immutable table; nothing else is a credential. The room
//! gives inner layers the fact `Arc<Tenant>` as a request extension and refuses with 403: a missing
//! key, one in the wrong header, one sent twice, an unknown, mistyped, expired or disabled one, a
//! disabled tenant, an endpoint that the tenant may not call. An empty table refuses everyone. Wrong
//! keys are throttled per address with 429 in bounded memory; a valid key always passes.
//!
//! ```
//! use heify_gateway::authenticate::{Directory, Settings};
//! use heify_gateway::contract::Contract;
//! use std::time::SystemTime;
//!
//! let contract = Contract::built_in().unwrap();
//! let directory = Directory::new(&Settings::default(), &contract);
//! let endpoint = &contract.endpoints()[0];
//! assert!(directory.admit(b"any-key-at-all-here", endpoint, SystemTime::now).is_err());
//! ```

mod credential;
mod directory;
mod layer;
mod throttle;

use std::sync::Arc;
use std::time::SystemTime;

pub use credential::credential;
pub use directory::{About, Admitted, Directory};
pub use layer::{Authenticate, AuthenticateLayer};
pub use throttle::Throttle;

use crate::key::KeyDigest;
use crate::rate::Rate;

/// Who may call.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// All tenants; their order gives the dense index. Empty: everyone is refused.
    pub tenants: Vec<TenantSettings>,
    /// How many wrong keys per address are looked at; `None`: no limit.
    pub failed_attempts: Option<Rate>,
}

/// One tenant and its keys.
#[derive(Debug, Clone)]
pub struct TenantSettings {
    /// Unique name.
    pub id: Arc<str>,
    /// Whether its keys work at all.
    pub state: Switch,
    /// Its keys.
    pub keys: Vec<KeySettings>,
    /// The paths that it may call; `None`: all of the contract.
    pub endpoints: Option<Vec<Box<str>>>,
}

/// One key of a tenant.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// A name for logs; never part of the key.
    pub id: Arc<str>,
    /// The SHA-256 of the key.
    pub digest: KeyDigest,
    /// When it stops to work; `None`: never.
    pub expires: Option<SystemTime>,
    /// Whether it works at all.
    pub state: Switch,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Switch {
    /// Works.
    #[default]
    Enabled,
    /// Is refused.
    Disabled,
}
