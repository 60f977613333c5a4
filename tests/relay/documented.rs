//! Does Heify's documented two-step upload work, with and without the relay?

use heify_gateway::records::{Memory, Records};
use heify_gateway::secret::Secret;
use heify_gateway::simulator::{Rates, Settings, Simulator, start};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::gateway::{Answer, Gateway, post, read, settings};
use crate::support::{CENTRAL, KEY};
use crate::world::{PUBLIC, relay, wav};

const TOKEN: &str = "simulator-token";

async fn simulator() -> Simulator {
    let mut settings = Settings::with_key(Secret::new(CENTRAL));
    settings.processing = Duration::ZERO;
    settings.token = Some(Secret::new(TOKEN));
    settings.accounts[0].rates = Rates::Off;
    start(settings).await.unwrap()
}

async fn put(address: SocketAddr, path: &str, configuration: &str, file: &[u8]) -> Answer {
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: audio/wav\r\n\
         x-amz-meta-configuration_id: {configuration}\r\nx-amz-meta-name: reunin.wav\r\n\
         content-length: {}\r\n\r\n",
        file.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[head.as_bytes(), file].concat()).await.unwrap();
    read(&mut stream).await
}

/// Both steps; the address, storage's answer, and what became of the job.
async fn upload(address: SocketAddr, key: &str, origin: &str) -> (Value, Answer, Value) {
    let fields = [("x-api-key", key)];
    let made = post(address, "/create-configuration", &fields, r#"{"tag":"t"}"#).await;
    let id = made.json()["data"]["configuration_id"].as_str().unwrap().to_owned();
    let ask = json!({ "configuration_id": id, "name": "reunión.wav" }).to_string();
    let mut told = post(address, "/request-upload-url", &fields, &ask).await.json();
    let url = told["data"]["upload_url"].take().as_str().unwrap().to_owned();
    let path = url.strip_prefix(origin).unwrap();
    let answer = put(address, path, &id, &wav(90)).await;
    let job = json!({ "transcription_id": told["data"]["transcription_id"] }).to_string();
    let job = post(address, "/get-transcription", &fields, &job).await.json();
    (told, answer, job)
}

#[tokio::test]
async fn the_two_steps_are_the_same_with_and_without_the_gateway() {
    let simulator = simulator().await;
    let direct = upload(simulator.address(), CENTRAL, &simulator.url()).await;
    let mut settings = settings(simulator.address());
    settings.relay = Some(relay(&simulator.url()));
    let records = Records::start(Box::new(Memory::default()), None).unwrap();
    let gateway = Gateway::start_recorded(settings, &records).await;
    let relayed = upload(gateway.address, KEY, PUBLIC).await;
    for (told, answer, job) in [&direct, &relayed] {
        assert_eq!(told["data"]["name"], "reunin.wav");
        assert_eq!((answer.status, &*answer.body), (200, ""), "{answer:?}");
        assert_eq!(answer.header("content-length"), Some("0"));
        assert_eq!(job["data"]["status"], "COMPLETED", "{job}");
        assert_eq!(job["data"]["duration"], 90.0);
    }
    // The tag is a digest of what storage has got.
    assert!(direct.1.header("etag").is_some());
    assert_eq!(direct.1.header("etag"), relayed.1.header("etag"));
    let members =
        |told: &Value| told["data"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&direct.0), members(&relayed.0));
    // At storage, the one request has no more than the other.
    let fields = [("x-simulator-token", TOKEN)];
    let path = "GET /_simulator/requests HTTP/1.1\r\nhost: s\r\nconnection: close\r\n";
    let [(name, value)] = fields;
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    stream.write_all(format!("{path}{name}: {value}\r\n\r\n").as_bytes()).await.unwrap();
    let requests = read(&mut stream).await.json();
    let puts = requests["requests"].as_array().unwrap().iter().filter(|one| one["method"] == "PUT");
    let puts: Vec<_> = puts.collect();
    assert_eq!(puts.len(), 2);
    assert_eq!(puts[0]["body_bytes"], puts[1]["body_bytes"]);
    let names = |put: &Value| {
        let fields = put["headers"].as_array().unwrap().iter();
        let mut names: Vec<_> = fields.map(|field| field[0].as_str().unwrap().to_owned()).collect();
        names.retain(|name| name != "connection");
        names.sort();
        names
    };
    assert_eq!(names(puts[0]), names(puts[1]));
}

#[tokio::test]
async fn a_client_that_speaks_http_2_uploads_too() {
    let simulator = simulator().await;
    let mut settings = settings(simulator.address());
    settings.relay = Some(relay(&simulator.url()));
    let records = Records::start(Box::new(Memory::default()), None).unwrap();
    let gateway = Gateway::start_recorded(settings, &records).await;
    let fields = [("x-api-key", KEY)];
    let made = post(gateway.address, "/create-configuration", &fields, r#"{"tag":"t"}"#).await;
    let id = made.json()["data"]["configuration_id"].as_str().unwrap().to_owned();
    let ask = json!({ "configuration_id": id }).to_string();
    let told = post(gateway.address, "/request-upload-url", &fields, &ask).await.json();
    let url = told["data"]["upload_url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(PUBLIC).unwrap();
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::put(format!("http://{}{path}", gateway.address))
        .header("x-amz-meta-configuration_id", id)
        .header("content-length", wav(200).len())
        .body(http_body_util::Full::new(bytes::Bytes::from(wav(200))))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200, "{answer:?}");
}
