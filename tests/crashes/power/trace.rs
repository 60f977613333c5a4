//! What does a record of strace say about the files of the records?

use std::collections::HashMap;

use super::session::DONE;

/// One thing that happened.
#[derive(Debug)]
pub struct Event {
    /// When it began and when it was over, as lines of the record: others may have happened between.
    pub began: usize,
    pub ended: usize,
    pub what: What,
}

/// A file has its name without the folder; the folder has the name "".
#[derive(Debug)]
pub enum What {
    Open {
        name: String,
        creates: bool,
    },
    Write {
        name: String,
        offset: usize,
        bytes: Vec<u8>,
    },
    Cut {
        name: String,
        size: usize,
    },
    Sync {
        name: String,
    },
    Remove {
        name: String,
    },
    /// The gateway sends this call to the upstream.
    Sent(String),
    /// The gateway answers this call with a 2xx.
    Answered(String),
    /// A command has come to its good end.
    Done(String),
}

impl What {
    /// Whether somebody may rely on it from now on.
    pub fn is_promise(&self) -> bool {
        matches!(self, Self::Sent(_) | Self::Answered(_) | Self::Done(_))
    }
}

/// A system call that is over.
struct Call {
    thread: u32,
    name: String,
    /// What stands between the parentheses, and the result after them.
    text: String,
    began: usize,
    ended: usize,
}

/// All that happened in a folder to files of one name and its endings, in the order in which it began
/// to have an effect. `None`: a process was killed while it changed something, and nobody knows whether it has.
pub fn read(record: &str, folder: &str, database: &str) -> Option<Vec<Event>> {
    let (folder, database) = (folder.to_owned(), database.to_owned());
    let mut reader = Reader { folder, database, places: HashMap::new(), is_certain: true };
    let mut begun = HashMap::new();
    let mut events = Vec::new();
    let mut add = |call: Call| {
        if let Some(what) = reader.what(&call) {
            events.push(Event { began: call.began, ended: call.ended, what });
        }
    };
    for (number, line) in record.lines().enumerate() {
        if let Some(call) = call(line, number, &mut begun) {
            add(call);
        }
    }
    for (thread, (name, text, began)) in begun {
        let ended = record.lines().count();
        add(Call { thread, name, text: text + ") = ?", began, ended });
    }
    // A write may be on the disk before it has returned; a sync has done nothing until then.
    events.sort_by_key(|event| match event.what {
        What::Sync { .. } | What::Open { .. } => event.ended,
        _ => event.began,
    });
    reader.is_certain.then_some(events)
}

/// `7 write(...) = 1`, or `7 write(... <unfinished ...>` and later `7 <... write resumed>...) = 1`.
fn call(
    line: &str,
    number: usize,
    begun: &mut HashMap<u32, (String, String, usize)>,
) -> Option<Call> {
    let (thread, rest) = line.split_once(' ')?;
    let (thread, rest) = (thread.parse().ok()?, rest.trim_start());
    if let Some(rest) = rest.strip_prefix("<... ") {
        let (name, mut text, began) = begun.remove(&thread)?;
        text.push_str(rest.split_once(" resumed>")?.1);
        return Some(Call { thread, name, text, began, ended: number });
    }
    let (name, text) = rest.split_once('(')?;
    match text.strip_suffix(" <unfinished ...>") {
        Some(text) => {
            begun.insert(thread, (name.to_owned(), text.to_owned(), number));
            None
        }
        None => {
            let (name, text) = (name.to_owned(), text.to_owned());
            Some(Call { thread, name, text, began: number, ended: number })
        }
    }
}

impl Call {
    /// The strings among the arguments.
    fn strings(&self) -> Vec<Vec<u8>> {
        self.text.split('"').skip(1).step_by(2).map(unescape).collect()
    }

    /// The number of the descriptor that comes first, and what it is of.
    fn descriptor(&self) -> Option<(u32, String)> {
        described(&self.text)
    }

    /// The arguments and the result that come after the last string, or after the descriptor.
    /// A process that was killed has no result.
    fn numbers(&self) -> (Vec<usize>, Option<i64>) {
        let (arguments, result) = self.text.rsplit_once('=').unwrap();
        let after = arguments.rfind(['"', '>']).map_or(0, |place| place + 1);
        let numbers = arguments[after..].trim().trim_end_matches(')');
        let numbers = numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        (numbers, result.trim().split([' ', '<']).next().unwrap().parse().ok())
    }
}

