//! Rows to columns through the table: a row that leaves out, adds, reorders or retypes a column
//! is an error, so what is written cannot drift from what is documented.

use std::fmt::Display;

use super::encode::ColumnChunk;
use super::table::{Kind, Table};
use crate::net::Prefix;

/// A row writer and its table disagree. A programming error, found by any test that writes a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table `{table}` has {expected} at column {index}, the row writer gave {given}")]
pub struct RowError {
    /// The table.
    pub table: &'static str,
    /// 0-based column.
    pub index: usize,
    /// What the table says.
    pub expected: String,
    /// What the writer gave.
    pub given: String,
}

/// One row being written, or several with much in common: each call gives the next column by name,
/// one value for all of them or, where the name is a plural, one for each.
pub struct Row<'a> {
    table: &'static Table,
    columns: &'a mut [ColumnChunk],
    rows: &'a mut usize,
    count: usize,
    next: usize,
    error: Option<RowError>,
}

impl<'a> Row<'a> {
    /// `count` rows, which are added to `rows` when they have ended.
    pub(super) fn new(
        table: &'static Table,
        columns: &'a mut [ColumnChunk],
        rows: &'a mut usize,
        count: usize,
    ) -> Self {
        Self { table, columns, rows, count, next: 0, error: None }
    }

    /// A text, which may be empty.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.give(name, Kind::Text, |column, count| column.text(value, count))
    }

    /// The same, one for each row.
    #[must_use]
    pub fn texts<'v>(self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        self.give(name, Kind::Text, |column, _| values.into_iter().for_each(|value| column.text(value, 1)))
    }

    /// A text for which empty means absent: NULL.
    #[must_use]
    pub fn text_or_null(self, name: &str, value: &str) -> Self {
        self.give(name, Kind::Text, |column, count| text_or_null(column, value, count))
    }

    /// The same, one for each row.
    #[must_use]
    pub fn texts_or_null<'v>(self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        self.give(name, Kind::Text, |column, _| {
            values.into_iter().for_each(|value| text_or_null(column, value, 1));
        })
    }

    /// An address or a prefix of each row.
    #[must_use]
    pub fn prefixes(self, name: &str, prefixes: impl IntoIterator<Item = Prefix>) -> Self {
        self.give(name, Kind::Text, |column, _| column.prefixes(prefixes.into_iter()))
    }

    /// A truth value.
    #[must_use]
    pub fn bool(self, name: &str, value: bool) -> Self {
        self.give(name, Kind::Bool, |column, count| column.truth(value, count))
    }

    /// A small integer.
    #[must_use]
    pub fn int32(self, name: &str, value: impl Into<i32>) -> Self {
        self.give(name, Kind::Int32, |column, count| column.integer(value.into().into(), count))
    }

    /// The same, one for each row.
    #[must_use]
    pub fn int32s<T: Into<i32>>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values = values.into_iter().map(|value| i64::from(value.into()));
        self.give(name, Kind::Int32, |column, count| column.integers(values, count))
    }

    /// An integer, or NULL.
    #[must_use]
    pub fn int64(self, name: &str, value: impl Into<Option<i64>>) -> Self {
        self.give(name, Kind::Int64, |column, count| integer_or_null(column, value.into(), count))
    }

    /// Integers, one for each row.
    #[must_use]
    pub fn int64s(self, name: &str, values: impl IntoIterator<Item = i64>) -> Self {
        self.give(name, Kind::Int64, |column, count| column.integers(values.into_iter(), count))
    }

    /// A count of bytes, packets or records; above 2^63-1 it stays at 2^63-1.
    #[must_use]
    pub fn count(self, name: &str, value: u64) -> Self {
        self.int64(name, i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// The same, one for each row.
    #[must_use]
    pub fn counts(self, name: &str, values: impl IntoIterator<Item = u64>) -> Self {
        self.int64s(name, values.into_iter().map(|value| i64::try_from(value).unwrap_or(i64::MAX)))
    }

    /// A float, or NULL.
    #[must_use]
    pub fn double(self, name: &str, value: impl Into<Option<f64>>) -> Self {
        self.give(name, Kind::Double, |column, count| match value.into() {
            Some(value) => column.double(value, count),
            None => column.nulls(count),
        })
    }

    /// A time, milliseconds since the Unix epoch, or NULL.
    #[must_use]
    pub fn timestamp_ms(self, name: &str, value: impl Into<Option<i64>>) -> Self {
        self.give(name, Kind::TimestampMs, |column, count| integer_or_null(column, value.into(), count))
    }

    /// Times, one for each row.
    #[must_use]
    pub fn timestamps_ms(self, name: &str, values: impl IntoIterator<Item = i64>) -> Self {
        self.give(name, Kind::TimestampMs, |column, count| column.integers(values.into_iter(), count))
    }

    /// A list of values as they print, of a single row.
    #[must_use]
    pub fn list<T: Display>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        self.give(name, Kind::TextList, |column, _| column.list(values.into_iter()))
    }

    /// Ends the row.
    ///
    /// # Errors
    /// The first column that was not the table's, or was not given.
    pub fn end(mut self) -> Result<(), RowError> {
        if self.error.is_none() && self.next < self.columns.len() {
            self.refuse_at(self.next, "nothing", "end of row");
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        *self.rows += self.count;
        Ok(())
    }

    /// Gives the next column its values, when it has this name and kind.
    #[inline]
    fn give(mut self, name: &str, kind: Kind, values: impl FnOnce(&mut ColumnChunk, usize)) -> Self {
        if self.error.is_some() {
            return self;
        }
        let index = self.next;
        match (self.table.columns.get(index), self.columns.get_mut(index)) {
            (Some(column), Some(_)) if column.name != name => self.refuse_at(index, name, "this name"),
            (Some(column), Some(_)) if column.kind != kind => self.refuse_at(index, name, kind.as_str()),
            (Some(_), Some(chunk)) => {
                values(chunk, self.count);
                self.next += 1;
            }
            _ => self.refuse_at(index, name, "this name"),
        }
        self
    }

    #[cold]
    fn refuse_at(&mut self, index: usize, name: &str, kind: &str) {
        let table = self.table;
        let expected = table.columns.get(index).map_or_else(
            || "no further column".to_owned(),
            |column| format!("`{}` ({})", column.name, column.kind.as_str()),
        );
        self.error =
            Some(RowError { table: table.name, index, expected, given: format!("`{name}` ({kind})") });
    }
}

fn text_or_null(column: &mut ColumnChunk, value: &str, count: usize) {
    if value.is_empty() { column.nulls(count) } else { column.text(value, count) }
}

fn integer_or_null(column: &mut ColumnChunk, value: Option<i64>, count: usize) {
    match value {
        Some(value) => column.integer(value, count),
        None => column.nulls(count),
    }
}
