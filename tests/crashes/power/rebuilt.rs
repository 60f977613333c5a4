//! Does the real binary verify and serve what a cut has left?

use std::path::PathBuf;
use std::process::{Output, Stdio};

use fastrand::Rng;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::super::process::{PATIENCE, serve};
use super::super::world::World;
use super::promises::{Known, Promised, Since};

/// What opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    Verify,
    Start,
    VerifyAndStart,
}

impl Opened {
    pub fn any(rng: &mut Rng) -> Self {
        match rng.u8(..5) {
            0 => Self::Start,
            1 => Self::VerifyAndStart,
            _ => Self::Verify,
        }
    }
}

/// A folder like that of a world, with what a cut has left of its records.
pub struct Rebuilt {
    pub folder: TempDir,
    database: PathBuf,
    configuration: PathBuf,
}

impl Rebuilt {
    pub fn new(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join(world.database().file_name().unwrap());
        let configuration = folder.path().join("gateway.toml");
        let text = std::fs::read_to_string(world.configuration()).unwrap();
        let (from, to) = (world.database().display().to_string(), database.display().to_string());
        std::fs::write(&configuration, text.replace(&from, &to)).unwrap();
        Self { folder, database, configuration }
    }

    /// Whether all that was promised is there, and nothing that nobody wrote.
    pub async fn check(
        &self,
        known: &Known,
        promised: &Promised,
        by: Opened,
    ) -> Result<(), String> {
        if by != Opened::Start {
            match self.verify().await {
                Ok(()) => known.check(&self.database, promised, Since::Cut)?,
                // Before anybody was told anything, there may be nothing to verify yet.
                Err(_) if promised.is_empty() => {}
                // The tables of an older gateway are for a gateway to bring up to date.
                Err(said) if said.contains("start this gateway with it once") => {}
                Err(said) => return Err(format!("verify: {said}")),
            }
        }
        if by != Opened::Verify {
            self.start().await.map_err(|said| format!("serve: {said}"))?;
            known.check(&self.database, promised, Since::Start)?;
        }
        Ok(())
    }

    async fn verify(&self) -> Result<(), String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heify-gateway"));
        command.env_clear().args(["verify", "-c"]).arg(&self.configuration).kill_on_drop(true);
        let Output { status, stdout, stderr } =
            timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if status.success() { Ok(()) } else { Err(text(&stdout) + &text(&stderr)) }
    }

    /// Starts it, and kills it once it serves.
    async fn start(&self) -> Result<(), String> {
        let mut command = serve(&self.configuration);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("\"gateway ready\"") {
                    return true;
                }
            }
            false
        });
        if ready.await.unwrap() {
            child.kill().await.unwrap();
            return Ok(());
        }
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        Err(said)
    }
}
