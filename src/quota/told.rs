//! How does the room tell a tenant its usage, however often it asks?

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::room::Quotas;
use super::usage::unrecorded;
use crate::contract::Endpoint;
use crate::records::Moment;
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// The path of the usage.
pub const USAGE: &str = "/_gateway/usage";
/// The endpoint that routing gives to requests for the usage.
pub fn usage_endpoint() -> Endpoint {
    Endpoint::own(USAGE, Method::GET)
}

/// Tells tenants what they have used.
#[derive(Debug, Clone)]
pub struct Usage {
    room: Option<Arc<Quotas>>,
}

impl Usage {
    /// Tells what these records say; `None`: that there are none.
    pub fn new(room: Option<Arc<Quotas>>) -> Self {
        Self { room }
    }

    /// What one tenant has used, as JSON; a look is told again for a second.
    ///
    /// # Errors
    /// [`Refusal::RecordsUnavailable`].
    pub async fn answer(self, tenant: Arc<Tenant>) -> Result<Bytes, Refusal> {
        let Some(room) = self.room else {
            return Ok(data(&unrecorded(&tenant.id, Moment::now())));
        };
        let index = tenant.index;
        if let Some(told) = room.told.get(&index) {
            return Ok(told);
        }
        let _turn = room.looking.lock().await;
        // Whoever had the turn before may have asked the same.
        if let Some(told) = room.told.get(&index) {
            return Ok(told);
        }
        let (now, reading) = (room.now(), Arc::clone(&room));
        let read = move |store: &mut dyn crate::records::Store| {
            reading.plan().usage(store, index, &reading.contract, now)
        };
        let usage = room.records().read(read).await.map_err(|_| Refusal::RecordsUnavailable)?;
        let answer = data(&usage.ok_or(Refusal::Misassembled)?);
        room.told.insert(index, answer.clone());
        Ok(answer)
    }
}

fn data(usage: &Value) -> Bytes {
    json!({ "data": usage }).to_string().into()
}
