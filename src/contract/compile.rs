//! How does a document become a table of endpoints?
//!
//! Everything is looked at before anything is reported: one run shows all mistakes.

use http::Method;
use serde_json::Value;

use super::endpoint::{Answer, Effect, Endpoint, IdField, Kind};
use super::extension::{self, KNOWN};
use super::fields::Fields;
use super::schema::BodySchema;
use super::source::{Data, Entry, Mistake, Mistakes, Node, Place};

/// The operations that OpenAPI knows, and what else a path item may hold.
const METHODS: &[(&str, Method)] = &[
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("delete", Method::DELETE),
    ("options", Method::OPTIONS),
    ("head", Method::HEAD),
    ("patch", Method::PATCH),
    ("trace", Method::TRACE),
];
const BESIDE_METHODS: &[&str] = &["summary", "description", "servers", "parameters"];
/// Members whose values are anything, and mean nothing to us.
const OPAQUE: &[&str] = &["example", "examples", "default", "enum", "const"];

/// Compiles a document that was read from the file `name`.
pub(super) fn compile(root: &Node, name: &str) -> Result<Vec<Endpoint>, Vec<Mistake>> {
    let mut compiler =
        Compiler { root, mistakes: Mistakes::new(name), endpoints: Vec::new(), ids: Vec::new() };
    compiler.version();
    compiler.references(root);
    compiler.components();
    compiler.paths();
    compiler.kinds();
    compiler.unread(root);
    let Compiler { mut mistakes, endpoints, .. } = compiler;
    if mistakes.list.is_empty() {
        return Ok(endpoints);
    }
    mistakes.list.sort_by_key(|mistake| (mistake.line, mistake.column));
    Err(mistakes.list)
}

struct Compiler<'d> {
    root: &'d Node,
    mistakes: Mistakes,
    endpoints: Vec<Endpoint>,
    /// The kinds that ids were marked with, and where.
    ids: Vec<(Box<str>, Place)>,
}

/// What the document says of a request's body.
struct Body {
    schema: BodySchema,
    ids: Vec<IdField>,
    audio_url: Option<Box<str>>,
}

impl<'d> Compiler<'d> {
    fn version(&mut self) {
        let version = self.root.member("openapi");
        if !version.and_then(Node::text).is_some_and(|version| version.starts_with("3.1.")) {
            let place = version.map_or(self.root.place, |version| version.place);
            self.mistakes.add(place, "expected an OpenAPI document of version 3.1, openapi: 3.1.1");
        }
    }

    /// Every reference leads somewhere in the document itself.
    fn references(&mut self, node: &'d Node) {
        if let Data::List(items) = &node.data {
            items.iter().for_each(|item| self.references(item));
        }
        for entry in node.entries() {
            match (&*entry.key, entry.value.text()) {
                ("$ref", Some(target)) => {
                    let found = target.strip_prefix('#').and_then(|to| self.root.pointed(to));
                    if found.is_none() {
                        let message = format!("$ref leads nowhere in this document: {target}");
                        self.mistakes.add(entry.value.place, message);
                    }
                }
                (key, _) if OPAQUE.contains(&key) => {}
                _ => self.references(&entry.value),
            }
        }
    }

    fn components(&mut self) {
        for schema in self.root.pointed("/components/schemas").map_or(&[][..], Node::entries) {
            let _ = Fields::of(&schema.value, self.root, &mut self.mistakes);
            self.is_schema(&schema.value);
        }
    }

    /// Reports what is not JSON Schema, at its place.
    fn is_schema(&mut self, schema: &Node) -> bool {
        let json = schema.to_json();
        let meta = jsonschema::draft202012::meta::validator();
        let mut valid = true;
        for error in meta.iter_errors(&json) {
            let node = schema.pointed(error.instance_path().as_str()).unwrap_or(schema);
            self.mistakes.add(node.place, format!("not valid as JSON Schema: {error}"));
            valid = false;
        }
        valid
    }

    fn paths(&mut self) {
        let Some(paths) = self.root.member("paths").filter(|paths| paths.is_map()) else {
            self.mistakes.add(self.root.place, "paths is missing");
            return;
        };
        for path in paths.entries().iter().filter(|path| !path.key.starts_with("x-")) {
            self.path(path);
        }
        if self.endpoints.is_empty() && self.mistakes.list.is_empty() {
            self.mistakes.add(paths.place, "paths has no operation");
        }
    }

