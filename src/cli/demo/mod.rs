//! `demo`: what does the gateway do, without an account, a file or a network?
//!
//! A simulated Heify and a real gateway in one process, lines to paste that show both a success and a
//! refusal of every documented status, and a dashboard that shows what came of them.

mod lines;

use std::fs::DirBuilder;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use heify_gateway::config::{self, Listen, Log, LogFormat, Sources};
use heify_gateway::secret::Secret;
use heify_gateway::server::status::Readiness;
use heify_gateway::simulator::{self, Rates, Simulator};
use tracing::level_filters::LevelFilter;

use self::lines::Shown;
use super::gateway::StartError;
use super::operators::Operators;
use super::running::{Before, Running};
use super::signals::Endings;
use super::simulator::{explain, given_or_random};
use super::sockets::Sockets;
use super::{Exit, Surroundings, log, records, sources};

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const STATUS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
/// Nobody waits for the end of a demo.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What `demo` understands.
#[derive(Debug, Args)]
#[command(after_help = "Without an address the usual port is taken, or a free one where it is in \
    use.\n\nExamples:\n  heify-gateway demo\n  heify-gateway demo --listen 127.0.0.1:0")]
pub(crate) struct Arguments {
    /// Where the gateway listens; without it: 127.0.0.1:8080
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where its dashboard and status are; without it: 127.0.0.1:8081
    #[arg(long, value_name = "ADDRESS")]
    status: Option<SocketAddr>,
}

/// What a demo cannot go on without.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Gateway(#[from] StartError),
    #[error(transparent)]
    Simulator(#[from] simulator::StartError),
    #[error("the demo's own configuration is wrong")]
    Configuration(config::Mistakes),
}

