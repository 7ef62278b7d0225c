//! One record seen from its ENI: own side, peer, direction, and what it says about who opened
//! the connection. Everything here looks at one record alone, so nothing depends on order; what
//! needs the whole hour is in `window::resolve`.

use super::{Addr, internal::is_private};
use crate::record::{FlowDirection, FlowRecord};

/// TCP flag bits that AWS reports (VPC user guide, "tcp-flags").
const SYN: u8 = 2;
const ACK: u8 = 16;
/// First port of the range that operating systems take client ports from (Linux default
/// 32768-60999; IANA dynamic range 49152-65535 lies inside).
const EPHEMERAL_FIRST: u16 = 32_768;
/// Last port that only privileged services listen on.
const WELL_KNOWN_LAST: u16 = 1023;

/// Which side of a record is the ENI, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnSide {
    /// `flow-direction` says so.
    Stated,
    /// Exactly one side is in a private range. VPCs with public ranges exist, so the hour may
    /// overrule it.
    ByRange,
    /// A coin that always falls the same way: the lower address. The hour decides.
    Undecided,
}

/// A record turned to the ENI's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oriented {
    /// The ENI's address as `srcaddr`/`dstaddr` show it.
    pub own: Addr,
    /// The other end: `pkt-*addr` when present, else the record's address.
    pub peer: Addr,
    /// Away from the ENI.
    pub egress: bool,
    /// How the side is known.
    pub side: OwnSide,
    /// Port on the ENI's side.
    pub own_port: u16,
    /// Port on the peer's side.
    pub peer_port: u16,
}

/// Turns a record to its ENI's point of view; `None` when it has no addresses.
#[inline]
pub fn orient(record: &FlowRecord<'_>) -> Option<Oriented> {
    let (src, dst) = (record.src?, record.dst?);
    let (egress, side) = match record.direction {
        Some(FlowDirection::Egress) => (true, OwnSide::Stated),
        Some(FlowDirection::Ingress) => (false, OwnSide::Stated),
        None => match (is_private(src), is_private(dst)) {
            (true, false) => (true, OwnSide::ByRange),
            (false, true) => (false, OwnSide::ByRange),
            _ => (src <= dst, OwnSide::Undecided),
        },
    };
    let (src_port, dst_port) = (record.src_port.unwrap_or(0), record.dst_port.unwrap_or(0));
    Some(if egress {
        let peer = record.pkt_dst.unwrap_or(dst);
        Oriented { own: src, peer, egress, side, own_port: src_port, peer_port: dst_port }
    } else {
        let peer = record.pkt_src.unwrap_or(src);
        Oriented { own: dst, peer, egress, side, own_port: dst_port, peer_port: src_port }
    })
}

/// Whose port is the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// The peer listens: the ENI is the client.
    Peer,
    /// The ENI listens: what leaves are replies.
    Own,
    /// The ports do not tell.
    Unclear,
}

/// The service side and port of a record, and whether TCP flags prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceSide {
    /// Whose port it is.
    pub side: Service,
    /// The port; 0 for port-less protocols.
    pub port: u16,
    /// Flags prove it.
    pub proven: bool,
}

/// What a record's flags say about its sender: `Some(true)` it opened the connection (SYN
/// without ACK), `Some(false)` it answered (SYN with ACK), `None` neither.
/// Values are ORs over the interval: 2, 3, 6, 7 open; 18, 19, 22, 23 answer; 0, 1, 4, 5 say nothing.
#[inline]
pub fn sender_opened(tcp_flags: Option<u8>) -> Option<bool> {
    match tcp_flags {
        Some(flags) if flags & SYN != 0 => Some(flags & ACK == 0),
        _ => None,
    }
}

/// Decides the service side of an oriented record: by flags, else by port order.
#[inline]
pub fn service_side(at: &Oriented, tcp_flags: Option<u8>) -> ServiceSide {
    if let Some(opened) = sender_opened(tcp_flags) {
        let own_opened = opened == at.egress;
        return if own_opened {
            ServiceSide { side: Service::Peer, port: at.peer_port, proven: true }
        } else {
            ServiceSide { side: Service::Own, port: at.own_port, proven: true }
        };
    }
    let (side, port) = by_ports(at.own_port, at.peer_port);
    ServiceSide { side, port, proven: false }
}

