//! How does one counted call run, whatever becomes of its client?

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Full;
use serde_json::Value;
use tower::Service;
use uuid::Uuid;

use super::{Answer, WRITE_AGAIN};
use crate::body::{Body, BoxError, BrokenOff, Read};
use crate::contract::Endpoint;
use crate::observation::Observation;
use crate::quota::outcome::{Verdict, judge};
use crate::quota::refuse;
use crate::quota::room::Quotas;
use crate::quota::settings::WhenRecordsFail;
use crate::rate::LimitState;
use crate::records::ledger::{self, Charge, Reserve, Reserved};
use crate::records::{AudioMillis, Store, Stored, Unavailable, UnderReservation, Why};
use crate::refusal::Refusal;
use crate::traffic::Shadowed;

/// The most that is read of an answer to find the id in it; answers to creations have a few hundred
/// bytes.
const LONGEST_ANSWER: usize = 1 << 20;
/// How long after a job was made the upstream is first asked about it.
const FIRST_ASKED: Duration = Duration::from_secs(15);

/// A call with its costs.
pub(in crate::quota) struct Call {
    room: Arc<Quotas>,
    endpoint: Arc<Endpoint>,
    reserve: Reserve,
    /// Where it is noted that the call exceeds a limit that is not enforced.
    observation: Option<Arc<Observation>>,
}

/// What is to be written about a call that has ended.
#[derive(Debug, Clone, Copy)]
enum Close {
    Bind(Uuid),
    Pay,
    Free,
    Lose,
}

/// A call that may be forwarded.
enum Admitted {
    /// With a durable reserve; perhaps there is something to say of its month, or of a limit that is
    /// not enforced.
    Counted(Option<LimitState>, Option<Shadowed>),
    /// Without one, because the configuration wants it so.
    Uncounted,
}

/// Whose the object is that an answer says was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Own,
    /// The tenant has it by an earlier call: the upstream gave that answer again, and made nothing.
    Again,
    /// Somebody has it already, and keeps it.
    Anothers,
}

impl Call {
    pub(in crate::quota) fn new(
        room: Arc<Quotas>,
        endpoint: Arc<Endpoint>,
        reserve: Reserve,
        observation: Option<Arc<Observation>>,
    ) -> Self {
        Self { room, endpoint, reserve, observation }
    }

    /// The id of its reservation.
    pub(super) fn reservation(&self) -> Uuid {
        self.reserve.opening.reservation
    }

