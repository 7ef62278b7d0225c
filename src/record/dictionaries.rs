//! Columns of Parquet that are dictionaries from end to end, as AWS writes nearly all: the values
//! once, and of each row only its key, so that a text or an address is looked at once and not for
//! each row.
//!
//! This is the brisk way for the regular: flat columns of whole numbers or texts, plain or gzip,
//! version 1 pages. Whatever is anything else is `None`, and the decoder of the `parquet` crate is
//! asked (`row_group.rs`), which also says what is wrong with what is damaged.
//! Source: Apache Parquet, `parquet.thrift` and `Encodings.md`.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, Int32Array, Int64Array, StringViewArray, make_view};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{DataType, Field, FieldRef};
use parquet::basic::{Compression, ConvertedType, LogicalType, Type};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::schema::types::ColumnDescriptor;

use super::hybrid::Hybrid;
use super::parquet_guard::{DICTIONARY, Page};
use crate::gunzip::Whole;

/// `PageType` of a version 1 data page.
const DATA: i32 = 0;
/// `Encoding`s.
const PLAIN: i32 = 0;
const PLAIN_DICTIONARY: i32 = 2;
const RLE: i32 = 3;
const RLE_DICTIONARY: i32 = 8;
/// Room behind the text of a page that is not compressed; see [`Hybrid`].
const ROOM_BYTES: usize = 8;

/// Keys as a column of a batch, which goes by its place and not by a name.
pub(super) static KEYS: LazyLock<FieldRef> =
    LazyLock::new(|| Arc::new(Field::new("", DataType::Int32, false)));

/// A column chunk that is being read.
pub(super) struct Dictionary {
    /// The values, and NULL behind them.
    values: ArrayRef,
    null_key: i32,
    is_nullable: bool,
    is_gzip: bool,
    /// Of the file: where the next page begins, and where the chunk ends.
    at: usize,
    end: usize,
    /// The data page in hand.
    page: Vec<u8>,
    /// Rows of it that are left.
    left: usize,
    keys: Hybrid,
    /// Marks of rows that have a value, where not all have to.
    levels: Option<Hybrid>,
}

/// Dictionaries met in a row group: the page as it is in the file, how it is to be read, and its
/// values. The addresses of packets are mostly those of the interfaces once more.
#[derive(Default)]
pub(super) struct Met<'a>(Vec<(&'a [u8], (Type, bool), ArrayRef)>);

impl Dictionary {
    /// Begins a column of a row group, if it is one of these.
    pub(super) fn open<'a>(
        file: &'a [u8],
        group: &RowGroupMetaData,
        chunk: &ColumnChunkMetaData,
        whole: &mut Whole,
        met: &mut Met<'a>,
    ) -> Option<Self> {
        let is_gzip = match chunk.compression() {
            Compression::GZIP(_) => true,
            Compression::UNCOMPRESSED => false,
            _ => return None,
        };
        let column = chunk.column_descr();
        let kind = value_kind(column)?;
        let (start, bytes) = chunk.byte_range();
        let (start, end) = (start as usize, (start + bytes) as usize);
        let (first, body) = Self::header(file, start, end)?;
        if first.kind != DICTIONARY || !matches!(first.encoding, PLAIN | PLAIN_DICTIONARY) {
            return None;
        }
        let at = body + first.compressed_bytes as usize;
        let rows = rows_of_keys(file, at, end)?;
        if Ok(rows) != u64::try_from(group.num_rows()) {
            return None;
        }
        let (page, way) = (file.get(start..at)?, (kind, is_gzip));
        let same = met.0.iter().find(|(have, have_way, _)| *have == page && *have_way == way);
        let values = if let Some((_, _, values)) = same {
            Arc::clone(values)
        } else {
            let values = values(file, body, &first, kind, is_gzip, whole)?;
            met.0.push((page, way, Arc::clone(&values)));
            values
        };
        Some(Self {
            null_key: i32::try_from(values.len() - 1).ok()?,
            values,
            is_nullable: column.max_def_level() == 1,
            is_gzip,
            at,
            end,
            page: Vec::new(),
            left: 0,
            keys: Hybrid::default(),
            levels: None,
        })
    }

    /// The header at a place of the file, and where what it tells of begins.
    fn header(file: &[u8], at: usize, end: usize) -> Option<(Page, usize)> {
        let (page, bytes) = Page::read(file.get(at..end)?)?;
        Some((page, at + bytes))
    }

    /// The values that keys stand for.
    pub(super) fn values(&self) -> &ArrayRef {
        &self.values
    }

    /// The keys of the next rows; each of them has a value.
    pub(super) fn take(&mut self, file: &[u8], rows: usize, whole: &mut Whole) -> Option<ArrayRef> {
        let mut keys = Vec::with_capacity(rows);
        while keys.len() < rows {
            if self.left == 0 {
                self.next_page(file, whole)?;
            }
            let some = self.left.min(rows - keys.len());
            self.take_of_page(some, &mut keys)?;
            self.left -= some;
        }
        Some(Arc::new(Int32Array::from(keys)))
    }

    fn take_of_page(&mut self, mut rows: usize, keys: &mut Vec<i32>) -> Option<()> {
        let begin = keys.len();
        let Some(levels) = &mut self.levels else {
            self.keys.take(&self.page, rows, keys)?;
            return are_below(self.null_key, &keys[begin..]);
        };
        while rows > 0 {
            let (is_present, like) = levels.stretch(&self.page, rows)?;
            if is_present {
                let begin = keys.len();
                self.keys.take(&self.page, like, keys)?;
                are_below(self.null_key, &keys[begin..])?;
            } else {
                keys.extend(std::iter::repeat_n(self.null_key, like));
            }
            rows -= like;
        }
        Some(())
    }

    /// Takes the next data page in hand.
    fn next_page(&mut self, file: &[u8], whole: &mut Whole) -> Option<()> {
        let (page, body) = Self::header(file, self.at, self.end)?;
        self.at = body + page.compressed_bytes as usize;
        text_of(file, body, &page, self.is_gzip, whole, &mut self.page)?;
        let (rows, end) = (page.values as usize, page.bytes as usize);
        let mut at = 0;
        self.levels = None;
        if self.is_nullable {
            let bytes = u32::from_le_bytes(*self.page.first_chunk()?) as usize;
            at = bytes.checked_add(4).filter(|&at| at <= end)?;
            self.levels = Some(Hybrid::new(4, at, 1)?);
        }
        // Where all rows are NULL, some writers leave the width of keys out, too.
        let width_bits = self.page[..end].get(at).copied().unwrap_or_default();
        self.keys = Hybrid::new(at + 1, end, width_bits)?;
        self.left = rows;
        Some(())
    }
}