    fn path(&mut self, path: &'d Entry) {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#{}".contains(&byte);
        if path.key.contains(['{', '}']) {
            let message = format!("{}: templates are not supported, only exact paths", path.key);
            self.mistakes.add(path.place, message);
        } else if !path.key.starts_with('/') || !path.key.bytes().all(plain) {
            let message = format!("{}: a path starts with / and has no query", path.key);
            self.mistakes.add(path.place, message);
        }
        if !path.value.is_map() {
            self.mistakes.add(path.value.place, format!("{}: expected operations", path.key));
        }
        for entry in path.value.entries() {
            match METHODS.iter().find(|(name, _)| *name == &*entry.key) {
                Some((_, method)) => self.operation(&path.key, method, entry),
                None if entry.key.starts_with("x-") => {}
                None if BESIDE_METHODS.contains(&&*entry.key) => {}
                None => {
                    let message = format!("{}: unknown method {}", path.key, entry.key);
                    self.mistakes.add(entry.place, message);
                }
            }
        }
    }

    fn operation(&mut self, path: &str, method: &Method, operation: &'d Entry) {
        let node = &operation.value;
        let mut proof_place = operation.place;
        let (mut limits, mut effect, mut cap, mut proof) = ((None, None), None, None, None);
        for entry in node.entries() {
            match &*entry.key {
                "x-gateway-limits" => limits = extension::limits(entry, &mut self.mistakes),
                "x-gateway-effect" => effect = extension::effect(entry, &mut self.mistakes),
                "x-gateway-cap" => {
                    cap = extension::cap(entry, &mut self.mistakes);
                    let kind = effect_kind(node);
                    if kind != Some("creates") {
                        let message = "x-gateway-cap: only an operation that creates has a cap";
                        self.mistakes.add(entry.place, message);
                    }
                }
                "x-gateway-key-proof" => {
                    proof = extension::key_proof(entry, &mut self.mistakes);
                    proof_place = entry.place;
                }
                _ => {}
            }
        }
        let answer = self.answer(node.member("responses"));
        let body = node.member("requestBody").and_then(|body| self.body(body));
        if node.entry("x-gateway-effect").is_none() {
            let message = format!("{path}: x-gateway-effect is missing");
            self.mistakes.add(operation.place, message);
        }
        if let Some(sent) = &proof {
            let schema = body.as_ref().map(|body| &body.schema);
            self.proves(sent, schema, effect.as_ref(), limits.1.is_some(), proof_place);
        }
        self.endpoints.push(Endpoint {
            index: self.endpoints.len(),
            path: path.into(),
            method: method.clone(),
            rate: limits.0,
            monthly: limits.1,
            // Without an effect the document has a mistake, and no endpoint leaves this file.
            effect: effect.unwrap_or(NO_EFFECT),
            cap,
            key_proof: proof.map(|body| body.to_string().into()),
            ids: body.as_ref().map(|body| body.ids.clone()).unwrap_or_default(),
            audio_url: body.as_ref().and_then(|body| body.audio_url.clone()),
            answer,
            body: body.map(|body| body.schema),
        });
    }

    /// What is sent to prove a key must not be able to cost anything, and must be what the endpoint
    /// takes: an answer to anything else would prove nothing.
    fn proves(
        &mut self,
        sent: &Value,
        schema: Option<&BodySchema>,
        effect: Option<&Effect>,
        monthly: bool,
        place: Place,
    ) {
        let reads = |effect: &Effect| matches!(effect.kind, Kind::Reads | Kind::Lists);
        if effect.is_some_and(|effect| !reads(effect) || effect.spends_minutes || monthly) {
            let message = "x-gateway-key-proof: only an operation that reads or lists can prove a \
                           key, without minutes and without a monthly quota";
            self.mistakes.add(place, message);
        }
        if self.endpoints.iter().any(|other| other.key_proof.is_some()) {
            let message = "x-gateway-key-proof: one operation proves keys, and another one does so";
            self.mistakes.add(place, message);
        }
        if schema.is_some_and(|schema| schema.check(sent).is_err()) {
            let message =
                "x-gateway-key-proof: the operation's own schema does not allow this body";
            self.mistakes.add(place, message);
        }
    }

