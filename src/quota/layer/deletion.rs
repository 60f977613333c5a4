//! How is a place under a cap given back, and who pays for a job that is deleted before its end?

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Full;
use tower::{Service, ServiceExt};
use uuid::Uuid;

use super::look::{Look, look};
use super::{Answer, WRITE_AGAIN};
use crate::body::{Body, BoxError};
use crate::checked::Checked;
use crate::contract::{Endpoint, Job, JobReader};
use crate::quota::room::{Quotas, object_id};
use crate::records::{AudioMillis, Store, Stored, Unavailable, Why, ledger};
use crate::refusal::Refusal;

/// A call that deletes one object.
pub(in crate::quota) struct Deletion {
    room: Arc<Quotas>,
    object: Uuid,
    reader: Option<JobReader>,
}

impl Deletion {
    /// `None` when the call names no object.
    pub(in crate::quota) fn new(
        room: &Arc<Quotas>,
        endpoint: &Endpoint,
        checked: &Checked,
    ) -> Option<Self> {
        let kind = endpoint.effect.object.as_deref()?;
        let field = endpoint.ids.iter().find(|field| &*field.kind == kind)?;
        let object = object_id(checked, &field.pointer)?;
        let reader = room.contract.job_reader(kind);
        Some(Self { room: Arc::clone(room), object, reader })
    }

    /// Looks first, where a job is not settled yet; forwards; writes what the answer says.
    pub(in crate::quota) async fn run<S, R>(
        self: Box<Self>,
        mut ready: S,
        request: Request<Full<Bytes>>,
        answer: Answer<R, S::Error>,
    ) where
        S: Service<Request<Full<Bytes>>, Response = Response<Body<R>>>,
        R: HttpBody<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let unsettled = match self.is_unsettled().await {
            Ok(unsettled) => unsettled,
            Err(Unavailable) => {
                return drop(answer.send(Ok(Refusal::RecordsUnavailable.into_response())));
            }
        };
        if let Some(reader) = self.reader.as_ref().filter(|_| unsettled) {
            let tenant = request.extensions().get();
            if let Look::Told(job) = look(&mut ready, reader, &self.object, tenant).await {
                self.settle(job).await;
            }
            if let Err(error) = ready.ready().await {
                return drop(answer.send(Err(error)));
            }
        }
        let response = ready.call(request).await;
        // An object that the upstream does not have is as gone as one that it has just deleted.
        let gone = response.as_ref().is_ok_and(|response| {
            let made_here = response.extensions().get::<Refusal>().is_some();
            !made_here && (response.status().is_success() || response.status() == 404)
        });
        if gone && self.write().await.is_err() {
            drop(answer.send(response));
            while self.write().await.is_err() {
                tokio::time::sleep(WRITE_AGAIN).await;
            }
            return;
        }
        drop(answer.send(response));
    }

    /// Whether the object is a job whose minutes are still held.
    ///
    /// # Errors
    /// Records that cannot be written now could not keep that it is gone.
    async fn is_unsettled(&self) -> Result<bool, Unavailable> {
        if !self.room.records.is_healthy() {
            return Err(Unavailable);
        }
        let owners = self.room.records.owners(vec![self.object]).await?;
        Ok(matches!(owners.as_slice(), [Some(owner)] if owner.job_open))
    }

    async fn settle(&self, job: Job) {
        let (object, now, rounding) = (self.object, self.room.now(), self.room.rounding);
        let run = move |store: &mut dyn Store| -> Stored<()> {
            let reservation = store.object(&object)?.and_then(|object| object.reservation);
            let Some(reservation) = reservation else { return Ok(()) };
            match job {
                Job::Completed(Some(length)) => {
                    let audio = (AudioMillis(length), rounding.bill(AudioMillis(length)));
                    ledger::settle(store, &reservation, Some(audio), Why::Done, now)?;
                }
                Job::Failed => drop(ledger::release(store, &reservation, Why::Failed, now)?),
                // The deletion charges what was reserved.
                Job::Completed(None) | Job::Unfinished => {}
            }
            Ok(())
        };
        if self.room.records.write(run).await.is_ok() {
            self.room.records.forget(&object);
        }
    }

    async fn write(&self) -> Result<(), Unavailable> {
        let (object, now) = (self.object, self.room.now());
        let run = move |store: &mut dyn Store| ledger::delete(store, &object, now).map(drop);
        self.room.records.write(run).await?;
        self.room.records.forget(&object);
        Ok(())
    }
}
