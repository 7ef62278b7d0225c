//! A closed hour: what one ENI sent and received, resolved to direction, role and peer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::net::{Addr, Prefix};
use crate::record::Action;

/// Hours since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Hour(pub u32);

impl Hour {
    /// The hour an event second lies in.
    #[inline]
    pub fn of_second(second: i64) -> Self {
        Self(second.div_euclid(3600).clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// Its first second.
    pub fn start_second(self) -> i64 {
        i64::from(self.0) * 3600
    }

    /// The first second after it.
    pub fn end_second(self) -> i64 {
        self.start_second() + 3600
    }

    /// The UTC day it belongs to.
    pub fn day(self) -> Day {
        Day(self.0 / 24)
    }

    /// Hour of the UTC day, 0..24.
    pub fn of_day(self) -> usize {
        (self.0 % 24) as usize
    }
}

/// Days since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Day(pub u32);

impl Day {
    /// Its first hour.
    pub fn first_hour(self) -> Hour {
        Hour(self.0 * 24)
    }

    /// The civil date, UTC.
    pub fn date(self) -> jiff::civil::Date {
        let second = i64::from(self.0) * 86_400;
        jiff::Timestamp::from_second(second)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
    }
}

/// Who captured the flows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EniId {
    /// Account id, 12 digits, or `unknown`.
    pub account: Arc<str>,
    /// Region, or `unknown`.
    pub region: Arc<str>,
    /// ENI id, TGW attachment id, regional NAT gateway id or, in formats without any of them,
    /// the instance id.
    pub eni: Arc<str>,
}

/// Account and region.
pub type Place = (Arc<str>, Arc<str>);

impl EniId {
    /// Where it is.
    pub fn place(&self) -> Place {
        (Arc::clone(&self.account), Arc::clone(&self.region))
    }
}

/// Whether the ENI's traffic is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EniClass {
    /// A host: baselined and scored.
    Instance,
    /// A NAT gateway, transit gateway, load balancer or endpoint: it carries bytes that were
    /// already seen at an instance, so it is never baselined, and never summed with instances.
    Relay,
}

/// Who opened the connection, seen from the ENI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The ENI opened it.
    Client,
    /// The peer opened it; what leaves are replies.
    Served,
    /// Nothing says which.
    Unknown,
}

/// Both directions between the ENI and one peer on one service port in one hour.
/// Every number is a sum, a max, a min or an OR over records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowWindow {
    /// Who opened it.
    pub role: Role,
    /// The other side; wider than an address when the ENI-hour was rolled up.
    pub peer: Prefix,
    /// IANA protocol number; 255 when the format has no protocol.
    pub protocol: u8,
    /// The service side's port; 0 for port-less protocols.
    pub port: u16,
    /// `None` when the format has no action.
    pub action: Option<Action>,
    /// AWS service name of the peer, empty when not given (`pkt-*-aws-service`).
    pub service: Arc<str>,
    /// IP bytes sent by the ENI.
    pub egress_bytes: u64,
    /// Packets sent by the ENI.
    pub egress_packets: u64,
    /// Records of the egress direction.
    pub egress_records: u32,
    /// IP bytes received by the ENI.
    pub ingress_bytes: u64,
    /// Packets received by the ENI.
    pub ingress_packets: u64,
    /// Records of the ingress direction.
    pub ingress_records: u32,
    /// Earliest `start`, Unix seconds (or `end` when the format has no start).
    pub first_second: u32,
    /// Latest `end`, Unix seconds.
    pub last_second: u32,
    /// tcp-flags of the egress records, OR-ed.
    pub egress_flags: u8,
    /// tcp-flags of the ingress records, OR-ed.
    pub ingress_flags: u8,
    /// traffic-path values of egress records as bits (bit n for path n).
    pub traffic_paths: u16,
    /// Minutes of the hour in which an egress record ended, bit 0 is minute 0.
    pub minutes: u64,
}

impl FlowWindow {
    /// Bytes sent above the transport layer: IP bytes less headers.
    pub fn egress_app_bytes(&self) -> u64 {
        app_bytes(self.egress_bytes, self.egress_packets, self.protocol, self.peer)
    }

    /// Bytes received above the transport layer.
    pub fn ingress_app_bytes(&self) -> u64 {
        app_bytes(self.ingress_bytes, self.ingress_packets, self.protocol, self.peer)
    }
}