    /// The extension of the successful response; there is at most one.
    fn answer(&mut self, responses: Option<&'d Node>) -> Answer {
        let mut found = None;
        for response in responses.map_or(&[][..], Node::entries) {
            if !response.key.starts_with('2') {
                continue;
            }
            let Some(entry) = self.resolve(&response.value).entry("x-gateway-answer") else {
                continue;
            };
            let answer = extension::answer(entry, &mut self.mistakes);
            if found.replace(answer).is_some() {
                let message = "x-gateway-answer: only one response of an operation can have it";
                self.mistakes.add(entry.place, message);
            }
        }
        found.unwrap_or_default()
    }

    fn body(&mut self, body: &'d Node) -> Option<Body> {
        let body = self.resolve(body);
        let Some(schema) = body.pointed("/content/application~1json/schema") else {
            self.mistakes
                .add(body.place, "requestBody: expected content, application/json, schema");
            return None;
        };
        let required =
            matches!(body.member("required").map(|r| &r.data), Some(Data::Boolean(true)));
        let fields = Fields::of(schema, self.root, &mut self.mistakes);
        let ids = fields.ids.iter().map(|(id, _)| id.clone()).collect();
        let audio_url = fields.audio_url.clone();
        self.ids.extend(fields.ids.iter().map(|(id, place)| (id.kind.clone(), *place)));
        if !self.is_schema(schema) {
            return None;
        }
        let mut json = schema.to_json();
        // So that `#/components/schemas/...` can be found from within the schema.
        if let (Value::Object(members), Some(components)) =
            (&mut json, self.root.pointed("/components/schemas"))
        {
            let schemas = serde_json::json!({ "schemas": components.to_json() });
            members.insert("components".into(), schemas);
        }
        match BodySchema::new(&json, fields, required) {
            Ok(schema) => Some(Body { schema, ids, audio_url }),
            // What is wrong within a component, or with a reference, is told at its own place.
            Err(_) if !self.mistakes.list.is_empty() => None,
            Err((pointer, message)) => {
                let place = schema.pointed(&pointer).unwrap_or(schema).place;
                self.mistakes.add(place, format!("not usable as JSON Schema: {message}"));
                None
            }
        }
    }

    /// Follows a reference to a response or a request body; a broken one is reported elsewhere.
    fn resolve(&self, node: &'d Node) -> &'d Node {
        let target = node.member("$ref").and_then(Node::text).and_then(|to| to.strip_prefix('#'));
        target.and_then(|target| self.root.pointed(target)).unwrap_or(node)
    }

    /// An id of a kind that no operation has as its object is a typing error, and would leave the
    /// objects of one tenant open to another.
    fn kinds(&mut self) {
        let objects: Vec<_> =
            self.endpoints.iter().filter_map(|endpoint| endpoint.effect.object.clone()).collect();
        for (kind, place) in std::mem::take(&mut self.ids) {
            if !objects.contains(&kind) {
                let message = format!("x-gateway-id: no operation has {kind} as its object");
                self.mistakes.add(place, message);
            }
        }
    }

    /// Every extension was understood.
    fn unread(&mut self, node: &'d Node) {
        if let Data::List(items) = &node.data {
            items.iter().for_each(|item| self.unread(item));
        }
        for entry in node.entries() {
            if OPAQUE.contains(&&*entry.key) {
                continue;
            }
            if !entry.key.starts_with("x-gateway-") {
                self.unread(&entry.value);
            } else if !KNOWN.contains(&&*entry.key) {
                let known = KNOWN.join(", ");
                let message = format!("unknown extension {}; known: {known}", entry.key);
                self.mistakes.add(entry.place, message);
            } else if !self.mistakes.was_read(entry) {
                let message = format!("{} has no effect at this place", entry.key);
                self.mistakes.add(entry.place, message);
            }
        }
    }
}

const NO_EFFECT: Effect = Effect {
    kind: Kind::Changes,
    object: None,
    spends_minutes: false,
    repeatable: false,
    timeout: None,
};

fn effect_kind(operation: &Node) -> Option<&str> {
    operation.member("x-gateway-effect")?.member("kind")?.text()
}
