//! An upstream that holds back its answers until the test says so.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::watch;
use uuid::Uuid;

use super::client::send;
use super::process::{Served, until};
use super::upstream::{Seen, well};
use super::world::{KEYS, SUBMIT, World, named};

/// Calls whose name begins with `held` are read, and answered once the gate is open.
pub struct Held {
    pub world: World,
    gate: watch::Sender<bool>,
    /// How many answers are on their way.
    answered: watch::Receiver<usize>,
}

impl Held {
    pub async fn start() -> Self {
        let (gate, opened) = watch::channel(false);
        let (count, answered) = watch::channel(0);
        let world = World::start(move |seen: Seen| {
            let (mut opened, count) = (opened.clone(), count.clone());
            Box::pin(async move {
                if seen.name().starts_with("held") {
                    let _ = opened.wait_for(|open| *open).await;
                    count.send_modify(|count| *count += 1);
                }
                well(&seen)
            })
        })
        .await;
        Self { world, gate, answered }
    }

    /// Lets all answers go.
    pub fn open(&self) {
        self.gate.send_replace(true);
    }

    /// Waits until so many answers are on their way.
    pub async fn answered(&mut self, count: usize) {
        self.answered.wait_for(|answered| *answered >= count).await.unwrap();
    }

    /// Submits a job; its connection, once the call stands in the records.
    pub async fn submit(&self, listen: SocketAddr, name: &str, configuration: Uuid) -> TcpStream {
        let body = named(SUBMIT, name, &json!({ "configuration_id": configuration }));
        let stream = send(listen, SUBMIT, KEYS[0], name, &body).await.unwrap();
        until("reserved", async || self.world.state(name).is_some()).await;
        stream
    }

    /// A gateway, and a configuration to submit jobs with.
    pub async fn serve(&self) -> (Served, Uuid) {
        let served = self.world.serve().await;
        let configuration = self.world.made(&served).await;
        (served, configuration)
    }
}
