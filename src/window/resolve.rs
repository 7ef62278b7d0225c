//! Closing an hour: decides, with the whole hour in hand, which side was the ENI, who opened
//! each connection, and whether the ENI's traffic is its own.

use std::sync::Arc;

use hashbrown::HashMap;

use super::hour::{EniClass, EniHour, EniId, FlowWindow, Hour, Role};
use super::pair_key::PairKey;
use super::pairs::{Hasher, PROVEN_CLIENT, PROVEN_SERVED, PairSums, peer_prefix};
use super::shard::OpenEniHour;
use crate::limits::OWN_ADDRESSES_MAX;
use crate::net::Addr;
use crate::net::is_private;
use crate::net::orient::{OwnSide, Service};
use crate::record::Action;

/// Distinct peers that make an own port a listener (CMU SEI network profiling with `SiLK`
/// inventories servers the same way; detection.md section 3).
const LISTENER_PEERS_MIN: usize = 3;

/// What earlier hours taught about an ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownEni {
    /// Its own addresses, sorted.
    pub own: Vec<Addr>,
    /// (protocol, port) it listens on, sorted.
    pub listeners: Vec<(u8, u16)>,
}

/// Closes one ENI-hour. A pure function of its sums and of what is known of the ENI.
pub(super) fn resolve(
    id: EniId,
    hour: Hour,
    open: OpenEniHour,
    names: &[Arc<str>],
    known: &KnownEni,
) -> EniHour {
    let level = open.pairs.level();
    let OpenEniHour { meta, mut coverage, mut totals, pairs } = open;
    let pairs = pairs.into_sorted();
    let own = own_addresses(&pairs, known);
    let mut turned: Vec<(PairKey, PairSums)> = Vec::with_capacity(pairs.len());
    for (key, sums) in pairs {
        let records = u64::from(sums.egress.records) + u64::from(sums.ingress.records);
        let Some((key, sums)) = turn(key, sums, &own, level) else {
            let bytes = sums.egress.bytes.saturating_add(sums.ingress.bytes);
            totals.unknown_bytes = totals.unknown_bytes.saturating_add(bytes);
            coverage.direction_unknown_records += records;
            continue;
        };
        if key.side == OwnSide::Undecided {
            totals.egress_bytes = totals.egress_bytes.saturating_add(sums.egress.bytes);
            totals.ingress_bytes = totals.ingress_bytes.saturating_add(sums.ingress.bytes);
        }
        turned.push((key, sums));
    }
    let roles = roles(&turned, known);
    let mut flows: Vec<FlowWindow> =
        turned.iter().zip(&roles).map(|((key, sums), role)| flow(key, sums, *role, level, names)).collect();
    flows.sort_unstable_by_key(sort_key);
    flows.dedup_by(|next, kept| {
        let same = sort_key(next) == sort_key(kept);
        if same {
            absorb(kept, next);
        }
        same
    });
    coverage.role_unknown_records = flows
        .iter()
        .filter(|f| f.role == Role::Unknown)
        .map(|f| u64::from(f.egress_records) + u64::from(f.ingress_records))
        .sum();
    let mut own: Vec<Addr> = turned.iter().map(|(key, _)| key.own).collect();
    own.sort_unstable();
    own.dedup();
    EniHour {
        id,
        hour,
        class: if meta.forwards || meta.relay_type { EniClass::Relay } else { EniClass::Instance },
        vpc: meta.vpc.get(),
        subnet: meta.subnet.get(),
        instance: meta.instance.get(),
        group: meta.group.get(),
        own,
        coverage,
        totals,
        rollup_level: level,
        flows,
    }
}

/// The ENI's own addresses among pairs whose direction is not stated (formats 1.8, method 3):
/// the address in most records is the ENI's; the pairs that contain it are set aside and the
/// search goes on, because IPv6 ENIs have several. One peer alone proves nothing.
fn own_addresses(pairs: &[(PairKey, PairSums)], known: &KnownEni) -> Vec<Addr> {
    let mut own: Vec<Addr> = known.own.clone();
    own.extend(pairs.iter().filter(|(k, _)| k.side == OwnSide::Stated).map(|(k, _)| k.own));
    own.sort_unstable();
    own.dedup();
    let has = |own: &[Addr], key: &PairKey| {
        own.binary_search(&key.own).is_ok() || own.binary_search(&key.peer).is_ok()
    };
    let mut open: Vec<&(PairKey, PairSums)> =
        pairs.iter().filter(|(k, _)| k.side != OwnSide::Stated && !has(&own, k)).collect();
    while !open.is_empty() && own.len() < OWN_ADDRESSES_MAX {
        let mut seen: HashMap<Addr, Candidate, Hasher> = HashMap::default();
        for (key, sums) in &open {
            let records = u64::from(sums.egress.records) + u64::from(sums.ingress.records);
            for (me, other) in [(key.own, key.peer), (key.peer, key.own)] {
                seen.entry(me).or_insert_with(|| Candidate::new(other)).note(other, records);
            }
        }
        let best = seen
            .into_iter()
            .filter(|(_, c)| c.has_two_peers)
            .max_by_key(|(addr, c)| (c.records, is_private(*addr), std::cmp::Reverse(*addr)));
        let Some((addr, _)) = best else { break };
        let at = own.binary_search(&addr).unwrap_or_else(|at| at);
        own.insert(at, addr);
        open.retain(|(key, _)| key.own != addr && key.peer != addr);
    }
    own
}

