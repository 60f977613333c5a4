//! Who may look after the gateway, and where?

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::field::{Field, SecretText};
use super::keys::{complaint, of_hex};
use super::places::Places;
use super::problem::{Place, shown};
use super::reader::Section;
use super::server::{refuse_twice, socket_address, tls};
use super::settings::{Admin, AdminToken, Role, Server};
use crate::authenticate::TenantSettings;
use crate::key::KeyDigest;

/// The name of the one token that has no block of its own.
const ADMIN: &str = "admin";

/// The tokens so far, and where each digest stands.
struct Found<'t> {
    tokens: Vec<AdminToken>,
    seen: HashMap<KeyDigest, String>,
    names: HashMap<Arc<str>, Place>,
    tenants: &'t [TenantSettings],
    places: &'t Places,
}

/// Reads `[admin]`; tenants and the central key, because no token may be a key.
pub(crate) fn admin(
    mut section: Section<'_>,
    server: &Server,
    central_key: &str,
    tenants: &[TenantSettings],
    places: &Places,
) -> Admin {
    let mut place = section.place.clone();
    let mut key = section.key("listen");
    let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8081));
    if let Some(field) = section.take("listen") {
        place = field.place().clone();
        field.key().clone_into(&mut key);
        listen = field.parsed(socket_address).unwrap_or(listen);
    }
    let plain_remote = section.take("allow_plain_remote").and_then(Field::boolean) == Some(true);
    let tls = tls(section.section("tls"));
    let (seen, names) = (HashMap::new(), HashMap::new());
    let mut found = Found { tokens: Vec::new(), seen, names, tenants, places };
    if !central_key.is_empty() {
        let digest = KeyDigest::of(central_key.as_bytes());
        found.seen.insert(digest, "the central key".to_owned());
    }
    // Also where what is given is no token: all mistakes are told at once.
    let mut are_wanted =
        ["token", "token_file"].iter().any(|name| section.place_of(name).is_some());
    if let Some(token) = section.secret("token", "token_file") {
        let place = token.place.clone();
        if let Some(digest) = of_text(&section, &token) {
            found.names.insert(ADMIN.into(), place.clone());
            found.add(&section, &place, &token.key, ADMIN.into(), Role::Operator, digest);
        }
    }
    for field in section.items("tokens") {
        are_wanted = true;
        let Some(item) = field.section() else { continue };
        one(item, &mut found);
    }
    let report = section.report;
    section.finish();
    refuse_twice(report, server, listen, &place, &key);
    let is_safe = listen.ip().is_loopback() || tls.is_some() || plain_remote;
    if are_wanted && !is_safe {
        let message = format!(
            "{key}: {listen} can be reached from elsewhere, and tokens would pass in plain text: set \
             admin.tls, or listen on 127.0.0.1, or set allow_plain_remote = true if something in \
             front does TLS"
        );
        report.problem(&place, message);
    }
    Admin { listen, tls, tokens: found.tokens }
}

/// Reads one block of `[[admin.tokens]]`.
fn one(mut section: Section<'_>, found: &mut Found<'_>) {
    let (report, place) = (section.report, section.place.clone());
    let own_key = section.own_key().to_owned();
    let name_key = section.key("name");
    let name = section.needed("name", "a token needs a name, for the audit log");
    let name = name.and_then(Field::name);
    let roles = [("viewer", Role::Viewer), ("operator", Role::Operator)];
    let role = section.take("role").and_then(|field| field.word(&roles)).unwrap_or(Role::Viewer);
    let given =
        ["sha256", "token", "token_file"].iter().filter(|name| section.is_given(name)).count();
    let sha256 = section.take("sha256");
    let has_sha256 = sha256.is_some();
    let text = section.secret("token", "token_file");
    let digest = match sha256 {
        _ if given == 0 => {
            let message = format!("{own_key}: needs one of sha256, token and token_file");
            report.missing(&place, message);
            None
        }
        _ if given > 1 && (has_sha256 || text.is_some()) => {
            let message = format!("{own_key}: give either sha256, token or token_file");
            report.problem(&place, message);
            None
        }
        Some(field) => of_hex(field, "token"),
        None => text.as_ref().and_then(|text| Some((of_text(&section, text)?, text.place.clone()))),
    };
    if let (Some(name), Some((digest, at))) = (name, digest) {
        match found.names.get(&name) {
            Some(first) => {
                let message = format!("{name_key}: {} is already at {first}", shown(&name));
                report.problem(&place, message);
            }
            None => {
                found.names.insert(name.clone(), place);
                found.add(&section, &at, &own_key, name, role, digest);
            }
        }
    }
    section.finish();
}

impl Found<'_> {
    fn add(
        &mut self,
        section: &Section<'_>,
        place: &Place,
        key: &str,
        name: Arc<str>,
        role: Role,
        digest: KeyDigest,
    ) {
        let keys = self.tenants.iter().flat_map(|tenant| &tenant.keys);
        let tenants_key = keys.filter(|key| key.digest == digest).map(|key| {
            let place = self.places.key(&key.id).map_or_else(String::new, |at| format!(" ({at})"));
            format!("the key {}{place} of a tenant", shown(&key.id))
        });
        let other = self.seen.get(&digest).cloned().or_else(|| tenants_key.into_iter().next());
        if let Some(other) = other {
            section.report.problem(place, format!("{key}: is the same as {other}"));
            return;
        }
        self.seen.insert(digest, format!("{key} ({place})"));
        self.tokens.push(AdminToken { name, role, digest });
    }
}

/// The digest of a token that is given as such.
fn of_text(section: &Section<'_>, text: &SecretText) -> Option<KeyDigest> {
    let token = text.secret.expose();
    match complaint(token) {
        None => Some(KeyDigest::of(token.as_bytes())),
        Some(complaint) => {
            section.report.problem(&text.place, format!("{}: {complaint}", text.key));
            None
        }
    }
}
