//! How does a configuration become a running gateway, and how does it change while it runs?

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heify_gateway::alerts;
use heify_gateway::config::{self, Listen};
use heify_gateway::contract::{Contract, Mistake};
use heify_gateway::log::AccessLog;
use heify_gateway::pace::Paces;
use heify_gateway::records::Records;
use heify_gateway::rotate::{Proof, prove};
use heify_gateway::server::{self, Drained, Listener, LocalAddr, Pulse, Tls, Workers};
use heify_gateway::settle::Setup;
use heify_gateway::stack::{self, Levels, Rooms, Stack};
use heify_gateway::trace::Tracer;
use heify_gateway::traffic::{Connections, Traffic};
use heify_gateway::upstream::{Upstream, UpstreamError};

use super::certificates::{self, Certificates};
use super::records::OpenError;
use super::{Exit, call};

/// Why a checked configuration cannot be served all the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{name}: {error}")]
    Listen { name: String, error: io::Error },
    #[error("cannot start the data-path threads: {0}")]
    Threads(io::Error),
    #[error("the upstream cannot be used: {0}")]
    Upstream(#[from] UpstreamError),
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "nothing is exported"))]
    #[error("the receiver of spans cannot be used: {0}")]
    Traces(UpstreamError),
    #[error(transparent)]
    Records(#[from] OpenError),
    #[error("{0}")]
    Handed(String),
    #[error("the contract has mistakes:\n{0}")]
    Contract(String),
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is no TLS to fail"))]
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    #[cfg(not(feature = "tls"))]
    #[error("TLS on the data port needs a build with the feature `tls`")]
    NoTls,
}

impl StartError {
    /// The exit code that says whose turn it is.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Listen { .. } | Self::Threads(_) => Exit::Failed,
            Self::Records(error) => error.exit(),
            _ => Exit::WrongConfiguration,
        }
    }
}

/// Who is told about each request, besides the counters.
#[derive(Debug, Clone)]
pub(crate) struct Observers {
    /// Writes a line, where the configuration wants it.
    pub(crate) log: AccessLog,
    /// Records spans, where there is a receiver for them.
    pub(crate) tracer: Option<Tracer>,
}

impl Observers {
    fn log(&self, settings: &config::Settings) -> Option<AccessLog> {
        settings.log.access.then(|| self.log.clone())
    }
}

/// The data path: listeners, threads, rooms, upstream connections.
#[derive(Debug)]
pub(crate) struct Gateway {
    workers: Workers<Stack>,
    rooms: Rooms,
    /// One per thread, in the order of the threads.
    upstreams: Vec<Arc<Upstream>>,
    certificates: Certificates,
    server: config::Server,
    records: Option<Records>,
    traffic: Arc<Traffic>,
    observers: Observers,
}

impl Gateway {
    /// Binds the data port, unless it was handed over, and starts one thread per core. `admin` has the
    /// certificate of the admin port, which is renewed together with the data port's.
    pub(crate) fn start(
        settings: &config::Settings,
        records: Option<&Records>,
        observers: Observers,
        handed: Option<Listener>,
        admin: Option<Tls>,
    ) -> Result<Self, StartError> {
        let count = threads(&settings.server);
        let traffic = Arc::new(Traffic::new(Instant::now()));
        let rooms = Rooms::new(rooms(settings), contract(settings)?, records, None)
            .counted(&traffic, tenants(settings), 1)
            .logged(observers.log(settings))
            .traced(observers.tracer.clone());
        let upstreams = clients(&rooms, count.get())?;
        let tls = certificates::tls(settings.server.tls.as_ref())?;
        let listener = match (handed, &settings.server.listen) {
            (Some(listener), _) => Ok(listener),
            (None, Listen::Tcp(address)) => Listener::tcp(*address),
            (None, Listen::Unix(path)) => Listener::unix(path),
        };
        let listener = listener.map_err(|error| {
            let name = format!("cannot listen on {}", settings.server.listen);
            StartError::Listen { name, error }
        })?;
        let bounds = bounds(&settings.server);
        let stack = |index: usize| rooms.stack(Arc::clone(&upstreams[index]));
        let workers = Workers::start_with(count, listener, &bounds, tls.as_ref(), stack)
            .map_err(StartError::Threads)?;
        let (server, records) = (settings.server.clone(), records.cloned());
        let certificates = Certificates { data: tls, admin };
        Ok(Self { workers, rooms, upstreams, certificates, server, records, traffic, observers })
    }

    /// Where the data port is.
    pub(crate) fn address(&self) -> &LocalAddr {
        self.workers.local_addr()
    }

