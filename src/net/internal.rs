//! What counts as inside.

use super::{Addr, Prefix};

/// Ranges that never leave for the internet, with their source.
const RESERVED: [(&str, &str); 14] = [
    ("0.0.0.0/8", "RFC 791, this network"),
    ("10.0.0.0/8", "RFC 1918"),
    ("100.64.0.0/10", "RFC 6598, carrier-grade NAT, also used by AWS inside VPCs"),
    ("127.0.0.0/8", "RFC 1122, loopback"),
    ("169.254.0.0/16", "RFC 3927, link-local; instance metadata and time on AWS"),
    ("172.16.0.0/12", "RFC 1918"),
    ("192.168.0.0/16", "RFC 1918"),
    ("224.0.0.0/4", "RFC 5771, multicast"),
    ("255.255.255.255/32", "RFC 919, broadcast"),
    ("::1/128", "RFC 4291, loopback"),
    ("fc00::/7", "RFC 4193, unique local"),
    ("fe80::/10", "RFC 4291, link-local"),
    ("fec0::/10", "RFC 3879, site-local"),
    ("ff00::/8", "RFC 4291, multicast"),
];

/// The ranges that are inside: the reserved ones and those the operator names (VPC, peered and
/// on-premises prefixes that are publicly routable).
#[derive(Clone, Debug)]
pub struct InternalNetworks {
    /// Sorted, none inside another: at most one can hold a peer.
    prefixes: Vec<Prefix>,
}

impl InternalNetworks {
    /// The reserved ranges and `configured`.
    pub fn new(configured: &[Prefix]) -> Self {
        let reserved = RESERVED.iter().map(|(text, _)| text.parse().expect("the table above holds prefixes"));
        let mut prefixes: Vec<Prefix> = reserved.chain(configured.iter().copied()).collect();
        // Wider ones come before those inside them.
        prefixes.sort_unstable();
        prefixes.dedup_by(|inner, outer| outer.len128() <= inner.len128() && outer.contains(inner.addr()));
        Self { prefixes }
    }

    /// Whether traffic to `peer` leaves: no internal range contains it.
    pub fn is_external(&self, peer: Prefix) -> bool {
        let after = self.prefixes.partition_point(|p| p.addr() <= peer.addr());
        let nearest = self.prefixes[..after].last();
        !nearest.is_some_and(|p| p.len128() <= peer.len128() && p.contains(peer.addr()))
    }
}

/// Whether `addr` is in a range that only ever exists inside (RFC 1918, 100.64/10, ULA,
/// link-local): used to tell the ENI's side of a record when nothing better does.
#[inline]
pub fn is_private(addr: Addr) -> bool {
    let bits = addr.bits();
    if addr.is_v4() {
        let v4 = bits as u32;
        v4 >> 24 == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8 || v4 >> 16 == 0xa9fe || v4 >> 22 == 0x191
    } else {
        bits >> 121 == 0x7e || bits >> 118 == 0x3fa
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn reserved_ranges_are_inside_and_their_neighbours_are_not() {
        let inside = InternalNetworks::new(&[]);
        for text in ["10.0.0.1", "172.31.255.255", "192.168.1.1", "100.127.0.1", "169.254.169.254", "fd00::1"]
        {
            assert!(!inside.is_external(host(text)), "{text}");
            assert!(is_private(host(text).addr()), "{text}");
        }
        for text in
            ["11.0.0.1", "172.32.0.0", "192.169.0.0", "100.128.0.1", "203.0.113.9", "2001:db8::1", "fe00::1"]
        {
            assert!(inside.is_external(host(text)), "{text}");
            assert!(!is_private(host(text).addr()), "{text}");
        }
    }

    #[test]
    fn configured_prefixes_are_inside_in_both_families() {
        let inside = InternalNetworks::new(&[host("203.0.113.0/24"), host("2001:db8::/32")]);
        assert!(!inside.is_external(host("203.0.113.77")));
        assert!(!inside.is_external(host("2001:db8:1::/48")));
        assert!(inside.is_external(host("203.0.114.1")));
    }

    #[test]
    fn a_range_inside_another_hides_nothing_of_it() {
        let inside =
            InternalNetworks::new(&[host("203.0.0.0/16"), host("203.0.113.0/24"), host("10.1.0.0/16")]);
        for text in ["203.0.112.255", "203.0.113.9", "203.0.114.1", "203.0.255.255", "10.0.0.1", "10.200.0.1"]
        {
            assert!(!inside.is_external(host(text)), "{text}");
        }
        assert!(inside.is_external(host("203.1.0.0")) && inside.is_external(host("202.255.255.255")));
    }

    #[test]
    fn a_rolled_up_peer_wider_than_the_internal_range_is_external() {
        let inside = InternalNetworks::new(&[host("203.0.113.128/25")]);
        assert!(inside.is_external(host("203.0.113.0/24")));
    }
}
