//! One column of a row group: the page in hand, those before it, compressed as they came, and the
//! dictionary that comes before them all. Source of the layout: Apache Parquet, `parquet.thrift`
//! (version 1 data pages).

use std::fmt::Display;
use std::ops::Range;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::levels::Presence;
use super::press::{LEVEL, Press};
use super::values::Values;
use crate::net::Prefix;

/// Longer texts are no help to a reader that looks for one: the range is left out.
const RANGE_TEXT_BYTES_MAX: usize = 64;

/// A column of the row group in hand.
pub(in super::super) struct ColumnChunk {
    column: ColumnDescPtr,
    /// Of the page in hand.
    presence: Presence,
    values: Values,
    /// Of the pages before it.
    pages: Vec<CompressedPage>,
    rows: usize,
    /// As `levels::Levels` counts.
    levels: usize,
    nulls: usize,
    /// The least and the greatest of integers that have no dictionary.
    range: Option<(i64, i64)>,
}

impl ColumnChunk {
    /// An empty one; of values that hardly repeat there is no dictionary.
    pub(super) fn new(column: ColumnDescPtr, is_varied: bool) -> Self {
        let (presence, values) = (Presence::new(&column), Values::new(&column, is_varied));
        Self { column, presence, values, pages: Vec::new(), rows: 0, levels: 0, nulls: 0, range: None }
    }

    /// Several rows without a value. A column that has one in each row then lacks them at the page's end.
    pub(in super::super) fn nulls(&mut self, count: usize) {
        self.presence.nulls(count);
    }

    /// A text of several rows.
    pub(in super::super) fn text(&mut self, value: &str, count: usize) {
        self.values.text(value, count, self.presence.rows());
        self.presence.values(count);
    }

    /// A prefix of each row, as it prints.
    pub(in super::super) fn prefixes(&mut self, prefixes: impl Iterator<Item = Prefix>) {
        for prefix in prefixes {
            self.values.prefix(prefix, self.presence.rows());
            self.presence.values(1);
        }
    }

    /// An integer or a time of several rows.
    pub(in super::super) fn integer(&mut self, value: i64, count: usize) {
        self.values.integer(value, count);
        self.presence.values(count);
    }

    /// An integer or a time of each of `count` rows.
    pub(in super::super) fn integers(&mut self, values: impl Iterator<Item = i64>, count: usize) {
        self.values.integers(values);
        self.presence.values(count);
    }

    /// A float of several rows.
    pub(in super::super) fn double(&mut self, value: f64, count: usize) {
        self.values.double(value, count);
        self.presence.values(count);
    }

    /// A truth of several rows.
    pub(in super::super) fn truth(&mut self, value: bool, count: usize) {
        self.values.truth(value, count);
        self.presence.values(count);
    }

    /// The items of one row, as they print.
    pub(in super::super) fn list<T: Display>(&mut self, items: impl Iterator<Item = T>) {
        let mut length = 0;
        for item in items {
            self.values.text(&item.to_string(), 1, 0);
            length += 1;
        }
        self.presence.list(length);
    }

    /// Ends the page in hand, of so many rows; of long texts they can be several. Fails when it was not
    /// given a value, or NULL where there can be one, for each row.
    pub(super) fn end_page(&mut self, rows: usize, press: &mut Press) -> Result<()> {
        let have = self.presence.rows();
        let mut present = 0;
        match &self.values {
            Values::LongTexts(texts) => {
                let mut from = (0, 0);
                let last = (have, texts.bytes.len());
                let cuts: Vec<_> =
                    texts.cuts.iter().copied().filter(|cut| cut.0 < have).chain([last]).collect();
                for to in cuts {
                    present += self.page(from.0..to.0, from.1..to.1, press)?;
                    from = to;
                }
            }
            _ => present = self.page(0..have, 0..0, press)?,
        }
        let values = self.values.len();
        if have != rows || present != values {
            let name = self.column.path().string();
            let text =
                format!("column `{name}` was given {have} of {rows} rows, and {values} of {present} values");
            return Err(ParquetError::General(text));
        }
        self.presence.clear();
        self.values.clear();
        Ok(())
    }

