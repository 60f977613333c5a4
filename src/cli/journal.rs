//! `journal export` and `verify`: what does the journal say, and is it still what was written?

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use heify_gateway::records::{Line, State, Store, StoreError, Stored, verify};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::beside::{Beside, Trouble, conclude};
use super::{Exit, Surroundings};

/// How many lines are read at once.
const PIECE: usize = 1000;
/// How many differences are told.
const TOLD: usize = 10;

/// What can be done with the journal.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the journal as JSON lines
    Export(Export),
}

/// What `journal export` understands.
#[derive(Debug, Args)]
#[command(after_help = "Each line is {\"number\", \"at\", \"entry\", \"hash\"}; \"at\" is in \
    milliseconds since 1970. There are hashes of issued keys in it, and no keys. Keep an export, or \
    its last line, elsewhere: `verify --head-file` then finds out whether later lines were lost.\n\n\
    Examples:\n  heify-gateway journal export -c gateway.toml > journal.jsonl\n  \
    heify-gateway journal export -c gateway.toml --after 120000 >> journal.jsonl")]
pub(crate) struct Export {
    /// Only lines after this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
}

/// What `verify` understands.
#[derive(Debug, Args)]
#[command(after_help = "Checks the hash of every line, and recounts all balances, reservations, \
    objects and keys from the journal; a running gateway goes on meanwhile. Exits with 1 at any \
    difference. A database cannot tell by itself that its last lines are gone: give a head that was \
    kept elsewhere.\n\n\
    Examples:\n  heify-gateway verify -c gateway.toml\n  \
    heify-gateway verify -c gateway.toml --head-file journal.jsonl")]
pub(crate) struct Verify {
    /// The hash of a line that must still be there
    #[arg(long, value_name = "HASH", conflicts_with = "head_file")]
    head: Option<String>,
    /// A file with such a hash, or an earlier export: then its last line counts
    #[arg(long, value_name = "FILE")]
    head_file: Option<PathBuf>,
}

/// Exports.
pub(crate) fn run(command: &Command, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let Command::Export(arguments) = command;
    let done = export(arguments, &mut surroundings);
    conclude(done, surroundings.talk)
}

fn export(arguments: &Export, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let mut store = Beside::find(surroundings)?.reader()?;
    let mut out = io::BufWriter::new(&mut *surroundings.out);
    // Lines are only ever added: pieces that are read one after another fit together, and a slow
    // reader keeps no transaction open.
    each_line(&mut store, arguments.after, |line| {
        writeln!(out, "{}", exported(line)?)?;
        Ok(())
    })?;
    out.flush()?;
    Ok(Exit::Done)
}

fn each_line(
    store: &mut dyn Store,
    mut after: u64,
    mut take: impl FnMut(&Line) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    loop {
        let piece = store.journal(after, PIECE)?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = last.number;
        piece.iter().try_for_each(&mut take)?;
    }
}

/// The entry is written as it is stored: its hash can be computed again.
fn exported(line: &Line) -> Stored<String> {
    let Line { number, at, entry, hash } = line;
    let is_whole = serde_json::from_str::<IgnoredAny>(entry).is_ok() && !entry.contains('\n');
    if !is_whole {
        return Err(StoreError(format!("journal line {number} is not what was written")));
    }
    let hash = serde_json::Value::from(&**hash);
    Ok(format!(r#"{{"number":{number},"at":{},"entry":{entry},"hash":{hash}}}"#, at.0))
}

/// Verifies.
pub(crate) fn run_verify(
    arguments: &Verify,
    mut surroundings: Surroundings<'_>,
) -> io::Result<Exit> {
    let done = check(arguments, &mut surroundings);
    conclude(done, surroundings.talk)
}

fn check(arguments: &Verify, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    let head = match (&arguments.head, &arguments.head_file) {
        (Some(head), _) => Some(parse_head(head)?),
        (None, Some(file)) => Some(head_in(file)?),
        (None, None) => None,
    };
    // A reader's transaction: all of it is of one moment, and the gateway does not wait.
    let mut store = beside.reader()?;
    let (mut recount, differences) = verify(&mut store)?;
    let out = &mut *surroundings.out;
    writeln!(out, "lines: {}", recount.lines)?;
    writeln!(out, "head:  {}", recount.head)?;
    for (state, what) in [
        (State::Open, "on their way"),
        (State::Bound, "not settled"),
        (State::Lost, "with an unknown outcome"),
    ] {
        let count = recount.contents.in_state(state, usize::MAX)?.len();
        writeln!(out, "calls {what}: {count}")?;
    }
    let talk = &mut *surroundings.talk;
    for difference in differences.iter().take(TOLD) {
        writeln!(talk, "{difference}")?;
    }
    if differences.len() > TOLD {
        writeln!(talk, "and {} more", differences.len() - TOLD)?;
    }
    let kept = match &head {
        None => true,
        Some(head) => contains(&mut store, head)?,
    };
    if !kept {
        writeln!(
            talk,
            "the line with the head that was given is not in the journal: lines were lost"
        )?;
    }
    if differences.is_empty() && kept {
        writeln!(out, "The records are what was written.")?;
        return Ok(Exit::Done);
    }
    Ok(Exit::Failed)
}

/// Whether a line has this hash; the chain is known to be whole.
fn contains(store: &mut dyn Store, head: &str) -> Result<bool, Trouble> {
    let mut found = false;
    each_line(store, 0, |line| {
        found |= *line.hash == *head;
        Ok(())
    })?;
    Ok(found)
}

fn head_in(file: &Path) -> Result<String, Trouble> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Trouble::Refused(format!("{name}: {error}")))?;
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    parse_head(last).map_err(|_| Trouble::Refused(format!("{name}: its last line has no hash")))
}

