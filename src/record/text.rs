//! One text line to one record: the patient parser, which takes any line and says what is wrong with
//! it. Regular lines, nearly all there are, are read by `brisk.rs`; what it passes on comes here.
//!
//! ```text
//! for each column of the plan, in line order:
//!     skip the spaces before the token          (AWS's own example has two in a row)
//!     by what the column fills:
//!         number   take digits until a byte that is none; the token must end there
//!         address  the same with dots, or hexadecimal groups
//!         text     find the next space
//!     a lone `-` is absent
//! nothing but spaces may follow the last column
//! on any failure: count the tokens to say whether the line is too short, too long or wrong
//! ```
//!
//! Each byte is looked at once and goes straight into an integer; nothing is allocated.
//! `reference.rs` holds the slow, obvious parser that both must agree with.

use super::fields::Target;
use super::format::{Column, ColumnPlan};
use super::scan::{integer, ipv4, ipv6, skip_token};
use super::words::{action, direction, log_status, reason_of, seconds};
use super::{FlowRecord, LogStatus, SkipReason};
use crate::net::Addr;

/// Why a line gave no record: the reason, the column when one is at fault, the offending text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    /// Why.
    pub reason: SkipReason,
    /// The column at fault.
    pub field: Option<&'static str>,
    /// The token at fault, or the whole line.
    pub text: &'a [u8],
}

/// Parses one line (without line end) into `out`, which is overwritten.
///
/// # Errors
/// The reason for which the line is no record of this format. `out` then holds nonsense.
#[inline]
pub fn parse_line<'a>(line: &'a [u8], plan: &ColumnPlan, out: &mut FlowRecord<'a>) -> Result<(), Fault<'a>> {
    *out = FlowRecord::EMPTY;
    out.has_instance_column = plan.has_instance;
    let mut spare = Spare::default();
    let mut at = 0;
    for &column in &plan.columns {
        while line.get(at) == Some(&b' ') {
            at += 1;
        }
        at = match parse_column(line, at, column.target, out, &mut spare) {
            Some(end) => end,
            None => return Err(diagnose(line, at, column, plan.len())),
        };
    }
    if line[at..].iter().any(|&b| b != b' ') {
        return Err(Fault { reason: SkipReason::TooManyFields, field: None, text: line });
    }
    spare.settle(plan.is_transit_gateway, out);
    Ok(())
}

/// Columns of which several may stand for the same thing; the best one present wins.
#[derive(Clone, Copy, Default)]
pub(super) struct Spare<'a> {
    pub(super) attachment: &'a [u8],
    pub(super) resource: &'a [u8],
    /// `asg-tag`, `interface-tag`, `instance-tag`, `ecs-service-name`.
    pub(super) groups: [&'a [u8]; 4],
}

impl<'a> Spare<'a> {
    /// Chooses; see [`settle`].
    #[inline]
    pub(super) fn settle(&self, is_transit_gateway: bool, out: &mut FlowRecord<'a>) {
        settle(out, self.attachment, self.resource, &self.groups, is_transit_gateway);
    }
}

/// Chooses what captured the flow and its peer group, as `FlowRecord` documents.
#[inline]
pub(crate) fn settle<'a>(
    out: &mut FlowRecord<'a>,
    attachment: &'a [u8],
    resource: &'a [u8],
    groups: &[&'a [u8]; 4],
    is_transit_gateway: bool,
) {
    if out.eni.is_empty() {
        let candidates = [attachment, resource, out.instance];
        out.eni = candidates.into_iter().find(|id| !id.is_empty()).unwrap_or_default();
    }
    out.group = groups.iter().copied().find(|group| !group.is_empty()).unwrap_or_default();
    if is_transit_gateway && out.interface_type.is_empty() {
        out.interface_type = b"transit_gateway";
    }
}

