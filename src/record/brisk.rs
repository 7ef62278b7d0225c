//! One regular text line to one record: the hot loop.
//!
//! ```text
//! the places of the line's tokens are known  (cuts.rs: one pass over a piece of text)
//! they are as many as the format's columns?  else the line is not regular
//! for each column that a record needs:
//!     read its token, whose length is known, with wide loads
//! ```
//!
//! Columns that nothing needs cost only their separator, and the record is written over, not anew.
//! Nothing here judges: a line with anything unusual (two spaces in a row, a value that is too
//! long or wrong) gives `None`, and `text.rs`, the patient parser, says what it is.

use super::FlowRecord;
use super::addresses::Addresses;
use super::cuts::{Begins, FRONT_BYTES, Window, token};
use super::fields::Target;
use super::format::{ColumnPlan, DEFAULT_NEEDED};
use super::text::{Spare, address};
use super::words::{action, direction, log_status, seconds};
use super::{Action, FlowDirection, LogStatus};
use crate::net::Addr;

/// The record of the line before, to be written over: what it held in columns that the format
/// does not have stays absent.
#[derive(Clone, Copy, Default)]
pub(super) struct Slate<'a> {
    pub(super) record: FlowRecord<'a>,
    spare: Spare<'a>,
}

/// What is remembered from line to line. No answer depends on it.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    addresses: Addresses,
    /// The first six digits of the times met last, and the second that they begin.
    hours: Hours,
}

#[derive(Clone, Copy, Debug)]
struct Hours {
    digits: u64,
    second: i64,
}

impl Default for Hours {
    fn default() -> Self {
        // Digits stand in the upper six bytes, so nothing is the same.
        Self { digits: 1, second: 0 }
    }
}

/// Reads the line whose tokens begin at `begins`; `None` when it is not regular. The slate must
/// then be taken anew, and likewise when the plan is another.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
pub(super) fn parse<'a>(
    window: &'a Window,
    begins: &Begins,
    plan: &ColumnPlan,
    memory: &mut Memory,
    slate: &mut Slate<'a>,
) -> Option<()> {
    if plan.has_spares {
        *slate = Slate::default();
    }
    let record = &mut slate.record;
    let mut rest = plan.needed.as_slice();
    if plan.begins_by_default && default_columns(window, begins, memory, record).is_some() {
        rest = rest.get(DEFAULT_NEEDED..)?;
    }
    for &(target, column) in rest {
        let (begin, end) = token(begins, column);
        let text = || text(window, begin, end);
        match target {
            Target::Skip => {}
            Target::Account => record.account = text()?,
            Target::Interface => record.eni = text()?,
            Target::Attachment => slate.spare.attachment = text()?,
            Target::Resource => slate.spare.resource = text()?,
            Target::Vpc => record.vpc = text()?,
            Target::Subnet => record.subnet = text()?,
            Target::Instance => record.instance = text()?,
            Target::Region => record.region = text()?,
            Target::InterfaceType => record.interface_type = text()?,
            Target::SrcService => record.src_service = text()?,
            Target::DstService => record.dst_service = text()?,
            Target::AsgTag => slate.spare.groups[0] = text()?,
            Target::InterfaceTag => slate.spare.groups[1] = text()?,
            Target::InstanceTag => slate.spare.groups[2] = text()?,
            Target::EcsService => slate.spare.groups[3] = text()?,
            Target::Src => record.src = any_address(window, begin, end, memory)?,
            Target::Dst => record.dst = any_address(window, begin, end, memory)?,
            Target::PktSrc => record.pkt_src = any_address(window, begin, end, memory)?,
            Target::PktDst => record.pkt_dst = any_address(window, begin, end, memory)?,
            Target::SrcPort => record.src_port = narrow(window, begin, end)?,
            Target::DstPort => record.dst_port = narrow(window, begin, end)?,
            Target::Protocol => record.protocol = narrow(window, begin, end)?,
            Target::TcpFlags => record.tcp_flags = narrow(window, begin, end)?,
            Target::Packets => record.packets = number(window, begin, end)?,
            Target::Bytes => record.bytes = number(window, begin, end)?,
            Target::Start => record.start = second(window, begin, end, &mut memory.hours)?,
            Target::End => record.end = second(window, begin, end, &mut memory.hours)?,
            Target::Action => record.action = any_action(window, begin, end)?,
            Target::Direction => record.direction = any_direction(window, begin, end)?,
            Target::Status => record.status = any_status(window, begin, end)?,
            Target::TrafficPath => record.traffic_path = traffic_path(window, begin, end)?,
        }
    }
    if plan.has_spares || record.eni.is_empty() {
        slate.spare.settle(plan.is_transit_gateway, record);
    }
    Some(())
}

