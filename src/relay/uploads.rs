//! What happens to a file that is put to an upload address?

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::address::Address;
use super::passing::{Passing, Stage, Watch};
use super::sending::Sending;
use super::token::Token;
use super::{PREFIX, Settings, fields, head};
use crate::host;
use crate::key::KeyDigest;
use crate::observation::{Caller, Observation};
use crate::peer::Peer;
use crate::records::ledger::{self, Begun};
use crate::records::{LONGEST_WAIT, Moment, Records, Store, Upload, UploadState};
use crate::refusal::Refusal;
use crate::upstream::Upstream;

/// Between two attempts to write how an upload ended.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Counts a token that nobody has, per address; else how long that address has to wait.
pub type CountUnknown = dyn Fn(Peer) -> Result<(), Duration> + Send + Sync;
/// Reserves what a tenant's file of a length costs and notes that it begins, both durable or neither.
pub type Begin = dyn Fn(KeyDigest, Arc<str>, Duration) -> Beginning + Send + Sync;
/// The answer to that.
pub type Beginning = Pin<Box<dyn Future<Output = Result<Begun, Refusal>> + Send>>;

/// All uploads of one configuration, shared by all threads. A reload makes a new one; what is in
/// progress stays counted.
pub struct Uploads {
    pub(super) settings: Settings,
    pub(super) records: Records,
    tasks: TaskTracker,
    clock: fn() -> Moment,
    /// By id, where each tenant stands in the configuration.
    tenants: HashMap<Arc<str>, usize>,
    count_unknown: Box<CountUnknown>,
    begin: Box<Begin>,
    shared: Arc<Shared>,
}

/// What outlives a configuration.
#[derive(Debug, Default)]
struct Shared {
    /// The tokens whose files are on their way, and whose they are. Locked for a look-up only.
    running: Mutex<HashMap<KeyDigest, Arc<str>>>,
    /// Answers whose address stayed what it was.
    unchanged: AtomicU64,
}

