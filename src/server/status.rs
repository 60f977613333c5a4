//! Is the gateway alive, and may it get traffic?
//!
//! A tiny listener of its own for orchestrators: `/livez` (the process runs), `/readyz` (it wants
//! requests; `?verbose` names each check), `/healthz`, another name of `/livez`, `/version`, and
//! `/metrics` for Prometheus. It needs no token and tells nothing that would need one.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower::Service;

use super::{Drained, Listener, Server, Settings};
use crate::records::Records;
use crate::refusal::Refusal;
use crate::version::{COMMIT, VERSION};

/// Whether the gateway wants requests. Clones are the same handle.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Checks>);

#[derive(Debug, Default)]
struct Checks {
    loaded: AtomicBool,
    draining: AtomicBool,
    records: OnceLock<Records>,
}

impl Readiness {
    /// Not ready yet: nothing is loaded.
    pub fn new() -> Self {
        Self::default()
    }

    /// Configuration and contract are loaded and the data port listens.
    pub fn loaded(&self) {
        self.0.loaded.store(true, Ordering::Release);
    }

    /// From now on, ready means also that these records can be written.
    pub fn watch(&self, records: Records) {
        // Whoever comes first stays: a gateway has one set of records.
        let _ = self.0.records.set(records);
    }

    /// The gateway is about to stop: new requests should go elsewhere.
    pub fn draining(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Whether all checks pass.
    pub fn is_ready(&self) -> bool {
        self.checks().iter().all(|(_, passes)| *passes)
    }

    /// Each check, and whether it passes.
    pub fn checks(&self) -> [(&'static str, bool); 3] {
        [
            ("loaded", self.0.loaded.load(Ordering::Acquire)),
            ("records-writable", self.0.records.get().is_none_or(Records::is_healthy)),
            ("not-draining", !self.0.draining.load(Ordering::Acquire)),
        ]
    }
}

/// What `/metrics` says, made anew for each scrape: the content type, and the text in the format that
/// `Accept` prefers.
pub type Scrape = Arc<dyn Fn(Option<&HeaderValue>) -> Scraped + Send + Sync>;

/// A scrape on its way.
pub type Scraped = Pin<Box<dyn Future<Output = (&'static str, String)> + Send>>;

/// The tower service behind the status listener; other listeners can mount it too.
#[derive(Clone)]
pub struct Status {
    readiness: Readiness,
    scrape: Arc<OnceLock<Scrape>>,
}

impl std::fmt::Debug for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Status").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

impl Status {
    /// Reports what the handle says.
    pub fn new(readiness: Readiness) -> Self {
        Self { readiness, scrape: Arc::default() }
    }

    /// Whether the gateway wants requests.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// From now on there are metrics; all clones have them.
    pub fn export(&self, scrape: Scrape) {
        // Whoever comes first stays: a gateway has one set of metrics.
        let _ = self.scrape.set(scrape);
    }

    /// Serves it in the tokio runtime of the caller, under bounds that fit probes.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub async fn serve(self, listener: Listener) -> io::Result<Drained> {
        Server::new(self, bounds()).serve(listener).await
    }

    fn answer(&self, method: &Method, path: &str, query: Option<&str>) -> Response<Full<Bytes>> {
        let verbose = query.is_some_and(|query| query.split('&').any(|part| part == "verbose"));
        let answer = match path {
            "/livez" | "/healthz" => text(StatusCode::OK, "ok\n".into()),
            "/readyz" => self.ready(verbose),
            "/version" => version(),
            // Whoever reads it gets here only with the wrong method.
            "/metrics" if self.scrape.get().is_some() => text(StatusCode::OK, String::new()),
            _ => return Refusal::UnknownEndpoint { meant: None }.into_response(),
        };
        if matches!(*method, Method::GET | Method::HEAD) {
            return answer;
        }
        let mut refused: Response<Full<Bytes>> =
            Refusal::WrongMethod { expected: Method::GET }.into_response();
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        refused
    }

    fn ready(&self, verbose: bool) -> Response<Full<Bytes>> {
        let checks = self.readiness.checks();
        let passes = checks.iter().all(|(_, passes)| *passes);
        // Probes understand the status: this listener is no part of the fronted API.
        let status = if passes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut body = String::new();
        if verbose {
            for (name, passes) in checks {
                body.push_str(if passes { "[+] " } else { "[-] " });
                body.push_str(name);
                body.push('\n');
            }
        }
        body.push_str(if passes { "ready\n" } else { "not ready\n" });
        text(status, body)
    }
}

impl<B> Service<Request<B>> for Status {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (method, uri) = (request.method(), request.uri());
        if uri.path() == "/metrics"
            && matches!(*method, Method::GET | Method::HEAD)
            && let Some(scrape) = self.scrape.get()
        {
            let scraped = scrape(request.headers().get(ACCEPT));
            return Box::pin(async move { Ok(metrics(scraped.await)) });
        }
        Box::pin(ready(Ok(self.answer(method, uri.path(), uri.query()))))
    }
}

/// Probes are few, small and quick, and so are those who look after the gateway.
pub fn bounds() -> Settings {
    Settings {
        max_connections: 64,
        first_byte_timeout: Duration::from_secs(5),
        header_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(75),
        write_timeout: Duration::from_secs(5),
        max_header_bytes: 8 * 1024,
        ..Settings::default()
    }
}

fn version() -> Response<Full<Bytes>> {
    let body = format!("{{\"version\":\"{VERSION}\",\"commit\":\"{COMMIT}\"}}\n");
    let mut response = text(StatusCode::OK, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn metrics((format, body): (&'static str, String)) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::OK, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format));
    response
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn status_of(readiness: &Readiness, path: &str) -> StatusCode {
        Status::new(readiness.clone()).answer(&Method::GET, path, None).status()
    }

    #[test]
    fn readiness_follows_loading_and_draining() {
        let readiness = Readiness::new();
        assert_eq!(status_of(&readiness, "/readyz"), 503);
        assert_eq!(status_of(&readiness, "/livez"), 200);
        readiness.loaded();
        assert_eq!(status_of(&readiness, "/readyz"), 200);
        readiness.draining();
        assert_eq!(status_of(&readiness, "/readyz"), 503);
        assert_eq!(status_of(&readiness, "/healthz"), 200);
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        let status = Status::new(Readiness::new());
        assert_eq!(status.answer(&Method::GET, "/", None).status(), 404);
        assert_eq!(status.answer(&Method::POST, "/livez", None).status(), 404);
        assert_eq!(status.answer(&Method::HEAD, "/livez", None).status(), 200);
        assert_eq!(status.answer(&Method::GET, "/version", None).status(), 200);
    }

    #[test]
    fn there_are_metrics_once_somebody_makes_them() {
        let status = Status::new(Readiness::new());
        let mut mounted = status.clone();
        let mut ask = |method: Method| {
            let request = Request::builder().method(method).uri("/metrics").body(()).unwrap();
            let Some(answer) = mounted.call(request).now_or_never() else { panic!("it waits") };
            answer.unwrap()
        };
        assert_eq!(ask(Method::GET).status(), 404);
        let scrapes = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&scrapes);
        status.export(Arc::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(ready(("text/plain; version=0.0.4", String::new())))
        }));
        for method in [Method::GET, Method::HEAD] {
            let answer = ask(method);
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; version=0.0.4");
        }
        assert_eq!(ask(Method::POST).status(), 404);
        assert_eq!(scrapes.load(Ordering::Relaxed), 2);
    }
}
