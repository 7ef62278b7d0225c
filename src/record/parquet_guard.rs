//! What a Parquet file claims about itself, judged before the decoder believes it.
//!
//! The decoder allocates what a header says and finds out afterwards; an allocation that the
//! system refuses ends the process, which no error handling survives. So footer and page headers
//! are walked here first, without decoding anything: sizes, numbers of values and nesting have
//! limits, in relation to what is really there.
//! Source of the layout: Apache Parquet, `parquet.thrift` (`FileMetaData`, `PageHeader`).

use std::io;

use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::thrift::{BINARY, Compact, FALSE, I32, LIST, STRUCT, TRUE};
use crate::gunzip::{self, Caps, Gunzip};
use crate::limits;
use crate::record::ObjectError;

/// Footer length and magic number at the end of a file.
const TAIL_BYTES: usize = 8;
/// `PageType` of a dictionary.
pub(super) const DICTIONARY: i32 = 2;
/// `Encoding`s whose decoder allocates for as many values as the compressed page says.
const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
const DELTA_BYTE_ARRAY: i32 = 7;
/// Most text a byte of deflate gives (zlib technical details).
const DEFLATE_RATIO_MAX: u64 = 1_032;
/// Most text a byte of LZ4 gives.
const LZ4_RATIO_MAX: u64 = 255;
/// What the decoder keeps for each value of a dictionary.
const DICTIONARY_VALUE_BYTES: u64 = 16;

type Verdict = Result<(), ObjectError>;

fn refused(what: impl Into<String>) -> ObjectError {
    ObjectError::Parquet(what.into())
}

/// Judges the footer: its length, and how deep columns nest.
pub(crate) fn footer(file: &[u8]) -> Verdict {
    let text_end = file.len().checked_sub(TAIL_BYTES).ok_or_else(|| refused("too short"))?;
    let length: [u8; 4] = file[text_end..text_end + 4].try_into().expect("four bytes");
    let length = u32::from_le_bytes(length) as usize;
    if length > limits::PARQUET_FOOTER_BYTES_MAX || length > text_end {
        return Err(refused(format!("its footer claims {length} bytes")));
    }
    let groups = column_groups(&file[text_end - length..text_end]);
    match groups.ok_or_else(|| refused("its footer cannot be understood"))? {
        groups if groups > limits::PARQUET_COLUMN_GROUPS_MAX => {
            Err(refused(format!("{groups} groups of columns: they may nest too deep")))
        }
        _ => Ok(()),
    }
}

/// Elements of the schema that hold others: they cannot nest deeper than that.
fn column_groups(text: &[u8]) -> Option<usize> {
    let mut found = None;
    let mut input = Compact::new(text);
    // The schema is the second field, after the version. What follows is not needed, and a second
    // schema is not looked at by the decoder either.
    let end = input.fields(|input, id, kind| match (id, kind) {
        (1, I32) => Some(false),
        (2, LIST) => {
            found = schema(input);
            None
        }
        _ => None,
    });
    end.and(None).or(found)
}

fn schema(input: &mut Compact<'_>) -> Option<usize> {
    let (elements, kind) = input.list()?;
    let mut groups = 0;
    for _ in 0..elements {
        if kind != STRUCT {
            return None;
        }
        input.fields(|input, id, kind| match (id, kind) {
            (5, I32) => {
                groups += usize::from(input.i32()? > 0);
                Some(true)
            }
            (1..=3 | 6..=9, I32) | (4, BINARY) | (10, STRUCT) => Some(false),
            (1..=10, _) => None,
            _ => Some(false),
        })?;
    }
    Some(groups)
}

/// What a file may still claim; it shrinks with each row group.
pub(crate) struct Allowance {
    rows: u64,
    page_bytes: u64,
}

impl Allowance {
    /// For a file of that many bytes.
    pub(crate) fn for_file(bytes: usize) -> Self {
        let bytes = bytes as u64;
        let rows = limits::PARQUET_ROWS_FREE.max(bytes * limits::PARQUET_ROWS_PER_BYTE_MAX);
        let page_bytes = limits::INFLATE_RATIO_FREE_BYTES.max(bytes * limits::INFLATE_RATIO_MAX);
        Self { rows, page_bytes }
    }

