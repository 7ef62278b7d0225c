//! IPv4 addresses by their text, those met lately from memory: an object names the same few
//! thousand again and again, each connection both ways, and to look one up costs a quarter of
//! reading it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};

use super::cuts::{FRONT_BYTES, Window};
use super::marks::{digits, equal};
use super::scan::ipv4;
use crate::net::Addr;

/// Addresses remembered, a power of two; 24 bytes each. They share the first cache with the text.
const KNOWN: usize = 512;

/// An address and its text.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The text of up to fifteen bytes, zeros behind it, and its length in the last byte: nothing
    /// that is no address is the same. All zeros is no text.
    text: [u64; 2],
    bits: u32,
}

/// Reads addresses and remembers them. What it answers does not depend on what it remembers.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    known: Box<[Known; KNOWN]>,
    /// Of columns that are dictionaries, the last one of each.
    dictionaries: Vec<Dictionary>,
}

/// A dictionary of texts, which all batches of a row group share, and what was read of it.
#[derive(Clone, Debug)]
struct Dictionary {
    column: usize,
    texts: ArrayRef,
    addresses: Arc<[Option<Addr>]>,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { known: Box::new([Known::default(); KNOWN]), dictionaries: Vec::new() }
    }
}

impl Addresses {
    /// The dotted quad without leading zeros that fills the token from `begin` to `end`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
    pub(super) fn dotted_quad(&mut self, window: &Window, begin: u16, end: u16) -> Option<u32> {
        let len = end.wrapping_sub(begin);
        if len.wrapping_sub(7) > 8 {
            return None;
        }
        let bytes = window[FRONT_BYTES + usize::from(begin)..].first_chunk::<16>()?;
        let (halves, _) = bytes.as_chunks::<8>();
        let kept = KEPT[usize::from(len) % 16];
        let low = u64::from_le_bytes(halves[0]) & kept[0];
        let high = u64::from_le_bytes(halves[1]) & kept[1];
        self.known_or([low, high | u64::from(len) << 56], || read(window, begin, end))
    }

    /// The dotted quad without leading zeros that a text is, if it is one.
    #[inline]
    pub(super) fn of_text(&mut self, text: &[u8]) -> Option<u32> {
        let len = text.len();
        // The shortest there is, 1.1.1.1, is not worth another way.
        let (Some(first), Some(last), 8..=15) = (text.first_chunk(), text.last_chunk(), len) else {
            return None;
        };
        let high = u64::from_le_bytes(*last) >> (128 - 8 * len).min(63);
        let high = if len == 8 { 0 } else { high };
        self.known_or([u64::from_le_bytes(*first), high | (len as u64) << 56], || {
            ipv4(text, 0).filter(|&(_, end)| end == len).map(|(bits, _)| bits)
        })
    }

