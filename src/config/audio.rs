//! Are the files looked at that requests name?

use std::ops::RangeInclusive;
use std::time::Duration;

use super::field::Field;
use super::names::Names;
use super::reader::Section;
use crate::preflight::{Hosts, Mode, Network, Pattern, Settings};

/// A call waits for it: below, no host could answer; above, clients would give up.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(30);
/// Each may take 200 KB for as long as it lasts.
const AT_ONCE: RangeInclusive<u32> = 1..=10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Off,
    On(Mode),
}

/// Reads `[audio]`. What is said about preflights is checked also where there are none.
pub(crate) fn audio(mut section: Section<'_>, names: Option<&Names>) -> Option<Settings> {
    let words = [
        ("off", State::Off),
        ("headers", State::On(Mode::Headers)),
        ("probe", State::On(Mode::Probe)),
    ];
    let field = section.take("preflight");
    let place = field.as_ref().map_or(&section.place, |field| field.place()).clone();
    let state = field.and_then(|field| field.word(&words)).unwrap_or(State::Off);
    if state != State::Off && names.is_some_and(|names| !names.audio_urls) {
        let message =
            "the contract marks no field with x-gateway-audio-url, so it would look at nothing";
        section.report.problem(&place, format!("{}: {message}", section.key("preflight")));
    }
    let mut settings = Settings::new(Mode::Headers);
    if let Some(timeout) = section.duration("preflight_timeout", TIMEOUT) {
        settings.timeout = timeout;
    }
    if let Some(ports) = section.take("preflight_ports").and_then(Field::items) {
        let port = |field: Field<'_>| field.integer(1..=65_535);
        settings.ports =
            ports.into_iter().filter_map(port).filter_map(|p| p.try_into().ok()).collect();
    }
    let mut patterns = |name| each(section.take(name), Pattern::parse);
    settings.hosts = Hosts {
        allow: patterns("preflight_allow_hosts"),
        deny: patterns("preflight_deny_hosts").unwrap_or_default(),
    };
    settings.networks =
        each(section.take("preflight_allow_networks"), Network::parse).unwrap_or_default();
    bounds(&mut section, &mut settings);
    section.finish();
    match state {
        State::Off => None,
        State::On(mode) => Some(Settings { mode, ..settings }),
    }
}

/// How many at once. What is not given follows from what is.
fn bounds(section: &mut Section<'_>, settings: &mut Settings) {
    let mut number = |name| {
        let field = section.take(name)?;
        let place = field.place().clone();
        Some((field.integer(AT_ONCE)? as usize, place))
    };
    let tenant = number("preflight_tenant_at_once");
    let all = number("preflight_at_once");
    if let Some((all, _)) = &all {
        settings.at_once = *all;
        settings.tenant_at_once = settings.tenant_at_once.min(*all);
    }
    if let Some((tenant, place)) = tenant {
        if tenant > settings.at_once {
            let (key, most) = (section.key("preflight_tenant_at_once"), settings.at_once);
            let message = format!("{key}: {tenant} must not be above preflight_at_once ({most})");
            section.report.problem(&place, message);
        }
        settings.tenant_at_once = tenant;
    }
}

fn each<T>(field: Option<Field<'_>>, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
    let items = field?.items()?;
    Some(items.into_iter().filter_map(|item| item.parsed(&parse)).collect())
}
