//! How does an event of the gateway become a line of the log?

use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::time::SystemTime;

use heify_gateway::log::{Form, Lines, json_text, plain_text, timestamp};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Names that every line has; a field of the same name gets another one.
const OURS: [&str; 5] = ["timestamp", "level", "type", "target", "message"];

/// Writes events.
#[derive(Debug)]
pub(super) struct Diagnostics {
    pub(super) lines: Lines,
    /// Whether levels are colored.
    pub(super) colors: bool,
}

thread_local! {
    /// The line in the making.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<S: Subscriber> Layer<S> for Diagnostics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields =
            Fields { form: self.lines.form(), message: String::new(), rest: Vec::new() };
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        LINE.with(|line| {
            // An event while a value of another one is shown has a line of its own.
            let mut own = Vec::new();
            let mut kept = line.try_borrow_mut();
            let line = kept.as_deref_mut().unwrap_or(&mut own);
            line.clear();
            match fields.form {
                Form::Json => json(line, level, target, &fields),
                Form::Text => text(line, level, target, &fields, self.colors),
            }
            self.lines.push(line);
        });
    }
}

fn json(line: &mut Vec<u8>, level: Level, target: &str, fields: &Fields) {
    line.extend_from_slice(b"{\"timestamp\":\"");
    timestamp(line, SystemTime::now());
    // Writing to memory cannot fail.
    let _ = write!(line, "\",\"level\":\"{level}\",\"type\":\"log\",\"target\":");
    json_text(line, target);
    line.extend_from_slice(b",\"message\":");
    json_text(line, &fields.message);
    line.extend_from_slice(&fields.rest);
    line.extend_from_slice(b"}\n");
}

fn text(line: &mut Vec<u8>, level: Level, target: &str, fields: &Fields, colors: bool) {
    timestamp(line, SystemTime::now());
    let color = match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        Level::TRACE => "35",
    };
    // Writing to memory cannot fail.
    let _ = match colors {
        true => write!(line, " \u{1b}[{color}m{level:>5}\u{1b}[0m "),
        false => write!(line, " {level:>5} "),
    };
    plain_text(line, target);
    line.extend_from_slice(b": ");
    plain_text(line, &fields.message);
    line.extend_from_slice(&fields.rest);
    line.push(b'\n');
}

/// The fields of an event, as they are written behind its message.
struct Fields {
    form: Form,
    message: String,
    rest: Vec<u8>,
}

impl Fields {
    /// A number or a truth value, which JSON has, too.
    fn value(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        // Writing to memory cannot fail.
        let _ = write!(self.rest, "{value}");
    }

    fn text(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            return self.message.push_str(value);
        }
        self.name(field);
        match self.form {
            Form::Json => json_text(&mut self.rest, value),
            Form::Text => plain_text(&mut self.rest, value),
        }
    }

    fn name(&mut self, field: &Field) {
        let prefix = if OURS.contains(&field.name()) { "field." } else { "" };
        let name = format!("{prefix}{}", field.name());
        match self.form {
            Form::Json => {
                self.rest.push(b',');
                json_text(&mut self.rest, &name);
                self.rest.push(b':');
            }
            Form::Text => {
                self.rest.push(b' ');
                self.rest.extend_from_slice(name.as_bytes());
                self.rest.push(b'=');
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field, &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.value(field, value),
            false => self.text(field, &value.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Duration;

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What is written while this runs.
    fn written(form: Form, run: impl FnOnce()) -> String {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let lines = Lines::start(writer, form).unwrap();
        let layer = Diagnostics { lines: lines.clone(), colors: false };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
        assert!(lines.flush(Duration::from_secs(60)));
        drop(lines);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    const HOSTILE: &str = "\"}\n{\"a\":\"\u{1b}[31m\\";

    #[test]
    fn an_event_is_one_object_with_its_fields_beside_the_message() {
        let text = written(Form::Json, || {
            tracing::warn!(target: "x", hostile = HOSTILE, count = 3, on = true, ratio = 0.5,
                level = 1, shown = ?Some(1), nan = f64::NAN, "it says {HOSTILE}");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert!(read["timestamp"].as_str().unwrap().ends_with('Z'));
        for (name, value) in [
            ("level", json!("WARN")),
            ("type", json!("log")),
            ("target", json!("x")),
            ("message", json!(format!("it says {HOSTILE}"))),
            ("hostile", json!(HOSTILE)),
            ("count", json!(3)),
            ("on", json!(true)),
            ("ratio", json!(0.5)),
            ("field.level", json!(1)),
            ("shown", json!("Some(1)")),
            ("nan", json!("NaN")),
        ] {
            assert_eq!(read[name], value, "{name} in {text}");
        }
    }

    #[test]
    fn a_text_line_is_one_line_whatever_is_in_it() {
        let text = written(Form::Text, || tracing::info!(target: "x", hostile = HOSTILE, "hello"));
        let (_, rest) = text.split_once(' ').unwrap();
        let escaped = r#""}\n{"a":"\u{1b}[31m\"#;
        assert_eq!(rest, format!(" INFO x: hello hostile={escaped}\n"));
    }
}
