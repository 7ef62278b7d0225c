//! One regular text line to one record: the hot loop.
//!
//! ```text
//! find where all tokens begin and end        (cuts.rs: one pass, 64 bytes at a time)
//! as many as the format has columns?         else the line is not regular
//! for each column that a record needs:
//!     read its token, whose length is known, with wide loads
//! ```
//!
//! Columns that nothing needs cost only their space, and the record is written over, not anew.
//! Nothing here judges: a line with anything unusual (two spaces in a row, a value that is too
//! long or wrong, no room behind it for the wide loads) gives `None`, and `text.rs`, the patient
//! parser, says what it is.

use super::FlowRecord;
use super::cuts::Cuts;
use super::fields::Target;
use super::format::ColumnPlan;
use super::marks::{digits, equal};
use super::text::{Spare, address};
use super::words::{action, direction, log_status, seconds};
use crate::net::Addr;

/// The record of the line before, to be written over: what it held in columns that the format
/// does not have stays absent.
#[derive(Clone, Copy, Default)]
pub(super) struct Slate<'a> {
    pub(super) record: FlowRecord<'a>,
    spare: Spare<'a>,
}

/// Reads the line in the first `len` bytes of `window`; `None` when it is not regular. The slate
/// must then be taken anew, and likewise when the plan is another.
#[inline]
pub(super) fn parse<'a>(
    window: &'a [u8],
    len: usize,
    plan: &ColumnPlan,
    cuts: &mut Cuts,
    slate: &mut Slate<'a>,
) -> Option<()> {
    if cuts.find(window, len)? != plan.columns.len() {
        return None;
    }
    if plan.has_spares {
        *slate = Slate::default();
    }
    let record = &mut slate.record;
    // Most packets have the addresses of the record: they are read once.
    let (mut src_span, mut dst_span) = ((0, 0), (0, 0));
    for &(target, column) in &plan.needed {
        let (begin, end) = cuts.token(column);
        let token = || window.get(begin..end);
        match target {
            Target::Skip => {}
            Target::Account => record.account = text(token()?),
            Target::Interface => record.eni = text(token()?),
            Target::Attachment => slate.spare.attachment = text(token()?),
            Target::Resource => slate.spare.resource = text(token()?),
            Target::Vpc => record.vpc = text(token()?),
            Target::Subnet => record.subnet = text(token()?),
            Target::Instance => record.instance = text(token()?),
            Target::Region => record.region = text(token()?),
            Target::InterfaceType => record.interface_type = text(token()?),
            Target::SrcService => record.src_service = text(token()?),
            Target::DstService => record.dst_service = text(token()?),
            Target::AsgTag => slate.spare.groups[0] = text(token()?),
            Target::InterfaceTag => slate.spare.groups[1] = text(token()?),
            Target::InstanceTag => slate.spare.groups[2] = text(token()?),
            Target::EcsService => slate.spare.groups[3] = text(token()?),
            Target::PktSrc if same(window, (begin, end), src_span) => record.pkt_src = record.src,
            Target::PktDst if same(window, (begin, end), dst_span) => record.pkt_dst = record.dst,
            Target::Src | Target::Dst | Target::PktSrc | Target::PktDst => {
                let found = any_address(window, begin, end)?;
                match target {
                    Target::Src => (record.src, src_span) = (found, (begin, end)),
                    Target::Dst => (record.dst, dst_span) = (found, (begin, end)),
                    Target::PktSrc => record.pkt_src = found,
                    _ => record.pkt_dst = found,
                }
            }
            Target::SrcPort => record.src_port = narrow(window, begin, end)?,
            Target::DstPort => record.dst_port = narrow(window, begin, end)?,
            Target::Protocol => record.protocol = narrow(window, begin, end)?,
            Target::TcpFlags => record.tcp_flags = narrow(window, begin, end)?,
            Target::Packets => record.packets = number(window, begin, end)?,
            Target::Bytes => record.bytes = number(window, begin, end)?,
            Target::Start => record.start = second(window, begin, end)?,
            Target::End => record.end = second(window, begin, end)?,
            Target::Action => record.action = word(token()?, action)?,
            Target::Direction => record.direction = word(token()?, direction)?,
            Target::Status => record.status = word(token()?, log_status)?.unwrap_or_default(),
            Target::TrafficPath => record.traffic_path = traffic_path(token()?)?,
        }
    }
    if plan.has_spares || record.eni.is_empty() {
        slate.spare.settle(plan.is_transit_gateway, record);
    }
    Some(())
}

// In the answers below the outer `None` is "not regular"; the inner one, or the empty text, "absent".

#[inline]
fn is_dash(token: &[u8]) -> bool {
    matches!(token, [b'-'])
}

#[inline]
fn text(token: &[u8]) -> &[u8] {
    if is_dash(token) { b"" } else { token }
}

#[inline]
fn word<T>(token: &[u8], meaning: impl Fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
    match meaning(token) {
        None if is_dash(token) => Some(None),
        known => known.map(Some),
    }
}