/// The service side by port order alone: a well-known port against any other, else a port
/// below the ephemeral range against one inside it, else unclear (the lower port is kept).
#[inline]
fn by_ports(own: u16, peer: u16) -> (Service, u16) {
    let low = own.min(peer);
    if own == peer {
        return (Service::Unclear, low);
    }
    let high = own.max(peer);
    let tells = (low <= WELL_KNOWN_LAST && high > WELL_KNOWN_LAST)
        || (low < EPHEMERAL_FIRST && high >= EPHEMERAL_FIRST);
    match (tells, own == low) {
        (false, _) => (Service::Unclear, low),
        (true, true) => (Service::Own, low),
        (true, false) => (Service::Peer, low),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[allow(clippy::unnecessary_wraps, reason = "the field it fills is optional")]
    fn addr(text: &str) -> Option<Addr> {
        Some(Addr::from(text.parse::<IpAddr>().unwrap()))
    }

    fn record(src: &str, dst: &str) -> FlowRecord<'static> {
        FlowRecord { src: addr(src), dst: addr(dst), ..FlowRecord::EMPTY }
    }

    /// The table of tcp-flags readings in the VPC user guide ("tcp-flags", formats 1.5).
    #[test]
    fn tcp_flags_table() {
        for (flags, opened) in [
            (0, None),
            (1, None),
            (2, Some(true)),
            (3, Some(true)),
            (4, None),
            (5, None),
            (6, Some(true)),
            (7, Some(true)),
            (18, Some(false)),
            (19, Some(false)),
            (20, None),
            (22, Some(false)),
            (23, Some(false)),
        ] {
            assert_eq!(sender_opened(Some(flags)), opened, "flags {flags}");
        }
        assert_eq!(sender_opened(None), None);
    }

    /// The five records of the NAT gateway example in the VPC user guide, seen from their ENIs.
    #[test]
    fn nat_gateway_table() {
        let rows = [
            ("10.0.1.5", "203.0.113.5", "10.0.1.5", "203.0.113.5", FlowDirection::Egress, "203.0.113.5"),
            ("10.0.1.5", "10.0.0.220", "10.0.1.5", "203.0.113.5", FlowDirection::Ingress, "10.0.1.5"),
            ("10.0.0.220", "203.0.113.5", "10.0.0.220", "203.0.113.5", FlowDirection::Egress, "203.0.113.5"),
            ("203.0.113.5", "10.0.0.220", "203.0.113.5", "10.0.0.220", FlowDirection::Ingress, "203.0.113.5"),
            ("10.0.0.220", "10.0.1.5", "203.0.113.5", "10.0.1.5", FlowDirection::Egress, "10.0.1.5"),
        ];
        for (src, dst, pkt_src, pkt_dst, direction, peer) in rows {
            let r = FlowRecord {
                pkt_src: addr(pkt_src),
                pkt_dst: addr(pkt_dst),
                direction: Some(direction),
                ..record(src, dst)
            };
            assert_eq!(orient(&r).unwrap().peer, addr(peer).unwrap(), "{src} {dst}");
        }
    }

    #[test]
    fn without_direction_the_private_side_is_the_eni_for_now() {
        let out = orient(&record("10.0.1.5", "203.0.113.5")).unwrap();
        assert!(out.egress && out.side == OwnSide::ByRange);
        let back = orient(&record("203.0.113.5", "10.0.1.5")).unwrap();
        assert!(!back.egress && back.own == out.own && back.peer == out.peer);
    }

    #[test]
    fn two_private_sides_are_undecided_but_both_directions_agree_on_the_pair() {
        let one = orient(&record("10.0.1.5", "10.0.0.9")).unwrap();
        let two = orient(&record("10.0.0.9", "10.0.1.5")).unwrap();
        assert_eq!(one.side, OwnSide::Undecided);
        assert_eq!((one.own, one.peer), (two.own, two.peer));
        assert_ne!(one.egress, two.egress);
    }

    #[test]
    fn port_order_tells_only_across_ranges() {
        for (own, peer, side, port) in [
            (49152, 443, Service::Peer, 443),
            (443, 49152, Service::Own, 443),
            (443, 5000, Service::Own, 443),
            (40000, 50000, Service::Unclear, 40000),
            (3000, 8080, Service::Unclear, 3000),
            (8080, 40000, Service::Own, 8080),
            (123, 123, Service::Unclear, 123),
            (0, 0, Service::Unclear, 0),
        ] {
            assert_eq!(by_ports(own, peer), (side, port), "{own} {peer}");
        }
    }

    #[test]
    fn flags_overrule_port_order() {
        let r = FlowRecord {
            src_port: Some(40000),
            dst_port: Some(50000),
            tcp_flags: Some(3),
            direction: Some(FlowDirection::Egress),
            ..record("10.0.1.5", "203.0.113.5")
        };
        let got = service_side(&orient(&r).unwrap(), r.tcp_flags);
        assert_eq!(got, ServiceSide { side: Service::Peer, port: 50000, proven: true });
    }
}
