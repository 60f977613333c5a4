//! The floor: a process that copies bytes in both directions and does nothing else.

use std::error::Error;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

/// Copies between `listen` and `to` until the process is ended.
pub(crate) fn run(listen: SocketAddr, to: SocketAddr) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (mut client, _) = listener.accept().await?;
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(to).await {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    })
}
