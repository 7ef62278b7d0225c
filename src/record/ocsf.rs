//! Security Lake's rendering of a VPC flow: OCSF Network Activity (class 4001) in Parquet.
//!
//! Source: the AWS mapping of VPC flow logs to OCSF 1.0.0-rc.2 and 1.1.0. The ENI's fields sit on
//! the destination endpoint of inbound flows and on the source endpoint of outbound ones;
//! `boundary_id` is `traffic-path` + 3; an endpoint's `ip` is the packet's address, and the
//! interface's own is then the first of `intermediate_ips`.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};

use super::columns::Values;
use super::lines::{Lines, Place};
use super::text::Fault;
use super::words;
use super::{Action, FlowDirection, FlowRecord, LogStatus, RecordSink};

/// Top-level columns that are read; the rest of the event is not decoded.
const ROOTS: [&str; 15] = [
    "cloud",
    "src_endpoint",
    "dst_endpoint",
    "connection_info",
    "traffic",
    "time",
    "start_time",
    "end_time",
    "start_time_dt",
    "end_time_dt",
    "status_code",
    "action_id",
    "disposition",
    "disposition_id",
    "activity_id",
];

/// Whether these are the columns of an OCSF network event.
pub(crate) fn is_ocsf(names: &[String]) -> bool {
    ["src_endpoint", "dst_endpoint"].iter().all(|want| names.iter().any(|name| name == want))
}

/// Indices of the columns to decode.
pub(crate) fn roots(names: &[String]) -> Vec<usize> {
    (0..names.len()).filter(|&at| ROOTS.contains(&names[at].as_str())).collect()
}

/// One side of the flow.
struct Endpoint {
    ip: Values,
    /// First of `intermediate_ips`.
    intermediate: Values,
    port: Values,
    service: Values,
    interface: Values,
    vpc: Values,
    subnet: Values,
    instance: Values,
}

impl Endpoint {
    fn of(batch: &RecordBatch, name: &str) -> Self {
        let child = |field: &str| values(batch, &[name, field]);
        Self {
            ip: child("ip"),
            intermediate: find(batch, &[name, "intermediate_ips"])
                .map_or(Values::None, |array| first_of_lists(&array)),
            port: child("port"),
            service: child("svc_name"),
            interface: child("interface_uid"),
            vpc: child("vpc_uid"),
            subnet: child("subnet_uid"),
            instance: child("instance_uid"),
        }
    }
}

/// The columns of a batch, each typed once.
struct Columns {
    account: Values,
    region: Values,
    source: Endpoint,
    destination: Endpoint,
    protocol: Values,
    tcp_flags: Values,
    boundary: Values,
    direction: Values,
    packets: Values,
    bytes: Values,
    start: Values,
    end: Values,
    status: Values,
    action_id: Values,
    disposition: Values,
    activity_id: Values,
}

impl Columns {
    fn of(batch: &RecordBatch) -> Self {
        let any = |paths: &[&[&str]]| {
            paths.iter().find_map(|path| find(batch, path)).map_or(Values::None, |a| Values::of(&a))
        };
        Self {
            account: any(&[
                &["cloud", "account", "uid"],
                &["cloud", "account_uid"],
                &["cloud", "account", "uuid"],
            ])
            .with_account_digits(),
            region: any(&[&["cloud", "region"]]),
            source: Endpoint::of(batch, "src_endpoint"),
            destination: Endpoint::of(batch, "dst_endpoint"),
            protocol: any(&[&["connection_info", "protocol_num"]]),
            tcp_flags: any(&[&["connection_info", "tcp_flags"]]),
            boundary: any(&[&["connection_info", "boundary_id"]]),
            direction: any(&[&["connection_info", "direction_id"]]),
            packets: any(&[&["traffic", "packets"]]),
            bytes: any(&[&["traffic", "bytes"]]),
            start: any(&[&["start_time"], &["start_time_dt"]]),
            end: any(&[&["end_time"], &["end_time_dt"], &["time"]]),
            status: any(&[&["status_code"]]),
            action_id: any(&[&["action_id"], &["disposition_id"]]),
            disposition: any(&[&["disposition"]]),
            activity_id: any(&[&["activity_id"]]),
        }
    }