/// Shows itself until a signal ends it.
pub(crate) fn run(arguments: &Arguments, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let Surroundings { global, environment, out, talk } = surroundings;
    // Beside the lines to paste, not among them, and only what is worth a look.
    let quiet = Log { level: LevelFilter::WARN, format: LogFormat::Text, access: false };
    let log = match log::start(log::Stream::Error, quiet, &global, &environment) {
        Ok(log) => log,
        Err(error) => {
            writeln!(talk, "heify-gateway: {error}")?;
            return Ok(Exit::WrongConfiguration);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines = log.lines.clone();
    let shown = runtime.block_on(show(arguments, log, out));
    log::end(&lines);
    match shown {
        Ok(()) => return Ok(Exit::Done),
        Err(Trouble::Io(error)) => return Err(error),
        Err(Trouble::Simulator(error)) => explain(&error, talk)?,
        Err(Trouble::Gateway(error)) => writeln!(talk, "heify-gateway: {error}")?,
        Err(Trouble::Configuration(mistakes)) => sources::explain(&mistakes, talk)?,
    }
    Ok(Exit::Failed)
}

async fn show(
    arguments: &Arguments,
    log: log::Started,
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    let mut endings = Endings::new()?;
    let (central, token) = (given_or_random(None)?, given_or_random(None)?);
    let simulator = simulate(&central, &token).await?;
    let folder = Folder::new()?;
    let made = Made {
        upstream: simulator.url(),
        central,
        key: given_or_random(None)?,
        operator: given_or_random(None)?,
        listen: named(arguments.listen.unwrap_or_else(|| usual(LISTEN))),
        status: arguments.status.unwrap_or_else(|| usual(STATUS)),
        records: folder.0.join("gateway.db"),
    };
    let settings = made.settings().map_err(Trouble::Configuration)?;
    let readiness = Readiness::new();
    let operators = Operators::start(&settings, &readiness, &mut Sockets::default())?;
    let opened = match &settings.records {
        Some(records) => Some(records::open(records).await.map_err(StartError::from)?),
        None => None,
    };
    let mut running = Running::start(settings, opened, &readiness, log, Before::default()).await?;
    let (console, mut orders) = running.console();
    operators.open(console, running.metrics().clone());
    readiness.loaded();
    let shown = Shown {
        gateway: format!("http://{}", running.gateway.address()),
        status: format!("http://{}", operators.admin().unwrap_or_default()),
        simulator: simulator.url(),
        key: made.key.expose(),
        operator: made.operator.expose(),
        token: token.expose(),
        moved: made.moved(arguments),
    };
    writeln!(out, "{shown}")?;
    out.flush()?;
    loop {
        tokio::select! {
            _ = endings.next() => break,
            due = running.due() => running.attend(due, &|| made.settings()).await,
            Some(order) = orders.recv() => running.obey(order, &|| made.settings()).await,
        }
    }
    running.shutdown(DRAIN_TIMEOUT).await;
    simulator.stop().await;
    Ok(())
}

async fn simulate(central: &Secret, token: &Secret) -> Result<Simulator, simulator::StartError> {
    let mut settings = simulator::Settings::with_key(central.clone());
    settings.token = Some(token.clone());
    settings.processing = lines::PROCESSING;
    // The gateway's limits are what is shown; two buckets in a row would refuse by turns.
    settings.accounts.iter_mut().for_each(|account| account.rates = Rates::Off);
    simulator::start(settings).await
}

/// What this demo is made of.
struct Made {
    upstream: String,
    central: Secret,
    key: Secret,
    operator: Secret,
    listen: SocketAddr,
    status: SocketAddr,
    records: PathBuf,
}

impl Made {
    /// Loads what an operator would write, from a file that exists in memory only.
    fn settings(&self) -> Result<config::Settings, config::Mistakes> {
        let file = format!(
            "[admin]\ntoken = \"{}\"\n\n[upstream]\nurl = \"{}\"\napi_key = \"{}\"\n\n\
             [records]\nurl = \"sqlite:gateway.db\"\n\n\
             [relay]\nenabled = true\npublic_url = \"http://{}\"\nhosts = [\"{}\"]\n\n\
             [[tenants]]\nid = \"demo\"\nkeys = [{{ key = \"{}\" }}]\nminutes = {{ monthly = 600 }}\n",
            self.operator.expose(),
            self.upstream,
            self.central.expose(),
            self.listen,
            self.upstream,
            self.key.expose()
        );
        let read_file = |_: &Path| Ok(file.clone().into_bytes());
        let environment: [(&str, &str); 0] = [];
        let mut sources = Sources::new(Some("demo.toml".into()), environment);
        sources.read_file = &read_file;
        let mut settings = config::load(&sources)?;
        settings.server.listen = Listen::Tcp(self.listen);
        (settings.admin.listen, settings.status) = (self.status, self.status);
        // A folder's name may hold what no file may.
        settings.records.iter_mut().for_each(|records| records.path.clone_from(&self.records));
        Ok(settings)
    }

    /// The usual ports that were in use.
    fn moved(&self, arguments: &Arguments) -> Vec<SocketAddr> {
        [(arguments.listen, LISTEN, self.listen), (arguments.status, STATUS, self.status)]
            .into_iter()
            .filter(|(asked, usual, is)| asked.is_none() && is != usual)
            .map(|(_, usual, _)| usual)
            .collect()
    }
}

/// The usual address, or one with a free port where another program has it. Who takes it between
/// this look and the start is named by the error then.
fn usual(mut address: SocketAddr) -> SocketAddr {
    let is_used =
        TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    if is_used {
        address.set_port(0);
    }
    address
}

/// The same address with its port, which stands in the demo's own configuration: how clients upload. Who
/// takes it between this look and the start is named by the error then.
fn named(address: SocketAddr) -> SocketAddr {
    if address.port() != 0 {
        return address;
    }
    TcpListener::bind(address).and_then(|listener| listener.local_addr()).unwrap_or(address)
}

/// Where the records of one demo are, for its own user, until it ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let name = format!("heify-gateway-demo-{}", uuid::Uuid::now_v7());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for what is temporary.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
