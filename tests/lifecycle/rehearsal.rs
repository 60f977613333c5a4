//! Can an operator do all that a year brings, under load, without one failed request?
//!
//! The gateway runs under a supervisor that holds its socket and is told what happens, with TLS on the
//! data and the admin port. While eight clients call without a pause: traffic is seen in the metrics,
//! a limit is changed in the file, the certificate is renewed, the central key is rotated, a wrong one
//! is turned away, and the gateway is restarted.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::load::{Connect, Judge, Load, Stream};
use crate::supervised::Supervisor;
use crate::world::{FIRST, REVOKED, SECOND, Served, World, replace};

const LIST: &str = "/list-participants";
const CLIENTS: usize = 8;

struct Certificate {
    der: CertificateDer<'static>,
    chain: String,
    key: String,
}

impl Certificate {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        Self { der: made.cert.der().clone(), chain, key }
    }

    /// One file after the other, as programs that renew certificates do.
    fn install(&self, world: &World) {
        replace(&world.folder.path().join("tls.crt"), &self.chain);
        replace(&world.folder.path().join("tls.key"), &self.key);
    }
}

type Shown = Arc<Mutex<BTreeSet<Vec<u8>>>>;

/// Connections over TLS that trust these certificates, and what they were shown.
fn trusting(address: &str, certificates: &[&Certificate]) -> (Connect, Shown) {
    let mut roots = RootCertStore::empty();
    certificates.iter().for_each(|one| roots.add(one.der.clone()).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (config, shown, address) = (Arc::new(config), Shown::default(), address.to_owned());
    let seen = Arc::clone(&shown);
    let connect = move || {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&config), name).unwrap();
        let mut tcp = TcpStream::connect(&address)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        let certificate = tls.peer_certificates().unwrap()[0].to_vec();
        seen.lock().unwrap().insert(certificate);
        Ok(Box::new(StreamOwned::new(tls, tcp)) as Box<dyn Stream>)
    };
    (Arc::new(connect), shown)
}

/// Successes, by the limit that they tell.
fn by_limit() -> Judge {
    Arc::new(|answer| match (answer.status, answer.field("x-ratelimit-limit")) {
        (200, Some(limit)) => Ok(limit.to_owned()),
        _ => Err(format!("{answer:?}")),
    })
}

/// Lets all clients connect anew, and tells which certificates they were shown.
fn shown_now(load: &Load, shown: &Shown) -> BTreeSet<Vec<u8>> {
    // Whoever is about to connect may still see what was before.
    load.progress(10 * CLIENTS);
    shown.lock().unwrap().clear();
    load.progress(10 * CLIENTS);
    shown.lock().unwrap().clone()
}

#[test]
fn a_year_of_operations_fails_no_request() {
    let (world, old, new) = (World::new(), Certificate::new(), Certificate::new());
    old.install(&world);
    let tls = |port: &str| {
        format!("[{port}.tls]\ncert_file = \"tls.crt\"\nkey_file = \"tls.key\"\n[upstream]")
    };
    let text = world.text(&[
        ("[upstream]", &tls("server")),
        ("[upstream]", &tls("admin")),
        // Another address than the admin port's, which has TLS now.
        ("[upstream]", "[status]\nlisten = \"127.0.0.2:0\"\n[upstream]"),
    ]);
    fs::write(&world.path, &text).unwrap();
    let supervisor = Supervisor::new(&world);
    let served = supervisor.serve(&world);
    let (connect, shown) = trusting(&supervisor.address(), &[&old, &new]);
    let load = Load::start(CLIENTS, LIST, &connect, &by_limit());
    load.progress(50);

    let answered = format!("heify_gateway_requests_total{{endpoint=\"{LIST}\",status=\"200\"");
    assert!(served.metric(&answered).is_some(), "traffic shows in the metrics");

    // A changed limit, by the file alone.
    world.write(&text.replace("per_minute = 1000000", "per_minute = 2000000"));
    served.running.line_with("configuration reloaded");
    load.progress(50);

    // A renewed certificate, on both ports.
    assert_eq!(shown_now(&load, &shown), BTreeSet::from([old.der.to_vec()]));
    new.install(&world);
    served.running.line_with("configuration reloaded");
    assert_eq!(shown_now(&load, &shown), BTreeSet::from([new.der.to_vec()]));
    let (admin, _) = trusting(&served.admin, &[&new]);
    admin().unwrap();

    // A wrong central key is turned away, the right one takes over, and the first one is switched off.
    replace(&world.key_file, REVOKED);
    served.running.line_with("rejects this central key");
    assert_eq!(served.last_reload().as_deref(), Some("0"));
    load.progress(50);
    replace(&world.key_file, SECOND);
    served.running.line_with("configuration reloaded");
    assert_eq!(served.last_reload().as_deref(), Some("1"));
    load.progress(50);
    // Calls that are on their way end with the key that they began with.
    world.heify.deactivate(FIRST);
    load.progress(50);

    // A restart.
    let served = restart(served, &supervisor, &world);
    load.progress(100);
    assert_eq!(served.running.end("TERM").0, Some(0));
    let _last = supervisor.serve(&world);
    load.progress(50);

    let report = load.end();
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    let limits: Vec<_> = report.answers.keys().map(String::as_str).collect();
    assert_eq!(limits, ["1000000", "2000000"], "{report:?}");
    let total: usize = report.answers.values().sum();
    println!("{total} answers, no failure, {} on a second try", report.again);
}

fn restart(served: Served, supervisor: &Supervisor, world: &World) -> Served {
    served.running.signal("TERM");
    supervisor.told("STOPPING=1");
    let (exit, lines) = served.running.end("CONT");
    assert_eq!(exit, Some(0), "{lines:#?}");
    supervisor.serve(world)
}
