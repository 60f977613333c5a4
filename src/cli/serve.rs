//! `serve`: how does the gateway run until it is told to stop?

use std::cell::RefCell;
use std::io;

use clap::Args;
use heify_gateway::config::{self, Mistakes};
use heify_gateway::server::status::Readiness;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::gateway::StartError;
use super::operators::Operators;
use super::records;
use super::running::{Before, Running};
use super::signals::Endings;
use super::sockets::Sockets;
use super::sources::{explain, settings_and_files};
use super::systemd::Manager;
use super::watch::{Files, Watch};
use super::{Exit, Surroundings, log};

/// What `serve` understands.
#[derive(Debug, Args)]
#[command(after_help = "SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reads the \
    configuration again, and so does a change of its files.\n\n\
    Examples:\n  heify-gateway serve -c gateway.toml\n  \
    HEIFY_API_KEY=... HEIFY_GATEWAY_TENANT_KEY=... heify-gateway serve")]
pub(crate) struct Arguments {}

/// Serves until a signal says otherwise.
pub(crate) fn run(_: &Arguments, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    // Before anything else: there must be no other thread yet.
    let sockets = Sockets::take(&surroundings.environment);
    let (loaded, files) = settings_and_files(&surroundings);
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            explain(&mistakes, surroundings.talk)?;
            return Ok(Exit::WrongConfiguration);
        }
    };
    let (global, environment) = (&surroundings.global, &surroundings.environment);
    let log = match log::start(log::Stream::Output, loaded.log, global, environment) {
        Ok(log) => log,
        Err(error) => {
            writeln!(surroundings.talk, "heify-gateway: {error}")?;
            return Ok(Exit::WrongConfiguration);
        }
    };
    for warning in &loaded.warnings {
        tracing::warn!(%warning, "configuration");
    }
    // Signals and the status listener live apart from the data path's threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines = log.lines.clone();
    let manager = Manager::find(environment);
    let ended = match sockets {
        Ok(sockets) => {
            let files = RefCell::new(files);
            let load = || {
                let (loaded, read) = settings_and_files(&surroundings);
                files.replace(read);
                loaded
            };
            let around = Around { load: &load, files: &files, manager };
            runtime.block_on(serve(loaded, &around, log, sockets))
        }
        Err(error) => Err(error),
    };
    // What still checks a large file of records must not hold up the end.
    runtime.shutdown_background();
    log::end(&lines);
    match ended {
        Ok(exit) => Ok(exit),
        Err(error) => {
            writeln!(surroundings.talk, "heify-gateway: {error}")?;
            Ok(error.exit())
        }
    }
}

pub(crate) type Load<'a> = dyn Fn() -> Result<config::Settings, Mistakes> + 'a;

/// What a running gateway looks to.
struct Around<'a> {
    load: &'a Load<'a>,
    /// What was read at the last load.
    files: &'a RefCell<Files>,
    manager: Manager,
}

async fn serve(
    settings: config::Settings,
    around: &Around<'_>,
    log: log::Started,
    mut sockets: Sockets,
) -> Result<Exit, StartError> {
    let Around { load, files, manager } = *around;
    let mut signals = Signals::new().map_err(StartError::Threads)?;
    let readiness = Readiness::new();
    // Before the records are open: who waits for them is alive, and not ready.
    let operators = Operators::start(&settings, &readiness, &mut sockets)?;
    manager.starting("opening the records");
    let opened = match &settings.records {
        None => None,
        Some(records) => {
            tokio::select! {
                opened = records::open(records) => Some(opened?),
                _ = signals.second_end() => return Ok(Exit::Done),
            }
        }
    };
    let before = Before { data: sockets.data, admin: operators.tls(), manager };
    let mut running = Running::start(settings, opened, &readiness, log, before).await?;
    let (console, mut orders) = running.console();
    operators.open(console, running.metrics().clone());
    readiness.loaded();
    let settings = &running.settings;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %running.gateway.address(),
        status = operators.status(),
        admin = operators.admin(),
        upstream = %settings.upstream.url,
        tenants = settings.authenticate.tenants.len(),
        records = settings.records.as_ref().map(|records| records.path.display().to_string()),
        "gateway ready"
    );
    manager.ready();
    tokio::spawn(manager.show_life(running.gateway.pulse()));
    let mut watch = Watch::new();
    let end = loop {
        let watches = running.settings.watch;
        tokio::select! {
            told = signals.next() => match told {
                Told::Reload => running.reload(load, None),
                Told::End(signal) => break signal,
            },
            () = watch.changed(watches, files) => {
                tracing::info!("the configuration's files have changed");
                running.reload(load, None);
            }
            due = running.due() => running.attend(due, load).await,
            Some(order) = orders.recv() => running.obey(order, load).await,
        }
    };
    tracing::info!(signal = end, "draining");
    readiness.draining();
    manager.stopping();
    let (delay, timeout) = {
        let server = &running.settings.server;
        (server.pre_stop_delay, server.drain_timeout)
    };
    let drain = async {
        tokio::time::sleep(delay).await;
        running.shutdown(timeout).await
    };
    tokio::select! {
        drained = drain => {
            tracing::info!(cut = drained.cut, "stopped");
            Ok(Exit::Done)
        }
        signal = signals.second_end() => {
            tracing::warn!(signal, "stopped at once by a second signal");
            Ok(Exit::Signal(signal))
        }
    }
}

/// What the operator or the service manager said.
enum Told {
    Reload,
    End(u8),
}

struct Signals {
    hangup: Signal,
    endings: Endings,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { hangup: signal(SignalKind::hangup())?, endings: Endings::new()? })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            signal = self.endings.next() => Told::End(signal),
        }
    }

    async fn second_end(&mut self) -> u8 {
        loop {
            if let Told::End(number) = self.next().await {
                return number;
            }
        }
    }
}
