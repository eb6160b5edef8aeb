//! Which addresses are public: those that a stranger may name as the target of a request of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: an address, and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// A network, unless the address has fewer bits, or has some set beyond those that count.
    pub(super) fn new(first: IpAddr, bits: u8) -> Option<Self> {
        let beyond = match first {
            IpAddr::V4(address) if bits <= 32 => u128::from(address.to_bits() & !mask4(bits)),
            IpAddr::V6(address) if bits <= 128 => address.to_bits() & !mask6(bits),
            _ => return None,
        };
        (beyond == 0).then_some(Self { first, bits })
    }

    /// Reads `10.0.0.0/8`, or an address for it alone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some((first, bits)) = text.split_once('/') else {
            let address: IpAddr = text.parse().ok()?;
            return Self::new(address, if address.is_ipv4() { 32 } else { 128 });
        };
        let plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        Self::new(first.parse().ok()?, bits.parse().ok().filter(|_| plain)?)
    }

    /// Whether an address is in it.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => within4(first, self.bits, address),
            (IpAddr::V6(first), IpAddr::V6(address)) => within6(first, self.bits, address),
            _ => false,
        }
    }
}

fn mask4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn mask6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

fn within4(first: Ipv4Addr, bits: u8, address: Ipv4Addr) -> bool {
    (first.to_bits() ^ address.to_bits()) & mask4(bits) == 0
}

fn within6(first: Ipv6Addr, bits: u8, address: Ipv6Addr) -> bool {
    (first.to_bits() ^ address.to_bits()) & mask6(bits) == 0
}

/// What is not public of IPv4: the IANA IPv4 Special-Purpose Address Registry
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, RFC 6890) without what is globally reachable there,
/// and what is marked.
const NOT_PUBLIC_4: [(Ipv4Addr, u8); 16] = [
    // «This network» (RFC 791, 3.2), the unspecified address among it.
    (Ipv4Addr::UNSPECIFIED, 8),
    // Private (RFC 1918).
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared, behind the translation of carriers (RFC 6598).
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // This machine (RFC 1122, 3.2.1.3).
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Beside the registry: where Azure answers its machines, with what is theirs alone
    // (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    // This link (RFC 3927), the metadata of most clouds among it.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Private (RFC 1918).
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    // Assignments of the IETF (RFC 6890, 2.1); its two anycast addresses, which are reachable, are no target either.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation (RFC 5737).
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // Relays of 6to4, given up (RFC 7526).
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Private (RFC 1918).
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Benchmarks (RFC 2544).
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // Documentation (RFC 5737).
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Beside the registry: multicast (RFC 5771).
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved (RFC 1112, 4), with broadcast (RFC 919, 7).
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// All that is given out of IPv6 for everyone
/// (<https://www.iana.org/assignments/ipv6-address-space>, RFC 4291, 2.4). Beyond it lie `::`, `::1`, addresses with one
/// of IPv4 inside, `64:ff9b:1::/48`, `100::/64`, `5f00::/16`, `fc00::/7`, `fe80::/10`, `fec0::/10` and `ff00::/8`.
const GLOBAL_6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is not public of that: the IANA IPv6 Special-Purpose Address Registry
/// (<https://www.iana.org/assignments/iana-ipv6-special-registry>).
const NOT_PUBLIC_6: [(Ipv6Addr, u8); 4] = [
    // Assignments of the IETF (RFC 2928): Teredo with an address of IPv4 inside, benchmarks, ORCHID. What of it is
    // reachable is no target either.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation (RFC 3849).
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, with an address of IPv4 inside (RFC 3056); given up (RFC 7526).
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    // Documentation (RFC 9637).
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Where a network with IPv6 alone puts the addresses of IPv4 (NAT64, RFC 6052, 2.1).
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether an address is one of the public Internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public4(address),
        IpAddr::V6(address) => is_public6(address),
    }
}

fn is_public4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_4.iter().any(|(first, bits)| within4(*first, *bits, address))
}

