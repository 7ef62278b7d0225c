//! Small numbers as Parquet packs them: runs of one value, and groups of eight in as few bits as
//! the largest needs. Keys of dictionaries and marks of what is NULL are written so.
//! Source: Apache Parquet, `Encodings.md`, "Run Length Encoding / Bit-Packing Hybrid".

/// Bits that are loaded at a time: a number of up to 31 of them, begun anywhere in a byte.
const LOADED_BYTES: usize = 8;
/// Most bits of a number, so that it is no negative one.
const WIDTH_BITS_MAX: usize = 31;

/// A place in a page. All methods are given the page again; `None` when it does not hold what it
/// should.
#[derive(Clone, Debug, Default)]
pub(super) struct Hybrid {
    at: usize,
    end: usize,
    width_bits: usize,
    run: Run,
    /// Numbers of the run that are left.
    left: usize,
}

#[derive(Clone, Copy, Debug)]
enum Run {
    /// All the same.
    Same(i32),
    /// Packed from that bit of the page on.
    Packed(usize),
}

impl Default for Run {
    fn default() -> Self {
        Self::Same(0)
    }
}

impl Hybrid {
    /// The runs from byte `at` of a page to `end`.
    pub(super) fn new(at: usize, end: usize, width_bits: u8) -> Option<Self> {
        let width_bits = usize::from(width_bits);
        (width_bits <= WIDTH_BITS_MAX).then(|| Self { at, end, width_bits, ..Self::default() })
    }

    /// Reads `count` numbers.
    #[inline]
    pub(super) fn take(&mut self, page: &[u8], mut count: usize, out: &mut Vec<i32>) -> Option<()> {
        while count > 0 {
            if self.left == 0 {
                self.next_run(page)?;
            }
            let some = count.min(self.left);
            match &mut self.run {
                Run::Same(value) => out.extend(std::iter::repeat_n(*value, some)),
                Run::Packed(bit) => {
                    unpack(page, *bit, self.width_bits, some, out)?;
                    *bit += some * self.width_bits;
                }
            }
            self.left -= some;
            count -= some;
        }
        Some(())
    }

    /// How many of the next numbers are 1, or how many are not, at most so many. For numbers of one
    /// bit.
    #[inline]
    pub(super) fn stretch(&mut self, page: &[u8], most: usize) -> Option<(bool, usize)> {
        if self.left == 0 {
            self.next_run(page)?;
        }
        let (is_one, like) = match &self.run {
            Run::Same(value) => (*value == 1, self.left),
            Run::Packed(bit) => {
                let bytes = page.get(bit / 8..)?.first_chunk()?;
                let bits = u64::from_le_bytes(*bytes) >> (bit % 8);
                let is_one = bits & 1 == 1;
                let like = if is_one { bits.trailing_ones() } else { bits.trailing_zeros() };
                // Of the bits above those that were loaded nothing is known.
                (is_one, (like as usize).min(64 - bit % 8))
            }
        };
        let like = like.min(most).min(self.left);
        if let Run::Packed(bit) = &mut self.run {
            *bit += like;
        }
        self.left -= like;
        Some((is_one, like))
    }

    fn next_run(&mut self, page: &[u8]) -> Option<()> {
        let input = page.get(..self.end)?;
        let mut head = 0usize;
        for shift in [0, 7, 14, 21, 28] {
            let byte = *input.get(self.at)?;
            self.at += 1;
            head |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            if shift == 28 {
                return None;
            }
        }
        if head & 1 == 1 {
            // Whole groups of eight.
            self.run = Run::Packed(8 * self.at);
            self.left = 8 * (head >> 1);
            self.at += (head >> 1) * self.width_bits;
            if self.at > self.end {
                return None;
            }
        } else {
            let bytes = input.get(self.at..self.at + self.width_bits.div_ceil(8))?;
            let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            if value >> self.width_bits != 0 {
                return None;
            }
            self.run = Run::Same(value as i32);
            self.left = head >> 1;
            self.at += bytes.len();
        }
        (self.left > 0).then_some(())
    }
}