/// Reads the token at `at` into the record and returns where it ends; `None` when there is no
/// token or it is not what the column holds.
#[inline(always)]
#[expect(clippy::inline_always, reason = "one caller, the hot loop; a call per token costs a tenth")]
fn parse_column<'a>(
    line: &'a [u8],
    at: usize,
    target: Target,
    out: &mut FlowRecord<'a>,
    spare: &mut Spare<'a>,
) -> Option<usize> {
    let text = |slot: &mut &'a [u8]| text_token(line, at, slot);
    match target {
        Target::Skip => (at < line.len()).then(|| skip_token(line, at)),
        Target::Account => text(&mut out.account),
        Target::Interface => text(&mut out.eni),
        Target::Attachment => text(&mut spare.attachment),
        Target::Resource => text(&mut spare.resource),
        Target::Vpc => text(&mut out.vpc),
        Target::Subnet => text(&mut out.subnet),
        Target::Instance => text(&mut out.instance),
        Target::Region => text(&mut out.region),
        Target::InterfaceType => text(&mut out.interface_type),
        Target::SrcService => text(&mut out.src_service),
        Target::DstService => text(&mut out.dst_service),
        Target::AsgTag => text(&mut spare.groups[0]),
        Target::InterfaceTag => text(&mut spare.groups[1]),
        Target::InstanceTag => text(&mut spare.groups[2]),
        Target::EcsService => text(&mut spare.groups[3]),
        Target::Src => address_token(line, at, &mut out.src),
        Target::Dst => address_token(line, at, &mut out.dst),
        Target::PktSrc => address_token(line, at, &mut out.pkt_src),
        Target::PktDst => address_token(line, at, &mut out.pkt_dst),
        Target::SrcPort => number_token(line, at, &mut out.src_port, |n| u16::try_from(n).ok()),
        Target::DstPort => number_token(line, at, &mut out.dst_port, |n| u16::try_from(n).ok()),
        Target::Protocol => number_token(line, at, &mut out.protocol, |n| u8::try_from(n).ok()),
        Target::Packets => number_token(line, at, &mut out.packets, Some),
        Target::Bytes => number_token(line, at, &mut out.bytes, Some),
        Target::Start => number_token(line, at, &mut out.start, seconds),
        Target::End => number_token(line, at, &mut out.end, seconds),
        Target::TcpFlags => number_token(line, at, &mut out.tcp_flags, |n| u8::try_from(n).ok()),
        Target::Action => word_token(line, at, &mut out.action, action),
        Target::Direction => word_token(line, at, &mut out.direction, direction),
        Target::Status => {
            let mut status = None;
            let end = word_token(line, at, &mut status, log_status)?;
            out.status = status.unwrap_or(LogStatus::Ok);
            Some(end)
        }
        Target::TrafficPath => traffic_path_token(line, at, &mut out.traffic_path),
    }
}

/// Whether a token ends at `at`.
#[inline]
fn ends(line: &[u8], at: usize) -> bool {
    line.get(at).is_none_or(|&b| b == b' ')
}

/// Whether the token at `at` is a lone `-`.
#[inline]
fn is_absent(line: &[u8], at: usize) -> bool {
    line.get(at) == Some(&b'-') && ends(line, at + 1)
}

#[inline]
fn text_token<'a>(line: &'a [u8], at: usize, slot: &mut &'a [u8]) -> Option<usize> {
    let end = skip_token(line, at);
    let token = &line[at..end];
    *slot = if token == b"-" { b"" } else { token };
    (end > at).then_some(end)
}

#[inline]
fn number_token<T>(
    line: &[u8],
    at: usize,
    slot: &mut Option<T>,
    narrow: impl Fn(u64) -> Option<T>,
) -> Option<usize> {
    if is_absent(line, at) {
        return Some(at + 1);
    }
    let (value, end) = integer(line, at)?;
    *slot = Some(narrow(value)?);
    ends(line, end).then_some(end)
}

#[inline]
fn address_token(line: &[u8], at: usize, slot: &mut Option<Addr>) -> Option<usize> {
    if let Some((bits, end)) = ipv4(line, at)
        && ends(line, end)
    {
        *slot = Some(Addr::from_v4(bits));
        return Some(end);
    }
    if is_absent(line, at) {
        return Some(at + 1);
    }
    let (bits, end) = ipv6(line, at)?;
    *slot = Addr::from_bits(bits);
    ends(line, end).then_some(end)
}

/// The address that a whole token is; `::` is absent.
///
/// # Errors
/// `BadAddress` when it is none.
pub(crate) fn address(token: &[u8]) -> Result<Option<Addr>, SkipReason> {
    let mut slot = None;
    match address_token(token, 0, &mut slot) {
        Some(end) if end == token.len() => Ok(slot),
        _ => Err(SkipReason::BadAddress),
    }
}

#[inline]
fn word_token<T>(
    line: &[u8],
    at: usize,
    slot: &mut Option<T>,
    meaning: impl Fn(&[u8]) -> Option<T>,
) -> Option<usize> {
    let end = skip_token(line, at);
    let token = &line[at..end];
    if token != b"-" {
        *slot = Some(meaning(token)?);
    }
    Some(end)
}