/// An address that may be the ENI's.
struct Candidate {
    records: u64,
    first_peer: Addr,
    has_two_peers: bool,
}

impl Candidate {
    fn new(first_peer: Addr) -> Self {
        Self { records: 0, first_peer, has_two_peers: false }
    }

    fn note(&mut self, peer: Addr, records: u64) {
        self.records += records;
        self.has_two_peers |= peer != self.first_peer;
    }
}

/// Turns a pair so that its `own` is the ENI's; `None` when neither side is known to be.
fn turn(key: PairKey, sums: PairSums, own: &[Addr], level: u8) -> Option<(PairKey, PairSums)> {
    if key.side == OwnSide::Stated || own.binary_search(&key.own).is_ok() {
        return Some((key, sums));
    }
    if own.binary_search(&key.peer).is_ok() {
        let service = match key.service {
            Service::Peer => Service::Own,
            Service::Own => Service::Peer,
            Service::Unclear => Service::Unclear,
        };
        return Some((PairKey { own: key.peer, peer: key.own, service, ..key }, sums.flipped()));
    }
    // Rolled-up pairs no longer hold the addresses to compare: their range still tells.
    (key.side == OwnSide::ByRange || level > 0).then_some((key, sums))
}

/// Who opened each pair: flags of the pair or of its reverse in the hour, else the port order,
/// where an own port must be seen by several peers (or be known) before replies are believed.
fn roles(pairs: &[(PairKey, PairSums)], known: &KnownEni) -> Vec<Role> {
    let mut listening: HashMap<(u8, u16), Vec<Addr>, Hasher> = HashMap::default();
    for (key, _) in pairs.iter().filter(|(k, _)| k.service == Service::Own) {
        let peers = listening.entry((key.protocol, key.port)).or_default();
        if peers.len() < LISTENER_PEERS_MIN && !peers.contains(&key.peer) {
            peers.push(key.peer);
        }
    }
    let listens = |at: (u8, u16)| {
        known.listeners.binary_search(&at).is_ok()
            || listening.get(&at).is_some_and(|peers| peers.len() >= LISTENER_PEERS_MIN)
    };
    let role = |(key, sums): &(PairKey, PairSums)| {
        let proven = sums.egress.proven | sums.ingress.proven;
        match (key.service, proven) {
            (_, PROVEN_CLIENT) | (Service::Peer, _) => Role::Client,
            (_, PROVEN_SERVED) => Role::Served,
            (Service::Own, _) if listens((key.protocol, key.port)) => Role::Served,
            (Service::Own | Service::Unclear, _) => Role::Unknown,
        }
    };
    pairs.iter().map(role).collect()
}

fn flow(key: &PairKey, sums: &PairSums, role: Role, level: u8, names: &[Arc<str>]) -> FlowWindow {
    FlowWindow {
        role,
        peer: peer_prefix(key.peer, level),
        protocol: key.protocol,
        port: key.port,
        action: key.action,
        service: Arc::clone(&names[sums.service_name as usize]),
        egress_bytes: sums.egress.bytes,
        egress_packets: sums.egress.packets,
        egress_records: sums.egress.records,
        ingress_bytes: sums.ingress.bytes,
        ingress_packets: sums.ingress.packets,
        ingress_records: sums.ingress.records,
        first_second: sums.first_second,
        last_second: sums.last_second,
        egress_flags: sums.egress.flags,
        ingress_flags: sums.ingress.flags,
        traffic_paths: sums.egress.paths,
        minutes: sums.egress.minutes,
    }
}

/// The order of flows in a closed hour, and what makes two of them one.
fn sort_key(f: &FlowWindow) -> (Role, crate::net::Prefix, u8, u16, Option<Action>) {
    (f.role, f.peer, f.protocol, f.port, f.action)
}

/// Adds `next` to `kept`: the same peer seen from another of the ENI's addresses.
fn absorb(kept: &mut FlowWindow, next: &FlowWindow) {
    kept.egress_bytes = kept.egress_bytes.saturating_add(next.egress_bytes);
    kept.egress_packets = kept.egress_packets.saturating_add(next.egress_packets);
    kept.egress_records = kept.egress_records.saturating_add(next.egress_records);
    kept.ingress_bytes = kept.ingress_bytes.saturating_add(next.ingress_bytes);
    kept.ingress_packets = kept.ingress_packets.saturating_add(next.ingress_packets);
    kept.ingress_records = kept.ingress_records.saturating_add(next.ingress_records);
    kept.first_second = kept.first_second.min(next.first_second);
    kept.last_second = kept.last_second.max(next.last_second);
    kept.egress_flags |= next.egress_flags;
    kept.ingress_flags |= next.ingress_flags;
    kept.traffic_paths |= next.traffic_paths;
    kept.minutes |= next.minutes;
    if next.service > kept.service {
        kept.service = Arc::clone(&next.service);
    }
}
