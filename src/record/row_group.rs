//! The rows of a row group: what is a dictionary by our own hand (`dictionaries.rs`), the other
//! columns by the `parquet` crate, side by side.
//!
//! Its decoder gets the whole row group as soon as anything is not as it should be, from the batch
//! on where that was met: so it alone says what is wrong, and what of a damaged file can be read.

use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
    ParquetStatisticsPolicy,
};

use super::ObjectError;
use super::dictionaries::{Dictionary, KEYS, Met};
use super::parquet_guard::Allowance;
use crate::gunzip::Whole;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

/// A file whose footer was read, and the columns that are wanted of it.
pub(super) struct File {
    bytes: Bytes,
    metadata: Arc<ParquetMetaData>,
    /// Columns at the top, by their place there, in order.
    kept: Vec<usize>,
    /// Whether whoever takes them knows dictionaries, and columns by their places.
    are_keyed: bool,
    /// What the crate's decoder needs besides; it is made when that is needed.
    arrow: OnceLock<Result<ArrowReaderMetadata, ObjectError>>,
}

impl File {
    /// Reads the footer. No column is wanted yet.
    pub(super) fn open(bytes: &Bytes) -> Result<Self, ObjectError> {
        // What helps to leave rows out is not read: all of them count.
        let options = ParquetMetaDataOptions::new()
            .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
        let reader = ParquetMetaDataReader::new().with_metadata_options(Some(options));
        let metadata = Arc::new(reader.parse_and_finish(bytes).map_err(broken)?);
        Ok(Self {
            bytes: bytes.clone(),
            metadata,
            kept: Vec::new(),
            are_keyed: false,
            arrow: OnceLock::new(),
        })
    }

    /// The same, of which these columns are wanted, told by their places in order: as dictionaries
    /// where they are, or always as plain arrays under their names.
    pub(super) fn with_columns(self, kept: Vec<usize>, are_keyed: bool) -> Self {
        Self { kept, are_keyed, ..self }
    }

    /// Names of the columns at the top.
    pub(super) fn names(&self) -> Vec<String> {
        let fields = self.metadata.file_metadata().schema_descr().root_schema().get_fields();
        fields.iter().map(|field| field.name().to_owned()).collect()
    }

    /// Rows of a row group, as it says; `None` when there are no more groups.
    pub(super) fn rows(&self, group: usize) -> Option<u64> {
        let claims = self.metadata.row_groups().get(group)?;
        Some(u64::try_from(claims.num_rows()).unwrap_or(0))
    }

    /// Judges what the headers of a row group's pages claim.
    pub(super) fn judge(&self, group: usize, allowance: &mut Allowance) -> Result<(), ObjectError> {
        let chunks = self.chunks(group).map(|(_, chunk)| chunk);
        allowance.row_group(&self.bytes, self.metadata.row_group(group), chunks)
    }

    /// The column chunks that are wanted, each with its place among the wanted columns.
    fn chunks(&self, group: usize) -> impl Iterator<Item = (usize, &ColumnChunkMetaData)> {
        let leaves = self.metadata.file_metadata().schema_descr();
        let chunks = self.metadata.row_group(group).columns().iter().enumerate();
        chunks.filter_map(|(leaf, chunk)| {
            self.kept.binary_search(&leaves.get_column_root_idx(leaf)).ok().map(|place| (place, chunk))
        })
    }

    /// Begins a row group that was judged.
    pub(super) fn row_group(self: &Arc<Self>, group: usize) -> Result<GroupReader, ObjectError> {
        let claims = self.metadata.row_group(group);
        let (mut whole, mut met) = (Whole::default(), Met::default());
        let mut columns: Vec<Option<Dictionary>> = Vec::new();
        columns.resize_with(self.kept.len(), || None);
        for (place, chunk) in self.chunks(group).filter(|_| self.are_keyed) {
            columns[place] = Dictionary::open(&self.bytes, claims, chunk, &mut whole, &mut met);
        }
        let others = self.kept.iter().zip(&columns).filter(|(_, column)| column.is_none());
        let others: Vec<usize> = others.map(|(root, _)| *root).collect();
        let rows_left = usize::try_from(claims.num_rows()).unwrap_or(0);
        let way = if others.len() == self.kept.len() {
            Way::Crate(self.by_crate(group, others).map_err(broken)?)
        } else {
            let others =
                if others.is_empty() { None } else { Some(self.by_crate(group, others).map_err(broken)?) };
            Way::Own(Box::new(SideBySide { columns, others, whole, rows_left }))
        };
        Ok(GroupReader { file: Arc::clone(self), group, batches: 0, way })
    }

