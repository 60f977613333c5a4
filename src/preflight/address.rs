//! Which addresses may be connected to?
//!
//! Whoever sends a request chooses the address, and the gateway stands where nobody from outside does:
//! only what anybody on the internet can reach may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is not the public internet (IANA's special-purpose registry, RFC 6890, and what clouds answer
/// metadata on), as an address and the length of its prefix.
const SPECIAL_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carriers' NAT; 100.100.100.200 is a metadata server
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // a cloud's own server, seen from its machines only
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local; 169.254.169.254 is a metadata server
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments; 192.0.0.192 is a metadata server
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved; its last one is broadcast
];

/// The part of IPv6 that is given out to networks (RFC 4291). All else is loopback, link-local, unique
/// local (`fd00:ec2::254` is a metadata server), site-local, multicast, or an IPv4 address in disguise.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// What is in that part and not the public internet.
const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    // Protocol assignments: Teredo, which hides an IPv4 address, benchmarks, ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),     // 6to4, which hides an IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),     // documentation
];
/// NAT64 (RFC 6052): where a network speaks IPv6 only, every IPv4 host of the world has such an
/// address, so that the one that it hides decides.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether anybody on the internet can reach an address, as far as its number tells.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !SPECIAL_V4.iter().any(|(network, prefix)| has_v4(*network, *prefix, address))
        }
        IpAddr::V6(address) if has_v6(NAT64.0, NAT64.1, address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(Ipv4Addr::new(a, b, c, d).into())
        }
        IpAddr::V6(address) => {
            has_v6(GLOBAL_V6.0, GLOBAL_V6.1, address)
                && !SPECIAL_V6.iter().any(|(network, prefix)| has_v6(*network, *prefix, address))
        }
    }
}

/// A network that the operators allow besides: their storage may lie inside of the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.1.0.0/16` or `fd12::/48`; an address alone is a network of one.
    ///
    /// # Errors
    /// Says what a network looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || r#"must be a network such as "10.1.0.0/16" or "fd12::/48""#.to_owned();
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                prefix.parse().map_err(|_| expected())?
            }
            Some(_) => return Err(expected()),
        };
        if prefix > longest {
            return Err(expected());
        }
        Ok(Self { address, prefix })
    }

    /// Whether an address lies in it. One of IPv4 never lies in a network of IPv6, in whatever disguise.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => has_v4(network, self.prefix, address),
            (IpAddr::V6(network), IpAddr::V6(address)) => has_v6(network, self.prefix, address),
            _ => false,
        }
    }
}

fn has_v4(network: Ipv4Addr, prefix: u8, address: Ipv4Addr) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    network.to_bits() & mask == address.to_bits() & mask
}

fn has_v6(network: Ipv6Addr, prefix: u8, address: Ipv6Addr) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    network.to_bits() & mask == address.to_bits() & mask
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// First and last of each network, and what clouds answer on: every line stands for one rule.
    const REFUSED: [&str; 70] = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.192",
        "192.0.0.255",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "254.255.255.255",
        "255.255.255.255",
        // IPv6: unspecified, loopback, compatible, mapped, translated.
        "::",
        "::1",
        "::7f00:1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "::ffff:0:8.8.8.8",
        // NAT64 of what is not public, and the kind that is a network's own.
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::100.100.100.200",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:0:0:1::8.8.8.8",
        "64:ff9a::8.8.8.8",
        // Discard-only, and what nobody was given.
        "100::1",
        "1fff:ffff::1",
        "4000::1",
        // Teredo (with 127.0.0.1 in it), benchmarks, ORCHID, documentation, 6to4 (of 10.0.0.1).
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002:a00:1::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        // Unique local, link-local, site-local, multicast.
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ];

    const ALLOWED: [&str; 31] = [
        "1.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2000::1",
        "2001:200::1",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2003::1",
        "2606:4700:4700::1111",
        "3ffe::1",
        "64:ff9b::8.8.8.8",
    ];

    #[test]
    fn only_what_anybody_can_reach_is_public() {
        let wrong = |list: &[&str], public: bool| {
            let wrong = |text: &&&str| is_public(text.parse().unwrap()) != public;
            list.iter().filter(wrong).map(|text| (*text).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(wrong(&REFUSED, false), [""; 0]);
        assert_eq!(wrong(&ALLOWED, true), [""; 0]);
    }

    #[test]
    fn each_network_in_the_tables_has_a_line_that_nothing_else_refuses() {
        let refused: Vec<IpAddr> = REFUSED.iter().map(|text| text.parse().unwrap()).collect();
        for (network, prefix) in SPECIAL_V4.iter().filter(|(_, prefix)| *prefix < 32) {
            let held = refused
                .iter()
                .any(|one| matches!(one, IpAddr::V4(one) if has_v4(*network, *prefix, *one)));
            assert!(held, "{network}/{prefix}");
        }
        for (network, prefix) in SPECIAL_V6 {
            let held = refused
                .iter()
                .any(|one| matches!(one, IpAddr::V6(one) if has_v6(network, prefix, *one)));
            assert!(held, "{network}/{prefix}");
        }
    }

    #[test]
    fn a_network_has_its_addresses_and_no_others() {
        let has = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(has("10.1.0.0/16", "10.1.255.255") && !has("10.1.0.0/16", "10.2.0.0"));
        assert!(has("10.1.2.3", "10.1.2.3") && !has("10.1.2.3", "10.1.2.4"));
        assert!(has("0.0.0.0/0", "255.255.255.255") && !has("0.0.0.0/0", "::ffff:1.2.3.4"));
        assert!(has("fd12::/48", "fd12::1") && !has("fd12::/48", "fd12:0:1::"));
        assert!(has("::/0", "ff02::1") && !has("::/0", "1.2.3.4"));
        for wrong in ["", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "10/8", "a/8"]
        {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_hides_a_private_address_is_public(host in any::<u32>(), net in 0_usize..16) {
            let (network, prefix) = SPECIAL_V4[net];
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            let v4 = Ipv4Addr::from_bits((network.to_bits() & mask) | (host & !mask));
            prop_assert!(!is_public(v4.into()));
            prop_assert!(!is_public(v4.to_ipv6_mapped().into()));
            prop_assert!(!is_public(v4.to_ipv6_compatible().into()));
            let bits = u128::from(v4.to_bits());
            let nat64 = Ipv6Addr::from_bits(NAT64.0.to_bits() | bits);
            let six_to_four = Ipv6Addr::from_bits((0x2002_u128 << 112) | (bits << 80) | 1);
            let teredo = Ipv6Addr::from_bits((0x2001_0000_u128 << 96) | (!bits & 0xffff_ffff));
            prop_assert!(!is_public(nat64.into()));
            prop_assert!(!is_public(six_to_four.into()));
            prop_assert!(!is_public(teredo.into()));
        }
    }
}
