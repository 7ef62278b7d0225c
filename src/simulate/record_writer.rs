//! Records as text lines, in any column order of flow log versions 2 to 11.

use super::connection::{Connection, Slice};
use super::fleet::{Eni, Group};
use super::format::{Column, FIELDS, at};
use super::internet::Internet;
use super::roles::SimRole;
use crate::net::Addr;

/// Turns slices of connections into lines.
pub(super) struct RecordWriter {
    columns: Vec<Column>,
    /// Value of the `version` column: the highest version among the columns.
    version: &'static str,
    region: String,
}

/// The capturing ENI with what its columns need.
pub(super) struct Capture<'a> {
    pub eni: &'a Eni,
    pub group: &'a Group,
}

/// One direction of a slice.
struct Line<'a> {
    src: Addr,
    dst: Addr,
    pkt_src: Addr,
    pkt_dst: Addr,
    src_port: u16,
    dst_port: u16,
    packets: u64,
    bytes: u64,
    flags: u8,
    egress: bool,
    connection: &'a Connection,
    slice: &'a Slice,
}

impl RecordWriter {
    pub(super) fn new(columns: Vec<Column>, region: String) -> Self {
        let version = match columns.iter().copied().max().unwrap_or(0) {
            0..14 => "2",
            14..21 => "3",
            21..25 => "4",
            25..29 => "5",
            29..39 => "7",
            39 => "8",
            40 => "9",
            41 => "10",
            _ => "11",
        };
        Self { columns, version, region }
    }

