//! Does a body satisfy the contract, and if not, which sentence says why?
//!
//! A good body costs one pass without a report. Only a bad one is looked at again, for the one
//! fault that a reader should mend first.

use jsonschema::error::ValidationErrorKind;
use jsonschema::json::{Json, Node};
use jsonschema::paths::Location;
use jsonschema::{Draft, Keyword, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use super::audio_url::is_no_audio;
use super::field_path::FieldPath;
use super::fields::Fields;
use super::format::FORMATS;
use super::instance::{Documents, Instance};
use super::message;
use super::rules::{self, Rule};
use crate::document::Document;

/// The longest array or object that is searched for faults as a whole: a body of a million wrong
/// items must not become a million reports in memory. A longer one is reported by its first
/// items, and a fault that only shows further on by whatever is found first.
const SEARCHED: usize = 1000;

/// The compiled schema of a request body.
#[derive(Debug)]
pub struct BodySchema {
    /// Tells whether a body fits, from its bytes.
    quick: Validator<Documents>,
    /// The same schema over values: only of these can be said what is wrong.
    validator: Validator,
    fields: Fields,
    required: bool,
}

/// What is wrong with a body: the first thing that its sender should mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A required field is missing.
    Missing {
        /// The field's path, as in `extraction_fields[0].description`.
        field: Box<str>,
    },
    /// A field breaks a rule.
    Invalid {
        /// One sentence that names the field and the rule, or the published text. It repeats
        /// nothing of the request but counts, sums and shortened names of fields.
        message: Box<str>,
    },
    /// An address of audio ends like something else.
    NoAudio,
}

/// All that is wrong with a body, as far as it was searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The first to mend first, each with the path of its field; empty: of the whole body.
    pub found: Vec<(Box<str>, Violation)>,
    /// Whether there are more.
    pub more: bool,
}

impl BodySchema {
    /// Compiles a schema; the error is a pointer into it and what is wrong there.
    pub(super) fn new(
        schema: &Value,
        fields: Fields,
        required: bool,
    ) -> Result<Self, (String, String)> {
        let (quick, validator) = (compiled(schema)?, compiled(schema)?);
        Ok(Self { quick, validator, fields, required })
    }

    /// Whether the operation cannot do without a body.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Whether a body has no fault. Where it has one, [`check`](Self::check) tells which.
    pub(crate) fn fits(&self, body: &Document<'_>) -> bool {
        self.quick.is_valid(Instance::whole(body))
    }

    /// Checks a body.
    ///
    /// # Errors
    /// The fault to mend first: missing fields before all others, then shallow before deep, then
    /// in the order of the document.
    pub fn check(&self, body: &Value) -> Result<(), Violation> {
        if self.validator.is_valid(body) {
            return Ok(());
        }
        Err(self.explain(body))
    }

    /// Finds all faults of a body, so many at most; the first is the one of [`check`](Self::check).
    pub fn faults(&self, body: &Value, most: usize) -> Faults {
        let Err(first) = self.check(body) else { return Faults { found: Vec::new(), more: false } };
        let cut = is_long(body).then(|| self.cut(body));
        let searched = cut.as_ref().unwrap_or(body);
        // A body of many wrong items must not become as many reports in memory.
        let mut errors: Vec<_> = self.validator.iter_errors(searched).take(SEARCHED).collect();
        let more = errors.len() == SEARCHED || cut.is_some();
        errors.sort_by_cached_key(|error| self.urgency(error, searched));
        let mut found: Vec<(Box<str>, Violation)> = Vec::new();
        for error in &errors {
            let violation = self.violation(error, body);
            if !found.iter().any(|(_, known)| *known == violation) {
                found.push((field(error, &violation, body), violation));
            }
        }
        let place = found.iter().position(|(_, violation)| *violation == first);
        let first = place.map_or_else(|| ("".into(), first), |place| found.remove(place));
        found.insert(0, first);
        let more = more || found.len() > most;
        found.truncate(most);
        Faults { found, more }
    }

