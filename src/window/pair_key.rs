//! What pairs are told apart by, and how it is kept: two words for a pair of IPv4 addresses, which
//! are compared and hashed in a few instructions; other addresses are numbered aside.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;

use super::pairs::Hasher;
use crate::net::Addr;
use crate::net::orient::{OwnSide, Service};
use crate::record::Action;

/// What pairs are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PairKey {
    /// The other end, or its prefix's first address once rolled up.
    pub(super) peer: Addr,
    /// The ENI's side; the same for nearly all pairs of an ENI.
    pub(super) own: Addr,
    pub(super) port: u16,
    pub(super) protocol: u8,
    pub(super) service: Service,
    pub(super) side: OwnSide,
    pub(super) action: Option<Action>,
}

/// The same in 16 bytes. Those of IPv4 stand in the order of what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Packed {
    /// Peer, then own address; their number when `rest` says so.
    ends: u64,
    /// From the top: whether `ends` is a number, port, protocol, service, side, action.
    rest: u64,
}

const IS_NUMBER: u64 = 1 << 63;

/// The pairs of addresses that are not both IPv4, numbered in the order they were met.
#[derive(Clone, Debug, Default)]
pub(super) struct FarEnds {
    all: Vec<(Addr, Addr)>,
    index: HashTable<u32>,
}

impl FarEnds {
    fn number(&mut self, ends: (Addr, Addr), hasher: &Hasher) -> u64 {
        let Self { all, index } = self;
        let hash = hasher.hash_one(ends);
        if let Some(&at) = index.find(hash, |&at| all[at as usize] == ends) {
            return u64::from(at);
        }
        let at = all.len() as u32;
        all.push(ends);
        index.insert_unique(hash, at, |&at| hasher.hash_one(all[at as usize]));
        u64::from(at)
    }

    /// Whether there are none: keys then stand in the order of what they hold.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Packs a key.
    #[inline]
    pub(super) fn pack(&mut self, key: &PairKey, hasher: &Hasher) -> Packed {
        let action = key.action.map_or(0, |action| 1 + action as u64);
        let small = [u64::from(key.protocol), key.service as u64, key.side as u64, action];
        let rest = small.into_iter().fold(u64::from(key.port), |word, part| word << 8 | part);
        match (key.peer.v4_bits(), key.own.v4_bits()) {
            (Some(peer), Some(own)) => Packed { ends: u64::from(peer) << 32 | u64::from(own), rest },
            _ => Packed { ends: self.number((key.peer, key.own), hasher), rest: rest | IS_NUMBER },
        }
    }

    /// The key that was packed.
    pub(super) fn unpack(&self, packed: Packed) -> PairKey {
        let Packed { ends, rest } = packed;
        let (peer, own) = if rest & IS_NUMBER == 0 {
            (Addr::from_v4((ends >> 32) as u32), Addr::from_v4(ends as u32))
        } else {
            self.all[ends as usize]
        };
        let [action, side, service, protocol, port @ ..] = rest.to_le_bytes();
        PairKey {
            peer,
            own,
            port: u16::from_le_bytes([port[0], port[1]]),
            protocol,
            service: [Service::Peer, Service::Own, Service::Unclear][usize::from(service)],
            side: [OwnSide::Stated, OwnSide::ByRange, OwnSide::Undecided][usize::from(side)],
            action: [None, Some(Action::Accept), Some(Action::Reject)][usize::from(action)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out_and_ipv4_in_order() {
        let v4 = [0, 1, 0x0a00_0001, 0xc000_0201, u32::MAX].map(Addr::from_v4);
        let v6 = [1, 0x2001_0db8 << 96, u128::MAX].map(|bits| Addr::from_bits(bits).unwrap());
        let ends: Vec<Addr> = v4.into_iter().chain(v6).collect();
        let mut keys = Vec::new();
        for (n, &peer) in ends.iter().enumerate() {
            for &own in &ends {
                let base = PairKey {
                    peer,
                    own,
                    port: 443,
                    protocol: 6,
                    service: Service::Peer,
                    side: OwnSide::Stated,
                    action: None,
                };
                keys.push(base);
                keys.push(PairKey { port: u16::MAX - n as u16, protocol: u8::MAX, ..base });
                keys.push(PairKey { service: Service::Own, side: OwnSide::ByRange, ..base });
                keys.push(PairKey { service: Service::Unclear, side: OwnSide::Undecided, ..base });
                keys.push(PairKey { action: Some(Action::Accept), ..base });
                keys.push(PairKey { action: Some(Action::Reject), protocol: 0, ..base });
            }
        }
        let (mut far, hasher) = (FarEnds::default(), Hasher::default());
        let packed: Vec<Packed> = keys.iter().map(|key| far.pack(key, &hasher)).collect();
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(far.unpack(packed[n]), *key);
            assert_eq!(far.pack(key, &hasher), packed[n], "the same again");
            for (m, other) in keys.iter().enumerate() {
                assert_eq!(packed[n] == packed[m], key == other);
                if [key.peer, key.own, other.peer, other.own].into_iter().all(Addr::is_v4) {
                    assert_eq!(packed[n].cmp(&packed[m]), key.cmp(other));
                }
            }
        }
        assert!(!far.is_empty());
    }
}