/// One digit or a dash; what else there is, is rare.
#[inline]
fn traffic_path(token: &[u8]) -> Option<Option<u8>> {
    match *token {
        [b'-' | b'0'] => Some(None),
        [digit @ b'1'..=b'9'] => Some(Some(digit - b'0')),
        _ => None,
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "one caller, the hot loop; a call costs a tenth")]
fn any_address(window: &[u8], begin: usize, end: usize) -> Option<Option<Addr>> {
    match dotted_quad(window, begin, end) {
        Some(bits) => Some(Some(Addr::from_v4(bits))),
        None => other_address(window.get(begin..end)?),
    }
}

#[inline(never)]
fn other_address(token: &[u8]) -> Option<Option<Addr>> {
    if is_dash(token) { Some(None) } else { address(token).ok() }
}

/// Whether two tokens of 8 to 16 bytes are the same; others count as different.
#[inline]
fn same(window: &[u8], one: (usize, usize), two: (usize, usize)) -> bool {
    let len = one.1 - one.0;
    len == two.1 - two.0
        && (8..=16).contains(&len)
        && eight(window, one.0) == eight(window, two.0)
        && eight(window, one.1 - 8) == eight(window, two.1 - 8)
}

/// Eight bytes, the first one lowest.
#[inline]
fn eight(window: &[u8], at: usize) -> Option<u64> {
    window.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Eight characters `0`.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The number of eight digits, one a byte, the first one lowest; `None` when one is none. Pairs,
/// quads and eights are combined by three multiplications.
#[inline]
fn eight_digits(values: u64) -> Option<u64> {
    let above_nine = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let pairs = values.wrapping_mul(10 * 256 + 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let quads = pairs.wrapping_mul(100 * 65_536 + 1) >> 16 & 0x0000_ffff_0000_ffff;
    let value = quads.wrapping_mul(10_000 * (1 << 32) + 1) >> 32;
    (above_nine == 0).then_some(value)
}

/// A number of up to eight digits. The bytes up to its end are loaded, and those before it made
/// zeros.
#[inline]
fn short_number(window: &[u8], begin: usize, end: usize) -> Option<u64> {
    let before = 64_u32.wrapping_sub(8 * (end - begin) as u32);
    if before > 56 {
        return None;
    }
    let values = eight(window, end.wrapping_sub(8))? ^ ZEROS;
    eight_digits(values >> before << before)
}

#[inline]
fn number(window: &[u8], begin: usize, end: usize) -> Option<Option<u64>> {
    match short_number(window, begin, end) {
        None => other_number(window, begin, end),
        value => Some(value),
    }
}

/// A dash, or nine to sixteen digits.
#[inline(never)]
fn other_number(window: &[u8], begin: usize, end: usize) -> Option<Option<u64>> {
    if is_dash(window.get(begin..end)?) {
        return Some(None);
    }
    let middle = end.checked_sub(8).filter(|&middle| middle > begin)?;
    let high = short_number(window, begin, middle)?;
    Some(Some(high * 100_000_000 + short_number(window, middle, end)?))
}

#[inline]
fn narrow<T: TryFrom<u64>>(window: &[u8], begin: usize, end: usize) -> Option<Option<T>> {
    match number(window, begin, end)? {
        None => Some(None),
        Some(value) => T::try_from(value).ok().map(Some),
    }
}

/// A time: ten digits until the year 2286.
#[inline(always)]
#[expect(clippy::inline_always, reason = "called for two columns of each line")]
fn second(window: &[u8], begin: usize, end: usize) -> Option<Option<i64>> {
    if end - begin == 10
        && let Some(high) = eight_digits(eight(window, begin)? ^ ZEROS)
        && let Some(low) = short_number(window, end - 2, end)
    {
        return seconds(high * 100 + low).map(Some);
    }
    match number(window, begin, end)? {
        None => Some(None),
        Some(value) => seconds(value).map(Some),
    }
}

/// A dotted quad without leading zeros that fills the token.
///
/// The grammar is judged on bits, one a byte: dots and digits in their places, none empty, none
/// of four digits, no zero before a digit. The octets are then cut out by the places of the dots
/// and two at a time turned into numbers.
#[inline]
fn dotted_quad(window: &[u8], begin: usize, end: usize) -> Option<u32> {
    let len = end.wrapping_sub(begin);
    if len.wrapping_sub(7) > 8 {
        return None;
    }
    // Four bytes before the token, because octets are loaded by their ends.
    let around = window.get(begin.checked_sub(4)?..)?.first_chunk::<20>()?;
    let (_, token) = around.split_last_chunk::<16>()?;
    let inside = (1 << len) - 1;
    let dots = equal(token, b'.') & inside;
    let digits = digits(token) & inside;
    let zeros = equal(token, b'0');
    let begins = dots << 1 | 1;
    let empty = begins & !digits;
    let padded = begins & zeros & digits >> 1;
    let four = digits & digits >> 1 & digits >> 2 & digits >> 3;
    let other = (dots | digits) ^ inside;
    let second = dots & dots.wrapping_sub(1);
    let third = second & second.wrapping_sub(1);
    let fourth = third & third.wrapping_sub(1);
    if empty | padded | four | other | fourth != 0 || third == 0 {
        return None;
    }
    let ends = [dots.trailing_zeros(), second.trailing_zeros(), third.trailing_zeros(), len as u32];
    let mut octets = [0; 4];
    let mut begin = 0;
    for (octet, end) in octets.iter_mut().zip(ends) {
        // The octet's characters at the top, zeros before them.
        let word = u32::from_le_bytes(*around.get(end as usize & 15..)?.first_chunk::<4>()?);
        let shift = 32 - 8 * (end - begin);
        *octet = u64::from((word ^ ZEROS as u32) >> (shift & 31) << (shift & 31));
        begin = end + 1;
    }
    let two = |first: u64, second: u64| {
        let pairs = (first | second << 32).wrapping_mul(10 * 256 + 1) >> 8 & 0x00ff_00ff_00ff_00ff;
        pairs.wrapping_mul(100 * 65_536 + 1) >> 16 & 0x0000_ffff_0000_ffff
    };
    let (high, low) = (two(octets[0], octets[1]), two(octets[2], octets[3]));
    if (high | low) & 0xffff_ff00_ffff_ff00 != 0 {
        return None;
    }
    let joined = |two: u64| (two << 8 | two >> 32) as u32;
    Some(joined(high) << 16 | joined(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::cuts::ROOM_BYTES;
    use crate::record::fields::DEFAULT_VPC_FORMAT;
    use crate::record::text::parse_line;
    use proptest::prelude::*;

    fn window(line: &str) -> Vec<u8> {
        line.bytes().chain([b'\n'; ROOM_BYTES]).collect()
    }

    /// The record of a line, by the brisk parser alone.
    fn brisk(line: &str, header: &str) -> Option<String> {
        let plan = ColumnPlan::from_header(header.as_bytes()).unwrap();
        let (mut cuts, mut slate, window) = (Cuts::default(), Slate::default(), window(line));
        parse(&window, line.len(), &plan, &mut cuts, &mut slate)?;
        Some(format!("{:?}", slate.record))
    }

    #[test]
    fn lines_as_aws_writes_them_are_regular() {
        for line in [
            "2 123456789012 eni-0a1b 10.0.1.5 203.0.113.9 49152 443 6 12 4096 1700000000 1700000058 ACCEPT OK",
            "2 123456789012 eni-0a1b 10.0.1.5 203.0.113.9 0 0 1 12345678 1234567890123456 1700000000 1700000058 REJECT OK",
            "2 unknown eni-1 - - - - - - - 1700000060 1700000119 - NODATA",
            "2 123456789012 eni-1 2001:db8::1 fe80::1 1 2 6 3 4 1700000060 1700000119 ACCEPT SKIPDATA",
        ] {
            let plan = ColumnPlan::from_header(DEFAULT_VPC_FORMAT.as_bytes()).unwrap();
            let mut patient = FlowRecord::EMPTY;
            parse_line(line.as_bytes(), &plan, &mut patient).unwrap();
            assert_eq!(brisk(line, DEFAULT_VPC_FORMAT), Some(format!("{patient:?}")), "{line}");
        }
    }

    #[test]
    fn packet_addresses_are_copied_only_when_they_are_the_same() {
        let header = "interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr end action";
        for (pkt_src, pkt_dst) in [
            ("10.0.1.55", "203.0.113.9"),
            ("10.0.1.56", "203.0.113.90"),
            ("203.0.113.9", "10.0.1.55"),
            ("-", "1.2.3.4"),
        ] {
            let line = format!("eni-0a1b2c 10.0.1.55 203.0.113.9 {pkt_src} {pkt_dst} 1700000000 ACCEPT");
            let plan = ColumnPlan::from_header(header.as_bytes()).unwrap();
            let mut patient = FlowRecord::EMPTY;
            parse_line(line.as_bytes(), &plan, &mut patient).unwrap();
            assert_eq!(brisk(&line, header), Some(format!("{patient:?}")), "{line}");
        }
    }

    #[test]
    fn what_is_unusual_is_passed_on() {
        for line in
            ["eni-1  5 1.2.3.4", "eni-1 5x 1.2.3.4", "eni-1 5 1.2.3.256", "eni-1 5 1.2.3.04", "eni-1 5", " "]
        {
            assert_eq!(brisk(line, "interface-id bytes srcaddr"), None, "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

        #[test]
        fn dotted_quads_are_those_of_the_standard_library(
            text in "[0-9]{1,4}(\\.[0-9]{0,4}){2,4}|[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,2}\\.[0-9]{1,2}|[ -~]{1,15}",
            behind in prop_oneof![Just(b' '), Just(b'0'), Just(b'.')],
        ) {
            let mut window = b"eni ".to_vec();
            window.extend_from_slice(text.as_bytes());
            window.extend([behind; 16]);
            let expected = text.parse::<std::net::Ipv4Addr>().ok().map(u32::from);
            prop_assert_eq!(dotted_quad(&window, 4, 4 + text.len()), expected, "{}", text);
        }
    }
}
