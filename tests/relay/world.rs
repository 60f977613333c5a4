//! A gateway with a relay, in front of a scripted API and a scripted storage.

use std::time::Duration;

use heify_gateway::quota::MinutesBudget;
use heify_gateway::records::{
    AudioMillis, Calendar, Memory, Meter, Moment, Payer, Records, Store, ledger,
};
use heify_gateway::relay::{self, Host};
use heify_gateway::stack::Settings;
use serde_json::json;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::storage::{SIGNATURE, Storage};
use crate::support::KEY;
use crate::support::gateway::{Answer, Gateway, read, settings};
use crate::support::upstream::{Act, Upstream};
use tokio::io::AsyncWriteExt;

/// Where clients think that the gateway is.
pub const PUBLIC: &str = "https://gateway.example";
/// What a tenant has, in milliseconds; an upload reserves ten minutes of it at first.
pub const MONTHLY: i64 = 900_000;
const ESTIMATE: i64 = 600_000;

pub struct World {
    pub gateway: Gateway,
    pub upstream: Upstream,
    pub storage: Storage,
    pub records: Records,
}

/// The relay in front of a storage.
pub fn relay(storage: &str) -> relay::Settings {
    relay::Settings {
        hosts: vec![Host::parse(storage).unwrap()],
        ..relay::Settings::new(PUBLIC.to_owned())
    }
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let (upstream, storage) = (Upstream::start([]).await, Storage::start([]).await);
        let mut settings = settings(upstream.address);
        settings.relay = Some(relay(&format!("http://{}", storage.address)));
        settings.quota.tenants[0].budget.minutes = MinutesBudget::Monthly(AudioMillis(MONTHLY));
        change(&mut settings);
        let records = Records::start(Box::new(Memory::default()), None).unwrap();
        let gateway = Gateway::start_recorded(settings, &records).await;
        Self { gateway, upstream, storage, records }
    }

    /// Asks for an upload; the path of its address at the gateway.
    pub async fn announced(&self) -> String {
        self.announced_to(KEY).await
    }

    /// The same with another tenant's key.
    pub async fn announced_to(&self, key: &str) -> String {
        let url = format!(
            "http://{}/up/1?X-Amz-Expires=300&X-Amz-SignedHeaders=content-type%3Bhost%3B\
             x-amz-meta-name&{SIGNATURE}",
            self.storage.address
        );
        let id = Uuid::now_v7();
        let data = json!({ "data": { "transcription_id": id, "upload_url": url, "name": "a" } });
        self.upstream.then(Act::json(200, &data.to_string()));
        let body = json!({ "configuration_id": Uuid::now_v7() }).to_string();
        let fields = [("x-api-key", key)];
        let answer = self.gateway.post("/request-upload-url", &fields, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.body.contains("Amz"), "{answer:?}");
        let announced = answer.json()["data"]["upload_url"].as_str().unwrap().to_owned();
        announced.strip_prefix(PUBLIC).unwrap().to_owned()
    }

    /// Sends these bytes and reads until the gateway closes.
    pub async fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.gateway.address).await.unwrap();
        // A refusal may come, and the connection end, before all is written.
        let _ = stream.write_all(bytes).await;
        read(&mut stream).await
    }

    /// Puts a file.
    pub async fn put(&self, path: &str, file: &[u8]) -> Answer {
        let length = format!("content-length: {}\r\n", file.len());
        self.send(&[head("PUT", path, &length).as_bytes(), file].concat()).await
    }

    /// Minutes that the tenant holds, in milliseconds.
    pub async fn held(&self) -> i64 {
        let payer = Payer::Tenant("team-a".into());
        let read = move |store: &mut dyn Store| {
            let month = ledger::period(store, &payer, &Calendar::default(), Moment::now())?;
            store.balance(&payer, &Meter::Minutes, month.start)
        };
        self.records.read(read).await.unwrap().held
    }

    /// Nothing of a file has reached storage, and what is held is what the call has reserved.
    pub async fn assert_untouched(&self, what: &str) {
        assert_eq!(self.storage.seen().len(), 0, "{what}");
        assert_eq!(self.held().await, ESTIMATE, "{what}");
    }
}

/// The head of a request with the fields that storage wants, and these.
pub fn head(method: &str, path: &str, fields: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway.example\r\nconnection: close\r\n\
         content-type: audio/wav\r\nx-amz-meta-name: a  b\r\n{fields}\r\n"
    )
}

/// So many seconds of silence at a thousand bytes a second, as WAV.
pub fn wav(seconds: u32) -> Vec<u8> {
    let mut file = wav_head(seconds);
    file.resize(file.len() + seconds as usize * 1_000, 0);
    file
}

/// The first 44 bytes of it.
pub fn wav_head(seconds: u32) -> Vec<u8> {
    let mut head = b"RIFF".to_vec();
    head.extend((seconds * 1_000 + 36).to_le_bytes());
    head.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    head.extend(1_000_u32.to_le_bytes());
    head.extend(1_000_u32.to_le_bytes());
    head.extend(b"\x01\0\x08\0data");
    head.extend((seconds * 1_000).to_le_bytes());
    head
}

/// Deadlines that a test can wait for.
pub fn impatient(settings: &mut Settings) {
    let relay = settings.relay.as_mut().unwrap();
    relay.idle_timeout = Duration::from_millis(200);
    settings.upstream.timeout = Duration::from_millis(200);
}