    /// Reserves, forwards, closes and answers, in this order.
    pub(in crate::quota) async fn run<S, R>(
        self: Box<Self>,
        mut ready: S,
        mut request: Request<Full<Bytes>>,
        answer: Answer<R, S::Error>,
    ) where
        S: Service<Request<Full<Bytes>>, Response = Response<Body<R>>>,
        R: HttpBody<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let (state, shadowed) = match self.admitted().await {
            Ok(Admitted::Counted(state, shadowed)) => (state, shadowed),
            Ok(Admitted::Uncounted) => return drop(answer.send(ready.call(request).await)),
            Err(response) => return drop(answer.send(Ok(response))),
        };
        if self.endpoint.answer.upload_url.is_some() {
            request.extensions_mut().insert(UnderReservation(self.reservation()));
        }
        let response = match ready.call(request).await {
            Ok(response) => response,
            Err(error) => {
                self.close(Close::Lose).await;
                return drop(answer.send(Err(error)));
            }
        };
        let (mut response, close) = self.judged(response).await;
        if let Some(state) = state {
            response.extensions_mut().insert(state);
        }
        if let Some(shadowed) = shadowed {
            shadowed.add_to(response.extensions_mut());
        }
        match self.try_close(close).await {
            Ok(Bound::Own | Bound::Again) => return drop(answer.send(Ok(response))),
            Ok(Bound::Anothers) if self.room.keeps_apart => {
                return drop(answer.send(Ok(Refusal::OutcomeUnknown.into_response())));
            }
            Ok(Bound::Anothers) => return drop(answer.send(Ok(response))),
            Err(Unavailable) => {}
        }
        // The reservation is durable, so that nothing is lost when the client hears of its call now;
        // the outcome is written as soon as the records can.
        self.tell_of_unwritten(close);
        drop(answer.send(Ok(response)));
        self.close(close).await;
    }

    async fn admitted<R>(&self) -> Result<Admitted, Response<Body<R>>> {
        let now = self.reserve.at;
        // While the records are known to fail, a call that may pass does not wait for them: whether
        // they can be written again is tried without it.
        if self.may_pass_uncounted() && !self.room.records.is_healthy() {
            return Ok(self.uncounted());
        }
        match self.room.records.reserve(self.reserve.clone()).await {
            Ok(Ok(reserved)) => {
                let shadowed = self.shadowed(&reserved);
                let state = refuse::passed(&self.endpoint, &reserved, now);
                Ok(Admitted::Counted(state, shadowed))
            }
            Ok(Err(denied)) => {
                let longest = self.room.longest_retry_after;
                let (refusal, state) = refuse::refusal(&denied, &self.endpoint, now, longest);
                alarm(&refusal);
                let mut response: Response<Body<R>> = refusal.into_response();
                if let Some(state) = state {
                    response.extensions_mut().insert(state);
                }
                Err(response)
            }
            Err(Unavailable) if self.may_pass_uncounted() => Ok(self.uncounted()),
            Err(Unavailable) => Err(Refusal::RecordsUnavailable.into_response()),
        }
    }

    /// What would have denied the call, for those who count it.
    fn shadowed(&self, reserved: &Reserved) -> Option<Shadowed> {
        if reserved.shadow.is_empty() {
            return None;
        }
        if let Some(observation) = &self.observation {
            observation.set_shadowed();
        }
        let longest = self.room.longest_retry_after;
        let refusal = |denied| refuse::refusal(denied, &self.endpoint, self.reserve.at, longest);
        Some(Shadowed(reserved.shadow.iter().map(refusal).collect()))
    }

    /// What creates an object or spends minutes never passes without a durable reserve: its owner and
    /// its cost could not be found out afterwards.
    fn may_pass_uncounted(&self) -> bool {
        let only_calls = |charge: &Charge| matches!(charge, Charge::Call { .. });
        self.room.when_records_fail == WhenRecordsFail::Open
            && self.reserve.charges.iter().all(only_calls)
    }

    fn uncounted(&self) -> Admitted {
        self.room.records.note_uncounted();
        tracing::warn!(
            tenant = &*self.reserve.opening.tenant,
            endpoint = &*self.endpoint.path,
            request_id = &*self.reserve.opening.request,
            "the records fail: a call passes uncounted"
        );
        Admitted::Uncounted
    }

    /// What the answer means for the reservation, and what the client gets.
    async fn judged<R>(&self, response: Response<Body<R>>) -> (Response<Body<R>>, Close)
    where
        R: HttpBody<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let refusal = response.extensions().get::<Refusal>();
        if refusal == Some(&Refusal::AccountMinutesExhausted) {
            self.room.pause();
        }
        match judge(response.status(), refusal, &self.endpoint) {
            Verdict::Pay => (response, Close::Pay),
            Verdict::Lost => (response, Close::Lose),
            Verdict::Free => (self.unless_the_account_is_full(response).await, Close::Free),
            Verdict::Read => {
                let (parts, body) = response.into_parts();
                let Ok((body, json)) = read(body).await else {
                    tracing::warn!(
                        endpoint = &*self.endpoint.path,
                        request_id = &*self.reserve.opening.request,
                        "the answer to a creation broke off"
                    );
                    return (Refusal::OutcomeUnknown.into_response(), Close::Lose);
                };
                let id = json.and_then(|json| self.endpoint.answer.created(&json));
                if id.is_none() {
                    tracing::error!(
                        endpoint = &*self.endpoint.path,
                        request_id = &*self.reserve.opening.request,
                        "no id in the answer to a creation: what it made belongs to nobody"
                    );
                }
                (Response::from_parts(parts, body), id.map_or(Close::Lose, Close::Bind))
            }
        }
    }

    /// The upstream says that a cap is reached, and this tenant is below its own: it is the account's.
    async fn unless_the_account_is_full<R>(&self, response: Response<Body<R>>) -> Response<Body<R>>
    where
        R: HttpBody<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let cap = self.endpoint.cap.as_ref().and_then(|cap| cap.message.as_deref());
        let (Some(cap), true, true) =
            (cap, response.status() == 400, self.room.plan.tenants().len() > 1)
        else {
            return response;
        };
        let (parts, body) = response.into_parts();
        let Ok((body, json)) = read(body).await else {
            return Refusal::UpstreamBroken.into_response();
        };
        let message = json.as_ref().and_then(|json| json.pointer("/error/message")?.as_str());
        if message != Some(cap) {
            return Response::from_parts(parts, body);
        }
        alarm(&Refusal::AccountCapReached);
        Refusal::AccountCapReached.into_response()
    }

    /// Should the process end first, nobody else knows whose the object is: it can be given to its
    /// tenant with what stands here.
    fn tell_of_unwritten(&self, close: Close) {
        let Close::Bind(object) = close else { return };
        let opening = &self.reserve.opening;
        tracing::error!(
            %object,
            kind = opening.creates.as_deref(),
            tenant = &*opening.tenant,
            request_id = &*opening.request,
            "the records do not know yet whose this is: if the gateway ends now, adopt it"
        );
    }

    async fn close(&self, close: Close) {
        while self.try_close(close).await.is_err() {
            tokio::time::sleep(WRITE_AGAIN).await;
        }
    }

    async fn try_close(&self, close: Close) -> Result<Bound, Unavailable> {
        let (id, now) = (self.reserve.opening.reservation, self.room.now());
        let tenant = Arc::clone(&self.reserve.opening.tenant);
        let run = move |store: &mut dyn Store| -> Stored<Bound> {
            let mut bound = Bound::Own;
            match close {
                Close::Bind(object) => {
                    let known = store.object(&object)?;
                    if known.as_ref().is_some_and(|known| known.reservation != Some(id)) {
                        let owner = store.owner(&object)?;
                        let is_held = owner.is_some_and(|owner| owner.is_held_by(&tenant));
                        bound = if is_held { Bound::Again } else { Bound::Anothers };
                    }
                    let nothing = Some((AudioMillis(0), AudioMillis(0)));
                    match bound {
                        Bound::Again => ledger::settle(store, &id, nothing, Why::Done, now)?,
                        Bound::Own | Bound::Anothers => {
                            ledger::bind(store, &id, &object, now.later(FIRST_ASKED), now)?
                        }
                    }
                }
                Close::Pay => ledger::settle(store, &id, None, Why::Done, now)?,
                Close::Free => ledger::release(store, &id, Why::Refused, now)?,
                Close::Lose => ledger::lose(store, &id, now)?,
            };
            Ok(bound)
        };
        let bound = self.room.records.write(run).await?;
        let (endpoint, request_id) = (&*self.endpoint.path, &*self.reserve.opening.request);
        match bound {
            Bound::Own => {}
            Bound::Again => tracing::info!(
                endpoint,
                request_id,
                "the upstream gave an earlier answer again: what it tells of is charged once"
            ),
            Bound::Anothers => tracing::error!(
                endpoint,
                request_id,
                "the answer to a creation carries the id of an object that somebody else has"
            ),
        }
        Ok(bound)
    }
}

/// Reads an answer whole, up to the limit, and what it says as JSON. What is too long, or no JSON,
/// passes on: it is the client's. The inner service bounds each wait and the whole time.
async fn read<R>(body: Body<R>) -> Result<(Body<R>, Option<Value>), BrokenOff>
where
    R: HttpBody<Data = Bytes> + Unpin,
    R::Error: Into<BoxError>,
{
    Ok(match body.read(LONGEST_ANSWER).await? {
        Read::Whole(read) => {
            let json = serde_json::from_slice(&read).ok();
            (Body::from(read), json)
        }
        Read::TooLong(body) => (body, None),
    })
}

/// Tells operators what only they can mend.
fn alarm(refusal: &Refusal) {
    let reason = refusal.reason();
    match refusal {
        Refusal::AccountQuotaExhausted { .. }
        | Refusal::AccountCapReached
        | Refusal::AccountMinutesExhausted => tracing::error!(
            reason,
            "the account is used up while a tenant is not: raise [account], or ask hola@heify.com"
        ),
        _ => {}
    }
}