/// The columns of the default format, one after the other, without asking for each what it is.
/// `None` when one of them is not as nearly all are; the line may still be regular.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn default_columns<'a>(
    window: &'a Window,
    begins: &Begins,
    memory: &mut Memory,
    record: &mut FlowRecord<'a>,
) -> Option<()> {
    let at = |column| token(begins, column);
    let source = memory.addresses.dotted_quad(window, at(3).0, at(3).1)?;
    let destination = memory.addresses.dotted_quad(window, at(4).0, at(4).1)?;
    let (src_port, one) = up_to_eight(window, at(5));
    let (dst_port, two) = up_to_eight(window, at(6));
    let (protocol, three) = up_to_eight(window, at(7));
    let (packets, four) = up_to_eight(window, at(8));
    let (bytes, five) = up_to_eight(window, at(9));
    let too_large = (src_port | dst_port) >> 16 | protocol >> 8;
    if one | two | three | four | five | too_large != 0 {
        return None;
    }
    record.src = Some(Addr::from_v4(source));
    record.dst = Some(Addr::from_v4(destination));
    record.src_port = Some(src_port as u16);
    record.dst_port = Some(dst_port as u16);
    record.protocol = Some(protocol as u8);
    record.packets = Some(packets);
    record.bytes = Some(bytes);
    let text = |column| text(window, at(column).0, at(column).1);
    record.account = text(1)?;
    record.eni = text(2)?;
    record.start = second(window, at(10).0, at(10).1, &mut memory.hours)?;
    record.end = second(window, at(11).0, at(11).1, &mut memory.hours)?;
    record.action = any_action(window, at(12).0, at(12).1)?;
    record.status = any_status(window, at(13).0, at(13).1)?;
    Some(())
}

/// The number of a token, and zero; something else when it has more than eight digits, or others.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn up_to_eight(window: &Window, (begin, end): (u16, u16)) -> (u64, u64) {
    let len = u64::from(end.wrapping_sub(begin));
    let values = (eight(window, begin).unwrap_or_default() ^ ZEROS) << (64_u64.wrapping_sub(8 * len) & 63);
    (of_digits(values), above_nine(values) | len.wrapping_sub(1) >> 3)
}

// In the answers below the outer `None` is "not regular"; the inner one, or the empty text, "absent".

/// The bytes of a token.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn bytes(window: &Window, begin: u16, end: u16) -> Option<&[u8]> {
    window.get(FRONT_BYTES + usize::from(begin)..FRONT_BYTES + usize::from(end))
}

