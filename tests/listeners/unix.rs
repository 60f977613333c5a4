//! Does a unix socket serve, and leave nothing behind?

use std::io;
use std::os::unix::fs::PermissionsExt;

use heify_gateway::server::{Drained, Listener, Server, Settings};
use tokio::net::UnixStream;

use crate::support::{App, Client, soon};

#[tokio::test]
async fn a_unix_socket_serves_and_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.sock");
    // What a crashed process leaves behind: a file on which nobody listens.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = Listener::unix(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let taken = Listener::unix(&path).map(drop).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);

    let server = Server::new(App::new("app"), Settings::default());
    let serving = server.clone();
    let serving = tokio::spawn(async move { serving.serve(listener).await });
    let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.get("/peer").await.text(), "Some(Peer(None))");
    server.shutdown();
    assert_eq!(soon(serving).await.unwrap().unwrap(), Drained { cut: 0 });
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    let refused = Listener::unix(&path).map(drop).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"data");
}

#[test]
fn a_successor_keeps_its_socket_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.sock");
    let old = Listener::unix(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _new = Listener::unix(&path).unwrap();
    drop(old);
    assert!(path.exists());
}
