//! How is the upstream asked about one job?

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Full, Limited};
use tower::Service;
use uuid::Uuid;

use crate::body::{Body, BoxError};
use crate::contract::{Job, JobReader};
use crate::document::{DEEPEST_ANSWER, Table};
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// The most that is read of a job: its transcript may be hours of speech.
const LONGEST_JOB: usize = 32 << 20;

/// What the upstream says about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It knows the job.
    Told(Job),
    /// It does not.
    NotFound,
    /// It said nothing that could be understood.
    Silent,
    /// The account's rate has no room for the question now.
    NoRoom,
}

/// Asks about a job through a service that forwards; that service bounds each wait.
pub async fn look<S, R>(
    ready: &mut S,
    reader: &JobReader,
    job: &Uuid,
    tenant: Option<&Arc<Tenant>>,
) -> Look
where
    S: Service<Request<Full<Bytes>>, Response = Response<Body<R>>>,
    R: HttpBody<Data = Bytes> + Unpin,
    R::Error: Into<BoxError>,
{
    let Ok(uri) = Uri::try_from(&*reader.endpoint.path) else { return Look::Silent };
    let mut request = Request::new(Full::from(reader.body(job)));
    *request.method_mut() = Method::clone(&reader.endpoint.method);
    *request.uri_mut() = uri;
    request.extensions_mut().insert(Arc::clone(&reader.endpoint));
    if let Some(tenant) = tenant {
        request.extensions_mut().insert(Arc::clone(tenant));
    }
    let Ok(response) = ready.call(request).await else { return Look::Silent };
    let refusal = response.extensions().get::<Refusal>();
    if matches!(refusal, Some(Refusal::AccountRateLimited { .. })) {
        return Look::NoRoom;
    }
    match response.status() {
        StatusCode::NOT_FOUND if refusal.is_none() => return Look::NotFound,
        status if !status.is_success() => return Look::Silent,
        _ => {}
    }
    let Ok(body) = Limited::new(response.into_body(), LONGEST_JOB).collect().await else {
        return Look::Silent;
    };
    // Two words of it are wanted: as values, a transcript of many small ones would take a gigabyte.
    let bytes = body.to_bytes();
    match Table::of_bytes(&bytes, DEEPEST_ANSWER) {
        Ok((text, table)) => Look::Told(reader.endpoint.answer.job(&table.of(text))),
        // Also where a key comes twice, as in lists: readers differ on what it says.
        Err(_) => Look::Silent,
    }
}
