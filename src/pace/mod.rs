//! Does the account behind the central key have room for one more call now?
//!
//! The upstream publishes a rate per endpoint that counts for the whole account, whoever calls. All
//! tenants share one token bucket per endpoint here: a call that finds a token passes at once. Else
//! it waits for a short, bounded time, and the tokens that come go round by tenant, first in first
//! out within one tenant. The room refuses with 429 `account_rate_limited`, at once where the call's
//! turn cannot come in time and after the wait where others came before it. A call that is refused
//! or dropped costs the account nothing.
//!
//! It needs the facts `Arc<`[`Endpoint`](crate::contract::Endpoint)`>` and
//! `Arc<`[`Tenant`](crate::tenant::Tenant)`>`, and a tokio timer.
//!
//! ```
//! use std::convert::Infallible;
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use heify_gateway::contract::Contract;
//! use heify_gateway::pace::{PaceLayer, Paces, Pacing, Settings};
//! use heify_gateway::tenant::Tenant;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let document = "
//! openapi: 3.1.1
//! paths:
//!   /books:
//!     get:
//!       x-gateway-effect: { kind: lists, object: book }
//!       x-gateway-limits: { rate: 1, burst: 1 }
//! ";
//! let contract = Contract::parse(document, "library.yaml").expect("no mistakes");
//! let settings = Settings { state: Pacing::On, ..Settings::default() };
//! let layer = PaceLayer::new(Arc::new(Paces::new(&settings, &contract, None)));
//! let books = layer.layer(service_fn(async |_: Request<()>| {
//!     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("Moby-Dick")))
//! }));
//! let request = || {
//!     let mut request = Request::new(());
//!     request.extensions_mut().insert(Arc::clone(&contract.endpoints()[0]));
//!     request.extensions_mut().insert(Arc::new(Tenant { index: 0, id: "acme".into() }));
//!     request
//! };
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! assert_eq!(books.clone().oneshot(request()).await.unwrap().status(), 200);
//! // The next token comes in a minute: not worth a wait of half a second.
//! let refused = books.oneshot(request()).await.unwrap();
//! assert_eq!(refused.headers()["x-gateway-reason"], "account_rate_limited");
//! assert_eq!(refused.headers()["retry-after"], "60");
//! # });
//! ```

mod bucket;
mod fair;
mod gate;
mod layer;
mod table;
#[cfg(test)]
mod tests;
mod wait;

use std::collections::HashMap;
use std::time::Duration;

pub use layer::{Pace, PaceFuture, PaceLayer};
pub use table::Paces;

use crate::rate::Rate;

/// Whether and how calls are paced.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether calls are paced at all.
    pub state: Pacing,
    /// How long a call may be held back.
    pub max_wait: Duration,
    /// The account's rates by path, where they are not the contract's.
    pub rates: HashMap<Box<str>, Rate>,
}

impl Default for Settings {
    /// Off: the published rates are a presumption about an account that we do not know. Half a second
    /// smooths a burst, and is shorter than what a client takes for a fault.
    fn default() -> Self {
        Self { state: Pacing::Off, max_wait: Duration::from_millis(500), rates: HashMap::new() }
    }
}

/// Whether calls are paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// Every call passes; the upstream alone says when it is too much.
    Off,
    /// Calls keep the account's rates.
    On,
}