/// That a page names no value that is not in the dictionary, such as the NULL behind it.
fn are_below(count: i32, keys: &[i32]) -> Option<()> {
    // Counted, not searched: several are compared at a time.
    (keys.iter().filter(|key| **key >= count).count() == 0).then_some(())
}

/// Rows in the pages from `at` on, if all of them hold keys.
fn rows_of_keys(file: &[u8], mut at: usize, end: usize) -> Option<u64> {
    let mut rows = 0;
    while at < end {
        let (page, body) = Dictionary::header(file, at, end)?;
        let is_keys = matches!(page.encoding, PLAIN_DICTIONARY | RLE_DICTIONARY);
        if page.kind != DATA || !is_keys || page.level_encoding != RLE {
            return None;
        }
        rows += page.values;
        at = body + page.compressed_bytes as usize;
    }
    Some(rows)
}

/// The values of a dictionary's page, and NULL behind them.
fn values(
    file: &[u8],
    at: usize,
    header: &Page,
    kind: Type,
    is_gzip: bool,
    whole: &mut Whole,
) -> Option<ArrayRef> {
    let mut page = Vec::new();
    text_of(file, at, header, is_gzip, whole, &mut page)?;
    let (bytes, count) = (header.bytes as usize, header.values as usize);
    Some(match kind {
        Type::BYTE_ARRAY => Arc::new(texts(page, bytes, count)?),
        Type::INT32 => Arc::new(numbers(page.get(..bytes)?, count, |four| i32::from_le_bytes(four).into())?),
        _ => Arc::new(numbers(page.get(..bytes)?, count, i64::from_le_bytes)?),
    })
}

/// How values lie in the dictionary, for columns that need no more than that to be understood.
fn value_kind(column: &ColumnDescriptor) -> Option<Type> {
    if column.max_rep_level() != 0 || column.max_def_level() > 1 || column.path().parts().len() != 1 {
        return None;
    }
    let is_text = match column.logical_type_ref() {
        None => matches!(column.converted_type(), ConvertedType::NONE | ConvertedType::UTF8),
        Some(says) => *says == LogicalType::String,
    };
    let is_bare = column.logical_type_ref().is_none() && column.converted_type() == ConvertedType::NONE;
    match column.physical_type() {
        Type::BYTE_ARRAY if is_text => Some(Type::BYTE_ARRAY),
        kind @ (Type::INT32 | Type::INT64) if is_bare => Some(kind),
        _ => None,
    }
}

/// Writes what a page holds to the front of `out`, with room behind it.
fn text_of(
    file: &[u8],
    at: usize,
    page: &Page,
    is_gzip: bool,
    whole: &mut Whole,
    out: &mut Vec<u8>,
) -> Option<()> {
    let body = file.get(at..at + page.compressed_bytes as usize)?;
    if is_gzip {
        return whole.inflate(body, page.bytes as usize, out);
    }
    out.clear();
    out.extend_from_slice(body);
    out.resize(body.len() + ROOM_BYTES, 0);
    (body.len() as u64 == page.bytes).then_some(())
}

/// Texts with their lengths before them. They stay where they are.
fn texts(page: Vec<u8>, bytes: usize, count: usize) -> Option<StringViewArray> {
    let mut views = Vec::with_capacity(count + 1);
    let mut at = 0;
    for _ in 0..count {
        let rest = page.get(at..bytes)?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        let text = rest.get(..length as usize)?;
        views.push(make_view(text, 0, at as u32 + 4));
        at += 4 + length as usize;
    }
    views.push(0);
    // Whether they are texts is found here.
    StringViewArray::try_new(views.into(), vec![Buffer::from_vec(page)], Some(all_but_last(count))).ok()
}

/// Numbers, one behind the other.
fn numbers<const N: usize>(
    bytes: &[u8],
    count: usize,
    number: impl Fn([u8; N]) -> i64,
) -> Option<Int64Array> {
    let (numbers, rest) = bytes.as_chunks::<N>();
    if numbers.len() != count || !rest.is_empty() {
        return None;
    }
    let numbers: Vec<i64> = numbers.iter().map(|bytes| number(*bytes)).chain([0]).collect();
    Some(Int64Array::new(numbers.into(), Some(all_but_last(count))))
}

/// `count` values, and NULL behind them.
fn all_but_last(count: usize) -> NullBuffer {
    NullBuffer::new(BooleanBuffer::collect_bool(count + 1, |n| n < count))
}
