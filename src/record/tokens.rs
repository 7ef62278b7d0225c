//! Where the tokens of a line end: the first of the two passes over a line.
//!
//! Sixty-four bytes become one mask of spaces, and from it the places where a space follows
//! something else. No branch depends on how long a token is, and nothing is looked at that a
//! column's reader would look at again: it gets its token's bounds.

use super::scan::{eight, repeat};
use crate::limits::COLUMNS_MAX;

/// Bytes of one mask.
const BLOCK_BYTES: usize = 64;
/// Ends written at a time: most blocks of a flow log hold fewer.
const STEP: usize = 8;

/// The bounds of a line's tokens.
pub(crate) struct Tokens<'a> {
    line: &'a [u8],
    /// Token `i` ends at `ends[i + 1]`, and begins after the spaces at `ends[i]`. One more than a
    /// format has columns, and room for a step behind the last.
    ends: [u32; COLUMNS_MAX + 2 + STEP],
    len: usize,
}

impl<'a> Tokens<'a> {
    /// Finds the tokens of `line`, whose length fits in 32 bits: at most one more than a format
    /// has columns, because then the line is of no format.
    #[inline]
    pub(crate) fn of(line: &'a [u8]) -> Self {
        let mut tokens = Self { line, ends: [0; COLUMNS_MAX + 2 + STEP], len: 0 };
        // The byte before the line counts as a space.
        let mut carry = 1;
        let mut base = 0;
        let mut blocks = line.chunks_exact(BLOCK_BYTES);
        for block in &mut blocks {
            carry = tokens.note(spaces(block), carry, base);
            base += BLOCK_BYTES as u32;
        }
        // The rest, padded with spaces: the last token ends there at the latest.
        tokens.note(spaces(blocks.remainder()), carry, base);
        tokens
    }

    /// Notes the ends in one block, `spaces` its mask; gives what the next block begins with.
    #[inline]
    fn note(&mut self, spaces: u64, carry: u64, base: u32) -> u64 {
        let mut ends = spaces & !(spaces << 1 | carry);
        let count = ends.count_ones() as usize;
        let mut at = self.len + 1;
        self.len += count;
        while ends != 0 {
            let Some(step) = self.ends.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<STEP>()) else {
                // Beyond every format: only that there are too many matters.
                self.len = COLUMNS_MAX + 1;
                break;
            };
            for end in step {
                *end = base + ends.trailing_zeros();
                ends &= ends.wrapping_sub(1);
            }
            at += STEP;
        }
        self.len = self.len.min(COLUMNS_MAX + 1);
        spaces >> 63
    }

    /// Number of tokens, at most one more than a format has columns.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The line.
    #[inline]
    pub(crate) fn line(&self) -> &'a [u8] {
        self.line
    }

    /// First byte of token `index`, which exists, and the byte after it.
    #[inline]
    pub(crate) fn bounds(&self, index: usize) -> (usize, usize) {
        let mut start = self.ends[index] as usize;
        while self.line.get(start) == Some(&b' ') {
            start += 1;
        }
        (start, self.ends[index + 1] as usize)
    }
}

/// The mask of spaces in at most one block, its first byte lowest; spaces follow a short one.
#[inline]
fn spaces(block: &[u8]) -> u64 {
    let mut mask = 0;
    let mut words = 0;
    while let Some(word) = eight(block, 8 * words) {
        mask |= spaces_of_word(word) << (8 * words);
        words += 1;
        if words == 8 {
            return mask;
        }
    }
    let rest = block.get(8 * words..).unwrap_or_default();
    let last = rest.iter().rev().fold(repeat(b' '), |word, &byte| word << 8 | u64::from(byte));
    let shift = 8 * words;
    mask | (spaces_of_word(last) | 0xff << rest.len()) << shift | !0xff << shift
}

/// The mask of spaces in eight bytes, in its lowest eight bits.
#[inline]
fn spaces_of_word(word: u64) -> u64 {
    let x = word ^ repeat(b' ');
    // The high bit of each byte that is zero in `x`, exactly: no carry leaves a byte.
    let zeros = !(((x & repeat(0x7f)) + repeat(0x7f)) | x | repeat(0x7f));
    // Each byte's bit moves to a place of its own in the highest byte.
    (zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &[u8]) -> Vec<&[u8]> {
        let tokens = Tokens::of(line);
        (0..tokens.len()).map(|i| tokens.bounds(i)).map(|(start, end)| &line[start..end]).collect()
    }

    #[test]
    fn tokens_are_what_splitting_at_spaces_gives() {
        // Every length around the block's, with a pattern that puts spaces at every place.
        for period in 2..70 {
            for len in 0..200 {
                for shift in 0..3 {
                    let line: Vec<u8> = (0..len)
                        .map(|i| if (i + shift) % period < 1 + shift { b' ' } else { 0x60 + (i % 160) as u8 })
                        .collect();
                    let split: Vec<&[u8]> = line.split(|&b| b == b' ').filter(|t| !t.is_empty()).collect();
                    assert_eq!(found(&line), split, "{}", line.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn more_tokens_than_any_format_are_one_more() {
        for (tokens, len) in [(256, 256), (257, 257), (258, 257), (265, 257), (30_000, 257)] {
            assert_eq!(Tokens::of("a ".repeat(tokens).as_bytes()).len(), len, "{tokens}");
        }
    }
}