    /// Judges the pages of one row group's columns.
    pub(crate) fn row_group<'a>(
        &mut self,
        file: &[u8],
        group: &RowGroupMetaData,
        columns: impl Iterator<Item = &'a ColumnChunkMetaData>,
    ) -> Verdict {
        let mut rows = u64::try_from(group.num_rows()).map_err(|_| refused("a negative number of rows"))?;
        let (mut held_bytes, mut page_bytes) = (0, 0);
        for column in columns {
            if column.column_descr().type_length() > limits::PARQUET_FIXED_BYTES_MAX {
                return Err(refused(format!("values of {} bytes", column.column_descr().type_length())));
            }
            let claims = chunk(file, column)?;
            held_bytes += claims.held_bytes();
            rows = rows.max(claims.values);
            page_bytes += claims.page_bytes;
        }
        if held_bytes > limits::PARQUET_HELD_BYTES_MAX {
            return Err(refused(format!("its pages claim {held_bytes} bytes at a time")));
        }
        self.page_bytes = self
            .page_bytes
            .checked_sub(page_bytes)
            .ok_or_else(|| ObjectError::Bomb(format!("{} times its size", limits::INFLATE_RATIO_MAX)))?;
        self.rows = self
            .rows
            .checked_sub(rows)
            .ok_or_else(|| refused(format!("{rows} rows are more than its size can hold")))?;
        Ok(())
    }
}

/// What the pages of a column chunk claim together.
#[derive(Default)]
struct Claims {
    /// Values in data pages: at least the rows.
    values: u64,
    page_bytes: u64,
    largest_page_bytes: u64,
    dictionary_bytes: u64,
}

impl Claims {
    /// What the decoder holds at a time.
    fn held_bytes(&self) -> u64 {
        self.largest_page_bytes + self.dictionary_bytes
    }
}

fn chunk(file: &[u8], column: &ColumnChunkMetaData) -> Result<Claims, ObjectError> {
    let offsets = [column.data_page_offset(), column.dictionary_page_offset().unwrap_or(0)];
    if column.compressed_size() < 0 || offsets.iter().any(|&offset| offset < 0) {
        return Err(refused("a column begins or ends before the file"));
    }
    let (start, length) = column.byte_range();
    let (start, length) = (start as usize, length as usize);
    let end = start.checked_add(length).filter(|&end| end <= file.len());
    let end = end.ok_or_else(|| refused("a column lies outside the file"))?;
    let mut claims = Claims::default();
    let mut at = start;
    while at < end {
        let (page, header_bytes) =
            Page::read(&file[at..end]).ok_or_else(|| refused(format!("no page header at byte {at}")))?;
        let from = at + header_bytes;
        at = from + page.compressed_bytes as usize;
        let body = file[..end].get(from..at).ok_or_else(|| refused("a page leaves its column"))?;
        page.judge(body, column.compression())?;
        claims.page_bytes += page.bytes;
        if page.kind == DICTIONARY {
            claims.dictionary_bytes += page.bytes + page.values * DICTIONARY_VALUE_BYTES;
        } else {
            claims.values += page.values;
            claims.largest_page_bytes = claims.largest_page_bytes.max(page.bytes);
        }
    }
    Ok(claims)
}

/// A page header.
#[derive(Default)]
pub(super) struct Page {
    pub(super) kind: i32,
    /// Uncompressed.
    pub(super) bytes: u64,
    pub(super) compressed_bytes: u64,
    pub(super) values: u64,
    pub(super) encoding: i32,
    /// Of the marks of what is NULL (version 1 pages).
    pub(super) level_encoding: i32,
    /// Of levels before the compressed part (version 2 pages).
    level_bytes: u64,
    is_plain: bool,
}

impl Page {
    /// The header at the front of `text`, and its length. A field of another type than the
    /// format says is refused: the decoder would read it as what it should be.
    pub(super) fn read(text: &[u8]) -> Option<(Self, usize)> {
        let mut input = Compact::new(text);
        let mut page = Self::default();
        input.fields(|input, id, kind| match (id, kind) {
            (1, I32) => input.i32().map(|value| page.kind = value).map(|()| true),
            (2, I32) => size(input).map(|value| page.bytes = value).map(|()| true),
            (3, I32) => size(input).map(|value| page.compressed_bytes = value).map(|()| true),
            (5 | 7 | 8, STRUCT) => page.data(input, id).map(|()| true),
            (4, I32) | (6, STRUCT) => Some(false),
            (1..=8, _) => None,
            _ => Some(false),
        })?;
        Some((page, input.at()))
    }

