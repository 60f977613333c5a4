//! Path, method and Host against the contract.

use std::sync::Arc;

use http::Request;

use crate::contract::{Contract, Endpoint, Lookup};
use crate::host;
use crate::refusal::Refusal;

/// Finds the endpoint of a request: one of the contract, or one that the gateway answers itself.
///
/// # Errors
/// [`Refusal::BadHost`], [`Refusal::UnknownEndpoint`], [`Refusal::WrongMethod`].
pub fn route<'a, B>(
    contract: &'a Contract,
    own: &'a [Arc<Endpoint>],
    request: &Request<B>,
) -> Result<&'a Arc<Endpoint>, Refusal> {
    if !host::is_clear(request.version(), request.headers()) {
        return Err(Refusal::BadHost);
    }
    let path = request.uri().path();
    match contract.find(path, request.method()) {
        Lookup::Found(endpoint) => Ok(endpoint),
        Lookup::WrongMethod { expected } => {
            Err(Refusal::WrongMethod { expected: expected.clone() })
        }
        Lookup::Unknown => match own.iter().find(|own| *own.path == *path) {
            Some(own) if own.method == *request.method() => Ok(own),
            Some(own) => Err(Refusal::WrongMethod { expected: own.method.clone() }),
            None => Err(Refusal::UnknownEndpoint { meant: contract.nearest(path).map(Box::from) }),
        },
    }
}
