//! Path, method and Host against the contract.

use std::sync::Arc;

use http::header::HOST;
use http::{Request, Version};

use crate::contract::{Contract, Endpoint, Lookup};
use crate::refusal::Refusal;

/// Finds the endpoint of a request.
///
/// # Errors
/// [`Refusal::BadHost`], [`Refusal::UnknownEndpoint`], [`Refusal::WrongMethod`].
pub fn route<'a, B>(
    contract: &'a Contract,
    request: &Request<B>,
) -> Result<&'a Arc<Endpoint>, Refusal> {
    if request.version() == Version::HTTP_11 {
        let mut hosts = request.headers().get_all(HOST).iter();
        if hosts.next().is_none() || hosts.next().is_some() {
            return Err(Refusal::BadHost);
        }
    }
    let path = request.uri().path();
    match contract.find(path, request.method()) {
        Lookup::Found(endpoint) => Ok(endpoint),
        Lookup::WrongMethod { expected } => {
            Err(Refusal::WrongMethod { expected: expected.clone() })
        }
        Lookup::Unknown => {
            Err(Refusal::UnknownEndpoint { meant: contract.nearest(path).map(Box::from) })
        }
    }
}
