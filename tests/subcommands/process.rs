//! How does a test talk to a process that runs on?

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway's binary with these arguments, and no environment but this.
pub(crate) fn gateway(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heify-gateway"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    gateway(arguments, environment).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A running process, read line by line. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    input: Option<ChildStdin>,
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_on(command, Stdio::piped())
    }

    /// Starts it with something of its own to read.
    pub(crate) fn start_on(mut command: Command, input: Stdio) -> Self {
        let mut child = command.stdin(input).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        // A read has no deadline, a channel has.
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, lines, input }
    }

    /// All lines up to and with the first one that starts like this.
    pub(crate) fn read_until(&self, start: &str) -> Vec<String> {
        let mut read = Vec::new();
        while read.last().is_none_or(|line: &String| !line.starts_with(start)) {
            let line = self.lines.recv_timeout(PATIENCE);
            read.push(line.unwrap_or_else(|error| panic!("{error} before {start:?}: {read:#?}")));
        }
        read
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.input.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Sends a signal (`TERM`, `INT`, `HUP`).
    pub(crate) fn signal(&self, signal: &str) {
        let target = self.child.id().to_string();
        let mut kill = Command::new("bash");
        kill.args(["-c", r#"kill -"$0" "$1""#, signal, &target]);
        assert!(kill.status().unwrap().success());
    }

    /// The first line that contains this.
    pub(crate) fn line_with(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Sends a signal and waits for the end; the exit code, and what was still said.
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        self.signal(signal);
        // The output ends with the process.
        let rest = self.rest();
        (self.child.wait().unwrap().code(), rest)
    }

    fn rest(&self) -> Vec<String> {
        let mut read = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            read.push(line);
        }
        read
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A bash that keeps its variables from one pasted command to the next.
pub(crate) struct Shell(Running);

const MARK: &str = "-- end of output, exit code ";

impl Shell {
    pub(crate) fn start() -> Self {
        let mut bash = Command::new("bash");
        // No proxy and no curlrc of whoever runs the test.
        bash.args(["--noprofile", "--norc"]).env_clear();
        bash.env("PATH", std::env::var_os("PATH").unwrap());
        Self(Running::start(bash))
    }

    /// Runs a command as it is printed; what it writes.
    pub(crate) fn paste(&mut self, command: &str) -> String {
        self.0.write(&format!("{command}\nprintf '\\n%s%s\\n' '{MARK}' $?\n"));
        let mut lines = self.0.read_until(MARK);
        let mark = lines.pop().unwrap();
        assert_eq!(mark, format!("{MARK}0"), "{command}: {lines:#?}");
        lines.join("\n").trim().replace('\r', "")
    }
}

/// The commands among printed lines: without comments, continued lines together.
pub(crate) fn commands(lines: &[String]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut continued = false;
    for line in lines.iter().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match commands.last_mut().filter(|_| continued) {
            Some(command) => *command = format!("{command}\n{line}"),
            None => commands.push(line.clone()),
        }
        continued = line.ends_with('\\');
    }
    commands
}
