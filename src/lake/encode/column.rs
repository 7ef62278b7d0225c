//! One column of a row group: its pages, compressed as they come, and the dictionary that comes
//! before them. Source of the layout: Apache Parquet, `parquet.thrift` (version 1 data pages).

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{Integers, Texts};
use super::press::{LEVEL, PLAIN_NUMBERS_LEVEL, Press};
use super::{hybrid, levels};

/// Bytes of texts at which a page ends, unless one of them is longer.
const PAGE_TEXT_BYTES: usize = 1 << 20;
/// Longer texts are no help to a reader that looks for one: the range is left out.
const RANGE_TEXT_BYTES_MAX: usize = 64;

/// A column of the row group in hand.
pub(super) struct ColumnChunk {
    column: ColumnDescPtr,
    values: Values,
    pages: Vec<CompressedPage>,
    rows: usize,
    /// As `levels::Levels` counts.
    levels: usize,
    nulls: usize,
}

/// How values are stored.
enum Values {
    /// Texts by their number in a dictionary.
    Texts(Texts),
    /// Integers and times likewise.
    Integers(Integers),
    /// As they are; of 64-bit integers and times with the least and the greatest.
    Plain(Option<(i64, i64)>),
}

impl Values {
    fn new(column: &ColumnDescPtr, is_varied: bool) -> Self {
        match column.physical_type() {
            _ if is_varied => Self::Plain(None),
            Type::BYTE_ARRAY => Self::Texts(Texts::default()),
            Type::INT32 | Type::INT64 => Self::Integers(Integers::default()),
            _ => Self::Plain(None),
        }
    }
}

impl ColumnChunk {
    /// An empty one; of values that hardly repeat there is no dictionary.
    pub(super) fn new(column: ColumnDescPtr, is_varied: bool) -> Self {
        let values = Values::new(&column, is_varied);
        Self { column, values, pages: Vec::new(), rows: 0, levels: 0, nulls: 0 }
    }

    /// Takes the values of some rows.
    pub(super) fn add(&mut self, array: &ArrayRef, press: &mut Press) -> Result<()> {
        let lengths = match (&self.values, array.as_string_opt::<i32>()) {
            (Values::Plain(_), Some(texts)) => page_lengths(texts),
            _ => vec![array.len()],
        };
        let mut from = 0;
        for length in lengths {
            self.page(&array.slice(from, length), press)?;
            from += length;
        }
        Ok(())
    }

    fn page(&mut self, array: &ArrayRef, press: &mut Press) -> Result<()> {
        press.text.clear();
        let levels = levels::encode(array, self.column.max_def_level(), &mut press.numbers, &mut press.text);
        let encoding = match &mut self.values {
            Values::Plain(range) => {
                plain(array, range, &mut press.text);
                Encoding::PLAIN
            }
            values => {
                press.numbers.clear();
                let count = numbered(array, values, &mut press.numbers);
                let bits = usize::BITS - count.saturating_sub(1).leading_zeros();
                press.text.push(bits as u8);
                hybrid::encode(&press.numbers, bits, &mut press.text);
                Encoding::RLE_DICTIONARY
            }
        };
        self.rows += array.len();
        self.levels += levels.count;
        self.nulls += levels.count - levels.values;
        let are_plain_numbers = encoding == Encoding::PLAIN && *array.data_type() != DataType::Utf8;
        let page = Page::DataPage {
            buf: press.press(if are_plain_numbers { PLAIN_NUMBERS_LEVEL } else { LEVEL })?,
            num_values: levels.count as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        self.pages.push(CompressedPage::new(page, press.text.len()));
        Ok(())
    }

    /// Ends the row group: the column as it stands in the file, and what the footer says of it.
    pub(super) fn close(self, press: &mut Press) -> Result<(Bytes, ColumnCloseResult)> {
        let dictionary = self.dictionary(press)?;
        let mut encodings = vec![Encoding::PLAIN, Encoding::RLE];
        if dictionary.is_some() {
            encodings.push(Encoding::RLE_DICTIONARY);
        }
        let statistics = self.statistics();
        let mut out = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut out);
        let (mut data_offset, mut bytes, mut text_bytes) = (0, 0, 0);
        let has_dictionary = dictionary.is_some();
        for page in dictionary.into_iter().chain(self.pages) {
            let is_dictionary = page.compressed_page().is_dictionary_page();
            let written = writer.write_page(page)?;
            bytes += written.bytes_written;
            text_bytes += written.uncompressed_size;
            if is_dictionary {
                data_offset = bytes;
            }
        }
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_encodings(encodings)
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
            Values::Plain(_) => return Ok(None),
            Values::Texts(texts) => {
                press.text.extend_from_slice(texts.page());
                texts.len()
            }
            Values::Integers(integers) => {
                let bytes = if self.column.physical_type() == Type::INT32 { 4 } else { 8 };
                let values = integers.values().iter();
                values.for_each(|value| press.text.extend_from_slice(&value.to_le_bytes()[..bytes]));
                integers.len()
            }
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
            Values::Plain(range) => *range,
            Values::Integers(all) => {
                all.values().iter().min().copied().zip(all.values().iter().max().copied())
            }
            Values::Texts(_) => None,
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
                let range = if let Values::Texts(texts) = &self.values { texts.range() } else { None };
                let short = range.filter(|(min, max)| min.len().max(max.len()) <= RANGE_TEXT_BYTES_MAX);
                let text = |text: &[u8]| ByteArray::from(text.to_vec());
                let (min, max) = (short.map(|range| text(range.0)), short.map(|range| text(range.1)));
                Statistics::byte_array(min, max, None, nulls, false)
            }
        }
    }
}

