//! What went between an ENI and one destination or client, as an alert shows it.
//!
//! Scoring an hour needs sums only (`KeySums`). This is put together from the flows for the few
//! destinations that stand out, and for those of incidents that are open.

use std::sync::Arc;

use super::features::KeySums;
use super::protocol::RareEvent;
use crate::net::Prefix;
use crate::window::FlowWindow;

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
}

impl KeyHour {
    /// One hour of a destination or client, with these sums over these flows.
    pub(super) fn of<'a>(sums: &KeySums, flows: impl Iterator<Item = &'a FlowWindow>) -> Self {
        let mut hour = Self {
            app_bytes: sums.app_bytes,
            ingress_app_bytes: sums.ingress_app_bytes,
            service: sums.service.clone().unwrap_or_default(),
            rare: sums.rare,
            minutes: sums.minutes,
            sustained_bytes: sums.sustained_bytes,
            ..Self::default()
        };
        flows.for_each(|flow| hour.add(flow));
        hour.trim();
        hour
    }

    fn add(&mut self, flow: &FlowWindow) {
        let first =
            if self.egress_records == 0 && self.first_second == 0 { u32::MAX } else { self.first_second };
        self.egress_bytes = self.egress_bytes.saturating_add(flow.egress_bytes);
        self.ingress_bytes = self.ingress_bytes.saturating_add(flow.ingress_bytes);
        self.egress_packets = self.egress_packets.saturating_add(flow.egress_packets);
        self.ingress_packets = self.ingress_packets.saturating_add(flow.ingress_packets);
        self.egress_records = self.egress_records.saturating_add(u64::from(flow.egress_records));
        self.first_second = first.min(flow.first_second);
        self.last_second = self.last_second.max(flow.last_second);
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