    /// The crate's reader of some columns at the top.
    fn by_crate(&self, group: usize, roots: Vec<usize>) -> Result<ParquetRecordBatchReader, ParquetError> {
        let arrow = self.arrow.get_or_init(|| self.arrow().map_err(broken)).clone();
        let arrow = arrow.map_err(|error| ParquetError::General(error.to_string()))?;
        let mask = ProjectionMask::roots(arrow.parquet_schema(), roots);
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), arrow)
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_batch_size(BATCH_ROWS)
            .build()
    }

    /// The columns as Arrow has them. The schema that some writers embed is ignored.
    fn arrow(&self) -> Result<ArrowReaderMetadata, ParquetError> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let plain = ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options.clone())?;
        let views = Schema::new(plain.schema().fields().iter().map(as_views).collect::<Fields>());
        ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options.with_schema(Arc::new(views)))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn broken(error: ParquetError) -> ObjectError {
    ObjectError::Parquet(error.to_string())
}

/// The field with texts as views: values of a dictionary are then pointed to, not copied.
fn as_views(field: &FieldRef) -> FieldRef {
    let kind = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(as_views).collect()),
        DataType::List(element) => DataType::List(as_views(element)),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(kind))
}

/// Some rows of the wanted columns. Columns of keys and their dictionaries are not one array: Arrow
/// would look at each key again, to see that it has a value.
pub(super) struct Batch {
    /// The values of a column, or the keys of its dictionary.
    pub(super) rows: RecordBatch,
    /// The dictionaries of columns that have one; empty where none has.
    dictionaries: Vec<Option<ArrayRef>>,
}

impl Batch {
    fn without_keys(rows: RecordBatch) -> Self {
        Self { rows, dictionaries: Vec::new() }
    }

    /// What the keys of a column stand for, if it is one of keys.
    pub(super) fn dictionary(&self, column: usize) -> Option<&ArrayRef> {
        self.dictionaries.get(column)?.as_ref()
    }
}

/// Reads a row group, a batch at a time.
pub(super) struct GroupReader {
    file: Arc<File>,
    group: usize,
    /// That were given.
    batches: usize,
    way: Way,
}

enum Way {
    Own(Box<SideBySide>),
    Crate(ParquetRecordBatchReader),
}

/// Columns of one row group by both ways.
struct SideBySide {
    /// One for each that is wanted, in order; `None` is one of the others.
    columns: Vec<Option<Dictionary>>,
    others: Option<ParquetRecordBatchReader>,
    whole: Whole,
    rows_left: usize,
}

impl SideBySide {
    /// The next rows; `None` when they are not as they should be.
    fn batch(&mut self, file: &[u8]) -> Option<Batch> {
        let rows = self.rows_left.min(BATCH_ROWS);
        let others = match &mut self.others {
            Some(others) => Some(others.next()?.ok().filter(|batch| batch.num_rows() == rows)?),
            None => None,
        };
        let mut others =
            others.iter().flat_map(|batch| batch.columns().iter().zip(batch.schema_ref().fields()));
        let mut fields: Vec<FieldRef> = Vec::with_capacity(self.columns.len());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        let mut dictionaries = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            if let Some(column) = column {
                fields.push(Arc::clone(&KEYS));
                arrays.push(column.take(file, rows, &mut self.whole)?);
                dictionaries.push(Some(Arc::clone(column.values())));
            } else {
                let (array, field) = others.next()?;
                fields.push(Arc::clone(field));
                arrays.push(Arc::clone(array));
                dictionaries.push(None);
            }
        }
        self.rows_left -= rows;
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()?;
        Some(Batch { rows, dictionaries })
    }
}

