//! A connection as one ENI takes part in it, and its cut into aggregation intervals.
//!
//! Connections come first and intervals second: bytes are spread over the life of a connection
//! by a cumulative count that telescopes, so 60 s and 600 s records of the same fleet have the
//! same totals in every hour.

use crate::net::Addr;

/// TCP payload of a full packet, bytes (1,500 less IPv4 and TCP headers with timestamps).
const PAYLOAD_BYTES: u64 = 1448;
/// IP and TCP headers with timestamps, bytes.
const HEADER_BYTES: u64 = 52;

/// IANA protocol numbers that the simulator uses.
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const GRE: u8 = 47;

/// Both directions of one connection, seen from one ENI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    /// First second, Unix.
    pub first_second: i64,
    /// Last second, Unix, inclusive.
    pub last_second: i64,
    /// The ENI's address.
    pub local: Addr,
    /// The other side.
    pub peer: Addr,
    /// For a relay: the instance behind it.
    pub behind: Option<Addr>,
    /// The ENI's port.
    pub local_port: u16,
    /// The other side's port.
    pub peer_port: u16,
    /// IANA protocol number.
    pub protocol: u8,
    /// Whether the ENI opened it.
    pub client: bool,
    /// Blocked: only the opener's packets exist.
    pub rejected: bool,
    /// IP bytes sent by the ENI.
    pub egress_bytes: u64,
    /// Packets sent by the ENI.
    pub egress_packets: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
    /// Packets received.
    pub ingress_packets: u64,
}

/// Who talks to whom over which ports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub local: Addr,
    pub peer: Addr,
    pub local_port: u16,
    pub peer_port: u16,
    /// Whether the ENI opened the connection.
    pub client: bool,
}

impl Connection {
    /// An accepted TCP connection that carries these payloads, with handshake, headers and the
    /// acknowledgements that each direction owes the other (one for two packets, RFC 5681 4.2).
    pub(super) fn tcp(
        ends: Ends,
        first_second: i64,
        duration_seconds: i64,
        sent: u64,
        received: u64,
    ) -> Self {
        let (data_out, data_in) = (sent.div_ceil(PAYLOAD_BYTES), received.div_ceil(PAYLOAD_BYTES));
        let egress_packets = 3 + data_out.max(data_in / 2);
        let ingress_packets = 3 + data_in.max(data_out / 2);
        Self {
            egress_bytes: sent + HEADER_BYTES * egress_packets,
            egress_packets,
            ingress_bytes: received + HEADER_BYTES * ingress_packets,
            ingress_packets,
            ..Self::empty(ends, TCP, first_second, duration_seconds)
        }
    }

    /// Traffic of a protocol without connections: packets of one size each way.
    pub(super) fn packets(
        ends: Ends,
        protocol: u8,
        (first_second, duration_seconds): (i64, i64),
        (egress_packets, egress_size): (u64, u64),
        (ingress_packets, ingress_size): (u64, u64),
    ) -> Self {
        Self {
            egress_bytes: egress_packets * egress_size,
            egress_packets,
            ingress_bytes: ingress_packets * ingress_size,
            ingress_packets,
            ..Self::empty(ends, protocol, first_second, duration_seconds)
        }
    }

    /// An attempt that the firewall blocked: `packets` SYNs from the opener.
    pub(super) fn rejected(ends: Ends, first_second: i64, packets: u64) -> Self {
        let attempt = Self::empty(ends, TCP, first_second, packets as i64);
        let bytes = packets * 60;
        if ends.client {
            Self { rejected: true, egress_bytes: bytes, egress_packets: packets, ..attempt }
        } else {
            Self { rejected: true, ingress_bytes: bytes, ingress_packets: packets, ..attempt }
        }
    }

    fn empty(ends: Ends, protocol: u8, first_second: i64, duration_seconds: i64) -> Self {
        Self {
            first_second,
            last_second: first_second + duration_seconds.max(1) - 1,
            local: ends.local,
            peer: ends.peer,
            behind: None,
            local_port: ends.local_port,
            peer_port: ends.peer_port,
            protocol,
            client: ends.client,
            rejected: false,
            egress_bytes: 0,
            egress_packets: 0,
            ingress_bytes: 0,
            ingress_packets: 0,
        }
    }

    /// The same connection as the other end's ENI sees it.
    pub(super) fn mirrored(&self) -> Self {
        Self {
            local: self.peer,
            peer: self.local,
            local_port: self.peer_port,
            peer_port: self.local_port,
            client: !self.client,
            egress_bytes: self.ingress_bytes,
            egress_packets: self.ingress_packets,
            ingress_bytes: self.egress_bytes,
            ingress_packets: self.egress_packets,
            ..*self
        }
    }

    /// Calls `each` for every aggregation interval in which a packet passed, in time order.
    pub(super) fn cut(&self, interval_seconds: i64, mut each: impl FnMut(&Slice)) {
        let mut from = self.first_second;
        let mut done = Cumulative::default();
        while from <= self.last_second {
            let boundary = (from.div_euclid(interval_seconds) + 1) * interval_seconds;
            let last = self.last_second.min(boundary - 1);
            let now = self.cumulative(last);
            let (opens, closes) = (from == self.first_second, last == self.last_second);
            let (egress_flags, ingress_flags) = self.flags(opens, closes);
            let slice = Slice {
                start_second: from,
                end_second: last,
                egress_bytes: now.egress_bytes - done.egress_bytes,
                egress_packets: now.egress_packets - done.egress_packets,
                egress_flags,
                ingress_bytes: now.ingress_bytes - done.ingress_bytes,
                ingress_packets: now.ingress_packets - done.ingress_packets,
                ingress_flags,
            };
            if slice.egress_packets + slice.ingress_packets > 0 {
                each(&slice);
            }
            done = now;
            from = last + 1;
        }
    }

