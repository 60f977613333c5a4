//! What if a tenant means harm, or the upstream does what it should not?

use bytes::Bytes;
use heify_gateway::isolate;
use heify_gateway::records::{Memory, Meter, Moment, Payer, Records};
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::gateway::{Answer, Gateway, add_tenant, settings};
use crate::support::upstream::{Act, Upstream};
use crate::world::KEYS;

/// A gateway in front of an upstream that says what it is told to.
struct Scripted {
    gateway: Gateway,
    upstream: Upstream,
    records: Records,
}

impl Scripted {
    async fn start() -> Self {
        let upstream = Upstream::start([]).await;
        let mut settings = settings(upstream.address);
        add_tenant(&mut settings, "team-b", KEYS[1]);
        settings.isolate = Some(isolate::Settings::default());
        let records = Records::start(Box::new(Memory::default()), None).unwrap();
        let gateway = Gateway::start_recorded(settings, &records).await;
        Self { gateway, upstream, records }
    }

    async fn call(&self, tenant: usize, path: &str, body: &Value) -> Answer {
        self.gateway.post(path, &[("x-api-key", KEYS[tenant])], &body.to_string()).await
    }

    /// A call that gets this answer from the upstream.
    async fn told(&self, tenant: usize, path: &str, body: Value, answer: Value) -> Answer {
        self.upstream.then(Act::json(200, &answer.to_string()));
        self.call(tenant, path, &body).await
    }

    async fn configuration(&self, tenant: usize, id: Uuid) -> Answer {
        let answer = json!({ "data": { "configuration_id": id } });
        self.told(tenant, "/create-configuration", json!({ "tag": "x" }), answer).await
    }

    async fn participant(&self, tenant: usize, id: Uuid) {
        let answer = json!({ "data": { "participant": { "participant_id": id } } });
        let made = self.told(tenant, "/create-participant", json!({ "tag": "x" }), answer).await;
        assert_eq!(made.status, 200, "{made:?}");
    }

    /// A call that must not reach the upstream.
    async fn assert_unknown(&self, tenant: usize, path: &str, body: &Value) {
        let asked = self.upstream.requests().len();
        self.call(tenant, path, body).await.assert_refused(404, "unknown_id");
        assert_eq!(self.upstream.requests().len(), asked, "{path} {body} was forwarded");
    }
}

fn own() -> Uuid {
    Uuid::from_u128(0xa11_0000_0000_0000_0000_0000_0001)
}

fn foreign() -> Uuid {
    Uuid::from_u128(0xbad_0000_0000_0000_0000_0000_0002)
}

/// Team A has a configuration and team B has one.
async fn two() -> Scripted {
    let scripted = Scripted::start().await;
    assert_eq!(scripted.configuration(0, own()).await.status, 200);
    assert_eq!(scripted.configuration(1, foreign()).await.status, 200);
    scripted
}

