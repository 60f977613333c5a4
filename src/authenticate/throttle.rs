//! How often may one address present a wrong key?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::peer::Peer;
use crate::rate::Rate;

/// Addresses that are remembered at once. Past it the least recently seen are forgotten, so that
/// an attacker with many addresses gains attempts but never memory.
const ADDRESSES: u64 = 10_000;
/// An address that has been quiet for this long has its full burst back at any sensible rate.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Counts wrong keys per address. Consulted only once a key turned out to be wrong: the holder of a
/// valid key behind the same address never notices.
#[derive(Debug)]
pub struct Throttle {
    rate: Rate,
    seen: Cache<Source, Arc<DefaultDirectRateLimiter>>,
}

/// What counts as one address, as one number that is hashed at once: an IPv4 address as it is mapped
/// into IPv6, and of IPv6 the network, since a subscriber has a whole /64 to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Source(u128);

impl Source {
    /// A unix socket; no network ends like this.
    const LOCAL: Self = Self(u128::MAX);
}

impl Throttle {
    /// Looks at so many wrong keys per address.
    pub fn new(rate: Rate) -> Self {
        let seen = Cache::builder()
            .max_capacity(ADDRESSES)
            // moka's usual policy may refuse a new address in favor of ones often seen.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(FORGET_AFTER)
            .build();
        Self { rate, seen }
    }

    /// The numbers it was made with.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts one wrong key.
    ///
    /// # Errors
    /// The time until the next one is looked at, when the address had too many.
    pub fn count(&self, peer: Peer) -> Result<(), Duration> {
        let limiter = self.seen.get_with(source(peer), || {
            let quota = Quota::per_minute(self.rate.per_minute).allow_burst(self.rate.burst);
            Arc::new(RateLimiter::direct(quota))
        });
        use governor::clock::Clock;
        limiter.check().map_err(|until| until.wait_time_from(limiter.clock().now()))
    }
}

fn source(peer: Peer) -> Source {
    match peer.0.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => Source(address.to_ipv6_mapped().to_bits()),
        Some(IpAddr::V6(address)) => Source(address.to_bits() >> 64 << 64),
        None => Source::LOCAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer(Some(address.parse().unwrap()))
    }

    #[test]
    fn one_address_runs_out_of_attempts_and_another_does_not() {
        let throttle = Throttle::new(Rate::new(1, 3).unwrap());
        for _ in 0..3 {
            assert!(throttle.count(peer("192.0.2.1")).is_ok());
        }
        let wait = throttle.count(peer("192.0.2.1")).unwrap_err();
        assert!(wait <= Duration::from_secs(60));
        assert!(throttle.count(peer("192.0.2.2")).is_ok());
    }

    #[test]
    fn one_ipv6_network_and_a_mapped_address_count_as_one() {
        assert_eq!(source(peer("2001:db8::1")), source(peer("2001:db8::ffff:2")));
        assert_ne!(source(peer("2001:db8::1")), source(peer("2001:db8:0:1::1")));
        assert_eq!(source(peer("::ffff:192.0.2.1")), source(peer("192.0.2.1")));
        assert_eq!(source(Peer(None)), Source::LOCAL);
    }
}
