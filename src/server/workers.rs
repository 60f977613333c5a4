//! How do all cores share one listening socket?
//!
//! One thread per core, each with a runtime and a service of its own, so that a request never
//! crosses cores; all accept from one socket, so that no queue is lost when a worker is busy.

use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body::Body;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::task::TaskTracker;
use tower::Service;

use super::settings::FOREVER;
use super::{Drained, Listener, LocalAddr, RequestBody, Server, Settings, Tls};
use crate::body::BoxError;
use crate::traffic::Connections;

/// How long after the end of the drain a worker may take to say what it has cut.
const STUCK: Duration = Duration::from_secs(3);

/// The running workers of one listener. Dropping them cuts all connections.
#[derive(Debug)]
pub struct Workers<S> {
    workers: Vec<Worker<S>>,
    address: LocalAddr,
    connections: Arc<Connections>,
}

#[derive(Debug)]
struct Worker<S> {
    server: Server<S>,
    runtime: Handle,
    /// Ends the thread when it is dropped.
    _alive: oneshot::Sender<()>,
    drained: oneshot::Receiver<Drained>,
}

impl<S, B> Workers<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Starts one worker per core. `make` makes the service of the worker with an index, inside
    /// that worker's runtime.
    ///
    /// # Errors
    /// Where threads, runtimes or handles of the socket cannot be made.
    pub fn start(
        listener: Listener,
        settings: &Settings,
        tls: Option<&Tls>,
        make: impl Fn(usize) -> S,
    ) -> io::Result<Self> {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::start_with(cores, listener, settings, tls, make)
    }

    /// Starts as many workers as told.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        count: NonZeroUsize,
        listener: Listener,
        settings: &Settings,
        tls: Option<&Tls>,
        make: impl Fn(usize) -> S,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let settings = settings.clone().bounded();
        let permits = Arc::new(Semaphore::new(settings.max_connections));
        let connections = Arc::new(Connections::new(settings.max_connections));
        let mut workers = Vec::with_capacity(count.get());
        for index in 0..count.get() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let service = within(runtime.handle(), || make(index));
            let (permits, counted) = (Some(Arc::clone(&permits)), Arc::clone(&connections));
            let (settings, tls) = (settings.clone(), tls.cloned());
            let server = Server::assemble(service, settings, tls, permits, counted);
            workers.push(Worker::start(index, server, runtime, listener.share()?)?);
        }
        Ok(Self { workers, address, connections })
    }

    /// Replaces the service of each worker. A request in progress keeps the service that it
    /// began with.
    pub fn replace(&self, make: impl Fn(usize) -> S) {
        // All are made before the first is replaced, so that workers change close together.
        let made: Vec<S> = self
            .workers
            .iter()
            .enumerate()
            .map(|(index, worker)| within(&worker.runtime, || make(index)))
            .collect();
        for (worker, service) in self.workers.iter().zip(made) {
            worker.server.replace(service);
        }
    }

    /// The connections of all workers.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// A way to see whether the workers still run what they are given.
    pub fn pulse(&self) -> Pulse {
        Pulse(self.workers.iter().map(|worker| worker.runtime.clone()).collect())
    }

    /// Where the listener can be reached: with the real port where port 0 was asked for.
    pub fn local_addr(&self) -> &LocalAddr {
        &self.address
    }

    /// Stops accepting, lets requests in progress end, and after the time cuts what is left.
    pub async fn shutdown(self, drain_timeout: Duration) -> Drained {
        self.shutdown_after(drain_timeout, &TaskTracker::new()).await
    }

    /// As [`shutdown`](Self::shutdown), and within the same time waits for work that goes on after
    /// its connection has ended.
    pub async fn shutdown_after(self, drain_timeout: Duration, tasks: &TaskTracker) -> Drained {
        let cut_off = tokio::time::Instant::now() + drain_timeout.min(FOREVER);
        for worker in &self.workers {
            worker.server.shutdown_within(drain_timeout.min(FOREVER));
        }
        let mut total = Drained::default();
        let mut alive = Vec::new();
        for Worker { drained, _alive, .. } in self.workers {
            // A worker that is gone has nothing left to cut.
            match tokio::time::timeout_at(cut_off + STUCK, drained).await {
                Ok(drained) => total.cut += drained.unwrap_or_default().cut,
                Err(_) => tracing::warn!("a worker is stuck, and is left behind"),
            }
            alive.push(_alive);
        }
        // The runtimes still run: the tasks are theirs.
        tasks.close();
        if tokio::time::timeout_at(cut_off, tasks.wait()).await.is_err() {
            tracing::warn!(calls = tasks.len(), "cut off before their outcome was known");
        }
        drop(alive);
        total
    }
}

/// Shows whether workers still run what they are given. Clones show the same.
#[derive(Debug, Clone)]
pub struct Pulse(Vec<Handle>);

impl Pulse {
    /// Comes to its end when every worker has run a small task, or has ended; never, when one of them
    /// is stuck.
    pub async fn beat(&self) {
        let tasks: Vec<_> = self.0.iter().map(|worker| worker.spawn(async {})).collect();
        for task in tasks {
            // A worker that has ended drops its task: it is not stuck.
            let _ = task.await;
        }
    }
}

impl<S, B> Worker<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn start(
        index: usize,
        server: Server<S>,
        runtime: Runtime,
        listener: Listener,
    ) -> io::Result<Self> {
        let (alive, dropped) = oneshot::channel::<()>();
        let (done, drained) = oneshot::channel();
        let handle = runtime.handle().clone();
        let serving = server.clone();
        thread::Builder::new().name(format!("gateway-{index}")).spawn(move || {
            runtime.block_on(async {
                let serve = pin!(serving.serve(listener));
                let Either::Left((outcome, dropped)) = select(serve, dropped).await else { return };
                let drained = outcome.unwrap_or_else(|error| {
                    tracing::error!(%error, index, "worker could not listen");
                    Drained::default()
                });
                let _ = done.send(drained);
                // Work that outlives its connection goes on until the handle is dropped.
                let _ = dropped.await;
            });
            // What a resolver still does on other threads must not hold up the end.
            runtime.shutdown_background();
        })?;
        Ok(Self { server, runtime: handle, _alive: alive, drained })
    }
}

/// Runs inside a runtime, so that what is made there can spawn and set timers.
fn within<T>(runtime: &Handle, make: impl FnOnce() -> T) -> T {
    let _entered = runtime.enter();
    make()
}
