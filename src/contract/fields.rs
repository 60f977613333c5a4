//! Which fields does a body schema name, in which order, and what is said about them?
//!
//! JSON Schema knows no order of properties; a reader of the document does. The walk also finds the
//! ids, the published texts, and extensions at places where they could not be obeyed.

use serde_json::Value;

use super::endpoint::IdField;
use super::field_path::FieldPath;
use super::rules;
use super::source::{Data, Entry, Mistakes, Node, Place};

/// The items of an array that are searched for unknown fields: more of them say the same again.
const SEARCHED: usize = 1000;

/// The fields of one body schema, in the order of the document.
#[derive(Debug, Default)]
pub(super) struct Fields {
    list: Vec<Field>,
    /// Where the body carries ids, and where the document says so.
    pub(super) ids: Vec<(IdField, Place)>,
    /// Where the body carries the address of audio.
    pub(super) audio_url: Option<Box<str>>,
}

/// One field: its JSON Pointer, with `*` for every item of an array.
#[derive(Debug)]
struct Field {
    pointer: Box<str>,
    message: Option<Box<str>>,
}

impl Fields {
    /// Reads the fields of a schema of the document `root`.
    pub(super) fn of(schema: &Node, root: &Node, mistakes: &mut Mistakes) -> Self {
        let mut walk = Walk { root, mistakes, fields: Self::default(), references: Vec::new() };
        walk.schema(schema, Some(""));
        walk.fields
    }

    /// The place of a field in the document's order; what is not named comes last.
    pub(super) fn rank(&self, pointer: &str) -> usize {
        self.list.iter().position(|field| &*field.pointer == pointer).unwrap_or(self.list.len())
    }

    /// The published text for a broken rule of a field.
    pub(super) fn message(&self, pointer: &str) -> Option<&str> {
        let field = self.list.iter().find(|field| &*field.pointer == pointer)?;
        field.message.as_deref()
    }

    /// Whether any field has this name, at whatever depth.
    pub(super) fn names(&self, key: &str) -> bool {
        self.list
            .iter()
            .any(|field| field.pointer.rsplit('/').next().is_some_and(|name| name == key))
    }

    /// The paths of what a body has and the document does not name. Where the document names nothing
    /// below a field, what is in it is the field's own business.
    pub(super) fn unchecked(&self, body: &Value, most: usize) -> Vec<Box<str>> {
        let mut found = Vec::new();
        self.walk_unchecked(body, "", &FieldPath::default(), most, &mut found);
        found
    }

    fn walk_unchecked(
        &self,
        value: &Value,
        pattern: &str,
        path: &FieldPath,
        most: usize,
        found: &mut Vec<Box<str>>,
    ) {
        let below = format!("{pattern}/");
        let is_free = !self.list.iter().any(|field| field.pointer.starts_with(&below));
        if is_free && !pattern.is_empty() {
            return;
        }
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    if found.len() >= most {
                        return;
                    }
                    let name = key.replace('~', "~0").replace('/', "~1");
                    let (pattern, mut path) = (format!("{below}{name}"), path.clone());
                    path.key(key);
                    if self.rank(&pattern) < self.list.len() {
                        self.walk_unchecked(value, &pattern, &path, most, found);
                    } else {
                        found.push(path.into_text());
                    }
                }
            }
            Value::Array(items) => {
                let pattern = format!("{below}*");
                for (index, item) in items.iter().enumerate().take(SEARCHED) {
                    let mut path = path.clone();
                    path.index(index);
                    self.walk_unchecked(item, &pattern, &path, most, found);
                }
            }
            _ => {}
        }
    }

    fn at(&mut self, pointer: &str) -> &mut Field {
        let index = self.rank(pointer);
        if index == self.list.len() {
            self.list.push(Field { pointer: pointer.into(), message: None });
        }
        &mut self.list[index]
    }
}

struct Walk<'d, 'm> {
    root: &'d Node,
    mistakes: &'m mut Mistakes,
    fields: Fields,
    /// The references that lead to the current schema: a recursive schema ends here.
    references: Vec<&'d str>,
}

