//! What have the spans of many requests in common?
//!
//! Names and attributes are those of OpenTelemetry's semantic conventions for HTTP, as far as they say
//! nothing that a client may choose freely: no URL, no path that is no endpoint, no address. Nearly all of
//! it comes from closed sets, so it is written once for all requests that are alike.

use std::sync::Arc;

use http::Uri;

use super::wire::{bytes, key, number, sized, text, varying};
use crate::trace::Finished;

/// So many are kept: some 100 KiB. A contract has two dozen endpoints, and most of their answers are alike.
const MOST: usize = 128;

/// `Span.attributes`.
const ATTRIBUTES: u8 = 9;
const METHOD: [u8; 21] = key("http.request.method");
const ROUTE: [u8; 12] = key("http.route");
const STATUS_CODE: [u8; 27] = key("http.response.status_code");
const TENANT: [u8; 22] = key("heify_gateway.tenant");
const REASON: [u8; 22] = key("heify_gateway.reason");
const TEMPLATE: [u8; 14] = key("url.template");
const ADDRESS: [u8; 16] = key("server.address");
const PORT: [u8; 13] = key("server.port");
const ERROR: [u8; 12] = key("error.type");

/// `Span.kind`.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;

/// The forms that were met.
#[derive(Debug)]
pub(super) struct Forms {
    /// The attributes of all client spans: the upstream.
    upstream: Vec<u8>,
    met: Vec<Form>,
}

/// The spans of requests that are alike, without what is each one's own.
#[derive(Debug)]
pub(super) struct Form {
    of: Alike,
    /// While it is kept, no other text has its address.
    _endpoint: Option<Arc<str>>,
    /// The server span up to the tenant.
    pub(super) server: Vec<u8>,
    /// The server span behind the tenant.
    pub(super) rest: Vec<u8>,
    /// The client span; nobody asks for it where there was no call.
    pub(super) client: Vec<u8>,
}

/// By what requests are alike. Endpoints are told apart by their addresses: one that is known under two
/// of them is written twice, and nothing else happens.
#[derive(Debug, PartialEq, Eq)]
struct Alike {
    endpoint: usize,
    status: Option<u16>,
    upstream_status: Option<u16>,
    method: &'static str,
    reason: Option<&'static str>,
}

impl Alike {
    fn new(of: &Finished) -> Self {
        Self {
            endpoint: of.endpoint.as_deref().map_or(0, |text| text.as_ptr().addr()),
            status: of.status,
            upstream_status: of.upstream_status,
            method: of.method,
            reason: of.reason,
        }
    }
}

impl Forms {
    /// Of calls to this upstream.
    pub(super) fn new(upstream: &Uri) -> Self {
        let mut attributes = Vec::new();
        if let Some(host) = upstream.host() {
            text(&mut attributes, ATTRIBUTES, &ADDRESS, host);
        }
        let usual = if upstream.scheme_str() == Some("https") { 443 } else { 80 };
        number(&mut attributes, ATTRIBUTES, &PORT, upstream.port_u16().unwrap_or(usual));
        Self { upstream: attributes, met: Vec::new() }
    }

    /// The form of a request. The first ones that are met are the usual ones: they are found first.
    pub(super) fn of(&mut self, finished: &Finished) -> &Form {
        let alike = Alike::new(finished);
        let known = self.met.iter().position(|form| form.of == alike);
        let place = known.unwrap_or_else(|| {
            if self.met.len() == MOST {
                self.met.clear();
            }
            self.met.push(Form {
                of: alike,
                _endpoint: finished.endpoint.clone(),
                server: server(finished),
                rest: rest(finished),
                client: client(finished, &self.upstream),
            });
            self.met.len() - 1
        });
        &self.met[place]
    }
}

/// The attribute that most requests of a form do not share.
pub(super) fn tenant(out: &mut Vec<u8>, id: &str) {
    text(out, ATTRIBUTES, &TENANT, id);
}

fn server(of: &Finished) -> Vec<u8> {
    let mut out = named(of, SERVER);
    if let Some(route) = &of.endpoint {
        text(&mut out, ATTRIBUTES, &ROUTE, route);
    }
    if let Some(status) = of.status {
        number(&mut out, ATTRIBUTES, &STATUS_CODE, status);
    }
    out
}

fn rest(of: &Finished) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(reason) = of.reason {
        text(&mut out, ATTRIBUTES, &REASON, reason);
    }
    // A refusal is no error of the server (conventions for HTTP spans, status).
    let failed = of.status.is_some_and(|status| status >= 500);
    status(&mut out, failed, of.reason, of.status);
    out
}

fn client(of: &Finished, upstream: &[u8]) -> Vec<u8> {
    let mut out = named(of, CLIENT);
    if let Some(path) = &of.endpoint {
        text(&mut out, ATTRIBUTES, &TEMPLATE, path);
    }
    out.extend_from_slice(upstream);
    let answered = of.upstream_status;
    if let Some(answered) = answered {
        number(&mut out, ATTRIBUTES, &STATUS_CODE, answered);
    }
    let failed = answered.is_none_or(|status| status >= 400);
    status(&mut out, failed, of.reason, answered);
    out
}

/// `Span.name`, `Span.kind`, and the first attribute.
fn named(of: &Finished, kind: u8) -> Vec<u8> {
    let method = if of.method == "_OTHER" { "HTTP" } else { of.method };
    let mut out = Vec::new();
    match &of.endpoint {
        Some(endpoint) => bytes(&mut out, 5, format!("{method} {endpoint}").as_bytes()),
        None => bytes(&mut out, 5, method.as_bytes()),
    }
    out.extend_from_slice(&[varying(6), kind]);
    text(&mut out, ATTRIBUTES, &METHOD, of.method);
    out
}

/// `Span.status`, and the kind of an error: the gateway's own word for it, else the status of the answer.
fn status(out: &mut Vec<u8>, failed: bool, reason: Option<&'static str>, answered: Option<u16>) {
    if !failed {
        out.extend_from_slice(&[sized(15), 0]);
        return;
    }
    match (reason, answered) {
        (Some(reason), _) => text(out, ATTRIBUTES, &ERROR, reason),
        (None, Some(status)) => {
            text(out, ATTRIBUTES, &ERROR, itoa::Buffer::new().format(status));
        }
        (None, None) => text(out, ATTRIBUTES, &ERROR, "_OTHER"),
    }
    out.extend_from_slice(&[sized(15), 2, varying(3), 2]);
}
