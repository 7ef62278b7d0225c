//! One text line to one record: the hot loop.
//!
//! ```text
//! find where each token ends                     (`tokens`: one pass, no branch per token)
//! the number of tokens must be that of the format's columns
//! for each field of a record, in the order of the fields:
//!     the plan says in which column it is
//!     number, address, word: its token, whole, to an integer
//!     text: its token as it stands
//!     a lone `-` is absent
//! on any failure: go through the columns in line order for the first that is at fault
//! ```
//!
//! Columns that no field needs cost nothing but their place; nothing is allocated, logged or
//! called through a pointer. `benches/parse` measures it; `reference.rs` holds the slow, obvious
//! parser that it must agree with.

use super::fields::Target;
use super::format::ColumnPlan;
use super::scan::{ipv4, ipv6, number};
use super::tokens::Tokens;
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
    let row = Row { tokens: Tokens::of(line), plan };
    let tokens = row.tokens.len();
    if tokens < plan.len() {
        return Err(Fault { reason: SkipReason::TooFewFields, field: None, text: line });
    }
    if tokens > plan.len() {
        return Err(Fault { reason: SkipReason::TooManyFields, field: None, text: line });
    }
    row.read(out).ok_or_else(|| row.diagnose())
}

/// A line cut into its columns. Readers give `None` for a token that its column cannot hold.
struct Row<'a, 'p> {
    tokens: Tokens<'a>,
    plan: &'p ColumnPlan,
}