impl<'d> Walk<'d, '_> {
    /// `pointer` is `None` below a keyword whose values have no fixed pointer.
    fn schema(&mut self, schema: &'d Node, pointer: Option<&str>) {
        for entry in schema.entries() {
            match &*entry.key {
                "$ref" => self.reference(&entry.value, pointer),
                "properties" => self.properties(&entry.value, pointer),
                "items" => {
                    let items = pointer.map(|pointer| format!("{pointer}/*"));
                    self.schema(&entry.value, items.as_deref());
                }
                "allOf" | "anyOf" | "oneOf" => self.each(&entry.value, pointer),
                "prefixItems" | "patternProperties" | "dependentSchemas" | "$defs" => {
                    self.each(&entry.value, None);
                }
                "not"
                | "if"
                | "then"
                | "else"
                | "additionalProperties"
                | "contains"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties" => {
                    self.schema(&entry.value, None);
                }
                key if key.starts_with("x-gateway-") => self.extension(entry, pointer),
                _ => {}
            }
        }
    }

    fn reference(&mut self, target: &'d Node, pointer: Option<&str>) {
        let Some(target) = target.text().and_then(|text| text.strip_prefix('#')) else {
            return;
        };
        if self.references.contains(&target) {
            return;
        }
        if let Some(schema) = self.root.pointed(target) {
            self.references.push(target);
            self.schema(schema, pointer);
            self.references.pop();
        }
    }

    fn properties(&mut self, properties: &'d Node, pointer: Option<&str>) {
        for property in properties.entries() {
            let name = property.key.replace('~', "~0").replace('/', "~1");
            let pointer = pointer.map(|pointer| format!("{pointer}/{name}"));
            if let Some(pointer) = &pointer {
                self.fields.at(pointer);
            }
            self.schema(&property.value, pointer.as_deref());
        }
    }

    fn each(&mut self, schemas: &'d Node, pointer: Option<&str>) {
        match &schemas.data {
            Data::List(items) => items.iter().for_each(|item| self.schema(item, pointer)),
            _ => schemas.entries().iter().for_each(|entry| self.schema(&entry.value, pointer)),
        }
    }

    fn extension(&mut self, entry: &Entry, pointer: Option<&str>) {
        let value = &entry.value;
        let text = value.text().filter(|text| !text.is_empty());
        let expected = match &*entry.key {
            "x-gateway-id" | "x-gateway-message" if pointer.is_none() => {
                let message = format!("{} works below properties and items only", entry.key);
                self.mistakes.add(entry.place, message);
                None
            }
            "x-gateway-id" => {
                if let (Some(kind), Some(pointer)) = (text, pointer) {
                    let id = IdField { pointer: pointer.into(), kind: kind.into() };
                    if !self.fields.ids.iter().any(|(known, _)| *known == id) {
                        self.fields.ids.push((id, value.place));
                    }
                }
                text.is_none().then(|| "the kind of object that the id names".to_owned())
            }
            "x-gateway-audio-url" => {
                let is_one =
                    pointer.is_some_and(|pointer| !pointer.split('/').any(|key| key == "*"));
                let is_first =
                    self.fields.audio_url.as_deref().is_none_or(|it| Some(it) == pointer);
                let valid = is_one && is_first && matches!(value.data, Data::Boolean(true));
                if valid {
                    self.fields.audio_url = pointer.map(Into::into);
                }
                (!valid).then(|| "true, at one field of a body that is in no array".to_owned())
            }
            "x-gateway-message" => {
                if let (Some(text), Some(pointer)) = (text, pointer) {
                    self.fields.at(pointer).message = Some(text.into());
                }
                text.is_none().then(|| "the published text".to_owned())
            }
            "x-gateway-rule" => text.and_then(rules::by_name).is_none().then(|| {
                let names: Vec<_> = rules::RULES.iter().map(|(name, _)| *name).collect();
                format!("one of the rules {}", names.join(", "))
            }),
            "x-gateway-trimmed-length" => {
                let valid = matches!(value.data, Data::Integer(most) if most > 0);
                (!valid).then(|| "a number of characters of at least 1".to_owned())
            }
            _ => return,
        };
        self.mistakes.mark_read(entry);
        if let Some(expected) = expected {
            self.mistakes.add(value.place, format!("{}: expected {expected}", entry.key));
        }
    }
}
