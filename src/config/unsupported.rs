//! Which settings does this build know, but cannot enforce?
//!
//! A limit that is written down and not enforced is worse than none: each is a mistake that says so.

use super::reader::Section;

/// Sections, and what they need.
const SECTIONS: [(&str, &str); 6] = [
    ("records", "durable records"),
    ("account", "durable records"),
    ("audio", "audio checks"),
    ("relay", "an upload relay"),
    ("alerts", "alerts"),
    ("metrics", "a metrics endpoint"),
];

/// Whether tenants can reach each other's objects: this build cannot prevent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Nobody has said that it is meant.
    Unspoken,
    /// `[isolation] mode = "off"`.
    Intended,
}

/// Refuses what stands at the top of the file.
pub(crate) fn refuse(root: &mut Section<'_>) -> Sharing {
    for (name, needed) in SECTIONS {
        if let Some(section) = root.remove(name) {
            section.report.problem(section.place(), refusal(&format!("[{name}]"), needed));
        }
    }
    let mut isolation = root.section("isolation");
    let sharing = match isolation.take("mode") {
        Some(mode) if mode.is_word("strict") => {
            mode.wrong(&refusal("\"strict\"", "durable records"));
            None
        }
        Some(mode) => mode.word(&[("off", Sharing::Intended)]),
        None => None,
    };
    isolation.finish();
    sharing.unwrap_or(Sharing::Unspoken)
}

/// Refuses what stands at a tenant.
pub(crate) fn refuse_at_tenant(tenant: &mut Section<'_>) {
    if let Some(minutes) = tenant.take("minutes")
        && !minutes.is_word("off")
    {
        let message = refusal("a minutes allowance", "durable records");
        minutes.wrong(&format!("{message}; \"off\" is the only value here"));
    }
    for name in ["quota", "caps"] {
        if let Some(field) = tenant.remove(name) {
            field.wrong(&refusal("it", "durable records"));
        }
    }
}

fn refusal(what: &str, needed: &str) -> String {
    format!("{what} needs {needed}, which this build does not have; it would not be enforced")
}
