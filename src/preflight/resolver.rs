//! At which addresses is a host, and may they be connected to?

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use super::address::{Network, is_public};
use super::outcome::Outcome;
use super::target::Host;
use crate::budget::Hold;

/// Finds the addresses of a name. It may block; it is called on a thread where that harms nobody.
#[derive(Clone)]
pub struct Resolver(Arc<Find>);

type Find = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

impl Resolver {
    /// Asks this function.
    pub fn new(find: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// The addresses of a host that may be connected to. Asked once for each URL: what is connected to
    /// are the very addresses that were checked, whatever the name says a moment later.
    ///
    /// One that may not spoils all: a name with a public and a private address is made to be tried
    /// until the private one is taken. The hold lasts as long as the question, which nobody can stop.
    pub(super) async fn addresses(
        &self,
        host: &Host,
        networks: &[Network],
        hold: &Arc<Hold>,
    ) -> Result<Vec<IpAddr>, Outcome> {
        let found = match host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let (find, name, hold) = (Arc::clone(&self.0), name.clone(), Arc::clone(hold));
                let asked = tokio::task::spawn_blocking(move || {
                    let found = find(&name);
                    drop(hold);
                    found
                });
                asked.await.ok().and_then(Result::ok).unwrap_or_default()
            }
        };
        permitted(found, networks)
    }
}

impl Default for Resolver {
    /// Asks the system.
    fn default() -> Self {
        Self::new(|name| Ok((name, 0).to_socket_addrs()?.map(|found| found.ip()).collect()))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

fn permitted(found: Vec<IpAddr>, networks: &[Network]) -> Result<Vec<IpAddr>, Outcome> {
    let may = |address: &IpAddr| {
        is_public(*address) || networks.iter().any(|network| network.contains(*address))
    };
    if found.is_empty() {
        return Err(Outcome::Unresolved);
    }
    if found.iter().all(may) { Ok(found) } else { Err(Outcome::NotFetched) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_that_may_not_be_connected_to_spoils_all() {
        let addresses = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let public = addresses(&["93.184.216.34", "2606:4700::1"]);
        assert_eq!(permitted(public.clone(), &[]), Ok(public));
        for mixed in [
            &["10.0.0.1"][..],
            &["93.184.216.34", "10.0.0.1"],
            &["::1", "93.184.216.34"],
            &["93.184.216.34", "2606:4700::1", "fe80::1"],
        ] {
            assert_eq!(permitted(addresses(mixed), &[]), Err(Outcome::NotFetched), "{mixed:?}");
        }
        assert_eq!(permitted(Vec::new(), &[]), Err(Outcome::Unresolved));
        let networks = [Network::parse("10.0.0.0/24").unwrap()];
        let inside = addresses(&["10.0.0.1", "93.184.216.34"]);
        assert_eq!(permitted(inside.clone(), &networks), Ok(inside));
        let beside = addresses(&["10.0.0.1", "10.0.1.1"]);
        assert_eq!(permitted(beside, &networks), Err(Outcome::NotFetched));
    }
}
