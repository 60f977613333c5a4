//! May a new central key take over?
//!
//! The upstream is asked with a call that the contract document names and that cannot cost anything
//! (`x-gateway-key-proof`), in the account's own pace, and only what shows that the key is known counts
//! as an answer. Nobody but a reload asks: a start must not depend on the upstream.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use tower::{Layer, Service};

use crate::contract::Contract;
use crate::forward::Forward;
use crate::pace::{PaceLayer, Paces};
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::upstream::Upstream;

/// How long a proof may take, from the wait for the account's rate to the last byte.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// What the upstream said to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It knows the key.
    Taken,
    /// It does not.
    Rejected,
    /// It said nothing about the key: why, in a few words.
    Unknown(&'static str),
    /// The contract marks no call that could prove a key.
    Unmarked,
}

/// Asks the upstream whether it takes the key of this client, within [`DEADLINE`].
///
/// `paces` are those of the account: the call is one more of it. The client's connections belong to
/// the runtime of the caller.
pub async fn prove(contract: &Contract, upstream: Arc<Upstream>, paces: Arc<Paces>) -> Proof {
    let Some((endpoint, body)) = contract.key_proof() else { return Proof::Unmarked };
    let Ok(uri) = Uri::try_from(&*endpoint.path) else { return Proof::Unmarked };
    let mut request = Request::new(Full::from(Bytes::from(body.to_owned())));
    *request.method_mut() = endpoint.method.clone();
    *request.uri_mut() = uri;
    request.extensions_mut().insert(Arc::clone(endpoint));
    // No tenant has an empty id.
    request.extensions_mut().insert(Arc::new(Tenant { index: usize::MAX, id: "".into() }));
    let mut paced = PaceLayer::new(paces).layer(Forward::new(upstream));
    match tokio::time::timeout(DEADLINE, paced.call(request)).await {
        Ok(Ok(response)) => judge(response.status(), response.extensions().get::<Refusal>()),
        Ok(Err(never)) => match never {},
        Err(_) => Proof::Unknown("the upstream did not answer in time"),
    }
}

/// An answer that passed came from the API itself. It looks at the key before anything else, so its
/// 400 and 404 are as good as a success; 402 is said to an account that is known.
fn judge(status: StatusCode, refusal: Option<&Refusal>) -> Proof {
    match refusal {
        None if status.is_success() => Proof::Taken,
        None if matches!(status.as_u16(), 400 | 404) => Proof::Taken,
        None => Proof::Unknown("the upstream answered with an error"),
        Some(Refusal::AccountMinutesExhausted) => Proof::Taken,
        Some(Refusal::UpstreamKeyRejected) => Proof::Rejected,
        Some(Refusal::AccountRateLimited { .. }) => {
            Proof::Unknown("the account's rate has no room for the question")
        }
        Some(
            Refusal::UpstreamUnreachable
            | Refusal::UpstreamConnectTimeout
            | Refusal::UpstreamPaused { .. },
        ) => Proof::Unknown("the upstream cannot be reached"),
        Some(Refusal::UpstreamTimeout) => Proof::Unknown("the upstream did not answer in time"),
        Some(_) => Proof::Unknown("what answered does not look like the upstream"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_api_itself_says_proves_a_key() {
        let said = |status, refusal: Option<Refusal>| {
            judge(StatusCode::from_u16(status).unwrap(), refusal.as_ref())
        };
        for status in [200, 400, 404] {
            assert_eq!(said(status, None), Proof::Taken, "{status}");
        }
        assert_eq!(said(402, Some(Refusal::AccountMinutesExhausted)), Proof::Taken);
        assert_eq!(said(500, Some(Refusal::UpstreamKeyRejected)), Proof::Rejected);
        let retry_after = Duration::from_secs(1);
        for refusal in [
            Refusal::UpstreamError { status: 404 },
            Refusal::UpstreamTimeout,
            Refusal::UpstreamBroken,
            Refusal::UpstreamUnreachable,
            Refusal::AccountRateLimited { retry_after },
            Refusal::Misassembled,
        ] {
            let status = refusal.status().as_u16();
            let proof = said(status, Some(refusal));
            assert!(matches!(proof, Proof::Unknown(_)), "{proof:?}");
        }
        assert!(matches!(said(500, None), Proof::Unknown(_)));
    }
}
