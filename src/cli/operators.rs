//! Where do operators and orchestrators reach the gateway?
//!
//! The admin listener has the admin API, and by default the status, too; a status listener of its own
//! has nothing that would need a token.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use heify_gateway::admin::{self, Console};
use heify_gateway::config;
use heify_gateway::metrics::Metrics;
use heify_gateway::server::status::{Readiness, Status, bounds};
use heify_gateway::server::{Listener, LocalAddr, Server, Tls};

use super::certificates;
use super::gateway::StartError;
use super::sockets::Sockets;

/// The listeners beside the data port.
pub(crate) struct Operators {
    status: Option<LocalAddr>,
    admin: Option<(LocalAddr, Server<Router>)>,
    tls: Option<Tls>,
    service: Status,
}

impl Operators {
    /// Binds those that were not handed over; until the console is there, they tell the status only. Without tokens nobody is
    /// answered, so there is no admin listener of its own.
    pub(crate) fn start(
        settings: &config::Settings,
        readiness: &Readiness,
        handed: &mut Sockets,
    ) -> Result<Self, StartError> {
        handed.check(settings)?;
        let shared = settings.status == settings.admin.listen && handed.status.is_none();
        let mut operators =
            Self { status: None, admin: None, tls: None, service: Status::new(readiness.clone()) };
        if shared || !settings.admin.tokens.is_empty() {
            operators.start_admin(&settings.admin, handed.admin.take())?;
        }
        operators.status = if shared {
            operators.admin.as_ref().map(|(address, _)| address.clone())
        } else {
            let (listener, address) = bind(settings.status, "status", handed.status.take())?;
            tokio::spawn(operators.service.clone().serve(listener));
            Some(address)
        };
        Ok(operators)
    }

    fn start_admin(
        &mut self,
        admin: &config::Admin,
        handed: Option<Listener>,
    ) -> Result<(), StartError> {
        let (listener, address) = bind(admin.listen, "admin", handed)?;
        let service = Router::new().fallback_service(self.service.clone());
        self.tls = certificates::tls(admin.tls.as_ref())?;
        let server = match self.tls.clone() {
            Some(tls) => Server::with_tls(service, bounds(), tls),
            None => Server::new(service, bounds()),
        };
        let serving = server.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        self.admin = Some((address, server));
        Ok(())
    }

    /// From now on there are an admin API and metrics.
    pub(crate) fn open(&self, console: Console, metrics: Metrics) {
        let readiness = self.service.readiness().clone();
        self.service.export(Arc::new(move |accept| {
            let (metrics, checks, accept) = (metrics.clone(), readiness.checks(), accept.cloned());
            Box::pin(async move { metrics.scrape(&checks, accept.as_ref()).await })
        }));
        let Some((_, server)) = &self.admin else { return };
        server.replace(admin::router(console).fallback_service(self.service.clone()));
    }

    /// The certificate of the admin port, for whoever renews it.
    pub(crate) fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// Where `/livez` and `/readyz` are.
    pub(crate) fn status(&self) -> Option<String> {
        self.status.as_ref().map(ToString::to_string)
    }

    /// Where the admin API is.
    pub(crate) fn admin(&self) -> Option<String> {
        self.admin.as_ref().map(|(address, _)| address.to_string())
    }
}

fn bind(
    address: SocketAddr,
    what: &str,
    handed: Option<Listener>,
) -> Result<(Listener, LocalAddr), StartError> {
    let bound = handed.map_or_else(|| Listener::tcp(address), Ok).map_err(|error| {
        let name = format!("cannot listen on {address} ({what})");
        StartError::Listen { name, error }
    })?;
    let address = bound.local_addr().map_err(StartError::Threads)?;
    Ok((bound, address))
}
