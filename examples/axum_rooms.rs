//! How does one's own axum service use the gateway's keys and rates?
//!
//! Three rooms stand in front of an ordinary axum router: `route` names the endpoint, `authenticate`
//! names the tenant, `rate_limit` counts. There is no upstream and no configuration file. Run it with
//! `cargo run --example axum_rooms --no-default-features`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::routing::get;
use axum::{Extension, Router, ServiceExt};
use bytes::Bytes;
use heify_gateway::authenticate::{
    AuthenticateLayer, Directory, KeySettings, Settings, Switch, TenantSettings, Throttle,
};
use heify_gateway::contract::Contract;
use heify_gateway::envelope::EnvelopeLayer;
use heify_gateway::key::KeyDigest;
use heify_gateway::peer::Peer;
use heify_gateway::rate::Rate;
use heify_gateway::rate_limit::{self, RateLimitLayer, Table, TenantRates};
use heify_gateway::route::RouteLayer;
use heify_gateway::tenant::Tenant;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::ServiceBuilder;

/// What may be called, and how fast: the rooms know no endpoint beside these.
const CONTRACT: &str = "
openapi: 3.1.1
paths:
  /report:
    get:
      x-gateway-effect: { kind: reads, object: report }
      x-gateway-limits: { rate: 60, burst: 1 }
";
const KEY: &str = "a-key-that-acme-already-has";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run().await
}

/// Serves, calls three times, prints the outcome.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let contract = Contract::parse(CONTRACT, "report.yaml").map_err(|m| format!("{m:?}"))?;
    let service = rooms(Arc::new(contract), Router::new().route("/report", get(report)));
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    let serving = tokio::spawn(axum::serve(listener, service).into_future());

    let admitted = call(address, KEY).await?;
    println!("acme's key:       {} {}", admitted.0, admitted.1);
    let limited = call(address, KEY).await?;
    println!("once more:        {} {}", limited.0, limited.1);
    let refused = call(address, "some-other-key-entirely").await?;
    println!("another key:      {} {}", refused.0, refused.1);
    serving.abort();

    assert_eq!(admitted, (StatusCode::OK, "the report of acme".to_owned()));
    assert_eq!((limited.0, refused.0), (StatusCode::TOO_MANY_REQUESTS, StatusCode::FORBIDDEN));
    Ok(())
}

/// The handler finds the tenant that the rooms have found.
async fn report(Extension(tenant): Extension<Arc<Tenant>>) -> String {
    format!("the report of {}", tenant.id)
}

/// The service that axum serves: its futures are `Send`, its bodies axum's own.
fn rooms(
    contract: Arc<Contract>,
    router: Router,
) -> impl tower::Service<
    Request,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ Send {
    let (who, how_fast) = tenants();
    let directory = Arc::new(Directory::new(&who, &contract));
    let throttle = who.failed_attempts.map(|rate| Arc::new(Throttle::new(rate)));
    let table = Table::new(&how_fast, &contract, None);
    ServiceBuilder::new()
        // Wrong keys are counted per address: tell the rooms which one it is.
        .map_request(|mut request: Request| {
            if let Some(ConnectInfo(address)) =
                request.extensions().get::<ConnectInfo<SocketAddr>>()
            {
                let peer = Peer::from(*address);
                request.extensions_mut().insert(peer);
            }
            request
        })
        .layer(EnvelopeLayer::new(Some("reports@example.com")))
        .layer(RouteLayer::new(contract, [].into()))
        .layer(AuthenticateLayer::new(directory, throttle))
        .layer(RateLimitLayer::new(Arc::new(table)))
        .service(router)
}

/// One tenant. Both lists have the same order: a tenant's place is its index in the tables.
fn tenants() -> (Settings, rate_limit::Settings) {
    let key = KeySettings {
        id: "acme-1".into(),
        digest: KeyDigest::of(KEY.as_bytes()),
        expires: None,
        state: Switch::Enabled,
    };
    let acme = TenantSettings {
        id: "acme".into(),
        state: Switch::Enabled,
        keys: vec![key],
        endpoints: None,
    };
    let rates = TenantRates { id: "acme".into(), ..TenantRates::default() };
    (
        Settings { tenants: vec![acme], failed_attempts: Rate::new(60, 10) },
        rate_limit::Settings { tenants: vec![rates] },
    )
}

async fn call(address: SocketAddr, key: &str) -> Result<(StatusCode, String), Box<dyn Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = http::Request::get(format!("http://{address}/report"))
        .header("x-api-key", key)
        .body(Empty::<Bytes>::new())?;
    let answer = client.request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
