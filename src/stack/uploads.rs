//! What do other rooms do for an upload?

use std::sync::Arc;

use crate::authenticate::Throttle;
use crate::quota::Quotas;
use crate::relay;

/// How an upload reserves: the quota's rule, for the relay.
pub(super) fn begin_uploads(quotas: &Arc<Quotas>) -> Box<relay::Begin> {
    let quotas = Arc::clone(quotas);
    Box::new(move |token, tenant, length| {
        let quotas = Arc::clone(&quotas);
        Box::pin(async move { quotas.begin_upload(token, &tenant, length).await })
    })
}

/// How a token that nobody has counts: as a wrong key.
pub(super) fn count_unknown(throttle: Option<Arc<Throttle>>) -> Box<relay::CountUnknown> {
    Box::new(move |peer| throttle.as_ref().map_or(Ok(()), |throttle| throttle.count(peer)))
}
