//! The sums of one ENI in one open hour, keyed by pair. Additions, maxima, minima and ORs only,
//! so partial sums from any number of workers merge to the same result in any order.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;

use super::pair_key::{FarEnds, Packed, PairKey};
use crate::limits::PAIRS_PER_ENI_HOUR_MAX;
use crate::net::orient::OwnSide;
use crate::net::{Addr, Prefix, is_private};

/// Flags proved that the ENI opened the connection.
pub(super) const PROVEN_CLIENT: u8 = 1;
/// Flags proved that the peer opened it.
pub(super) const PROVEN_SERVED: u8 = 2;

/// The map's order never reaches an output.
pub(super) type Hasher = foldhash::fast::FixedState;

/// One direction of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) records: u32,
    pub(super) flags: u8,
    /// Flags proved who opened: `PROVEN_*` bits, seen from the ENI.
    pub(super) proven: u8,
    /// traffic-path values as bits.
    pub(super) paths: u16,
    /// Minutes of the hour in which a record ended.
    pub(super) minutes: u64,
}

impl Way {
    fn merge(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
        self.records = self.records.saturating_add(other.records);
        self.flags |= other.flags;
        self.proven |= other.proven;
        self.paths |= other.paths;
        self.minutes |= other.minutes;
    }
}

/// Both directions of a pair in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PairSums {
    pub(super) egress: Way,
    pub(super) ingress: Way,
    pub(super) first_second: u32,
    pub(super) last_second: u32,
    /// Index into the shard's service names, 0 for none.
    pub(super) service_name: u16,
}

impl Default for PairSums {
    fn default() -> Self {
        let none = Way::default();
        Self { egress: none, ingress: none, first_second: u32::MAX, last_second: 0, service_name: 0 }
    }
}

impl PairSums {
    /// Adds `other`. `names` orders service names when two disagree (the larger text wins, so
    /// that the outcome does not depend on who came first).
    pub(super) fn merge(&mut self, other: &Self, names: &[Arc<str>]) {
        self.egress.merge(&other.egress);
        self.ingress.merge(&other.ingress);
        self.first_second = self.first_second.min(other.first_second);
        self.last_second = self.last_second.max(other.last_second);
        self.name(other.service_name, names);
    }

    /// Notes a service name, by index into `names`.
    #[inline]
    pub(super) fn name(&mut self, index: u16, names: &[Arc<str>]) {
        if index != self.service_name && names[index as usize] > names[self.service_name as usize] {
            self.service_name = index;
        }
    }

    /// The same pair seen with the sides exchanged.
    pub(super) fn flipped(mut self) -> Self {
        std::mem::swap(&mut self.egress, &mut self.ingress);
        for way in [&mut self.egress, &mut self.ingress] {
            way.proven = match way.proven {
                PROVEN_CLIENT => PROVEN_SERVED,
                PROVEN_SERVED => PROVEN_CLIENT,
                both_or_none => both_or_none,
            };
        }
        self
    }
}

/// The pairs of one ENI-hour, rolled up when there are too many.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    /// In the order in which they were met.
    all: Vec<(Packed, PairSums)>,
    /// Places in `all`, by the hash of the key.
    index: HashTable<u32>,
    far: FarEnds,
    hasher: Hasher,
    /// The place last asked for: the two directions of a connection stand mostly side by side.
    last: u32,
    level: u8,
}

impl Pairs {
    /// The sums of `key`, created when absent; the key is cut to the current roll-up level.
    #[inline]
    pub(super) fn at(&mut self, key: &PairKey) -> &mut PairSums {
        if self.level > 0 || self.all.len() >= PAIRS_PER_ENI_HOUR_MAX {
            return self.crowded(key);
        }
        let packed = self.far.pack(key, &self.hasher);
        if self.all.get(self.last as usize).is_none_or(|(have, _)| *have != packed) {
            self.last = self.place(packed);
        }
        &mut self.all[self.last as usize].1
    }