/// Appends `count` numbers of that many bits that begin at `bit`. The page has room behind what it
/// holds, so that each is loaded in one piece.
#[inline]
fn unpack(page: &[u8], bit: usize, width_bits: usize, count: usize, out: &mut Vec<i32>) -> Option<()> {
    let mask = (1 << width_bits) - 1;
    let input = page.get(bit / 8..(bit + count * width_bits) / 8 + LOADED_BYTES)?;
    let mut bit = bit % 8;
    out.extend((0..count).map(|_| {
        let word = input[bit / 8..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let number = word >> (bit % 8) & mask;
        bit += width_bits;
        number as i32
    }));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(mut number: usize, out: &mut Vec<u8>) {
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    /// Runs of the same, and packed ones, as a writer would put them down.
    fn written(runs: &[(bool, Vec<i32>)], width_bits: usize) -> (Vec<u8>, Vec<i32>) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        for (is_packed, values) in runs {
            if *is_packed {
                let groups = values.len().div_ceil(8);
                head(groups << 1 | 1, &mut bytes);
                let mut packed = vec![0; groups * width_bits];
                for n in 0..8 * groups {
                    let value = values.get(n).copied().unwrap_or(0);
                    for bit in (0..width_bits).filter(|bit| value >> bit & 1 == 1) {
                        packed[(n * width_bits + bit) / 8] |= 1 << ((n * width_bits + bit) % 8);
                    }
                    numbers.push(value);
                }
                bytes.extend(packed);
            } else {
                head(values.len() << 1, &mut bytes);
                bytes.extend(&values[0].to_le_bytes()[..width_bits.div_ceil(8)]);
                numbers.extend(vec![values[0]; values.len()]);
            }
        }
        (bytes, numbers)
    }

    fn runs() -> impl Strategy<Value = (usize, Vec<(bool, Vec<i32>)>)> {
        (0..=WIDTH_BITS_MAX).prop_flat_map(|width_bits| {
            let value = 0..=((1i64 << width_bits) - 1) as i32;
            let run = (any::<bool>(), prop::collection::vec(value, 1..40));
            (Just(width_bits), prop::collection::vec(run, 1..6))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn numbers_of_any_width_come_back_in_steps_of_any_size((width_bits, runs) in runs(), step in 1usize..50) {
            let (bytes, numbers) = written(&runs, width_bits);
            let page = [&[9; 3], bytes.as_slice(), &[0xff; LOADED_BYTES]].concat();
            let mut hybrid = Hybrid::new(3, 3 + bytes.len(), width_bits as u8).unwrap();
            let mut out = Vec::new();
            for some in numbers.chunks(step) {
                hybrid.take(&page, some.len(), &mut out).unwrap();
            }
            prop_assert_eq!(&out, &numbers);
            prop_assert!(hybrid.take(&page, 1, &mut out).is_none(), "no more than there are");
        }

        #[test]
        fn stretches_are_as_long_as_they_are(
            runs in prop::collection::vec((any::<bool>(), prop::collection::vec(0..2, 1..200)), 1..6),
            most in 1usize..80,
        ) {
            let (bytes, numbers) = written(&runs, 1);
            let page = [bytes.as_slice(), &[0xff; LOADED_BYTES]].concat();
            let mut hybrid = Hybrid::new(0, bytes.len(), 1).unwrap();
            let mut out = Vec::new();
            while out.len() < numbers.len() {
                let (is_one, like) = hybrid.stretch(&page, most.min(numbers.len() - out.len())).unwrap();
                prop_assert!((1..=most).contains(&like));
                out.extend(vec![i32::from(is_one); like]);
            }
            prop_assert_eq!(&out, &numbers);
            prop_assert!(hybrid.stretch(&page, 1).is_none(), "no more than there are");
        }
    }

    #[test]
    fn what_cannot_be_is_nothing() {
        assert!(Hybrid::new(0, 0, 32).is_none());
        let taken = |bytes: &[u8], width_bits| {
            let mut out = Vec::new();
            Hybrid::new(0, bytes.len(), width_bits).unwrap().take(bytes, 1, &mut out).map(|()| out)
        };
        assert_eq!(taken(&[2, 5], 3), Some(vec![5]));
        assert_eq!(taken(&[2, 9], 3), None, "more than three bits");
        assert_eq!(taken(&[2], 3), None);
        assert_eq!(taken(&[0, 5, 2, 5], 3), None, "a run of none");
        assert_eq!(taken(&[3, 5], 3), None, "a group that is cut off");
        assert_eq!(taken(&[3, 5, 0, 0], 3), None, "no room behind the page");
        assert_eq!(taken(&[0xff; 9], 3), None);
    }
}
