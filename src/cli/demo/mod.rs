//! `demo`: what does the gateway do, without an account, a file or a network?
//!
//! A simulated Heify and a real gateway in one process, and lines to paste that show both a success
//! and a refusal of every documented status.

mod lines;

use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use heify_gateway::config::{self, Listen, Log, LogFormat, Sources};
use heify_gateway::secret::Secret;
use heify_gateway::server::status::{Readiness, Status};
use heify_gateway::server::{Listener, LocalAddr};
use heify_gateway::simulator::{self, Rates, Simulator};
use tracing::level_filters::LevelFilter;

use self::lines::Shown;
use super::gateway::{Gateway, StartError};
use super::signals::Endings;
use super::simulator::{explain, given_or_random};
use super::{Exit, Surroundings, log, sources};

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
    /// Where its status is answered; without it: 127.0.0.1:8081
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
    let quiet = Log { level: LevelFilter::WARN, format: LogFormat::Text };
    if let Err(error) = log::start(log::Stream::Error, quiet, &global, &environment) {
        writeln!(talk, "heify-gateway: {error}")?;
        return Ok(Exit::WrongConfiguration);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(show(arguments, out)) {
        Ok(()) => return Ok(Exit::Done),
        Err(Trouble::Io(error)) => return Err(error),
        Err(Trouble::Simulator(error)) => explain(&error, talk)?,
        Err(Trouble::Gateway(error)) => writeln!(talk, "heify-gateway: {error}")?,
        Err(Trouble::Configuration(mistakes)) => sources::explain(&mistakes, talk)?,
    }
    Ok(Exit::Failed)
}

async fn show(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Trouble> {
    let mut endings = Endings::new()?;
    let (central, token) = (given_or_random(None)?, given_or_random(None)?);
    let key = given_or_random(None)?;
    let simulator = simulate(&central, &token).await?;
    let status = status(arguments.status)?;
    let gateway = gateway(arguments.listen, &simulator.url(), &central, &key)?;
    let shown = Shown {
        gateway: url(gateway.address()),
        status: url(&status.local_addr()?),
        simulator: simulator.url(),
        key: key.expose(),
        token: token.expose(),
        moved: moved(arguments, gateway.address(), &status.local_addr()?),
    };
    let readiness = Readiness::new();
    tokio::spawn(Status::new(readiness.clone()).serve(status));
    readiness.loaded();
    writeln!(out, "{shown}")?;
    out.flush()?;
    endings.next().await;
    gateway.shutdown(DRAIN_TIMEOUT).await;
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

/// The status port that was asked for, or the usual one, or a free one.
fn status(asked: Option<SocketAddr>) -> Result<Listener, StartError> {
    let named = |address: SocketAddr| {
        let name = format!("cannot listen on {address} (status)");
        move |error| StartError::Listen { name, error }
    };
    match asked {
        Some(address) => Listener::tcp(address).map_err(named(address)),
        None => Listener::tcp(STATUS).or_else(|error| match error.kind() {
            ErrorKind::AddrInUse => Listener::tcp(free(STATUS)).map_err(named(free(STATUS))),
            _ => Err(named(STATUS)(error)),
        }),
    }
}

/// A gateway where it was asked for, or at the usual port, or at a free one.
fn gateway(
    asked: Option<SocketAddr>,
    upstream: &str,
    central: &Secret,
    key: &Secret,
) -> Result<Gateway, Trouble> {
    let mut settings = settings(upstream, central, key).map_err(Trouble::Configuration)?;
    settings.server.listen = Listen::Tcp(asked.unwrap_or(LISTEN));
    match Gateway::start(&settings, None) {
        Err(StartError::Listen { error, .. })
            if asked.is_none() && error.kind() == ErrorKind::AddrInUse =>
        {
            settings.server.listen = Listen::Tcp(free(LISTEN));
            Ok(Gateway::start(&settings, None)?)
        }
        started => Ok(started?),
    }
}

/// Loads what an operator would write, from a file that exists in memory only.
fn settings(
    upstream: &str,
    central: &Secret,
    key: &Secret,
) -> Result<config::Settings, config::Mistakes> {
    let file = format!(
        "[upstream]\nurl = \"{upstream}\"\napi_key = \"{}\"\n\n\
         [[tenants]]\nid = \"demo\"\nkeys = [{{ key = \"{}\" }}]\n",
        central.expose(),
        key.expose()
    );
    let read_file = |_: &std::path::Path| Ok(file.clone().into_bytes());
    let environment: [(&str, &str); 0] = [];
    let mut sources = Sources::new(Some("demo.toml".into()), environment);
    sources.read_file = &read_file;
    config::load(&sources)
}

fn free(mut address: SocketAddr) -> SocketAddr {
    address.set_port(0);
    address
}

fn url(address: &LocalAddr) -> String {
    format!("http://{address}")
}

/// The usual ports that were in use.
fn moved(arguments: &Arguments, gateway: &LocalAddr, status: &LocalAddr) -> Vec<SocketAddr> {
    [(arguments.listen, LISTEN, gateway), (arguments.status, STATUS, status)]
        .into_iter()
        .filter(|(asked, usual, is)| asked.is_none() && **is != LocalAddr::Tcp(*usual))
        .map(|(_, usual, _)| usual)
        .collect()
}
