//! Where the lines of a piece of text and their tokens begin and end, found in one pass over its
//! bytes: a line of 100 bytes is two compares of 64 bytes, not fourteen searches.

use super::marks::separators;

/// Bytes of a window before its text: values are loaded by their ends.
pub(super) const FRONT_BYTES: usize = 16;
/// Bytes after the last place that 16 bits can hold: whole blocks and wide loads are read.
const BEHIND_BYTES: usize = 64;
/// Length of a window.
pub(super) const WINDOW_BYTES: usize = FRONT_BYTES + (1 << 16) + BEHIND_BYTES;
/// A piece of text, from `FRONT_BYTES` on, with readable bytes on both sides, whatever they are.
/// It is an array so long that no place of 16 bits, nor a wide load there, lies outside: the
/// compiler then leaves the checks out.
pub(super) type Window = [u8; WINDOW_BYTES];

/// Longest piece, bytes: text and places stay in the first cache.
pub(super) const PIECE_BYTES: usize = 16 << 10;
/// Tokens that a line may have here; formats with more columns are read by the patient parser.
pub(super) const TOKENS_MAX: usize = 128;
/// Tokens of a piece: two separators in a row are not indexed, so no more fit.
const PLACES_MAX: usize = PIECE_BYTES / 2;
/// Ends are written by as many at a time, without a branch on their number: how many a block of 64
/// bytes has follows no pattern that a processor could predict. Which of the two is taken follows
/// from the piece before.
const FEW: usize = 8;
const MANY: usize = 12;
/// Places beyond the last that are written or read and mean nothing.
const SLACK: usize = TOKENS_MAX + 2;

/// The lines and tokens of one piece that has a single separator between any two tokens.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    /// Where each token begins; token n ends one byte before token n + 1 begins.
    begins: Box<[u16; PLACES_MAX + SLACK]>,
    /// Where the line ends stand.
    ends: Box<[u16; PLACES_MAX + SLACK]>,
    /// How many tokens were found; what is held beyond them means nothing.
    tokens: usize,
    is_dense: bool,
}

/// Where the lines of an indexed piece are read from, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    line: usize,
    token: usize,
}

/// The places of one line's tokens; those of lines behind it follow.
pub(super) type Begins = [u16; TOKENS_MAX + 1];

/// One line of a piece.
pub(super) struct Line<'a> {
    /// Its first byte in the piece.
    pub(super) begin: usize,
    /// The place of its line end.
    pub(super) end: usize,
    /// Where its tokens begin, when it has as many as were asked for.
    pub(super) tokens: Option<&'a Begins>,
}

impl Default for Cuts {
    fn default() -> Self {
        let places = || {
            let all = vec![0; PLACES_MAX + SLACK].into_boxed_slice();
            all.try_into().expect("it was made as long as it has to be")
        };
        Self { begins: places(), ends: places(), tokens: 0, is_dense: false }
    }
}

impl Cuts {
    /// Finds the lines that end in the first `len` bytes of the piece, and their tokens; gives the
    /// number of lines. The piece begins where a line does. `None` when two separators follow each
    /// other, or one begins the piece, or the piece is too long.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
    pub(super) fn find(&mut self, window: &Window, len: usize) -> Option<usize> {
        let (lines, tokens) =
            if self.is_dense { self.index::<MANY>(window, len) } else { self.index::<FEW>(window, len) }?;
        self.tokens = tokens;
        self.is_dense = tokens * 64 > len * (FEW - 2);
        Some(lines)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
    fn index<const STEP: usize>(&mut self, window: &Window, len: usize) -> Option<(usize, usize)> {
        let text = window.get(FRONT_BYTES..)?;
        let (blocks, _) = text.get(..len.next_multiple_of(64))?.as_chunks::<64>();
        if len > PIECE_BYTES {
            return None;
        }
        let (mut tokens, mut lines) = (0, 0);
        // As if a separator stood before the piece: one at its beginning is then the second in a row.
        let mut before = 1;
        let mut doubled = 0;
        self.begins[0] = 0;
        for (number, block) in blocks.iter().enumerate() {
            let base = number * 64;
            let inside = if len - base < 64 { (1 << (len - base)) - 1 } else { u64::MAX };
            let (spaces, ends) = separators(block);
            let (mut marks, mut ends) = ((spaces | ends) & inside, ends & inside);
            doubled |= marks & (marks << 1 | before);
            before = marks >> 63;
            let count = marks.count_ones() as usize;
            let places = self.begins.get_mut(tokens + 1..)?.first_chunk_mut::<64>()?;
            for place in &mut places[..STEP] {
                // Past the last mark nonsense is written and then written over.
                *place = (base as u32 + marks.trailing_zeros() + 1) as u16;
                marks &= marks.wrapping_sub(1);
            }
            let mut written = STEP;
            while marks != 0 {
                places[written % 64] = (base as u32 + marks.trailing_zeros() + 1) as u16;
                marks &= marks.wrapping_sub(1);
                written += 1;
            }
            tokens += count;
            // One line end, or nonsense that is written over; more are rare.
            *self.ends.get_mut(lines)? = (base as u32 + ends.trailing_zeros()) as u16;
            lines += usize::from(ends != 0);
            ends &= ends.wrapping_sub(1);
            while ends != 0 {
                *self.ends.get_mut(lines)? = (base as u32 + ends.trailing_zeros()) as u16;
                lines += 1;
                ends &= ends.wrapping_sub(1);
            }
        }
        (doubled == 0).then_some((lines, tokens))
    }

    /// The next line of the piece last indexed, which has one, and its tokens when they are
    /// `columns` many.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
    pub(super) fn next(&self, cursor: &mut Cursor, columns: usize) -> Line<'_> {
        let token = cursor.token % PLACES_MAX;
        let end = self.ends[cursor.line % PLACES_MAX];
        let begin = usize::from(self.begins[token]);
        cursor.line += 1;
        cursor.token += columns;
        let tokens = self.begins[token..].first_chunk::<{ TOKENS_MAX + 1 }>();
        // The first line end behind the line's beginning: the line has so many tokens when that is
        // where the last of them ends.
        let is_so_many = self.begins[cursor.token % PLACES_MAX] == end + 1
            && cursor.token <= self.tokens
            && columns <= TOKENS_MAX;
        if !is_so_many {
            cursor.token = self.token_at(token, end + 1);
        }
        Line { begin, end: usize::from(end), tokens: tokens.filter(|_| is_so_many) }
    }

