//! Where is kept what must last?

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::budgets::limits;
use super::environment::{Environment, variable};
use super::field::Field;
use super::problem::shown;
use super::reader::{Report, Section};
use super::settings::Records;
use crate::{isolate, quota};

/// The variable with which systemd names the folders of `StateDirectory=`.
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
/// The file's name where nobody has given one.
const FILE: &str = "gateway.db";
/// Waiting is for the moment of a restart, in which two programs want the file.
const LOCK_WAIT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);
const DEFAULT_LOCK_WAIT: Duration = Duration::from_secs(30);

/// Reads `[records]`. A gateway that has nothing to record gets no file, unless one is named.
pub(crate) fn records(
    root: &mut Section<'_>,
    has_something_to_record: bool,
    environment: &Environment,
) -> Option<Records> {
    let mut section = root.section("records");
    let url = section.take("url");
    let url_is_given = url.is_some();
    let path = url.and_then(path);
    let lock_wait = section.duration("lock_wait", LOCK_WAIT).unwrap_or(DEFAULT_LOCK_WAIT);
    section.finish();
    if path.is_none() && (url_is_given || !has_something_to_record) {
        return None;
    }
    let path = path.unwrap_or_else(|| default_path(root, environment));
    Some(Records { path, lock_wait })
}

/// Whether anything must be owned or counted.
pub(crate) fn must_count(quota: &quota::Settings, isolation: Option<&isolate::Settings>) -> bool {
    let tenants = quota.tenants.iter().map(|tenant| &tenant.budget);
    isolation.is_some() || tenants.chain([&quota.account]).any(limits)
}

/// The file that a URL names. The URL is not shown unless it is one of SQLite: in those of servers
/// there are passwords.
fn path(field: Field<'_>) -> Option<PathBuf> {
    let (url, field) = field.spotted_text()?;
    match parse(&url) {
        Ok(path) => Some(field.report.resolve(field.place(), path)),
        Err(message) => {
            field.wrong(&message);
            None
        }
    }
}

fn parse(url: &str) -> Result<&str, String> {
    let expected = r#"must be a URL such as "sqlite:///var/lib/heify-gateway/gateway.db""#;
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return Err(format!("{expected}: this build has SQLite only"));
    }
    let Some(path) = url.strip_prefix("sqlite:") else {
        return Err(expected.to_owned());
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.contains('?') {
        return Err(format!("{expected} without parameters, not {}", shown(url)));
    }
    // What is in memory only would be forgotten at the next start.
    let names_a_file = !path.is_empty() && !path.ends_with('/') && !path.starts_with(':');
    if !names_a_file || path.contains(char::is_control) {
        return Err(format!("{expected} with the path of a file, not {}", shown(url)));
    }
    Ok(path)
}

/// The folder that the service manager keeps for us, else that of the configuration file.
fn default_path(root: &Section<'_>, environment: &Environment) -> PathBuf {
    let report: &Report<'_> = root.report;
    let folders = variable(environment, STATE_DIRECTORY).and_then(|folders| folders.to_str());
    let folder = folders.and_then(|folders| folders.split(':').find(|folder| !folder.is_empty()));
    let path = match folder {
        Some(folder) => Path::new(folder).join(FILE),
        None => report.beside(FILE),
    };
    let chosen = path.display();
    let how = r#"to choose, set url = "sqlite:///..." in [records]"#;
    report.warning(&root.place, format!("records.url: not set, so records go to {chosen}; {how}"));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_url_names_a_file() {
        for (url, path) in [
            ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
            ("sqlite://data/x.db", "data/x.db"),
            ("sqlite:x.db", "x.db"),
            ("sqlite:///a b%20.db", "/a b%20.db"),
        ] {
            assert_eq!(parse(url), Ok(path), "{url}");
        }
        for wrong in [
            "",
            "/var/lib/x.db",
            "sqlite:",
            "sqlite://",
            "sqlite:///",
            "sqlite:///var/lib/",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:///x.db?mode=ro",
            "sqlite:///x\0.db",
            "mysql://x",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_in_an_url_is_not_shown() {
        for url in ["postgres://me:secret@host/db", "postgresql://me:secret@host", "secret"] {
            assert!(!parse(url).unwrap_err().contains("secret"), "{url}");
        }
        assert!(parse("postgres://x").unwrap_err().ends_with("this build has SQLite only"));
    }
}
