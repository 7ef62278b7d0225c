//! Which bytes of a block are of a kind, as bits: bit n for byte n.
//!
//! `wide` compares sixteen bytes at once with what every processor of the target has (SSE2, NEON),
//! so no look at the processor and no `unsafe` of ours is needed.

use wide::u8x16;

/// Marks the spaces and the line ends of 64 bytes, each on its own.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
pub(super) fn separators(block: &[u8; 64]) -> (u64, u64) {
    let (quarters, _) = block.as_chunks::<16>();
    quarters.iter().rev().fold((0, 0), |(spaces, ends), quarter| {
        let (space, end) = (equal(quarter, b' '), equal(quarter, b'\n'));
        (spaces << 16 | u64::from(space), ends << 16 | u64::from(end))
    })
}

/// Marks the bytes that are `byte`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
pub(super) fn equal(bytes: &[u8; 16], byte: u8) -> u32 {
    u8x16::new(*bytes).simd_eq(u8x16::splat(byte)).to_bitmask()
}

/// Marks the decimal digits.
#[inline]
pub(super) fn digits(bytes: &[u8; 16]) -> u32 {
    let values = u8x16::new(*bytes) ^ u8x16::splat(b'0');
    values.saturating_sub(u8x16::splat(9)).simd_eq(u8x16::ZERO).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte value in every place, among neighbours that could carry into it.
    #[test]
    fn each_byte_is_marked_by_what_it_is_alone() {
        for neighbour in [0u8, b' ', b'0', b'9', b'.', 0x7f, 0x80, 0xff] {
            for place in 0..16 {
                for byte in 0..=u8::MAX {
                    let mut bytes = [neighbour; 16];
                    bytes[place] = byte;
                    let bits = |is: &dyn Fn(u8) -> bool| {
                        bytes.iter().enumerate().map(|(n, &b)| u32::from(is(b)) << n).sum::<u32>()
                    };
                    assert_eq!(equal(&bytes, b'.'), bits(&|b| b == b'.'), "{bytes:?}");
                    assert_eq!(digits(&bytes), bits(&|b| b.is_ascii_digit()), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn separators_are_marked_in_all_four_quarters() {
        for place in 0..64 {
            let mut block = [b'x'; 64];
            block[place] = b' ';
            block[(place + 7) % 64] = b'\n';
            assert_eq!(separators(&block), (1 << place, 1 << ((place + 7) % 64)));
        }
    }
}
