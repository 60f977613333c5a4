//! Do the README and the pages in `docs/` still say what the code does?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use heify_gateway::refusal::{AudioFault, Refusal};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All pages that people read, by their paths.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<_> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].iter().map(PathBuf::from).collect();
    for folder in ["docs", "docs/decisions"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    pages
}

/// Every refusal, with the values that the README shows.
fn refusals() -> Vec<Refusal> {
    let retry_after = Duration::from_secs(1);
    let mut all = vec![
        Refusal::MissingField { field: "configuration_id".into() },
        Refusal::InvalidField {
            message: "custom_summary must be at most 300 characters long (it has 412).".into(),
        },
        Refusal::UnsupportedAudio { fault: AudioFault::Size },
        Refusal::InvalidJson { line: 1, column: 1 },
        Refusal::DuplicateField { field: "tag".into() },
        Refusal::TooDeep { limit: 64 },
        Refusal::BodyTooLarge { limit: 1 << 20 },
        Refusal::WrongKeyHeader { found: "Authorization" },
        Refusal::UnknownEndpoint { meant: None },
        Refusal::UnknownId { field: "configuration_id".into() },
        Refusal::SharedObject { field: "configuration_id".into() },
        Refusal::WrongMethod { expected: http::Method::POST },
        Refusal::RateLimited { scope: "/submit".into(), per_minute: 500, burst: 17, retry_after },
        Refusal::TooManyFailedKeys { retry_after },
        Refusal::AccountRateLimited { retry_after },
        Refusal::UpstreamPaused { retry_after },
        Refusal::QuotaExhausted { path: "/analytics".into(), limit: 30, retry_after },
        Refusal::AccountQuotaExhausted { retry_after },
        Refusal::CapReached { message: "Maximum of 20 configurations per client exceeded".into() },
    ];
    all.push(Refusal::UnsupportedAudio { fault: AudioFault::Format });
    all.extend([403, 400, 404, 503].map(|status| Refusal::StorageRefused { status }));
    all.extend([502, 400, 404].map(|status| Refusal::UpstreamError { status }));
    all.extend([
        Refusal::MissingLength,
        Refusal::UnknownUpload,
        Refusal::ExpiredUpload,
        Refusal::UsedUpload,
        Refusal::UploadInProgress,
        Refusal::StorageFailed,
        Refusal::EmptyBody,
        Refusal::NotUtf8,
        Refusal::EncodedBody,
        Refusal::BodyTooSlow,
        Refusal::BodyUnreadable,
        Refusal::BadHost,
        Refusal::MalformedHttp,
        Refusal::HeadTooLarge,
        Refusal::HeadTooSlow,
        Refusal::AccountMinutesExhausted,
        Refusal::MissingKey,
        Refusal::RepeatedKey,
        Refusal::UnknownKey,
        Refusal::MistypedKey,
        Refusal::ExpiredKey,
        Refusal::DisabledKey,
        Refusal::DisabledTenant,
        Refusal::EndpointNotAllowed,
        Refusal::RecordsUnavailable,
        Refusal::MinutesExhausted,
        Refusal::AccountCapReached,
        Refusal::UnreadableList,
        Refusal::TenantBytesExhausted,
        Refusal::Overloaded,
        Refusal::UpstreamUnreachable,
        Refusal::UpstreamConnectTimeout,
        Refusal::UpstreamTimeout,
        Refusal::UpstreamBroken,
        Refusal::DeadlineExceeded,
        Refusal::OutcomeUnknown,
        Refusal::UpstreamKeyRejected,
        Refusal::Panicked,
        Refusal::Misassembled,
    ]);
    all
}

/// The reason codes as they stand in the source: a new one cannot be forgotten in [`refusals`].
fn reasons_in_the_source() -> BTreeSet<String> {
    let source = read("src/refusal/mod.rs");
    let function = source.split_once("pub fn reason(").unwrap().1;
    let function = function.split_once("\n    }\n").unwrap().0;
    let codes = function.lines().filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","));
    codes.map(str::to_owned).collect()
}

