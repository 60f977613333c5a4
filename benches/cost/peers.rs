//! Who is measured, and how is each set up?

use std::error::Error;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use heify_gateway::records::{Holder, Moment, Sqlite, Store, ledger};

use super::load::{Load, Outcome};
use super::process::{Running, installed};
use super::{forwarded, limited, read, refused, stub};

/// The tenant's key.
pub(crate) const KEY: &str = "a-key-for-the-bench-only";
/// The key of a tenant whose rate is used up by the first call.
pub(crate) const SLOW_KEY: &str = "a-key-of-the-slow-tenant";
/// Nobody's key.
pub(crate) const WRONG_KEY: &str = "not-a-key-of-anyone";

/// A process to measure.
#[derive(Debug)]
pub(crate) struct Subject {
    /// How the report calls it.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it is asked.
    pub(crate) loads: Vec<Load>,
    /// Whether instructions, system calls and memory are counted, too.
    pub(crate) counted: bool,
    command: Vec<String>,
}

impl Subject {
    /// Starts it.
    pub(crate) fn start(&self) -> Result<Running, Box<dyn Error>> {
        Running::start(&self.command, self.address)
    }

    /// User-space instructions of a whole life with this load (callgrind).
    pub(crate) fn instructions(&self, run: &dyn Fn() -> Outcome) -> Result<u64, Box<dyn Error>> {
        let file = std::env::temp_dir().join(format!("callgrind.{}", std::process::id()));
        let out = format!("--callgrind-out-file={}", file.display());
        let text = self.observed(&["valgrind", "-q", "--tool=callgrind", &out], run, &file)?;
        let summary = text.lines().find_map(|line| line.strip_prefix("summary: "));
        Ok(summary.ok_or("callgrind wrote no summary")?.trim().parse()?)
    }

    /// System calls of a whole life with this load (strace).
    pub(crate) fn system_calls(&self, run: &dyn Fn() -> Outcome) -> Result<u64, Box<dyn Error>> {
        let file = std::env::temp_dir().join(format!("strace.{}", std::process::id()));
        let path = file.display().to_string();
        let text =
            self.observed(&["strace", "-f", "-c", "-U", "calls,name", "-o", &path], run, &file)?;
        let total = text.lines().find(|line| line.trim_end().ends_with(" total"));
        let calls = total.and_then(|line| line.split_whitespace().next());
        Ok(calls.ok_or("strace wrote no total")?.parse()?)
    }

    fn observed(
        &self,
        observer: &[&str],
        run: &dyn Fn() -> Outcome,
        file: &Path,
    ) -> Result<String, Box<dyn Error>> {
        let mut command: Vec<String> = observer.iter().map(ToString::to_string).collect();
        command.extend(self.command.iter().cloned());
        let running = Running::start(&command, self.address)?;
        run()?;
        running.end()?;
        let text = fs::read_to_string(file)?;
        fs::remove_file(file)?;
        Ok(text)
    }
}

/// The floor first, then the gateway, then the peers that are installed.
pub(crate) fn all(upstream: SocketAddr, folder: &Path) -> Result<Vec<Subject>, Box<dyn Error>> {
    let mut subjects =
        vec![floor(upstream)?, plain(upstream, folder)?, isolated(upstream, folder)?];
    if installed("nginx") {
        subjects.push(nginx(upstream, folder)?);
    }
    if installed("haproxy") {
        subjects.push(haproxy(upstream, folder)?);
    }
    Ok(subjects)
}

fn free() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(ToString::to_string).collect()
}

fn floor(upstream: SocketAddr) -> Result<Subject, Box<dyn Error>> {
    let address = free()?;
    let exe = std::env::current_exe()?;
    let (listen, to) = (address.to_string(), upstream.to_string());
    let command = words(&[&exe.to_string_lossy(), "--as-floor", &listen, &to]);
    Ok(Subject {
        name: "bare hyper forwarder",
        address,
        loads: vec![forwarded(), refused()],
        counted: true,
        command,
    })
}

fn plain(upstream: SocketAddr, folder: &Path) -> Result<Subject, Box<dyn Error>> {
    let loads = vec![forwarded(), refused(), limited()];
    let more = "[isolation]\nmode = \"off\"\n";
    gateway("heify-gateway", loads, upstream, &folder.join("gateway.toml"), more)
}

/// The gateway without what tells of requests, as it is, and with as much as there may be.
pub(crate) fn observing(
    upstream: SocketAddr,
    folder: &Path,
) -> Result<Vec<Subject>, Box<dyn Error>> {
    let off = "[isolation]\nmode = \"off\"\n";
    let mut all = Vec::new();
    for (name, file, more) in [
        ("heify-gateway, access log off", "off.toml", "[log]\naccess = \"off\"\n"),
        ("heify-gateway, access log on (default)", "on.toml", ""),
        #[cfg(feature = "otlp")]
        (
            "heify-gateway, access log and all traces",
            "traces.toml",
            // The upstream says yes to spans, too.
            &format!("[traces]\nendpoint = \"http://{upstream}\"\n"),
        ),
    ] {
        let more = format!("{off}{more}");
        all.push(gateway(name, vec![forwarded()], upstream, &folder.join(file), &more)?);
    }
    Ok(all)
}

