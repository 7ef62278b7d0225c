//! Tokens to integers: what the hot loop calls for each column.
//!
//! Each function is given a line and the bounds of a token in it. Where the line reaches far
//! enough around the token, eight or sixteen bytes are loaded at once and no branch depends on
//! the lengths of numbers, which follow no pattern; near the line's ends it goes byte by byte.

/// Eight bytes of the line, the first one lowest; `None` near the line's end.
#[inline]
pub(crate) fn eight(line: &[u8], at: usize) -> Option<u64> {
    let bytes = line.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

/// The byte in all eight places.
pub(crate) const fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Marks, with its high bit, each byte of `x` that is above 9, exactly up to the first such.
#[inline]
fn above_nine(x: u64) -> u64 {
    (x.wrapping_add(repeat(0x76)) | x) & repeat(0x80)
}

/// The decimal number that the token is. `None` when it is none or exceeds 64 bits.
///
/// Numbers of a flow log have up to sixteen digits: the eight bytes that end with the token are
/// loaded, what precedes it in them is cleared, and longer ones take eight more in the same way.
#[inline]
pub(crate) fn number(line: &[u8], start: usize, end: usize) -> Option<u64> {
    let len = end - start;
    if len <= 8 {
        let Some(word) = end.checked_sub(8).and_then(|at| eight(line, at)) else {
            return bytewise(line, start, end);
        };
        return number_of_word(word, len);
    }
    let (Some(low), Some(at)) = (eight(line, end - 8), end.checked_sub(16)) else {
        return bytewise(line, start, end);
    };
    if len > 16 {
        return bytewise(line, start, end);
    }
    let high = number_of_word(eight(line, at)?, len - 8)?;
    Some(high * 100_000_000 + number_of_word(low, 8)?)
}

/// The number in the last `len` of eight bytes, 1 to 8.
#[inline]
fn number_of_word(word: u64, len: usize) -> Option<u64> {
    let x = (word ^ repeat(b'0')) & u64::MAX << (64 - 8 * len as u32);
    (above_nine(x) == 0).then(|| eight_digits(x))
}

/// The number of eight digits, one a byte, the first one lowest.
#[inline]
fn eight_digits(x: u64) -> u64 {
    let pairs = x.wrapping_mul(10 * 256 + 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let quads = pairs.wrapping_mul(100 * 65_536 + 1) >> 16 & 0x0000_ffff_0000_ffff;
    quads.wrapping_mul(10_000 * (1 << 32) + 1) >> 32
}

fn bytewise(line: &[u8], start: usize, end: usize) -> Option<u64> {
    integer(line, start).filter(|&(_, at)| at == end).map(|(value, _)| value)
}

/// A run of decimal digits, byte by byte, and where it ends. `None` when there is none or it
/// exceeds 64 bits.
pub(crate) fn integer(line: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    let mut end = at;
    for &byte in line.get(at..)? {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        end += 1;
    }
    (end > at).then_some((value, end))
}

/// The dotted quad without leading zeros that the token is, as the standard library reads it.
///
/// Away from the line's end, sixteen bytes are loaded at once and the four octets cut out by the
/// places of the dots.
#[inline]
pub(crate) fn ipv4(line: &[u8], start: usize, end: usize) -> Option<u32> {
    let Some(bytes) = line.get(start..).and_then(|rest| rest.first_chunk::<QUAD_BYTES>()) else {
        return ipv4_bytewise(line, start).filter(|&(_, at)| at == end).map(|(bits, _)| bits);
    };
    let low = above_nine(eight(bytes, 0)? ^ repeat(b'0'));
    let high = above_nine(eight(bytes, 8)? ^ repeat(b'0'));
    let mut marks = compress(low) | compress(high) << 8;
    let mut next_mark = || {
        let at = marks.trailing_zeros() as usize & 31;
        marks &= marks.wrapping_sub(1);
        at
    };
    let dots = [next_mark(), next_mark(), next_mark()];
    if next_mark() != end - start {
        return None;
    }
    let mut bits = 0;
    let mut wrong = false;
    let mut from = 0;
    for to in [dots[0], dots[1], dots[2], end - start] {
        let len = to - from;
        if len.wrapping_sub(1) > 2 {
            return None;
        }
        let word = bytes.get(from..)?.first_chunk::<4>()?;
        let digits = u32::from_le_bytes(*word) ^ u32::from_ne_bytes([b'0'; 4]);
        // The octet's digits at the top of three bytes, zeros before them.
        let octet = digits << (8 * (4 - len)) >> 8;
        let value = (octet & 0xff) * 100 + (octet >> 8 & 0xff) * 10 + (octet >> 16);
        wrong |= value > 255 || (len > 1 && digits & 0xff == 0);
        bits = bits << 8 | value;
        from = to + 1;
    }
    wrong |= dots.iter().any(|&dot| bytes[dot] != b'.');
    (!wrong).then_some(bits)
}

/// Bytes loaded for a dotted quad: fifteen, and room to load four at its last octet.
const QUAD_BYTES: usize = 20;

/// The high bits of eight bytes as eight bits.
#[inline]
fn compress(marks: u64) -> u32 {
    ((marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
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
            let (v4, next) = ipv4_bytewise(line, i)?;
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
        let alone = ipv4(text.as_bytes(), 0, text.len());
        // Room behind the token, so that the wide loads are taken.
        let inside = ipv4(format!("1 {text} 255.255.255.255 1").as_bytes(), 2, 2 + text.len());
        assert_eq!(alone, inside, "{text}");
        alone.map(Ipv4Addr::from)
    }

    fn v6(text: &str) -> Option<Ipv6Addr> {
        let (bits, end) = ipv6(text.as_bytes(), 0)?;
        (end == text.len()).then(|| Ipv6Addr::from(bits))
    }

    #[test]
    fn numbers_are_the_same_wherever_they_stand() {
        let texts = (1..25).map(|len| "12345678901234567890123456"[..len].to_owned());
        let wrong =
            ["1x", "x1", "-1", "1.", "123456789x", "x123456789", "1234/6789", "12345678:0", "\u{e9}1"];
        for text in texts.chain(wrong.map(str::to_owned)) {
            let parsed = text.parse::<u64>().ok();
            for before in ["", "1 ", "eni-0a1b2c3d4e5f60718 "] {
                let line = format!("{before}{text} 5");
                let end = before.len() + text.len();
                assert_eq!(number(line.as_bytes(), before.len(), end), parsed, "{line}");
            }
        }
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
