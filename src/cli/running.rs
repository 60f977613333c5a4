//! What runs together, and how does it change while it runs?

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use heify_gateway::admin::operate::limits;
use heify_gateway::admin::{Console, Order, Orders, Reloaded, View};
use heify_gateway::alerts::{self, Alerter};
use heify_gateway::config;
use heify_gateway::metrics::{InUse, Metrics, Sources};
use heify_gateway::records::{IssuedKey, Moment, Override, Records};
use heify_gateway::server::Drained;
use heify_gateway::server::status::Readiness;
use heify_gateway::settle::{Settler, Setup};
use tokio::sync::watch;

use super::gateway::{self, Gateway, StartError};
use super::records::{OpenError, Opened};
use super::serve::Load;
use super::{issued, log};

/// When issued keys could not be read or put to use, how soon that is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// How often the wall clock is looked at while a changed limit waits for its end.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The data path, the records behind it, and the worker that settles them.
pub(crate) struct Running {
    /// What the file says, without keys from elsewhere.
    pub(crate) settings: Arc<config::Settings>,
    pub(crate) gateway: Gateway,
    kept: Option<Kept>,
    /// What the admin API sees of it.
    view: watch::Sender<View>,
    /// How the filter of the log is shown and changed.
    filter: log::Filter,
    metrics: Metrics,
}

struct Kept {
    opened: Opened,
    /// What was changed in the records, as the gateway knows it.
    changed: Changed,
    /// When the next changed limit ends.
    ends: Option<Moment>,
    /// Whether records may say something else of it than the gateway knows.
    behind: bool,
    setups: watch::Sender<Arc<Setup>>,
    alerts: watch::Sender<Arc<alerts::Setup>>,
    changes: watch::Receiver<u64>,
}

/// What operators have changed beside the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Changed {
    issued: Vec<IssuedKey>,
    overrides: Vec<Override>,
}

impl Changed {
    async fn read(records: &Records) -> Option<Self> {
        let read =
            records.read(|store| Ok(Self { issued: store.keys()?, overrides: store.overrides()? }));
        read.await.ok()
    }

    /// The settings with all of it over them.
    fn over(&self, settings: &config::Settings, now: Moment) -> config::Settings {
        let mut settings = settings.clone();
        issued::add(&mut settings, &self.issued);
        limits::overlay(&mut settings, &self.overrides, now);
        settings
    }
}

impl Running {
    /// Starts the data path, and the worker where there are records.
    pub(crate) async fn start(
        settings: config::Settings,
        opened: Option<Opened>,
        readiness: &Readiness,
        filter: log::Filter,
    ) -> Result<Self, StartError> {
        let (now, settings) = (Moment::now(), Arc::new(settings));
        let Some(opened) = opened else {
            let gateway = Gateway::start(&settings, None)?;
            let view = watch::Sender::new(view(&settings, &gateway, &Changed::default(), 1, now));
            let metrics = metrics(&gateway, &settings, None);
            return Ok(Self { settings, gateway, kept: None, view, filter, metrics });
        };
        let records = opened.records.clone();
        readiness.watch(records.clone());
        let changes = records.foreign_changes();
        let changed = Changed::read(&records).await.ok_or(OpenError::Keys)?;
        let (in_use, alerted) = (changed.over(&settings, now), records.clone());
        let gateway = Gateway::start(&in_use, Some(&records))?;
        let metrics = metrics(&gateway, &settings, Some(records.clone()));
        let (setups, watched) = watch::channel(Arc::new(gateway.setup(&settings)?));
        tokio::spawn(Settler::new(records, watched, Moment::now).run());
        let view = watch::Sender::new(view(&settings, &gateway, &changed, 1, now));
        let ends = limits::next_end(&changed.overrides, now);
        let (alerts, watched) = watch::channel(Arc::new(gateway.alerts(&in_use)));
        let counts = alerts::Counts::default();
        metrics.alerting(counts.clone());
        tokio::spawn(Alerter::new(alerted, watched, Moment::now, counts).run());
        let kept = Some(Kept { opened, changed, ends, behind: false, setups, alerts, changes });
        Ok(Self { settings, gateway, kept, view, filter, metrics })
    }

