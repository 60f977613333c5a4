//! What does a configuration consist of?

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::places::Places;
use super::problem::Problem;
use crate::key::KeyDigest;
use crate::secret::Secret;
use crate::trace::Export;
use crate::{authenticate, isolate, pace, preflight, quota, rate_limit, relay, upstream, validate};

/// A whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data port.
    pub server: Server,
    /// Where `/livez` and `/readyz` are answered: `[status] listen`, else `[admin] listen`, else
    /// `127.0.0.1:8081`.
    pub status: SocketAddr,
    /// The admin listener.
    pub admin: Admin,
    /// The upstream.
    pub upstream: upstream::Settings,
    /// Tenants and their keys.
    pub authenticate: authenticate::Settings,
    /// Where the file names them.
    pub places: Places,
    /// Their rates, in the same order.
    pub rate_limit: rate_limit::Settings,
    /// Their budgets, in the same order, and the account's.
    pub quota: quota::Settings,
    /// How the account's own rates are kept.
    pub pace: pace::Settings,
    /// How the tenants' objects are kept apart; `None`: not at all.
    pub isolation: Option<isolate::Settings>,
    /// How the files are looked at that requests name; `None`: not at all.
    pub preflight: Option<preflight::Settings>,
    /// How files are passed on to storage; `None`: clients put them there themselves.
    pub relay: Option<relay::Settings>,
    /// Where all that must last is kept; `None`: there is nothing to record.
    pub records: Option<Records>,
    /// How the true lengths of jobs are found out.
    pub settle: quota::Settle,
    /// Who is told when a limit is nearly used up.
    pub alerts: Vec<quota::Webhook>,
    /// The bounds of request bodies.
    pub validate: validate::Settings,
    /// A contract in place of the built-in one.
    pub contract: Option<Document>,
    /// Whom tenants may ask, shown to them on 402 and 500; fit for a header field.
    pub contact: Option<String>,
    /// What is logged, and how.
    pub log: Log,
    /// Whether a change of any file that was read makes the gateway read all of them again. Yes.
    pub watch: bool,
    /// Where spans go; `None`: nowhere.
    pub traces: Option<Export>,
    /// What is allowed, but perhaps not meant.
    pub warnings: Vec<Problem>,
}

/// How the data port listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where. `127.0.0.1:8080`.
    pub listen: Listen,
    /// Absent: plain HTTP.
    pub tls: Option<Tls>,
    /// Runtimes, one per thread; `None`: as many as there are cores.
    pub workers: Option<NonZeroUsize>,
    /// Connections at once. 10,000.
    pub max_connections: usize,
    /// Requests at once. 4,096.
    pub max_in_flight: usize,
    /// Until the first byte of a new connection. 10 s.
    pub first_byte_timeout: Duration,
    /// From the first byte of a request until its head is whole. 10 s.
    pub header_timeout: Duration,
    /// Between two requests. 75 s: above what load balancers commonly keep, so that they close first.
    pub idle_timeout: Duration,
    /// Until a client takes the next piece of an answer. 30 s.
    pub write_timeout: Duration,
    /// For the TLS handshake. 10 s.
    pub handshake_timeout: Duration,
    /// For open requests after SIGTERM. 30 s.
    pub drain_timeout: Duration,
    /// From "not ready" until the listener closes, for balancers to notice. 0 s.
    pub pre_stop_delay: Duration,
    /// The largest request head, in bytes. 32 KiB.
    pub max_header_bytes: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            tls: None,
            workers: None,
            max_connections: 10_000,
            max_in_flight: 4096,
            first_byte_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            pre_stop_delay: Duration::ZERO,
            max_header_bytes: 32 << 10,
        }
    }
}

/// An address of the data port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The certificate of the data port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The file with the certificate and its chain.
    pub cert_file: PathBuf,
    /// The file with the private key.
    pub key_file: PathBuf,
    /// What stands in `cert_file`: PEM with one certificate at least.
    pub cert_pem: Vec<u8>,
    /// What stands in `key_file`: PEM with the certificate's private key.
    pub key_pem: Secret,
}

/// The admin listener.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where. `127.0.0.1:8081`.
    pub listen: SocketAddr,
    /// A certificate; `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// Who may use it; without any, it answers nobody.
    pub tokens: Vec<AdminToken>,
}

impl Admin {
    /// Whether anybody may change something.
    pub fn has_operator(&self) -> bool {
        self.tokens.iter().any(|token| token.role == Role::Operator)
    }
}

/// Who may use the admin API.
#[derive(Debug, Clone)]
pub struct AdminToken {
    /// For the audit log.
    pub name: Arc<str>,
    /// What its holder may do.
    pub role: Role,
    /// The SHA-256 of the token.
    pub digest: KeyDigest,
}

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at everything.
    Viewer,
    /// Change something, too.
    Operator,
}

impl Role {
    /// How it is written and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// Where all that must last is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// The file of the SQLite database.
    pub path: PathBuf,
    /// How long to wait for another program that holds the file. 30 s.
    pub lock_wait: Duration,
}

/// A contract document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The file's name, for messages.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written. `info`.
    pub level: LevelFilter,
    /// `auto`.
    pub format: LogFormat,
    /// Whether there is a line per request. `true`.
    pub access: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LevelFilter::INFO, format: LogFormat::Auto, access: true }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One object per line.
    Json,
}
