//! Rows to columns through the table: a row that leaves out, adds, reorders or retypes a column
//! is an error, so what is written cannot drift from what is documented.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, RecordBatch,
    StringBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::table::{Kind, Table, list_element};

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

/// Room for a text when rows are expected: an id of AWS has 21 bytes.
const TEXT_BYTES: usize = 24;

enum Builder {
    Text(StringBuilder),
    Bool(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Double(Float64Builder),
    TimestampMs(TimestampMillisecondBuilder),
    TextList(ListBuilder<StringBuilder>),
}

impl Builder {
    fn new(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::with_capacity(rows, rows * TEXT_BYTES)),
            Kind::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            Kind::Int32 => Self::Int32(Int32Builder::with_capacity(rows)),
            Kind::Int64 => Self::Int64(Int64Builder::with_capacity(rows)),
            Kind::Double => Self::Double(Float64Builder::with_capacity(rows)),
            Kind::TimestampMs => {
                let builder = TimestampMillisecondBuilder::with_capacity(rows);
                Self::TimestampMs(builder.with_data_type(kind.data_type()))
            }
            Kind::TextList => {
                let texts = StringBuilder::with_capacity(rows, rows * TEXT_BYTES);
                Self::TextList(ListBuilder::with_capacity(texts, rows).with_field(list_element()))
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Int32(b) => Arc::new(b.finish()),
            Self::Int64(b) => Arc::new(b.finish()),
            Self::Double(b) => Arc::new(b.finish()),
            Self::TimestampMs(b) => Arc::new(b.finish()),
            Self::TextList(b) => Arc::new(b.finish()),
        }
    }
}

/// Rows of one table on their way into columns.
pub(super) struct Rows {
    table: &'static Table,
    schema: SchemaRef,
    builders: Vec<Builder>,
    len: usize,
}

impl Rows {
    pub(super) fn new(table: &'static Table) -> Self {
        // Room for no row: a day can have hundreds of partitions open at once, most of them small.
        let builders = table.columns.iter().map(|column| Builder::new(column.kind, 0)).collect();
        Self { table, schema: table.schema(), builders, len: 0 }
    }

    pub(super) fn table(&self) -> &'static Table {
        self.table
    }

    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Starts a row; it counts once `Row::end` was reached without error.
    pub(super) fn row(&mut self) -> Row<'_> {
        self.block(1)
    }

    /// Starts `count` rows that are written together, a column at a time.
    pub(super) fn block(&mut self, count: usize) -> Row<'_> {
        Row { rows: self, count, next: 0, error: None }
    }

    /// Empties the rows into a batch. Fails when a row ended in error or a NULL stands in a
    /// column that has none.
    pub(super) fn batch(&mut self) -> Result<RecordBatch, ArrowError> {
        self.len = 0;
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(self.schema(), columns)
    }

    /// The same, when as many rows are to follow.
    pub(super) fn batch_of_many(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = self.len;
        let batch = self.batch();
        let kinds = self.table.columns.iter().map(|column| column.kind);
        self.builders = kinds.map(|kind| Builder::new(kind, rows)).collect();
        batch
    }
}

/// One row being written, or several with much in common: each call gives the next column by name,
/// one value for all of them or, where the name is a plural, one for each.
pub struct Row<'a> {
    rows: &'a mut Rows,
    count: usize,
    next: usize,
    error: Option<RowError>,
}

/// A method per kind, each of which appends to its kind of builder only.
macro_rules! give {
    ($row:ident, $name:ident, $kind:ident, $builder:ident => $append:expr) => {{
        match $row.slot($name) {
            Some(Builder::$kind($builder)) => $append,
            Some(_) => $row.refuse($name, stringify!($kind)),
            None => {}
        }
        $row
    }};
}