    /// What has passed by the end of `second`. Packets are spread evenly and rounded up, so the
    /// first one passes in the first second; bytes follow the packets.
    fn cumulative(&self, second: i64) -> Cumulative {
        let life = (self.last_second - self.first_second + 1) as u128;
        let lived = (second - self.first_second + 1) as u128;
        let packets = |all: u64| (u128::from(all) * lived).div_ceil(life) as u64;
        let bytes = |all: u64, passed: u64, of: u64| {
            if of == 0 { 0 } else { (u128::from(all) * u128::from(passed) / u128::from(of)) as u64 }
        };
        let (out, inn) = (packets(self.egress_packets), packets(self.ingress_packets));
        Cumulative {
            egress_bytes: bytes(self.egress_bytes, out, self.egress_packets),
            egress_packets: out,
            ingress_bytes: bytes(self.ingress_bytes, inn, self.ingress_packets),
            ingress_packets: inn,
        }
    }

    /// `tcp-flags` of the two directions: SYN from the opener, SYN-ACK from the other side, FIN
    /// from both at the end, OR-ed over the interval.
    fn flags(&self, opens: bool, closes: bool) -> (u8, u8) {
        if self.protocol != TCP {
            return (0, 0);
        }
        let fin = u8::from(closes && !self.rejected);
        let opener = if opens { 2 } else { 0 } | fin;
        let answerer = if opens { 18 } else { 0 } | fin;
        if self.client { (opener, answerer) } else { (answerer, opener) }
    }
}

#[derive(Default)]
struct Cumulative {
    egress_bytes: u64,
    egress_packets: u64,
    ingress_bytes: u64,
    ingress_packets: u64,
}

/// The part of a connection that lies in one aggregation interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub start_second: i64,
    pub end_second: i64,
    pub egress_bytes: u64,
    pub egress_packets: u64,
    pub egress_flags: u8,
    pub ingress_bytes: u64,
    pub ingress_packets: u64,
    pub ingress_flags: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(client: bool) -> Ends {
        let (local, peer) = (Addr::from_v4(0x0a00_0001), Addr::from_v4(0xcb00_7109));
        Ends { local, peer, local_port: 40000, peer_port: 443, client }
    }

    fn slices(connection: &Connection, interval: i64) -> Vec<Slice> {
        let mut all = Vec::new();
        connection.cut(interval, |slice| all.push(*slice));
        all
    }

    #[test]
    fn a_short_connection_is_one_interval_with_both_flags() {
        let all = slices(&Connection::tcp(ends(true), 1000, 3, 5000, 100), 60);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].egress_flags, all[0].ingress_flags), (3, 19));
        let served = slices(&Connection::tcp(ends(false), 1000, 3, 5000, 100), 60);
        assert_eq!((served[0].egress_flags, served[0].ingress_flags), (19, 3));
    }

    #[test]
    fn a_long_connection_opens_carries_and_closes() {
        let all = slices(&Connection::tcp(ends(true), 30, 150, 9_000_000, 0), 60);
        let flags: Vec<_> = all.iter().map(|s| (s.egress_flags, s.ingress_flags)).collect();
        assert_eq!(flags, [(2, 18), (0, 0), (1, 1)]);
        assert!(all.iter().all(|s| s.start_second / 60 == s.end_second / 60));
    }

    #[test]
    fn cutting_keeps_every_byte_whatever_the_interval() {
        let whole = Connection::tcp(ends(true), 3333, 9_999, 77_777_777, 1_234_567);
        for interval in [60, 600] {
            let all = slices(&whole, interval);
            assert_eq!(all.iter().map(|s| s.egress_bytes).sum::<u64>(), whole.egress_bytes);
            assert_eq!(all.iter().map(|s| s.ingress_packets).sum::<u64>(), whole.ingress_packets);
        }
        let hourly = |interval| {
            let mut sums = std::collections::BTreeMap::new();
            whole.cut(interval, |s| *sums.entry(s.end_second / 3600).or_insert(0) += s.egress_bytes);
            sums
        };
        assert_eq!(hourly(60), hourly(600));
        assert!(hourly(60).len() >= 3);
    }

    #[test]
    fn a_rejected_attempt_has_one_direction_and_no_fin() {
        let all = slices(&Connection::rejected(ends(true), 1000, 2), 60);
        assert_eq!((all[0].egress_packets, all[0].ingress_packets, all[0].egress_flags), (2, 0, 2));
        let scan = slices(&Connection::rejected(ends(false), 1000, 1), 60);
        assert_eq!((scan[0].egress_packets, scan[0].ingress_packets, scan[0].ingress_flags), (0, 1, 2));
    }

    #[test]
    fn the_mirror_of_the_mirror_is_the_connection() {
        let one = Connection::tcp(ends(true), 1000, 3, 5000, 100);
        assert_eq!(one.mirrored().mirrored(), one);
        assert_eq!(one.mirrored().egress_bytes, one.ingress_bytes);
    }
}
