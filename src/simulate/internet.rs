//! The simulated internet: who owns which addresses.
//!
//! One /16 of 240.0.0.0/4 (reserved, RFC 1112 section 4) per organisation, because the ranges
//! meant for documentation and benchmarks hold too few distinct networks:
//!
//! | range | who |
//! |---|---|
//! | 240.x.0.0/16 | organisations the fleet uses (object storage, CDN, SaaS, mirrors, vendors) |
//! | 241.x.0.0/16 | organisations that appear later: deploys, new SaaS, backup targets |
//! | 244.0.0.0 - 250.255.255.255 | hosts contacted once in a while |
//! | 251.x.0.0/16 | where attackers receive data |
//! | 252.0.0.0/8 | what crawlers visit |
//! | 198.18.0.0/15, 254.0.0.0/8 | clients and scanners from outside |
//! | 203.0.113.0/24 | the target range of the declared penetration test |
//! | 2001:db8::/32 | all IPv6 |

use rand::Rng;

use super::chance::{Chance, mix};
use crate::net::{Addr, Prefix};

/// How an organisation's addresses behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    /// A few addresses that stay.
    Fixed(u64),
    /// Addresses anywhere in the /16 that change every few hours (object storage).
    Rotating,
    /// Addresses in a few /24s that change every few hours (content delivery).
    Delivery,
}

/// An organisation: an index into [`Internet`]; its /16 is `240.index`, `241.index` for 256 up.
pub(super) type Org = u16;

/// AWS object storage of the fleet's region.
pub(super) const OBJECT_STORE: Org = 0;
/// Content delivery networks that carry packages.
pub(super) const DELIVERY: [Org; 3] = [1, 2, 3];
/// Public time servers.
pub(super) const TIME: Org = 4;
/// Git hosting.
pub(super) const GIT: Org = 5;
/// Log and metric vendors.
pub(super) const VENDORS: std::ops::Range<Org> = 6..14;
/// Services bought from others (programming interfaces).
pub(super) const SAAS: std::ops::Range<Org> = 20..80;
/// First organisation nobody uses before some event.
pub(super) const FIRST_LATER: Org = 256;

/// Hours an address of a rotating pool stays in use.
const ROTATION_HOURS: u32 = 6;

/// Address assignment of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Internet {
    pub seed: u64,
    /// Delivery networks that move to other /24s of their /16 at an hour of the run.
    pub moves: Vec<(Org, u32)>,
}

impl Internet {
    /// The organisation's /16.
    pub(super) fn network(org: Org) -> Prefix {
        Prefix::cut(Addr::from_v4(base(org)), 16, 48)
    }

    /// `pkt-dst-aws-service` of an address, if it belongs to AWS.
    pub(super) fn aws_service(addr: Addr) -> Option<&'static str> {
        let store = addr.is_v4() && addr.bits() as u32 & 0xffff_0000 == base(OBJECT_STORE);
        store.then_some("S3")
    }

    fn pool(org: Org) -> Pool {
        match org {
            OBJECT_STORE => Pool::Rotating,
            org if DELIVERY.contains(&org) => Pool::Delivery,
            org if org >= FIRST_LATER => Pool::Fixed(3),
            org => Pool::Fixed(2 + u64::from(org % 5)),
        }
    }

    /// An address the organisation answers on in this hour of the run.
    pub(super) fn address(&self, org: Org, hour: u32, v6: bool, rng: &mut Chance) -> Addr {
        let epoch = u64::from(hour / ROTATION_HOURS);
        let host = match Self::pool(org) {
            Pool::Fixed(size) => mix(&[self.seed, u64::from(org), rng.random_range(0..size)]),
            Pool::Rotating => mix(&[self.seed, u64::from(org), epoch, rng.random_range(0..12)]),
            Pool::Delivery => {
                let moved = self.moves.iter().filter(|(o, from)| *o == org && hour >= *from).count();
                let block = mix(&[self.seed, u64::from(org), moved as u64, rng.random_range(0..4)]);
                let last = mix(&[self.seed, u64::from(org), epoch, rng.random_range(0..6)]);
                (block & 0xff00) | (last & 0xff)
            }
        };
        if v6 { v6_host(u64::from(org), host) } else { Addr::from_v4(base(org) | usable(host)) }
    }
}

