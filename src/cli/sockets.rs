//! Which sockets listened before this process began?
//!
//! A service manager that binds the ports keeps them over a restart: connections wait in the kernel
//! meanwhile, and none is refused. See sd_listen_fds(3).

use std::ffi::OsString;
use std::net::IpAddr;

use heify_gateway::config;
use heify_gateway::server::{Listener, LocalAddr};
use listenfd::ListenFd;

use super::gateway::StartError;

/// Those that were handed over; for the others the configuration names an address.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) data: Option<Listener>,
    pub(crate) admin: Option<Listener>,
    pub(crate) status: Option<Listener>,
}

impl Sockets {
    /// Takes what the environment tells of. Once per process, and before there are other threads:
    /// what was taken is forgotten there.
    ///
    /// # Errors
    /// Says which socket cannot be used.
    pub(crate) fn take(environment: &[(OsString, OsString)]) -> Result<Self, StartError> {
        let names = environment.iter().find(|(name, _)| name == "LISTEN_FDNAMES");
        let names = names.and_then(|(_, names)| names.to_str()).unwrap_or_default();
        let mut handed = ListenFd::from_env();
        let count = handed.len();
        let mut sockets = Self::default();
        for (index, name) in (0..count).zip(names.split(':').chain(std::iter::repeat(""))) {
            let place = sockets.place(name, count).map_err(StartError::Handed)?;
            let listener = listener(&mut handed, index).map_err(|error| {
                StartError::Handed(format!("the socket {name:?} that was handed over: {error}"))
            })?;
            if place.replace(listener).is_some() {
                let message = format!("two sockets named {name:?} were handed over; one is needed");
                return Err(StartError::Handed(message));
            }
        }
        Ok(sockets)
    }

    /// A single one needs no name of its own.
    fn place(&mut self, name: &str, count: usize) -> Result<&mut Option<Listener>, String> {
        match name {
            "data" => Ok(&mut self.data),
            "admin" => Ok(&mut self.admin),
            "status" => Ok(&mut self.status),
            _ if count == 1 => Ok(&mut self.data),
            _ => Err(format!(
                "a socket named {name:?} was handed over; each of several needs one of the names \
                 data, admin and status (FileDescriptorName= in its unit)"
            )),
        }
    }

    /// The configuration has checked the addresses that it names, and nothing else: tokens must not
    /// pass in plain text because a socket listens elsewhere.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn check(&self, settings: &config::Settings) -> Result<(), StartError> {
        let Some(Ok(LocalAddr::Tcp(address))) = self.admin.as_ref().map(Listener::local_addr)
        else {
            return Ok(());
        };
        let admin = &settings.admin;
        let is_checked = is_within(address.ip(), admin.listen.ip());
        if is_checked
            || address.ip().is_loopback()
            || admin.tls.is_some()
            || admin.tokens.is_empty()
        {
            return Ok(());
        }
        Err(StartError::Handed(format!(
            "the socket for the admin port listens on {address}, where tokens would pass in plain \
             text: set admin.tls, or let admin.listen say the same address with allow_plain_remote"
        )))
    }
}

/// Whether whoever can reach the one address could reach the other.
fn is_within(address: IpAddr, checked: IpAddr) -> bool {
    address == checked || checked.is_unspecified() && address.is_ipv4() == checked.is_ipv4()
}

fn listener(handed: &mut ListenFd, index: usize) -> std::io::Result<Listener> {
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    match handed.take_tcp_listener(index) {
        Ok(listener) => listener.map(Listener::from).ok_or_else(missing),
        Err(_) => handed.take_unix_listener(index)?.map(Listener::from).ok_or_else(missing),
    }
}