fn is_public6(address: Ipv6Addr) -> bool {
    if within6(NAT64.0, NAT64.1, address) {
        let [.., a, b, c, d] = address.octets();
        return is_public4(Ipv4Addr::new(a, b, c, d));
    }
    within6(GLOBAL_6.0, GLOBAL_6.1, address)
        && !NOT_PUBLIC_6.iter().any(|(first, bits)| within6(*first, *bits, address))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PUBLIC: &[&str] = &[
        "1.1.1.1",
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
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1",
        "2000::",
        "2001:200::",
        "2001:700::1",
        "2001:db7:ffff::",
        "2001:db9::",
        "2003::",
        "2606:4700:4700::1111",
        "2a00:1450:400f::200e",
        "3ffe:ffff::",
        "3fff:1000::",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ];

    const NOT_PUBLIC: &[&str] = &[
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.0",
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
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.0",
        "224.0.0.251",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::1.1.1.1",
        "::ffff:0.0.0.0",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:1.1.1.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::1:1.1.1.1",
        "64:ff9b:1::1.1.1.1",
        "100::",
        "100::1",
        "100:0:0:1::1",
        "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:20::1",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::1",
        "2002::",
        "2002:7f00:1::1",
        "2002:101:101::1",
        "3fff::1",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "4000::",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ];

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_| panic!("{text} is no address"))
    }

    #[test]
    fn public_addresses_are_told_from_others() {
        for text in PUBLIC {
            assert!(is_public(address(text)), "{text}");
        }
        for text in NOT_PUBLIC {
            assert!(!is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn the_tables_hold_networks() {
        for (first, bits) in NOT_PUBLIC_4 {
            assert!(Network::new(first.into(), bits).is_some(), "{first}/{bits}");
        }
        for (first, bits) in NOT_PUBLIC_6.into_iter().chain([GLOBAL_6, NAT64]) {
            assert!(Network::new(first.into(), bits).is_some(), "{first}/{bits}");
        }
    }

    #[test]
    fn networks_are_read() {
        for (text, inside, outside) in [
            ("127.0.0.1/32", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.0"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("fd00::/8", "fdff::1", "fc00::1"),
            ("::1", "::1", "::2"),
            ("::/0", "ffff::", "0.0.0.0"),
            ("192.168.128.0/17", "192.168.128.0", "192.168.127.255"),
        ] {
            let network = Network::parse(text).unwrap_or_else(|| panic!("{text} is refused"));
            assert!(network.contains(address(inside)), "{inside} in {text}");
            assert!(!network.contains(address(outside)), "{outside} in {text}");
        }
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.1/8",
            "::1/64",
            "fd00::/129",
            "10/8",
            "010.0.0.0/8",
            "/8",
            " 10.0.0.0/8",
            "10.0.0.0/256",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    fn bits4() -> impl Strategy<Value = Ipv4Addr> {
        // Half of them in or near what is not public.
        let near = (prop::sample::select(NOT_PUBLIC_4.to_vec()), any::<u32>(), 0_u32..=32)
            .prop_map(|((first, _), noise, keep)| first.to_bits() ^ noise.checked_shr(keep).unwrap_or(0));
        prop_oneof![any::<u32>(), near].prop_map(Ipv4Addr::from_bits)
    }

    proptest! {
        #[test]
        fn an_address_of_ipv4_is_judged_the_same_inside_of_ipv6(inner in bits4()) {
            let public = is_public(inner.into());
            prop_assert_eq!(is_public(inner.to_ipv6_mapped().into()), public);
            let translated = NAT64.0.to_bits() | u128::from(inner.to_bits());
            prop_assert_eq!(is_public(Ipv6Addr::from_bits(translated).into()), public);
        }

        #[test]
        fn an_address_of_ipv4_in_a_form_that_was_given_up_is_never_public(inner in bits4(), rest in any::<u128>()) {
            let inner = u128::from(inner.to_bits());
            let compatible = inner;
            let six_to_four = 0x2002 << 112 | inner << 80 | rest >> 48;
            let teredo = 0x2001_0000 << 96 | rest >> 32;
            for bits in [compatible, six_to_four, teredo] {
                prop_assert!(!is_public(Ipv6Addr::from_bits(bits).into()));
            }
        }

        #[test]
        fn beyond_what_is_given_out_only_ipv4_is_public(bits in any::<u128>()) {
            let address = Ipv6Addr::from_bits(bits);
            let (first, length) = GLOBAL_6;
            let holds_ipv4 = address.to_ipv4_mapped().is_some() || within6(NAT64.0, NAT64.1, address);
            prop_assume!(!within6(first, length, address) && !holds_ipv4);
            prop_assert!(!is_public(address.into()));
        }

        #[test]
        fn a_network_holds_what_begins_like_it(bits in any::<u128>(), noise in any::<u128>(), length in 1_u8..=128) {
            let mask = mask6(length);
            let network = Network::new(Ipv6Addr::from_bits(bits & mask).into(), length).expect("no bit is set beyond");
            let inside = bits & mask | noise & !mask;
            prop_assert!(network.contains(Ipv6Addr::from_bits(inside).into()));
            let last = 1_u128 << (128 - u32::from(length));
            prop_assert!(!network.contains(Ipv6Addr::from_bits(inside ^ last).into()));
        }
    }
}
