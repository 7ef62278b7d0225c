//! Which rows have a value, and which values are of one row: Parquet's definition and repetition
//! levels. Source: Apache Parquet, "Nested Encoding" (Dremel).

use arrow::array::{Array, ArrayRef, AsArray, ListArray};

use super::hybrid;

/// What the pages of a column say before their values.
pub(super) struct Levels {
    /// Rows, or for a list its items and the rows that have none.
    pub(super) count: usize,
    /// How many of them have a value.
    pub(super) values: usize,
}

/// Appends the levels of a column, whose deepest is `definition_max`.
pub(super) fn encode(
    column: &ArrayRef,
    definition_max: i16,
    numbers: &mut Vec<u32>,
    out: &mut Vec<u8>,
) -> Levels {
    if let Some(lists) = column.as_list_opt::<i32>() {
        return of_lists(lists, definition_max, numbers, out);
    }
    let count = column.len();
    if definition_max > 0 {
        numbers.clear();
        match column.nulls() {
            Some(nulls) => numbers.extend(nulls.iter().map(u32::from)),
            None => numbers.resize(count, 1),
        }
        section(numbers, 1, out);
    }
    Levels { count, values: count - column.null_count() }
}

/// A row without items has a level of its own; items after the first of a row repeat it.
fn of_lists(lists: &ListArray, definition_max: i16, numbers: &mut Vec<u32>, out: &mut Vec<u8>) -> Levels {
    let lengths = || lists.value_offsets().windows(2).map(|ends| (ends[1] - ends[0]) as usize);
    numbers.clear();
    for length in lengths() {
        numbers.push(0);
        numbers.resize(numbers.len() + length.saturating_sub(1), 1);
    }
    let count = numbers.len();
    section(numbers, 1, out);
    numbers.clear();
    let deepest = definition_max.unsigned_abs().into();
    for length in lengths() {
        match length {
            0 => numbers.push(deepest - 1),
            length => numbers.resize(numbers.len() + length, deepest),
        }
    }
    section(numbers, u32::BITS - deepest.leading_zeros(), out);
    Levels { count, values: lengths().sum() }
}

/// Levels of a version 1 page: their length in bytes, then they.
fn section(numbers: &[u32], bits: u32, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    hybrid::encode(numbers, bits, out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}
