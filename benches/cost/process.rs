//! How much has a process used?

use std::error::Error;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The core of the measured process; load and upstream take the other.
const SUBJECT_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// Whether a program is on the path.
pub(crate) fn installed(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    found.is_ok_and(|output| output.status.success())
}

/// Keeps this process, with load and upstream, off the subject's core.
pub(crate) fn pin_self() {
    let id = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-acp", LOAD_CORE, &id]).stdout(Stdio::null()).status();
}

/// A measured process; ended by its id when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts a command on its core and waits until it accepts connections.
    pub(crate) fn start(command: &[String], address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut words = command.iter();
        let mut start = if installed("taskset") {
            let mut start = Command::new("taskset");
            start.args(["-c", SUBJECT_CORE]);
            start
        } else {
            Command::new(words.next().ok_or("an empty command")?)
        };
        start.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let running = Self { child: start.spawn()? };
        // Under valgrind, a start with many records takes its time.
        let deadline = Instant::now() + Duration::from_secs(600);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                return Err(format!("{command:?} does not listen on {address}").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }

    /// Asks the process to end, and waits.
    pub(crate) fn end(mut self) -> Result<(), Box<dyn Error>> {
        // strace is asked through its child: it would let go of it and leave it running.
        let ids = self.family()?;
        let id = ids.last().copied().unwrap_or(self.child.id()).to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        self.child.wait()?;
        Ok(())
    }

    /// CPU time of the process and its children.
    pub(crate) fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let mut total = Duration::ZERO;
        for id in self.family()? {
            // Nanoseconds on the CPU: finer than the clock ticks of /proc/<id>/stat.
            for task in fs::read_dir(format!("/proc/{id}/task"))? {
                let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
                let first = schedstat.split(' ').next().unwrap_or("0");
                total += Duration::from_nanos(first.parse()?);
            }
        }
        Ok(total)
    }

    /// The threads of the process and its children: what one of them has used is gone with it.
    pub(crate) fn threads(&self) -> Result<Vec<std::path::PathBuf>, Box<dyn Error>> {
        let mut threads = Vec::new();
        for id in self.family()? {
            for task in fs::read_dir(format!("/proc/{id}/task"))? {
                threads.push(task?.path());
            }
        }
        threads.sort();
        Ok(threads)
    }

    /// Proportional set size of the process and its children, in KiB.
    pub(crate) fn pss(&self) -> Result<u64, Box<dyn Error>> {
        let mut total = 0;
        for id in self.family()? {
            let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            let number = line.and_then(|line| line.split_whitespace().next());
            total += number.unwrap_or("0").parse::<u64>()?;
        }
        Ok(total)
    }

    fn family(&self) -> Result<Vec<u32>, Box<dyn Error>> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        Ok(std::iter::once(id).chain(children).collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
            let _ = self.child.wait();
        }
    }
}
