//! What does a file cost that is about to be uploaded, and is it covered?

use std::time::Duration;

use super::room::Quotas;
use crate::key::KeyDigest;
use crate::records::Payer;
use crate::records::ledger::{self, Begun, Denied};
use crate::refusal::Refusal;

impl Quotas {
    /// Holds the minutes of a file in place of what its call has reserved, and notes that it is about to
    /// be sent.
    ///
    /// # Errors
    /// [`Refusal::MinutesExhausted`], [`Refusal::AccountMinutesExhausted`], and nothing has changed;
    /// [`Refusal::RecordsUnavailable`]; [`Refusal::UnknownUpload`] when there is no such tenant any more.
    pub async fn begin_upload(
        &self,
        token: KeyDigest,
        tenant: &str,
        length: Duration,
    ) -> Result<Begun, Refusal> {
        let budget = self.plan.tenants().iter().find(|budget| *budget.id == *tenant);
        let charge = self.plan.minutes(budget.ok_or(Refusal::UnknownUpload)?, length);
        let now = self.now();
        let begin = self
            .records
            .write(move |store| ledger::begin_upload(store, &token, charge.as_ref(), now));
        let begun = begin.await.map_err(|_| Refusal::RecordsUnavailable)?;
        begun.map_err(|denied| match denied {
            Denied::Minutes { payer: Payer::Account } => Refusal::AccountMinutesExhausted,
            Denied::Minutes { .. } | Denied::Calls { .. } | Denied::Objects { .. } => {
                Refusal::MinutesExhausted
            }
        })
    }
}
