//! What does the thread do that writes the log?

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant, SystemTime};

use super::clock::timestamp;
use super::lines::{Form, Shared};

/// Before a consumer is asked again that takes nothing just now, and lets nobody wait for it.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Writes what others have left, until there is nobody left to log. However long a write takes, nobody
/// but this thread waits for it.
pub(super) fn run(shared: &Shared, mut to: impl Write, form: Form) {
    let mut lines = Vec::new();
    let mut last = None;
    // Whether what was written ends within a line.
    let mut torn = false;
    while let Some(lost) = shared.take(&mut lines, last) {
        let own = lines.len();
        if lost > 0 {
            tell(&mut lines, lost, form, SystemTime::now());
        }
        let written = write(&mut to, &lines, &mut torn);
        if written < lines.len() {
            let rest = lines.get(written..own).unwrap_or_default();
            let count = rest.iter().filter(|byte| **byte == b'\n').count();
            shared.failed(count as u64, lost);
        }
        last = Some(Instant::now());
    }
}

/// How much of it is written.
fn write(to: &mut impl Write, lines: &[u8], torn: &mut bool) -> usize {
    // Half a line stays half a line; the next one is whole.
    if *torn && !matches!(retry(|| to.write(b"\n")), Some(1)) {
        return 0;
    }
    *torn = false;
    let mut written = 0;
    while written < lines.len() {
        match retry(|| to.write(&lines[written..])) {
            None | Some(0) => {
                *torn = written > 0 && lines[written - 1] != b'\n';
                return written;
            }
            Some(count) => written += count,
        }
    }
    // Only where `to` keeps back what it was given.
    let _ = to.flush();
    written
}

/// Asks until the consumer takes something or says that it will not.
fn retry(mut write: impl FnMut() -> std::io::Result<usize>) -> Option<usize> {
    loop {
        match write() {
            Ok(count) => return Some(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(ASK_AGAIN),
            Err(_) => return None,
        }
    }
}

/// The log's own line about what is not in it.
fn tell(lines: &mut Vec<u8>, lost: u64, form: Form, now: SystemTime) {
    let text = match form {
        Form::Json => {
            lines.extend_from_slice(b"{\"timestamp\":\"");
            timestamp(lines, now);
            format!(
                "\",\"level\":\"WARN\",\"type\":\"log\",\"target\":\"heify_gateway::log\",\
                 \"message\":\"lines of this log were lost\",\"lost\":{lost}}}\n"
            )
        }
        Form::Text => {
            timestamp(lines, now);
            format!("  WARN heify_gateway::log: lines of this log were lost lost={lost}\n")
        }
    };
    lines.extend_from_slice(text.as_bytes());
}