/// A hash by itself, or in a line of an export.
fn parse_head(text: &str) -> Result<String, Trouble> {
    #[derive(Deserialize)]
    struct Exported {
        hash: String,
    }
    let text = text.trim();
    let hash = match serde_json::from_str::<Exported>(text) {
        Ok(exported) => exported.hash,
        Err(_) => text.strip_prefix("head:").unwrap_or(text).trim().to_owned(),
    };
    if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(hash.to_ascii_lowercase());
    }
    Err(Trouble::Refused("a head is a hash of 64 hexadecimal digits".to_owned()))
}

#[cfg(test)]
mod tests {
    use heify_gateway::records::{AudioMillis, Memory, Moment, Payer, ledger};

    use super::*;

    fn store(lines: i64) -> Memory {
        let mut store = Memory::default();
        for number in 1..=lines {
            let note = "for \"n\"\nof acme".into();
            let amount = AudioMillis(number);
            ledger::grant(&mut store, &Payer::Account, amount, &note, Moment(number)).unwrap();
        }
        store
    }

    #[test]
    fn all_lines_are_exported_however_many_pieces_they_are_in() {
        let mut store = store(2 * i64::try_from(PIECE).unwrap() + 1);
        let mut numbers = Vec::new();
        each_line(&mut store, 3, |line| {
            numbers.push(line.number);
            Ok(())
        })
        .unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!(numbers, (4..=2 * PIECE as u64 + 1).collect::<Vec<_>>());
    }

    #[test]
    fn an_exported_line_is_json_with_the_entry_as_it_is_stored() {
        let line = store(1).journal(0, 1).unwrap().remove(0);
        let text = exported(&line).unwrap();
        assert!(!text.contains('\n') && text.contains(&format!(r#""entry":{},"#, line.entry)));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["number"], &json["at"]), (&1.into(), &1.into()));
        assert_eq!(json["entry"]["kind"], "grant");
        assert_eq!(json["hash"], *line.hash);
        let torn = Line { entry: "{".into(), ..line };
        assert!(exported(&torn).is_err());
    }

    #[test]
    fn a_head_is_read_from_a_hash_or_an_export() {
        let line = store(1).journal(0, 1).unwrap().remove(0);
        let read = |text: &str| parse_head(text).ok();
        let hash = Some(line.hash.to_string());
        assert_eq!(read(&format!(" {}\n", line.hash)), hash);
        assert_eq!(read(&format!("head:  {}", line.hash)), hash);
        assert_eq!(read(&exported(&line).unwrap()), hash);
        assert_eq!((read(""), read("{}"), read(&line.hash[1..])), (None, None, None));
    }

    #[test]
    fn a_journal_without_its_tail_does_not_contain_the_head() {
        let (mut whole, mut cut) = (store(5), store(4));
        let head = whole.journal(4, 1).unwrap().remove(0).hash;
        let kept = |store: &mut Memory| contains(store, &head).unwrap_or_else(|e| panic!("{e}"));
        assert!(kept(&mut whole) && !kept(&mut cut));
    }
}
