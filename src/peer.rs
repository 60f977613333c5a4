//! From which address does a request come?

use std::net::{IpAddr, SocketAddr};

/// The address of the connection's other end, as a request extension that the listener gives.
///
/// `None` on a unix socket. It is the nearest hop, not what a forwarding field claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peer(pub Option<IpAddr>);

impl From<SocketAddr> for Peer {
    /// An IPv4 client of a dual-stack socket counts as IPv4, so that one client has one address.
    fn from(address: SocketAddr) -> Self {
        Self(Some(address.ip().to_canonical()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_client_of_a_dual_stack_socket_is_ipv4() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:4711".parse().unwrap();
        assert_eq!(Peer::from(mapped), Peer(Some("192.0.2.1".parse().unwrap())));
    }
}
