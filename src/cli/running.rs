//! What runs together, and how does it change while it runs?

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use heify_gateway::admin::operate::limits;
use heify_gateway::admin::{Console, Order, Orders, View};
use heify_gateway::alerts::{self, Alerter};
use heify_gateway::config;
use heify_gateway::metrics::{InUse, Metrics, Sources};
use heify_gateway::records::{IssuedKey, Moment, Override, Records};
use heify_gateway::rotate::Proof;
use heify_gateway::server::status::Readiness;
use heify_gateway::server::{Drained, Listener, Tls};
use heify_gateway::settle::{Settler, Setup};
use heify_gateway::trace::Tracer;
use tokio::sync::watch;

use super::certificates;
use super::gateway::{Gateway, Observers, StartError};
use super::records::{OpenError, Opened};
use super::reload::Reloading;
use super::serve::Load;
use super::systemd::Manager;
use super::{issued, log, traces};

/// When issued keys could not be read or put to use, how soon that is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// How often the wall clock is looked at while a changed limit waits for its end.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The data path, the records behind it, and the worker that settles them.
pub(crate) struct Running {
    /// What the file says, without keys from elsewhere.
    pub(crate) settings: Arc<config::Settings>,
    pub(crate) gateway: Gateway,
    /// What the file said at the start.
    pub(super) started: Arc<config::Settings>,
    pub(super) kept: Option<Kept>,
    /// What the admin API sees of it.
    pub(super) view: watch::Sender<View>,
    log: log::Started,
    /// Records spans, where they are exported.
    tracer: Option<Tracer>,
    pub(super) metrics: Metrics,
    pub(super) reloading: Reloading,
}

/// What was there before: sockets that listen already, and who wants to know.
#[derive(Default)]
pub(crate) struct Before {
    /// The data port, where somebody handed it over.
    pub(crate) data: Option<Listener>,
    /// The certificate of the admin port.
    pub(crate) admin: Option<Tls>,
    pub(crate) manager: Manager,
}

/// What there is to do.
pub(crate) enum Due {
    /// Keys or limits have changed beside the file.
    Renew,
    /// A new central key was asked about.
    Proven(Proof),
    /// A configuration whose key could not be proven is tried again.
    Again,
}

pub(super) struct Kept {
    opened: Opened,
    /// What was changed in the records, as the gateway knows it.
    pub(super) changed: Changed,
    /// When the next changed limit ends.
    ends: Option<Moment>,
    /// Whether records may say something else of it than the gateway knows.
    behind: bool,
    pub(super) setups: watch::Sender<Arc<Setup>>,
    pub(super) alerts: watch::Sender<Arc<alerts::Setup>>,
    changes: watch::Receiver<u64>,
}

/// What operators have changed beside the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changed {
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
    pub(super) fn over(&self, settings: &config::Settings, now: Moment) -> config::Settings {
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
        log: log::Started,
        before: Before,
    ) -> Result<Self, StartError> {
        let (now, settings) = (Moment::now(), Arc::new(settings));
        let Before { data, admin, manager } = before;
        let (started, reloading) = (Arc::clone(&settings), Reloading::telling(manager));
        let tracer = traces::start(&settings)?;
        let observers = Observers { log: log.access(), tracer: tracer.clone() };
        let Some(opened) = opened else {
            let gateway = Gateway::start(&settings, None, observers, data, admin)?;
            let view = watch::Sender::new(view(&settings, &gateway, &Changed::default(), 1, now));
            let metrics = metrics(&gateway, &settings, None, &log, tracer.as_ref());
            let kept = None;
            return Ok(Self {
                settings,
                started,
                gateway,
                kept,
                view,
                log,
                tracer,
                metrics,
                reloading,
            });
        };
        let records = opened.records.clone();
        readiness.watch(records.clone());
        let changes = records.foreign_changes();
        let changed = Changed::read(&records).await.ok_or(OpenError::Keys)?;
        let (in_use, alerted) = (changed.over(&settings, now), records.clone());
        let gateway = Gateway::start(&in_use, Some(&records), observers, data, admin)?;
        let metrics = metrics(&gateway, &settings, Some(records.clone()), &log, tracer.as_ref());
        let (setups, watched) = watch::channel(Arc::new(gateway.setup(&settings)?));
        tokio::spawn(Settler::new(records, watched, Moment::now).run());
        let view = watch::Sender::new(view(&settings, &gateway, &changed, 1, now));
        let ends = limits::next_end(&changed.overrides, now);
        let (alerts, watched) = watch::channel(Arc::new(gateway.alerts(&in_use)));
        let counts = alerts::Counts::default();
        metrics.alerting(counts.clone());
        tokio::spawn(Alerter::new(alerted, watched, Moment::now, counts).run());
        let kept = Some(Kept { opened, changed, ends, behind: false, setups, alerts, changes });
        Ok(Self { settings, started, gateway, kept, view, log, tracer, metrics, reloading })
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
        if let Some(tracer) = &self.tracer {
            traces::end(tracer).await;
        }
        if let Some(kept) = &self.kept {
            kept.opened.records.close().await;
        }
        drained
    }

    /// Waits until there is something to do. Nothing is lost when the future is dropped.
    pub(crate) async fn due(&mut self) -> Due {
        tokio::select! {
            () = change(self.kept.as_mut()) => Due::Renew,
            due = self.reloading.due() => due,
        }
    }

    /// Does it.
    pub(crate) async fn attend(&mut self, due: Due, load: &Load<'_>) {
        match due {
            Due::Renew => self.renew().await,
            Due::Proven(proof) => self.proven(&proof),
            Due::Again => self.reload(load, None),
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
            Order::Reload(tell) => self.reload(load, Some(tell)),
            Order::LogLevel(to, tell) => {
                let _ = tell.send((self.log.filter)(to.as_deref()));
            }
        }
    }
}

/// Waits until another process has written into the records, or a changed limit ends.
async fn change(kept: Option<&mut Kept>) {
    let Some(kept) = kept else { return std::future::pending().await };
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

fn metrics(
    gateway: &Gateway,
    settings: &config::Settings,
    records: Option<Records>,
    log: &log::Started,
    tracer: Option<&Tracer>,
) -> Metrics {
    let sources = Sources {
        traffic: gateway.traffic().clone(),
        connections: gateway.connections().clone(),
        records,
        file: settings.records.as_ref().map(|records| records.path.clone()),
        lines: Some(log.lines.clone()),
        spans: tracer.map(|tracer| tracer.counts().clone()),
    };
    Metrics::new(sources, in_use(gateway, settings), SystemTime::now())
}

pub(super) fn in_use(gateway: &Gateway, settings: &config::Settings) -> InUse {
    InUse {
        levels: gateway.levels(),
        settle_deadline: settings.settle.deadline,
        certificate_ends: certificates::not_after(settings.server.tls.as_ref()),
    }
}

pub(super) fn view(
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
