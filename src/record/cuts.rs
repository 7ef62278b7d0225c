//! Where the tokens of a line begin and end, found in one pass over its bytes.

use super::marks::spaces;

/// Tokens of a line that can be held; formats with more columns are read by the patient parser.
pub(super) const TOKENS_MAX: usize = 128;
/// Ends are written by as many at a time, without a branch on their number: how many a block has
/// follows no pattern that a processor could predict.
const STEP: usize = 8;
/// Longest line whose tokens are found, bytes: places are kept in 16 bits.
const LINE_MAX: usize = 1 << 15;
/// Bytes that must be readable behind the beginning of a line's last block.
pub(super) const ROOM_BYTES: usize = 64;

/// The tokens of one line that has a single space between two of them and none at its ends.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    /// Where each token begins; token n ends one byte before token n + 1 begins.
    begins: [u16; TOKENS_MAX + STEP + 1],
}

impl Default for Cuts {
    fn default() -> Self {
        Self { begins: [0; TOKENS_MAX + STEP + 1] }
    }
}

impl Cuts {
    /// Finds the tokens of the line in the first `len` bytes of `window` and gives their number.
    /// `None` when spaces are irregular, tokens or bytes too many, or the window too short: any
    /// line may have [`ROOM_BYTES`] bytes behind it, whatever they are.
    #[inline]
    pub(super) fn find(&mut self, window: &[u8], len: usize) -> Option<usize> {
        if len == 0 || len > LINE_MAX {
            return None;
        }
        let mut tokens = 0;
        let mut base = 0;
        // As if a space stood before the line: one at its beginning is then the second in a row.
        let mut space_before = 1;
        let mut doubled = 0;
        while base < len {
            let block = window.get(base..)?.first_chunk::<ROOM_BYTES>()?;
            let rest = len - base;
            let mut marks = spaces(block);
            if rest < ROOM_BYTES {
                // The line's end counts as a space after its last token.
                marks = marks & ((1 << rest) - 1) | 1 << rest;
            }
            doubled |= marks & (marks << 1 | space_before);
            space_before = marks >> 63;
            let count = marks.count_ones() as usize;
            let mut written = 0;
            while written < count {
                let places = self.begins.get_mut(tokens + written + 1..)?.first_chunk_mut::<STEP>()?;
                for place in places {
                    // Past the last mark nonsense is written and then written over.
                    *place = (base as u32 + (marks | 1 << 63).trailing_zeros() + 1) as u16;
                    marks &= marks.wrapping_sub(1);
                }
                written += STEP;
            }
            tokens += count;
            base += ROOM_BYTES;
        }
        if len.is_multiple_of(ROOM_BYTES) {
            // The end mark fell between two blocks.
            doubled |= space_before;
            *self.begins.get_mut(tokens + 1)? = len as u16 + 1;
            tokens += 1;
        }
        (doubled == 0 && tokens <= TOKENS_MAX).then_some(tokens)
    }

    /// Where token `n` of the line last found begins and ends.
    #[inline]
    pub(super) fn token(&self, n: u8) -> (usize, usize) {
        let n = usize::from(n) % TOKENS_MAX;
        (usize::from(self.begins[n]), usize::from(self.begins[n + 1]).wrapping_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(line: &[u8], behind: u8) -> Option<Vec<(usize, usize)>> {
        let mut window = line.to_vec();
        window.resize(line.len() + ROOM_BYTES, behind);
        let mut cuts = Cuts::default();
        let count = cuts.find(&window, line.len())?;
        Some((0..count as u8).map(|n| cuts.token(n)).collect())
    }

    /// The obvious way.
    fn expected(line: &[u8]) -> Option<Vec<(usize, usize)>> {
        let mut begin = 0;
        let mut all = Vec::new();
        for token in line.split(|&b| b == b' ') {
            if token.is_empty() {
                return None;
            }
            all.push((begin, begin + token.len()));
            begin += token.len() + 1;
        }
        (all.len() <= TOKENS_MAX).then_some(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn tokens_are_found_as_by_splitting(line in "[a-c ]{0,200}|([a-z]{1,9} ){0,140}[a-z]{1,9}|[a-z]{120,130}", behind in prop_oneof![Just(b' '), Just(b'x'), Just(b'\n')]) {
            prop_assert_eq!(tokens(line.as_bytes(), behind), expected(line.as_bytes()));
        }
    }

    #[test]
    fn what_cannot_be_held_is_left_to_the_patient_parser() {
        assert_eq!(tokens(&vec![b'x'; LINE_MAX + 1], b' '), None);
        assert_eq!(tokens(&vec![b'x'; LINE_MAX], b' ').map(|all| all.len()), Some(1));
        assert_eq!(Cuts::default().find(b"a b", 3), None, "no room behind the line");
        let many = ["x"; TOKENS_MAX + 1].join(" ");
        assert_eq!(tokens(many.as_bytes(), b' '), None);
    }
}