impl std::fmt::Debug for Uploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uploads").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Uploads {
    /// Keeps uploads in these records. `tasks` tracks what must be written when its client has gone;
    /// `tenants` are in the order of the configuration.
    pub fn new<'t>(
        settings: Settings,
        (records, tasks, clock): (Records, TaskTracker, fn() -> Moment),
        tenants: impl Iterator<Item = &'t Arc<str>>,
        (count_unknown, begin): (Box<CountUnknown>, Box<Begin>),
        previous: Option<&Self>,
    ) -> Self {
        let tenants = tenants.enumerate().map(|(index, id)| (Arc::clone(id), index)).collect();
        let shared = previous.map_or_else(Arc::default, |old| Arc::clone(&old.shared));
        Self { settings, records, tasks, clock, tenants, count_unknown, begin, shared }
    }

    /// Files on their way.
    pub fn in_progress(&self) -> usize {
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// As many as there may be.
    pub fn limit(&self) -> usize {
        self.settings.max_uploads
    }

    /// Answers whose address was left as it was, because it led to no host that is named, or because
    /// the records did not answer.
    pub fn unchanged(&self) -> u64 {
        self.shared.unchanged.load(Relaxed)
    }

    pub(super) fn note_unchanged(&self) {
        self.shared.unchanged.fetch_add(1, Relaxed);
    }

    pub(super) fn now(&self) -> Moment {
        (self.clock)()
    }

    /// Whether a request is for an upload address.
    pub(super) fn is_for(path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    /// Passes a file on to storage.
    pub(super) async fn take<A>(
        self: Arc<Self>,
        upstream: Arc<Upstream>,
        request: Request<A>,
    ) -> Result<Response<Bytes>, Refusal>
    where
        A: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    {
        let (parts, mut body) = request.into_parts();
        let observation = parts.extensions.get::<Arc<Observation>>().map(Arc::clone);
        if let Some(observation) = &observation {
            // Without the token, which is a secret.
            observation.set_endpoint(usize::MAX, &Arc::from(PREFIX.trim_end_matches('/')));
        }
        if !host::is_clear(parts.version, &parts.headers) {
            return Err(Refusal::BadHost);
        }
        if parts.method != Method::PUT {
            return Err(Refusal::WrongMethod { expected: Method::PUT });
        }
        let token = parts.uri.path().strip_prefix(PREFIX).and_then(Token::parse);
        let peer = parts.extensions.get().copied().unwrap_or(Peer(None));
        let (token, upload, index) = self.find(token, peer).await?;
        if let Some(observation) = &observation {
            let (tenant, key) = (Arc::clone(&upload.tenant), Arc::from("upload"));
            observation.set_caller(Caller { index, tenant, key });
        }
        let size = head::size(&parts.headers, self.settings.max_size)?;
        let place = self.place(&upload)?;
        let (idle, end) =
            (self.settings.idle_timeout, Instant::now() + self.settings.total_timeout);
        // The first byte is taken here: until now a client that sent `Expect` has held it back.
        let first = read_head(&mut body, size, idle, end).await?;
        let length = head::audio(&first, size)?;
        let url = token.open(&upload.address).ok_or(Refusal::UnknownUpload)?;
        // Looked at again: the hosts may have changed since it was announced.
        let address = Address::read(&url, &self.settings.hosts).ok_or(Refusal::UnknownUpload)?;
        let fields = fields::to_storage(&parts.headers, &address, size);
        let fields = fields.ok_or(Refusal::UnknownUpload)?;
        // A slow upload keeps what it needs and no more.
        drop((parts, token, url));
        match (self.begin)(upload.token, Arc::clone(&upload.tenant), length).await? {
            Begun::Begun => {}
            Begun::Done => return Err(Refusal::UsedUpload),
            Begun::Over => return Err(Refusal::ExpiredUpload),
        }
        let watch = Watch::new();
        let sent = Sent { uploads: &self, token: upload.token, place: Some(place), watch: &watch };
        if let Some(observation) = &observation {
            observation.set_sent(true, Instant::now().into_std());
        }
        let file = Box::new(Passing::new(first, body, size, &watch));
        let (upstream, address, watch) = (&*upstream, &address, &watch);
        let answer = Sending { upstream, address, fields, file, watch, idle, end }.run().await;
        if let Some(observation) = &observation {
            observation.set_answered(Instant::now().into_std());
            if let Some(status) = told_by_storage(&answer) {
                observation.set_upstream_status(status);
            }
        }
        sent.end(&answer).await;
        let (status, told) = answer?;
        let mut response = Response::new(Bytes::new());
        (*response.status_mut(), *response.headers_mut()) = (status, fields::from_storage(&told));
        Ok(response)
    }

    /// The upload of a token, if it may begin.
    async fn find(
        &self,
        token: Option<Token>,
        peer: Peer,
    ) -> Result<(Token, Upload, usize), Refusal> {
        let Some(token) = token else { return Err(self.unknown(peer)) };
        let digest = token.digest();
        let found = self.records.read(move |store| store.upload(&digest)).await;
        let found = found.map_err(|_| Refusal::RecordsUnavailable)?;
        let known = found.and_then(|upload| Some((self.tenants.get(&upload.tenant)?, upload)));
        let Some((index, upload)) = known else { return Err(self.unknown(peer)) };
        match upload.state {
            UploadState::Done => Err(Refusal::UsedUpload),
            UploadState::Ended => Err(Refusal::ExpiredUpload),
            UploadState::Waiting | UploadState::Sent if upload.expires <= self.now() => {
                Err(Refusal::ExpiredUpload)
            }
            UploadState::Waiting | UploadState::Sent => Ok((token, upload, *index)),
        }
    }

    /// Takes a place for a file. One tenant of several has half of them at most: however slow its files
    /// are, those of others pass.
    fn place(&self, upload: &Upload) -> Result<Place, Refusal> {
        let mut running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.contains_key(&upload.token) {
            return Err(Refusal::UploadInProgress);
        }
        let most = self.settings.max_uploads;
        if running.len() >= most {
            return Err(Refusal::Overloaded);
        }
        let own = running.values().filter(|tenant| **tenant == upload.tenant).count();
        if self.tenants.len() > 1 && own >= most.div_ceil(2) {
            return Err(Refusal::TenantBytesExhausted);
        }
        running.insert(upload.token, Arc::clone(&upload.tenant));
        Ok(Place { shared: Arc::clone(&self.shared), token: upload.token })
    }

    fn unknown(&self, peer: Peer) -> Refusal {
        match (self.count_unknown)(peer) {
            Ok(()) => Refusal::UnknownUpload,
            Err(retry_after) => Refusal::TooManyFailedKeys { retry_after },
        }
    }
}

/// Reads what a file is judged by: so much of its beginning as tells its length, at most what is ever
/// looked at.
async fn read_head<A>(
    body: &mut A,
    size: u64,
    idle: Duration,
    end: Instant,
) -> Result<Bytes, Refusal>
where
    A: HttpBody<Data = Bytes> + Unpin,
{
    let mut read = BytesMut::new();
    for step in head::STEPS {
        let wanted = usize::try_from(size).unwrap_or(step).min(step);
        read.reserve(wanted.saturating_sub(read.len()));
        while read.len() < wanted {
            let deadline = (Instant::now() + idle).min(end);
            let frame = timeout_at(deadline, body.frame()).await;
            let frame = frame.map_err(|_| Refusal::BodyTooSlow)?.ok_or(Refusal::BodyUnreadable)?;
            if let Ok(data) = frame.map_err(|_| Refusal::BodyUnreadable)?.into_data() {
                read.extend_from_slice(&data);
            }
        }
        let head = read.split().freeze();
        if head.len() as u64 >= size || !head::is_open(&head, size) {
            return Ok(head);
        }
        // The same memory: nobody else has it.
        read = head.try_into_mut().unwrap_or_else(|head| BytesMut::from(&head[..]));
    }
    Ok(read.freeze())
}

/// The status of storage's answer; `None`: there was none that could be believed.
fn told_by_storage<T>(answer: &Result<(StatusCode, T), Refusal>) -> Option<u16> {
    match answer {
        Ok((status, _)) => Some(status.as_u16()),
        Err(Refusal::StorageRefused { status }) => Some(*status),
        Err(_) => None,
    }
}

/// One file on its way; leaves when dropped.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    token: KeyDigest,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.token);
    }
}