/// The rows of the table: status, text, reason, retry.
fn rows(readme: &str) -> Vec<[String; 4]> {
    let table = readme.split_once("\n## Refusals\n").unwrap().1;
    let table = table.split_once("\n## ").unwrap().0;
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = rows.skip(1).map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [status, text, reason, retry, what_to_do] = cells[..] else { panic!("{row}") };
        assert!(!what_to_do.is_empty(), "{row}");
        [status, text, reason.trim_matches('`'), retry].map(str::to_owned)
    });
    cells.collect()
}

/// The row that the code asks for.
fn row(reason: &str, all: &[Refusal]) -> [String; 4] {
    let same: Vec<_> = all.iter().filter(|refusal| refusal.reason() == reason).collect();
    let statuses: BTreeSet<_> =
        same.iter().map(|refusal| refusal.status().as_str().to_owned()).collect();
    let retries: BTreeSet<_> = same.iter().map(|one| one.retry_after().is_some()).collect();
    let retry = match (retries.contains(&true), retries.contains(&false)) {
        (true, true) => "on 500",
        (true, false) => "yes",
        (false, _) => "no",
    };
    let statuses: Vec<_> = statuses.into_iter().collect();
    [statuses.join(" "), same[0].message().into_owned(), reason.to_owned(), retry.to_owned()]
}

#[test]
fn the_table_of_refusals_is_that_of_the_code() {
    let all = refusals();
    let known: BTreeSet<_> = all.iter().map(|refusal| refusal.reason().to_owned()).collect();
    assert_eq!(known, reasons_in_the_source(), "complete `refusals` in this file");

    let rows = rows(&read("README.md"));
    let listed: Vec<_> = rows.iter().map(|[_, _, reason, _]| reason.clone()).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), known);
    assert_eq!(listed.len(), known.len(), "a reason stands in the table twice");
    for found in rows {
        assert_eq!(found, row(&found[2], &all));
    }
}

