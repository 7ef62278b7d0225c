//! Tokens to integers, byte by byte: what the hot loop calls for each column.
//!
//! Each function starts at a position of the line and returns the value with the position after
//! it; whether a space follows is the caller's question.

/// The end of the token that begins at `at`: the next space, or the line's end.
#[inline]
pub(crate) fn skip_token(line: &[u8], at: usize) -> usize {
    line[at..].iter().position(|&b| b == b' ').map_or(line.len(), |n| at + n)
}

/// A run of decimal digits. `None` when there is none or it exceeds 64 bits.
#[inline]
pub(crate) fn integer(line: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    let mut end = at;
    for &byte in line.get(at..)? {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        // Nineteen digits always fit; only longer runs pay for the check.
        if end - at >= 19 {
            value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        } else {
            value = value * 10 + u64::from(digit);
        }
        end += 1;
    }
    (end > at).then_some((value, end))
}

/// A dotted quad without leading zeros, as the standard library reads it.
#[inline]
pub(crate) fn ipv4(line: &[u8], at: usize) -> Option<(u32, usize)> {
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
