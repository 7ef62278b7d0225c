//! Typed access to the columns of a file of ours. A file that is not what its table says is
//! damaged, which is an error with its path, never a panic.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
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
use super::file::FILE_NAME;

/// Rows decoded at once.
const READ_ROWS: usize = 8_192;

/// The batches of one file.
pub struct TableReader {
    path: Arc<PathBuf>,
    batches: ParquetRecordBatchReader,
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
        let path = dir.join(FILE_NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LakeError::io("read", &path)(error)),
        };
        let mut builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(LakeError::damaged(&path))?;
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
        let batches = builder.with_batch_size(READ_ROWS).build().map_err(LakeError::damaged(&path))?;
        Ok(Some(Self { path: Arc::new(path), batches }))
    }

    /// The file read.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Iterator for TableReader {
    type Item = Result<Columns, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        let batch = batch.map_err(LakeError::damaged(&self.path));
        Some(batch.map(|batch| Columns { path: Arc::clone(&self.path), batch }))
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