    /// The header of a data page (5, or 8 in version 2) or of a dictionary (7).
    fn data(&mut self, input: &mut Compact<'_>, header: i16) -> Option<()> {
        input.fields(|input, id, kind| match (header, id, kind) {
            (_, 1, I32) => size(input).map(|value| self.values = self.values.max(value)).map(|()| true),
            (5 | 7, 2, I32) | (8, 4, I32) => input.i32().map(|value| self.encoding = value).map(|()| true),
            (5, 3, I32) => input.i32().map(|value| self.level_encoding = value).map(|()| true),
            (8, 5 | 6, I32) => size(input).map(|value| self.level_bytes += value).map(|()| true),
            (8, 7, TRUE | FALSE) => {
                self.is_plain = kind == FALSE;
                Some(true)
            }
            (5, 4, I32) | (8, 2 | 3, I32) | (7, 3, TRUE | FALSE) | (5, 5, STRUCT) | (8, 8, STRUCT) => {
                Some(false)
            }
            (5, 1..=5, _) | (7, 1..=3, _) | (8, 1..=8, _) => None,
            _ => Some(false),
        })
    }

    fn judge(&self, body: &[u8], codec: Compression) -> Verdict {
        if matches!(self.encoding, DELTA_LENGTH_BYTE_ARRAY | DELTA_BYTE_ARRAY) && self.kind != DICTIONARY {
            return Err(refused("texts in a DELTA encoding are not read: their length cannot be bounded"));
        }
        if self.kind == DICTIONARY && self.values > self.bytes {
            return Err(refused(format!("{} values in a dictionary of {} bytes", self.values, self.bytes)));
        }
        let most = |ratio: u64| body.len() as u64 * ratio <= limits::PARQUET_PAGE_INFLATED_BYTES_MAX;
        let is_bounded = self.is_plain
            || match codec {
                // These write until their input ends, whatever the header says.
                Compression::GZIP(_) => most(DEFLATE_RATIO_MAX) || self.inflates_as_it_says(body),
                Compression::LZ4 => most(LZ4_RATIO_MAX),
                Compression::BROTLI(_) => {
                    return Err(refused("Brotli is not read: what it gives cannot be bounded"));
                }
                _ => true,
            };
        if is_bounded { Ok(()) } else { Err(ObjectError::Bomb("what its page says".to_owned())) }
    }

    /// Whether a gzip page gives no more than it says. What is damaged is the decoder's to find.
    fn inflates_as_it_says(&self, body: &[u8]) -> bool {
        let caps = Caps { text_bytes_max: self.bytes, ratio_max: u64::MAX, ratio_free_bytes: u64::MAX };
        let from = usize::try_from(self.level_bytes).unwrap_or(usize::MAX).min(body.len());
        match io::copy(&mut Gunzip::with_caps(&body[from..], caps), &mut io::sink()) {
            Ok(_) => true,
            Err(error) => !matches!(gunzip::object_error(&error), ObjectError::Bomb(_)),
        }
    }
}