    /// Makes a page of some rows, whose long texts, if they are such, are so many bytes. Gives how many of
    /// the rows' values there should be.
    fn page(&mut self, rows: Range<usize>, text: Range<usize>, press: &mut Press) -> Result<usize> {
        let (out, deepest) = (&mut press.text, self.column.max_def_level().unsigned_abs().into());
        out.clear();
        let levels = self.presence.encode(rows.clone(), deepest, &mut press.numbers, out);
        let encoding = self.values.encode(text, self.column.physical_type(), out);
        if let Values::Plain(values) = &self.values {
            let all = || values.iter().copied().chain(self.range.into_iter().flat_map(<[i64; 2]>::from));
            self.range = all().min().zip(all().max());
        }
        self.rows += rows.len();
        self.levels += levels.count;
        self.nulls += levels.count - levels.values;
        let page = Page::DataPage {
            buf: press.press(self.values.level())?,
            num_values: levels.count as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        self.pages.push(CompressedPage::new(page, press.text.len()));
        Ok(levels.values)
    }

    /// Ends the row group: the column as it stands in the file, and what the footer says of it.
    pub(super) fn close(self, press: &mut Press) -> Result<(Bytes, ColumnCloseResult)> {
        let dictionary = self.dictionary(press)?;
        let mut encodings = vec![Encoding::PLAIN, Encoding::RLE];
        if dictionary.is_some() {
            encodings.push(Encoding::RLE_DICTIONARY);
        }
        let statistics = self.statistics();
        // Only where these say that no page is without it do engines look for a value in the dictionary.
        let mut kinds: Vec<PageEncodingStats> = Vec::new();
        let mut out = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut out);
        let (mut data_offset, mut bytes, mut text_bytes) = (0, 0, 0);
        let has_dictionary = dictionary.is_some();
        for page in dictionary.into_iter().chain(self.pages) {
            let (page_type, encoding) = (page.page_type(), page.encoding());
            match kinds.last_mut().filter(|last| (last.page_type, last.encoding) == (page_type, encoding)) {
                Some(last) => last.count += 1,
                None => kinds.push(PageEncodingStats { page_type, encoding, count: 1 }),
            }
            let written = writer.write_page(page)?;
            bytes += written.bytes_written;
            text_bytes += written.uncompressed_size;
            if page_type == PageType::DICTIONARY_PAGE {
                data_offset = bytes;
            }
        }
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_encodings(encodings)
            .set_page_encoding_stats(kinds)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_num_values(self.levels as i64)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size(text_bytes as i64)
            .set_dictionary_page_offset(has_dictionary.then_some(0))
            .set_data_page_offset(data_offset as i64)
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((out.into_inner()?.into(), close))
    }

    fn dictionary(&self, press: &mut Press) -> Result<Option<CompressedPage>> {
        press.text.clear();
        let count = match &self.values {
            Values::Texts(texts, _) => {
                press.text.extend_from_slice(texts.page());
                texts.len()
            }
            Values::Integers(integers, _) => {
                let bytes = if self.column.physical_type() == Type::INT32 { 4 } else { 8 };
                let values = integers.values().iter();
                values.for_each(|value| press.text.extend_from_slice(&value.to_le_bytes()[..bytes]));
                integers.len()
            }
            _ => return Ok(None),
        };
        let page = Page::DictionaryPage {
            buf: press.press(LEVEL)?,
            num_values: count as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        Ok(Some(CompressedPage::new(page, press.text.len())))
    }

    /// What a reader can rule out the row group by.
    fn statistics(&self) -> Statistics {
        let nulls = Some(self.nulls as u64);
        let integers = match &self.values {
            Values::Integers(all, _) => {
                all.values().iter().min().copied().zip(all.values().iter().max().copied())
            }
            _ => self.range,
        };
        let (min, max) = (integers.map(|range| range.0), integers.map(|range| range.1));
        match self.column.physical_type() {
            Type::BOOLEAN => Statistics::boolean(None, None, None, nulls, false),
            Type::DOUBLE => Statistics::double(None, None, None, nulls, false),
            Type::INT32 => {
                Statistics::int32(min.map(|min| min as i32), max.map(|max| max as i32), None, nulls, false)
            }
            Type::INT64 => Statistics::int64(min, max, None, nulls, false),
            _ => {
                let range = if let Values::Texts(texts, _) = &self.values { texts.range() } else { None };
                let short = range.filter(|(min, max)| min.len().max(max.len()) <= RANGE_TEXT_BYTES_MAX);
                let text = |text: &[u8]| ByteArray::from(text.to_vec());
                let (min, max) = (short.map(|range| text(range.0)), short.map(|range| text(range.1)));
                Statistics::byte_array(min, max, None, nulls, false)
            }
        }
    }
}