/// The gateway with records, in which the tenant has an object.
fn isolated(upstream: SocketAddr, folder: &Path) -> Result<Subject, Box<dyn Error>> {
    let database = folder.join("records.db");
    let mut records = Sqlite::serve(&database)?;
    records.begin()?;
    let holder = Holder::Tenant("bench".into());
    let kind = Arc::from("transcription");
    ledger::adopt(&mut records, &stub::OBJECT.parse()?, &kind, &holder, Moment::now())?;
    records.commit()?;
    let more = format!("[records]\nurl = \"sqlite://{}\"\n", database.display());
    gateway(
        "heify-gateway, isolating",
        vec![read()],
        upstream,
        &folder.join("isolated.toml"),
        &more,
    )
}

fn gateway(
    name: &'static str,
    loads: Vec<Load>,
    upstream: SocketAddr,
    file: &Path,
    more: &str,
) -> Result<Subject, Box<dyn Error>> {
    let (address, status) = (free()?, free()?);
    let mut config = format!(
        "[server]\nlisten = \"{address}\"\nworkers = 1\n[status]\nlisten = \"{status}\"\n\
         [upstream]\nurl = \"http://{upstream}\"\napi_key = \"the-central-key-of-the-bench\"\n\
         [auth]\nfailed_attempts = {{ per_minute = 100000000, burst = 100000000 }}\n\
         [account]\nrate = {{ \"/submit\" = {{ per_minute = 100000000, burst = 100000000 }}, \
         \"/get-transcription\" = {{ per_minute = 100000000, burst = 100000000 }} }}\n{more}"
    );
    // A thousand tenants, as in a central deployment; the load uses the last one's key.
    for tenant in 1..1_000 {
        config += &format!(
            "[[tenants]]\nid = \"t{tenant}\"\nkeys = [{{ key = \"key-of-tenant-{tenant:08}\" }}]\n"
        );
    }
    config += &format!(
        "[[tenants]]\nid = \"bench\"\nkeys = [{{ key = \"{KEY}\" }}]\n\
         rate = {{ \"/submit\" = {{ per_minute = 100000000, burst = 100000000 }}, \
         \"/get-transcription\" = {{ per_minute = 100000000, burst = 100000000 }} }}\n\
         total = {{ per_minute = 100000000, burst = 100000000 }}\n\
         [[tenants]]\nid = \"slow\"\nkeys = [{{ key = \"{SLOW_KEY}\" }}]\n\
         rate = {{ \"/submit\" = {{ per_minute = 1, burst = 1 }} }}\n"
    );
    fs::write(file, config)?;
    let command =
        words(&[env!("CARGO_BIN_EXE_heify-gateway"), "--config", &file.to_string_lossy(), "serve"]);
    Ok(Subject { name, address, loads, counted: true, command })
}

fn nginx(upstream: SocketAddr, folder: &Path) -> Result<Subject, Box<dyn Error>> {
    let address = free()?;
    let file = folder.join("nginx.conf");
    let folder = folder.display();
    // A key table and a rate, but no look at the body.
    fs::write(
        &file,
        format!(
            "daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; keepalive_requests 100000000;\n\
             client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
             fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
             map $http_x_api_key $known {{ default 0; {KEY} 1; }}\n\
             limit_req_zone $http_x_api_key zone=z:10m rate=1000000r/s;\n\
             upstream u {{ server {upstream}; keepalive 64; keepalive_requests 100000000; }}\n\
             server {{ listen {address}; location / {{\n\
             if ($known = 0) {{ return 403 '{{\"error\":{{\"message\":\"x\",\"code\":403}}}}'; }}\n\
             limit_req zone=z burst=1000000 nodelay;\n\
             proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header x-api-key c;\n\
             proxy_pass http://u; }} }} }}\n"
        ),
    )?;
    let command = words(&["nginx", "-c", &file.to_string_lossy()]);
    let loads = vec![forwarded(), refused()];
    Ok(Subject { name: "nginx (no body check)", address, loads, counted: false, command })
}

fn haproxy(upstream: SocketAddr, folder: &Path) -> Result<Subject, Box<dyn Error>> {
    let address = free()?;
    let file = folder.join("haproxy.cfg");
    fs::write(
        &file,
        format!(
            "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode http\n  timeout client 60s\n\
             \x20 timeout server 60s\n  timeout connect 3s\n  option http-keep-alive\n\
             frontend f\n  bind {address}\n  acl known req.hdr(x-api-key) -m str {KEY}\n\
             \x20 http-request return status 403 content-type application/json string \"{{}}\" unless known\n\
             \x20 http-request set-header x-api-key central\n  default_backend b\n\
             backend b\n  http-reuse always\n  server s {upstream}\n"
        ),
    )?;
    let command = words(&["haproxy", "-q", "-f", &file.to_string_lossy()]);
    let loads = vec![forwarded(), refused()];
    Ok(Subject { name: "HAProxy (no body check)", address, loads, counted: false, command })
}
