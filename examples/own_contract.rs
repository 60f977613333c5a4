//! How is another JSON API fronted, one that has nothing to do with Heify?
//!
//! A lending library, described by a document: routes, rates, body checks and refusals come from it.
//! The stack is an ordinary tower service, so that it can be called without a listener. Run it with
//! `cargo run --example own_contract --no-default-features`.

use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use heify_gateway::authenticate::{self, KeySettings, Switch, TenantSettings};
use heify_gateway::contract::Contract;
use heify_gateway::key::KeyDigest;
use heify_gateway::rate_limit::{self, TenantRates};
use heify_gateway::secret::Secret;
use heify_gateway::server::{Listener, RequestBody, Server, Settings};
use heify_gateway::stack::{self, Rooms, Stack};
use heify_gateway::{pace, quota, upstream, validate};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;

/// What the library publishes about itself. `x-gateway-*` is described at the top of
/// `config/heify.openapi.yaml`.
const LIBRARY: &str = "
openapi: 3.1.1
info: { title: A lending library, version: '1' }
paths:
  /books:
    get:
      x-gateway-effect: { kind: lists, object: book }
  /loans:
    post:
      x-gateway-effect: { kind: creates, object: loan, timeout: 5s }
      x-gateway-limits: { rate: 60, burst: 5 }
      requestBody:
        required: true
        content:
          application/json:
            schema:
              required: [book]
              properties:
                book: { type: string, minLength: 1 }
                days: { type: integer, minimum: 1, maximum: 30 }
";
const KEY: &str = "the-key-of-the-reading-club";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run().await
}

/// Fronts the library, calls it five times, prints the outcome.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let contract = Contract::parse(LIBRARY, "library.yaml").map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })?;
    let listener = Listener::tcp((Ipv4Addr::LOCALHOST, 0).into())?;
    let url = format!("http://{}", listener.local_addr()?).parse()?;
    let library = Server::new(tower::service_fn(library), Settings::default());
    let serving = tokio::spawn(async move { library.serve(listener).await });
    let rooms = Rooms::new(settings(url), Arc::new(contract), None, None);
    let stack = rooms.stack(rooms.upstream()?);

    let calls = [
        ("GET", "/books", "", "200"),
        ("POST", "/loans", r#"{"book": "Middlemarch", "days": 14}"#, "200"),
        ("POST", "/loans", r#"{"book": "Middlemarch", "days": 90}"#, "400"),
        ("POST", "/loan", "{}", "404"),
        ("DELETE", "/books", "", "404"),
    ];
    for (method, path, body, expected) in calls {
        let answer = call(&stack, method, path, body).await?;
        println!("{method:6} {path:6} {answer}");
        assert!(answer.starts_with(expected), "{answer}");
    }
    serving.abort();
    Ok(())
}

fn settings(url: http::Uri) -> stack::Settings {
    let key = KeySettings {
        id: "club-1".into(),
        digest: KeyDigest::of(KEY.as_bytes()),
        expires: None,
        state: Switch::Enabled,
    };
    let club = TenantSettings {
        id: "club".into(),
        state: Switch::Enabled,
        keys: vec![key],
        endpoints: None,
    };
    let rates = TenantRates { id: "club".into(), ..TenantRates::default() };
    stack::Settings {
        authenticate: authenticate::Settings { tenants: vec![club], failed_attempts: None },
        rate_limit: rate_limit::Settings { tenants: vec![rates] },
        validate: validate::Settings::default(),
        upstream: upstream::Settings::new(url, Secret::new("the-key-of-the-library")),
        isolate: None,
        preflight: None,
        relay: None,
        quota: quota::Settings::default(),
        pace: pace::Settings::default(),
        max_in_flight: 64,
        contact: None,
    }
}

/// In the place of the real library.
async fn library(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(format!("the library saw {}", request.uri().path()))))
}

async fn call(
    stack: &Stack,
    method: &str,
    path: &str,
    body: &'static str,
) -> Result<String, Box<dyn Error>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "library.example")
        .header("x-api-key", KEY)
        .body(Full::<Bytes>::from(body))?;
    let answer = stack.clone().oneshot(request).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok(format!("{status} {}", String::from_utf8_lossy(&body)))
}
