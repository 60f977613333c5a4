//! May this tenant touch the objects that the request names, and which objects may it see in an answer?
//!
//! All tenants share one account, so the upstream would show and do to every tenant's objects whatever
//! any of them asks for. The room asks [`Records`](crate::records::Records) whose an id is. An id in
//! a field of the contract must be the tenant's own or shared with it, and of the field's kind; an id
//! anywhere else in the request must not be another tenant's: else 404 `unknown_id`, as for an id that
//! does not exist. A shared object is not changed, deleted or analyzed: 403 `shared_object`. Answers of
//! endpoints that list are read, and what is not the tenant's is cut out of them, counts included; an
//! answer whose shape is not recognized is withheld: 500 `unreadable_list`. Of the header fields beside a
//! list those pass that cannot tell of others. Everything else streams.
//!
//! It needs the facts `Arc<Endpoint>`, `Arc<Tenant>` and [`Checked`](crate::checked::Checked).
//!
//! ```
//! use heify_gateway::contract::{Contract, Lookup};
//! use heify_gateway::isolate::{judge, named};
//! use heify_gateway::document::Table;
//! use http::Method;
//!
//! let document = "
//! openapi: 3.1.1
//! paths:
//!   /return:
//!     post:
//!       x-gateway-effect: { kind: changes, object: loan }
//!       requestBody:
//!         content:
//!           application/json:
//!             schema: { properties: { loan_id: { type: string, x-gateway-id: loan } } }
//! ";
//! let contract = Contract::parse(document, "library.yaml").expect("no mistakes");
//! let Lookup::Found(endpoint) = contract.find("/return", &Method::POST) else { panic!() };
//! let body = r#"{ "loan_id": "a1b2c3d4-e5f6-7890-1234-567890abcdef" }"#;
//! let table = Table::read(body, 64).expect("JSON");
//! let named = named(&endpoint.ids, &table.of(body), None).unwrap();
//! let nobody = [None];
//! let refused = judge(&named, &nobody, "acme", endpoint).unwrap_err();
//! assert_eq!(refused.message(), "No object was found for the id in loan_id.");
//! ```

mod edit;
mod isolation;
mod layer;
mod list;
mod listed;
mod named;
mod read;
mod rule;
mod shape;
mod spelling;
#[cfg(test)]
mod tests;

pub use isolation::Isolation;
pub use layer::{Isolate, IsolateFuture, IsolateLayer};
pub use listed::listed;
pub use named::{Named, named};
pub use rule::judge;
pub use spelling::spelled;

/// The bounds of isolation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The largest answer of a list that is read, in bytes. 32 MiB: more than the 20 configurations of an
    /// account with the largest body each, so that no tenant can make the list of another unreadable.
    pub list_limit: usize,
    /// Bytes of lists in memory at once, of all tenants together: while they are read and filtered, and
    /// until they are sent. 256 MiB: two of the largest lists with all that filtering takes.
    pub lists_in_flight: usize,
    /// The same of one tenant. 128 MiB.
    pub tenant_lists_in_flight: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { list_limit: 32 << 20, lists_in_flight: 256 << 20, tenant_lists_in_flight: 128 << 20 }
    }
}