    /// The same when addresses are rolled up, or will have to be.
    #[inline(never)]
    fn crowded(&mut self, key: &PairKey) -> &mut PairSums {
        if self.all.len() >= PAIRS_PER_ENI_HOUR_MAX {
            self.make_room(key);
        }
        let packed = self.far.pack(&rolled(*key, self.level), &self.hasher);
        self.last = self.place(packed);
        &mut self.all[self.last as usize].1
    }

    /// The place of a key that is cut to the current level; a new one when it is absent.
    #[inline]
    fn place(&mut self, key: Packed) -> u32 {
        let Self { all, index, hasher, .. } = self;
        let hash = hasher.hash_one(key);
        if let Some(&at) = index.find(hash, |&at| all[at as usize].0 == key) {
            return at;
        }
        self.add(key, hash)
    }

    #[inline(never)]
    fn add(&mut self, key: Packed, hash: u64) -> u32 {
        let Self { all, index, hasher, .. } = self;
        let at = all.len() as u32;
        all.push((key, PairSums::default()));
        index.insert_unique(hash, at, |&at| hasher.hash_one(all[at as usize].0));
        at
    }

    fn contains(&mut self, key: &PairKey) -> bool {
        let key = self.far.pack(key, &self.hasher);
        self.index.find(self.hasher.hash_one(key), |&at| self.all[at as usize].0 == key).is_some()
    }

    /// Adds all pairs of `other`; the result has the higher level of both, or more.
    pub(super) fn merge(&mut self, mut other: Self, names: &[Arc<str>]) {
        if other.all.len() > self.all.len() && other.level >= self.level {
            std::mem::swap(self, &mut other);
        }
        while self.level < other.level {
            self.roll_up();
        }
        for (key, sums) in &other.all {
            self.at(&other.far.unpack(*key)).merge(sums, names);
        }
    }

    /// Re-numbers service names after their table was merged into another.
    pub(super) fn renumber_services(&mut self, to: &[u16]) {
        for (_, sums) in &mut self.all {
            sums.service_name = to[sums.service_name as usize];
        }
    }

    /// 0 for addresses, up to `LEVEL_MAX`.
    pub(super) fn level(&self) -> u8 {
        self.level
    }

