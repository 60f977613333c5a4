//! Does storage take files as S3 does?

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Heify, Reply, settings};

const NAME: &str = "reunión.wav";
const ASCII: &str = "reunin.wav";

/// One second of silence.
fn wav() -> String {
    let head = b"RIFF\x64\x1f\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x40\x1f\0\0";
    let mut file = head.to_vec();
    file.resize(44 + 8_000, 0);
    String::from_utf8(file).unwrap()
}

struct Upload {
    path: String,
    configuration: String,
    job: Value,
}

async fn asked(heify: &Heify) -> Upload {
    let made = heify.data("/create-configuration", json!({ "tag": "t" })).await;
    let id = &made["configuration_id"];
    let ask = json!({ "configuration_id": id, "name": NAME });
    let told = heify.data("/request-upload-url", ask).await;
    let url = told["upload_url"].as_str().unwrap();
    let path = url.strip_prefix(&heify.simulator.url()).unwrap().to_owned();
    let job = json!({ "transcription_id": told["transcription_id"] });
    Upload { path, configuration: id.as_str().unwrap().to_owned(), job }
}

impl Upload {
    async fn put(&self, heify: &Heify, change: impl FnOnce(&mut Vec<(&str, &str)>)) -> Reply {
        let mut fields = vec![
            ("content-type", "audio/wav"),
            ("x-amz-meta-configuration_id", &*self.configuration),
            ("x-amz-meta-name", ASCII),
        ];
        change(&mut fields);
        heify.send("PUT", &self.path, &fields, &wav()).await.unwrap()
    }
}

#[track_caller]
fn assert_denied(reply: &Reply, code: &str, message: &str) {
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert_eq!(reply.status, 403, "{text}");
    assert!(text.contains(&format!("<Code>{code}</Code><Message>{message}")), "{text}");
    assert_eq!(reply.headers["content-type"], "application/xml");
}

#[tokio::test]
async fn a_file_that_is_put_there_starts_its_transcription() {
    let heify = Heify::start(settings(Duration::ZERO)).await;
    let upload = asked(&heify).await;
    let waiting = heify.data("/get-transcription", upload.job.clone()).await;
    assert_eq!(waiting["status"], "IN_PROGRESS");
    let reply = upload.put(&heify, |_| {}).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0), "{reply:?}");
    let digest: String = Sha256::digest(wav()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(reply.headers["etag"].to_str().unwrap(), format!("\"{digest}\""));
    let done = heify.data("/get-transcription", upload.job.clone()).await;
    assert_eq!((&done["status"], &done["duration"]), (&json!("COMPLETED"), &json!(1.0)));
    // Another file takes the place of the first, and nothing begins anew.
    assert_eq!(upload.put(&heify, |_| {}).await.status, 200);
    assert_eq!(heify.data("/get-transcription", upload.job.clone()).await, done);
}

#[tokio::test]
async fn nothing_but_what_was_signed_is_let_in() {
    let heify = Heify::start(settings(Duration::ZERO)).await;
    let mut upload = asked(&heify).await;
    let wrong = "The request signature we calculated does not match";
    let mismatch = |reply: &Reply| assert_denied(reply, "SignatureDoesNotMatch", wrong);
    mismatch(&upload.put(&heify, |fields| fields[0].1 = "audio/mpeg").await);
    mismatch(&upload.put(&heify, |fields| fields.retain(|one| one.0 != "content-type")).await);
    mismatch(&upload.put(&heify, |fields| fields[2].1 = "another.wav").await);
    mismatch(&upload.put(&heify, |fields| fields.truncate(2)).await);
    let unsigned = upload.put(&heify, |fields| fields.push(("x-amz-meta-more", "1"))).await;
    assert_denied(&unsigned, "AccessDenied", "There were headers present");
    mismatch(&heify.send("GET", &upload.path, &[], "").await.unwrap());
    let right = upload.path.clone();
    upload.path = right.replace("/upload/client-0001/", "/upload/client-0002/");
    mismatch(&upload.put(&heify, |_| {}).await);
    upload.path = right.replace("X-Amz-Expires=300", "X-Amz-Expires=3000");
    mismatch(&upload.put(&heify, |_| {}).await);
    upload.path = right.split('?').next().unwrap().to_owned();
    assert_denied(&upload.put(&heify, |_| {}).await, "AccessDenied", "Access Denied");
    let job = heify.data("/get-transcription", upload.job).await;
    assert_eq!(job["status"], "IN_PROGRESS", "nothing of all this was taken");
}

#[tokio::test]
async fn an_address_is_good_for_five_minutes() {
    let heify = Heify::start(settings(Duration::ZERO)).await;
    let upload = asked(&heify).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(298)).await;
    tokio::time::resume();
    assert_eq!(upload.put(&heify, |_| {}).await.status, 200);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(4)).await;
    tokio::time::resume();
    let late = upload.put(&heify, |_| {}).await;
    assert_denied(&late, "AccessDenied", "Request has expired");
}
