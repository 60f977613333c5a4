//! How is every change to the files of the records written down while the real binary runs?

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::super::process::PATIENCE;
use super::super::world::World;
use crate::tools::usable;

/// Whatever could change a file or a folder, or send an answer. A call in here that the replay does
/// not know makes it fail.
const CALLS: &str = "trace=openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,\
                     truncate,ftruncate,fallocate,fsync,fdatasync,sync_file_range,msync,mmap,unlink,\
                     unlinkat,rename,renameat,renameat2,link,linkat,symlinkat,copy_file_range,sendfile,\
                     splice,io_uring_setup,io_uring_enter";
/// What the shell says before the name of something that was done.
pub const DONE: &str = "@done ";

/// Whether strace can be used here; one that is required and cannot fails the test.
pub fn can_trace() -> bool {
    let mut traced = std::process::Command::new("strace");
    traced.args(["-f", "--seccomp-bpf", "-o", "/dev/null", "/bin/sh", "-c", ":"]);
    let can = traced.output().is_ok_and(|run| run.status.success());
    usable(can, "HEIFY_GATEWAY_TEST_STRACE", "strace")
}

/// A shell under strace: whatever it starts stands in one record, in the order in which it happened.
pub struct Session {
    child: Child,
    input: ChildStdin,
    lines: UnboundedReceiver<String>,
    record: PathBuf,
}

impl Session {
    pub async fn start(world: &World) -> Self {
        let record = world.folder().join("strace");
        let mut command = Command::new("strace");
        command.args([
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-y",
            "-xx",
            "-s",
            "65536",
            "-e",
            "signal=none",
        ]);
        command.args(["-e", CALLS, "-o"]).arg(&record).args(["/bin/sh", "-s"]);
        command.env("GATEWAY", env!("CARGO_BIN_EXE_heify-gateway"));
        command.env("CONFIGURATION", world.configuration());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, lines) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                let _ = sender.send(line);
            }
        });
        let mut session = Self { child, input, lines, record };
        // A test that fails leaves no gateway behind: its end is the end of the shell's input.
        session.tell("trap '[ -z \"$gateway\" ] || kill -9 $gateway' EXIT").await;
        session
    }

    async fn tell(&mut self, command: &str) {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    /// Waits for a line that has this in it.
    async fn said(&mut self, what: &str) -> String {
        let mut before = Vec::new();
        loop {
            match timeout(PATIENCE, self.lines.recv()).await {
                Ok(Some(line)) if line.contains(what) => return line,
                Ok(Some(line)) => before.push(line),
                ended => panic!("{ended:?} before {what:?}, after {before:#?}"),
            }
        }
    }

    /// Starts the gateway; where it listens.
    pub async fn serve(&mut self) -> SocketAddr {
        let serve =
            "\"$GATEWAY\" serve --log-format json -c \"$CONFIGURATION\" </dev/null & gateway=$!";
        self.tell(serve).await;
        let line = self.said("\"gateway ready\"").await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["listen"].as_str().unwrap().parse().unwrap()
    }

    /// Runs a command beside the gateway, or where there is none; it must succeed.
    pub async fn command(&mut self, command: &str, name: &str) {
        let run = format!("\"$GATEWAY\" {command} -c \"$CONFIGURATION\" >/dev/null </dev/null");
        self.tell(&format!("{run} && echo '{DONE}{name}'")).await;
        self.said(&format!("{DONE}{name}")).await;
    }

    /// Ends the gateway with a signal.
    pub async fn end(&mut self, signal: &str) {
        let command = format!("kill -{signal} $gateway; wait $gateway; gateway=; echo ended");
        self.tell(&command).await;
        self.said("ended").await;
    }

    /// What was written down.
    pub async fn finish(self) -> String {
        let Self { mut child, input, record, .. } = self;
        drop(input);
        timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
        std::fs::read_to_string(record).unwrap()
    }
}
