//! What the detectors look at, from one closed ENI-hour.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::protocol::RareEvent;
use super::unit::Subject;
use super::{Settings, stretch};
use crate::baseline::destination::DestinationKey;
use crate::limits::PAIRS_PER_ENI_HOUR_MAX;
use crate::net::Prefix;
use crate::record::Action;
use crate::window::{EniHour, FlowWindow, Role};

/// Packets or application bytes below which a flow is a knock, not a transfer (detection.md B.1:
/// one-packet and denied flows are the bulk of published false alarms).
const PACKETS_MIN: u64 = 4;
const APP_BYTES_MIN: u64 = 1024;
/// Peers listed per destination.
const REACHES_MAX: usize = 10;

/// One peer and port behind a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reach {
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
    /// Address or prefix.
    pub peer: Prefix,
    /// IANA protocol number.
    pub protocol: u8,
    /// Service port.
    pub port: u16,
}

/// One destination in one hour, or over the hours of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyHour {
    /// Bytes sent above the transport layer.
    pub app_bytes: u64,
    /// Bytes received above the transport layer.
    pub ingress_app_bytes: u64,
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
    /// Packets sent.
    pub egress_packets: u64,
    /// Packets received.
    pub ingress_packets: u64,
    /// Records of the egress direction.
    pub egress_records: u64,
    /// First packet, Unix seconds.
    pub first_second: u32,
    /// Last packet, Unix seconds.
    pub last_second: u32,
    /// AWS service of the peers, empty when unknown.
    pub service: Arc<str>,
    /// Largest peers, by bytes sent.
    pub reaches: Vec<Reach>,
    /// Peers beyond those.
    pub reaches_more: u64,
    /// A protocol used against its nature, with the application bytes of it.
    pub rare: Option<(RareEvent, u64)>,
    /// Minutes of one hour in which an egress record ended, bit 0 is minute 0.
    pub minutes: u64,
    /// Most that one peer and port got in an hour, weighted by the square of the share of the
    /// hour for which it went on without a gap, application bytes.
    pub sustained_bytes: u64,
    /// (protocol, port) used as a proven client, in one hour.
    pub ports: BTreeSet<(u8, u16)>,
}

impl KeyHour {
    fn add(&mut self, flow: &FlowWindow) {
        let first =
            if self.egress_records == 0 && self.first_second == 0 { u32::MAX } else { self.first_second };
        self.app_bytes = self.app_bytes.saturating_add(flow.egress_app_bytes());
        self.ingress_app_bytes = self.ingress_app_bytes.saturating_add(flow.ingress_app_bytes());
        self.egress_bytes = self.egress_bytes.saturating_add(flow.egress_bytes);
        self.ingress_bytes = self.ingress_bytes.saturating_add(flow.ingress_bytes);
        self.egress_packets = self.egress_packets.saturating_add(flow.egress_packets);
        self.ingress_packets = self.ingress_packets.saturating_add(flow.ingress_packets);
        self.egress_records = self.egress_records.saturating_add(u64::from(flow.egress_records));
        self.first_second = first.min(flow.first_second);
        self.last_second = self.last_second.max(flow.last_second);
        self.minutes |= flow.minutes;
        if flow.service > self.service {
            self.service = Arc::clone(&flow.service);
        }
        self.reaches.push(Reach {
            egress_bytes: flow.egress_bytes,
            ingress_bytes: flow.ingress_bytes,
            peer: flow.peer,
            protocol: flow.protocol,
            port: flow.port,
        });
    }

    /// Adds another hour, or another destination, of the same incident.
    pub fn merge(&mut self, other: &Self) {
        // A first second counts only where there is traffic: nothing merged in is not 1970.
        let first_second = match (self.last_second, other.last_second) {
            (0, _) => other.first_second,
            (_, 0) => self.first_second,
            _ => self.first_second.min(other.first_second),
        };
        self.app_bytes = self.app_bytes.saturating_add(other.app_bytes);
        self.ingress_app_bytes = self.ingress_app_bytes.saturating_add(other.ingress_app_bytes);
        self.egress_bytes = self.egress_bytes.saturating_add(other.egress_bytes);
        self.ingress_bytes = self.ingress_bytes.saturating_add(other.ingress_bytes);
        self.egress_packets = self.egress_packets.saturating_add(other.egress_packets);
        self.ingress_packets = self.ingress_packets.saturating_add(other.ingress_packets);
        self.egress_records = self.egress_records.saturating_add(other.egress_records);
        self.sustained_bytes = self.sustained_bytes.max(other.sustained_bytes);
        self.first_second = first_second;
        self.last_second = self.last_second.max(other.last_second);
        if other.service > self.service {
            self.service = Arc::clone(&other.service);
        }
        for reach in &other.reaches {
            let same =
                |r: &&mut Reach| (r.peer, r.protocol, r.port) == (reach.peer, reach.protocol, reach.port);
            match self.reaches.iter_mut().find(same) {
                Some(known) => {
                    known.egress_bytes = known.egress_bytes.saturating_add(reach.egress_bytes);
                    known.ingress_bytes = known.ingress_bytes.saturating_add(reach.ingress_bytes);
                }
                None => self.reaches.push(*reach),
            }
        }
        self.reaches_more = self.reaches_more.saturating_add(other.reaches_more);
        self.trim();
    }