/// A number that cannot be negative.
fn size(input: &mut Compact<'_>) -> Option<u64> {
    u64::try_from(input.i32()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of fields as the compact protocol writes them.
    fn number(value: i32) -> Vec<u8> {
        let mut left = ((value << 1) ^ (value >> 31)) as u32;
        let mut out = Vec::new();
        while left >= 0x80 {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
        out
    }

    /// The header of a version 1 data page, or of a dictionary.
    fn header(kind: i32, bytes: i32, compressed_bytes: i32, values: i32, encoding: i32) -> Vec<u8> {
        let mut out = Vec::new();
        for value in [kind, bytes, compressed_bytes] {
            out.push(0x15);
            out.extend(number(value));
        }
        out.push(if kind == DICTIONARY { 0x4c } else { 0x2c });
        for value in [values, encoding] {
            out.push(0x15);
            out.extend(number(value));
        }
        out.extend([0, 0]);
        out
    }

    fn judged(header: &[u8], body: &[u8], codec: Compression) -> Result<(), String> {
        let (page, header_bytes) = Page::read(header).ok_or("no header")?;
        assert_eq!(header_bytes, header.len());
        page.judge(body, codec).map_err(|error| error.to_string())
    }

    #[test]
    fn page_headers_are_read_with_all_their_sizes() {
        let (page, bytes) = Page::read(&header(0, 1000, 77, 12, 8)).unwrap();
        assert_eq!((page.bytes, page.compressed_bytes, page.values, page.encoding), (1000, 77, 12, 8));
        assert_eq!(bytes, 15);
        assert!(Page::read(&header(0, -1, 77, 12, 8)).is_none(), "sizes are not negative");
        // Size as 64 bits: a decoder that expects 32 reads on all the same.
        assert!(Page::read(&[0x15, 0, 0x16, 2, 0x15, 2, 0]).is_none());
    }

    #[test]
    fn dictionaries_hold_no_more_values_than_bytes() {
        assert_eq!(judged(&header(DICTIONARY, 100, 4, 25, 0), &[0; 4], Compression::SNAPPY), Ok(()));
        let error = judged(&header(DICTIONARY, 100, 4, i32::MAX, 0), &[0; 4], Compression::SNAPPY);
        assert!(error.unwrap_err().contains("2147483647 values"));
    }

    #[test]
    fn encodings_without_a_bound_are_named() {
        for encoding in [DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY] {
            let error = judged(&header(0, 100, 4, 1, encoding), &[0; 4], Compression::UNCOMPRESSED);
            assert!(error.unwrap_err().contains("DELTA"));
        }
    }

    #[test]
    fn brotli_is_named() {
        let brotli = Compression::BROTLI(parquet::basic::BrotliLevel::default());
        assert!(judged(&header(0, 100, 4, 1, 0), &[0; 4], brotli).unwrap_err().contains("Brotli"));
    }

    #[test]
    fn gzip_pages_may_not_give_more_than_they_say() {
        let bomb_bytes = 320 << 20;
        let bomb = {
            let mut zeros = io::Read::take(io::repeat(0), bomb_bytes);
            let mut encoder = flate2::read::GzEncoder::new(&mut zeros, flate2::Compression::fast());
            let mut out = Vec::new();
            io::Read::read_to_end(&mut encoder, &mut out).unwrap();
            out
        };
        let gzip = Compression::GZIP(parquet::basic::GzipLevel::default());
        let header = |bytes| header(0, bytes, bomb.len() as i32, 1, 0);
        assert!(judged(&header(1 << 20), &bomb, gzip).unwrap_err().contains("bomb"));
        assert_eq!(judged(&header(bomb_bytes as i32), &bomb, gzip), Ok(()));
    }

    #[test]
    fn footers_are_judged_by_length_and_nesting() {
        let footer_of = |schema: &[u8], elements: u8| {
            let text = [&[0x15, 2, 0x19, 0xfc, elements | 0x80, 2], schema].concat();
            let length = (text.len() as u32).to_le_bytes();
            [text.as_slice(), &length, b"PAR1"].concat()
        };
        // Elements with a name and one child each.
        let group = [0x48, 1, b'a', 0x15, 2, 0];
        let too_deep = limits::PARQUET_COLUMN_GROUPS_MAX + 1;
        assert_eq!(too_deep, 2 * 128 + 1);
        let file = footer_of(&group.repeat(too_deep), 1);
        assert!(footer(&file).unwrap_err().to_string().contains("257 groups"));
        let leaf = [0x35, 0, 0x18, 1, b'a', 0];
        let leaves = [&group[..], &leaf.repeat(256)].concat();
        assert_eq!(footer(&footer_of(&leaves, 1)), Ok(()));
        let mut long = footer_of(&leaves, 1);
        let at = long.len() - TAIL_BYTES;
        long[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(footer(&long).unwrap_err().to_string().contains("4294967295 bytes"));
    }

    #[test]
    fn an_allowance_is_spent_over_all_row_groups() {
        let allowance = Allowance::for_file(1 << 30);
        assert_eq!(allowance.rows, 16 << 30);
        assert_eq!(Allowance::for_file(10).rows, limits::PARQUET_ROWS_FREE);
    }
}