    /// What Prometheus reads.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Makes the admin API's console of it.
    pub(crate) fn console(&self) -> (Console, Orders) {
        let records = self.kept.as_ref().map(|kept| kept.opened.records.clone());
        let (traffic, tls) =
            (Arc::clone(self.gateway.traffic()), self.settings.admin.tls.is_some());
        Console::new(self.view.subscribe(), records, traffic, tls)
    }

    /// Lets requests end, cuts what has not ended in time, and closes the records.
    pub(crate) async fn shutdown(self, timeout: Duration) -> Drained {
        let drained = self.gateway.shutdown(timeout).await;
        if let Some(kept) = &self.kept {
            kept.opened.records.close().await;
        }
        drained
    }

    /// Waits until another process has written into the records, or a changed limit ends.
    pub(crate) async fn change(&mut self) {
        let Some(kept) = &mut self.kept else { return std::future::pending().await };
        if kept.behind {
            return tokio::time::sleep(RENEW_AGAIN).await;
        }
        let ends = kept.ends.map(|ends| Moment::now().until(ends));
        let end = async {
            match ends {
                // The wall clock may be set: it is looked at again.
                Some(ends) => tokio::time::sleep(ends.min(LOOK_AGAIN)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = kept.changes.changed() => if changed.is_err() {
                // There are no others to write.
                std::future::pending::<()>().await;
            },
            () = end => {}
        }
    }

    /// Puts to use what was changed at the command line or over the admin API.
    pub(crate) async fn renew(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        // A key that was revoked must not stay valid because the records did not answer just now.
        kept.behind = true;
        let Some(changed) = Changed::read(&kept.opened.records).await else { return };
        let now = Moment::now();
        let ended = kept.ends.is_some_and(|ends| ends <= now);
        if changed == kept.changed && !ended {
            kept.behind = false;
            return;
        }
        let version = self.view.borrow().version;
        let in_use = changed.over(&self.settings, now);
        match self.gateway.reload(&in_use, version) {
            Ok(_) => {
                kept.alerts.send_replace(Arc::new(self.gateway.alerts(&in_use)));
                let (issued, limits) = (changed.issued.len(), changed.overrides.len());
                tracing::info!(issued, limits, "changed keys and limits are in use");
                self.metrics.renewed(self.gateway.levels());
                kept.ends = limits::next_end(&changed.overrides, now);
                kept.changed = changed;
                kept.behind = false;
                let overrides = kept.changed.overrides.as_slice().into();
                self.view.send_modify(|view| view.overrides = overrides);
            }
            Err(error) => tracing::error!(%error, "changed keys and limits are not in use"),
        }
    }

    /// Does what the admin API asks for.
    pub(crate) async fn obey(&mut self, order: Order, load: &Load<'_>) {
        // Whoever asked may have gone; what was done is done.
        match order {
            Order::Renew(tell) => {
                self.renew().await;
                let _ = tell.send(());
            }
            Order::Reload(tell) => {
                let _ = tell.send(self.reload(load));
            }
            Order::LogLevel(to, tell) => {
                let _ = tell.send((self.filter)(to.as_deref()));
            }
        }
    }

    /// Reads the configuration again; where it has a mistake, nothing changes.
    ///
    /// # Errors
    /// All mistakes, which are in the log, too.
    pub(crate) fn reload(&mut self, load: &Load<'_>) -> Result<Reloaded, Vec<String>> {
        let reloaded = self.try_reload(load);
        if reloaded.is_err() {
            self.metrics.not_reloaded();
        }
        reloaded
    }

    fn try_reload(&mut self, load: &Load<'_>) -> Result<Reloaded, Vec<String>> {
        let new = load().map_err(|mistakes| {
            for mistake in mistakes.iter() {
                tracing::error!(%mistake, "not reloaded: the configuration has a mistake");
            }
            mistakes.iter().map(ToString::to_string).collect::<Vec<_>>()
        })?;
        for warning in &new.warnings {
            tracing::warn!(%warning, "configuration");
        }
        if new.records.is_some() && self.kept.is_none() {
            tracing::error!("not reloaded: records are needed now; restart the gateway");
            return Err(vec!["records are needed now: restart the gateway".to_owned()]);
        }
        let nothing = Changed::default();
        let changed = self.kept.as_ref().map_or(&nothing, |kept| &kept.changed);
        let version = self.view.borrow().version + 1;
        match self.gateway.reload(&changed.over(&new, Moment::now()), version) {
            Ok(restart) => Ok(self.reloaded(new, restart)),
            Err(error) => {
                tracing::error!(%error, "not reloaded");
                Err(vec![error.to_string()])
            }
        }
    }

    fn reloaded(&mut self, new: config::Settings, mut restart: Vec<&'static str>) -> Reloaded {
        if new.status != self.settings.status {
            restart.push("status.listen");
        }
        let (admin, old) = (&new.admin, &self.settings.admin);
        let opens = |admin: &config::Admin, status| {
            (!admin.tokens.is_empty() || status == admin.listen).then_some(admin.listen)
        };
        if opens(admin, new.status) != opens(old, self.settings.status) || admin.tls != old.tls {
            restart.push("admin.listen and admin.tls");
        }
        if new.log != self.settings.log {
            restart.push("log");
        }
        if new.records != self.settings.records {
            restart.push("records");
        }
        for key in &restart {
            tracing::warn!(key, "this change takes effect after a restart");
        }
        if let Some(kept) = &self.kept {
            let in_use = kept.changed.over(&new, Moment::now());
            kept.alerts.send_replace(Arc::new(self.gateway.alerts(&in_use)));
            match self.gateway.setup(&new) {
                Ok(setup) => drop(kept.setups.send_replace(Arc::new(setup))),
                Err(error) => tracing::error!(%error, "jobs are settled as before"),
            }
        }
        tracing::info!(tenants = new.authenticate.tenants.len(), "configuration reloaded");
        self.settings = Arc::new(new);
        let nothing = Changed::default();
        let changed = self.kept.as_ref().map_or(&nothing, |kept| &kept.changed);
        let version = self.view.borrow().version + 1;
        let view = view(&self.settings, &self.gateway, changed, version, Moment::now());
        self.view.send_replace(view);
        let in_use = in_use(&self.gateway, &self.settings);
        self.metrics.reloaded(in_use, version, SystemTime::now());
        let warnings = self.settings.warnings.iter().map(ToString::to_string).collect();
        let restart = restart.into_iter().map(str::to_owned).collect();
        Reloaded { version, restart, warnings }
    }
}

fn metrics(gateway: &Gateway, settings: &config::Settings, records: Option<Records>) -> Metrics {
    let (traffic, connections) = (gateway.traffic().clone(), gateway.connections().clone());
    let file = settings.records.as_ref().map(|records| records.path.clone());
    let sources = Sources { traffic, connections, records, file };
    Metrics::new(sources, in_use(gateway, settings), SystemTime::now())
}

fn in_use(gateway: &Gateway, settings: &config::Settings) -> InUse {
    InUse {
        levels: gateway.levels(),
        settle_deadline: settings.settle.deadline,
        certificate_ends: gateway::certificate_ends(settings.server.tls.as_ref()),
    }
}

fn view(
    settings: &Arc<config::Settings>,
    gateway: &Gateway,
    changed: &Changed,
    version: u64,
    loaded: Moment,
) -> View {
    View {
        settings: Arc::clone(settings),
        contract: Arc::clone(gateway.contract()),
        overrides: changed.overrides.as_slice().into(),
        version,
        loaded,
    }
}
