//! Who is calling, and may they?

use std::sync::Arc;
use std::time::SystemTime;

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
