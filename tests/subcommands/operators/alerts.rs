//! Is somebody told when a limit is nearly used up, also when the gateway or the receiver fails?

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use heify_gateway::alerts::signature;
use heify_gateway::secret::Secret;
use serde_json::{Value, json};

use super::admin::{Admin, OPERATOR};
use crate::process::{Running, gateway};
use crate::world::{GLOBEX, World, configuration, submit};

const SECRET: &str = "a-secret-of-both-sides";
/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver that answers as it is told to.
struct Hook {
    address: String,
    statuses: Sender<u16>,
    messages: Receiver<String>,
}

impl Hook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (statuses, script) = channel::<u16>();
        let (told, messages) = channel();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut read = Vec::new();
                let mut piece = [0; 4096];
                while !is_whole(&read) {
                    match stream.read(&mut piece) {
                        Ok(count @ 1..) => read.extend_from_slice(&piece[..count]),
                        // The gateway has gone.
                        Ok(0) | Err(_) => break,
                    }
                }
                if !is_whole(&read) {
                    continue;
                }
                let _ = told.send(String::from_utf8(read).unwrap());
                let status = script.recv().unwrap_or(200);
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, statuses, messages }
    }

    /// The next message, answered with this status.
    fn next(&self, status: u16) -> Value {
        self.statuses.send(status).unwrap();
        let message = self.messages.recv_timeout(PATIENCE).unwrap();
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        let field = |name: &str| {
            let start = format!("{name}: ");
            head.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
        };
        let timestamp = field("x-gateway-timestamp").parse().unwrap();
        let signed = signature(&Secret::new(SECRET), timestamp, body.as_bytes());
        assert_eq!(field("x-gateway-signature"), signed);
        serde_json::from_str(body).unwrap()
    }
}

fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.unwrap_or("0").parse::<usize>().unwrap()
}

/// The same gateway once more.
fn again(world: &World) -> (Running, String, String) {
    let arguments = ["serve", "-c", &world.path, "--log-format", "json"];
    let running = Running::start(gateway(&arguments, &[]));
    let ready: Value = serde_json::from_str(&running.line_with("gateway ready")).unwrap();
    let of = |name: &str| ready[name].as_str().unwrap().to_owned();
    (running, of("listen"), of("admin"))
}

#[test]
fn an_alert_is_sent_once_in_spite_of_failures_and_restarts() {
    let (world, hook) = (World::new(), Hook::start());
    let more = format!(
        "minutes = {{ monthly = 20 }}\n[[alerts]]\nname = \"ops\"\nurl = \"http://{}/in/s3cret\"\n\
         secret = \"{SECRET}\"\n",
        hook.address
    );
    let mut admin = Admin::start(&world, &more);
    let made = configuration(&admin.listen, GLOBEX);
    assert_eq!(submit(&admin.listen, GLOBEX, &made).status, 201);
    let first = hook.next(500);
    assert_eq!((&first["tenant"], &first["threshold_percent"]), (&json!("globex"), &json!(50)));
    // Cut off, not drained: what was to be told is in the records.
    drop(admin.running);
    (admin.running, admin.listen, admin.address) = again(&world);
    let second = hook.next(200);
    assert_eq!(second, first);
    admin.running.line_with("an alert was sent");
    assert_eq!(admin.running.end("TERM").0, Some(0));
    (admin.running, admin.listen, admin.address) = again(&world);
    assert_eq!(submit(&admin.listen, GLOBEX, &made).status, 201);
    let third = hook.next(200);
    assert_eq!(third["threshold_percent"], 100, "the first was not told again");
    admin.running.line_with("an alert was sent");
    let seen = admin.see("/alerts");
    let states = |alert: &Value| (alert["threshold_percent"].clone(), alert["state"].clone());
    let states: Vec<_> = seen["alerts"].as_array().unwrap().iter().map(states).collect();
    // 80 % was passed on the way.
    let sent = |threshold: u32, state: &str| (json!(threshold), json!(state));
    assert_eq!(states, [sent(100, "sent"), sent(80, "passed"), sent(50, "sent")]);
    assert_eq!(seen["webhooks"][0]["host"], "127.0.0.1");
    for shown in [seen.to_string(), admin.see("/config").to_string()] {
        assert!(!shown.contains("s3cret") && !shown.contains(SECRET), "{shown}");
    }
    let metrics = "GET /metrics HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n";
    let metrics = admin.raw(metrics).text;
    assert!(metrics.contains("heify_gateway_alerts_sent_total{webhook=\"ops\"} "), "{metrics}");
    assert!(metrics.contains("heify_gateway_alerts_pending{webhook=\"ops\"} 0"), "{metrics}");
    // A limit that is raised at run time counts at once: the month goes on, and says no more.
    let change = json!({ "limit": "minutes", "value": 900, "until": "1h" });
    assert_eq!(admin.change("PUT /tenants/globex/limits", &change).status, 200);
    assert_eq!(
        admin.with(OPERATOR, "GET /alerts?most=1", None).json()["alerts"][0]["state"],
        "sent"
    );
    assert!(hook.messages.try_recv().is_err());
}