    /// Changes to another configuration, all or nothing. Requests in progress end under the old one.
    ///
    /// Returns the keys whose change needs a restart.
    pub(crate) fn reload(
        &mut self,
        settings: &config::Settings,
        version: u64,
    ) -> Result<Vec<&'static str>, StartError> {
        let wanted = rooms(settings);
        let same_upstream = wanted.upstream == *self.rooms.upstream_settings();
        let rooms =
            Rooms::new(wanted, contract(settings)?, self.records.as_ref(), Some(&self.rooms))
                .counted(&self.traffic, tenants(settings), version)
                .logged(self.observers.log(settings))
                .traced(self.observers.tracer.clone());
        // Connections are kept when nothing about the upstream changed.
        let upstreams = match same_upstream {
            true => self.upstreams.clone(),
            false => clients(&rooms, self.upstreams.len())?,
        };
        let certificates = self.certificates.renewed(settings)?;
        // From here on nothing can fail.
        certificates.replace();
        self.workers.replace(|index| rooms.stack(Arc::clone(&upstreams[index])));
        (self.rooms, self.upstreams) = (rooms, upstreams);
        Ok(needs_restart(&self.server, &settings.server))
    }

    /// What has to be asked before this configuration may take over: whether the upstream takes the
    /// central key, where the key or its address is another than now.
    pub(crate) fn proof(
        &self,
        settings: &config::Settings,
    ) -> Result<Option<impl Future<Output = Proof> + Send + use<>>, StartError> {
        let (now, new) = (self.rooms.upstream_settings(), &settings.upstream);
        if (&now.url, &now.api_key, &now.ca_pem) == (&new.url, &new.api_key, &new.ca_pem) {
            return Ok(None);
        }
        let contract = contract(settings)?;
        // Of a changed contract, too; the gates of the account are those in use.
        let paces = Arc::new(Paces::new(&settings.pace, &contract, Some(self.rooms.paces())));
        let upstream = Arc::new(call::upstream(new)?);
        Ok(Some(async move { prove(&contract, upstream, paces).await }))
    }

    /// How full it is.
    pub(crate) fn levels(&self) -> Levels {
        self.rooms.levels()
    }

    /// Whether the threads of the data path still do something.
    pub(crate) fn pulse(&self) -> Pulse {
        self.workers.pulse()
    }

    /// What passes.
    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Who is connected.
    pub(crate) fn connections(&self) -> &Arc<Connections> {
        self.workers.connections()
    }

    /// The contract in use.
    pub(crate) fn contract(&self) -> &Arc<Contract> {
        self.rooms.contract()
    }

    /// What the worker that settles jobs works with; its client belongs to the runtime of the caller.
    pub(crate) fn setup(&self, settings: &config::Settings) -> Result<Setup, StartError> {
        Ok(Setup {
            contract: Arc::clone(self.rooms.contract()),
            upstream: self.rooms.upstream()?,
            settle: settings.settle.clone(),
            rounding: settings.quota.minutes.rounding,
            paces: Arc::clone(self.rooms.paces()),
        })
    }

    /// What the worker works with that tells of limits; the settings are those in use.
    pub(crate) fn alerts(&self, settings: &config::Settings) -> alerts::Setup {
        alerts::Setup {
            contract: Arc::clone(self.rooms.contract()),
            quota: settings.quota.clone(),
            webhooks: settings.alerts.clone(),
        }
    }

    /// Lets requests end, and cuts what has not ended in time.
    pub(crate) async fn shutdown(self, timeout: Duration) -> Drained {
        self.workers.shutdown_after(timeout, self.rooms.tasks()).await
    }
}

fn threads(server: &config::Server) -> NonZeroUsize {
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    server.workers.unwrap_or_else(cores)
}

fn clients(rooms: &Rooms, count: usize) -> Result<Vec<Arc<Upstream>>, StartError> {
    (0..count).map(|_| Ok(rooms.upstream()?)).collect()
}

/// The contract that a configuration names, or the built-in one.
pub(crate) fn contract(settings: &config::Settings) -> Result<Arc<Contract>, StartError> {
    parse(settings.contract.as_ref()).map(Arc::new).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        StartError::Contract(lines.join("\n"))
    })
}

/// Compiles a document, or the built-in one.
pub(crate) fn parse(document: Option<&config::Document>) -> Result<Contract, Vec<Mistake>> {
    match document {
        Some(document) => Contract::parse(&document.text, &document.name),
        None => Contract::built_in(),
    }
}

fn rooms(settings: &config::Settings) -> stack::Settings {
    stack::Settings {
        authenticate: settings.authenticate.clone(),
        rate_limit: settings.rate_limit.clone(),
        isolate: settings.isolation.clone(),
        preflight: settings.preflight.clone(),
        relay: settings.relay.clone(),
        quota: settings.quota.clone(),
        pace: settings.pace.clone(),
        validate: settings.validate.clone(),
        upstream: settings.upstream.clone(),
        max_in_flight: settings.server.max_in_flight,
        contact: settings.contact.as_deref().map(Box::from),
    }
}

fn tenants(settings: &config::Settings) -> impl Iterator<Item = &Arc<str>> {
    settings.authenticate.tenants.iter().map(|tenant| &tenant.id)
}

fn bounds(server: &config::Server) -> server::Settings {
    server::Settings {
        max_connections: server.max_connections,
        first_byte_timeout: server.first_byte_timeout,
        header_timeout: server.header_timeout,
        idle_timeout: server.idle_timeout,
        write_timeout: server.write_timeout,
        handshake_timeout: server.handshake_timeout,
        drain_timeout: server.drain_timeout,
        max_header_bytes: server.max_header_bytes,
        ..server::Settings::default()
    }
}

/// What was decided when the listener was bound.
fn needs_restart(old: &config::Server, new: &config::Server) -> Vec<&'static str> {
    let mut changed = Vec::new();
    let mut note = |name, same: bool| {
        if !same {
            changed.push(name);
        }
    };
    note("server.listen", old.listen == new.listen);
    note("server.workers", old.workers == new.workers);
    note("server.tls", old.tls.is_some() == new.tls.is_some());
    // The drain deadline is read when draining begins.
    let of_listener = |server| server::Settings { drain_timeout: Duration::ZERO, ..bounds(server) };
    note("server's connections, timeouts and head size", of_listener(old) == of_listener(new));
    changed
}
