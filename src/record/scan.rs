//! Tokens to integers: what the patient parser calls for each column.
//!
//! Eight or sixteen bytes at a time where the line is long enough, byte by byte near its end.
//! Each function starts at a position of the line and returns the value with the position after
//! it; whether a space follows is the caller's question.

/// Eight bytes of the line, the first one lowest; `None` near the line's end.
#[inline]
fn eight(line: &[u8], at: usize) -> Option<u64> {
    let bytes = line.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

/// The byte in all eight places.
const fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The end of the token that begins at `at`: the next space, or the line's end.
#[inline]
pub(crate) fn skip_token(line: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(word) = eight(line, at) {
        // A byte is zero in `x` where the line has a space; the borrow trick marks the lowest
        // zero byte exactly ("Determine if a word has a zero byte", Anderson's bit hacks).
        let x = word ^ repeat(b' ');
        let zeros = x.wrapping_sub(repeat(1)) & !x & repeat(0x80);
        if zeros != 0 {
            return at + zeros.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    line[at..].iter().position(|&b| b == b' ').map_or(line.len(), |n| at + n)
}

/// Marks, with its high bit, each byte of `x` that is above 9, exactly up to the first such.
#[inline]
fn above_nine(x: u64) -> u64 {
    (x.wrapping_add(repeat(0x76)) | x) & repeat(0x80)
}

/// A run of decimal digits. `None` when there is none or it exceeds 64 bits.
///
/// Up to seven digits, which is most numbers of a flow log, are read without a branch on their
/// number: eight bytes are loaded, the digits moved to the top so that zeros lead them, and the
/// pairs, quads and eights combined by three multiplications.
#[inline]
pub(crate) fn integer(line: &[u8], at: usize) -> Option<(u64, usize)> {
    let Some(word) = eight(line, at) else { return digits(line, at, 0, at) };
    let x = word ^ repeat(b'0');
    let others = above_nine(x);
    if others == 0 {
        return digits(line, at, eight_digits(x), at + 8);
    }
    let count = others.trailing_zeros() / 8;
    // Two steps, because a shift by 64 has no meaning.
    let x = x << (8 * (7 - count)) << 8;
    (count > 0).then(|| (eight_digits(x), at + count as usize))
}

/// The number of eight digits, one a byte, the first one lowest.
#[inline]
fn eight_digits(x: u64) -> u64 {
    let pairs = x.wrapping_mul(10 * 256 + 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let quads = pairs.wrapping_mul(100 * 65_536 + 1) >> 16 & 0x0000_ffff_0000_ffff;
    quads.wrapping_mul(10_000 * (1 << 32) + 1) >> 32
}

/// Goes on byte by byte at `end` with a number that began at `start`.
#[inline]
fn digits(line: &[u8], start: usize, value: u64, end: usize) -> Option<(u64, usize)> {
    let mut value = value;
    let mut end = end;
    for &byte in line.get(end..)? {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        // Nineteen digits always fit; only longer runs pay for the check.
        if end - start >= 19 {
            value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        } else {
            value = value * 10 + u64::from(digit);
        }
        end += 1;
    }
    (end > start).then_some((value, end))
}

/// A dotted quad without leading zeros, as the standard library reads it.
///
/// Away from the line's end, sixteen bytes are loaded at once and the four octets cut out by the
/// places of the dots, so that the lengths of the octets, which follow no pattern, cost no
/// mispredicted branches.
#[inline]
pub(crate) fn ipv4(line: &[u8], at: usize) -> Option<(u32, usize)> {
    let Some(bytes) = line.get(at..).and_then(|rest| rest.first_chunk::<16>()) else {
        return ipv4_bytewise(line, at);
    };
    let x = u128::from_le_bytes(*bytes) ^ u128::from_ne_bytes([b'0'; 16]);
    let low = above_nine(x as u64);
    let high = above_nine((x >> 64) as u64);
    let mut others = u128::from(low) | u128::from(high) << 64;
    let mut bits = 0;
    let mut start = 0;
    let mut wrong = false;
    for octet_index in 0..4 {
        // Sixteen bytes end an address of fifteen, so a missing mark is no address.
        let end = others.trailing_zeros() / 8;
        others &= others.wrapping_sub(1);
        let len = end.wrapping_sub(start);
        if len.wrapping_sub(1) > 2 {
            return None;
        }
        // The octet's digits at the top of three bytes, zeros before them.
        let octet = ((x >> (8 * start)) as u32) << (8 * (4 - len)) >> 8;
        let value = (octet & 0xff) * 100 + (octet >> 8 & 0xff) * 10 + (octet >> 16);
        let is_padded = len > 1 && (x >> (8 * start)) as u8 == 0;
        wrong |= value > 255 || is_padded;
        wrong |= octet_index < 3 && bytes[end as usize & 15] != b'.';
        bits = bits << 8 | value;
        start = end + 1;
    }
    (!wrong).then_some((bits, at + start as usize - 1))
}

/// The same near the line's end.
fn ipv4_bytewise(line: &[u8], at: usize) -> Option<(u32, usize)> {
    let mut bits = 0u32;
    let mut i = at;
    for octet_index in 0..4 {
        if octet_index > 0 {
            if line.get(i) != Some(&b'.') {
                return None;
            }
            i += 1;
        }
        let first = line.get(i)?.wrapping_sub(b'0');
        if first > 9 {
            return None;
        }
        i += 1;
        let mut octet = u32::from(first);
        let mut digits = 1;
        while let Some(digit) = line.get(i).map(|b| b.wrapping_sub(b'0')).filter(|&d| d <= 9) {
            // A leading zero would make it octal to some readers.
            if octet == 0 || digits == 3 {
                return None;
            }
            octet = octet * 10 + u32::from(digit);
            digits += 1;
            i += 1;
        }
        if octet > 255 {
            return None;
        }
        bits = bits << 8 | octet;
    }
    Some((bits, i))
}

/// An IPv6 address, compressed or not, with or without a dotted tail (RFC 4291 section 2.2).
pub(crate) fn ipv6(line: &[u8], at: usize) -> Option<(u128, usize)> {
    // Groups before `::` gather in `head`, those after it in `tail`.
    let mut head = 0u128;
    let mut head_groups = 0;
    let mut tail = 0u128;
    let mut tail_groups = 0;
    let mut compressed = false;
    let mut i = at;
    if line.get(i) == Some(&b':') {
        if line.get(i + 1) != Some(&b':') {
            return None;
        }
        compressed = true;
        i += 2;
    }
    loop {
        let groups = head_groups + tail_groups;
        if compressed && !line.get(i).is_some_and(u8::is_ascii_hexdigit) {
            break;
        }
        let (group, end) = hex_group(line, i)?;
        let (value, width, next) = if line.get(end) == Some(&b'.') {
            let (v4, next) = ipv4(line, i)?;
            (u128::from(v4), 2, next)
        } else {
            (u128::from(group), 1, end)
        };
        if groups + width > 8 {
            return None;
        }
        if compressed {
            tail = tail << (16 * width) | value;
            tail_groups += width;
        } else {
            head = head << (16 * width) | value;
            head_groups += width;
        }
        i = next;
        if width == 2 || head_groups + tail_groups == 8 || line.get(i) != Some(&b':') {
            break;
        }
        i += 1;
        if line.get(i) == Some(&b':') {
            if compressed {
                return None;
            }
            compressed = true;
            i += 1;
        } else if !line.get(i).is_some_and(u8::is_ascii_hexdigit) {
            return None;
        }
    }
    // `::` stands for at least one group of zeros, except that seven groups before it leave one.
    if compressed {
        let gap = 8 - head_groups - tail_groups;
        if gap == 0 {
            return None;
        }
        let head = if head_groups == 0 { 0 } else { head << (16 * (8 - head_groups)) };
        Some((head | tail, i))
    } else {
        (head_groups == 8).then_some((head, i))
    }
}

/// One to four hexadecimal digits.
#[inline]
fn hex_group(line: &[u8], at: usize) -> Option<(u16, usize)> {
    let mut value = 0u16;
    let mut end = at;
    while let Some(digit) = line.get(end).and_then(|&b| char::from(b).to_digit(16)) {
        if end - at == 4 {
            return None;
        }
        value = value << 4 | digit as u16;
        end += 1;
    }
    (end > at).then_some((value, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// Whether the whole text is one address, by our reading.
    fn v4(text: &str) -> Option<Ipv4Addr> {
        let (bits, end) = ipv4(text.as_bytes(), 0)?;
        (end == text.len()).then(|| Ipv4Addr::from(bits))
    }

    fn v6(text: &str) -> Option<Ipv6Addr> {
        let (bits, end) = ipv6(text.as_bytes(), 0)?;
        (end == text.len()).then(|| Ipv6Addr::from(bits))
    }

    #[test]
    fn integers_fill_64_bits_and_no_more() {
        assert_eq!(integer(b"0", 0), Some((0, 1)));
        assert_eq!(integer(b"x12 ", 1), Some((12, 3)));
        assert_eq!(integer(b"18446744073709551615", 0), Some((u64::MAX, 20)));
        assert_eq!(integer(b"0000000000000000000000007", 0), Some((7, 25)));
        for bad in ["18446744073709551616", "99999999999999999999", "", "-1", "+1", "x"] {
            assert_eq!(integer(bad.as_bytes(), 0), None, "{bad}");
        }
    }

    #[test]
    fn dotted_quads_agree_with_the_standard_library() {
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "10.0.1.5",
            "203.0.113.9",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "01.2.3.4",
            "1.2.3.04",
            "1..2.3",
            "1.2.3.",
            ".1.2.3",
            "1.2.3.4x",
            "1.2.3.1000",
            "",
            "a.b.c.d",
            "00.0.0.0",
            "1.2.3.400",
            "192.168.100.200",
            "1111.1.1.1",
        ] {
            assert_eq!(v4(text), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn ipv6_agrees_with_the_standard_library() {
        for text in [
            "::",
            "::1",
            "1::",
            "2001:db8::1",
            "2001:db8:0:1:2:3:4:5",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "1::2::3",
            ":1",
            "1:",
            "1:2:3:4:5:6:7",
            "12345::",
            "::ffff:192.0.2.1",
            "64:ff9b::192.0.2.33",
            "1:2:3:4:5:6:192.0.2.1",
            "1:2:3:4:5:6:7:192.0.2.1",
            "::192.0.2.256",
            "g::",
            "fe80::1%eth0",
            "2001:DB8::A",
            ":::",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:8:",
            "::1:",
            "1::2:",
            "",
            ":",
            "1.2.3.4::",
            "::1.2.3",
            "::1.2.3.4:5",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "1:2:3:4::5:6:7:8",
            "1:2:3:4:5:6:7::8",
            "1:2:3:4:5::192.0.2.1",
        ] {
            assert_eq!(v6(text), text.parse().ok(), "{text}");
        }
    }
}
