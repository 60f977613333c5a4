//! How does another configuration take over, and why does it sometimes not?
//!
//! SIGHUP, a changed file and the admin API all end up here. Nothing changes until everything is read,
//! checked and, where the central key or its address is another, proven; then everything changes at
//! once. A proof runs beside the control loop, which goes on meanwhile.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use heify_gateway::admin::Reloaded;
use heify_gateway::config;
use heify_gateway::records::Moment;
use heify_gateway::rotate::Proof;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::running::{Changed, Due, Running, in_use, view};
use super::serve::Load;
use super::systemd::Manager;

/// When a key could neither be proven nor was rejected, how soon that is tried again; twice as long
/// from one time to the next.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// What is told to whoever asked for a reload: what has changed, or all mistakes.
pub(crate) type Told = Result<Reloaded, Vec<String>>;

/// A reload that has not come to its end.
#[derive(Default)]
pub(crate) struct Reloading {
    candidate: Option<Candidate>,
    asking: Vec<oneshot::Sender<Told>>,
    /// When a configuration is tried again that could not be proven, and how often it was tried.
    again: Option<Instant>,
    unproven: u32,
    manager: Manager,
}

/// A configuration without mistakes, whose key is being proven.
struct Candidate {
    settings: config::Settings,
    proof: AbortOnDropHandle<Proof>,
}

impl Reloading {
    pub(crate) fn telling(manager: Manager) -> Self {
        Self { manager, ..Self::default() }
    }

    /// Waits until there is something to do for it. Nothing is lost when the future is dropped.
    pub(crate) async fn due(&mut self) -> Due {
        match (&mut self.candidate, self.again) {
            (Some(candidate), _) => {
                let proof = (&mut candidate.proof).await;
                Due::Proven(proof.unwrap_or(Proof::Unknown("the question ended in a defect")))
            }
            (None, Some(again)) => {
                sleep_until(again).await;
                Due::Again
            }
            (None, None) => std::future::pending().await,
        }
    }
}

impl Running {
    /// Reads the configuration again; where it has a mistake, nothing changes. Whoever asked is told
    /// the outcome, and so is the log. One that is still being proven gives way: the newest counts.
    pub(crate) fn reload(&mut self, load: &Load<'_>, tell: Option<oneshot::Sender<Told>>) {
        self.reloading.manager.reloading();
        self.reloading.asking.extend(tell);
        (self.reloading.candidate, self.reloading.again) = (None, None);
        let new = match self.read(load) {
            Ok(new) => new,
            Err(mistakes) => return self.reload_ended(Err(mistakes)),
        };
        match self.gateway.proof(&new) {
            Ok(None) => {
                let told = self.take_over(new);
                self.reload_ended(told);
            }
            Ok(Some(proof)) => {
                tracing::info!("the upstream is asked whether it takes the new central key");
                let proof = AbortOnDropHandle::new(tokio::spawn(proof));
                self.reloading.candidate = Some(Candidate { settings: new, proof });
            }
            Err(error) => self.reload_ended(not_reloaded(&error.to_string())),
        }
    }

    /// Goes on with the configuration whose key was asked about.
    pub(crate) fn proven(&mut self, proof: &Proof) {
        let Some(Candidate { settings: new, .. }) = self.reloading.candidate.take() else { return };
        match proof {
            Proof::Taken => {
                tracing::info!("the upstream takes the new central key");
                let told = self.take_over(new);
                self.reload_ended(told);
            }
            Proof::Unmarked => {
                tracing::warn!(
                    "a new central key takes over unproven: the contract marks no call for it \
                     (x-gateway-key-proof)"
                );
                let told = self.take_over(new);
                self.reload_ended(told);
            }
            Proof::Rejected => self.reload_ended(not_reloaded(
                "upstream.api_key: the upstream rejects this central key; the old one stays in use",
            )),
            Proof::Unknown(why) => {
                let unproven = self.reloading.unproven;
                let wait = SHORTEST.saturating_mul(1 << unproven.min(16)).min(LONGEST);
                let told = not_reloaded(&format!(
                    "upstream.api_key: the new central key could not be proven ({why}); the old one \
                     stays in use, and the new one is tried again in {} s",
                    wait.as_secs()
                ));
                self.reload_ended(told);
                self.reloading.unproven = unproven.saturating_add(1);
                self.reloading.again = Some(Instant::now() + wait);
            }
        }
    }

    fn read(&self, load: &Load<'_>) -> Result<config::Settings, Vec<String>> {
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
            return not_reloaded("records are needed now: restart the gateway");
        }
        Ok(new)
    }

    fn take_over(&mut self, new: config::Settings) -> Told {
        let nothing = Changed::default();
        let changed = self.kept.as_ref().map_or(&nothing, |kept| &kept.changed);
        let version = self.view.borrow().version + 1;
        match self.gateway.reload(&changed.over(&new, Moment::now()), version) {
            Ok(restart) => Ok(self.reloaded(new, restart)),
            Err(error) => not_reloaded(&error.to_string()),
        }
    }

    /// The end of every reload.
    fn reload_ended(&mut self, told: Told) {
        self.reloading.unproven = 0;
        if told.is_err() {
            self.metrics.not_reloaded();
        }
        self.reloading.manager.reloaded(told.is_ok());
        for asking in self.reloading.asking.drain(..) {
            // Whoever asked may have gone; what was done is done.
            let _ = asking.send(told.clone());
        }
    }

    fn reloaded(&mut self, new: config::Settings, mut restart: Vec<&'static str>) -> Reloaded {
        restart.extend(needs_restart(&self.started, &new));
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

/// Says in the log that nothing has changed, and why.
fn not_reloaded<T>(why: &str) -> Result<T, Vec<String>> {
    tracing::error!(why, "not reloaded");
    Err(vec![why.to_owned()])
}

/// What was decided at the start, beside the data port.
fn needs_restart(started: &config::Settings, new: &config::Settings) -> Vec<&'static str> {
    let mut restart = Vec::new();
    if new.status != started.status {
        restart.push("status.listen");
    }
    let opens = |settings: &config::Settings| {
        let admin = &settings.admin;
        let is_open = !admin.tokens.is_empty() || settings.status == admin.listen;
        is_open.then_some((admin.listen, admin.tls.is_some()))
    };
    if opens(new) != opens(started) {
        restart.push("admin.listen and whether there is admin.tls");
    }
    if (new.log.level, new.log.format) != (started.log.level, started.log.format) {
        restart.push("log.level and log.format");
    }
    if new.records != started.records {
        restart.push("records");
    }
    restart
}