    /// The addresses of a column's dictionary, by what `read` takes the text at a place for. They
    /// are read once and not for each batch.
    pub(super) fn of_dictionary(
        &mut self,
        column: usize,
        texts: &ArrayRef,
        mut read: impl FnMut(usize, &mut Self) -> Option<Addr>,
    ) -> Arc<[Option<Addr>]> {
        let known = self.dictionaries.iter().find(|have| Arc::ptr_eq(&have.texts, texts));
        let known = known.map(|have| Arc::clone(&have.addresses));
        let addresses = known.unwrap_or_else(|| (0..texts.len()).map(|at| read(at, self)).collect());
        let new = Dictionary { column, texts: Arc::clone(texts), addresses: Arc::clone(&addresses) };
        match self.dictionaries.iter().position(|have| have.column == column) {
            Some(at) => self.dictionaries[at] = new,
            None => self.dictionaries.push(new),
        }
        addresses
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
    fn known_or(&mut self, text: [u64; 2], read: impl FnOnce() -> Option<u32>) -> Option<u32> {
        // Odd numbers without a pattern; what counts are the upper bits.
        let mixed = text[0].wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ text[1].wrapping_mul(0xd6e8_feb8_6659_fd93);
        let known = &mut self.known[(mixed >> (64 - KNOWN.ilog2())) as usize];
        if known.text == text {
            return Some(known.bits);
        }
        let bits = read()?;
        *known = Known { text, bits };
        Some(bits)
    }
}

/// The bytes of a text of each length.
const KEPT: [[u64; 2]; 16] = {
    let mut kept = [[0; 2]; 16];
    let mut len = 1;
    while len < 16 {
        let bits = 8 * len as u32;
        kept[len] = if len < 8 { [(1 << bits) - 1, 0] } else { [u64::MAX, (1 << (bits - 64)) - 1] };
        len += 1;
    }
    kept
};

/// The same from the text alone.
///
/// The grammar is judged on bits, one a byte: dots and digits in their places, none empty, none
/// of four digits, no zero before a digit. The octets are then cut out by the places of the dots
/// and two at a time turned into numbers.
#[inline(never)]
fn read(window: &Window, begin: u16, end: u16) -> Option<u32> {
    let len = end.wrapping_sub(begin);
    if len.wrapping_sub(7) > 8 {
        return None;
    }
    // Four bytes before the token, because octets are loaded by their ends.
    let around = window[FRONT_BYTES - 4 + usize::from(begin)..].first_chunk::<20>()?;
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
    let ends = [dots.trailing_zeros(), second.trailing_zeros(), third.trailing_zeros(), u32::from(len)];
    let mut octets = [0; 4];
    let mut begin = 0;
    for (octet, end) in octets.iter_mut().zip(ends) {
        // The octet's characters at the top, zeros before them.
        let word = u32::from_le_bytes(*around.get(end as usize & 15..)?.first_chunk::<4>()?);
        let shift = 32 - 8 * (end - begin);
        *octet = u64::from((word ^ 0x3030_3030) >> (shift & 31) << (shift & 31));
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
    use super::super::cuts::window_of;
    use super::*;
    use proptest::prelude::*;

    /// Twice: read, and remembered.
    fn answers(known: &mut Addresses, text: &str, behind: u8) -> [Option<u32>; 2] {
        let window = window_of(text.as_bytes(), behind);
        [(); 2].map(|()| known.dotted_quad(&window, 0, text.len() as u16))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

        #[test]
        fn dotted_quads_are_those_of_the_standard_library(
            text in "[0-9]{1,4}(\\.[0-9]{0,4}){2,4}|[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,2}\\.[0-9]{1,2}|[ -~]{1,17}",
            behind in prop_oneof![Just(b' '), Just(b'0'), Just(b'.')],
        ) {
            let expected = text.parse::<std::net::Ipv4Addr>().ok().map(u32::from);
            let mut known = Addresses::default();
            prop_assert_eq!(answers(&mut known, &text, behind), [expected; 2], "{}", text);
            // Both ways share what is remembered; the other one leaves lengths out.
            let alone = Addresses::default().of_text(text.as_bytes());
            prop_assert_eq!(known.of_text(text.as_bytes()), alone);
            prop_assert_eq!(alone, expected.filter(|_| text.len() >= 8));
        }
    }

    /// More addresses than there are places, so that each place is taken in turns.
    #[test]
    fn what_is_remembered_never_stands_for_another() {
        let mut known = Addresses::default();
        for round in 0..2 {
            for n in 0..4 * KNOWN as u32 {
                let bits = n.wrapping_mul(0x9e37_79b9);
                let text = std::net::Ipv4Addr::from(bits).to_string();
                assert_eq!(answers(&mut known, &text, b' '), [Some(bits); 2], "{round}");
            }
        }
    }

    #[test]
    fn zeros_behind_an_address_are_not_the_end_of_it() {
        let mut known = Addresses::default();
        assert_eq!(answers(&mut known, "10.0.0.1", 0)[0], Some(0x0a00_0001));
        assert_eq!(answers(&mut known, "10.0.0.1\0", 0), [None; 2]);
        assert_eq!(answers(&mut known, "", 0), [None; 2]);
    }
}
