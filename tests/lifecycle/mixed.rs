//! Does every call pass, and each see one configuration, while configurations change under load?

use std::sync::Arc;

use serde_json::json;

use crate::load::{Judge, Load, plain};
use crate::world::{Heify, World};

const REFUSED: &str = "/get-participant";
const PASSED: &str = "/list-participants";
const CHANGES: usize = 20;

/// The limit in the header fields, and whom to contact: both at once tell the configuration.
fn refused() -> Judge {
    Arc::new(|answer| {
        let hint = answer.field("x-gateway-hint").unwrap_or_default();
        match (answer.status, answer.field("x-ratelimit-limit")) {
            (500, Some("700001")) if hint.contains("one@example.org") => Ok("one".to_owned()),
            (500, Some("700002")) if hint.contains("two@example.org") => Ok("two".to_owned()),
            _ => Err(format!("{answer:?}")),
        }
    })
}

/// The limit, and whose answer it is.
fn passed() -> Judge {
    Arc::new(|answer| match (answer.status, answer.field("x-ratelimit-limit")) {
        (418, Some("800001")) if answer.body.contains("from-one") => Ok("one".to_owned()),
        (418, Some("800002")) if answer.body.contains("from-two") => Ok("two".to_owned()),
        _ => Err(format!("{answer:?}")),
    })
}

#[test]
fn no_call_fails_and_none_sees_two_configurations() {
    let (world, other) = (World::new(), Heify::start());
    for (heify, name) in [(&world.heify, "from-one"), (&other, "from-two")] {
        // A key that is rejected is told with whom to contact.
        heify.fault(REFUSED, u32::MAX, &json!({ "kind": "status", "status": 403 }));
        let body = json!({ "error": { "message": name, "code": 418 } });
        let fault = json!({ "kind": "status", "status": 418, "body": body });
        heify.fault(PASSED, u32::MAX, &fault);
    }
    let rates = |number: usize| {
        let rate = |path: &str, base: usize| {
            format!("\"{path}\" = {{ per_minute = {}, burst = 100000 }}", base + number)
        };
        format!("rate = {{ {}, {} }}", rate(REFUSED, 700_000), rate(PASSED, 800_000))
    };
    let written = "rate = { \"/list-participants\" = { per_minute = 1000000, burst = 100000 } }";
    let texts = [
        world.text(&[(written, &rates(1))]),
        world.text(&[
            (written, &rates(2)),
            ("one@example.org", "two@example.org"),
            (world.heify.url.as_str(), other.url.as_str()),
        ]),
    ];
    world.write(&texts[0]);
    let served = world.serve();
    let connect = plain(&served.listen);
    let loads = [
        Load::start(4, REFUSED, &connect, &refused()),
        Load::start(4, PASSED, &connect, &passed()),
    ];
    for change in 1..=CHANGES {
        world.write(&texts[change % 2]);
        served.running.signal("HUP");
        served.running.line_with("configuration reloaded");
        loads.iter().for_each(|load| load.progress(8));
    }
    for report in loads.map(Load::end) {
        assert!(report.failures.is_empty(), "{:#?}", report.failures);
        assert_eq!(report.again, 0, "no connection was closed");
        let counts: Vec<_> = report.answers.values().collect();
        assert!(report.answers.len() == 2 && counts.iter().all(|count| **count > 40), "{report:?}");
    }
}