    /// The pairs in key order. Rolled-up pairs have no service name: they mix services.
    pub(super) fn into_sorted(mut self) -> Vec<(PairKey, PairSums)> {
        if self.level > 0 {
            for (_, sums) in &mut self.all {
                sums.service_name = 0;
            }
        }
        if self.far.is_empty() {
            self.all.sort_unstable_by_key(|(key, _)| *key);
            return self.all.iter().map(|(key, sums)| (self.far.unpack(*key), *sums)).collect();
        }
        let mut all: Vec<_> = self.all.iter().map(|(key, sums)| (self.far.unpack(*key), *sums)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// At the cap: rolls up until `key` fits or is already there. Distinct keys at a level only
    /// grow with the set of records, so the final level is a function of that set.
    #[cold]
    fn make_room(&mut self, key: &PairKey) {
        while self.level < LEVEL_MAX
            && self.all.len() >= PAIRS_PER_ENI_HOUR_MAX
            && !self.contains(&rolled(*key, self.level))
        {
            self.roll_up();
        }
    }

    fn roll_up(&mut self) {
        self.level += 1;
        self.index.clear();
        let far = std::mem::take(&mut self.far);
        for (key, sums) in std::mem::take(&mut self.all) {
            let key = rolled(far.unpack(key), self.level);
            let key = self.far.pack(&key, &self.hasher);
            let at = self.place(key);
            let to = &mut self.all[at as usize].1;
            to.egress.merge(&sums.egress);
            to.ingress.merge(&sums.ingress);
            to.first_second = to.first_second.min(sums.first_second);
            to.last_second = to.last_second.max(sums.last_second);
        }
        self.last = 0;
    }
}

/// The level at which one ENI-hour has at most a few hundred pairs whatever it contacts.
pub(super) const LEVEL_MAX: u8 = 3;

/// The prefix that `peer` stands for at a roll-up level.
pub(super) fn peer_prefix(peer: Addr, level: u8) -> Prefix {
    match level {
        0 => Prefix::host(peer),
        1 => Prefix::cut(peer, 24, 48),
        2 => Prefix::cut(peer, 16, 32),
        // Inside and outside stay apart: private backups must not look like egress.
        _ if is_private(peer) && peer.is_v4() => Prefix::cut(Addr::from_v4(10 << 24), 8, 0),
        _ if is_private(peer) => Prefix::cut(peer, 0, 7),
        _ => Prefix::cut(peer, 0, 0),
    }
}

/// `key` at a roll-up level: peers become prefixes; at the last level ports and own addresses
/// go too. Own addresses that may turn out to be peers are cut like peers.
fn rolled(key: PairKey, level: u8) -> PairKey {
    if level == 0 {
        return key;
    }
    let cut_own = level >= LEVEL_MAX || key.side == OwnSide::Undecided;
    PairKey {
        peer: peer_prefix(key.peer, level).addr(),
        own: if cut_own { peer_prefix(key.own, level).addr() } else { key.own },
        port: if level >= LEVEL_MAX { 0 } else { key.port },
        ..key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::orient::Service;
    use crate::record::Action;

    fn key(peer: u32) -> PairKey {
        PairKey {
            peer: Addr::from_v4(peer),
            own: Addr::from_v4(0x0a00_0105),
            port: 443,
            protocol: 6,
            service: Service::Peer,
            side: OwnSide::Stated,
            action: Some(Action::Accept),
        }
    }

    fn add(pairs: &mut Pairs, peer: u32, bytes: u64) {
        pairs.at(&key(peer)).egress.bytes += bytes;
    }

    #[test]
    fn the_cap_is_reached_by_distinct_pairs_not_by_records() {
        let mut pairs = Pairs::default();
        for _ in 0..3 {
            for peer in 0..PAIRS_PER_ENI_HOUR_MAX as u32 {
                add(&mut pairs, 0xf000_0000 + peer, 1);
            }
        }
        assert_eq!(pairs.level(), 0);
        add(&mut pairs, 0xf100_0000, 1);
        assert_eq!(pairs.level(), 1);
        let rows = pairs.into_sorted();
        assert_eq!(rows.len(), PAIRS_PER_ENI_HOUR_MAX / 256 + 1);
        assert_eq!(
            rows.iter().map(|(_, s)| s.egress.bytes).sum::<u64>(),
            3 * PAIRS_PER_ENI_HOUR_MAX as u64 + 1
        );
    }

    #[test]
    fn roll_up_is_a_function_of_the_set_however_it_was_split() {
        let peers: Vec<u32> = (0..PAIRS_PER_ENI_HOUR_MAX as u32 + 500).map(|i| 0xf000_0000 + i * 3).collect();
        let mut whole = Pairs::default();
        for &p in &peers {
            add(&mut whole, p, u64::from(p & 0xff));
        }
        for parts in [2, 3, 7] {
            let mut merged = Pairs::default();
            for part in 0..parts {
                let mut one = Pairs::default();
                peers
                    .iter()
                    .rev()
                    .skip(part)
                    .step_by(parts)
                    .for_each(|&p| add(&mut one, p, u64::from(p & 0xff)));
                merged.merge(one, &["".into()]);
            }
            assert_eq!(merged.level(), whole.level());
            assert_eq!(merged.into_sorted(), whole.clone().into_sorted());
        }
    }

    #[test]
    fn the_last_level_is_bounded_whatever_comes() {
        let mut pairs = Pairs::default();
        for i in 0..60_000_u32 {
            let mut k = key(i.wrapping_mul(0x9e37_79b9));
            k.port = i as u16;
            pairs.at(&k).egress.bytes += 1;
        }
        assert_eq!(pairs.level(), LEVEL_MAX);
        assert!(pairs.into_sorted().len() <= 2, "inside and outside");
    }
}
