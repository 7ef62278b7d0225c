//! D8, protocol invariants: a protocol carrying what it is not for (T1095, T1572, T1071.004,
//! T1571, T1048.003).
//!
//! The rules are static; how surprising each is, is learned: `p` is the share of the account's
//! ENI-hours in which it happened. Tunnels through the Amazon resolver are not in flow logs at
//! all and cannot be seen here.

use super::Settings;
use super::evidence::{Detector, Evidence};
use crate::baseline::fleet::{FleetModel, PROBE_THEN_SUCCESS};
use crate::window::{FlowWindow, PROTOCOL_ABSENT};

/// Bytes in an hour from which ICMP or DNS is a transfer (detection.md D8).
const BULK_BYTES: u64 = 1 << 20;
/// Mean packet of an ICMP tunnel: a ping is 84 bytes.
const ICMP_PACKET_BYTES: u64 = 128;
/// Mean packet of a DNS tunnel: a query is 60 to 90 bytes; and bytes from which it matters.
const DNS_PACKET_BYTES: u64 = 200;
const DNS_TUNNEL_BYTES: u64 = 64 << 10;
/// Bytes from which an unknown protocol or port matters.
const UNUSUAL_BYTES: u64 = 1 << 20;
const TUNNEL_BYTES: u64 = 64 << 10;
/// ENI-hours, and events in them, assumed before there is history: one in a thousand.
const PRIOR_ENI_HOURS: f64 = 1000.0;
const PRIOR_EVENTS: f64 = 1.0;

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RareEvent {
    /// ICMP with payload.
    IcmpBulk,
    /// DNS or DNS over TLS, in bulk, to a server that is not a configured resolver.
    DnsBulk,
    /// A protocol other than TCP, UDP and ICMP that the account has not used before.
    UnusualProtocol,
    /// A port that neither the ENI nor, for 72 h, the account has used before.
    UnusualPort,
}

const _: () = assert!(RareEvent::UnusualPort as usize + 1 == PROBE_THEN_SUCCESS);

impl RareEvent {
    /// The rule that a client flow to an external peer breaks, if any.
    pub fn of(
        flow: &FlowWindow,
        settings: &Settings,
        is_port_known: &impl Fn(u8, u16) -> bool,
    ) -> Option<Self> {
        let bytes = flow.egress_bytes;
        let packet_bytes = bytes / flow.egress_packets.max(1);
        match (flow.protocol, flow.port) {
            (1 | 58, _) => {
                (bytes >= BULK_BYTES && packet_bytes >= ICMP_PACKET_BYTES).then_some(Self::IcmpBulk)
            }
            (6 | 17, 53 | 853) => {
                let allowed = settings.resolvers.binary_search(&flow.peer.addr()).is_ok();
                let bulk =
                    bytes >= BULK_BYTES || (packet_bytes >= DNS_PACKET_BYTES && bytes >= DNS_TUNNEL_BYTES);
                (bulk && !allowed).then_some(Self::DnsBulk)
            }
            (6 | 17, port) => {
                (bytes >= UNUSUAL_BYTES && !is_port_known(flow.protocol, port)).then_some(Self::UnusualPort)
            }
            (PROTOCOL_ABSENT, _) => None,
            (protocol, _) => (bytes >= TUNNEL_BYTES && !is_port_known(protocol, flow.port))
                .then_some(Self::UnusualProtocol),
        }
    }

    /// Application bytes an hour below which the rule is silent.
    pub fn floor_bytes(self) -> u64 {
        match self {
            Self::IcmpBulk | Self::UnusualPort => UNUSUAL_BYTES,
            Self::DnsBulk => DNS_TUNNEL_BYTES,
            Self::UnusualProtocol => TUNNEL_BYTES,
        }
    }

    /// For the sentence on an alert.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::IcmpBulk => "ICMP carrying data",
            Self::DnsBulk => "DNS in bulk to a server that is not a configured resolver",
            Self::UnusualProtocol => "an IP protocol not used here before",
            Self::UnusualPort => "a port not used here before",
        }
    }
}

/// How rare an event has been: (events + prior) / (ENI-hours + prior).
pub(super) fn rare_event_p(event: usize, fleet: &FleetModel) -> f64 {
    (fleet.rare[event] as f64 + PRIOR_EVENTS) / (fleet.eni_hours as f64 + PRIOR_ENI_HOURS)
}

/// How rare the event has been in the account.
pub fn evidence(event: RareEvent, app_bytes: u64, fleet: &FleetModel) -> Evidence {
    Evidence {
        detector: Detector::Protocol,
        p: rare_event_p(event as usize, fleet),
        observed: app_bytes as f64,
        expected: 0.0,
        n: fleet.eni_hours,
    }
}
