//! Rows to a Parquet file.
//!
//! The Arrow writer of `parquet` hashes every cell, starts a compressor for each column and keeps
//! indexes that no reader of ours asks for; most columns of a lake are one value for many rows. So
//! pages are made here, and a cell stands from the start as its page will hold it (`values`): values that
//! repeat are numbered (`dictionary`), numbers and levels packed (`hybrid`, `levels`), a page compressed
//! (`press`). The file around them (headers, row groups,
//! footer, schema) is that of `parquet`, and so are the types, encodings and codec, which are
//! those that every reader knows. Same rows, same bytes.

mod column;
mod dictionary;
mod hybrid;
mod levels;
mod press;
mod values;

use std::io::Write;
use std::sync::Arc;

use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::Result;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;

pub(super) use self::column::ColumnChunk;
use self::press::Press;
use super::rows::Row;
use super::table::Table;

/// Names the writer in the footer; raised only when the layout changes, so that a new release
/// writes the same bytes.
pub(super) const CREATED_BY: &str = "outflow version 2.1.0 (build lake)";
/// Rows per row group: some MB, so that hundreds of partitions can be open and Athena still
/// reads large pieces.
const ROW_GROUP_ROWS: usize = 65_536;
/// Rows of a page.
const PAGE_ROWS: usize = 8_192;

/// Writes one file of one table.
pub(super) struct Encoder<W: Write + Send> {
    table: &'static Table,
    writer: SerializedFileWriter<W>,
    columns: Vec<ColumnChunk>,
    /// Of the page in hand.
    page_rows: usize,
    /// Of the row group in hand, in pages before it.
    group_rows: usize,
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
        Ok(Self { table, writer, columns, page_rows: 0, group_rows: 0 })
    }

    pub(super) fn table(&self) -> &'static Table {
        self.table
    }

    /// Starts `count` rows that are written together, a column at a time; at most [`Self::room`]. After
    /// an error the file is of no use.
    pub(super) fn rows(&mut self, count: usize) -> Row<'_> {
        Row::new(self.table, &mut self.columns, &mut self.page_rows, count)
    }

    /// Rows that the page in hand has room for.
    pub(super) fn room(&self) -> usize {
        PAGE_ROWS.saturating_sub(self.page_rows)
    }

    /// Ends the page in hand when it is full.
    pub(super) fn end_full_page(&mut self) -> Result<()> {
        if self.room() == 0 { self.end_page() } else { Ok(()) }
    }

    /// Ends the page in hand, if it has rows. Where this is called is part of the layout.
    pub(super) fn end_page(&mut self) -> Result<()> {
        if self.page_rows == 0 {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.page_rows);
        self.group_rows += rows;
        Press::with(|press| {
            self.columns.iter_mut().try_for_each(|column| column.end_page(rows, press))?;
            if self.group_rows >= ROW_GROUP_ROWS { self.end_group(press) } else { Ok(()) }
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
        self.group_rows = 0;
        Ok(())
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<W> {
        self.end_page()?;
        if self.group_rows > 0 {
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
mod tests;
