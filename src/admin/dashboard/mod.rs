//! What does a browser load?
//!
//! Plain files, part of the binary: nothing is built, and nothing is asked for elsewhere. They hold no
//! data; whatever the page shows it asks of the admin API, with the session of who signed in. The policy
//! of the page forbids all scripts but its own, and its own write texts and never markup.

use std::future::ready;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::key::KeyDigest;

/// What the page may do: load its own files, and ask its own origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const ICON: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Where a file is, what it is, and what is in it.
#[derive(Clone, Copy)]
struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

macro_rules! files {
    ($($path:literal $content_type:ident $file:literal),+ $(,)?) => {
        [$(File {
            path: $path,
            content_type: $content_type,
            content: include_str!(concat!("page/", $file)),
        }),+]
    };
}

const FILES: [File; 27] = files![
    "/" HTML "index.html",
    "/dashboard/icon.svg" ICON "icon.svg",
    "/dashboard/style.css" CSS "style.css",
    "/dashboard/parts.css" CSS "parts.css",
    "/dashboard/uPlot.min.css" CSS "vendor/uPlot.min.css",
    "/dashboard/uPlot.iife.min.js" SCRIPT "vendor/uPlot.iife.min.js",
    "/dashboard/uPlot.LICENSE.txt" TEXT "vendor/uPlot.LICENSE",
    "/dashboard/account.js" SCRIPT "account.js",
    "/dashboard/api.js" SCRIPT "api.js",
    "/dashboard/app.js" SCRIPT "app.js",
    "/dashboard/attention.js" SCRIPT "attention.js",
    "/dashboard/chart.js" SCRIPT "chart.js",
    "/dashboard/dialog.js" SCRIPT "dialog.js",
    "/dashboard/dom.js" SCRIPT "dom.js",
    "/dashboard/format.js" SCRIPT "format.js",
    "/dashboard/incident.js" SCRIPT "incident.js",
    "/dashboard/keys.js" SCRIPT "keys.js",
    "/dashboard/limits.js" SCRIPT "limits.js",
    "/dashboard/minutes.js" SCRIPT "minutes.js",
    "/dashboard/overview.js" SCRIPT "overview.js",
    "/dashboard/refusals.js" SCRIPT "refusals.js",
    "/dashboard/request.js" SCRIPT "request.js",
    "/dashboard/sign-in.js" SCRIPT "sign-in.js",
    "/dashboard/tenant.js" SCRIPT "tenant.js",
    "/dashboard/tenants.js" SCRIPT "tenants.js",
    "/dashboard/theme.js" SCRIPT "theme.js",
    "/dashboard/traffic.js" SCRIPT "traffic.js",
];

/// The page at `/`, and the files that it loads.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, file| {
        let tag = tag(file.content);
        let answer = move |asked: HeaderMap| ready(served(&file, &tag, &asked));
        router.route(file.path, get(answer))
    })
}

/// A name for the content: a browser asks whether it still holds, so that no two versions mix.
fn tag(content: &str) -> HeaderValue {
    let digest = KeyDigest::of(content.as_bytes()).to_string();
    HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn served(file: &File, tag: &HeaderValue, asked: &HeaderMap) -> Response {
    let known = asked.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|one| tag == one.trim()));
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(CONTENT_TYPE, file.content_type)], file.content).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(ETAG, tag.clone());
    response
}

#[cfg(test)]
mod tests;
