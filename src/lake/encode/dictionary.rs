//! The different values of a column, numbered in the order in which they were met, as Parquet's
//! dictionary page has them. Rows are in the order of ENIs and hours, so most values are the one of
//! the row before, which costs a compare.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use std::hash::BuildHasher;

use crate::net::{AddrText, Prefix};

/// Different texts.
#[derive(Default)]
pub(super) struct Texts {
    /// What prefixes print as: the same peers come in hour after hour.
    prefixes: HashMap<Prefix, u32, FixedState>,
    hasher: FixedState,
    numbers: HashTable<u32>,
    /// All texts, each with its length in four bytes before it: the dictionary page.
    page: Vec<u8>,
    /// Where each text ends in it.
    ends: Vec<usize>,
    last: u32,
}

impl Texts {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let bytes = text.as_bytes();
        if !self.ends.is_empty() && at(&self.page, &self.ends, self.last) == bytes {
            return self.last;
        }
        let hash = self.hasher.hash_one(bytes);
        let found = self.numbers.find(hash, |number| at(&self.page, &self.ends, *number) == bytes);
        self.last = found.copied().unwrap_or_else(|| self.insert(hash, bytes));
        self.last
    }

    /// The number of a prefix as it prints.
    pub(super) fn prefix(&mut self, prefix: Prefix) -> u32 {
        if let Some(number) = self.prefixes.get(&prefix) {
            return *number;
        }
        let number = self.number(AddrText::of_prefix(prefix).as_str());
        self.prefixes.insert(prefix, number);
        number
    }

    fn insert(&mut self, hash: u64, bytes: &[u8]) -> u32 {
        let number = self.ends.len() as u32;
        self.page.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.page.extend_from_slice(bytes);
        self.ends.push(self.page.len());
        let Self { hasher, page, ends, .. } = self;
        self.numbers.insert_unique(hash, number, |number| hasher.hash_one(at(page, ends, *number)));
        number
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The dictionary page.
    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }

    /// The least and the greatest by their bytes.
    pub(super) fn range(&self) -> Option<(&[u8], &[u8])> {
        let all = || (0..self.len() as u32).map(|number| at(&self.page, &self.ends, number));
        Some((all().min()?, all().max()?))
    }
}

/// The text of a number.
fn at<'a>(page: &'a [u8], ends: &[usize], number: u32) -> &'a [u8] {
    let number = number as usize;
    let before = if number == 0 { 0 } else { ends[number - 1] };
    &page[before + 4..ends[number]]
}

/// Counts of packets and records, ports of services and protocols are mostly below it.
const SMALL: usize = 1024;

/// Different whole numbers.
#[derive(Default)]
pub(super) struct Integers {
    numbers: HashMap<i64, u32, FixedState>,
    /// Of those from 0 to `SMALL`, as far as needed, the number and one; 0 for none.
    small: Vec<u32>,
    values: Vec<i64>,
    last: u32,
}

impl Integers {
    /// The number of a value.
    pub(super) fn number(&mut self, value: i64) -> u32 {
        if self.values.get(self.last as usize) != Some(&value) {
            self.last = match usize::try_from(value) {
                Ok(at) if at < SMALL => self.number_of_small(at),
                _ => *self.numbers.entry(value).or_insert_with(|| pushed(&mut self.values, value)),
            };
        }
        self.last
    }

    fn number_of_small(&mut self, value: usize) -> u32 {
        if self.small.len() <= value {
            self.small.resize(value + 1, 0);
        }
        let number = &mut self.small[value];
        if *number == 0 {
            *number = pushed(&mut self.values, value as i64) + 1;
        }
        *number - 1
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The values in the order of their numbers.
    pub(super) fn values(&self) -> &[i64] {
        &self.values
    }
}

/// The place of a new value.
fn pushed(values: &mut Vec<i64>, value: i64) -> u32 {
    values.push(value);
    values.len() as u32 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbered_as_they_are_met() {
        let mut texts = Texts::default();
        assert_eq!(texts.range(), None);
        let met = ["b", "b", "", "abc", "b", ""];
        assert_eq!(met.map(|text| texts.number(text)), [0, 0, 1, 2, 0, 1]);
        assert_eq!(texts.page(), b"\x01\0\0\0b\0\0\0\0\x03\0\0\0abc");
        assert_eq!(texts.range(), Some((b"".as_slice(), b"b".as_slice())));
        for n in 0..10_000 {
            assert_eq!(texts.number(&n.to_string()), 3 + n);
        }
        assert_eq!((texts.number("abc"), texts.number("77"), texts.len()), (2, 80, 10_003));
    }

    #[test]
    fn prefixes_are_numbered_by_their_texts() {
        let mut texts = Texts::default();
        let met = ["203.0.113.9", "2001:db8::/32", "203.0.113.9", "203.0.113.0/24"]
            .map(|text| text.parse().unwrap());
        assert_eq!(met.map(|prefix| texts.prefix(prefix)), [0, 1, 0, 2]);
        assert_eq!((texts.number("2001:db8::/32"), texts.number("203.0.113.0/24"), texts.len()), (1, 2, 3));
    }

    #[test]
    fn integers_are_numbered_as_they_are_met() {
        let mut integers = Integers::default();
        let met = [7, 7, -1, 0, 7, i64::MIN];
        assert_eq!(met.map(|value| integers.number(value)), [0, 0, 1, 2, 0, 3]);
        assert_eq!((integers.values(), integers.len()), ([7, -1, 0, i64::MIN].as_slice(), 4));
        let edge = SMALL as i64;
        assert_eq!(
            [edge - 1, edge, 0, edge, edge - 1, 8].map(|value| integers.number(value)),
            [4, 5, 2, 5, 4, 6]
        );
    }
}
