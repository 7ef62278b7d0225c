//! Bytes to flow records. Content decides the format, never a file name.
//!
//! A bad line is data, not an error: it is counted by reason and the first of each reason is
//! kept with its place, so that it can be found again.

mod addresses;
mod ahead;
mod brisk;
mod columns;
mod cuts;
mod dictionaries;
mod envelope;
pub mod fields;
pub mod format;
mod hold;
mod hybrid;
mod keyed;
mod lines;
mod marks;
mod ocsf;
mod parquet;
mod parquet_guard;
mod read;
#[cfg(test)]
mod reference;
mod report;
mod row_group;
mod rows;
mod scan;
pub mod text;
mod thrift;
mod words;

pub use format::{ColumnPlan, FormatError};
pub use read::{ObjectReader, read_object};
pub use report::{ObjectError, ReadReport, SkipSample};

use crate::net::Addr;

/// What the firewall did with the traffic. Absent in formats without `action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Security groups and network ACLs let it pass.
    Accept,
    /// Blocked, or a packet that came after its connection was closed.
    Reject,
}

/// What a record says about itself (AWS, "flow log record examples": NODATA, SKIPDATA).
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogStatus {
    /// A normal record. Also assumed when the format has no `log-status`.
    #[default]
    Ok,
    /// No traffic on the ENI in the interval: coverage with zero egress.
    NoData,
    /// Records were lost in the interval: a gap in what can be seen.
    SkipData,
}

/// Direction relative to the capturing ENI (`flow-direction`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowDirection {
    /// Towards the ENI.
    Ingress,
    /// Away from the ENI.
    Egress,
}

/// One flow record, borrowing its texts from the line it was read from.
///
/// Only the columns that the pipeline uses are here; the others are recognised and skipped.
/// `None` and the empty text mean absent (`-`, NULL or not in the format), never zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowRecord<'a> {
    /// `account-id`; 12 digits, `unknown`, or empty.
    pub account: &'a [u8],
    /// What captured the flow: `interface-id`, else `tgw-attachment-id`, else `resource-id`,
    /// else `instance-id`; empty when the format has none of them.
    pub eni: &'a [u8],
    /// `vpc-id` (`tgw-src-vpc-id` is not used: a TGW record belongs to its attachment).
    pub vpc: &'a [u8],
    /// `subnet-id`.
    pub subnet: &'a [u8],
    /// `instance-id`; empty for requester-managed ENIs when the format has the column.
    pub instance: &'a [u8],
    /// `region`.
    pub region: &'a [u8],
    /// `interface-type`, an open vocabulary; `transit_gateway` for TGW records.
    pub interface_type: &'a [u8],
    /// `pkt-dst-aws-service`.
    pub dst_service: &'a [u8],
    /// `pkt-src-aws-service`.
    pub src_service: &'a [u8],
    /// Peer group of the ENI when the format carries one: `asg-tag`, else `interface-tag`,
    /// else `instance-tag`, else `ecs-service-name`; percent-encoded as AWS wrote it.
    pub group: &'a [u8],
    /// `srcaddr`.
    pub src: Option<Addr>,
    /// `dstaddr`.
    pub dst: Option<Addr>,
    /// `pkt-srcaddr`.
    pub pkt_src: Option<Addr>,
    /// `pkt-dstaddr`.
    pub pkt_dst: Option<Addr>,
    /// `srcport`.
    pub src_port: Option<u16>,
    /// `dstport`.
    pub dst_port: Option<u16>,
    /// `protocol`, IANA number.
    pub protocol: Option<u8>,
    /// `packets`.
    pub packets: Option<u64>,
    /// `bytes`, at the IP layer with headers.
    pub bytes: Option<u64>,
    /// `start`, Unix seconds; milliseconds are brought down (formats seen in the wild).
    pub start: Option<i64>,
    /// `end`, Unix seconds.
    pub end: Option<i64>,
    /// `action`.
    pub action: Option<Action>,
    /// `log-status`.
    pub status: LogStatus,
    /// `tcp-flags`, OR-ed over the interval.
    pub tcp_flags: Option<u8>,
    /// `flow-direction`.
    pub direction: Option<FlowDirection>,
    /// `traffic-path`, 1..=8.
    pub traffic_path: Option<u8>,
    /// Whether the format has an `instance-id` column at all: only then does an empty
    /// `instance` say that the ENI is requester-managed.
    pub has_instance_column: bool,
}

impl Default for FlowRecord<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl FlowRecord<'_> {
    /// A record with everything absent.
    pub const EMPTY: FlowRecord<'static> = FlowRecord {
        account: b"",
        eni: b"",
        vpc: b"",
        subnet: b"",
        instance: b"",
        region: b"",
        interface_type: b"",
        dst_service: b"",
        src_service: b"",
        group: b"",
        src: None,
        dst: None,
        pkt_src: None,
        pkt_dst: None,
        src_port: None,
        dst_port: None,
        protocol: None,
        packets: None,
        bytes: None,
        start: None,
        end: None,
        action: None,
        status: LogStatus::Ok,
        tcp_flags: None,
        direction: None,
        traffic_path: None,
        has_instance_column: false,
    };
}

/// Why a line or row gave no record. A closed set: it labels counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// No header was seen and no `--format-fields` given.
    NoHeader,
    /// Fewer tokens than the format has columns.
    TooFewFields,
    /// More tokens than the format has columns.
    TooManyFields,
    /// A numeric column holds something else.
    BadNumber,
    /// An address column holds something else.
    BadAddress,
    /// `action`, `log-status` or `flow-direction` holds an unknown word.
    BadWord,
    /// The line is longer than `limits::LINE_BYTES_MAX`.
    LineTooLong,
    /// The object ended inside this line.
    CutOff,
    /// JSON that is neither a CloudWatch Logs nor a Firehose envelope, or is malformed.
    BadEnvelope,
    /// The record names nothing that captured it.
    NoInterface,
    /// Neither the record nor its object says when it was.
    NoEventTime,
    /// `end` is before 2000 or after 2200.
    TimeOutOfRange,
}

impl SkipReason {
    /// All of them, in display order.
    pub const ALL: [SkipReason; 12] = [
        Self::NoHeader,
        Self::TooFewFields,
        Self::TooManyFields,
        Self::BadNumber,
        Self::BadAddress,
        Self::BadWord,
        Self::LineTooLong,
        Self::CutOff,
        Self::BadEnvelope,
        Self::NoInterface,
        Self::NoEventTime,
        Self::TimeOutOfRange,
    ];

    /// The label used in counters and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoHeader => "no_header",
            Self::TooFewFields => "too_few_fields",
            Self::TooManyFields => "too_many_fields",
            Self::BadNumber => "bad_number",
            Self::BadAddress => "bad_address",
            Self::BadWord => "bad_word",
            Self::LineTooLong => "line_too_long",
            Self::CutOff => "cut_off",
            Self::BadEnvelope => "bad_envelope",
            Self::NoInterface => "no_interface",
            Self::NoEventTime => "no_event_time",
            Self::TimeOutOfRange => "time_out_of_range",
        }
    }
}

/// Takes records as they are read. Returning a reason means "this one gives nothing" and has it
/// counted and located like a malformed line.
pub trait RecordSink {
    /// One record with `log-status` OK, NODATA or SKIPDATA.
    ///
    /// # Errors
    /// The reason for which the record cannot be used.
    fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason>;
}
