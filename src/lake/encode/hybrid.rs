//! Runs and bit-packed groups: how Parquet stores small numbers, which are levels and places in a
//! dictionary. Source: Apache Parquet, Encodings, "Run Length Encoding / Bit-Packing Hybrid".

/// Values of one bit-packed group, and the shortest run worth its own header.
const GROUP: usize = 8;

/// Appends numbers of at most `bits` bits (0 to 32) to `out`.
pub(super) fn encode(numbers: &[u32], bits: u32, out: &mut Vec<u8>) {
    // From here on groups are not yet written: always whole groups.
    let mut packed = 0;
    let mut at = 0;
    while at < numbers.len() {
        let run = run(&numbers[at..]);
        // The last few need no padding when they are all the same and nothing waits to be packed.
        if run >= GROUP || (packed == at && at + run == numbers.len()) {
            pack(&numbers[packed..at], bits, out);
            header((run as u64) << 1, out);
            out.extend_from_slice(&numbers[at].to_le_bytes()[..bits.div_ceil(8) as usize]);
            at += run;
            packed = at;
        } else {
            at = numbers.len().min(at + GROUP);
        }
    }
    pack(&numbers[packed..], bits, out);
}

/// How often the first number is repeated, itself included.
fn run(numbers: &[u32]) -> usize {
    let Some((first, rest)) = numbers.split_first() else { return 0 };
    1 + rest.iter().take_while(|number| *number == first).count()
}

/// Numbers in groups of eight, the last one filled up with zeros; least significant bit first.
fn pack(numbers: &[u32], bits: u32, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(GROUP);
    header((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * bits as usize;
    let (mut word, mut held_bits) = (0_u64, 0);
    for number in numbers {
        word |= u64::from(*number) << held_bits;
        held_bits += bits;
        if held_bits >= 32 {
            out.extend_from_slice(&(word as u32).to_le_bytes());
            word >>= 32;
            held_bits -= 32;
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..held_bits.div_ceil(8) as usize]);
    out.resize(end, 0);
}

/// An unsigned number in groups of seven bits, least significant first.
fn header(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same read back as the format says, bit by bit.
    fn decode(mut text: &[u8], bits: u32, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let (mut header, mut shift) = (0_u64, 0);
            loop {
                header |= u64::from(text[0] & 0x7f) << shift;
                shift += 7;
                let is_last = text[0] < 0x80;
                text = &text[1..];
                if is_last {
                    break;
                }
            }
            let length = (header >> 1) as usize;
            if header & 1 == 0 {
                let bytes = bits.div_ceil(8) as usize;
                let mut number = [0; 4];
                number[..bytes].copy_from_slice(&text[..bytes]);
                numbers.extend(std::iter::repeat_n(u32::from_le_bytes(number), length));
                text = &text[bytes..];
            } else {
                for at in 0..length * GROUP {
                    let bit = |n: usize| u32::from(text[n / 8] >> (n % 8) & 1);
                    let (from, bits) = (at * bits as usize, bits as usize);
                    numbers.push((0..bits).map(|n| bit(from + n) << n).sum());
                }
                text = &text[length * bits as usize..];
            }
        }
        assert!(text.is_empty());
        numbers.truncate(count);
        numbers
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn what_is_encoded_reads_back(
            runs in prop::collection::vec((any::<u32>(), 1_usize..30), 0..40),
            bits in 0_u32..=32,
        ) {
            let mask = u32::try_from((1_u64 << bits) - 1).unwrap();
            let numbers: Vec<u32> =
                runs.iter().flat_map(|(number, times)| std::iter::repeat_n(number & mask, *times)).collect();
            let mut out = Vec::new();
            encode(&numbers, bits, &mut out);
            prop_assert_eq!(decode(&out, bits, numbers.len()), numbers);
        }
    }

    #[test]
    fn runs_cost_a_header_and_a_value() {
        let mut out = Vec::new();
        encode(&[5; 1000], 3, &mut out);
        assert_eq!(out, [0xd0, 0x0f, 5]);
        out.clear();
        encode(&[0; 3], 0, &mut out);
        assert_eq!(out, [6]);
        out.clear();
        // The example of the specification: 0 to 7 in three bits each.
        encode(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
    }
}
