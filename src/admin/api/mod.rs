//! What does the admin API answer to which request?
//!
//! One file per subject; the table of paths is here, and `openapi.json` describes it to programs.
//! Whatever answers is JSON, is never cached, and never holds a key, a token or a hash of one, except
//! a new key, once.

mod control;
mod keys;
mod ledger;
mod live;
mod problem;
mod redacted;
mod request;
mod session;
mod tenants;
mod usage;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use tower_http::csrf::CsrfLayer;

pub(in crate::admin) use problem::Problem;

use super::console::Console;
use super::dashboard;

/// The description of this API for programs, OpenAPI 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// The admin API under `/admin/v1` and the dashboard at `/`, for the listener to serve.
pub fn router(console: Console) -> Router {
    let api = Router::new()
        .route("/openapi.json", get(openapi))
        .route("/session", get(session::show).post(session::open).delete(session::close))
        .route("/overview", get(control::overview))
        .route("/config", get(control::config))
        .route("/reload", post(control::reload))
        .route("/log-level", get(control::log_level).put(control::set_log_level))
        .route("/account", get(tenants::account))
        .route("/tenants", get(tenants::list))
        .route("/tenants/{tenant}", get(tenants::show))
        .route(
            "/tenants/{tenant}/limits",
            get(tenants::limits).put(tenants::change_limit).delete(tenants::lift_limit),
        )
        .route("/keys", get(keys::list).post(keys::issue))
        .route("/keys/{key}/rotate", post(keys::rotate))
        .route("/keys/{key}/revoke", post(keys::revoke))
        .route("/grants", post(usage::grant))
        .route("/usage", get(usage::days))
        .route("/usage/jobs", get(usage::jobs))
        .route("/journal", get(ledger::journal))
        .route("/audit", get(ledger::audit))
        .route("/alerts", get(ledger::alerts))
        .route("/unresolved", get(ledger::unresolved))
        .route("/unresolved/{reservation}/close", post(ledger::close))
        .route("/explain/{request}", get(live::explain))
        .route("/live", get(live::live))
        .route("/refusals", get(live::refusals))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path);
    Router::new()
        .nest("/admin/v1", api)
        .merge(dashboard::router())
        // A page of another site must not act with the cookie of a signed-in browser.
        .layer(CsrfLayer::new().with_rejection_response(|_| cross_site()))
        .layer(axum::middleware::map_response(sealed))
        .with_state(console)
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI).into_response()
}

async fn unknown_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such path: see /admin/v1/openapi.json")
}

async fn wrong_method<B>(request: Request<B>) -> Problem {
    let text = format!("this path does not take {}: see /admin/v1/openapi.json", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, text)
}

fn cross_site() -> Response {
    Problem::new(StatusCode::FORBIDDEN, "a page of another site asked for this").into_response()
}

/// What holds for every answer.
async fn sealed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let nosniff = HeaderName::from_static("x-content-type-options");
    headers.insert(nosniff, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths with their methods, as the table above has them.
    fn routes() -> Vec<String> {
        let table = include_str!("mod.rs").split("fn router").nth(1).unwrap();
        let table = table.split(".method_not_allowed_fallback").next().unwrap();
        let mut found = Vec::new();
        for route in table.split(".route(").skip(1) {
            let path = route.split('"').nth(1).unwrap();
            for method in ["get", "post", "put", "delete"] {
                if route.contains(&format!("{method}(")) {
                    found.push(format!("{method} {path}"));
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn the_description_has_every_path_and_method_and_no_other() {
        let description: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = description["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{method} {path}"))
        });
        let mut described: Vec<_> = operations.collect();
        described.sort();
        assert!(described.len() > 25, "{described:?}");
        assert_eq!(described, routes());
    }
}
