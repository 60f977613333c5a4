//! Are the files of the dashboard all there, and can no data become markup?

use std::fs;
use std::path::Path;

use super::*;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/dashboard/page")
}

/// Our own scripts and styles, by name.
fn own() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file()).map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    files.collect()
}

#[test]
fn every_file_of_the_page_is_served() {
    let mut served: Vec<_> = FILES.iter().map(|file| file.content).collect();
    for (name, content) in own() {
        let place = served.iter().position(|served| *served == content);
        served.remove(place.unwrap_or_else(|| panic!("{name} is not served")));
    }
    assert_eq!(served.len(), 3, "those of uPlot");
}

#[test]
fn whatever_a_file_loads_is_served() {
    let all: Vec<_> = FILES.iter().map(|file| file.path).collect();
    let mut loaded = 0;
    for (name, content) in own() {
        for quoted in content.split('"') {
            let path = quoted.replace("./", "/dashboard/");
            let is_file = path.starts_with("/dashboard/") || quoted.starts_with("./");
            if is_file {
                loaded += 1;
                assert!(all.contains(&path.as_str()), "{name} loads {quoted}");
            }
            let elsewhere = quoted.contains("http") && !quoted.contains("www.w3.org/2000/svg");
            assert!(!elsewhere, "{name} speaks of {quoted}");
        }
    }
    assert!(loaded > 30, "{loaded}");
}

#[test]
fn no_script_writes_markup_and_each_is_a_page_long() {
    for (name, content) in own() {
        for writes in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
        {
            assert!(!content.contains(writes), "{name} uses {writes}");
        }
        assert!(content.lines().count() <= 400, "{name} is too long");
        if name.ends_with(".js") {
            let first = content.lines().next().unwrap();
            assert!(first.starts_with("// ") && first.contains('?'), "{name} asks no question");
        }
    }
}

#[test]
fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let file = &FILES[0];
    let tag = tag(file.content);
    let fresh = served(file, &tag, &HeaderMap::new());
    assert_eq!(fresh.status(), StatusCode::OK);
    assert_eq!(fresh.headers()[CONTENT_TYPE], HTML);
    assert_eq!(fresh.headers()[ETAG], tag);
    let asks = |known: &str| {
        let mut asked = HeaderMap::new();
        asked.insert(IF_NONE_MATCH, HeaderValue::try_from(known).unwrap());
        served(file, &tag, &asked)
    };
    let again = asks(tag.to_str().unwrap());
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()[CONTENT_SECURITY_POLICY], POLICY);
    assert_eq!(asks("\"of-another-version\"").status(), StatusCode::OK);
}
