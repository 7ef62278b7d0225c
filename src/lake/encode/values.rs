//! The values of a page in hand, kept as the page will hold them: by their numbers in a dictionary,
//! or as they are.

use std::ops::Range;

use parquet::basic::{Encoding, Type};
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{Integers, Texts};
use super::hybrid;
use super::press::{LEVEL, PLAIN_NUMBERS_LEVEL};
use crate::net::{AddrText, Prefix};

/// Bytes of texts at which a page ends, unless one of them is longer.
const PAGE_TEXT_BYTES: usize = 1 << 20;

/// The values of some rows, NULLs left out.
pub(super) enum Values {
    /// Texts by their number in a dictionary.
    Texts(Texts, Vec<u32>),
    /// Integers and times likewise.
    Integers(Integers, Vec<u32>),
    /// Texts as they are.
    LongTexts(LongTexts),
    /// Integers and times as they are.
    Plain(Vec<i64>),
    /// Floats as they are.
    Doubles(Vec<f64>),
    /// True or false.
    Truths(Vec<bool>),
}

/// Texts, each with its length in four bytes before it.
#[derive(Default)]
pub(super) struct LongTexts {
    pub(super) bytes: Vec<u8>,
    /// Where pages end before the last: the row and the byte.
    pub(super) cuts: Vec<(usize, usize)>,
    /// Of texts alone, since the last cut.
    text_bytes: usize,
    len: usize,
}

impl Values {
    /// None; of values that hardly repeat there is no dictionary.
    pub(super) fn new(column: &ColumnDescPtr, is_varied: bool) -> Self {
        match column.physical_type() {
            Type::BYTE_ARRAY if is_varied => Self::LongTexts(LongTexts::default()),
            Type::BYTE_ARRAY => Self::Texts(Texts::default(), Vec::new()),
            Type::INT32 | Type::INT64 if is_varied => Self::Plain(Vec::new()),
            Type::BOOLEAN => Self::Truths(Vec::new()),
            Type::DOUBLE => Self::Doubles(Vec::new()),
            _ => Self::Integers(Integers::default(), Vec::new()),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Texts(_, numbers) | Self::Integers(_, numbers) => numbers.len(),
            Self::LongTexts(texts) => texts.len,
            Self::Plain(values) => values.len(),
            Self::Doubles(values) => values.len(),
            Self::Truths(truths) => truths.len(),
        }
    }

    /// A text of several rows, behind `row` others of the page.
    pub(super) fn text(&mut self, value: &str, count: usize, row: usize) {
        match self {
            Self::Texts(known, numbers) if count > 0 => {
                numbers.resize(numbers.len() + count, known.number(value));
            }
            Self::LongTexts(texts) => (row..row + count).for_each(|row| texts.text(value, row)),
            _ => {}
        }
    }

    /// A prefix as it prints, of one row.
    pub(super) fn prefix(&mut self, prefix: Prefix, row: usize) {
        match self {
            Self::Texts(known, numbers) => numbers.push(known.prefix(prefix)),
            _ => self.text(AddrText::of_prefix(prefix).as_str(), 1, row),
        }
    }

    /// An integer or a time of several rows.
    pub(super) fn integer(&mut self, value: i64, count: usize) {
        match self {
            Self::Integers(known, numbers) if count > 0 => {
                numbers.resize(numbers.len() + count, known.number(value));
            }
            Self::Plain(values) => values.resize(values.len() + count, value),
            _ => {}
        }
    }

    /// One for each row.
    pub(super) fn integers(&mut self, values: impl Iterator<Item = i64>) {
        match self {
            Self::Integers(known, numbers) => numbers.extend(values.map(|value| known.number(value))),
            Self::Plain(plain) => plain.extend(values),
            _ => {}
        }
    }

    /// A float of several rows.
    pub(super) fn double(&mut self, value: f64, count: usize) {
        if let Self::Doubles(values) = self {
            values.resize(values.len() + count, value);
        }
    }

    /// A truth of several rows.
    pub(super) fn truth(&mut self, value: bool, count: usize) {
        if let Self::Truths(truths) = self {
            truths.resize(truths.len() + count, value);
        }
    }

    /// Appends the values as a page holds them; of long texts some bytes.
    pub(super) fn encode(&self, text: Range<usize>, width: Type, out: &mut Vec<u8>) -> Encoding {
        match self {
            Self::Texts(known, numbers) => return places(numbers, known.len(), out),
            Self::Integers(known, numbers) => return places(numbers, known.len(), out),
            Self::LongTexts(texts) => out.extend_from_slice(&texts.bytes[text]),
            Self::Plain(values) if width == Type::INT32 => {
                words(values.iter().map(|value| (*value as i32).to_le_bytes()), out);
            }
            Self::Plain(values) => words(values.iter().map(|value| value.to_le_bytes()), out),
            Self::Doubles(values) => words(values.iter().map(|value| value.to_le_bytes()), out),
            Self::Truths(truths) => {
                let bit = |byte, truth: &bool| byte << 1 | u8::from(*truth);
                out.extend(truths.chunks(8).map(|eight| eight.iter().rev().fold(0, bit)));
            }
        }
        Encoding::PLAIN
    }

    /// The level of zstd that pages are compressed at.
    pub(super) fn level(&self) -> i32 {
        match self {
            Self::Texts(..) | Self::Integers(..) | Self::LongTexts(_) => LEVEL,
            Self::Plain(_) | Self::Doubles(_) | Self::Truths(_) => PLAIN_NUMBERS_LEVEL,
        }
    }

    /// Forgets the values of a page that is made. Dictionaries are of the row group and stay.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Texts(_, numbers) | Self::Integers(_, numbers) => numbers.clear(),
            Self::LongTexts(texts) => *texts = LongTexts::default(),
            Self::Plain(values) => values.clear(),
            Self::Doubles(values) => values.clear(),
            Self::Truths(truths) => truths.clear(),
        }
    }
}

impl LongTexts {
    fn text(&mut self, value: &str, row: usize) {
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
        self.text_bytes += value.len();
        self.len += 1;
        if self.text_bytes >= PAGE_TEXT_BYTES {
            self.cuts.push((row + 1, self.bytes.len()));
            self.text_bytes = 0;
        }
    }
}

/// Places in a dictionary of `known` values.
fn places(numbers: &[u32], known: usize, out: &mut Vec<u8>) -> Encoding {
    let bits = usize::BITS - known.saturating_sub(1).leading_zeros();
    out.push(bits as u8);
    hybrid::encode(numbers, bits, out);
    Encoding::RLE_DICTIONARY
}

/// Values of the same width.
fn words<const N: usize>(values: impl ExactSizeIterator<Item = [u8; N]>, out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + N * values.len(), 0);
    out[at..].as_chunks_mut().0.iter_mut().zip(values).for_each(|(word, value)| *word = value);
}