/// A file that is sent. However it ends, also when its client goes, that is written; and until it is
/// written, nobody else puts a file to its address.
struct Sent<'s> {
    uploads: &'s Uploads,
    token: KeyDigest,
    place: Option<Place>,
    watch: &'s Watch,
}

impl Sent<'_> {
    /// Storage has answered, or will not: what is known is written before the client hears of it, if the
    /// records can.
    async fn end<T>(mut self, answer: &Result<T, Refusal>) {
        let state = match answer {
            Ok(_) => UploadState::Done,
            Err(Refusal::StorageRefused { .. }) => UploadState::Waiting,
            Err(_) => self.unanswered(),
        };
        let Some(writing) = self.write(state) else { return };
        let _ = tokio::time::timeout(LONGEST_WAIT, writing).await;
    }

    /// Of a file of which it did not have all, storage keeps nothing; else nobody knows.
    fn unanswered(&self) -> UploadState {
        match self.watch.stage() {
            Stage::Whole => UploadState::Sent,
            Stage::AtStorage | Stage::AtClient | Stage::Broken => UploadState::Waiting,
        }
    }

    fn write(&mut self, state: UploadState) -> Option<tokio::task::JoinHandle<()>> {
        let place = self.place.take()?;
        // At the end of the process there is no runtime, and what was sent stays sent.
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (records, token) = (self.uploads.records.clone(), self.token);
        let writing = async move {
            let end = move |store: &mut dyn Store| ledger::end_upload(store, &token, state);
            while records.write(end).await.is_err() {
                tokio::time::sleep(WRITE_AGAIN).await;
            }
            drop(place);
        };
        Some(self.uploads.tasks.spawn_on(writing, &runtime))
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let _ = self.write(self.unanswered());
    }
}