    /// The fields of a body that no rule of the contract looks at, so many at most.
    pub fn unchecked(&self, body: &Value, most: usize) -> Vec<Box<str>> {
        self.fields.unchecked(body, most)
    }

    fn explain(&self, body: &Value) -> Violation {
        let cut = is_long(body).then(|| self.cut(body));
        let searched = cut.as_ref().unwrap_or(body);
        let first = self
            .validator
            .iter_errors(searched)
            .min_by_key(|error| self.urgency(error, searched))
            .or_else(|| self.validator.validate(body).err());
        match first {
            Some(error) => self.violation(&error, body),
            None => Violation::Invalid { message: message::UNKNOWN.into() },
        }
    }

    /// Missing first, then shallow first, then in the document's order, then the plainest rule
    /// first. A tie keeps the order of `required`.
    fn urgency(
        &self,
        error: &ValidationError<'_>,
        body: &Value,
    ) -> (bool, usize, Vec<usize>, usize) {
        let missing = matches!(error.kind(), ValidationErrorKind::Required { .. });
        let steps = Steps::of(error.instance_path(), body);
        let depth = steps.indexes.len() + usize::from(missing);
        let order = steps.indexes.iter().map(|(pattern, index)| match index {
            Some(index) => *index,
            None => self.fields.rank(pattern),
        });
        (!missing, depth, order.collect(), message::plainness(error.kind()))
    }

    fn violation(&self, error: &ValidationError<'_>, body: &Value) -> Violation {
        let Steps { mut path, pattern, value, .. } = Steps::of(error.instance_path(), body);
        if let ValidationErrorKind::Required { property } = error.kind() {
            path.key(property.as_str().unwrap_or_default());
            return Violation::Missing { field: path.into_text() };
        }
        if matches!(error.kind(), ValidationErrorKind::Custom { keyword, .. } if keyword == AUDIO_URL)
        {
            return Violation::NoAudio;
        }
        let message = match self.fields.message(&pattern) {
            Some(published) => published.into(),
            None => message::sentence(error, &path, value).into_boxed_str(),
        };
        Violation::Invalid { message }
    }

    /// A copy in which long arrays and objects are cut, named fields excepted.
    fn cut(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().take(SEARCHED).map(|item| self.cut(item)).collect(),
            Value::Object(members) => {
                let mut others = 0;
                let kept = members.iter().filter(|(key, _)| {
                    others += 1;
                    others <= SEARCHED || self.fields.names(key)
                });
                Value::Object(kept.map(|(key, value)| (key.clone(), self.cut(value))).collect())
            }
            _ => value.clone(),
        }
    }
}

/// Compiles a schema for what is checked in one of two forms.
pub(super) fn compiled<F: Json>(schema: &Value) -> Result<Validator<F>, (String, String)> {
    let mut options = jsonschema::options_for::<F>()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        // A document must not be able to slow down the gateway by a pattern that backtracks.
        .with_pattern_options(PatternOptions::regex())
        .with_keyword("x-gateway-rule", rule_keyword)
        .with_keyword("x-gateway-trimmed-length", trimmed_length_keyword)
        .with_keyword(AUDIO_URL, audio_url_keyword);
    for format in FORMATS {
        options = options.with_format(format.name, format.check);
    }
    options
        .build(schema)
        .map_err(|error| (error.instance_path().as_str().to_owned(), error.to_string()))
}

/// The path of the field that a fault is about.
fn field(error: &ValidationError<'_>, violation: &Violation, body: &Value) -> Box<str> {
    match violation {
        Violation::Missing { field } => field.clone(),
        Violation::Invalid { .. } | Violation::NoAudio => {
            Steps::of(error.instance_path(), body).path.into_text()
        }
    }
}

fn is_long(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.len() > SEARCHED || items.iter().any(is_long),
        Value::Object(members) => members.len() > SEARCHED || members.values().any(is_long),
        _ => false,
    }
}

/// The way from the whole body down to one value.
struct Steps<'v> {
    path: FieldPath,
    /// The pointer, with `*` for every item of an array.
    pattern: String,
    /// For each step the pattern so far, and the index where the step is one.
    indexes: Vec<(String, Option<usize>)>,
    value: Option<&'v Value>,
}

