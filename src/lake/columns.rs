//! Typed access to the columns of a file of ours. A file that is not what its table says is
//! damaged, which is an error with its path, never a panic.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowFilter,
};

use super::error::LakeError;
use super::file::{FILE_NAME, Staged};
use crate::limits::SNAPSHOT_ROWS_AT_ONCE;

/// Rows decoded at once.
const READ_ROWS: usize = 8_192;
/// Columns of which a row can hold as much as thousands of rows of others.
const LARGE: [&str; 2] = ["state", "json"];
/// Rows decoded at once where those are read: Arrow's offsets end at 2 GiB.
const READ_LARGE_ROWS: usize = SNAPSHOT_ROWS_AT_ONCE;

/// The batches of one file.
pub struct TableReader {
    path: Arc<PathBuf>,
    /// `None` when a part could not be read.
    batches: Option<ParquetRecordBatchReader>,
}

impl TableReader {
    /// Opens the file of a partition directory; `None` when there is none. `only` names the
    /// columns to read, all when empty.
    pub(super) fn open(dir: &Path, only: &[&str]) -> Result<Option<Self>, LakeError> {
        Self::open_of(dir, only, None)
    }

    /// The same; only the rows of these ENIs when they are given. Other rows cost no more than
    /// their ENI column. A NULL is the ENI of no name.
    pub(super) fn open_of(
        dir: &Path,
        only: &[&str],
        enis: Option<&Arc<BTreeSet<Arc<str>>>>,
    ) -> Result<Option<Self>, LakeError> {
        Self::open_file(dir.join(FILE_NAME), only, enis)
    }

    /// The same of a file that is complete and not in its place yet.
    pub(super) fn open_staged(staged: &Staged, only: &[&str]) -> Result<Option<Self>, LakeError> {
        Self::open_file(staged.made_at().to_owned(), only, None)
    }

    fn open_file(
        path: PathBuf,
        only: &[&str],
        enis: Option<&Arc<BTreeSet<Arc<str>>>>,
    ) -> Result<Option<Self>, LakeError> {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LakeError::io("read", &path)(error)),
        };
        let batches = undisturbed(&path, || {
            let mut builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
            if !only.is_empty() {
                let mask = ProjectionMask::columns(builder.parquet_schema(), only.iter().copied());
                builder = builder.with_projection(mask);
            }
            if let Some(enis) = enis {
                let mask = ProjectionMask::columns(builder.parquet_schema(), ["eni"]);
                let enis = Arc::clone(enis);
                let wanted = ArrowPredicateFn::new(mask, move |batch| rows_of(&batch, &enis));
                builder = builder.with_row_filter(RowFilter::new(vec![Box::new(wanted)]));
            }
            let is_read = |name: &&str| only.is_empty() || only.contains(name);
            let is_large = LARGE
                .iter()
                .filter(|name| is_read(name))
                .any(|name| builder.schema().column_with_name(name).is_some());
            builder.with_batch_size(if is_large { READ_LARGE_ROWS } else { READ_ROWS }).build()
        })?;
        Ok(Some(Self { path: Arc::new(path), batches: Some(batches) }))
    }

    /// The file read.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Iterator for TableReader {
    type Item = Result<Columns, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batches = self.batches.as_mut()?;
        let batch = undisturbed(&self.path, || batches.next().transpose()).transpose()?;
        if batch.is_err() {
            self.batches = None;
        }
        Some(batch.map(|batch| Columns { path: Arc::clone(&self.path), batch }))
    }
}

/// What the decoder gives. It takes some damage for its own mistake, and panics.
fn undisturbed<T, E: Display>(path: &Path, decode: impl FnOnce() -> Result<T, E>) -> Result<T, LakeError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(LakeError::damaged(path)),
        Err(_) => Err(LakeError::damaged(path)("it cannot be decoded")),
    }
}

/// Some rows of one file, by column.
#[derive(Clone)]
pub struct Columns {
    path: Arc<PathBuf>,
    batch: RecordBatch,
}

macro_rules! column {
    ($(#[$doc:meta])* $name:ident, $array:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// When the file has no such column of this type.
        pub fn $name(&self, name: &str) -> Result<$array, LakeError> {
            self.column::<$array>(name)
        }
    };
}

impl Columns {
    /// Rows held.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    column!(/** A `Kind::Text` column. */ text, StringArray);
    column!(/** A `Kind::Bool` column. */ bool, BooleanArray);
    column!(/** A `Kind::Int32` column. */ int32, Int32Array);
    column!(/** A `Kind::Int64` column. */ int64, Int64Array);
    column!(/** A `Kind::Double` column. */ double, Float64Array);
    column!(/** A `Kind::TimestampMs` column, milliseconds since the Unix epoch. */ timestamp_ms, TimestampMillisecondArray);
    column!(/** A `Kind::TextList` column. */ list, ListArray);

    fn column<T: Array + Clone + 'static>(&self, name: &str) -> Result<T, LakeError> {
        let found = self.batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<T>());
        found.cloned().ok_or_else(|| self.damaged(format!("column `{name}` is missing or of another type")))
    }

    /// An error about this file.
    pub(crate) fn damaged(&self, detail: impl Into<String>) -> LakeError {
        LakeError::Damaged { path: (*self.path).clone(), detail: detail.into() }
    }
}

/// Which rows of a batch, of which only the ENI column was read, belong to one of `enis`.
fn rows_of(batch: &RecordBatch, enis: &BTreeSet<Arc<str>>) -> Result<BooleanArray, ArrowError> {
    let column = batch.columns().first().and_then(|column| column.as_any().downcast_ref::<StringArray>());
    let column = column.ok_or_else(|| ArrowError::SchemaError("there is no text column `eni`".to_owned()))?;
    Ok(column.iter().map(|eni| Some(enis.contains(eni.unwrap_or_default()))).collect())
}

/// The text of a row, empty for NULL.
pub(super) fn text_or_empty(column: &StringArray, row: usize) -> &str {
    if column.is_null(row) { "" } else { column.value(row) }
}
