//! How does the schema library read a document?
//!
//! It checks whatever tells it of values. A [`Document`] does so from the bytes, so that a body that
//! fits is never built as values.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde_json::{Number, Value};

use crate::document::{Document, Form, Items, Members, Place, ROOT, Table};

/// Documents as what is checked.
pub(super) struct Documents;

/// A value at its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instance<'d> {
    document: &'d Document<'d>,
    place: Place,
}

/// A text that is no part of a document: a key that is checked as a value.
#[derive(Debug, Default)]
pub(super) struct Alone {
    text: String,
    table: Table,
}

pub(super) struct InstanceItems<'d>(&'d Document<'d>, Items<'d>);

pub(super) struct InstanceMembers<'d>(&'d Document<'d>, Members<'d>);

impl<'d> Instance<'d> {
    pub(super) fn whole(document: &'d Document<'d>) -> Self {
        Self { document, place: ROOT }
    }

    fn form(&self) -> Form {
        self.document.form(self.place)
    }

    fn if_it_is(self, form: Form) -> Option<Self> {
        (self.form() == form).then_some(self)
    }
}

impl Json for Documents {
    type Node<'d> = Instance<'d>;
    type PreparedKey = Box<str>;
    type StringBuffer = Alone;

    /// A look-up passes over the members, too; so one pass over them is mostly the cheaper.
    const KEYS_PER_LOOKUP: usize = 16;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(
        alone: &mut Alone,
        string: &str,
        f: impl FnOnce(Instance<'_>) -> T,
    ) -> T {
        alone.text = Value::from(string).to_string();
        alone.table = Table::read(&alone.text, 0).unwrap_or_default();
        f(Instance::whole(&alone.table.of(&alone.text)))
    }
}

impl<'d> Node<'d, Documents> for Instance<'d> {
    type Object = Self;
    type Array = Self;
    type Number = Number;

    fn as_object(&self) -> Option<Self> {
        self.if_it_is(Form::Object)
    }

    fn as_array(&self) -> Option<Self> {
        self.if_it_is(Form::List)
    }

    fn as_string(&self) -> Option<Cow<'d, str>> {
        self.document.string(self.place)
    }

    fn as_number(&self) -> Option<Number> {
        self.if_it_is(Form::Number)?.document.number(self.place)
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.document.raw(self.place) {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.form() == Form::Null
    }

    fn is_number(&self) -> bool {
        self.form() == Form::Number
    }

    fn is_string(&self) -> bool {
        self.form() == Form::Text
    }

    fn json_type(&self) -> JsonType {
        match self.form() {
            Form::Null => JsonType::Null,
            Form::Boolean => JsonType::Boolean,
            Form::Number => JsonType::Number,
            Form::Text => JsonType::String,
            Form::List => JsonType::Array,
            Form::Object => JsonType::Object,
        }
    }

    fn string_length(&self) -> Option<u64> {
        self.document.length(self.place).map(|length| length as u64)
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match expected {
            Value::String(expected) => self.document.spells(self.place, expected),
            Value::Null => self.is_null(),
            Value::Bool(expected) => self.as_boolean() == Some(*expected),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                jsonschema::json::cmp::equal(&self.to_value(), expected)
            }
        }
    }

    fn to_value(&self) -> Cow<'d, Value> {
        Cow::Owned(self.document.value(self.place))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::tagged(self.document.address(), u32::try_from(self.place).ok()?))
    }
}

impl<'d> Object<'d, Documents> for Instance<'d> {
    type Node = Self;
    type MemberName = Cow<'d, str>;
    type MembersIter = InstanceMembers<'d>;

    fn len(&self) -> usize {
        self.document.members(self.place).count()
    }

    fn is_empty(&self) -> bool {
        self.document.members(self.place).next().is_none()
    }

    #[allow(clippy::borrowed_box, reason = "the trait hands out what it keeps")]
    fn get(&self, key: &Box<str>) -> Option<Self> {
        let (_, place) = self.document.member(self.place, key)?;
        Some(Self { place, ..*self })
    }

    fn members(&self) -> InstanceMembers<'d> {
        InstanceMembers(self.document, self.document.members(self.place))
    }
}

impl<'d> Array<'d, Documents> for Instance<'d> {
    type Node = Self;
    type ElementsIter = InstanceItems<'d>;

    fn len(&self) -> usize {
        self.document.items(self.place).count()
    }

    fn elements(&self) -> InstanceItems<'d> {
        InstanceItems(self.document, self.document.items(self.place))
    }
}

impl<'d> Iterator for InstanceItems<'d> {
    type Item = Instance<'d>;