impl<'v> Steps<'v> {
    fn of(location: &Location, body: &'v Value) -> Self {
        let mut steps = Self {
            path: FieldPath::default(),
            pattern: String::new(),
            indexes: Vec::new(),
            value: Some(body),
        };
        for segment in location.as_str().split('/').skip(1) {
            let list = steps.value.and_then(Value::as_array);
            match list.and_then(|list| Some((list, segment.parse::<usize>().ok()?))) {
                Some((list, index)) => {
                    steps.path.index(index);
                    steps.pattern.push_str("/*");
                    steps.value = list.get(index);
                    steps.indexes.push((steps.pattern.clone(), Some(index)));
                }
                None => {
                    let key = segment.replace("~1", "/").replace("~0", "~");
                    steps.path.key(&key);
                    steps.pattern.push('/');
                    steps.pattern.push_str(segment);
                    steps.value = steps.value.and_then(|value| value.get(&key));
                    steps.indexes.push((steps.pattern.clone(), None));
                }
            }
        }
        steps
    }
}

/// A cross-field rule as a keyword of JSON Schema.
struct RuleKeyword(Rule);

impl<'i, F: Json> Keyword<'i, F> for RuleKeyword {
    fn validate(&self, instance: F::Node<'i>) -> Result<(), ValidationError<'i>> {
        (self.0)(&instance.to_value()).map_err(ValidationError::custom)
    }

    fn is_valid(&self, instance: F::Node<'i>) -> bool {
        (self.0)(&instance.to_value()).is_ok()
    }
}

struct TrimmedLength(usize);

impl<'i, F: Json> Keyword<'i, F> for TrimmedLength {
    fn validate(&self, instance: F::Node<'i>) -> Result<(), ValidationError<'i>> {
        instance.as_string().map_or(Ok(()), |text| {
            rules::trimmed_length(&text, self.0).map_err(ValidationError::custom)
        })
    }

    fn is_valid(&self, instance: F::Node<'i>) -> bool {
        instance.as_string().is_none_or(|text| rules::trimmed_length(&text, self.0).is_ok())
    }
}

/// The keyword at whose value the address of a file stands that must not be known to be no audio.
const AUDIO_URL: &str = "x-gateway-audio-url";

struct AudioUrl;

impl<'i, F: Json> Keyword<'i, F> for AudioUrl {
    fn validate(&self, instance: F::Node<'i>) -> Result<(), ValidationError<'i>> {
        if Keyword::<F>::is_valid(self, instance) {
            return Ok(());
        }
        // Never shown: the keyword's name alone says what is the case.
        Err(ValidationError::custom(" is no audio."))
    }

    fn is_valid(&self, instance: F::Node<'i>) -> bool {
        !instance.as_string().is_some_and(|text| is_no_audio(&text))
    }
}

type Made<'a, F> = Result<Box<dyn for<'i> Keyword<'i, F>>, ValidationError<'a>>;

fn rule_keyword<'a, F: Json>(
    _: &'a Map<String, Value>,
    name: &'a Value,
    _: Location,
) -> Made<'a, F> {
    match name.as_str().and_then(rules::by_name) {
        Some(rule) => Ok(Box::new(RuleKeyword(rule))),
        None => Err(ValidationError::schema("unknown rule")),
    }
}

fn trimmed_length_keyword<'a, F: Json>(
    _: &'a Map<String, Value>,
    most: &'a Value,
    _: Location,
) -> Made<'a, F> {
    match most.as_u64().and_then(|most| usize::try_from(most).ok()) {
        Some(most) => Ok(Box::new(TrimmedLength(most))),
        None => Err(ValidationError::schema("expected a number of characters")),
    }
}

fn audio_url_keyword<'a, F: Json>(
    _: &'a Map<String, Value>,
    value: &'a Value,
    _: Location,
) -> Made<'a, F> {
    match value {
        Value::Bool(true) => Ok(Box::new(AudioUrl)),
        _ => Err(ValidationError::schema("expected true")),
    }
}