    fn trim(&mut self) {
        self.reaches.sort_unstable_by(|a, b| b.cmp(a));
        self.reaches_more =
            self.reaches_more.saturating_add(self.reaches.len().saturating_sub(REACHES_MAX) as u64);
        self.reaches.truncate(REACHES_MAX);
    }
}

/// Whether a flow was accepted and is more than a knock.
pub fn is_transfer(flow: &FlowWindow) -> bool {
    flow.action != Some(Action::Reject)
        && (flow.egress_packets >= PACKETS_MIN || flow.egress_app_bytes() >= APP_BYTES_MIN)
}

/// One ENI-hour, external traffic only.
#[derive(Clone, Debug, Default)]
pub struct EniFeatures {
    /// Destinations of the client (or unknown) role.
    pub destinations: BTreeMap<DestinationKey, KeyHour>,
    /// Application bytes to all of them.
    pub client_app_bytes: u64,
    /// Clients served, by /24 or /48.
    pub served: BTreeMap<Prefix, KeyHour>,
    /// Networks (/24, /48) contacted with an answer or data.
    pub fan_out: u64,
    /// Networks whose contact was rejected.
    pub rejected_fan_out: u64,
    /// (peer, protocol, port) whose contact was rejected.
    pub refused: u64,
    /// (protocol, port) it served on.
    pub listeners: BTreeSet<(u8, u16)>,
}

impl EniFeatures {
    /// Reads them off a closed hour. `rotating` are the networks that are one destination each
    /// for this ENI; `is_port_known` says whether the ENI or the account has
    /// used a client port before.
    pub fn of(
        hour: &EniHour,
        settings: &Settings,
        rotating: &BTreeSet<Prefix>,
        is_port_known: impl Fn(u8, u16) -> bool,
    ) -> Self {
        let mut features = Self::default();
        let (mut reached, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for flow in &hour.flows {
            if flow.role == Role::Served {
                features.listeners.insert((flow.protocol, flow.port));
            }
            if !settings.internal.is_external(flow.peer) {
                continue;
            }
            if flow.action == Some(Action::Reject) {
                if flow.role != Role::Served && flow.egress_records > 0 {
                    refused.insert(flow.peer.widen(24, 48));
                    features.refused += 1;
                }
                continue;
            }
            if !is_transfer(flow) {
                continue;
            }
            if flow.role == Role::Served {
                features.served.entry(flow.peer.widen(24, 48)).or_default().add(flow);
                continue;
            }
            let rare = RareEvent::of(flow, settings, &is_port_known);
            if matches!(flow.protocol, 1 | 58) && rare.is_none() {
                // Pings of ours, and echoes to strangers who ping: nobody's destination.
                continue;
            }
            reached.insert(flow.peer.widen(24, 48));
            let listed = settings.services.find(flow.peer).filter(|_| flow.service.is_empty());
            let service = listed.unwrap_or(&flow.service);
            let key = DestinationKey::of(flow.peer, service, &settings.named).rolled_into(rotating);
            features.add_client(flow, service, key, rare, hour.coverage.interval_seconds);
        }
        // Rolled up beyond ranges, there were at least as many as the cap lets through.
        let floor = if hour.rollup_level >= 2 { PAIRS_PER_ENI_HOUR_MAX as u64 } else { 0 };
        features.fan_out = floor.max(reached.len() as u64);
        features.rejected_fan_out = refused.len() as u64;
        features.destinations.values_mut().for_each(KeyHour::trim);
        features.served.values_mut().for_each(KeyHour::trim);
        features
    }

    /// What was exchanged with one destination or client.
    pub fn traffic(&self, subject: &Subject) -> Option<&KeyHour> {
        match subject {
            Subject::Destination(key) => self.destinations.get(key),
            Subject::Served(prefix) => self.served.get(prefix),
            Subject::Spread => None,
        }
    }

    fn add_client(
        &mut self,
        flow: &FlowWindow,
        service: &Arc<str>,
        key: DestinationKey,
        rare: Option<RareEvent>,
        interval_seconds: u16,
    ) {
        let at = self.destinations.entry(key).or_default();
        at.add(flow);
        let sustained = stretch::sustained_bytes(flow.egress_app_bytes(), flow.minutes, interval_seconds);
        at.sustained_bytes = at.sustained_bytes.max(sustained);
        if *service > at.service {
            at.service = Arc::clone(service);
        }
        self.client_app_bytes = self.client_app_bytes.saturating_add(flow.egress_app_bytes());
        if let Some(event) = rare {
            let bytes = flow.egress_app_bytes();
            if at.rare.is_none_or(|(_, have)| have < bytes) {
                at.rare = Some((event, bytes));
            }
        }
        // A role that nothing proves teaches no port: it may be a reply from a high port.
        if flow.role == Role::Client {
            at.ports.insert((flow.protocol, flow.port));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_merged_in_is_not_1970() {
        let some = KeyHour { first_second: 100, last_second: 200, ..KeyHour::default() };
        let span = |one: &KeyHour, two: &KeyHour| {
            let mut merged = one.clone();
            merged.merge(two);
            (merged.first_second, merged.last_second)
        };
        assert_eq!(span(&some, &KeyHour::default()), (100, 200));
        assert_eq!(span(&KeyHour::default(), &some), (100, 200));
        let earlier = KeyHour { first_second: 50, last_second: 60, ..KeyHour::default() };
        assert_eq!(span(&some, &earlier), (50, 200));
    }
}