impl<'a> Row<'a, '_> {
    /// Every field of the record.
    #[inline]
    fn read(&self, out: &mut FlowRecord<'a>) -> Option<()> {
        let (src, dst) = (self.address(Target::Src)?, self.address(Target::Dst)?);
        *out = FlowRecord {
            account: self.text(Target::Account),
            eni: self.text(Target::Interface),
            vpc: self.text(Target::Vpc),
            subnet: self.text(Target::Subnet),
            instance: self.text(Target::Instance),
            region: self.text(Target::Region),
            interface_type: self.text(Target::InterfaceType),
            dst_service: self.text(Target::DstService),
            src_service: self.text(Target::SrcService),
            group: b"",
            src,
            dst,
            pkt_src: self.address_like(Target::PktSrc, Target::Src, src)?,
            pkt_dst: self.address_like(Target::PktDst, Target::Dst, dst)?,
            src_port: self.number(Target::SrcPort)?,
            dst_port: self.number(Target::DstPort)?,
            protocol: self.number(Target::Protocol)?,
            packets: self.number(Target::Packets)?,
            bytes: self.number(Target::Bytes)?,
            start: self.second(Target::Start)?,
            end: self.second(Target::End)?,
            action: self.word(Target::Action, action)?,
            status: self.word(Target::Status, log_status)?.unwrap_or(LogStatus::Ok),
            tcp_flags: self.number(Target::TcpFlags)?,
            direction: self.word(Target::Direction, direction)?,
            traffic_path: self.traffic_path()?,
            has_instance_column: self.plan.has_instance,
        };
        let groups = if self.plan.has_group {
            [Target::AsgTag, Target::InterfaceTag, Target::InstanceTag, Target::EcsService]
                .map(|tag| self.text(tag))
        } else {
            [b"".as_slice(); 4]
        };
        let (attachment, resource) = (self.text(Target::Attachment), self.text(Target::Resource));
        settle(out, attachment, resource, &groups, self.plan.is_transit_gateway);
        Some(())
    }

    /// The bounds of a field's token; `None` when the format does not have it.
    #[inline]
    fn bounds(&self, target: Target) -> Option<(usize, usize)> {
        self.plan.column_of(target).map(|index| self.tokens.bounds(index))
    }

    #[inline]
    fn slice(&self, (start, end): (usize, usize)) -> &'a [u8] {
        &self.tokens.line()[start..end]
    }

    #[inline]
    fn text(&self, target: Target) -> &'a [u8] {
        match self.bounds(target).map(|bounds| self.slice(bounds)) {
            None | Some(b"-") => b"",
            Some(token) => token,
        }
    }

    #[inline]
    fn number<T: TryFrom<u64>>(&self, target: Target) -> Option<Option<T>> {
        self.value(target, |line, start, end| T::try_from(number(line, start, end)?).ok())
    }

    #[inline]
    fn second(&self, target: Target) -> Option<Option<i64>> {
        self.value(target, |line, start, end| seconds(number(line, start, end)?))
    }

    /// The value that `read` makes of a field's token, or absent.
    #[inline]
    fn value<T>(&self, target: Target, read: impl Fn(&[u8], usize, usize) -> Option<T>) -> Option<Option<T>> {
        let Some((start, end)) = self.bounds(target) else { return Some(None) };
        match read(self.tokens.line(), start, end) {
            None if self.slice((start, end)) == b"-" => Some(None),
            None => None,
            value => Some(value),
        }
    }

    #[inline]
    fn address(&self, target: Target) -> Option<Option<Addr>> {
        let Some((start, end)) = self.bounds(target) else { return Some(None) };
        address_token(self.tokens.line(), start, end)
    }

    /// An address that is mostly the same as another of the line, which is read already.
    #[inline]
    fn address_like(&self, target: Target, other: Target, value: Option<Addr>) -> Option<Option<Addr>> {
        match (self.bounds(target), self.bounds(other)) {
            (Some(bounds), Some(other)) if self.slice(bounds) == self.slice(other) => Some(value),
            _ => self.address(target),
        }
    }

    #[inline]
    fn word<T>(&self, target: Target, meaning: impl Fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
        self.value(target, |line, start, end| meaning(&line[start..end]))
    }

    /// `traffic-path` with its placeholders: zero and negative numbers are absent too.
    #[inline]
    fn traffic_path(&self) -> Option<Option<u8>> {
        let Some((start, end)) = self.bounds(Target::TrafficPath) else { return Some(None) };
        let line = self.tokens.line();
        let negative = line[start] == b'-';
        let digits = start + usize::from(negative);
        if negative && digits == end {
            return Some(None);
        }
        let value = number(line, digits, end)?;
        if negative || value == 0 { Some(None) } else { u8::try_from(value).ok().map(Some) }
    }

    /// Says which column of a line with the right number of tokens is at fault: the first.
    #[cold]
    #[inline(never)]
    fn diagnose(&self) -> Fault<'a> {
        let wrong = |target| match target {
            Target::Src | Target::Dst | Target::PktSrc | Target::PktDst => self.address(target).is_none(),
            Target::SrcPort | Target::DstPort => self.number::<u16>(target).is_none(),
            Target::Protocol | Target::TcpFlags => self.number::<u8>(target).is_none(),
            Target::Packets | Target::Bytes => self.number::<u64>(target).is_none(),
            Target::Start | Target::End => self.second(target).is_none(),
            Target::Action => self.word(target, action).is_none(),
            Target::Direction => self.word(target, direction).is_none(),
            Target::Status => self.word(target, log_status).is_none(),
            Target::TrafficPath => self.traffic_path().is_none(),
            _ => false,
        };
        let columns = self.plan.columns.iter().enumerate();
        let (index, column) =
            columns.into_iter().find(|(_, c)| wrong(c.target)).expect("some column made the line fail");
        Fault {
            reason: reason_of(column.target),
            field: column.name,
            text: self.slice(self.tokens.bounds(index)),
        }
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

/// The address that a token is, or absent (`-`, `::`); `None` when it is neither.
#[inline]
fn address_token(line: &[u8], start: usize, end: usize) -> Option<Option<Addr>> {
    if let Some(bits) = ipv4(line, start, end) {
        return Some(Some(Addr::from_v4(bits)));
    }
    if line[start..end] == *b"-" {
        return Some(None);
    }
    let (bits, at) = ipv6(line, start)?;
    (at == end).then(|| Addr::from_bits(bits))
}

/// The address that a whole token is; `::` is absent.
///
/// # Errors
/// `BadAddress` when it is none.
pub(crate) fn address(token: &[u8]) -> Result<Option<Addr>, SkipReason> {
    address_token(token, 0, token.len()).ok_or(SkipReason::BadAddress)
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