    fn record(&self, row: usize) -> Result<FlowRecord<'_>, Fault<'_>> {
        let direction = match self.direction.integer(row, "flow-direction")? {
            Some(1) => Some(FlowDirection::Ingress),
            Some(2) => Some(FlowDirection::Egress),
            _ => None,
        };
        let (source, destination) = (&self.source, &self.destination);
        let (own, other) = match direction {
            Some(FlowDirection::Ingress) => (destination, source),
            _ => (source, destination),
        };
        // Rows without a direction, and a published sample, have the ENI on the other side.
        let own = if own.interface.text(row).is_empty() { other } else { own };
        let pkt_src = source.ip.address(row, "pkt-srcaddr")?;
        let pkt_dst = destination.ip.address(row, "pkt-dstaddr")?;
        let path = self.boundary.integer(row, "traffic-path")?.map(|boundary| boundary.saturating_sub(3));
        Ok(FlowRecord {
            account: self.account.text(row),
            region: self.region.text(row),
            eni: own.interface.text(row),
            vpc: own.vpc.text(row),
            subnet: own.subnet.text(row),
            instance: own.instance.text(row),
            has_instance_column: true,
            src_service: source.service.text(row),
            dst_service: destination.service.text(row),
            src: source.intermediate.address(row, "srcaddr")?.or(pkt_src),
            dst: destination.intermediate.address(row, "dstaddr")?.or(pkt_dst),
            pkt_src,
            pkt_dst,
            src_port: source.port.narrow(row, "srcport")?,
            dst_port: destination.port.narrow(row, "dstport")?,
            protocol: self.protocol.narrow(row, "protocol")?,
            packets: self.packets.narrow(row, "packets")?,
            bytes: self.bytes.narrow(row, "bytes")?,
            start: self.start.second(row, "start")?,
            end: self.end.second(row, "end")?,
            action: self.action(row)?,
            status: self.status.word(row, "log-status", words::log_status)?.unwrap_or(LogStatus::Ok),
            tcp_flags: self.tcp_flags.narrow(row, "tcp-flags")?,
            direction,
            // 4 to 11 are the paths 1 to 8; 99 stands for `-`.
            traffic_path: path.filter(|path| (1..=8).contains(path)).map(|path| path as u8),
            ..FlowRecord::EMPTY
        })
    }

    /// The published samples contradict themselves, so the plainest statement comes first.
    fn action(&self, row: usize) -> Result<Option<Action>, Fault<'_>> {
        match self.action_id.integer(row, "action")? {
            Some(1) => return Ok(Some(Action::Accept)),
            Some(2) => return Ok(Some(Action::Reject)),
            _ => {}
        }
        match self.disposition.text(row) {
            b"Allowed" => return Ok(Some(Action::Accept)),
            b"Blocked" => return Ok(Some(Action::Reject)),
            _ => {}
        }
        Ok(match self.activity_id.integer(row, "action")? {
            Some(5) => Some(Action::Reject),
            Some(6) => Some(Action::Accept),
            _ => None,
        })
    }
}

/// One batch, row by row.
pub(crate) fn rows<S: RecordSink>(batch: &RecordBatch, first_row: u64, lines: &mut Lines<'_, S>) {
    let columns = Columns::of(batch);
    for row in 0..batch.num_rows() {
        let place = Place { line: first_row + row as u64 + 1, byte: 0 };
        match columns.record(row) {
            Ok(record) => lines.row(&record, place),
            Err(fault) => lines.row_fault(fault, place),
        }
    }
}

fn values(batch: &RecordBatch, path: &[&str]) -> Values {
    find(batch, path).map_or(Values::None, |array| Values::of(&array))
}

/// The column at a path of nested structs.
fn find(batch: &RecordBatch, path: &[&str]) -> Option<ArrayRef> {
    let (first, rest) = path.split_first()?;
    let mut array = batch.column_by_name(first)?.clone();
    for name in rest {
        let parent: &StructArray = array.as_struct_opt()?;
        array = parent.column_by_name(name)?.clone();
    }
    Some(array)
}

/// The first text of each row's list; absent for empty lists and lists of something else.
fn first_of_lists(array: &ArrayRef) -> Values {
    let Some(lists) = array.as_list_opt::<i32>() else { return Values::None };
    let Values::Texts(texts) = Values::of(lists.values()) else { return Values::None };
    let first = |row: usize| {
        let at = *lists.value_offsets().get(row)? as usize;
        (lists.is_valid(row) && lists.value_length(row) > 0 && texts.is_valid(at)).then(|| texts.value(at))
    };
    Values::Texts((0..lists.len()).map(first).collect())
}