    /// The first line of an object.
    pub(super) fn header(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| FIELDS[*column]).collect();
        names.join(" ") + "\n"
    }

    /// Calls `each` with the line of every record that a slice gives: two, or four at a relay.
    pub(super) fn slice(
        &self,
        capture: &Capture<'_>,
        connection: &Connection,
        slice: &Slice,
        mut each: impl FnMut(&[u8]),
    ) {
        let mut line = Vec::with_capacity(if self.columns.len() > 29 { 512 } else { 256 });
        let mut emit = |record: Line<'_>| {
            if record.packets > 0 {
                line.clear();
                self.line(&mut line, capture, &record);
                each(&line);
            }
        };
        let (us, them, behind) =
            (connection.local, connection.peer, connection.behind.unwrap_or(connection.local));
        let egress = |src, dst, pkt_src, pkt_dst, egress| Line {
            src,
            dst,
            pkt_src,
            pkt_dst,
            src_port: connection.local_port,
            dst_port: connection.peer_port,
            packets: slice.egress_packets,
            bytes: slice.egress_bytes,
            flags: slice.egress_flags,
            egress,
            connection,
            slice,
        };
        let ingress = |src, dst, pkt_src, pkt_dst, egress| Line {
            src,
            dst,
            pkt_src,
            pkt_dst,
            src_port: connection.peer_port,
            dst_port: connection.local_port,
            packets: slice.ingress_packets,
            bytes: slice.ingress_bytes,
            flags: slice.ingress_flags,
            egress,
            connection,
            slice,
        };
        emit(egress(us, them, us, them, true));
        emit(ingress(them, us, them, us, false));
        if connection.behind.is_some() {
            // AWS's NAT gateway table: towards the instance both sides keep the far address in
            // the packet header.
            emit(egress(behind, us, behind, them, false));
            emit(ingress(us, behind, them, behind, true));
        }
    }

    /// A NODATA or SKIPDATA line for an interval.
    pub(super) fn status(
        &self,
        out: &mut Vec<u8>,
        capture: &Capture<'_>,
        start: i64,
        end: i64,
        status: &str,
    ) {
        for (n, column) in self.columns.iter().enumerate() {
            if n > 0 {
                out.push(b' ');
            }
            match *column {
                at::START => number(out, start as u64),
                at::END => number(out, end as u64),
                at::LOG_STATUS => out.extend_from_slice(status.as_bytes()),
                column => match self.constant(capture, column) {
                    Some(text) => out.extend_from_slice(text.as_bytes()),
                    None => out.push(b'-'),
                },
            }
        }
        out.push(b'\n');
    }

    /// Columns that are the same for every record of an ENI; `None` for the others.
    fn constant<'a>(&'a self, capture: &Capture<'a>, column: Column) -> Option<&'a str> {
        let ids = &capture.eni.ids;
        Some(match column {
            at::VERSION => self.version,
            at::ACCOUNT => &ids.account,
            at::INTERFACE => &ids.eni,
            at::VPC => &ids.vpc,
            at::SUBNET => &ids.subnet,
            at::INSTANCE => &ids.instance,
            at::REGION => &self.region,
            at::AZ => ids.az,
            at::ASG_TAG => &capture.group.name,
            at::INTERFACE_TYPE if capture.group.role == SimRole::NatGateway => "nat_gateway",
            _ => return None,
        })
    }

    fn line(&self, out: &mut Vec<u8>, capture: &Capture<'_>, record: &Line<'_>) {
        for (n, column) in self.columns.iter().enumerate() {
            if n > 0 {
                out.push(b' ');
            }
            match *column {
                at::SRC => address(out, record.src),
                at::DST => address(out, record.dst),
                at::SRC_PORT => number(out, u64::from(record.src_port)),
                at::DST_PORT => number(out, u64::from(record.dst_port)),
                at::PROTOCOL => number(out, u64::from(record.connection.protocol)),
                at::PACKETS => number(out, record.packets),
                at::BYTES => number(out, record.bytes),
                at::START => number(out, record.slice.start_second as u64),
                at::END => number(out, record.slice.end_second as u64),
                at::ACTION => text(out, Some(if record.connection.rejected { "REJECT" } else { "ACCEPT" })),
                at::LOG_STATUS => out.extend_from_slice(b"OK"),
                at::TCP_FLAGS => number(out, u64::from(record.flags)),
                at::TYPE => out.extend_from_slice(if record.src.is_v4() { b"IPv4" } else { b"IPv6" }),
                at::PKT_SRC => address(out, record.pkt_src),
                at::PKT_DST => address(out, record.pkt_dst),
                at::PKT_SRC_SERVICE => text(out, Internet::aws_service(record.pkt_src)),
                at::PKT_DST_SERVICE => text(out, Internet::aws_service(record.pkt_dst)),
                at::DIRECTION => out.extend_from_slice(if record.egress { b"egress" } else { b"ingress" }),
                at::TRAFFIC_PATH if record.egress => out.push(path(capture.eni, record)),
                at::ENCRYPTION => out.push(b'0'),
                column => text(out, self.constant(capture, column)),
            }
        }
        out.push(b'\n');
    }
}

/// `traffic-path`: 1 stays in the VPC (also on the way to a NAT gateway), 8 leaves by the
/// internet gateway.
fn path(eni: &Eni, record: &Line<'_>) -> u8 {
    if is_private(record.dst) || eni.nat.is_some() { b'1' } else { b'8' }
}

/// Whether an address is of the fleet's own private space.
pub(super) fn is_private(addr: Addr) -> bool {
    addr.is_v4() && (addr.bits() as u32) >> 24 == 10
}

fn text(out: &mut Vec<u8>, value: Option<&str>) {
    out.extend_from_slice(value.unwrap_or("-").as_bytes());
}

/// Decimal digits, without going through `fmt`: it is most of the time of writing a record.
fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn address(out: &mut Vec<u8>, addr: Addr) {
    if !addr.is_v4() {
        out.extend_from_slice(addr.to_string().as_bytes());
        return;
    }
    for (n, octet) in (addr.bits() as u32).to_be_bytes().into_iter().enumerate() {
        if n > 0 {
            out.push(b'.');
        }
        number(out, u64::from(octet));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_print_as_the_standard_library_does() {
        for value in [0, 9, 10, 65_535, u64::MAX] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
        for bits in [0xcb00_7109_u32, 0x0a00_0001, u32::MAX] {
            let mut out = Vec::new();
            address(&mut out, Addr::from_v4(bits));
            assert_eq!(out, Addr::from_v4(bits).to_string().into_bytes());
        }
    }
}
