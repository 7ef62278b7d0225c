//! Batches of rows to a Parquet file.
//!
//! The Arrow writer of `parquet` hashes every cell, starts a compressor for each column and keeps
//! indexes that no reader of ours asks for; most columns of a lake are one value for many rows. So
//! pages are made here: values that repeat are numbered (`dictionary`), numbers and levels packed
//! (`hybrid`, `levels`), a page compressed (`press`). The file around them (headers, row groups,
//! footer, schema) is that of `parquet`, and so are the types, encodings and codec, which are
//! those that every reader knows. Same rows, same bytes.

mod column;
mod dictionary;
mod hybrid;
mod levels;
mod press;

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::Result;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;

use self::column::ColumnChunk;
use self::press::Press;
use super::table::Table;

/// Names the writer in the footer; raised only when the layout changes, so that a new release
/// writes the same bytes.
pub(super) const CREATED_BY: &str = "outflow version 2.0.0 (build lake)";
/// Rows per row group: some MB, so that hundreds of partitions can be open and Athena still
/// reads large pieces.
const ROW_GROUP_ROWS: usize = 65_536;
/// Rows of a page, and so of a batch that is handed over.
pub(super) const BATCH_ROWS: usize = 8_192;

/// Writes one file of one table.
pub(super) struct Encoder<W: Write + Send> {
    table: &'static Table,
    writer: SerializedFileWriter<W>,
    columns: Vec<ColumnChunk>,
    /// In the row group in hand.
    rows: usize,
}

impl<W: Write + Send> Encoder<W> {
    /// Begins a file.
    pub(super) fn new(table: &'static Table, out: W) -> Result<Self> {
        let schema = table.schema();
        let mut properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .build();
        let types = ArrowSchemaConverter::new().convert(&schema)?;
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let writer = SerializedFileWriter::new(out, types.root_schema_ptr(), Arc::new(properties))?;
        let columns = chunks(table, &writer);
        Ok(Self { table, writer, columns, rows: 0 })
    }

    /// Adds rows as one page of each column: at most [`BATCH_ROWS`].
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        Press::with(|press| {
            for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
                column.add(array, press)?;
            }
            self.rows += batch.num_rows();
            if self.rows >= ROW_GROUP_ROWS { self.end_group(press) } else { Ok(()) }
        })
    }

    fn end_group(&mut self, press: &mut Press) -> Result<()> {
        let empty = chunks(self.table, &self.writer);
        let columns = std::mem::replace(&mut self.columns, empty);
        let mut group = self.writer.next_row_group()?;
        for column in columns {
            let (bytes, close) = column.close(press)?;
            group.append_column(&bytes, close)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<W> {
        if self.rows > 0 {
            Press::with(|press| self.end_group(press))?;
        }
        self.writer.into_inner()
    }
}

/// The columns of a row group, empty. A table's columns are leaves, and in the same order.
fn chunks<W: Write + Send>(table: &Table, writer: &SerializedFileWriter<W>) -> Vec<ColumnChunk> {
    let leaves = writer.schema_descr().columns().iter().zip(table.columns);
    leaves.map(|(leaf, column)| ColumnChunk::new(Arc::clone(leaf), column.is_varied)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rows::Rows;
    use super::super::table::{Column, Kind};
    use super::*;
    use arrow::array::ArrayRef;
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::metadata::RowGroupMetaData;
    use parquet::file::statistics::Statistics;

    static TABLE: Table = Table {
        name: "all",
        partitions: &[],
        columns: &[
            Column::nullable("text", Kind::Text, "", "texts that repeat"),
            Column::nullable("long", Kind::Text, "", "texts that do not").varied(),
            Column::nullable("truth", Kind::Bool, "", "truths"),
            Column::new("small", Kind::Int32, "", "small numbers"),
            Column::nullable("number", Kind::Int64, "", "numbers"),
            Column::nullable("plain", Kind::Int64, "", "numbers that do not repeat").varied(),
            Column::nullable("double", Kind::Double, "", "doubles"),
            Column::nullable("time", Kind::TimestampMs, "", "times"),
            Column::new("texts", Kind::TextList, "", "lists"),
        ],
        doc: "One column of each kind.",
    };

    /// Rows with NULLs here and there, runs, and lists of none to three texts.
    fn rows(count: i64, long: &str) -> Rows {
        let mut rows = Rows::new(&TABLE);
        for n in 0..count {
            let or_null = |every: i64| (n % every != 0).then_some(n - 5);
            rows.row()
                .text_or_null("text", if n % 7 == 0 { "" } else { ["x", "yy"][(n / 100 % 2) as usize] })
                .text_or_null("long", &if n % 5 == 0 { String::new() } else { format!("{n}{long}") })
                .bool("truth", n % 3 == 0)
                .int32("small", (n / 10) as i32 - 3)
                .int64("number", or_null(4).map(|n| n % 100))
                .int64("plain", or_null(6))
                .double("double", or_null(9).map(|n| n as f64 / 3.0))
                .timestamp_ms("time", or_null(1000).map(|n| n / 50))
                .list("texts", (0..n % 4).map(|item| item * n % 10))
                .end()
                .unwrap();
        }
        rows
    }

    fn file(batches: &[RecordBatch]) -> Bytes {
        let mut encoder = Encoder::new(&TABLE, Vec::new()).unwrap();
        batches.iter().for_each(|batch| encoder.write(batch).unwrap());
        encoder.finish().unwrap().into()
    }

    /// The columns of each batch; what is said of the table stays with the file.
    fn read(file: &Bytes) -> Vec<Vec<ArrayRef>> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        let batches = reader.with_batch_size(BATCH_ROWS).build().unwrap();
        batches.map(|batch| batch.unwrap().columns().to_vec()).collect()
    }

    #[test]
    fn every_kind_reads_back_over_pages_and_row_groups() {
        let whole = rows(70_000, "").batch().unwrap();
        let batches: Vec<RecordBatch> = (0..70_000_usize)
            .step_by(BATCH_ROWS)
            .map(|from| whole.slice(from, BATCH_ROWS.min(70_000 - from)))
            .collect();
        let file = file(&batches);
        assert!(read(&file).iter().eq(batches.iter().map(RecordBatch::columns)));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        assert_eq!(builder.schema(), &TABLE.schema(), "units and meanings are in the file");
        let groups = builder.metadata().row_groups();
        assert_eq!(groups.iter().map(RowGroupMetaData::num_rows).collect::<Vec<_>>(), [65_536, 4_464]);
        let number = groups[0].column(5).statistics().unwrap();
        assert_eq!(number.null_count_opt(), Some(10_923));
        assert!(matches!(number, Statistics::Int64(range)
            if (range.min_opt(), range.max_opt()) == (Some(&-4), Some(&65_530))));
        let text = groups[0].column(0).statistics().unwrap();
        assert_eq!(
            (text.min_bytes_opt(), text.max_bytes_opt()),
            (Some(b"x".as_slice()), Some(b"yy".as_slice()))
        );
    }

    #[test]
    fn files_of_few_rows_or_none_read_back() {
        for count in [0, 1, 2, 9] {
            let batch = rows(count, "").batch().unwrap();
            let read = read(&file(std::slice::from_ref(&batch)));
            assert_eq!(read.len(), usize::from(count > 0));
            assert!(read.iter().all(|columns| columns == batch.columns()));
        }
    }

    #[test]
    fn long_texts_are_cut_into_pages() {
        let batch = rows(100, &"x".repeat(200_000)).batch().unwrap();
        let file = file(std::slice::from_ref(&batch));
        assert_eq!(read(&file), [batch.columns()]);
    }
}
