//! Parquet objects: as AWS writes them, and one whose page header lies.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::Files;

/// Bytes that the lying page header claims: the most it can.
const CLAIMED_BYTES: u64 = i32::MAX as u64;

pub fn files() -> Files {
    vec![("vpc.log.parquet".to_owned(), vpc()), ("lying-page-header.log.parquet".to_owned(), lying())]
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn numbers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn ports(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn write(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Two records, one NODATA row and one whose destination is no address. AWS names columns with
/// underscores and compresses with gzip.
fn vpc() -> Vec<u8> {
    let eni = Some("eni-0a1b2c3d4e5f60001");
    let columns = vec![
        ("version", ports(&[Some(2); 4])),
        ("account_id", texts(&[Some("123456789012"); 4])),
        ("interface_id", texts(&[eni; 4])),
        ("srcaddr", texts(&[Some("10.0.1.5"), Some("203.0.113.9"), None, Some("10.0.1.5")])),
        ("dstaddr", texts(&[Some("203.0.113.9"), Some("10.0.1.5"), None, Some("nowhere")])),
        ("srcport", ports(&[Some(49152), Some(443), None, Some(49153)])),
        ("dstport", ports(&[Some(443), Some(49152), None, Some(443)])),
        ("protocol", ports(&[Some(6), Some(6), None, Some(6)])),
        ("packets", numbers(&[Some(12), Some(8), None, Some(1)])),
        ("bytes", numbers(&[Some(4096), Some(1024), None, Some(40)])),
        ("start", numbers(&[Some(1_767_600_000); 4])),
        ("end", numbers(&[Some(1_767_600_055); 4])),
        ("action", texts(&[Some("ACCEPT"), Some("ACCEPT"), None, Some("REJECT")])),
        ("log_status", texts(&[Some("OK"), Some("OK"), Some("NODATA"), Some("OK")])),
    ];
    let gzip = Compression::GZIP(parquet::basic::GzipLevel::default());
    write(columns, WriterProperties::builder().set_compression(gzip).build())
}

/// One column in one Snappy page whose header claims 2 GiB.
fn lying() -> Vec<u8> {
    let enis = ["eni-0a1b2c3d4e5f60001", "eni-0a1b2c3d4e5f60002"].repeat(20);
    let enis: Vec<Option<&str>> = enis.into_iter().map(Some).collect();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::Page)
        .set_write_page_header_statistics(true)
        .build();
    let mut file = write(vec![("interface_id", texts(&enis))], properties);
    // The first page follows the magic number. Statistics in its header leave room for the lie.
    let header_at = 4;
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(&file)).unwrap();
    let chunk_bytes = reader.metadata().row_group(0).column(0).compressed_size();
    let header = PageHeader::of(&file[header_at..], chunk_bytes as u64);
    let lie = header.claiming(CLAIMED_BYTES);
    file[header_at..header_at + lie.len()].copy_from_slice(&lie);
    file
}

/// What is kept of a page header in Thrift's compact protocol.
struct PageHeader {
    compressed_bytes: u64,
    values: u64,
    /// Of the header itself.
    bytes: usize,
}

impl PageHeader {
    /// Reads a header that the `parquet` crate's writer made: type, sizes, then the data page's own
    /// struct, which begins with the number of values. The page is all there is in its chunk.
    fn of(text: &[u8], chunk_bytes: u64) -> Self {
        let mut at = 0;
        let mut number = |tag: u8| {
            assert_eq!(text[at], tag, "field at {at}");
            let (value, bytes) = varint(&text[at + 1..]);
            at += 1 + bytes;
            value / 2
        };
        let (kind, _uncompressed, compressed_bytes) = (number(0x15), number(0x15), number(0x15));
        assert_eq!(kind, 0, "a data page");
        let values_at = at + 2;
        let (values, _) = varint(&text[values_at..]);
        Self { compressed_bytes, values: values / 2, bytes: (chunk_bytes - compressed_bytes) as usize }
    }

    /// The same header with another size, as long as before.
    fn claiming(&self, uncompressed_bytes: u64) -> Vec<u8> {
        let mut out = vec![0x15, 0];
        for value in [uncompressed_bytes, self.compressed_bytes] {
            out.push(0x15);
            put_varint(&mut out, value * 2);
        }
        // Data page: values, plain encoding, levels as runs.
        out.extend([0x2c, 0x15]);
        put_varint(&mut out, self.values * 2);
        out.extend([0x15, 0, 0x15, 6, 0x15, 6, 0]);
        // A binary field that nobody knows fills up to the old length.
        let fill = self.bytes - out.len() - 3;
        out.extend([0xf8, fill as u8]);
        out.resize(out.len() + fill, b'.');
        out.push(0);
        assert_eq!(out.len(), self.bytes);
        out
    }
}

fn varint(text: &[u8]) -> (u64, usize) {
    let bytes = text.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let value = text[..bytes].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, bytes)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