#[tokio::test]
async fn another_tenants_id_is_found_however_it_is_hidden() {
    let scripted = two().await;
    let (id, list) = (foreign().to_string(), format!("{},{}", own(), foreign()));
    for hidden in [
        json!({ "ids": [own(), id] }),
        json!({ "filter": { "by": { id.clone(): true } } }),
        json!({ "filter": id.to_uppercase() }),
        json!({ "filter": format!("{{{id}}}") }),
        json!({ "filter": format!("urn:uuid:{id}") }),
        json!({ "filter": format!("{{urn:uuid:{id}}}") }),
        json!({ "filter": id.replace('-', "") }),
        json!({ "filter": format!(" {id}\t\n") }),
        json!({ "filter": format!("{id}{}", "-".repeat(300)) }),
        json!({ "filter": list }),
        json!({ "filter": list.replace(',', " | ") }),
        json!({ "filter": json!([own(), id]).to_string() }),
    ] {
        let mut body = json!({ "configuration_id": own(), "url": "https://example.org/a.mp3" });
        for (name, value) in hidden.as_object().unwrap() {
            body[name] = value.clone();
        }
        for path in ["/submit", "/get-configuration", "/update-configuration", "/analytics"] {
            scripted.assert_unknown(0, path, &body).await;
        }
        scripted.assert_unknown(0, "/list-configurations", &hidden).await;
    }
    let escaped: String = id.chars().map(|one| format!("\\u{:04x}", u32::from(one))).collect();
    for body in [
        format!(r#"{{"configuration_id":"{escaped}"}}"#),
        format!(r#"{{"configuration_id":"{}","{escaped}":1}}"#, own()),
        format!(r#"{{"configuration_id":"{}","x":"{escaped}"}}"#, own()),
    ] {
        let fields = [("x-api-key", KEYS[0])];
        let refused = scripted.gateway.post("/get-configuration", &fields, &body).await;
        refused.assert_refused(404, "unknown_id");
    }
}

#[tokio::test]
async fn another_tenants_id_is_found_in_a_query_however_it_is_written() {
    let scripted = two().await;
    let id = foreign().to_string();
    for query in [
        format!("id={id}"),
        format!("ids={},{id}", own()),
        format!("filter=%7B%22id%22%3A%22{id}%22%7D"),
        format!("filter=id:{id}"),
        format!("id={}", id.replace('-', "%2D").to_uppercase()),
    ] {
        let asked = scripted.upstream.requests().len();
        let path = format!("/list-configurations?{query}");
        scripted.call(0, &path, &json!({})).await.assert_refused(404, "unknown_id");
        assert_eq!(scripted.upstream.requests().len(), asked, "{query} was forwarded");
    }
}

#[tokio::test]
async fn nothing_about_a_tenant_in_a_header_or_a_body_changes_who_it_is() {
    let scripted = two().await;
    let body = json!({ "configuration_id": foreign(), "tenant": "team-b", "client_id": "team-b" });
    let id = foreign().to_string();
    let names = [
        "x-tenant",
        "x-tenant-id",
        "x-gateway-tenant",
        "x-client-id",
        "x-account-id",
        "x-user-id",
        "x-configuration-id",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-forwarded-for",
        "forwarded",
        "cookie",
        "if-none-match",
        "if-modified-since",
        "range",
    ];
    for name in names {
        for value in ["team-b", &id, "/get-configuration"] {
            let fields = [("x-api-key", KEYS[0]), (name, value)];
            let refused =
                scripted.gateway.post("/get-configuration", &fields, &body.to_string()).await;
            refused.assert_refused(404, "unknown_id");
            let fields = [("x-api-key", KEYS[0]), (name, value)];
            let own = json!({ "configuration_id": own() }).to_string();
            let answer = scripted.gateway.post("/get-configuration", &fields, &own).await;
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
            let asked = scripted.upstream.requests().pop().unwrap().to_lowercase();
            assert!(!asked.contains(&format!("\r\n{name}:")), "{asked}");
        }
    }
}

#[tokio::test]
async fn two_tenants_on_one_connection_stay_two() {
    let scripted = two().await;
    let ask = |tenant: usize, id: Uuid, last: bool| {
        let body = json!({ "configuration_id": id }).to_string();
        format!(
            "POST /get-configuration HTTP/1.1\r\nhost: g\r\nx-api-key: {}\r\n{}content-length: {}\r\n\r\n{body}",
            KEYS[tenant],
            if last { "connection: close\r\n" } else { "" },
            body.len()
        )
    };
    let asks = [(0, own()), (1, own()), (1, foreign()), (0, foreign()), (0, own()), (1, foreign())];
    let all: String = asks.iter().enumerate().map(|(n, (t, id))| ask(*t, *id, n == 5)).collect();
    let answer = scripted.gateway.raw(all.as_bytes()).await;
    // The first head is taken off; the others stand in what follows.
    let whole = format!("HTTP/1.1 {} \r\n{}", answer.status, answer.body);
    let starts = whole.match_indices("HTTP/1.1 ").map(|(at, _)| &whole[at + 9..at + 12]);
    assert_eq!(starts.collect::<Vec<_>>(), ["200", "404", "200", "404", "200", "200"], "{whole}");
}

#[tokio::test]
async fn two_tenants_on_one_http2_connection_stay_two() {
    let scripted = two().await;
    let stream = TokioIo::new(TcpStream::connect(scripted.gateway.address).await.unwrap());
    let (sender, driver) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(driver);
    let asks = [(0, own()), (1, own()), (1, foreign()), (0, foreign())];
    // All streams at once, several times: nothing of a request may stick to its connection.
    let calls = asks.into_iter().cycle().take(40).map(|(tenant, id)| {
        let body = Bytes::from(json!({ "configuration_id": id }).to_string());
        let request = Request::post("http://g/get-configuration").header("x-api-key", KEYS[tenant]);
        let mut sender = sender.clone();
        async move {
            let answer = sender.send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
            answer.status().as_u16()
        }
    });
    let statuses = futures_util::future::join_all(calls).await;
    let expected = [200, 404, 200, 404];
    assert!(statuses.iter().zip(expected.iter().cycle()).all(|(one, other)| one == other));
}

#[tokio::test]
async fn the_same_idempotency_key_of_two_tenants_is_two_for_the_upstream() {
    let scripted = Scripted::start().await;
    for tenant in [0, 1, 0] {
        let fields = [("x-api-key", KEYS[tenant]), ("idempotency-key", "order-17")];
        scripted.gateway.post("/list-configurations", &fields, "{}").await;
    }
    let key = |request: &String| {
        let mut lines = request.lines();
        lines.find(|line| line.to_lowercase().starts_with("idempotency-key:")).unwrap().to_owned()
    };
    let keys: Vec<String> = scripted.upstream.requests().iter().map(key).collect();
    assert_eq!(keys[0], keys[2]);
    assert_ne!(keys[0], keys[1]);
    assert!(keys.iter().all(|key| !key.contains("team-")), "{keys:?}");
}

#[tokio::test]
async fn an_answer_to_a_creation_that_names_anothers_object_is_withheld() {
    let scripted = two().await;
    let withheld = scripted.configuration(0, foreign()).await;
    withheld.assert_refused(500, "outcome_unknown");
    assert!(!withheld.body.contains(&foreign().to_string()));
    let body = json!({ "configuration_id": foreign() });
    scripted.assert_unknown(0, "/get-configuration", &body).await;
    assert_eq!(scripted.call(1, "/get-configuration", &body).await.status, 200);
    // An upload to another's job must not become possible either.
    let job = Uuid::from_u128(77);
    let url = json!({ "data": { "transcription_id": job, "upload_url": "https://s.example/up" } });
    let ask = |id: Uuid| json!({ "configuration_id": id });
    let first = scripted.told(1, "/request-upload-url", ask(foreign()), url.clone()).await;
    assert_eq!(first.status, 200, "{first:?}");
    let second = scripted.told(0, "/request-upload-url", ask(own()), url).await;
    second.assert_refused(500, "outcome_unknown");
    // Its own id, said once more, is nothing to withhold.
    assert_eq!(scripted.configuration(0, own()).await.status, 200);
    let meter = Meter::Objects("configuration".into());
    let payer = Payer::Tenant("team-a".into());
    let balance = scripted.records.read(move |store| store.balance(&payer, &meter, Moment(0)));
    assert_eq!(balance.await.unwrap().used, 1);
}

#[tokio::test]
async fn what_others_have_does_not_show_in_a_lists_header_fields() {
    let scripted = two().await;
    let fields = "content-type: application/json\r\nx-total-count: 2\r\nlink: <?page=2>\r\n\
        etag: \"7\"\r\nx-amzn-remapped-content-length: 900\r\ncontent-range: items 0-1/2\r\n\
        last-modified: Mon, 02 Nov 2026 10:00:00 GMT\r\nx-amzn-requestid: r\r\n";
    let mut seen = Vec::new();
    for items in [
        json!([{ "configuration_id": own() }]),
        json!([
            { "configuration_id": own() }, { "configuration_id": foreign() }
        ]),
    ] {
        let body = json!({ "data": items }).to_string();
        let head = format!("HTTP/1.1 200 OK\r\n{fields}content-length: {}\r\n\r\n", body.len());
        scripted.upstream.then(Act::Write(format!("{head}{body}").into_bytes()));
        let answer = scripted.call(0, "/list-configurations", &json!({})).await;
        let told = answer.headers.iter().map(|(name, _)| name.clone());
        seen.push((told.collect::<Vec<_>>(), answer.body));
    }
    assert_eq!(seen[0], seen[1]);
    for name in [
        "x-total-count",
        "link",
        "etag",
        "x-amzn-remapped-content-length",
        "content-range",
        "last-modified",
    ] {
        assert!(!seen[0].0.contains(&name.to_owned()), "{name}");
    }
    assert!(seen[0].0.contains(&"x-amzn-requestid".to_owned()));
}

#[tokio::test]
async fn an_empty_list_looks_the_same_whether_something_was_cut_or_nothing_was_there() {
    let scripted = Scripted::start().await;
    assert_eq!(scripted.configuration(1, foreign()).await.status, 200);
    let item = json!({ "configuration_id": foreign() });
    let mut bodies = Vec::new();
    for list in [
        "{ \"data\": [] }".to_owned(),
        format!("{{ \"data\": [{item}] }}"),
        format!("{{ \"data\": [\n  {item},\n  {item}\n] }}"),
    ] {
        scripted.upstream.then(Act::json(200, &list));
        bodies.push(scripted.call(0, "/list-configurations", &json!({})).await.body);
    }
    assert_eq!((&bodies[1], &bodies[2]), (&bodies[0], &bodies[0]));
}

#[tokio::test]
async fn what_is_anothers_within_an_own_item_goes_or_the_list_is_withheld() {
    let scripted = two().await;
    let (mine, theirs) = (Uuid::from_u128(31), Uuid::from_u128(32));
    scripted.participant(0, mine).await;
    scripted.participant(1, theirs).await;
    let listed = async |item: Value| {
        let mut item = item;
        item["configuration_id"] = own().to_string().into();
        let list = json!({ "data": { "configurations": [item], "count": 1 } });
        scripted.told(0, "/list-configurations", json!({}), list).await
    };
    let person = |id: Uuid| json!({ "participant_id": id, "tag": "Ana" });
    let answer = listed(json!({
        "people": [person(mine), person(theirs)], "number": 2, "ids": [mine, theirs, "x"],
        "all": [own(), foreign()],
    }))
    .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let item = &answer.json()["data"]["configurations"][0];
    assert_eq!(item["people"], json!([person(mine)]));
    assert_eq!(item["ids"], json!([mine, "x"]));
    assert_eq!((&item["number"], &item["all"]), (&json!(1), &json!([own()])));
    let withheld = listed(json!({ "last": person(theirs) })).await;
    withheld.assert_refused(500, "unreadable_list");
    let fine = listed(json!({ "last": person(mine), "first": person(Uuid::from_u128(99)) })).await;
    assert_eq!(fine.status, 200, "{fine:?}");
}
