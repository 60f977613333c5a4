//! Who is told when a limit is nearly used up?

use std::collections::HashMap;
use std::sync::Arc;

use http::Uri;

use super::field::Field;
use super::problem::{Place, meant, shown};
use super::reader::Section;
use super::server::is_here;
use crate::authenticate::TenantSettings;
use crate::quota::{About, Webhook};

const THRESHOLDS: [u32; 3] = [50, 80, 100];
/// Each webhook has a task and a connection.
const MOST: usize = 20;
/// A shorter secret can be guessed from one message.
const SHORTEST_SECRET: usize = 16;

/// Reads `[[alerts]]`.
pub(crate) fn alerts(root: &mut Section<'_>, tenants: &[TenantSettings]) -> Vec<Webhook> {
    let mut names = HashMap::new();
    let fields = root.items("alerts");
    if let Some(field) = fields.get(MOST) {
        field.wrong(&format!("there may be {MOST} webhooks at most"));
    }
    let one = |field: Field<'_>| webhook(field.section()?, tenants, &mut names);
    fields.into_iter().filter_map(one).collect()
}

fn webhook(
    mut section: Section<'_>,
    tenants: &[TenantSettings],
    names: &mut HashMap<Arc<str>, Place>,
) -> Option<Webhook> {
    let (report, place) = (section.report, section.place.clone());
    let name = section.needed("name", "an alert needs a name, under which it is kept");
    let name = name.and_then(|field| {
        let (key, place) = (field.key().to_owned(), field.place().clone());
        let name = field.name()?;
        if let Some(first) = names.get(&name) {
            report.problem(&place, format!("{key}: {} is already at {first}", shown(&name)));
        }
        names.entry(Arc::clone(&name)).or_insert(place);
        Some(name)
    });
    let url = section.needed("url", "an alert needs the address of its receiver");
    let url = url.and_then(url_of);
    let given = section.is_given("secret") || section.is_given("secret_file");
    let secret = section.secret("secret", "secret_file");
    if !given {
        let message = "is missing: messages are signed with it; give it or secret_file";
        report.missing(&place, format!("{}: {message}", section.key("secret")));
    }
    let secret = secret.map(|found| {
        if found.secret.expose().len() < SHORTEST_SECRET {
            let message = format!("must have {SHORTEST_SECRET} characters at least");
            report.problem(&found.place, format!("{}: {message}", found.key));
        }
        found.secret
    });
    let about = about(&mut section, tenants);
    let thresholds = section.take("thresholds").map_or(Some(THRESHOLDS.to_vec()), thresholds);
    section.finish();
    Some(Webhook { name: name?, url: url?, secret: secret?, about, thresholds: thresholds? })
}

/// The tenants, all without a word; the account only where nobody said which tenants.
fn about(section: &mut Section<'_>, tenants: &[TenantSettings]) -> About {
    let known = || tenants.iter().map(|tenant| &*tenant.id);
    let named = section.take("tenants").and_then(Field::items).map(|items| {
        let one = |field: Field<'_>| {
            field.parsed(|id| match known().find(|known| *known == id) {
                Some(id) => Ok(Arc::from(id)),
                None => {
                    let meant = meant(id, known());
                    let meant = meant.map(|meant| format!(" (did you mean {}?)", shown(meant)));
                    Err(format!("must be the id of a tenant{}", meant.unwrap_or_default()))
                }
            })
        };
        items.into_iter().filter_map(one).collect::<Vec<Arc<str>>>()
    });
    let account = section.take("account").and_then(Field::boolean);
    About { account: account.unwrap_or(named.is_none()), tenants: named }
}

fn thresholds(field: Field<'_>) -> Option<Vec<u32>> {
    let (report, place, key) = (field.report, field.place().clone(), field.key().to_owned());
    let items = field.items()?;
    if items.is_empty() {
        report.problem(&place, format!("{key}: must have a percentage at least"));
    }
    let count = items.len();
    let mut read: Vec<u32> = items.into_iter().filter_map(|item| item.integer(1..=100)).collect();
    if read.len() != count {
        return None;
    }
    read.sort_unstable();
    read.dedup();
    Some(read)
}

/// The address is not shown: many of them have a secret in their path.
fn url_of(field: Field<'_>) -> Option<Uri> {
    let (text, field) = field.spotted_text()?;
    parse_url(&text).map_err(|message| field.wrong(&message)).ok()
}

fn parse_url(text: &str) -> Result<Uri, String> {
    let expected = "must be a URL such as \"https://hooks.example.com/gateway\"";
    if text.contains(['@', '#']) {
        return Err(format!("{expected}, without a user name, a password or a fragment"));
    }
    let url: Uri = text.parse().map_err(|_| expected.to_owned())?;
    let host = url.host().unwrap_or_default();
    match url.scheme_str() {
        Some("https") if cfg!(not(feature = "tls")) => {
            Err("https needs the feature `tls`, which this build does not have".to_owned())
        }
        Some("https") if !host.is_empty() => Ok(url),
        Some("http") if is_here(host) => Ok(url),
        Some("http") => Err("must be https: http only goes to this machine".to_owned()),
        _ => Err(expected.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_elsewhere_is_reached_by_tls_only() {
        #[cfg(feature = "tls")]
        assert!(parse_url("https://hooks.example.com/T0/B1?x=y").is_ok());
        for here in ["http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost:80"] {
            assert!(parse_url(here).is_ok(), "{here}");
        }
        for wrong in ["http://hooks.example.com/", "ftp://localhost", "/x", "", "https://a@b/"] {
            assert!(parse_url(wrong).is_err(), "{wrong}");
        }
        let told = parse_url("http://hooks.example.com/secret").unwrap_err();
        assert!(!told.contains("secret"), "{told}");
    }
}
