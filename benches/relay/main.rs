//! What does a file cost that passes through the relay, next to a process that only copies bytes?
//!
//! `cargo bench --bench relay` runs the real binary on one core, with client and storage on the other,
//! and prints by how much its memory grows at most for a file of 200 MB, how much each of 100 slow
//! uploads takes, and CPU time per MB next to `tokio::io::copy_bidirectional`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a report for people; what fails in it may end it"
)]

mod copier;
#[path = "../cost/process.rs"]
#[allow(dead_code, reason = "the report on cost uses more of it")]
mod process;
mod stub;

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use process::Running;

const KEY: &str = "a-key-for-the-bench-only";
const PUBLIC: &str = "http://gateway.example";
/// The largest file that passes.
const FILE: usize = 200 << 20;
const ROUNDS: u32 = 5;
const SLOW: usize = 100;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--as-copier") {
        return copier::run(arguments[place + 1].parse()?, arguments[place + 2].parse()?);
    }
    // `cargo test --benches` only wants to know that it starts.
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    process::pin_self();
    let storage = stub::start()?;
    let folder = std::env::temp_dir().join(format!("heify-gateway-relay-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = report(storage, &folder);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn report(storage: SocketAddr, folder: &Path) -> Outcome {
    let (gateway, address) = gateway(storage, folder)?;
    put(address, &announced(address)?, 8 << 20)?;
    let before = memory(&gateway, "VmRSS:")?;
    forget_peak(&gateway)?;
    put(address, &announced(address)?, FILE)?;
    let peak = memory(&gateway, "VmHWM:")?;
    println!("peak growth for {} MiB: {} KiB", FILE >> 20, peak.saturating_sub(before));
    println!("each of {SLOW} slow uploads: {:.1} KiB on average", slow(&gateway, address)?);
    let relay = cpu(&gateway, || put(address, &announced(address)?, FILE))?;
    gateway.end()?;

    let address = free()?;
    let exe = std::env::current_exe()?.to_string_lossy().into_owned();
    let copier = [exe, "--as-copier".into(), address.to_string(), storage.to_string()];
    let copier = Running::start(&copier, address)?;
    let copied = cpu(&copier, || put(address, "/up", FILE))?;
    copier.end()?;
    println!(
        "CPU per MB: relay {relay:.1} us, byte copier {copied:.1} us, {:.2} times",
        relay / copied
    );
    Ok(())
}

/// Microseconds of CPU per MB (10^6 bytes), the median of some rounds.
fn cpu(running: &Running, mut round: impl FnMut() -> Outcome) -> Outcome<f64> {
    round()?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let before = running.cpu()?;
        round()?;
        rounds.push((running.cpu()? - before).as_secs_f64() * 1e6 / (FILE as f64 / 1e6));
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[rounds.len() / 2])
}

/// Memory of each of many uploads at 100 KiB/s, in KiB: the most over their time.
fn slow(gateway: &Running, address: SocketAddr) -> Outcome<f64> {
    let paths: Vec<String> = (0..SLOW).map(|_| announced(address)).collect::<Outcome<_>>()?;
    let before = gateway.pss()?;
    let mut streams = Vec::new();
    for path in &paths {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(&[head(path, FILE).as_bytes(), &wav_head(FILE)].concat())?;
        streams.push(stream);
    }
    let (piece, mut most) = (vec![0; 10 << 10], before);
    for _ in 0..30 {
        let began = Instant::now();
        for stream in &mut streams {
            stream.write_all(&piece)?;
        }
        most = most.max(gateway.pss()?);

        std::thread::sleep(Duration::from_millis(100).saturating_sub(began.elapsed()));
    }
    Ok((most - before) as f64 / SLOW as f64)
}

fn gateway(storage: SocketAddr, folder: &Path) -> Outcome<(Running, SocketAddr)> {
    let (address, status) = (free()?, free()?);
    let file = folder.join("gateway.toml");
    let database = folder.join("gateway.db");
    fs::write(
        &file,
        format!(
            "[server]\nlisten = \"{address}\"\nworkers = 1\n[status]\nlisten = \"{status}\"\n\
             [upstream]\nurl = \"http://{storage}\"\napi_key = \"the-central-key-of-the-bench\"\n\
             [records]\nurl = \"sqlite://{}\"\n\
             [relay]\nenabled = true\npublic_url = \"{PUBLIC}\"\nhosts = [\"http://{storage}\"]\n\
             [[tenants]]\nid = \"bench\"\nkeys = [{{ key = \"{KEY}\" }}]\n\
             rate = {{ \"/request-upload-url\" = {{ per_minute = 100000000, burst = 100000000 }} }}\n",
            database.display()
        ),
    )?;
    let command = [env!("CARGO_BIN_EXE_heify-gateway"), "-c", &file.to_string_lossy(), "serve"];
    let command = command.map(str::to_owned);
    Ok((Running::start(&command, address)?, address))
}

/// Asks for an upload; the path of its address at the gateway.
fn announced(address: SocketAddr) -> Outcome<String> {
    let body = format!("{{\"configuration_id\":\"{}\"}}", uuid::Uuid::now_v7());
    let request = format!(
        "POST /request-upload-url HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {KEY}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let path = answer.split_once(PUBLIC).and_then(|(_, rest)| rest.split('"').next());
    Ok(path.ok_or(answer.clone())?.to_owned())
}

/// Puts a file as fast as it is taken.
fn put(address: SocketAddr, path: &str, size: usize) -> Outcome {
    let mut stream = TcpStream::connect(address)?;
    let first = wav_head(size);
    stream.write_all(&[head(path, size).as_bytes(), &first].concat())?;
    let (piece, mut left) = (vec![0; 256 << 10], size - first.len());
    while left > 0 {
        let length = left.min(piece.len());
        stream.write_all(&piece[..length])?;
        left -= length;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer.into()) }
}

fn head(path: &str, size: usize) -> String {
    format!(
        "PUT {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\ncontent-type: audio/wav\r\n\
         content-length: {size}\r\n\r\n"
    )
}

/// The first bytes of a WAV file of this size that lasts less than two hours.
fn wav_head(size: usize) -> Vec<u8> {
    let (audio, rate) = (u32::try_from(size - 44).unwrap(), 32_000_u32);
    let mut head = b"RIFF".to_vec();
    head.extend((audio + 36).to_le_bytes());
    head.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    head.extend((rate / 2).to_le_bytes());
    head.extend(rate.to_le_bytes());
    head.extend(b"\x02\0\x10\0data");
    head.extend(audio.to_le_bytes());
    head
}

fn free() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// A line of the process' status, in KiB.
fn memory(running: &Running, name: &str) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", id(running)?))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}

/// The peak begins anew (proc(5), `clear_refs`).
fn forget_peak(running: &Running) -> Outcome {
    Ok(fs::write(format!("/proc/{}/clear_refs", id(running)?), "5")?)
}

fn id(running: &Running) -> Outcome<String> {
    let threads = running.threads()?;
    let part = threads.first().and_then(|thread| thread.components().nth(2));
    Ok(part.ok_or("no thread")?.as_os_str().to_string_lossy().into_owned())
}