/// `7</a/path>`
fn described(text: &str) -> Option<(u32, String)> {
    let (number, rest) = text.split_once('<')?;
    let path = unescape(rest.split_once('>')?.0);
    Some((number.trim().parse().ok()?, String::from_utf8(path).ok()?))
}

fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len() / 4);
    let mut place = 0;
    while place < bytes.len() {
        if bytes[place] == b'\\' && bytes.get(place + 1) == Some(&b'x') {
            found.push(u8::from_str_radix(&text[place + 2..place + 4], 16).unwrap());
            place += 4;
        } else {
            found.push(bytes[place]);
            place += 1;
        }
    }
    found
}

struct Reader {
    folder: String,
    database: String,
    /// How far each thread has written into what it has open.
    places: HashMap<(u32, u32), usize>,
    is_certain: bool,
}

impl Reader {
    /// The name of a file of the records, or "" for the folder itself.
    fn name(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(&self.folder)?.trim_start_matches('/');
        (name.is_empty() || name.starts_with(&self.database)).then(|| name.to_owned())
    }

    fn what(&mut self, call: &Call) -> Option<What> {
        let (numbers, result) = call.numbers();
        if matches!(&*call.name, "openat" | "unlink") {
            let path = String::from_utf8(call.strings().pop()?).ok()?;
            let name = self.name(&path)?;
            self.is_certain &= result.is_some();
            let result = u32::try_from(result?).ok()?;
            return Some(match &*call.name {
                "unlink" => What::Remove { name },
                _ => self.open(call, name, result),
            });
        }
        let Some((number, path)) = call.descriptor() else {
            let text = decoded(&call.text);
            let is_named = text.contains(&format!("{}/{}", self.folder, self.database));
            let is_known = !is_named || call.name == "execve" || is_harmless(call, &text);
            assert!(is_known, "not replayed: {} {text}", call.name);
            return None;
        };
        let Some(name) = self.name(&path) else { return talk(call, &path) };
        match &*call.name {
            "fsync" | "fdatasync" if result.is_none() => return None,
            _ => self.is_certain &= result.is_some(),
        }
        let result = result?;
        assert!(result >= 0, "{} of {name} has failed", call.name);
        match &*call.name {
            "write" | "pwrite64" => {
                let bytes = call.strings().remove(0);
                assert_eq!(bytes.len().try_into(), Ok(result), "{} of {name}", call.name);
                let place = self.places.entry((call.thread, number)).or_default();
                let offset = if call.name == "write" { *place } else { numbers[1] };
                *place += bytes.len();
                Some(What::Write { name, offset, bytes })
            }
            "ftruncate" => Some(What::Cut { name, size: numbers[0] }),
            "fsync" | "fdatasync" => Some(What::Sync { name }),
            _ => panic!("not replayed: {} of {name}", call.name),
        }
    }

    fn open(&mut self, call: &Call, name: String, number: u32) -> What {
        self.places.insert((call.thread, number), 0);
        assert!(!call.text.contains("O_TRUNC"), "{name} is cut when it is opened");
        What::Open { name, creates: call.text.contains("O_CREAT") }
    }
}

/// SQLite's index of the log is made anew after a crash; nothing else may be written past the calls.
fn is_harmless(call: &Call, text: &str) -> bool {
    call.name == "mmap" && (!text.contains("PROT_WRITE") || text.contains("-shm>"))
}

fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&unescape(text)).into_owned()
}

/// What goes to clients, to the upstream, and to the test.
fn talk(call: &Call, path: &str) -> Option<What> {
    let bytes = call.strings().concat();
    let text = String::from_utf8_lossy(&bytes);
    if let Some(name) = text.strip_prefix(DONE) {
        return Some(What::Done(name.trim_end().to_owned()));
    }
    if !path.starts_with("socket:") && !path.starts_with("TCP") {
        return None;
    }
    if text.starts_with("HTTP/1.1 ") {
        let id = text.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case("x-request-id").then_some(value)
        });
        return text.starts_with("HTTP/1.1 2").then(|| What::Answered(id.unwrap().to_owned()));
    }
    let (_, note) = text.split_once("\"note\":\"")?;
    Some(What::Sent(note.split_once('"')?.0.to_owned()))
}