/// How many rows each page of long texts takes.
fn page_lengths(texts: &StringArray) -> Vec<usize> {
    let (mut lengths, mut length, mut bytes) = (Vec::new(), 0, 0);
    for ends in texts.value_offsets().windows(2) {
        length += 1;
        bytes += (ends[1] - ends[0]) as usize;
        if bytes >= PAGE_TEXT_BYTES {
            lengths.push(length);
            (length, bytes) = (0, 0);
        }
    }
    if length > 0 {
        lengths.push(length);
    }
    lengths
}

/// The numbers of values in their dictionary, NULLs left out; gives how many different ones there are.
fn numbered(array: &ArrayRef, values: &mut Values, out: &mut Vec<u32>) -> usize {
    match values {
        Values::Plain(_) => 0,
        Values::Texts(known) => {
            let items = array.as_list_opt::<i32>().map(items);
            let texts = items.as_ref().unwrap_or(array).as_string::<i32>();
            out.extend(texts.iter().flatten().map(|text| known.number(text)));
            known.len()
        }
        Values::Integers(known) => {
            match array.data_type() {
                DataType::Int32 => each::<Int32Type>(array, |value| out.push(known.number(value.into()))),
                DataType::Int64 => each::<Int64Type>(array, |value| out.push(known.number(value))),
                _ => each::<TimestampMillisecondType>(array, |value| out.push(known.number(value))),
            }
            known.len()
        }
    }
}

/// The items of lists, without what a slice leaves out.
fn items(lists: &arrow::array::ListArray) -> ArrayRef {
    let ends = lists.value_offsets();
    let (first, last) = (ends[0] as usize, ends[ends.len() - 1] as usize);
    lists.values().slice(first, last - first)
}

/// Calls `take` with every value that is not NULL.
fn each<T: ArrowPrimitiveType>(array: &ArrayRef, take: impl FnMut(T::Native)) {
    let array = array.as_primitive::<T>();
    if array.null_count() == 0 {
        array.values().iter().copied().for_each(take);
    } else {
        array.iter().flatten().for_each(take);
    }
}

/// Values as they are, NULLs left out.
fn plain(array: &ArrayRef, range: &mut Option<(i64, i64)>, out: &mut Vec<u8>) {
    match array.data_type() {
        DataType::Utf8 => {
            for text in array.as_string::<i32>().iter().flatten() {
                out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
        DataType::Boolean => {
            let truths: Vec<bool> = array.as_boolean().iter().flatten().collect();
            out.extend(
                truths.chunks(8).map(|eight| {
                    eight.iter().enumerate().map(|(n, truth)| u8::from(*truth) << n).sum::<u8>()
                }),
            );
        }
        DataType::Float64 => each::<Float64Type>(array, |value| out.extend_from_slice(&value.to_le_bytes())),
        DataType::Int32 => each::<Int32Type>(array, |value| out.extend_from_slice(&value.to_le_bytes())),
        DataType::Int64 => integers::<Int64Type>(array, range, out),
        _ => integers::<TimestampMillisecondType>(array, range, out),
    }
}

fn integers<T: ArrowPrimitiveType<Native = i64>>(
    array: &ArrayRef,
    range: &mut Option<(i64, i64)>,
    out: &mut Vec<u8>,
) {
    let array = array.as_primitive::<T>();
    let packed: Vec<i64>;
    let values = if array.null_count() == 0 {
        &array.values()[..]
    } else {
        packed = array.iter().flatten().collect();
        packed.as_slice()
    };
    let ends = values.iter().copied().min().zip(values.iter().copied().max());
    *range = match (*range, ends) {
        (Some((min, max)), Some((least, most))) => Some((min.min(least), max.max(most))),
        (range, ends) => range.or(ends),
    };
    let at = out.len();
    out.resize(at + 8 * values.len(), 0);
    let eights = out[at..].as_chunks_mut().0;
    eights.iter_mut().zip(values).for_each(|(eight, value)| *eight = value.to_le_bytes());
}