/// A host contacted once in a while.
pub(super) fn rare_host(rng: &mut Chance, v6: bool) -> Addr {
    if v6 {
        return v6_host(0x8000 | rng.random_range(0..0x1000), rng.random());
    }
    Addr::from_v4((rng.random_range(244..=250_u32) << 24) | rng.random_range(0..1 << 24))
}

/// An address of `org`'s network that its pool does not contain by design.
pub(super) fn stranger_in(org: Org, rng: &mut Chance) -> Addr {
    Addr::from_v4(base(org) | usable(rng.random()))
}

/// A site that a crawler visits.
pub(super) fn crawled_host(rng: &mut Chance, v6: bool) -> Addr {
    if v6 {
        return v6_host(0x9000 | rng.random_range(0..0x1000), rng.random());
    }
    Addr::from_v4((252 << 24) | rng.random_range(1..1 << 24))
}

/// A client of a served ENI; one in three comes back.
pub(super) fn client_host(rng: &mut Chance, v6: bool, group: u64) -> Addr {
    let regular = rng.random_bool(0.33);
    let host = if regular { mix(&[group, rng.random_range(0..200)]) } else { rng.random::<u64>() };
    if v6 {
        return v6_host(0xc000 | (host & 0xfff), host >> 16);
    }
    let host = host as u32;
    // 198.18.0.0/15 is small, so its clients are met again by chance as well.
    let address = if host.is_multiple_of(4) { 0xc612_0000 | (host >> 15) } else { (254 << 24) | (host >> 8) };
    Addr::from_v4(address)
}

/// The `n`th network that receives stolen data; `host` in it.
pub(super) fn drop_host(n: u32, host: u64) -> Addr {
    Addr::from_v4((251 << 24) | ((n & 0xff) << 16) | usable(host))
}

/// A host of the range that the penetration test declared.
pub(super) fn test_range_host(host: u8) -> Addr {
    Addr::from_v4(0xcb00_7100 | u32::from(host))
}

fn base(org: Org) -> u32 {
    ((240 + u32::from(org >> 8)) << 24) | ((u32::from(org) & 0xff) << 16)
}

/// Sixteen host bits whose last octet is never 0 or 255.
fn usable(host: u64) -> u32 {
    let last = (host & 0xff) as u32 % 254 + 1;
    (host as u32 & 0xff00) | last
}

fn v6_host(network: u64, host: u64) -> Addr {
    let bits = (0x2001_0db8_u128 << 96) | (u128::from(network & 0xffff) << 80) | u128::from(host | 1);
    Addr::from_bits(bits).expect("2001:db8::/32 is not ::")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::chance::stream;

    #[test]
    fn organisations_stay_inside_their_network() {
        let net = Internet { seed: 1, moves: vec![(1, 100)] };
        let mut rng = stream(&[1]);
        for org in [OBJECT_STORE, 1, 7, 30, 300] {
            for hour in [0, 50, 200] {
                let addr = net.address(org, hour, false, &mut rng);
                assert!(Internet::network(org).contains(addr), "{org} {addr}");
            }
        }
        assert_eq!(Internet::network(300).to_string(), "241.44.0.0/16");
    }

    #[test]
    fn a_moved_delivery_network_uses_other_blocks() {
        let net = Internet { seed: 1, moves: vec![(1, 100)] };
        let blocks = |hour| {
            let mut rng = stream(&[2]);
            let of = |a: Addr| Prefix::cut(a, 24, 48);
            (0..200)
                .map(|_| of(net.address(1, hour, false, &mut rng)))
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert!(blocks(99).len() <= 4);
        assert!(blocks(99).is_disjoint(&blocks(100)));
        assert_eq!(blocks(0), blocks(99));
    }

    #[test]
    fn nothing_outside_the_reserved_ranges() {
        let mut rng = stream(&[3]);
        for n in 0..2000_u32 {
            for addr in [
                rare_host(&mut rng, false),
                crawled_host(&mut rng, false),
                client_host(&mut rng, false, 1),
                drop_host(n, u64::from(n) * 77),
            ] {
                let v4 = addr.bits() as u32;
                assert!(v4 >> 28 == 15 && v4 >> 24 != 255 || v4 & 0xfffe_0000 == 0xc612_0000, "{addr}");
            }
            assert_eq!(client_host(&mut rng, true, 1).bits() >> 96, 0x2001_0db8);
        }
    }
}