impl Row<'_> {
    /// A text, which may be empty.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        let count = self.count;
        give!(self, name, Text, b => b.append_value_n(value, count))
    }

    /// The same, one for each row.
    #[must_use]
    pub fn texts<'v>(mut self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        give!(self, name, Text, b => values.into_iter().for_each(|value| b.append_value(value)))
    }

    /// A text for which empty means absent: NULL.
    #[must_use]
    pub fn text_or_null(mut self, name: &str, value: &str) -> Self {
        let count = self.count;
        give!(self, name, Text, b => {
            if value.is_empty() { b.append_nulls(count) } else { b.append_value_n(value, count) }
        })
    }

    /// The same, one for each row.
    #[must_use]
    pub fn texts_or_null<'v>(mut self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        give!(self, name, Text, b => values.into_iter().for_each(|value| {
            if value.is_empty() { b.append_null() } else { b.append_value(value) }
        }))
    }

    /// A value of each row as it prints, without a String in between.
    #[must_use]
    pub fn displays<T: Display>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        give!(self, name, Text, b => values.into_iter().for_each(|value| {
            write!(b, "{value}").expect("a string builder takes any text");
            b.append_value("");
        }))
    }

    /// A truth value.
    #[must_use]
    pub fn bool(mut self, name: &str, value: bool) -> Self {
        let count = self.count;
        give!(self, name, Bool, b => b.append_n(count, value))
    }

    /// A small integer.
    #[must_use]
    pub fn int32(mut self, name: &str, value: impl Into<i32>) -> Self {
        let (count, value) = (self.count, value.into());
        give!(self, name, Int32, b => b.append_value_n(value, count))
    }

    /// The same, one for each row.
    #[must_use]
    pub fn int32s<T: Into<i32>>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        give!(self, name, Int32, b => b.append_slice(&values.into_iter().map(Into::into).collect::<Vec<_>>()))
    }

    /// An integer, or NULL.
    #[must_use]
    pub fn int64(mut self, name: &str, value: impl Into<Option<i64>>) -> Self {
        let (count, value) = (self.count, value.into());
        give!(self, name, Int64, b => match value {
            Some(value) => b.append_value_n(value, count),
            None => b.append_nulls(count),
        })
    }

    /// Integers, one for each row.
    #[must_use]
    pub fn int64s(mut self, name: &str, values: impl IntoIterator<Item = i64>) -> Self {
        give!(self, name, Int64, b => b.append_slice(&values.into_iter().collect::<Vec<_>>()))
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
    pub fn double(mut self, name: &str, value: impl Into<Option<f64>>) -> Self {
        let (count, value) = (self.count, value.into());
        give!(self, name, Double, b => (0..count).for_each(|_| b.append_option(value)))
    }

    /// A time, milliseconds since the Unix epoch, or NULL.
    #[must_use]
    pub fn timestamp_ms(mut self, name: &str, value: impl Into<Option<i64>>) -> Self {
        let (count, value) = (self.count, value.into());
        give!(self, name, TimestampMs, b => match value {
            Some(value) => b.append_value_n(value, count),
            None => b.append_nulls(count),
        })
    }

    /// Times, one for each row.
    #[must_use]
    pub fn timestamps_ms(mut self, name: &str, values: impl IntoIterator<Item = i64>) -> Self {
        give!(self, name, TimestampMs, b => b.append_slice(&values.into_iter().collect::<Vec<_>>()))
    }

    /// A list of values as they print, of a single row.
    #[must_use]
    pub fn list<T: Display>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        give!(self, name, TextList, b => {
            for value in values {
                write!(b.values(), "{value}").expect("a string builder takes any text");
                b.values().append_value("");
            }
            b.append(true);
        })
    }

    /// Ends the row.
    ///
    /// # Errors
    /// The first column that was not the table's, or was not given.
    pub fn end(mut self) -> Result<(), RowError> {
        if self.error.is_none() && self.next < self.rows.builders.len() {
            self.refuse_at(self.next, "nothing", "end of row");
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        self.rows.len += self.count;
        Ok(())
    }

    /// The builder of the next column when it has this name.
    #[inline]
    fn slot(&mut self, name: &str) -> Option<&mut Builder> {
        if self.error.is_some() {
            return None;
        }
        let index = self.next;
        if self.rows.table.columns.get(index).is_none_or(|column| column.name != name) {
            self.refuse_at(index, name, "this name");
            return None;
        }
        self.next += 1;
        self.rows.builders.get_mut(index)
    }

    /// The column just taken has another kind.
    #[cold]
    fn refuse(&mut self, name: &str, kind: &str) {
        self.refuse_at(self.next - 1, name, kind);
    }

    #[cold]
    fn refuse_at(&mut self, index: usize, name: &str, kind: &str) {
        let table = self.rows.table;
        let expected = table.columns.get(index).map_or_else(
            || "no further column".to_owned(),
            |column| format!("`{}` ({})", column.name, column.kind.as_str()),
        );
        self.error =
            Some(RowError { table: table.name, index, expected, given: format!("`{name}` ({kind})") });
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::Column;
    use super::*;

    static TABLE: Table = Table {
        name: "test",
        partitions: &[],
        columns: &[
            Column::new("a", Kind::Text, "", "first"),
            Column::new("b", Kind::Int64, "bytes", "second"),
            Column::nullable("c", Kind::Text, "", "third"),
        ],
        doc: "A test.",
    };

    #[test]
    fn a_row_is_written_through_the_table() {
        let mut rows = Rows::new(&TABLE);
        rows.row().text("a", "x").count("b", u64::MAX).text_or_null("c", "").end().unwrap();
        rows.row().displays("a", [7]).count("b", 3).text_or_null("c", "z").end().unwrap();
        assert_eq!(rows.len(), 2);
        let batch = rows.batch().unwrap();
        assert_eq!(batch.schema(), TABLE.schema());
        let shown = format!("{batch:?}");
        assert!(shown.contains("9223372036854775807") && shown.contains("\"7\""), "{shown}");
        assert_eq!(batch.column(2).null_count(), 1);
        assert_eq!(rows.len(), 0);
    }

    #[test]
    fn a_missing_extra_moved_or_retyped_column_is_refused() {
        let refused = |error: RowError| (error.index, error.expected, error.given);
        let mut rows = Rows::new(&TABLE);
        let missing = rows.row().text("a", "").int64("b", 1).end().unwrap_err();
        assert_eq!(refused(missing).1, "`c` (text)");
        let mut rows = Rows::new(&TABLE);
        let extra = rows.row().text("a", "").int64("b", 1).text("c", "").text("d", "").end().unwrap_err();
        assert_eq!(refused(extra).1, "no further column");
        let mut rows = Rows::new(&TABLE);
        let moved = rows.row().int64("b", 1).text("a", "").text("c", "").end().unwrap_err();
        assert_eq!(refused(moved), (0, "`a` (text)".to_owned(), "`b` (this name)".to_owned()));
        let mut rows = Rows::new(&TABLE);
        let retyped = rows.row().text("a", "").text("b", "1").text("c", "").end().unwrap_err();
        assert_eq!(refused(retyped), (1, "`b` (int64)".to_owned(), "`b` (Text)".to_owned()));
    }
}
