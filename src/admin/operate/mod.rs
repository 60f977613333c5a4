//! What may an operator change, and what is the answer?
//!
//! The rules behind the admin API and the command line. Each function runs in one transaction of the
//! caller, writes nothing when it declines, and leaves a line in the audit log when it changes
//! something. What the configuration file sets, nothing here changes.

mod account;
mod bill;
mod declined;
pub mod explain;
mod grants;
pub mod keys;
pub mod limits;
mod tenants;
mod unresolved;
mod usage;

pub use account::{account, promises};
pub use bill::{Bill, JOB_COLUMNS, billed, job_rows};
pub use declined::{Declined, within};
pub use grants::{Granted, grant, purse};
pub use tenants::{in_use, state, tenants};
pub use unresolved::{Closed, How, close, unresolved};
pub use usage::{Days, days};

use std::sync::Arc;

use serde_json::Value;

use crate::config::{Settings, meant};
use crate::records::{Audited, Moment, Store, Stored, ledger};

/// The place of a tenant in the configuration.
///
/// # Errors
/// [`Declined::Unknown`] with what was probably meant.
pub fn tenant(settings: &Settings, id: &str) -> Result<usize, Declined> {
    let tenants = &settings.authenticate.tenants;
    let known = || tenants.iter().map(|tenant| &*tenant.id);
    known().position(|known| known == id).ok_or_else(|| unknown("tenant", id, known()))
}

/// Says that there is no such thing, and what was probably meant.
pub fn unknown<'k>(
    what: &'static str,
    given: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Declined {
    let hint = match meant(given, known) {
        Some(meant) => format!("; did you mean {meant:?}?"),
        None => String::new(),
    };
    Declined::Unknown { what, given: given.to_owned(), hint }
}

/// Who changes something, and when.
#[derive(Debug, Clone)]
pub struct Act {
    /// As in [`Audited::who`].
    pub who: Arc<str>,
    /// When.
    pub now: Moment,
}

impl Act {
    /// Keeps what was done.
    pub(in crate::admin) fn audit(
        &self,
        store: &mut dyn Store,
        action: &str,
        tenant: Option<&Arc<str>>,
        subject: &str,
        [before, after]: [Value; 2],
    ) -> Stored<()> {
        let (who, tenant) = (Arc::clone(&self.who), tenant.cloned());
        let (action, subject) = (action.into(), subject.into());
        let audited = Audited { who, action, tenant, subject, before, after };
        ledger::audit(store, audited, self.now)
    }
}
