//! What may a configuration file look like, for an editor?

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json, json};

use super::example::{Example, outline};
use super::shape::{Outline, Shape};
use super::tree::{Node, Value, parse_file};
use super::units::{show_duration, show_size};

/// Returns the JSON Schema (draft 2020-12) of the configuration file.
///
/// It is made of what the reader asks for and of the texts in the example file. It says less than
/// [`load`](super::load) does: ranges of durations and of sizes with a unit stand in the
/// descriptions, and how settings fit together is left out.
pub fn schema() -> Json {
    let example = Example::read();
    let mut schema = table(&outline(), "", &example);
    let about = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "heify-gateway.toml",
        "description": "The configuration file of heify-gateway.",
    });
    if let (Json::Object(schema), Json::Object(about)) = (&mut schema, about) {
        schema.extend(about);
    }
    schema
}

/// One key, with what people should know about it.
fn described(key: &Outline, path: &str, example: &Example) -> Json {
    let mut schema = value(key, path, example);
    let Json::Object(members) = &mut schema else { return schema };
    if let Some((text, key)) = example.describe(path) {
        let range = members.remove("description");
        let range = range.as_ref().and_then(Json::as_str).unwrap_or_default();
        let text = [text, range].join(" ").trim().to_owned();
        if !text.is_empty() {
            members.insert("description".to_owned(), text.into());
        }
        if let Some(default) = key.filter(|key| key.is_default).and_then(|key| parse(&key.value)) {
            members.insert("default".to_owned(), default);
        }
    }
    schema
}

fn value(key: &Outline, path: &str, example: &Example) -> Json {
    let mut kinds: Vec<Json> =
        key.asked.shapes.iter().map(|shape| kind(shape, key, path, example)).collect();
    match kinds.len() {
        1 => kinds.remove(0),
        _ => json!({ "anyOf": kinds }),
    }
}

fn kind(shape: &Shape, key: &Outline, path: &str, example: &Example) -> Json {
    match shape {
        Shape::Text | Shape::File => json!({ "type": "string" }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Datetime => json!({ "type": "string", "format": "date-time" }),
        Shape::Words(words) => json!({ "enum": words }),
        Shape::Duration(range) => json!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h)$",
            "description": from_to(range, |duration| show_duration(*duration)),
        }),
        Shape::Integer(range) => {
            json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
        }
        Shape::Size(range) => json!({
            "anyOf": [
                { "type": "integer", "minimum": range.start(), "maximum": range.end() },
                { "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" },
            ],
            "description": from_to(range, |bytes| show_size(*bytes)),
        }),
        Shape::Table => table(key, path, example),
        Shape::Array => {
            let any = || Json::Bool(true);
            let item = key.item.as_ref().map_or_else(any, |item| value(item, path, example));
            json!({ "type": "array", "items": item })
        }
    }
}

fn from_to<T>(range: &RangeInclusive<T>, show: impl Fn(&T) -> String) -> String {
    format!("({} to {})", show(range.start()), show(range.end()))
}

fn table(key: &Outline, path: &str, example: &Example) -> Json {
    let entries = key.entries.iter().map(|(name, entry)| {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        (name.clone(), described(entry, &path, example))
    });
    let properties: Map<String, Json> = entries.collect();
    let needed = key.entries.iter().filter(|(_, entry)| entry.asked.is_needed);
    let needed: Vec<_> = needed.map(|(name, _)| name.as_str()).collect();
    let free = key.free.as_ref().map(|free| value(free, path, example));
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": free.unwrap_or(Json::Bool(false)),
    });
    if !needed.is_empty() {
        schema["required"] = needed.into();
    }
    schema
}

/// A value of the example file.
fn parse(text: &str) -> Option<Json> {
    let (table, _) = parse_file(&"default".into(), &format!("value = {text}"));
    table.first().map(|entry| convert(&entry.node))
}

fn convert(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) | Value::Variable(text) | Value::Datetime(text) => json!(text),
        Value::Integer(number) => json!(number),
        // No setting is one.
        Value::Float => Json::Null,
        Value::Boolean(boolean) => json!(boolean),
        Value::Array(items) => items.iter().map(convert).collect(),
        Value::Table(table) => {
            table.iter().map(|entry| (entry.name.clone(), convert(&entry.node))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::super::example::with_every_setting;
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        let (table, problems) = parse_file(&"gateway.toml".into(), text);
        assert!(problems.is_empty(), "{problems:?}");
        let place = super::super::Place::Nowhere;
        let file = convert(&Node { place, value: Value::Table(table) });
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        validator.iter_errors(&file).map(|error| error.to_string()).collect()
    }

    #[test]
    fn the_example_file_fits_the_schema() {
        assert_eq!(mistakes(super::super::example::EXAMPLE), [""; 0]);
        assert_eq!(mistakes(&with_every_setting(&[])), [""; 0]);
    }

    /// The files in a folder and below whose names end like this.
    fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, ending, found);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_example_that_people_copy_fits_the_schema() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut pages, mut configurations) = (vec![root.join("README.md")], Vec::new());
        files(&root.join("docs"), "md", &mut pages);
        files(&root.join("deploy"), "toml", &mut configurations);
        let mut count = 0;
        for page in pages {
            let text = fs::read_to_string(&page).unwrap();
            for block in text.split("```toml\n").skip(1) {
                let block = block.split("```").next().unwrap();
                assert_eq!(mistakes(block), [""; 0], "{}: {block}", page.display());
                count += 1;
            }
        }
        for file in configurations {
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(mistakes(&text), [""; 0], "{}", file.display());
        }
        assert!(count > 2, "found no examples");
    }

    #[test]
    fn an_editor_marks_what_the_reader_refuses() {
        for wrong in [
            "[server]\nlisten_on = '127.0.0.1:8080'",
            "[servers]",
            "[server]\nworkers = '4'",
            "[server]\nworkers = 0",
            "[server]\nworkers = 1025",
            "[server]\nidle_timeout = 75",
            "[server]\nidle_timeout = '75'",
            "[server]\nmax_header_bytes = '32KB'",
            "[log]\nlevel = 'loud'",
            "[audio]\npreflight_deny_hosts = [7]",
            "[[tenants]]\nlabel = 'without an id'",
            "[[tenants]]\nid = 'a'\nrate = { '/submit' = { burst = 1 } }",
            "[[tenants]]\nid = 'a'\nminutes = 'on'",
            "[tenants]\nid = 'a'",
        ] {
            assert!(!mistakes(wrong).is_empty(), "{wrong}");
        }
    }
}