    /// The token that begins at `place`, from `token` on.
    #[cold]
    fn token_at(&self, token: usize, place: u16) -> usize {
        token + self.begins[token..].iter().position(|&begin| begin == place).unwrap_or_default()
    }
}

/// Where token `n` begins and ends.
#[inline(always)]
#[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
pub(super) fn token(begins: &Begins, n: u8) -> (u16, u16) {
    let n = usize::from(n) % TOKENS_MAX;
    (begins[n], begins[n + 1].wrapping_sub(1))
}

/// A window that holds `text`, with `behind` in all other places.
#[cfg(test)]
pub(super) fn window_of(text: &[u8], behind: u8) -> Box<Window> {
    let mut window: Box<Window> = vec![behind; WINDOW_BYTES].into_boxed_slice().try_into().unwrap();
    window[FRONT_BYTES..FRONT_BYTES + text.len()].copy_from_slice(text);
    window
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each line with its tokens, when they are as many as said.
    type Found = Vec<((usize, usize), Option<Vec<(u16, u16)>>)>;

    fn found(text: &[u8], behind: u8, columns: usize) -> Option<Found> {
        let mut cuts = Cuts::default();
        let lines = cuts.find(&window_of(text, behind), text.len())?;
        let mut cursor = Cursor::default();
        let tokens = |begins: &Begins| (0..columns as u8).map(|n| token(begins, n)).collect();
        let line = |_| {
            let line = cuts.next(&mut cursor, columns);
            ((line.begin, line.end), line.tokens.map(tokens))
        };
        Some((0..lines).map(line).collect())
    }

    /// The obvious way.
    fn expected(text: &[u8], columns: usize) -> Option<Found> {
        let is_separator = |b: &u8| matches!(b, b' ' | b'\n');
        let doubled = text.windows(2).any(|two| two.iter().all(is_separator));
        if doubled || text.first().is_some_and(is_separator) {
            return None;
        }
        let mut begin = 0;
        let mut all = Found::new();
        for line in text.split_inclusive(|&b| b == b'\n').filter(|line| line.ends_with(b"\n")) {
            let mut at = begin as u16;
            let tokens = line[..line.len() - 1].split(|&b| b == b' ').map(|token| {
                let from = at;
                at += token.len() as u16 + 1;
                (from, at - 1)
            });
            let tokens: Vec<_> = tokens.collect();
            all.push(((begin, begin + line.len() - 1), (tokens.len() == columns).then_some(tokens)));
            begin += line.len();
        }
        Some(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn lines_and_tokens_are_found_as_by_splitting(
            text in "[a-c \n]{0,200}|([a-z]{1,9} ){0,140}[a-z]{1,9}\n|[a-z]{120,130}|([a-z]{1,9} [a-z]{1,70} [a-z]{1,3}\n){1,9}[a-z]{0,3}|([ab] a\n){1,90}",
            behind in prop_oneof![Just(b' '), Just(b'x'), Just(b'\n')],
            columns in 1_usize..4,
        ) {
            prop_assert_eq!(found(text.as_bytes(), behind, columns), expected(text.as_bytes(), columns));
        }
    }

    #[test]
    fn a_piece_is_indexed_the_same_however_dense_the_one_before() {
        let texts = [b"ab c\n".repeat(3_000), b"a b c d e f g h i\n".repeat(900), vec![b'x'; PIECE_BYTES]];
        let mut cuts = Cuts::default();
        for text in texts.iter().chain(texts.iter().rev()) {
            let window = window_of(text, b' ');
            let lines = cuts.find(&window, text.len());
            assert_eq!(lines, Some(memchr::memchr_iter(b'\n', text).count()));
            let mut cursor = Cursor::default();
            let columns = text.split(|&b| b == b'\n').next().unwrap().split(|&b| b == b' ').count();
            for _ in 0..lines.unwrap() {
                assert!(cuts.next(&mut cursor, columns).tokens.is_some());
            }
        }
    }

    #[test]
    fn what_cannot_be_held_is_left_to_the_patient_parser() {
        let window = window_of(&vec![b'x'; PIECE_BYTES + 1], b' ');
        assert_eq!(Cuts::default().find(&window, PIECE_BYTES + 1), None);
        assert_eq!(Cuts::default().find(&window, PIECE_BYTES), Some(0));
        let many = format!("{}\n", ["x"; TOKENS_MAX + 1].join(" "));
        assert_eq!(found(many.as_bytes(), b' ', TOKENS_MAX + 1).unwrap()[0].1, None);
    }
}
