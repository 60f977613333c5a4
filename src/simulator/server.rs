//! How does the simulator listen, and how does it stop?

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::request;
use super::settings::{Settings, StartError};
use super::wire::{Switch, Wire};
use super::world::World;

const MOST_CONNECTIONS: usize = 1024;
/// For the first byte, and again for the head; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_STREAMS: u32 = 200;
/// After a failed accept: out of file descriptors, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running simulator. Dropping it ends it, with all its connections.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Starts a simulator on the current runtime.
///
/// # Errors
/// Fails when the address is not a loopback address or is taken, and when keys are missing or
/// listed twice.
pub async fn start(settings: Settings) -> Result<Simulator, StartError> {
    let address = settings.listen;
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let world = Arc::new(World::new(&settings, address)?);
    Ok(Simulator { address, task: tokio::spawn(accept(listener, world)) })
}

impl Simulator {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL to point a client or a gateway to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it now, with all its connections, and waits until its port is free.
    pub async fn stop(mut self) {
        self.task.abort();
        // An error says that the task was aborted, which is what was asked for.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, world: Arc<World>) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            Ok((stream, _)) => {
                let world = Arc::clone(&world);
                connections.spawn(async move {
                    serve(stream, world).await;
                    drop(permit);
                });
            }
        }
    }
}

/// Serves one connection. How it ends is the client's affair, or was scripted.
async fn serve(stream: TcpStream, world: Arc<World>) {
    // Detecting the version waits for the first byte without a timer of its own.
    let first = tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut [0])).await;
    if !matches!(first, Ok(Ok(1))) || stream.set_nodelay(true).is_err() {
        return;
    }
    let switch = Switch::default();
    let wire = TokioIo::new(Wire::new(stream, switch.clone()));
    let service =
        service_fn(move |request| request::answer(Arc::clone(&world), switch.clone(), request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MOST_STREAMS);
    let _ = builder.serve_connection(wire, service).await;
}