/// `traffic-path` with its placeholders: zero and negative numbers are absent too.
#[inline]
fn traffic_path_token(line: &[u8], at: usize, slot: &mut Option<u8>) -> Option<usize> {
    let negative = line.get(at) == Some(&b'-');
    let digits = at + usize::from(negative);
    if negative && ends(line, digits) {
        return Some(digits);
    }
    let (value, end) = integer(line, digits)?;
    if !negative && value > 0 {
        *slot = Some(u8::try_from(value).ok()?);
    }
    ends(line, end).then_some(end)
}

/// Says what is wrong with a line that failed at column `column`, whose token begins at `at`.
/// A wrong number of tokens explains more than the column that happened to notice it.
#[cold]
#[inline(never)]
fn diagnose(line: &[u8], at: usize, column: Column, columns: usize) -> Fault<'_> {
    let tokens = line.split(|&b| b == b' ').filter(|token| !token.is_empty()).count();
    match tokens.cmp(&columns) {
        std::cmp::Ordering::Less => Fault { reason: SkipReason::TooFewFields, field: None, text: line },
        std::cmp::Ordering::Greater => Fault { reason: SkipReason::TooManyFields, field: None, text: line },
        std::cmp::Ordering::Equal => Fault {
            reason: reason_of(column.target),
            field: column.name,
            text: &line[at..skip_token(line, at)],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fields::{DEFAULT_TGW_FORMAT, DEFAULT_VPC_FORMAT};
    use crate::record::{Action, FlowDirection};

    fn plan(header: &str) -> ColumnPlan {
        ColumnPlan::from_header(header.as_bytes()).unwrap()
    }

    fn parse<'a>(line: &'a str, plan: &ColumnPlan) -> Result<FlowRecord<'a>, Fault<'a>> {
        let mut record = FlowRecord::EMPTY;
        parse_line(line.as_bytes(), plan, &mut record).map(|()| record)
    }

    #[test]
    fn a_default_record_is_read_into_its_parts() {
        let plan = plan(DEFAULT_VPC_FORMAT);
        let line = "2 123456789012 eni-0a1b 10.0.1.5 203.0.113.9 49152 443 6 12 4096 1700000000 1700000058 ACCEPT OK";
        let r = parse(line, &plan).unwrap();
        assert_eq!((r.account, r.eni), (b"123456789012".as_slice(), b"eni-0a1b".as_slice()));
        assert_eq!(r.src.unwrap().to_string(), "10.0.1.5");
        assert_eq!(r.dst.unwrap().to_string(), "203.0.113.9");
        assert_eq!((r.src_port, r.dst_port, r.protocol), (Some(49152), Some(443), Some(6)));
        assert_eq!((r.packets, r.bytes), (Some(12), Some(4096)));
        assert_eq!((r.start, r.end), (Some(1_700_000_000), Some(1_700_000_058)));
        assert_eq!((r.action, r.status), (Some(Action::Accept), LogStatus::Ok));
        assert!(!r.has_instance_column);
    }

    #[test]
    fn a_dash_is_absent_and_never_zero() {
        let plan = plan(DEFAULT_VPC_FORMAT);
        let r = parse("2 unknown eni-1 - - - - - - - 1700000060 1700000119 - NODATA", &plan).unwrap();
        assert_eq!((r.src, r.dst, r.src_port, r.protocol), (None, None, None, None));
        assert_eq!((r.packets, r.bytes, r.action), (None, None, None));
        assert_eq!(r.status, LogStatus::NoData);
        assert_eq!(parse("2 - eni-1 - - - - - - - - - - -", &plan).unwrap().status, LogStatus::Ok);
    }

    #[test]
    fn spaces_collapse_and_may_stand_at_both_ends() {
        let plan = plan("interface-id srcaddr bytes");
        let r = parse("  eni-1   10.0.0.1  7  ", &plan).unwrap();
        assert_eq!((r.eni, r.bytes), (b"eni-1".as_slice(), Some(7)));
    }

    #[test]
    fn a_wrong_number_of_tokens_is_said_before_a_wrong_value() {
        let plan = plan("account-id action bytes");
        for (line, reason) in [
            ("bogus line", SkipReason::TooFewFields),
            ("1 ACCEPT", SkipReason::TooFewFields),
            ("1 ACCEPT 5 6", SkipReason::TooManyFields),
            ("1 MAYBE 5 6", SkipReason::TooManyFields),
            ("", SkipReason::TooFewFields),
        ] {
            assert_eq!(parse(line, &plan).unwrap_err().reason, reason, "{line}");
        }
    }

    #[test]
    fn the_fault_names_column_and_token() {
        for (header, line, reason, field) in [
            ("bytes end", "1x 5", SkipReason::BadNumber, "bytes"),
            ("bytes end", "-5 5", SkipReason::BadNumber, "bytes"),
            ("bytes end", "18446744073709551616 5", SkipReason::BadNumber, "bytes"),
            ("srcport end", "65536 5", SkipReason::BadNumber, "srcport"),
            ("protocol end", "256 5", SkipReason::BadNumber, "protocol"),
            ("tcp-flags end", "256 5", SkipReason::BadNumber, "tcp-flags"),
            ("traffic-path end", "256 5", SkipReason::BadNumber, "traffic-path"),
            ("traffic-path end", "-x 5", SkipReason::BadNumber, "traffic-path"),
            ("srcaddr end", "10.0.0.256 5", SkipReason::BadAddress, "srcaddr"),
            ("srcaddr end", "10.0.0.1/8 5", SkipReason::BadAddress, "srcaddr"),
            ("pkt-dstaddr end", "fe80::1%eth0 5", SkipReason::BadAddress, "pkt-dstaddr"),
            ("action end", "accept 5", SkipReason::BadWord, "action"),
            ("log-status end", "FINE 5", SkipReason::BadWord, "log-status"),
            ("flow-direction end", "out 5", SkipReason::BadWord, "flow-direction"),
        ] {
            let plan = plan(header);
            let fault = parse(line, &plan).unwrap_err();
            let token = line.split(' ').next().unwrap().as_bytes();
            assert_eq!(fault, Fault { reason, field: Some(field), text: token }, "{line}");
        }
    }

    #[test]
    fn milliseconds_are_brought_down_to_seconds() {
        let plan = plan("start end");
        let r = parse("1700000000123 2147483647", &plan).unwrap();
        assert_eq!((r.start, r.end), (Some(1_700_000_000), Some(2_147_483_647)));
    }

    #[test]
    fn traffic_path_placeholders_are_absent() {
        let plan = plan("traffic-path end");
        for (line, path) in [("8 1", Some(8)), ("0 1", None), ("-1 1", None), ("- 1", None)] {
            assert_eq!(parse(line, &plan).unwrap().traffic_path, path, "{line}");
        }
    }

    #[test]
    fn what_captured_the_flow_is_the_best_id_present() {
        let plan = plan("instance-id resource-id tgw-attachment-id interface-id");
        for (line, eni) in [
            ("i-1 nat-1 tgw-attach-1 eni-1", "eni-1"),
            ("i-1 nat-1 tgw-attach-1 -", "tgw-attach-1"),
            ("i-1 nat-1 - -", "nat-1"),
            ("i-1 - - -", "i-1"),
            ("- - - -", ""),
        ] {
            assert_eq!(parse(line, &plan).unwrap().eni, eni.as_bytes(), "{line}");
        }
    }

    #[test]
    fn the_peer_group_is_the_best_tag_present() {
        let plan = plan("ecs-service-name instance-tag interface-tag asg-tag");
        for (line, group) in
            [("s i n a", "a"), ("s i n -", "n"), ("s i - -", "i"), ("s - - -", "s"), ("- - - -", "")]
        {
            assert_eq!(parse(line, &plan).unwrap().group, group.as_bytes(), "{line}");
        }
    }

    #[test]
    fn transit_gateway_records_belong_to_their_attachment() {
        let plan = plan(DEFAULT_TGW_FORMAT);
        let line = "6 TransitGateway 123456789012 tgw-1 tgw-attach-1 123456789012 123456789012 vpc-1 vpc-2 subnet-1 subnet-2 eni-1 eni-2 use1-az1 use1-az2 tgw-attach-2 10.0.0.1 10.0.1.1 12345 443 6 10 1000 1700000000 1700000060 OK IPv4 1 2 3 4 2 us-east-1 ingress - S3";
        let r = parse(line, &plan).unwrap();
        assert_eq!(r.eni, b"tgw-attach-1");
        assert_eq!(r.interface_type, b"transit_gateway");
        assert_eq!((r.vpc, r.dst_service), (b"".as_slice(), b"S3".as_slice()));
        assert_eq!(r.direction, Some(FlowDirection::Ingress));
    }
}
