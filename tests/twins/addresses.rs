//! Is an address of audio refused by the gateway as by the upstream itself?

use std::time::Duration;

use serde_json::json;

use crate::world::{Shared, apart, direct};

#[tokio::test]
async fn both_worlds_refuse_and_take_the_same_addresses() {
    let shared = Shared::start(Duration::ZERO, |_| {}).await;
    let apart = apart(Duration::ZERO).await;
    let create = ("/create-configuration", r#"{"tag":"x"}"#);
    let ids = [
        shared.call(0, create.0, create.1).await.json()["data"]["configuration_id"].clone(),
        direct(&apart, 0, create.0, create.1).await.json()["data"]["configuration_id"].clone(),
    ];
    for (url, status) in [
        ("https://a.example/b.mp3", 201),
        ("https://a.example/b.M4A?x=.txt", 201),
        ("http://a.example/b", 201),
        ("https://a.example/b.php", 201),
        ("https://a.example/b.txt/", 201),
        ("https://a.example/b.pdf", 400),
        ("https://a.example/b.mp3.TXT?x=.mp3", 400),
        ("https://a.example/b.tar.gz", 400),
        ("https://a.example/b.jpeg", 400),
        ("ftp://a.example/b.mp3", 400),
        ("b.mp3", 400),
    ] {
        let body = |id| json!({ "configuration_id": id, "url": url }).to_string();
        let by_gateway = shared.call(0, "/submit", &body(&ids[0])).await;
        let by_upstream = direct(&apart, 0, "/submit", &body(&ids[1])).await;
        assert_eq!((by_gateway.status, by_upstream.status), (status, status), "{url}");
        if url.contains("a.example/b.") && status == 400 && !url.starts_with("ftp") {
            assert_eq!(by_gateway.json(), by_upstream.json(), "{url}");
        }
    }
    shared.assert_clean();
}
