//! Does anything show where a client may upload?

use serde_json::json;

use super::admin::{Admin, OPERATOR};
use crate::process::Shell;
use crate::world::{ACME, World, call, configuration};

#[test]
fn neither_a_token_nor_what_it_opens_is_shown_anywhere() {
    let world = World::new();
    let more = format!(
        "[log]\nlevel = \"trace\"\n[relay]\nenabled = true\n\
         public_url = \"http://gateway.example\"\nhosts = [\"http://{}\"]\n",
        world.heify
    );
    let admin = Admin::start(&world, &more);
    let id = configuration(&admin.listen, ACME);
    let ask = json!({ "configuration_id": id, "name": "call.wav" }).to_string();
    let told = call(&admin.listen, "/request-upload-url", ACME, &ask).body;
    let url = told["data"]["upload_url"].as_str().unwrap();
    let path = url.strip_prefix("http://gateway.example").unwrap();
    let token = path.rsplit('/').next().unwrap();
    let mut shell = Shell::start();
    let mut put = |media_type: &str| {
        shell.paste(&format!(
            "{{ printf 'RIFF\\x64\\x1f\\0\\0WAVEfmt \\x10\\0\\0\\0\\1\\0\\1\\0\\x40\\x1f\\0\\0\\x40\\x1f\\0\\0\\1\\0\\x8\\0data\\x40\\x1f\\0\\0'; \
             head -c 8000 /dev/zero; }} | curl -si -X PUT http://{}{path} --data-binary @- \
             -H 'content-type: {media_type}' -H 'x-amz-meta-configuration_id: {id}' \
             -H 'x-amz-meta-name: call.wav'",
            admin.listen
        ))
    };
    // Storage says no, yes, and then the gateway does.
    assert!(put("audio/mpeg").contains("x-gateway-reason: storage_refused"));
    assert!(put("audio/wav").starts_with("HTTP/1.1 200 OK"));
    assert!(put("audio/wav").contains("x-gateway-reason: used_upload"));
    let metrics = admin.raw("GET /metrics HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n").text;
    assert!(
        metrics.contains("reason=\"used_upload\"") && metrics.contains("uploads_in_progress 0")
    );
    let mut all = vec![metrics, world.done(&["journal", "export"])];
    let paths = ["/live", "/journal?most=1000", "/usage/jobs", "/tenants/acme", "/refusals"];
    all.extend(paths.map(|path| admin.with(OPERATOR, &format!("GET {path}"), None).text));
    let log = admin.running.end("TERM").1.join("\n");
    assert!(log.contains("\"endpoint\":\"/_gateway/upload\""), "{log}");
    assert!(log.contains("\"tenant\":\"acme\""));
    all.push(log);
    for (place, text) in all.iter().enumerate() {
        for secret in [token, "X-Amz-Signature", "X-Amz-Credential"] {
            assert!(!text.contains(secret), "{secret} is in {place}: {text}");
        }
    }
    let files = std::fs::read_dir(world.folder.path()).unwrap();
    for file in files.map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [token.as_bytes(), b"X-Amz-Signature"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{} has a secret", file.display());
        }
    }
}
