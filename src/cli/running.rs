//! What runs together, and how does it change while it runs?

use std::sync::Arc;
use std::time::Duration;

use heify_gateway::config;
use heify_gateway::records::{IssuedKey, Moment, Records};
use heify_gateway::server::Drained;
use heify_gateway::server::status::Readiness;
use heify_gateway::settle::{Settler, Setup};
use tokio::sync::watch;

use super::gateway::{Gateway, StartError};
use super::issued;
use super::records::{OpenError, Opened};
use super::serve::Load;

/// When issued keys could not be read or put to use, how soon that is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(1);

/// The data path, the records behind it, and the worker that settles them.
pub(crate) struct Running {
    /// What the file says, without keys from elsewhere.
    pub(crate) settings: config::Settings,
    pub(crate) gateway: Gateway,
    kept: Option<Kept>,
}

struct Kept {
    opened: Opened,
    /// The keys that were issued, as the gateway knows them.
    issued: Vec<IssuedKey>,
    /// Whether records may say something else of them than the gateway knows.
    behind: bool,
    setups: watch::Sender<Arc<Setup>>,
    changes: watch::Receiver<u64>,
}

impl Running {
    /// Starts the data path, and the worker where there are records.
    pub(crate) async fn start(
        settings: config::Settings,
        opened: Option<Opened>,
        readiness: &Readiness,
    ) -> Result<Self, StartError> {
        let Some(opened) = opened else {
            let gateway = Gateway::start(&settings, None)?;
            return Ok(Self { settings, gateway, kept: None });
        };
        let records = opened.records.clone();
        readiness.watch(records.clone());
        let changes = records.foreign_changes();
        let issued = keys(&records).await.ok_or(OpenError::Keys)?;
        let gateway = Gateway::start(&with(&settings, &issued), Some(&records))?;
        let (setups, watched) = watch::channel(Arc::new(gateway.setup(&settings)?));
        tokio::spawn(Settler::new(records, watched, Moment::now).run());
        let kept = Some(Kept { opened, issued, behind: false, setups, changes });
        Ok(Self { settings, gateway, kept })
    }

    /// Lets requests end, cuts what has not ended in time, and closes the records.
    pub(crate) async fn shutdown(self, timeout: Duration) -> Drained {
        let drained = self.gateway.shutdown(timeout).await;
        if let Some(kept) = &self.kept {
            kept.opened.records.close().await;
        }
        drained
    }

    /// Waits until another process has written into the records.
    pub(crate) async fn foreign_change(&mut self) {
        if let Some(kept) = &mut self.kept {
            if kept.behind {
                return tokio::time::sleep(RENEW_AGAIN).await;
            }
            if kept.changes.changed().await.is_ok() {
                return;
            }
        }
        // There are no others to write.
        std::future::pending().await
    }

    /// Puts keys to use that were issued, rotated or revoked at the command line.
    pub(crate) async fn renew_keys(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        // A key that was revoked must not stay valid because the records did not answer just now.
        kept.behind = true;
        let Some(issued) = keys(&kept.opened.records).await else { return };
        if issued == kept.issued {
            kept.behind = false;
            return;
        }
        match self.gateway.reload(&with(&self.settings, &issued)) {
            Ok(_) => {
                tracing::info!(issued = issued.len(), "keys renewed");
                kept.issued = issued;
                kept.behind = false;
            }
            Err(error) => tracing::error!(%error, "issued keys are not in use"),
        }
    }

    /// Reads the configuration again; where it has a mistake, nothing changes.
    pub(crate) async fn reload(&mut self, load: &Load<'_>) {
        let new = match load() {
            Ok(new) => new,
            Err(mistakes) => {
                for mistake in mistakes.iter() {
                    tracing::error!(%mistake, "not reloaded: the configuration has a mistake");
                }
                return;
            }
        };
        for warning in &new.warnings {
            tracing::warn!(%warning, "configuration");
        }
        if new.records.is_some() && self.kept.is_none() {
            tracing::error!("not reloaded: records are needed now; restart the gateway");
            return;
        }
        let issued = self.kept.as_ref().map(|kept| &*kept.issued).unwrap_or_default();
        match self.gateway.reload(&with(&new, issued)) {
            Ok(restart) => self.reloaded(new, restart),
            Err(error) => tracing::error!(%error, "not reloaded"),
        }
    }

    fn reloaded(&mut self, new: config::Settings, mut restart: Vec<&'static str>) {
        if new.status != self.settings.status {
            restart.push("status.listen");
        }
        if new.log != self.settings.log {
            restart.push("log");
        }
        if new.records != self.settings.records {
            restart.push("records");
        }
        for key in restart {
            tracing::warn!(key, "this change takes effect after a restart");
        }
        if let Some(kept) = &self.kept {
            match self.gateway.setup(&new) {
                Ok(setup) => drop(kept.setups.send_replace(Arc::new(setup))),
                Err(error) => tracing::error!(%error, "jobs are settled as before"),
            }
        }
        tracing::info!(tenants = new.authenticate.tenants.len(), "configuration reloaded");
        self.settings = new;
    }
}

async fn keys(records: &Records) -> Option<Vec<IssuedKey>> {
    records.read(|store| store.keys()).await.ok()
}

/// The settings with issued keys added.
fn with(settings: &config::Settings, issued: &[IssuedKey]) -> config::Settings {
    let mut settings = settings.clone();
    issued::add(&mut settings, issued);
    settings
}
