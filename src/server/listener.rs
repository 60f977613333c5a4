//! Where does a listener listen?

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::peer::Peer;

/// Connections that wait to be accepted; the kernel lowers it to its own limit
/// (`net.core.somaxconn`). The standard library's 128 overflow when clients come back at once.
const BACKLOG: i32 = 4096;

/// A listening socket: TCP, or a unix socket for a client on the same machine.
#[derive(Debug)]
pub struct Listener {
    socket: Listening,
    file: Option<Arc<SocketFile>>,
}

#[derive(Debug)]
enum Listening {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// Where a listener can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalAddr {
    /// Over TCP.
    Tcp(SocketAddr),
    /// Over the unix socket at this path.
    Unix(PathBuf),
}

impl std::fmt::Display for LocalAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Listener {
    /// Listens on a TCP address; port 0 takes a free one.
    ///
    /// # Errors
    /// The operating system's, where the address cannot be bound.
    pub fn tcp(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        SockRef::from(&listener).listen(BACKLOG)?;
        Ok(Self::from(listener))
    }

    /// Listens on a unix socket, open to its owner and group (mode 0660). A socket file that a
    /// crashed process left behind is removed; one that somebody listens on is not. The file is
    /// removed when the last handle of the listener is dropped.
    ///
    /// # Errors
    /// `AddrInUse` where somebody listens, `AlreadyExists` where the path is no socket, else the
    /// operating system's.
    pub fn unix(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        remove_stale(&path)?;
        let listener = std::os::unix::net::UnixListener::bind(&path)?;
        let file = Arc::new(SocketFile::new(path)?);
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o660))?;
        SockRef::from(&listener).listen(BACKLOG)?;
        Ok(Self { socket: Listening::Unix(listener), file: Some(file) })
    }

    /// Where it can be reached.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<LocalAddr> {
        Ok(match (&self.socket, &self.file) {
            (Listening::Tcp(listener), _) => LocalAddr::Tcp(listener.local_addr()?),
            (Listening::Unix(_), Some(file)) => LocalAddr::Unix(file.path.clone()),
            (Listening::Unix(listener), None) => {
                let address = listener.local_addr()?;
                LocalAddr::Unix(address.as_pathname().map(PathBuf::from).unwrap_or_default())
            }
        })
    }

    /// Another handle of the same socket: those who accept share its queue.
    ///
    /// # Errors
    /// The operating system's, such as too many open files.
    pub fn share(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            Listening::Tcp(listener) => Listening::Tcp(listener.try_clone()?),
            Listening::Unix(listener) => Listening::Unix(listener.try_clone()?),
        };
        Ok(Self { socket, file: self.file.clone() })
    }

    /// Hands the socket to the tokio runtime that this is called in.
    pub(super) fn open(self) -> io::Result<Accepting> {
        let socket = match self.socket {
            Listening::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Opened::Tcp(TcpListener::from_std(listener)?)
            }
            Listening::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Opened::Unix(UnixListener::from_std(listener)?)
            }
        };
        Ok(Accepting { socket, _file: self.file })
    }
}

/// A TCP socket that listens already, such as one that systemd hands over.
impl From<std::net::TcpListener> for Listener {
    fn from(listener: std::net::TcpListener) -> Self {
        Self { socket: Listening::Tcp(listener), file: None }
    }
}

/// A unix socket that listens already. Its file is its owner's to remove.
impl From<std::os::unix::net::UnixListener> for Listener {
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        Self { socket: Listening::Unix(listener), file: None }
    }
}

/// A listening socket inside a runtime.
#[derive(Debug)]
pub(super) struct Accepting {
    socket: Opened,
    _file: Option<Arc<SocketFile>>,
}

#[derive(Debug)]
enum Opened {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accepting {
    pub(super) fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Socket, Peer)>> {
        Poll::Ready(match &self.socket {
            Opened::Tcp(listener) => ready!(listener.poll_accept(context)).map(|(socket, from)| {
                // An answer that waits for the client's acknowledgment of its head costs 40 ms.
                // A socket that is already gone shows when it is read.
                let _ = socket.set_nodelay(true);
                (Socket::Tcp(socket), Peer::from(from))
            }),
            Opened::Unix(listener) => ready!(listener.poll_accept(context))
                .map(|(socket, _)| (Socket::Unix(socket), Peer(None))),
        })
    }
}

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The file of a unix socket, which outlives its process unless it is removed.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: PathBuf) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(&path)?;
        Ok(Self { path, identity: (metadata.dev(), metadata.ino()) })
    }
}

impl Drop for SocketFile {
    /// Leaves a file alone that a successor has put in its place.
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path).map(|found| (found.dev(), found.ino()));
        if found.is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Unix(socket) => Pin::new(socket).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Unix(socket) => Pin::new(socket).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write_vectored(context, slices),
            Self::Unix(socket) => Pin::new(socket).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_flush(context),
            Self::Unix(socket) => Pin::new(socket).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Unix(socket) => Pin::new(socket).poll_shutdown(context),
        }
    }
}
