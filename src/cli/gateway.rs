//! How does a configuration become a running gateway, and how does it change while it runs?

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use heify_gateway::alerts;
use heify_gateway::config::{self, Listen};
use heify_gateway::contract::{Contract, Mistake};
use heify_gateway::records::Records;
use heify_gateway::server::{self, Drained, Listener, LocalAddr, Tls, Workers};
use heify_gateway::settle::Setup;
use heify_gateway::stack::{self, Levels, Rooms, Stack};
use heify_gateway::traffic::{Connections, Traffic};
use heify_gateway::upstream::{Upstream, UpstreamError};

use super::Exit;
use super::records::OpenError;

/// Why a checked configuration cannot be served all the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{name}: {error}")]
    Listen { name: String, error: io::Error },
    #[error("cannot start the data-path threads: {0}")]
    Threads(io::Error),
    #[error("the upstream cannot be used: {0}")]
    Upstream(#[from] UpstreamError),
    #[error(transparent)]
    Records(#[from] OpenError),
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

/// The data path: listeners, threads, rooms, upstream connections.
#[derive(Debug)]
pub(crate) struct Gateway {
    workers: Workers<Stack>,
    rooms: Rooms,
    /// One per thread, in the order of the threads.
    upstreams: Vec<Arc<Upstream>>,
    tls: Option<Tls>,
    server: config::Server,
    records: Option<Records>,
    traffic: Arc<Traffic>,
}

impl Gateway {
    /// Binds the data port and starts one thread per core.
    pub(crate) fn start(
        settings: &config::Settings,
        records: Option<&Records>,
    ) -> Result<Self, StartError> {
        let count = threads(&settings.server);
        let traffic = Arc::new(Traffic::new(Instant::now()));
        let rooms = Rooms::new(rooms(settings), contract(settings)?, records, None).counted(
            &traffic,
            tenants(settings),
            1,
        );
        let upstreams = clients(&rooms, count.get())?;
        let tls = tls(settings.server.tls.as_ref())?;
        let listener = match &settings.server.listen {
            Listen::Tcp(address) => Listener::tcp(*address),
            Listen::Unix(path) => Listener::unix(path),
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
        Ok(Self { workers, rooms, upstreams, tls, server, records, traffic })
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
                .counted(&self.traffic, tenants(settings), version);
        // Connections are kept when nothing about the upstream changed.
        let upstreams = match same_upstream {
            true => self.upstreams.clone(),
            false => clients(&rooms, self.upstreams.len())?,
        };
        replace_tls(self.tls.as_ref(), &settings.server)?;
        // From here on nothing can fail.
        self.workers.replace(|index| rooms.stack(Arc::clone(&upstreams[index])));
        (self.rooms, self.upstreams) = (rooms, upstreams);
        Ok(needs_restart(&self.server, &settings.server))
    }

    /// How full it is.
    pub(crate) fn levels(&self) -> Levels {
        self.rooms.levels()
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

#[cfg(feature = "tls")]
pub(super) fn tls(tls: Option<&config::Tls>) -> Result<Option<Tls>, StartError> {
    Ok(certificate(tls)?.map(Tls::new))
}

/// Puts a renewed certificate to use.
#[cfg(feature = "tls")]
fn replace_tls(tls: Option<&Tls>, server: &config::Server) -> Result<(), StartError> {
    if let (Some(tls), Some(certificate)) = (tls, certificate(server.tls.as_ref())?) {
        tls.replace(certificate);
    }
    Ok(())
}

#[cfg(feature = "tls")]
fn certificate(tls: Option<&config::Tls>) -> Result<Option<rustls::ServerConfig>, StartError> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let Some(tls) = tls else { return Ok(None) };
    let pem = |error: rustls::pki_types::pem::Error| StartError::Certificate(error.to_string());
    let wrong = |error: rustls::Error| StartError::Certificate(error.to_string());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&tls.cert_pem).collect();
    let key = PrivateKeyDer::from_pem_slice(tls.key_pem.expose().as_bytes()).map_err(pem)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(pem)?, key)
        .map_err(wrong)?;
    Ok(Some(config))
}

/// Until when a certificate is valid: the first of its chain.
#[cfg(feature = "tls")]
pub(super) fn certificate_ends(tls: Option<&config::Tls>) -> Option<SystemTime> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let first = CertificateDer::pem_slice_iter(&tls?.cert_pem).next()?.ok()?;
    server::not_after(&first)
}

#[cfg(not(feature = "tls"))]
pub(super) fn certificate_ends(_: Option<&config::Tls>) -> Option<SystemTime> {
    None
}

#[cfg(not(feature = "tls"))]
pub(super) fn tls(tls: Option<&config::Tls>) -> Result<Option<Tls>, StartError> {
    match tls {
        Some(_) => Err(StartError::NoTls),
        None => Ok(None),
    }
}

#[cfg(not(feature = "tls"))]
fn replace_tls(_: Option<&Tls>, _: &config::Server) -> Result<(), StartError> {
    Ok(())
}