impl GroupReader {
    /// The batch after those given, from the crate alone.
    fn start_over(&mut self) -> Result<Option<Batch>, ArrowError> {
        let mut reader = self.file.by_crate(self.group, self.file.kept.clone())?;
        for _ in 0..self.batches {
            reader.next().transpose()?;
        }
        let batch = reader.next().transpose();
        self.way = Way::Crate(reader);
        Ok(batch?.map(Batch::without_keys))
    }
}

impl Iterator for GroupReader {
    type Item = Result<Batch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match &mut self.way {
            Way::Own(columns) if columns.rows_left == 0 => return None,
            Way::Own(columns) => columns.batch(&self.file.bytes),
            Way::Crate(reader) => return reader.next().map(|rows| rows.map(Batch::without_keys)),
        };
        match batch {
            Some(batch) => {
                self.batches += 1;
                Some(Ok(batch))
            }
            None => self.start_over().transpose(),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, Int32Array, Int64Array, StringArray};
    use arrow::datatypes::Field;
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, GzipLevel};
    use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};

    use super::*;

    const ROWS: i32 = 20_000;

    /// Columns of each kind: with few values and with many, with and without NULL, never NULL by
    /// type, all NULL, and two with the same dictionary.
    fn table() -> RecordBatch {
        let mixed = |n: i32| n.wrapping_mul(0x9e37_79b1_u32 as i32) >> 8;
        let ints = |of: fn(i32) -> Option<i32>| -> ArrayRef {
            Arc::new(
                (0..ROWS).map(|n| of(n.wrapping_mul(0x9e37_79b1_u32 as i32) >> 8)).collect::<Int32Array>(),
            )
        };
        let texts = |of: &dyn Fn(i32) -> Option<String>| -> ArrayRef {
            Arc::new((0..ROWS).map(mixed).map(of).collect::<StringArray>())
        };
        let address = |n: i32| Some(format!("10.0.{}.{}", n & 3, n >> 2 & 0xff)).filter(|_| n % 40 != 0);
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("srcport", ints(|n| Some(n & 0xffff)), false),
            ("dstport", ints(|n| (n % 3 != 0).then_some(n & 0x3ff)), true),
            ("bytes", Arc::new((0..ROWS).map(|n| i64::from(mixed(n)) << 20).collect::<Int64Array>()), true),
            ("tcp_flags", ints(|_| None), true),
            ("protocol", ints(|_| Some(6)), true),
            ("srcaddr", texts(&address), true),
            ("pkt_srcaddr", texts(&address), true),
            ("interface_id", texts(&|n| Some(format!("eni-{:017}", n % 7))), false),
            ("subnet_id", texts(&|_| None), true),
            ("region", texts(&|n| Some("eu-west-1".repeat((n & 7) as usize))), true),
        ];
        let fields: Fields = columns
            .iter()
            .map(|(name, array, nullable)| Field::new(*name, array.data_type().clone(), *nullable))
            .collect();
        let arrays = columns.into_iter().map(|(_, array, _)| array).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
    }

    fn written(properties: WriterPropertiesBuilder, rows: usize) -> Vec<u8> {
        let table = table().slice(0, rows);
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties.build())).unwrap();
        writer.write(&table).unwrap();
        writer.close().unwrap();
        bytes
    }

    /// All batches of a file, its columns as the crate gives them; what ended it; and how many
    /// arrays were dictionaries.
    fn read(bytes: &[u8], are_keyed: bool) -> (Vec<Vec<ArrayRef>>, Option<String>, usize) {
        let (mut batches, mut dictionaries) = (Vec::new(), 0);
        let mut all = || {
            let file = File::open(&Bytes::copy_from_slice(bytes))?;
            let kept = (0..file.names().len()).collect();
            let file = Arc::new(file.with_columns(kept, are_keyed));
            let mut allowance = Allowance::for_file(1 << 30);
            for group in 0..file.metadata.num_row_groups() {
                file.judge(group, &mut allowance)?;
                for batch in file.row_group(group)? {
                    let batch = batch.map_err(|error| ObjectError::Parquet(error.to_string()))?;
                    let plain = batch.rows.columns().iter().enumerate().map(|(at, array)| {
                        let Some(values) = batch.dictionary(at) else {
                            return arrow::compute::cast(array, &plain_kind(array.data_type())).unwrap();
                        };
                        dictionaries += 1;
                        arrow::compute::take(values, array, None).unwrap()
                    });
                    batches.push(plain.collect::<Vec<_>>());
                }
            }
            Ok::<(), ObjectError>(())
        };
        let error = all().err().map(|error| error.to_string());
        (batches, error, dictionaries)
    }

    fn plain_kind(kind: &DataType) -> DataType {
        if kind.is_integer() { DataType::Int64 } else { DataType::Utf8View }
    }

    fn gzip() -> WriterPropertiesBuilder {
        WriterProperties::builder().set_compression(Compression::GZIP(GzipLevel::default()))
    }

    #[test]
    fn both_ways_give_the_same_rows() {
        let plain = WriterProperties::builder;
        let files = [
            ("not compressed", plain(), 10),
            ("as AWS has them", gzip(), 10),
            ("many pages", gzip().set_data_page_row_count_limit(777).set_write_batch_size(64), 10),
            ("several row groups", gzip().set_max_row_group_row_count(Some(9_000)), 10),
            ("another codec", plain().set_compression(Compression::SNAPPY), 0),
            ("version 2 pages", gzip().set_writer_version(WriterVersion::PARQUET_2_0), 0),
            ("no dictionaries", gzip().set_dictionary_enabled(false), 0),
            ("some", gzip().set_column_dictionary_enabled("bytes".into(), false), 9),
            ("dictionaries that were given up", gzip().set_dictionary_page_size_limit(5_000), 6),
        ];
        for (name, properties, columns) in files {
            let bytes = written(properties, ROWS as usize);
            let (own, crates) = (read(&bytes, true), read(&bytes, false));
            assert_eq!((own.1, crates.1), (None, None), "{name}");
            assert_eq!(own.0, crates.0, "{name}");
            assert_eq!((own.2, crates.2), (columns * own.0.len(), 0), "{name}");
            let rows: usize = own.0.iter().map(|batch| batch[0].len()).sum();
            assert_eq!(rows, ROWS as usize, "{name}");
        }
    }

    #[test]
    fn of_a_damaged_file_both_ways_read_as_much_and_say_the_same() {
        for (is_checked, properties) in [(true, gzip()), (false, WriterProperties::builder())] {
            let good = written(properties.set_data_page_row_count_limit(50).set_write_batch_size(10), 120);
            let (rows, ..) = read(&good, true);
            let mut damaged = 0;
            for at in (4..good.len()).step_by(7) {
                let mut bad = good.clone();
                bad[at] ^= 0x55;
                let outcome = |are_keyed| {
                    std::panic::catch_unwind(|| read(&bad, are_keyed))
                        .map(|(rows, error, _)| (rows, error))
                        .ok()
                };
                let (own, crates) = (outcome(true), outcome(false));
                // Or it is where the crate looks at what is not needed: in headers, and, where there is
                // no checksum, at keys behind the last row.
                let has_more = own.as_ref().is_some_and(|(own, error)| {
                    error.is_none() && (*own == rows || !is_checked && own.len() == rows.len())
                });
                let is_refused = crates.as_ref().is_none_or(|(_, error)| error.is_some());
                assert!(own == crates || has_more && is_refused, "byte {at}: {own:?} and {crates:?}");
                damaged += usize::from(own.is_none_or(|(_, error)| error.is_some()));
            }
            assert!(damaged > 100, "{damaged}");
        }
    }

    #[test]
    fn what_breaks_late_leaves_what_was_read_before() {
        // Damage in the last page of one column: two batches come before it.
        let properties = gzip().set_data_page_row_count_limit(1_000).set_write_batch_size(100);
        let mut bytes = written(properties, ROWS as usize);
        let file = File::open(&Bytes::copy_from_slice(&bytes)).unwrap();
        let (start, length) = file.metadata.row_group(0).column(1).byte_range();
        bytes[(start + length) as usize - 20] ^= 0xff;
        let (own, crates) = (read(&bytes, true), read(&bytes, false));
        assert_eq!((own.0.len(), own.2), (2, 20));
        assert!(own.1.is_some());
        assert_eq!((own.0, own.1), (crates.0, crates.1));
    }
}