/// IP bytes less the headers of `packets`: 20 or 40 bytes of IP, 20 of TCP, 8 of UDP and ICMP
/// (RFC 791, 8200, 9293, 768). TCP options make it an over-estimate of at most 12 bytes a packet
/// with timestamps.
fn app_bytes(ip_bytes: u64, packets: u64, protocol: u8, peer: Prefix) -> u64 {
    let ip = if peer.addr().is_v4() { 20 } else { 40 };
    let transport = match protocol {
        6 => 20,
        1 | 17 | 58 => 8,
        _ => 0,
    };
    ip_bytes.saturating_sub(packets.saturating_mul(ip + transport))
}

/// How much of an ENI-hour could be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Records with status OK.
    pub records: u64,
    /// NODATA records: intervals known to be silent.
    pub no_data_records: u64,
    /// SKIPDATA records: intervals in which AWS lost records.
    pub skip_data_records: u64,
    /// Records that came in this hour, too late for their own, and are in no sums.
    pub late_records: u64,
    /// Records whose direction stayed unknown.
    pub direction_unknown_records: u64,
    /// Records whose role stayed unknown.
    pub role_unknown_records: u64,
    /// Five-minute slots of the hour for which the account and region had an object, bit 0 is
    /// the first; 0 when the objects are not named by time.
    pub slots: u16,
    /// Longest aggregation interval seen, seconds (`end - start` rounded up to 60 or 600).
    pub interval_seconds: u16,
}

impl Coverage {
    /// Whether anything was said of the hour itself: late records speak of earlier ones.
    pub fn is_observed(&self) -> bool {
        self.records + self.no_data_records + self.skip_data_records > 0
    }

    /// Five-minute objects missing of twelve; 0 when objects are not named by time.
    pub fn missing_slots(&self) -> u32 {
        if self.slots == 0 { 0 } else { 12 - (self.slots & 0xfff).count_ones() }
    }

    /// Share of the hour that could be seen, in [0, 1]: five-minute objects present, less one
    /// aggregation interval per SKIPDATA record (each says that something in it was lost).
    pub fn seen_share(&self) -> f64 {
        let interval_seconds =
            f64::from(if self.interval_seconds == 0 { 600 } else { self.interval_seconds });
        let skipped = self.skip_data_records as f64 * interval_seconds / 3600.0;
        (1.0 - f64::from(self.missing_slots()) / 12.0 - skipped).max(0.0)
    }
}

/// Sums over everything the ENI-hour saw, accepted and rejected, internal and external.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
    /// IP bytes of records whose direction stayed unknown.
    pub unknown_bytes: u64,
    /// Records of inbound traffic that was rejected; kept as a count, not by peer.
    pub ingress_rejected_records: u64,
}

/// One ENI in one closed hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EniHour {
    /// Who.
    pub id: EniId,
    /// When.
    pub hour: Hour,
    /// Host or relay.
    pub class: EniClass,
    /// VPC id, empty when the format has none.
    pub vpc: Arc<str>,
    /// Subnet id, empty when the format has none.
    pub subnet: Arc<str>,
    /// Instance id, empty when absent.
    pub instance: Arc<str>,
    /// Peer group the format names (ASG, tag or ECS service), empty when it has none.
    pub group: Arc<str>,
    /// The ENI's own addresses, sorted.
    pub own: Vec<Addr>,
    /// What could be seen.
    pub coverage: Coverage,
    /// Sums over everything.
    pub totals: Totals,
    /// 0 addresses, 1 /24 or /48, 2 /16 or /32, 3 everything in one: reached when the ENI-hour
    /// had more pairs than `limits::PAIRS_PER_ENI_HOUR_MAX`.
    pub rollup_level: u8,
    /// The pairs, sorted by (role, peer, protocol, port, action).
    pub flows: Vec<FlowWindow>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_taken_off_per_packet_and_family() {
        let app = |protocol, peer: &str| app_bytes(1000, 10, protocol, peer.parse().unwrap());
        assert_eq!(app(6, "203.0.113.9"), 600);
        assert_eq!(app(17, "203.0.113.0/24"), 720);
        assert_eq!(app(1, "203.0.113.9"), 720);
        assert_eq!(app(6, "2001:db8::1"), 400);
        assert_eq!(app(17, "2001:db8::/32"), 520);
        assert_eq!(app(47, "2001:db8::1"), 600);
        assert_eq!(app_bytes(39, 1, 6, "203.0.113.9".parse().unwrap()), 0);
        assert_eq!(app_bytes(39, u64::MAX, 6, "203.0.113.9".parse().unwrap()), 0);
    }
}