#[test]
fn every_reason_has_its_line_for_operators() {
    let page = read("docs/troubleshooting.md");
    let reasons = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let mut listed: Vec<_> = reasons.map(|(reason, _)| reason.to_owned()).collect();
    // The tables of symptoms begin with messages, which have spaces.
    listed.retain(|reason| !reason.contains([' ', '/']));
    let count = listed.len();
    let listed: BTreeSet<_> = listed.into_iter().collect();
    assert_eq!(listed, reasons_in_the_source());
    assert_eq!(listed.len(), count, "a reason has two lines");
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = read(&page);
        for (place, _) in text.match_indices("](") {
            let target = text[place + 2..].split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            let outside = target.contains("://") || file.is_empty();
            if !outside && !root().join(page.parent().unwrap()).join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The anchors of a page's headings, as they are made where Markdown is shown.
fn anchors(page: &str) -> BTreeSet<String> {
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let outside = page.split("\n```").step_by(2).flat_map(str::lines);
    let headings = outside.filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

#[test]
fn every_link_to_a_heading_leads_to_one() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = read(&page);
        for (place, _) in text.match_indices("](") {
            let target = text[place + 2..].split(')').next().unwrap();
            let Some((file, anchor)) = target.split_once('#') else { continue };
            let outside = target.contains("://");
            let of = match file.is_empty() {
                true => page.clone(),
                false => page.parent().unwrap().join(file),
            };
            if !outside && !anchors(&read(of)).contains(anchor) {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Two rows that answer one question are what a merge leaves behind. (Refusals share statuses: they
/// have a test of their own.)
#[test]
fn no_table_answers_a_question_twice() {
    let mut twice = Vec::new();
    // The library's front page has one, too.
    for page in pages().into_iter().chain(["src/lib.rs".into()]) {
        let (mut known, text) = (BTreeSet::new(), read(&page));
        for line in text.lines().map(|line| line.trim_start_matches("//! ")) {
            let Some(first) = line.strip_prefix("| ").and_then(|row| row.split(" | ").next())
            else {
                known.clear();
                continue;
            };
            let is_status =
                first.starts_with(|c: char| c.is_ascii_digit()) && page.ends_with("README.md");
            if !is_status && !known.insert(first.to_owned()) {
                twice.push(format!("{}: {first}", page.display()));
            }
        }
    }
    assert!(twice.is_empty(), "{twice:#?}");
}

/// A page names a test as `path/to/file.rs::name`, and a file as `path/to/file.rs`.
#[test]
fn every_file_and_test_that_a_page_names_exists() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = read(&page);
        for name in text.split('`').skip(1).step_by(2) {
            let (file, test) = name.split_once("::").unwrap_or((name, ""));
            let ours = ["src/", "tests/", "docs/", "config/", "deploy/", "benches/", "examples/"];
            if !ours.iter().any(|folder| file.starts_with(folder)) {
                continue;
            }
            let path = root().join(file);
            let found = fs::read_to_string(&path).unwrap_or_default();
            if !path.exists() || !test.is_empty() && !found.contains(&format!("fn {test}(")) {
                wrong.push(format!("{}: {name}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_decision_stands_in_the_index() {
    let index = read("docs/decisions/README.md");
    for page in pages() {
        let name = page.file_name().unwrap().to_str().unwrap();
        if page.starts_with("docs/decisions") && name != "README.md" {
            assert!(index.contains(&format!("]({name})")), "{name} is not in the index");
        }
    }
}

#[test]
fn the_table_of_the_access_log_is_that_of_the_code() {
    let page = read("docs/log.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), heify_gateway::log::FIELDS);
}

/// What a page shows as a whole configuration, with files that could be there.
#[cfg(all(feature = "config", feature = "tls"))]
fn first_configuration(page: &str) -> heify_gateway::config::Settings {
    use heify_gateway::config::{Sources, load};

    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let page = read(page);
    let file = page.split_once("\n```toml\n").unwrap().1.split_once("\n```\n").unwrap().0;
    let read_file = |path: &Path| {
        Ok(match path.to_str().unwrap() {
            "gateway.toml" => file.as_bytes().to_vec(),
            "tls.crt" => certificate.cert.pem().into_bytes(),
            "tls.key" => certificate.signing_key.serialize_pem().into_bytes(),
            other => format!("the-secret-of-{other}\n").into_bytes(),
        })
    };
    let nothing: [(&str, &str); 0] = [];
    let mut sources = Sources::new(Some("gateway.toml".into()), nothing);
    sources.read_file = &read_file;
    load(&sources).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[cfg(all(feature = "config", feature = "tls"))]
#[test]
fn the_pages_configurations_are_valid_and_without_a_warning() {
    for (page, tenants) in
        [("README.md", vec!["support", "research"]), ("docs/operations.md", vec!["support"])]
    {
        let settings = first_configuration(page);
        assert!(settings.warnings.is_empty(), "{page}: {:?}", settings.warnings);
        let found: Vec<_> =
            settings.authenticate.tenants.iter().map(|tenant| &*tenant.id).collect();
        assert_eq!(found, tenants, "{page}");
    }
}

/// Both are made by the program itself.
#[cfg(feature = "config")]
#[test]
fn the_reference_and_the_schema_are_those_of_the_reader() {
    use heify_gateway::config::{reference, schema};

    let again = "is behind: `heify-gateway config";
    assert!(
        read("docs/configuration.md") == reference(),
        "{again} reference > docs/configuration.md`"
    );
    let schema = format!("{:#}\n", schema());
    let file = "config/gateway.schema.json";
    assert!(read(file) == schema, "{again} schema > {file}`");
}

#[test]
fn what_is_deployed_is_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let (mut found, mut folders) = (0, vec![root().join("deploy")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = read(&path);
            let names = ["heify-gateway:", "appVersion: \"", "image.version=\""];
            for rest in names.iter().flat_map(|name| text.split(name).skip(1)) {
                if rest.starts_with(|first: char| first.is_ascii_digit()) {
                    assert!(rest.starts_with(version), "{}: {rest:.20}", path.display());
                    found += 1;
                }
            }
        }
    }
    assert!(found > 3, "found no versions");
}