    fn next(&mut self) -> Option<Instance<'d>> {
        Some(Instance { document: self.0, place: self.1.next()? })
    }
}

impl<'d> Iterator for InstanceMembers<'d> {
    type Item = (Cow<'d, str>, Instance<'d>);

    fn next(&mut self) -> Option<(Cow<'d, str>, Instance<'d>)> {
        let (key, place) = self.1.next()?;
        let instance = Instance { document: self.0, place };
        Some((self.0.string(key).unwrap_or_default(), instance))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use jsonschema::Validator;
    use jsonschema::json::SerdeJson;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::schema::compiled;
    use super::*;

    /// Every keyword that a contract may use.
    fn schema() -> Value {
        json!({
            "$defs": { "tree": {
                "type": "object",
                "properties": { "tree": { "$ref": "#/$defs/tree" }, "id": { "type": "integer" } },
                "required": ["id"],
                "unevaluatedProperties": false,
            } },
            "properties": {
                "id": { "type": ["integer", "null"], "minimum": -1, "exclusiveMaximum": 9.5 },
                "name": { "type": "string", "minLength": 1, "maxLength": 2 },
                "type": { "enum": ["a", "é", null, 1, [1.0, {"id": 2}], true] },
                "weight": { "multipleOf": 0.5 },
                "x": { "const": {"id": [1]} },
                "url": { "format": "uuid", "pattern": "^a" },
                "list": {
                    "type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true,
                    "contains": { "type": ["number", "string", "object"] },
                    "prefixItems": [{ "x-gateway-trimmed-length": 2 }],
                    "x-gateway-rule": "weights_sum_to_100",
                },
                "tree": { "$ref": "#/$defs/tree" },
                "any": { "anyOf": [{ "type": "boolean" }, { "required": ["id", "name", "x", "type"] }] },
                "one": { "oneOf": [{ "required": ["id"] }, { "required": ["name", "id"] }],
                         "not": { "required": ["x"] }, "minProperties": 1, "maxProperties": 2 },
                "names": {
                    "propertyNames": { "maxLength": 2, "pattern": "^[a-z]*$" },
                    "patternProperties": { "^i": { "type": "integer" } },
                    "additionalProperties": { "type": "string" },
                    "dependentRequired": { "id": ["x"] },
                },
            },
        })
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let known = prop::sample::select(vec![
            "id", "name", "type", "weight", "x", "url", "list", "tree", "any", "one", "names",
            "é\"",
        ]);
        let leaf = prop_oneof![
            prop::sample::select(vec![
                json!(null),
                json!(true),
                json!(0),
                json!(1),
                json!(1.0),
                json!(-1.5),
                json!(100),
                json!(1e300),
                json!(u64::MAX),
                json!("a"),
                json!("é"),
                json!(" é\n"),
                json!(""),
                json!("a1b2c3d4-e5f6-7890-1234-567890abcdef"),
                json!("strict"),
                json!([1, {"id": 2}]),
                json!({"id": [1]}),
                json!({"id": [1.0]}),
                json!("https://e.com/a.pdf"),
            ]),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(known.clone().prop_map(str::to_owned), inner, 0..7)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same value with all its letters as escapes.
    fn escaped(value: &Value) -> String {
        match value {
            Value::String(text) => {
                let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                format!("\"{}\"", units.collect::<String>())
            }
            Value::Array(items) => {
                format!("[{}]", items.iter().map(escaped).collect::<Vec<_>>().join(" , "))
            }
            Value::Object(members) => {
                let member = |(key, value): (&String, &Value)| {
                    format!("{}:{}", escaped(&Value::from(key.as_str())), escaped(value))
                };
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
            }
            _ => value.to_string(),
        }
    }

    static SCHEMA: LazyLock<Value> = LazyLock::new(schema);
    static QUICK: LazyLock<Validator<Documents>> = LazyLock::new(|| compiled(&SCHEMA).unwrap());
    static SLOW: LazyLock<Validator<SerdeJson>> = LazyLock::new(|| compiled(&SCHEMA).unwrap());

    fn fits(text: &str) -> bool {
        let table = Table::read(text, 64).unwrap();
        QUICK.is_valid(Instance::whole(&table.of(text)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_document_fits_where_its_value_does(value in any_value()) {
            let names = SCHEMA["properties"].as_object().unwrap().keys();
            // As the whole body, and in each field, so that every keyword is asked.
            for value in names.map(|name| json!({name: value})).chain([value.clone()]) {
                let expected = SLOW.is_valid(&value);
                prop_assert_eq!(fits(&value.to_string()), expected, "{}", value);
                prop_assert_eq!(fits(&escaped(&value)), expected, "{}", value);
            }
        }
    }
}
