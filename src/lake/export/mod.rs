//! Roll-ups of a lake that people hand around: one row per ENI, per destination or per incident.
//! Each is a table like those of the lake, so that its documentation and its columns are one.

mod destination;
mod eni;
mod incident;

use std::path::Path;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::encode::Encoder;
use super::error::LakeError;
use super::reader::Lake;
use super::table::Table;
use crate::baseline::destination::NamedPrefixes;
use crate::net::InternalNetworks;
use crate::window::{Day, Hour};
pub use destination::DESTINATION_SUMMARY;
pub use eni::ENI_SUMMARY;
pub use incident::INCIDENT_SUMMARY;

/// Every roll-up.
pub static EXPORTS: [&Table; 3] = [&ENI_SUMMARY, &DESTINATION_SUMMARY, &INCIDENT_SUMMARY];

/// What is rolled up by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// One row per ENI.
    Eni,
    /// One row per destination and account.
    Destination,
    /// One row per incident.
    Incident,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct ExportScope<'a> {
    /// First event second that counts, Unix seconds, rounded down to its hour; `None`: from the start.
    pub from: Option<i64>,
    /// First event second that no longer counts, Unix seconds; `None`: to the end.
    pub to: Option<i64>,
    /// What is inside.
    pub internal: &'a InternalNetworks,
    /// Prefixes with the operator's names.
    pub named: &'a NamedPrefixes,
}

impl ExportScope<'_> {
    fn has_hour(&self, hour: Hour) -> bool {
        let start = hour.start_second();
        self.from.is_none_or(|from| hour.end_second() > from) && self.to.is_none_or(|to| start < to)
    }

    fn has_day(&self, day: Day) -> bool {
        let (start, end) = (day.first_hour().start_second(), Day(day.0 + 1).first_hour().start_second());
        self.from.is_none_or(|from| end > from) && self.to.is_none_or(|to| start < to)
    }
}

/// The value of a cell, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Absent.
    Null,
    /// A number, a truth value or a time of ours: harmless anywhere.
    Value(String),
    /// A text that may come from logs.
    Text(String),
}

/// A roll-up, ready to be written.
#[derive(Debug)]
pub struct Export {
    table: &'static Table,
    parquet: Bytes,
    /// What was read back of it.
    batches: Vec<RecordBatch>,
}

impl Export {
    /// Reads the lake and rolls it up.
    ///
    /// # Errors
    /// When the lake cannot be read, or holds more destinations than are kept apart.
    pub fn of(lake: &Lake, summary: Summary, scope: &ExportScope<'_>) -> Result<Self, LakeError> {
        let (table, parquet) = match summary {
            Summary::Eni => (&ENI_SUMMARY, eni::rows(lake, scope)?),
            Summary::Destination => (&DESTINATION_SUMMARY, destination::rows(lake, scope)?),
            Summary::Incident => (&INCIDENT_SUMMARY, incident::rows(lake, scope)?),
        };
        let parquet = Bytes::from(parquet);
        let path = Path::new(table.name);
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(parquet.clone()).map_err(LakeError::encode(path))?;
        let batches = reader.build().map_err(LakeError::encode(path))?.collect::<Result<_, _>>();
        let batches = batches.map_err(LakeError::encode(path))?;
        Ok(Self { table, parquet, batches })
    }

    /// Its columns.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The roll-up as one Parquet file, with unit and meaning of each column in it.
    pub fn parquet(&self) -> &[u8] {
        &self.parquet
    }

    /// The cells of each row.
    pub fn rows(&self) -> impl Iterator<Item = Vec<Cell>> {
        let of_batch = |batch: &RecordBatch| {
            let columns = batch.columns().to_vec();
            (0..batch.num_rows()).map(move |row| columns.iter().map(|column| cell(column, row)).collect())
        };
        self.batches.iter().flat_map(of_batch)
    }
}

/// The cell of a column of a table, so of one of its seven types.
fn cell(column: &ArrayRef, row: usize) -> Cell {
    let any = column.as_any();
    if column.is_null(row) {
        Cell::Null
    } else if let Some(texts) = any.downcast_ref::<StringArray>() {
        Cell::Text(texts.value(row).to_owned())
    } else if let Some(lists) = any.downcast_ref::<ListArray>() {
        let items = lists.value(row);
        let items = items.as_any().downcast_ref::<StringArray>();
        Cell::Text(items.into_iter().flatten().flatten().collect::<Vec<_>>().join(", "))
    } else if let Some(times) = any.downcast_ref::<TimestampMillisecondArray>() {
        Cell::Value(jiff::Timestamp::from_millisecond(times.value(row)).unwrap_or_default().to_string())
    } else if let Some(numbers) = any.downcast_ref::<Int64Array>() {
        Cell::Value(numbers.value(row).to_string())
    } else if let Some(numbers) = any.downcast_ref::<Int32Array>() {
        Cell::Value(numbers.value(row).to_string())
    } else if let Some(numbers) = any.downcast_ref::<Float64Array>() {
        Cell::Value(numbers.value(row).to_string())
    } else {
        let truths = any.downcast_ref::<BooleanArray>();
        truths.map_or(Cell::Null, |truths| Cell::Value(truths.value(row).to_string()))
    }
}

/// The alerts of the days looked at that began in the hours looked at.
fn alerts(lake: &Lake, scope: &ExportScope<'_>) -> Result<Vec<crate::alert::Alert>, LakeError> {
    // An alert is kept under the day on which it was told, which is never before it began.
    let first = scope.from.and_then(|from| u32::try_from(from.div_euclid(86_400)).ok()).unwrap_or_default();
    let mut found = lake.read_alerts(Day(first)..=Day(u32::MAX))?;
    found.retain(|alert| {
        let start: Result<jiff::Timestamp, _> = alert.window_start.parse();
        start.is_ok_and(|start| scope.has_hour(Hour::of_second(start.as_second())))
    });
    Ok(found)
}

/// Calls `each` with every closed hour looked at.
fn hours(
    lake: &Lake,
    scope: &ExportScope<'_>,
    mut each: impl FnMut(&crate::window::EniHour) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    for partition in lake.partitions(&super::COVERAGE)?.iter().filter(|p| scope.has_day(p.day)) {
        for hour in lake.read_hours(partition)? {
            let hour = hour?;
            if scope.has_hour(hour.hour) {
                each(&hour)?;
            }
        }
    }
    Ok(())
}

/// A table as a Parquet file, filled by `fill`, one call a value.
fn filled<T>(
    table: &'static Table,
    values: impl IntoIterator<Item = T>,
    fill: impl Fn(super::Row<'_>, T) -> Result<(), super::RowError>,
) -> Result<Vec<u8>, LakeError> {
    let path = Path::new(table.name);
    let mut writer = Encoder::new(table, Vec::new()).map_err(LakeError::encode(path))?;
    for value in values {
        fill(writer.rows(1), value)?;
        writer.end_full_page().map_err(LakeError::encode(path))?;
    }
    writer.finish().map_err(LakeError::encode(path))
}
