//! heify-gateway: a reverse-proxy gateway in front of the Heify speech-to-text API.
//!
//! Teams call it with keys of their own; it checks what can be checked without cost, answers what it
//! refuses in Heify's own error envelope, and forwards the rest with one central key.
//!
//! # Bird's-eye view
//!
//! A request passes a stack of *rooms*, tower layers that each answer one question: [`observe`],
//! [`catch_panic`], [`envelope`], [`overload`], [`deadline`], [`route`], [`authenticate`],
//! [`rate_limit`], [`validate`], [`isolate`], [`preflight`], [`quota`], [`relay`], [`pace`], and innermost
//! [`forward`]. A room refuses, with a [`Refusal`](refusal::Refusal) as the answer, or passes the
//! request on, perhaps with one more fact as a request extension:
//! `Arc<`[`Endpoint`](contract::Endpoint)`>`, then `Arc<`[`Tenant`](tenant::Tenant)`>`, then the
//! [`Checked`](checked::Checked) body, and where it is known the [`Measured`](measured::Measured) length.
//!
//! * [`records`] keeps what has to last: who owns what, what was used, and a journal of both.
//! * [`stack`] puts all rooms together, in the one order; [`server`] serves the result, or any other
//!   tower service, on guarded connections.
//! * [`contract`] is what is known about the API behind: a document, not code. Another document
//!   fronts another JSON API.
//! * Each room can be used alone. It asks of the inner service only that its answer's body can be
//!   made from `Bytes`; its page says which facts it needs. A missing fact is 500 `misassembled`,
//!   never an unchecked call.
//!
//! # Features
//!
//! | feature | what it adds | default |
//! | --- | --- | --- |
//! | `tls` | https upstreams, TLS on the data port | yes |
//! | `sqlite` | records in one SQLite file | by `cli` |
//! | `config` | the TOML file and the environment as settings | by `cli` |
//! | `metrics` | what Prometheus reads | by `cli` |
//! | `admin` | the admin API and the dashboard, with `config` | by `cli` |
//! | `simulator` | a fake Heify on loopback, for trials and tests | by `cli` |
//! | `cli` | the binary | yes |
//! | `otlp` | export of spans by OTLP over HTTP | yes |
//! | `mimalloc` | the binary's allocator | yes |
//!
//! Without default features it is the rooms, the stack and the server alone: no files, no TLS.
//!
//! # Example
//!
//! One tenant, one upstream, one refused request; nothing listens, nothing is sent.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use heify_gateway::authenticate::{self, KeySettings, Switch, TenantSettings};
//! use heify_gateway::contract::Contract;
//! use heify_gateway::key::KeyDigest;
//! use heify_gateway::rate_limit::{self, TenantRates};
//! use heify_gateway::secret::Secret;
//! use heify_gateway::stack::{Rooms, Settings};
//! use heify_gateway::{pace, quota, upstream, validate};
//! use http_body_util::{BodyExt, Full};
//! use tower::ServiceExt;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let acme = TenantSettings {
//!     id: "acme".into(),
//!     state: Switch::Enabled,
//!     keys: vec![KeySettings {
//!         id: "acme-1".into(),
//!         digest: KeyDigest::of(b"a-key-that-acme-already-has"),
//!         expires: None,
//!         state: Switch::Enabled,
//!     }],
//!     endpoints: None,
//! };
//! let url = "http://127.0.0.1:9".parse().unwrap();
//! let settings = Settings {
//!     authenticate: authenticate::Settings { tenants: vec![acme], failed_attempts: None },
//!     // The same tenants, in the same order.
//!     rate_limit: rate_limit::Settings {
//!         tenants: vec![TenantRates { id: "acme".into(), ..TenantRates::default() }],
//!     },
//!     validate: validate::Settings::default(),
//!     upstream: upstream::Settings::new(url, Secret::new("the-central-key")),
//!     isolate: None,
//!     preflight: None,
//!     relay: None,
//!     quota: quota::Settings::default(),
//!     pace: pace::Settings::default(),
//!     max_in_flight: 1_000,
//!     contact: None,
//! };
//! let rooms = Rooms::new(settings, Arc::new(Contract::built_in().unwrap()), None, None);
//! let gateway = rooms.stack(rooms.upstream().unwrap());
//!
//! let request = http::Request::post("/submit")
//!     .header("host", "gateway.example")
//!     .header("x-api-key", "a-key-that-acme-already-has")
//!     .body(Full::<Bytes>::from(r#"{"url": "https://example.com/call.mp3"}"#))
//!     .unwrap();
//! let answer = gateway.oneshot(request).await.unwrap();
//! assert_eq!(answer.headers()["x-gateway-reason"], "missing_field");
//! let body = answer.into_body().collect().await.unwrap().to_bytes();
//! assert_eq!(body, r#"{"error":{"message":"Missing required field: configuration_id","code":400}}"#);
//! # });
//! ```

#![warn(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[cfg(feature = "admin")]
pub mod admin;
pub mod alerts;
pub mod audio;
pub mod authenticate;
pub mod body;
pub mod budget;
pub mod catch_panic;
pub mod checked;
#[cfg(feature = "config")]
pub mod config;
pub mod contract;
pub mod deadline;
pub mod document;
pub mod early;
pub mod envelope;
pub mod forward;
pub mod histogram;
pub mod host;
pub mod isolate;
pub mod key;
pub mod log;
pub mod measured;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod observation;
pub mod observe;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod overload;
pub mod pace;
pub mod peer;
pub mod preflight;
pub mod quota;
pub mod rate;
pub mod rate_limit;
pub mod records;
pub mod refusal;
pub mod relay;
pub mod rotate;
pub mod route;
pub mod secret;
pub mod server;
pub mod settle;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod stack;
pub mod tenant;
pub mod timer;
pub mod trace;
pub mod traffic;
pub mod upstream;
pub mod validate;
pub mod version;

// The README's Rust code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
