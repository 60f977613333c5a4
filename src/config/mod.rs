//! What do the configuration file and the environment say?
//!
//! [`load`] reads one TOML file and the environment into [`Settings`], or reports every mistake in
//! them at once, each with its place. A later source overrides an earlier one: built-in defaults,
//! the file, `HEIFY_GATEWAY__SECTION__KEY`. `config/gateway.toml` shows every key.
//!
//! Time, files and the environment come in as arguments, so that a test can give its own:
//!
//! ```
//! use heify_gateway::config::{Sources, load};
//!
//! let environment = [
//!     ("HEIFY_API_KEY", "the-central-key-of-the-account"),
//!     ("HEIFY_GATEWAY_TENANT_KEY", "any-string-of-16-characters"),
//! ];
//! let settings = load(&Sources::new(None, environment)).unwrap();
//! assert_eq!(&*settings.authenticate.tenants[0].id, "default");
//!
//! let nothing: [(&str, &str); 0] = [];
//! let mistakes = load(&Sources::new(None, nothing)).unwrap_err();
//! assert!(mistakes.to_string().contains("HEIFY_API_KEY"));
//! ```

mod account;
mod admin;
mod alerts;
mod audio;
mod budgets;
mod environment;
mod example;
mod field;
mod isolation;
mod keys;
mod minutes;
mod names;
mod pem;
mod places;
mod problem;
mod rates;
mod reader;
mod records;
mod reference;
mod relay;
mod schema;
mod server;
mod settings;
mod shape;
mod tenants;
mod traces;
mod tree;
mod units;
mod upstream;

// The example file's upstream is https.
#[cfg(all(test, feature = "tls"))]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use names::Names;
pub use places::Places;
pub use problem::{Mistakes, Place, Problem, meant};
pub use rates::default_burst;
pub use reference::reference;
pub use schema::schema;
pub use settings::{
    Admin, AdminToken, Document, Listen, Log, LogFormat, Records, Role, Server, Settings, Tls,
};
pub use units::parse_duration;

use field::Field;
use reader::{Report, Section};
use shape::Asked;
use tree::Table;

use crate::quota;

/// The names in a contract (in the built-in one for `None`), or what is wrong with the document.
pub type Endpoints<'a> = dyn Fn(Option<&Document>) -> Result<Names, Vec<String>> + 'a;

/// Where a configuration is read from.
pub struct Sources<'a> {
    /// The file; `None`: the one that `HEIFY_GATEWAY_CONFIG` names, if any.
    pub file: Option<PathBuf>,
    /// The environment's variables.
    pub environment: Vec<(OsString, OsString)>,
    /// The time that expiry dates are compared with.
    pub now: SystemTime,
    /// Reads the file and all others that it names.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// Knows the contract's names; `None`: the endpoints and kinds of objects that have limits or
    /// rates are not checked.
    pub endpoints: Option<&'a Endpoints<'a>>,
}

impl Sources<'_> {
    /// The real file system and the present time, without a check of endpoints.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self {
            file,
            environment: environment.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            now: SystemTime::now(),
            read_file: &|path| std::fs::read(path),
            endpoints: None,
        }
    }
}

/// Reads a configuration.
///
/// Relative paths are relative to the file that they stand in, those of variables to the working
/// directory.
///
/// # Errors
/// Every mistake in all sources, ordered by place.
pub fn load(sources: &Sources<'_>) -> Result<Settings, Mistakes> {
    load_and_record(sources).0
}

/// Reads a configuration, and records the keys that were asked for and what they may be.
fn load_and_record(sources: &Sources<'_>) -> (Result<Settings, Mistakes>, BTreeMap<String, Asked>) {
    let path = sources.file.clone().or_else(|| {
        environment::variable(&sources.environment, environment::CONFIG).map(PathBuf::from)
    });
    let folder = path.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let report = Report::new(sources.read_file, folder);
    let (place, mut root) = match &path {
        Some(path) => read_file(path, &report, sources),
        None => (Place::Nowhere, Table::new()),
    };
    environment::overlay(&mut root, &sources.environment, &report);
    let mut settings = read(Section::root(&report, place, root), sources);
    let asked = report.asked();
    let (problems, warnings) = report.finish();
    settings.warnings = warnings;
    let result = if problems.is_empty() { Ok(settings) } else { Err(Mistakes::new(problems)) };
    (result, asked)
}

