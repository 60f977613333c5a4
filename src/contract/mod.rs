//! Which endpoints does the upstream have, and what does it promise about each?
//!
//! The contract is a document: OpenAPI 3.1 with `x-gateway-*` extensions, embedded as the default
//! and replaceable by a file. It is compiled once, at load, into a table; a mistake in a document is
//! reported with its line and column. No endpoint's name appears in the code.
//!
//! ```
//! use heify_gateway::contract::{Contract, Kind, Lookup};
//! use http::Method;
//!
//! let document = "
//! openapi: 3.1.1
//! paths:
//!   /books:
//!     get:
//!       x-gateway-effect: { kind: lists, object: book }
//!       x-gateway-limits: { rate: 60, burst: 5 }
//! ";
//! let contract = Contract::parse(document, "library.yaml").expect("no mistakes");
//! let Lookup::Found(endpoint) = contract.find("/books", &Method::GET) else { panic!() };
//! assert_eq!(endpoint.effect.kind, Kind::Lists);
//! assert_eq!(contract.nearest("/v1/boks"), Some("/books"));
//! ```

mod audio_url;
mod compile;
mod endpoint;
mod extension;
pub(crate) mod field_path;
mod fields;
mod format;
mod instance;
mod message;
mod nearest;
mod pointed;
mod rules;
mod schema;
mod source;

use std::sync::Arc;

use http::Method;

pub use endpoint::{Answer, Cap, Effect, Endpoint, IdField, Kind};
pub use pointed::{Job, JobReader};
pub use schema::{BodySchema, Faults, Violation};
pub use source::Mistake;

/// The contract of the Heify API, as published.
pub const BUILT_IN: &str = include_str!("../../config/heify.openapi.yaml");

/// All endpoints of an upstream, compiled.
#[derive(Debug)]
pub struct Contract {
    endpoints: Vec<Arc<Endpoint>>,
    /// The same in the order of their paths, and of the document where paths are alike: for a few dozen,
    /// a search is cheaper than a hash.
    by_path: Vec<Arc<Endpoint>>,
}

/// What the contract has at a path.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'c> {
    /// The endpoint.
    Found(&'c Arc<Endpoint>),
    /// Endpoints, but not for this method.
    WrongMethod {
        /// The method that the document names first for the path.
        expected: &'c Method,
    },
    /// Nothing.
    Unknown,
}

impl Contract {
    /// Compiles a document, YAML or JSON. `name` stands in front of each mistake: the file's path.
    ///
    /// # Errors
    /// All mistakes of the document, in its order.
    pub fn parse(text: &str, name: &str) -> Result<Self, Vec<Mistake>> {
        let endpoints = compile::compile(&source::read(text, name)?, name)?;
        let endpoints: Vec<_> = endpoints.into_iter().map(Arc::new).collect();
        let mut by_path = endpoints.clone();
        by_path.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { endpoints, by_path })
    }

    /// Compiles the embedded contract of the Heify API, [`BUILT_IN`].
    ///
    /// # Errors
    /// None in a tested build; the signature spares callers a panic.
    pub fn built_in() -> Result<Self, Vec<Mistake>> {
        Self::parse(BUILT_IN, "heify.openapi.yaml")
    }

    /// Looks up the endpoint for a request; the path is compared byte by byte, without its query.
    pub fn find(&self, path: &str, method: &Method) -> Lookup<'_> {
        let first = self.by_path.partition_point(|endpoint| *endpoint.path < *path);
        let mut endpoints = self.by_path[first..].iter().take_while(|one| *one.path == *path);
        match endpoints.clone().find(|endpoint| endpoint.method == *method) {
            Some(endpoint) => Lookup::Found(endpoint),
            None => match endpoints.next() {
                Some(first) => Lookup::WrongMethod { expected: &first.method },
                None => Lookup::Unknown,
            },
        }
    }

    /// All endpoints, in the order of the document and of [`Endpoint::index`].
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// The endpoint that tells how a job of this kind has ended and how long its audio was.
    pub fn job_reader(&self, kind: &str) -> Option<JobReader> {
        self.endpoints.iter().find_map(|endpoint| JobReader::new(endpoint, kind))
    }

    /// The endpoint that tells whether a key is taken, and the body to ask it with; `None`: the document
    /// marks none.
    pub fn key_proof(&self) -> Option<(&Arc<Endpoint>, &str)> {
        self.endpoints.iter().find_map(|one| Some((one, one.key_proof.as_deref()?)))
    }

    /// The path that was probably meant by an unknown one; `None` when none is near.
    pub fn nearest(&self, path: &str) -> Option<&str> {
        nearest::nearest(path, self.endpoints.iter().map(|endpoint| &*endpoint.path))
    }
}