/// Eight bytes from `at` on, or up to `end`, the first one lowest.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn eight(window: &Window, at: u16) -> Option<u64> {
    window[FRONT_BYTES + usize::from(at)..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn four_before(window: &Window, end: u16) -> Option<u32> {
    window[FRONT_BYTES - 4 + usize::from(end)..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[inline]
fn is_dash(token: &[u8]) -> bool {
    matches!(token, [b'-'])
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn text(window: &Window, begin: u16, end: u16) -> Option<&[u8]> {
    let token = bytes(window, begin, end)?;
    Some(if is_dash(token) { b"" } else { token })
}

#[inline(never)]
fn word<T>(token: &[u8], meaning: impl Fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
    match meaning(token) {
        None if is_dash(token) => Some(None),
        known => known.map(Some),
    }
}

/// Eight characters of which those from `len` on are zero.
const fn shorter(text: [u8; 8], len: u16) -> u64 {
    u64::from_le_bytes(text) << (64 - 8 * len) >> (64 - 8 * len)
}

/// Both actions are six letters.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn any_action(window: &Window, begin: u16, end: u16) -> Option<Option<Action>> {
    let letters = eight(window, begin)? & shorter([0xff; 8], 6);
    let is_reject = letters == shorter(*b"REJECT  ", 6);
    if end.wrapping_sub(begin) == 6 && (is_reject || letters == shorter(*b"ACCEPT  ", 6)) {
        return Some(Some(if is_reject { Action::Reject } else { Action::Accept }));
    }
    word(bytes(window, begin, end)?, action)
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn any_direction(window: &Window, begin: u16, end: u16) -> Option<Option<FlowDirection>> {
    let letters = eight(window, begin)?;
    let len = end.wrapping_sub(begin);
    let is_out = letters & shorter([0xff; 8], 6) == shorter(*b"egress  ", 6) && len == 6;
    let is_in = letters & shorter([0xff; 8], 7) == shorter(*b"ingress ", 7) && len == 7;
    if is_out || is_in {
        return Some(Some(if is_in { FlowDirection::Ingress } else { FlowDirection::Egress }));
    }
    word(bytes(window, begin, end)?, direction)
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn any_status(window: &Window, begin: u16, end: u16) -> Option<LogStatus> {
    let token = bytes(window, begin, end)?;
    if token == b"OK" {
        return Some(LogStatus::Ok);
    }
    word(token, log_status).map(Option::unwrap_or_default)
}

/// One digit or a dash; what else there is, is rare.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn traffic_path(window: &Window, begin: u16, end: u16) -> Option<Option<u8>> {
    match *bytes(window, begin, end)? {
        [b'-' | b'0'] => Some(None),
        [digit @ b'1'..=b'9'] => Some(Some(digit - b'0')),
        _ => None,
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn any_address(window: &Window, begin: u16, end: u16, memory: &mut Memory) -> Option<Option<Addr>> {
    match memory.addresses.dotted_quad(window, begin, end) {
        Some(bits) => Some(Some(Addr::from_v4(bits))),
        None => other_address(bytes(window, begin, end)?),
    }
}

#[inline(never)]
fn other_address(token: &[u8]) -> Option<Option<Addr>> {
    if is_dash(token) { Some(None) } else { address(token).ok() }
}

/// Eight characters `0`.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Marks what is no digit, of eight bytes that are digits from zero on.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn above_nine(values: u64) -> u64 {
    (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080
}

/// The number of eight digits, one a byte, the first one lowest. Pairs, quads and eights are
/// combined by three multiplications.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn of_digits(values: u64) -> u64 {
    let pairs = values.wrapping_mul(10 * 256 + 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let quads = pairs.wrapping_mul(100 * 65_536 + 1) >> 16 & 0x0000_ffff_0000_ffff;
    quads.wrapping_mul(10_000 * (1 << 32) + 1) >> 32
}

/// A number of up to eight digits: they are moved to the top, and zeros stand before them.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn short_number(window: &Window, begin: u16, end: u16) -> Option<u64> {
    let len = u32::from(end.wrapping_sub(begin));
    if len > 8 {
        return None;
    }
    // No token is empty.
    let values = (eight(window, begin)? ^ ZEROS) << (64_u32.wrapping_sub(8 * len) & 63);
    (above_nine(values) == 0).then(|| of_digits(values))
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn number(window: &Window, begin: u16, end: u16) -> Option<Option<u64>> {
    match short_number(window, begin, end) {
        None => other_number(window, begin, end),
        value => Some(value),
    }
}

/// A dash, or nine to sixteen digits.
#[inline(never)]
fn other_number(window: &Window, begin: u16, end: u16) -> Option<Option<u64>> {
    if is_dash(bytes(window, begin, end)?) {
        return Some(None);
    }
    let middle = end.checked_sub(8).filter(|&middle| middle > begin)?;
    let high = short_number(window, begin, middle)?;
    Some(Some(high * 100_000_000 + short_number(window, middle, end)?))
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn narrow<T: TryFrom<u64>>(window: &Window, begin: u16, end: u16) -> Option<Option<T>> {
    match number(window, begin, end)? {
        None => Some(None),
        Some(value) => T::try_from(value).ok().map(Some),
    }
}

/// A time: ten digits until the year 2286, of which the first six change every three hours.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
fn second(window: &Window, begin: u16, end: u16, hours: &mut Hours) -> Option<Option<i64>> {
    let first = eight(window, begin)? << 16;
    let last = four_before(window, end)? ^ ZEROS as u32;
    let above_nine = (last.wrapping_add(0x7676_7676) | last) & 0x8080_8080;
    if end.wrapping_sub(begin) != 10 || first != hours.digits || above_nine != 0 {
        return other_second(window, begin, end, hours);
    }
    let pairs = last.wrapping_mul(10 * 256 + 1) >> 8 & 0x00ff_00ff;
    let value = pairs.wrapping_mul(100 * 65_536 + 1) >> 16;
    Some(Some(hours.second + i64::from(value)))
}

/// A time of another three hours, which is then remembered, or of another length.
#[inline(never)]
fn other_second(window: &Window, begin: u16, end: u16, hours: &mut Hours) -> Option<Option<i64>> {
    let Some(value) = number(window, begin, end)? else { return Some(None) };
    let second = seconds(value)?;
    let first = second - second % 10_000;
    // All of them must be seconds: later ones are read as milliseconds.
    let last = first + 9_999;
    if end.wrapping_sub(begin) == 10 && value == second as u64 && seconds(last as u64) == Some(last) {
        *hours = Hours { digits: eight(window, begin)? << 16, second: first };
    }
    Some(Some(second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::cuts::{Cursor, Cuts, window_of};
    use crate::record::fields::DEFAULT_VPC_FORMAT;
    use crate::record::text::parse_line;

    /// The records of lines, by the brisk parser alone, with one memory.
    fn brisk_all(lines: &[&str], header: &str) -> Vec<Option<String>> {
        let plan = ColumnPlan::from_header(header.as_bytes()).unwrap();
        let mut memory = Memory::default();
        let one = |line: &&str| {
            let text = format!("{line}\n");
            let (mut cuts, mut slate, window) =
                (Cuts::default(), Slate::default(), window_of(text.as_bytes(), b'\n'));
            cuts.find(&window, text.len())?;
            let line = cuts.next(&mut Cursor::default(), plan.columns.len());
            parse(&window, line.tokens?, &plan, &mut memory, &mut slate)?;
            Some(format!("{:?}", slate.record))
        };
        lines.iter().map(one).collect()
    }

    fn brisk(line: &str, header: &str) -> Option<String> {
        brisk_all(&[line], header).remove(0)
    }

    fn patient(line: &str, header: &str) -> String {
        let plan = ColumnPlan::from_header(header.as_bytes()).unwrap();
        let mut patient = FlowRecord::EMPTY;
        parse_line(line.as_bytes(), &plan, &mut patient).unwrap();
        format!("{patient:?}")
    }

    #[test]
    fn lines_as_aws_writes_them_are_regular() {
        for line in [
            "2 123456789012 eni-0a1b 10.0.1.5 203.0.113.9 49152 443 6 12 4096 1700000000 1700000058 ACCEPT OK",
            "2 123456789012 eni-0a1b 10.0.1.5 203.0.113.9 0 0 1 12345678 1234567890123456 1700000000 1700000058 REJECT OK",
            "2 unknown eni-1 - - - - - - - 1700000060 1700000119 - NODATA",
            "2 123456789012 eni-1 2001:db8::1 fe80::1 1 2 6 3 4 1700000060 1700000119 ACCEPT SKIPDATA",
        ] {
            assert_eq!(brisk(line, DEFAULT_VPC_FORMAT), Some(patient(line, DEFAULT_VPC_FORMAT)), "{line}");
        }
    }

    #[test]
    fn times_are_read_whatever_was_read_before() {
        let lines = [
            "eni-1 1700000000 1700009999",
            "eni-1 1700009999 1700010000",
            "eni-1 1700010000 1700000000",
            "eni-1 2147483647 2147483648",
            "eni-1 2147489999 9999999999",
            "eni-1 1700000060 1700000060123",
            "eni-1 170000006 17",
            "eni-1 - 1700000060",
            "eni-1 0 1700000061",
        ];
        let header = "interface-id start end";
        let expected: Vec<_> = lines.iter().map(|line| Some(patient(line, header))).collect();
        assert_eq!(brisk_all(&lines, header), expected);
    }

    #[test]
    fn words_are_the_whole_token() {
        let header = "interface-id action flow-direction log-status";
        for line in ["eni-1 ACCEPT egress OK", "eni-1 REJECT ingress NODATA", "eni-1 - - -"] {
            assert_eq!(brisk(line, header), Some(patient(line, header)), "{line}");
        }
        for line in [
            "eni-1 ACCEPTS egress OK",
            "eni-1 ACCEP egress OK",
            "eni-1 - egressx OK",
            "eni-1 - ingres OK",
            "eni-1 - - O",
        ] {
            assert_eq!(brisk(line, header), None, "{line}");
        }
    }

    #[test]
    fn what_is_unusual_is_passed_on() {
        for line in [
            "eni-1  5 1.2.3.4",
            "eni-1 5x 1.2.3.4",
            "eni-1 5 1.2.3.256",
            "eni-1 5 1.2.3.04",
            "eni-1 5",
            " ",
            "",
            "eni-1 5 1.2.3.4 6",
        ] {
            assert_eq!(brisk(line, "interface-id bytes srcaddr"), None, "{line}");
        }
    }
}
