//! What do environment variables say?
//!
//! `HEIFY_GATEWAY__SECTION__KEY` stands for `key` in `[section]`. Two secrets have a short variable
//! of their own, each with a `_FILE` twin: `HEIFY_API_KEY` is the central key, and
//! `HEIFY_GATEWAY_TENANT_KEY` makes a tenant named `default`, so that a sidecar needs no file.
//! Four of OpenTelemetry's variables set `[traces]`. Other variables with one underscore after the
//! prefix are left alone: Kubernetes sets such ones (`HEIFY_GATEWAY_SERVICE_HOST`) for a service of
//! that name.

use std::ffi::{OsStr, OsString};

use super::problem::Place;
use super::reader::Report;
use super::tree::{Entry, Node, Table, Value};

/// The variable that names the file.
pub(crate) const CONFIG: &str = "HEIFY_GATEWAY_CONFIG";
/// The variable that holds the central key.
pub(crate) const API_KEY: &str = "HEIFY_API_KEY";

const API_KEY_FILE: &str = "HEIFY_API_KEY_FILE";
const TENANT_KEY: &str = "HEIFY_GATEWAY_TENANT_KEY";
const TENANT_KEY_FILE: &str = "HEIFY_GATEWAY_TENANT_KEY_FILE";
const PREFIX: &str = "HEIFY_GATEWAY__";
/// What OpenTelemetry calls the settings of `[traces]`.
const OF_TRACES: [(&str, &str); 4] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "endpoint"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "headers"),
    ("OTEL_SERVICE_NAME", "service"),
    ("OTEL_TRACES_SAMPLER_ARG", "sample"),
];
/// The tenant of a sidecar.
const ONLY_TENANT: &str = "default";

/// The environment as the program got it.
pub(crate) type Environment = [(OsString, OsString)];

/// The value of one variable; an empty one is as good as none.
pub(crate) fn variable<'e>(environment: &'e Environment, name: &str) -> Option<&'e OsStr> {
    let found = environment.iter().find(|(candidate, _)| candidate == name);
    found.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
}

/// Lays the variables over the tree.
pub(crate) fn overlay(root: &mut Table, environment: &Environment, report: &Report<'_>) {
    let mut variables: Vec<_> = environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?.strip_prefix(PREFIX)?, value)))
        .collect();
    // A table first, its single keys after it.
    variables.sort();
    for (name, value) in variables {
        let place = Place::Variable(format!("{PREFIX}{name}").into());
        let Some(text) = readable(value, &place, report) else { continue };
        let path = name.to_lowercase();
        let path: Vec<_> = path.split("__").collect();
        if path[0] == "tenants" {
            report.problem(&place, "tenants can be listed in the file only");
        } else if path.len() < 2 || path.iter().any(|part| part.is_empty()) {
            report.problem(&place, format!("unknown variable; expected {PREFIX}SECTION__KEY"));
        } else {
            set(root, &path, Node { place, value: Value::Variable(text) }, report);
        }
    }
    for (name, key) in [(API_KEY, "api_key"), (API_KEY_FILE, "api_key_file")] {
        if let Some(node) = verbatim(environment, name, report) {
            set(root, &["upstream", key], node, report);
        }
    }
    // A build that exports no spans leaves alone what lies there for other programs.
    if cfg!(feature = "otlp") {
        for (name, key) in OF_TRACES {
            if let Some(node) = verbatim(environment, name, report) {
                set(root, &["traces", key], node, report);
            }
        }
    }
    add_only_tenant(root, environment, report);
}

/// Sets a value, and makes the tables around it where they are not there.
fn set(table: &mut Table, path: &[&str], node: Node, report: &Report<'_>) {
    let [name, rest @ ..] = path else { return };
    let place = node.place.clone();
    let index = table.iter().position(|entry| entry.name == *name).unwrap_or_else(|| {
        let value = Value::Table(Table::new());
        let empty = Node { place: place.clone(), value };
        table.push(Entry { name: (*name).to_owned(), place: place.clone(), node: empty });
        table.len() - 1
    });
    let entry = &mut table[index];
    if rest.is_empty() {
        let former = std::mem::replace(&mut entry.node, node).place;
        entry.place = place.clone();
        match former {
            Place::Variable(former) if Place::Variable(former.clone()) != place => {
                report.problem(&place, format!("set it or {former}, not both"));
            }
            // A key that lies in the environment for other programs may not be meant.
            Place::Spot { .. } if !place.to_string().starts_with(PREFIX) => {
                report.warning(&former, format!("not used: {place} is set"));
            }
            Place::Spot { .. } | Place::Variable(_) | Place::File(_) | Place::Nowhere => {}
        }
    } else if let Value::Table(inner) = &mut entry.node.value {
        set(inner, rest, node, report);
    } else {
        let message = format!("{name} has a value at {} and is no table", entry.node.place);
        report.problem(&place, message);
    }
}

/// A tenant with one key, as if it stood in the file.
fn add_only_tenant(root: &mut Table, environment: &Environment, report: &Report<'_>) {
    let mut key = Table::new();
    for (name, entry) in [(TENANT_KEY, "key"), (TENANT_KEY_FILE, "key_file")] {
        if let Some(node) = verbatim(environment, name, report) {
            key.push(Entry { name: entry.to_owned(), place: node.place.clone(), node });
        }
    }
    let Some(place) = key.first().map(|entry| entry.place.clone()) else { return };
    let node = |value| Node { place: place.clone(), value };
    let entry = |name: &str, value| Entry {
        name: name.to_owned(),
        place: place.clone(),
        node: node(value),
    };
    let tenant = node(Value::Table(vec![
        entry("id", Value::Text(ONLY_TENANT.to_owned())),
        entry("keys", Value::Array(vec![node(Value::Table(key))])),
    ]));
    match root.iter_mut().find(|entry| entry.name == "tenants").map(|entry| &mut entry.node.value) {
        Some(Value::Array(tenants)) => tenants.push(tenant),
        // Not an array: reported where the tenants are read.
        Some(_) => {}
        None => root.push(entry("tenants", Value::Array(vec![tenant]))),
    }
}

/// A secret's variable: its text is taken as it is.
fn verbatim(environment: &Environment, name: &str, report: &Report<'_>) -> Option<Node> {
    let place = Place::Variable(name.into());
    let text = readable(variable(environment, name)?, &place, report)?;
    Some(Node { place, value: Value::Text(text) })
}

fn readable(value: &OsStr, place: &Place, report: &Report<'_>) -> Option<String> {
    let text = value.to_str();
    if text.is_none() {
        report.problem(place, "is not UTF-8 text");
    }
    text.map(str::to_owned)
}
