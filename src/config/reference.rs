//! How is each setting described, for people?

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::example::{Example, Key, Part, outline};
use super::shape::{Outline, Shape};
use super::units::{show_duration, show_size};

/// What is read once, when the gateway starts. The answer to a reload names each such key that has
/// changed.
const READ_AT_START: [&str; 15] = [
    "server.listen",
    "server.workers",
    "server.max_connections",
    "server.first_byte_timeout",
    "server.header_timeout",
    "server.idle_timeout",
    "server.write_timeout",
    "server.handshake_timeout",
    "server.max_header_bytes",
    "status.listen",
    "admin.listen",
    "log.level",
    "log.format",
    "records.url",
    "records.lock_wait",
];

const HEAD: &str = "\
# Configuration

<!-- Made by `heify-gateway config reference` from the reader and config/gateway.toml: change those. -->

One TOML file, given by `-c` or `HEIFY_GATEWAY_CONFIG`; [config/gateway.toml](../config/gateway.toml) shows all of it with the
defaults. `heify-gateway check -c gateway.toml` finds every mistake in a file. For completion and checks in an editor (Even
Better TOML, taplo), write the schema beside the file with `heify-gateway config schema > gateway.schema.json`, and begin the file
with `#:schema ./gateway.schema.json`.

- A variable overrides its key. Its text is a TOML value where that fits, else a string. Blocks of which there may be several have none.
- Four variables have short names, so that a sidecar needs no file: `HEIFY_API_KEY` and `HEIFY_API_KEY_FILE` for the central key,
  `HEIFY_GATEWAY_TENANT_KEY` and `HEIFY_GATEWAY_TENANT_KEY_FILE` for the key of one tenant named `default`.
- A duration is a whole number with a unit: `\"500ms\"`, `\"3s\"`, `\"5m\"`, `\"1h\"`. A size is a number of bytes, or has a unit: `\"64KiB\"`,
  `\"1MiB\"`, `\"2GiB\"`.
- In a table of names, a `?` marks what may be left out.
- Relative paths start at the folder of the file, those of variables at the working directory.
- SIGHUP, `POST /admin/v1/reload` and a change of the files themselves make the gateway read all of them again, all or nothing. *Restart*: a change needs a restart, and the reload says so.
";

/// Returns the reference of all settings, in Markdown.
pub fn reference() -> String {
    let (example, outline) = (Example::read(), outline());
    let mut page = HEAD.to_owned();
    for part in &example.sections {
        section(&mut page, part, &outline);
    }
    page
}

fn section(page: &mut String, part: &Part, outline: &Outline) {
    let name = match part.is_repeated {
        true => format!("[[{}]]", part.name),
        false => format!("[{}]", part.name),
    };
    let mut text = format!("\n## {name}\n\n");
    if !part.text.is_empty() {
        text += &format!("{}\n\n", part.text);
    }
    text += "| key | value | default | what it is |\n| --- | --- | --- | --- |\n";
    for key in &part.keys {
        text += &row(part, key, outline);
    }
    page.push_str(&text);
}

fn row(part: &Part, key: &Key, outline: &Outline) -> String {
    let path = format!("{}.{}", part.name, key.name);
    let mut name = format!("`{}`", key.name);
    if !is_in_the_file_only(&path, outline) {
        let variable = path.replace('.', "__").to_uppercase();
        let _ = write!(name, "<br>`HEIFY_GATEWAY__{variable}`");
    }
    let found = find(outline, &path);
    let value = found.map_or_else(String::new, value);
    let needed = found.is_some_and(|key| key.asked.is_needed);
    let default = match (key.is_default, needed) {
        (true, _) => format!("`{}`", key.value),
        (false, true) => format!("needed; such as `{}`", key.value),
        (false, false) => format!("none; such as `{}`", key.value),
    };
    let read_at_start = |name: &&str| path == **name || path.starts_with(&format!("{name}."));
    let restart = if READ_AT_START.iter().any(read_at_start) { " *Restart.*" } else { "" };
    let cell = |text: &str| text.replace('|', "\\|");
    format!("| {name} | {} | {} | {}{restart} |\n", cell(&value), cell(&default), cell(&key.text))
}

/// Goes down a path without indices, and into the items of arrays on the way.
fn find<'o>(outline: &'o Outline, path: &str) -> Option<&'o Outline> {
    path.split('.').try_fold(outline, |here, name| {
        let here = here.item.as_deref().unwrap_or(here);
        here.entries.get(name)
    })
}

/// Whether it stands in an item of an array, which no variable can name.
fn is_in_the_file_only(path: &str, outline: &Outline) -> bool {
    let above = path.match_indices('.').map(|(end, _)| &path[..end]);
    above.into_iter().any(|above| find(outline, above).is_some_and(|key| key.item.is_some()))
}

fn value(key: &Outline) -> String {
    let kinds: Vec<_> = key.asked.shapes.iter().map(|shape| kind(shape, key)).collect();
    kinds.join(", or ")
}

fn kind(shape: &Shape, key: &Outline) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::File => "name of a file".to_owned(),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Datetime => "date and time".to_owned(),
        Shape::Words(words) => {
            words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
        }
        Shape::Duration(range) => format!("duration, {}", from_to(range, |d| show_duration(*d))),
        Shape::Integer(range) => {
            format!("whole number, {}", from_to(range, |number| grouped(*number)))
        }
        Shape::Size(range) => format!("size, {}", from_to(range, |bytes| show_size(*bytes))),
        Shape::Table => table(key),
        Shape::Array => match &key.item {
            Some(item) => format!("list of: {}", value(item)),
            None => "list".to_owned(),
        },
    }
}

fn table(key: &Outline) -> String {
    if let Some(free) = &key.free {
        return format!("table, by name: {}", value(free));
    }
    let entry = |(name, entry): (&String, &Outline)| {
        let needed = if entry.asked.is_needed { "" } else { "?" };
        format!("`{name}`{needed} ({})", value(entry))
    };
    let mut entries: Vec<_> = key.entries.iter().collect();
    entries.sort_by_key(|(_, entry)| !entry.asked.is_needed);
    let entries: Vec<_> = entries.into_iter().map(entry).collect();
    format!("table of {}", entries.join(", "))
}

fn from_to<T>(range: &RangeInclusive<T>, show: impl Fn(&T) -> String) -> String {
    format!("{} to {}", show(range.start()), show(range.end()))
}

/// Thousands are set apart.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let group = |(index, digit): (usize, char)| {
        let left = digits.len() - index;
        let comma = index > 0 && left.is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_at_the_start_is_a_setting() {
        let outline = outline();
        for path in READ_AT_START {
            assert!(find(&outline, path).is_some(), "{path}");
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_000_000].map(grouped), ["0", "999", "1,000", "1,000,000"]);
    }
}
