//! How does a test run the gateway's binary, and end it?

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A process that serves. Dropping it kills it.
pub struct Served {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: VecDeque<String>,
    /// The data port.
    pub listen: SocketAddr,
    /// The status port.
    pub status: SocketAddr,
}

/// A process that may never serve.
pub struct Started {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// `serve` with a configuration, as it is started without a shell.
pub fn serve(configuration: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heify-gateway"));
    command.args(["serve", "--log-format", "json", "-c"]).arg(configuration);
    command
}

impl Started {
    pub fn new(mut command: Command) -> Self {
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits until it serves.
    pub async fn ready(mut self) -> Served {
        let ready = timeout(PATIENCE, async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains("\"gateway ready\"") {
                    return Some(serde_json::from_str::<serde_json::Value>(&line).unwrap());
                }
            }
            None
        });
        let Some(ready) = ready.await.unwrap() else {
            let (code, talk) = self.ended().await;
            panic!("ended with {code:?}: {talk}");
        };
        let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        let (listen, status) = (address("listen"), address("status"));
        Served { child: self.child, lines: self.lines, said: VecDeque::new(), listen, status }
    }

    /// Waits for its end; the exit code, and what it said to the operator.
    pub async fn ended(mut self) -> (Option<i32>, String) {
        let mut talk = String::new();
        let mut error = self.child.stderr.take().unwrap();
        timeout(PATIENCE, error.read_to_string(&mut talk)).await.unwrap().unwrap();
        (self.child.wait().await.unwrap().code(), talk)
    }
}

impl Served {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// kill -9, and its end.
    pub async fn kill(mut self) {
        self.child.start_kill().unwrap();
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        assert_eq!(status.signal(), Some(9), "it had ended before: {status}");
    }

    /// Sends a signal by its name, without waiting.
    pub async fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let kill = Command::new("bash").args(["-c", "kill -\"$0\" \"$1\"", name, &id]).status();
        assert!(kill.await.unwrap().success());
    }

    /// Waits for its end; the exit code, and what it still logged.
    pub async fn ended(mut self) -> (Option<i32>, Vec<String>) {
        while let Some(line) = timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap() {
            self.said.push_back(line);
        }
        (self.child.wait().await.unwrap().code(), self.said.into())
    }

    /// SIGTERM, and the end.
    pub async fn stop(self) -> (Option<i32>, Vec<String>) {
        self.signal("TERM").await;
        self.ended().await
    }
}

/// Asks again and again until something holds.
#[track_caller]
pub fn until<F: Future<Output = bool>>(
    what: &'static str,
    mut holds: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let end = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(Instant::now() < end, "{caller}: still not: {what}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}
