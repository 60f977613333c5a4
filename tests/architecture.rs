//! Does the house still stand as `docs/architecture.md` draws it?

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors. A module imports only from strictly lower ones; modules of one floor never import
/// each other.
const FLOORS: [&[&str]; 6] = [
    &[
        "body",
        "document",
        "early",
        "histogram",
        "host",
        "key",
        "measured",
        "observation",
        "peer",
        "rate",
        "refusal",
        "secret",
        "tenant",
        "timer",
        "trace",
        "version",
    ],
    &["audio", "budget", "checked", "contract", "log", "records", "traffic", "upstream"],
    &[
        "authenticate",
        "catch_panic",
        "deadline",
        "envelope",
        "forward",
        "isolate",
        "observe",
        "overload",
        "pace",
        "preflight",
        "quota",
        "rate_limit",
        "relay",
        "route",
        "validate",
    ],
    &["alerts", "stack", "config", "otlp", "rotate", "settle"],
    &["admin", "metrics", "server", "simulator"],
    &["cli", "main"],
];

/// Modules above the rooms that may know an endpoint of Heify by name: the fake Heify itself, and the
/// commands that show or prove something on the real one.
const MAY_NAME_ENDPOINTS: [&str; 3] = ["simulator/", "cli/demo", "cli/live"];

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The path below `src/`, with forward slashes.
fn name(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/")
}

/// The top module that a file belongs to: `route/layer.rs` to `route`, `key.rs` to `key`.
fn module(path: &Path) -> String {
    let name = name(path);
    let top = name.split('/').next().unwrap();
    top.trim_end_matches(".rs").to_owned()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// Code without comments: docs may speak of any module.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that a file reaches by `crate::...`, also in braces: `use crate::{body, key::Key}`.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["crate::", "heify_gateway::"] {
        for (place, _) in code.match_indices(root) {
            let rest = &code[place + root.len()..];
            if let Some(list) = rest.strip_prefix('{') {
                let end = list.find(';').unwrap_or(list.len());
                found.extend(list[..end].split([',', '{', '}']).map(first_word));
            } else {
                found.push(first_word(rest));
            }
        }
    }
    found
}

fn first_word(text: &str) -> String {
    let text = text.trim_start();
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn the_code_map_names_every_module_on_its_floor_once() {
    let page = include_str!("../docs/architecture.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | `"));
    let rows = rows.filter_map(|(floor, rest)| Some((floor.parse().ok()?, rest)));
    let mapped: Vec<(usize, Vec<&str>)> = rows
        .map(|(floor, rest)| {
            let modules = rest.split(" | ").next().unwrap();
            let mut modules: Vec<_> = modules.split('`').step_by(2).collect();
            modules.retain(|module| !module.is_empty());
            modules.sort_unstable();
            (floor, modules)
        })
        .collect();
    let drawn = FLOORS.iter().enumerate().rev().map(|(floor, modules)| {
        let mut modules = modules.to_vec();
        modules.sort_unstable();
        (floor, modules)
    });
    assert_eq!(mapped, drawn.collect::<Vec<_>>());
}

#[test]
fn every_module_stands_on_a_floor() {
    for path in sources("src") {
        let module = module(&path);
        assert!(module == "lib" || floor(&module).is_some(), "{module} has no floor");
    }
}

#[test]
fn a_module_imports_only_from_strictly_lower_floors() {
    let mut wrong = Vec::new();
    for path in sources("src") {
        let own = module(&path);
        let Some(own_floor) = floor(&own) else { continue };
        for import in imports(&code(&path)) {
            let below = floor(&import).is_none_or(|floor| floor < own_floor);
            if import != own && !below {
                wrong.push(format!("{} imports {import}", name(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_begins_with_the_question_it_answers_and_is_a_page_long() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        for path in sources(folder) {
            let text = fs::read_to_string(&path).unwrap();
            if !text.starts_with("//! ") {
                wrong.push(format!("{} does not begin with //!", path.display()));
            }
            let lines = text.lines().count();
            if lines > 400 {
                wrong.push(format!("{} has {lines} lines", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_stack_is_composed_in_one_place() {
    let composing: Vec<_> = sources("src")
        .into_iter()
        .filter(|path| code(path).contains("ServiceBuilder::new"))
        .map(|path| name(&path))
        .collect();
    assert_eq!(composing, ["stack.rs"]);
    let stack = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stack.rs"));
    assert_eq!(stack.matches("ServiceBuilder::new").count(), 1);
}

#[test]
fn every_layer_line_of_the_stack_gives_its_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stack.rs");
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let layers = lines.iter().enumerate().filter(|(_, line)| line.starts_with(".layer("));
    for (place, line) in layers {
        assert!(lines[place - 1].starts_with("// "), "no reason above {line}");
    }
}

#[test]
fn every_room_has_a_page_and_keeps_tower_out_of_its_rules() {
    for room in FLOORS[2] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
        let page = fs::read_to_string(folder.join("mod.rs")).unwrap();
        assert!(page.lines().next().unwrap().ends_with('?'), "{room} asks no question");
        for path in sources(&format!("src/{room}")) {
            // A tower part that is more than a screen is a folder.
            let thin = path.ends_with("layer.rs") || name(&path).contains("/layer/");
            assert!(thin || !code(&path).contains("tower::"), "{} knows tower", name(&path));
        }
    }
}

#[test]
fn no_endpoint_is_named_in_the_code() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/heify.openapi.yaml");
    let document = fs::read_to_string(document).unwrap();
    let endpoints: Vec<_> = document
        .lines()
        .filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':'))
        .filter(|path| path.contains('-') || *path == "submit")
        .collect();
    assert!(endpoints.len() >= 20, "found {endpoints:?}");
    let mut wrong = BTreeMap::new();
    for path in sources("src") {
        let name = name(&path);
        let code = code(&path);
        let code = code.split("#[cfg(test)]").next().unwrap();
        let tests = name.ends_with("tests.rs");
        if tests || MAY_NAME_ENDPOINTS.iter().any(|allowed| name.starts_with(allowed)) {
            continue;
        }
        let named: Vec<_> =
            endpoints.iter().filter(|endpoint| code.contains(&format!("/{endpoint}\""))).collect();
        if !named.is_empty() {
            wrong.insert(name, format!("{named:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_refusal_is_decided_without_a_catch_all() {
    for file in ["src/refusal/mod.rs", "src/refusal/retry.rs", "src/refusal/text.rs"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let rules = text.split("fn documented").next().unwrap();
        assert!(!rules.contains("_ =>"), "{file} has a catch-all arm");
    }
}