/// The file as a tree. What cannot be read leaves it empty, and nothing is then called missing.
fn read_file(path: &Path, report: &Report<'_>, sources: &Sources<'_>) -> (Place, Table) {
    let name: Arc<str> = path.to_string_lossy().into();
    let place = Place::File(name.clone());
    let unreadable = |place: &Place, message: String| {
        report.unparsed(vec![Problem { place: place.clone(), message }]);
    };
    let content = match (sources.read_file)(path) {
        Ok(content) => content,
        Err(error) => {
            unreadable(&place, format!("cannot read the configuration file: {error}"));
            return (place, Table::new());
        }
    };
    match std::str::from_utf8(&content) {
        Ok(text) => {
            let (table, problems) = tree::parse_file(&name, text);
            report.unparsed(problems);
            (place, table)
        }
        Err(error) => {
            let readable = String::from_utf8_lossy(&content[..error.valid_up_to()]);
            let spot = tree::Lines::new(&name, &readable).spot(readable.len());
            unreadable(&spot, "not UTF-8 text".to_owned());
            (place, Table::new())
        }
    }
}

/// Walks the whole tree.
fn read(mut root: Section<'_>, sources: &Sources<'_>) -> Settings {
    let mut section = root.section("server");
    let server = server::server(&mut section);
    let contact = section.take("contact").and_then(server::contact);
    section.finish();
    let upstream = upstream::upstream(root.section("upstream"));
    let validate = upstream::bodies(root.section("body"));
    let log = server::log(root.section("log"));
    let mut section = root.section("reload");
    let watch = section.take("watch").and_then(Field::boolean).unwrap_or(true);
    section.finish();
    let traces = traces::traces(root.section("traces"));
    let mut section = root.section("contract");
    let (contract, names) = contract(section.take("file"), sources.endpoints);
    section.finish();
    let account = account::account(root.section("account"), names.as_ref());
    let tenants = tenants::tenants(
        &mut root,
        &tenants::Surroundings {
            central_key: upstream.api_key.expose(),
            names: names.as_ref(),
            months: &account.months,
            now: sources.now,
        },
    );
    let admin = admin::admin(
        root.section("admin"),
        &server,
        upstream.api_key.expose(),
        &tenants.authenticate.tenants,
        &tenants.places,
    );
    let status = server::status(&mut root, &server, admin.listen);
    let count = tenants.authenticate.tenants.len();
    let pace = account.pace(count, root.report);
    let isolation = isolation::isolation(root.section("isolation"), count);
    let preflight = audio::audio(root.section("audio"), names.as_ref());
    let relay = relay::relay(root.section("relay"));
    let (minutes, settle) = minutes::minutes(root.section("minutes"));
    let (longest_retry_after, when_records_fail) = minutes::quota(root.section("quota"));
    let quota = quota::Settings {
        tenants: tenants.budgets,
        account: account.budget,
        minutes,
        longest_retry_after,
        when_records_fail,
    };
    let alerts = alerts::alerts(&mut root, &tenants.authenticate.tenants);
    let has_something_to_record = admin.has_operator()
        || !alerts.is_empty()
        || relay.is_some()
        || records::must_count(&quota, isolation.as_ref());
    let records = records::records(&mut root, has_something_to_record, &sources.environment);
    root.finish();
    Settings {
        server,
        status,
        admin,
        upstream,
        authenticate: tenants.authenticate,
        rate_limit: tenants.rate_limit,
        places: tenants.places,
        quota,
        pace,
        isolation,
        preflight,
        relay,
        records,
        settle,
        alerts,
        validate,
        contract,
        contact,
        log,
        watch,
        traces,
        warnings: Vec::new(),
    }
}

/// The contract in the file, and the names that may be used; `None`: any.
fn contract(
    file: Option<Field<'_>>,
    endpoints: Option<&Endpoints<'_>>,
) -> (Option<Document>, Option<Names>) {
    let Some(file) = file else {
        return (None, endpoints.and_then(|endpoints| endpoints(None).ok()));
    };
    let Some((name, content, file)) = file.file() else { return (None, None) };
    let Ok(text) = String::from_utf8(content) else {
        file.wrong("the file is not UTF-8 text");
        return (None, None);
    };
    let document = Document { name, text };
    let known = match endpoints.map(|endpoints| endpoints(Some(&document))) {
        Some(Ok(known)) => Some(known),
        Some(Err(mistakes)) => {
            mistakes.iter().for_each(|mistake| file.wrong(mistake));
            None
        }
        None => None,
    };
    (Some(document), known)
}
