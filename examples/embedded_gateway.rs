//! How does the whole gateway run inside one's own program and tokio runtime?
//!
//! All rooms in front of an upstream, served by the gateway's own server: settings are plain values,
//! there is no configuration file. The upstream here is a stand-in on loopback; for the real one give
//! `https://api.heify.com` and the feature `tls`. Run it with
//! `cargo run --example embedded_gateway --no-default-features`.

use std::convert::Infallible;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use heify_gateway::authenticate::{self, KeySettings, Switch, TenantSettings};
use heify_gateway::contract::Contract;
use heify_gateway::key::KeyDigest;
use heify_gateway::rate::Rate;
use heify_gateway::rate_limit::{self, TenantRates};
use heify_gateway::secret::Secret;
use heify_gateway::server::{Listener, LocalAddr, RequestBody, Server, Settings};
use heify_gateway::stack::{self, Rooms};
use heify_gateway::{pace, quota, upstream, validate};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const CENTRAL_KEY: &str = "the-one-key-of-the-account";
const TEAM_KEY: &str = "a-key-that-acme-already-has";
const READ: &str = r#"{"configuration_id": "a1b2c3d4-e5f6-7890-1234-567890abcdef"}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run().await
}

/// Serves, calls twice, prints the outcome, stops.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let (heify_address, heify_listener) = listen()?;
    let heify = Server::new(tower::service_fn(stand_in), Settings::default());
    let heify_serving = tokio::spawn({
        let heify = heify.clone();
        async move { heify.serve(heify_listener).await }
    });

    let contract = Contract::built_in().map_err(|mistakes| format!("{mistakes:?}"))?;
    let upstream = format!("http://{heify_address}").parse()?;
    let rooms = Rooms::new(settings(upstream), Arc::new(contract), None, None);
    // One client for each thread that serves; here it is one.
    let stack = rooms.stack(rooms.upstream()?);
    let (address, listener) = listen()?;
    let gateway = Server::new(stack, Settings::default());
    let serving = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.serve(listener).await }
    });

    let forwarded = call(address, READ).await?;
    println!("a read:              {forwarded}");
    let refused = call(address, "{}").await?;
    println!("without its field:   {refused}");

    gateway.shutdown();
    println!("connections cut:     {}", serving.await??.cut);
    heify.shutdown();
    heify_serving.await??;
    assert!(forwarded.starts_with("200 OK") && refused.starts_with("400 Bad Request"));
    Ok(())
}

/// Everything that the rooms need to know: one team, one upstream.
fn settings(url: http::Uri) -> stack::Settings {
    let key = KeySettings {
        id: "acme-1".into(),
        digest: KeyDigest::of(TEAM_KEY.as_bytes()),
        expires: None,
        state: Switch::Enabled,
    };
    let acme = TenantSettings {
        id: "acme".into(),
        state: Switch::Enabled,
        keys: vec![key],
        endpoints: None,
    };
    stack::Settings {
        authenticate: authenticate::Settings {
            tenants: vec![acme],
            failed_attempts: Rate::new(60, 60),
        },
        // The same tenants in the same order; without rates of their own they have the contract's.
        rate_limit: rate_limit::Settings {
            tenants: vec![TenantRates { id: "acme".into(), ..TenantRates::default() }],
        },
        validate: validate::Settings::default(),
        upstream: upstream::Settings::new(url, Secret::new(CENTRAL_KEY)),
        isolate: None,
        preflight: None,
        relay: None,
        quota: quota::Settings::default(),
        pace: pace::Settings::default(),
        max_in_flight: 1_024,
        contact: Some("platform-team@example.com".into()),
    }
}

/// In the place of Heify: tells whether the central key arrived.
async fn stand_in(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    let central = request.headers().get("x-api-key").is_some_and(|key| key == CENTRAL_KEY);
    Ok(Response::new(Full::from(format!(r#"{{"data": {{"central_key": {central}}}}}"#))))
}

fn listen() -> Result<(SocketAddr, Listener), Box<dyn Error>> {
    let listener = Listener::tcp((Ipv4Addr::LOCALHOST, 0).into())?;
    match listener.local_addr()? {
        LocalAddr::Tcp(address) => Ok((address, listener)),
        LocalAddr::Unix(_) => Err("not a TCP socket".into()),
    }
}

async fn call(address: SocketAddr, body: &'static str) -> Result<String, Box<dyn Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("http://{address}/get-configuration"))
        .header("x-api-key", TEAM_KEY)
        .body(Full::<Bytes>::from(body))?;
    let answer = client.request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok(format!("{status} {}", String::from_utf8_lossy(&body)))
}
