//! Which rows have a value, and which values are of one row: Parquet's definition and repetition
//! levels. Source: Apache Parquet, "Nested Encoding" (Dremel).

use std::ops::Range;

use parquet::schema::types::ColumnDescPtr;

use super::hybrid;

/// What rows of a page have.
pub(super) enum Presence {
    /// A value each: how many rows there are.
    Always(usize),
    /// 1 for a value, 0 for NULL.
    Nullable(Vec<u32>),
    /// Several values, or none: how many.
    Lists(Vec<usize>),
}

/// What the pages of a column say before their values.
pub(super) struct Levels {
    /// Rows, or for a list its items and the rows that have none.
    pub(super) count: usize,
    /// How many of them have a value.
    pub(super) values: usize,
}

impl Presence {
    /// Of no rows.
    pub(super) fn new(column: &ColumnDescPtr) -> Self {
        match (column.max_rep_level(), column.max_def_level()) {
            (0, 0) => Self::Always(0),
            (0, _) => Self::Nullable(Vec::new()),
            _ => Self::Lists(Vec::new()),
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Always(rows) => *rows,
            Self::Nullable(rows) => rows.len(),
            Self::Lists(rows) => rows.len(),
        }
    }

    /// Rows with one value each.
    pub(super) fn values(&mut self, count: usize) {
        match self {
            Self::Always(rows) => *rows += count,
            Self::Nullable(rows) => rows.resize(rows.len() + count, 1),
            Self::Lists(_) => {}
        }
    }

    /// Rows without a value, where there can be such.
    pub(super) fn nulls(&mut self, count: usize) {
        if let Self::Nullable(rows) = self {
            rows.resize(rows.len() + count, 0);
        }
    }

    /// A row with so many values, where there can be several.
    pub(super) fn list(&mut self, length: usize) {
        if let Self::Lists(rows) = self {
            rows.push(length);
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Always(rows) => *rows = 0,
            Self::Nullable(rows) => rows.clear(),
            Self::Lists(rows) => rows.clear(),
        }
    }

    /// Appends the levels of some of the rows of a column whose deepest is `deepest`.
    pub(super) fn encode(
        &self,
        rows: Range<usize>,
        deepest: u32,
        numbers: &mut Vec<u32>,
        out: &mut Vec<u8>,
    ) -> Levels {
        match self {
            Self::Always(_) => Levels { count: rows.len(), values: rows.len() },
            Self::Nullable(all) => {
                section(&all[rows.clone()], 1, out);
                Levels { count: rows.len(), values: all[rows].iter().sum::<u32>() as usize }
            }
            Self::Lists(all) => of_lists(&all[rows], deepest, numbers, out),
        }
    }
}

/// A row without items has a level of its own; items after the first of a row repeat it.
fn of_lists(lengths: &[usize], deepest: u32, numbers: &mut Vec<u32>, out: &mut Vec<u8>) -> Levels {
    numbers.clear();
    for length in lengths {
        numbers.push(0);
        numbers.resize(numbers.len() + length.saturating_sub(1), 1);
    }
    let count = numbers.len();
    section(numbers, 1, out);
    numbers.clear();
    for length in lengths {
        match *length {
            0 => numbers.push(deepest - 1),
            length => numbers.resize(numbers.len() + length, deepest),
        }
    }
    section(numbers, u32::BITS - deepest.leading_zeros(), out);
    Levels { count, values: lengths.iter().sum() }
}

/// Levels of a version 1 page: their length in bytes, then they.
fn section(numbers: &[u32], bits: u32, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    hybrid::encode(numbers, bits, out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}
