//! How does a command work on the durable records, beside a gateway that may serve them?
//!
//! A command that only reads sees one moment of the records and keeps nobody waiting. One that writes
//! does so in one short transaction; a running gateway takes notice within a second.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use heify_gateway::admin::operate::{self, Act, Declined};
use heify_gateway::config::{Mistakes, Settings};
use heify_gateway::contract::Contract;
use heify_gateway::records::{Memory, Missing, Moment, Sqlite, Store, StoreError, Stored};

use super::gateway::{StartError, contract};
use super::sources::{explain, settings};
use super::{Exit, Surroundings};

/// The configuration, and the records that it names.
pub(crate) struct Beside {
    pub(crate) settings: Settings,
    path: PathBuf,
    /// Who runs the command, for the audit log.
    who: Arc<str>,
}

/// Why a command cannot do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    #[error(transparent)]
    Contract(#[from] StartError),
    #[error(
        "the configuration names no records: set url = \"sqlite:///...\" in [records], and restart \
         the gateway"
    )]
    NoRecords,
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Declined(#[from] Declined),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unreachable(String),
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl Beside {
    /// Reads the configuration.
    pub(crate) fn find(surroundings: &Surroundings<'_>) -> Result<Self, Trouble> {
        let settings = settings(surroundings)?;
        let path = settings.records.as_ref().map(|records| records.path.clone());
        let user = surroundings.environment.iter().find(|(name, _)| name == "USER");
        let user = user.and_then(|(_, user)| user.to_str()).unwrap_or("unknown");
        let who = format!("command:{user}").into();
        Ok(Self { settings, path: path.ok_or(Trouble::NoRecords)?, who })
    }

    /// The contract that the configuration names.
    pub(crate) fn contract(&self) -> Result<Arc<Contract>, Trouble> {
        Ok(contract(&self.settings)?)
    }

    /// Opens the records for reading.
    pub(crate) fn reader(&self) -> Result<Sqlite, Trouble> {
        Ok(Sqlite::read_only(&self.path)?)
    }

    /// Reads all as it is at one moment.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&mut dyn Store) -> Stored<T>,
    ) -> Result<T, Trouble> {
        let mut store = self.reader()?;
        store.begin()?;
        let found = read(&mut store);
        store.rollback();
        Ok(found?)
    }

    /// Reads; where there are no records yet, there is nothing in them.
    pub(crate) fn read_or_empty<T>(
        &self,
        read: impl FnOnce(&mut dyn Store) -> Stored<T>,
    ) -> Result<T, Trouble> {
        if self.path.exists() { self.read(read) } else { Ok(read(&mut Memory::default())?) }
    }

    /// Writes in one transaction: all, or nothing after an error.
    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce(&mut dyn Store) -> Stored<T>,
    ) -> Result<T, Trouble> {
        let mut store = Sqlite::beside(&self.path, Missing::Create)?;
        store.begin()?;
        match write(&mut store) {
            Ok(done) => {
                store.commit()?;
                Ok(done)
            }
            Err(error) => {
                store.rollback();
                Err(error.into())
            }
        }
    }

    /// Changes something in one transaction: all of it, or nothing when it is declined.
    pub(crate) fn operate<T>(
        &self,
        change: impl FnOnce(&mut dyn Store, &Settings, &Act) -> Result<T, Declined>,
    ) -> Result<T, Trouble> {
        let act = Act { who: self.who.clone(), now: Moment::now() };
        let done = self.write(|store| operate::within(change(store, &self.settings, &act)))?;
        Ok(done?)
    }

    /// The place of a tenant in the configuration.
    pub(crate) fn tenant(&self, id: &str) -> Result<usize, Trouble> {
        Ok(operate::tenant(&self.settings, id)?)
    }
}

/// Ends a command: says what went wrong, and gives the exit code.
pub(crate) fn conclude(done: Result<Exit, Trouble>, talk: &mut dyn io::Write) -> io::Result<Exit> {
    let trouble = match done {
        Ok(exit) => return Ok(exit),
        Err(trouble) => trouble,
    };
    let exit = match &trouble {
        Trouble::Mistakes(mistakes) => {
            explain(mistakes, talk)?;
            return Ok(Exit::WrongConfiguration);
        }
        Trouble::Contract(error) => error.exit(),
        Trouble::NoRecords => Exit::WrongConfiguration,
        Trouble::Unreachable(_) => Exit::Unreachable,
        Trouble::Store(_) | Trouble::Declined(_) | Trouble::Refused(_) => Exit::Failed,
        Trouble::Write(_) => {
            let Trouble::Write(error) = trouble else { return Ok(Exit::Failed) };
            return Err(error);
        }
    };
    writeln!(talk, "heify-gateway: {trouble}")?;
    Ok(exit)
}
