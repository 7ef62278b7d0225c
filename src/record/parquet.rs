//! Parquet objects: flow logs as AWS writes them, and Security Lake's OCSF.
//!
//! Columns are found by name, hyphenated or with underscores (AWS: snake case), whatever their
//! order and type (`columns.rs`). The Arrow schema some writers embed is ignored: it only says
//! what the Parquet types say too, and it is one more thing that can lie. What headers claim is
//! judged first (`parquet_guard.rs`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::addresses::Addresses;
use super::fields::{self, Target};
use super::lines::Lines;
use super::parquet_guard::{self, Allowance};
use super::row_group::File;
use super::rows::rows;
use super::{ObjectError, RecordSink, ocsf};

/// First and last bytes of a Parquet file.
pub(crate) const MAGIC: &[u8] = b"PAR1";

/// Which columns of the file hold what.
enum Columns {
    /// Flow-log fields by name: (index among the projected columns, field).
    Fields(Vec<(usize, &'static fields::Field)>),
    /// OCSF network activity.
    Ocsf,
}

/// Reads all rows of a Parquet file. Threads take one row group after the other: each is judged by
/// its page headers first, so that what comes before a broken one is read. A group whose pages turn
/// out to be damaged ends there, and the next ones are read all the same.
pub(super) fn read<S: RecordSink + Send>(
    bytes: &Bytes,
    lines: &mut Lines<'_, S>,
    others: &mut [Lines<'_, S>],
) -> Result<(), ObjectError> {
    parquet_guard::footer(bytes)?;
    let (file, columns) = contained(|| open(bytes, lines))??;
    let allowance = Allowance::for_file(bytes.len());
    let groups = Groups { file: Arc::new(file), allowance, next: 0, next_row: 0, failure: None };
    let groups = Mutex::new(groups);
    std::thread::scope(|scope| {
        for other in others {
            other.is_transit_gateway = lines.is_transit_gateway;
            scope.spawn(|| work(&groups, &columns, other));
        }
        work(&groups, &columns, lines);
    });
    let Groups { failure, .. } = groups.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(()), |(_, error)| Err(error))
}

/// Takes row groups and hands their rows over until there are no more.
fn work<S: RecordSink>(groups: &Mutex<Groups>, columns: &Columns, lines: &mut Lines<'_, S>) {
    let lock = || groups.lock().unwrap_or_else(PoisonError::into_inner);
    let mut addresses = Addresses::default();
    loop {
        let Some(group) = lock().next() else { return };
        let number = group.number;
        if let Err(error) = take(group, columns, &mut addresses, lines) {
            lock().note_failure(number, error);
        }
    }
}

/// Hands the rows of a row group over.
fn take<S: RecordSink>(
    group: Group,
    columns: &Columns,
    addresses: &mut Addresses,
    lines: &mut Lines<'_, S>,
) -> Result<(), ObjectError> {
    let Group { number, first_row: mut row, file } = group;
    let file = file?;
    let mut reader = contained(|| file.row_group(number))??;
    while let Some(batch) = contained(|| reader.next())? {
        let batch = batch.map_err(|error| ObjectError::Parquet(error.to_string()))?;
        match columns {
            Columns::Fields(columns) => rows(&batch, columns, row, addresses, lines),
            Columns::Ocsf => ocsf::rows(&batch.rows, row, lines),
        }
        row += batch.rows.num_rows() as u64;
    }
    Ok(())
}

/// The row groups that are left.
struct Groups {
    file: Arc<File>,
    allowance: Allowance,
    next: usize,
    /// Of the next group, in the file.
    next_row: u64,
    /// The first group in the file that could not be read to its end.
    failure: Option<(usize, ObjectError)>,
}

/// A row group that is to be read.
struct Group {
    number: usize,
    first_row: u64,
    /// Or what is wrong with its headers.
    file: Result<Arc<File>, ObjectError>,
}

impl Groups {
    /// The next row group. After one whose headers are not plausible there is none.
    fn next(&mut self) -> Option<Group> {
        let (number, first_row) = (self.next, self.next_row);
        let rows = self.file.rows(number)?;
        self.next += 1;
        self.next_row += rows;
        let Self { file, allowance, .. } = self;
        let verdict = contained(|| file.judge(number, allowance)).flatten();
        if verdict.is_err() {
            self.next = usize::MAX;
        }
        Some(Group { number, first_row, file: verdict.map(|()| Arc::clone(&self.file)) })
    }

    fn note_failure(&mut self, number: usize, error: ObjectError) {
        if self.failure.as_ref().is_none_or(|(first, _)| number < *first) {
            self.failure = Some((number, error));
        }
    }
}

/// Runs a step of the Parquet decoder. Its authors check what they read, but metadata that lies
/// has found index and arithmetic panics in it before, and one hostile object must not end the
/// run. Nothing of ours is half-changed then: the reader is dropped.
fn contained<T>(step: impl FnOnce() -> T) -> Result<T, ObjectError> {
    catch_unwind(AssertUnwindSafe(step))
        .map_err(|_| ObjectError::Parquet("the decoder gave up on corrupt data".to_owned()))
}

/// Reads the footer and finds the columns.
fn open<S: RecordSink>(bytes: &Bytes, lines: &mut Lines<'_, S>) -> Result<(File, Columns), ObjectError> {
    let file = File::open(bytes)?;
    let names = file.names();
    if ocsf::is_ocsf(&names) {
        return Ok((file.with_columns(ocsf::roots(&names), false), Columns::Ocsf));
    }
    let (kept, columns) = plan(&names, lines)?;
    Ok((file.with_columns(kept, true), Columns::Fields(columns)))
}

/// The columns to decode, and what each of them fills.
#[expect(clippy::type_complexity, reason = "two parallel lists, used once")]
fn plan<S: RecordSink>(
    names: &[String],
    lines: &mut Lines<'_, S>,
) -> Result<(Vec<usize>, Vec<(usize, &'static fields::Field)>), ObjectError> {
    let mut kept = Vec::new();
    let mut columns: Vec<(usize, &'static fields::Field)> = Vec::new();
    let mut known = 0;
    let mut unknown = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let Some(field) = fields::find(name.as_bytes()) else {
            unknown.push(name.clone());
            continue;
        };
        known += 1;
        if field.name.starts_with("tgw-") {
            lines.is_transit_gateway = true;
        }
        if field.target != Target::Skip && columns.iter().all(|(_, f)| f.name != field.name) {
            columns.push((kept.len(), field));
            kept.push(at);
        }
    }
    if known == 0 {
        return Err(ObjectError::Parquet("no column is a flow log field".to_owned()));
    }
    lines.report.note_unknown(&unknown);
    Ok((kept, columns))
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, StructArray,
    };
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, GzipLevel};
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::record::{
        Action, FlowDirection, FlowRecord, ObjectReader, ReadReport, SkipReason, read_object,
    };

    /// Keeps each record as text.
    struct Shown(Vec<String>);

    impl RecordSink for Shown {
        fn record(&mut self, r: &FlowRecord<'_>) -> Result<(), SkipReason> {
            let text = |t: &[u8]| String::from_utf8_lossy(t).into_owned();
            let (dst, port) = (r.dst.map(|a| a.to_string()), r.dst_port);
            self.0.push(format!("{} {} {dst:?} {port:?} {:?}", text(r.account), text(r.eni), r.end));
            if r.direction == Some(FlowDirection::Egress) {
                assert_eq!((r.action, r.traffic_path), (Some(Action::Accept), Some(8)));
                assert_eq!(text(r.vpc), "vpc-1");
            }
            Ok(())
        }
    }

    fn file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn texts(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn numbers(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    fn read(bytes: &[u8]) -> (Vec<String>, ReadReport) {
        let mut shown = Shown(Vec::new());
        let report = read_object(bytes, None, &mut shown);
        let mut both = [Shown(Vec::new()), Shown(Vec::new())];
        let together = ObjectReader::default().read_together(bytes, None, &mut both);
        let mut all = both.map(|shown| shown.0).concat();
        all.sort();
        let mut sorted = shown.0.clone();
        sorted.sort();
        assert_eq!((all, format!("{together:?}")), (sorted, format!("{report:?}")));
        (shown.0, report)
    }

    fn sample() -> Vec<u8> {
        file(vec![
            ("account_id", numbers(&[Some(12), Some(12), Some(12)])),
            ("interface_id", texts(&["eni-1", "eni-2", "eni-3"])),
            ("dstaddr", texts(&["203.0.113.9", "-", "nonsense"])),
            ("dstport", Arc::new(Int32Array::from(vec![Some(443), None, None]))),
            ("end", numbers(&[Some(5), Some(1_700_000_000_123), Some(7)])),
            ("log_status", texts(&["OK", "NODATA", "OK"])),
            ("traffic-path", numbers(&[Some(-1), None, Some(0)])),
            ("brand_new", numbers(&[None, None, None])),
        ])
    }

    #[test]
    fn columns_are_found_by_name_and_rows_counted_and_located() {
        let (shown, report) = read(&sample());
        assert_eq!(
            shown,
            [
                "000000000012 eni-1 Some(\"203.0.113.9\") Some(443) Some(5)",
                "000000000012 eni-2 None None Some(1700000000)",
            ]
        );
        assert_eq!((report.lines, report.records, report.no_data), (3, 1, 1));
        let skip = &report.samples[0];
        assert_eq!((skip.reason, skip.line, skip.field), (SkipReason::BadAddress, 3, Some("dstaddr")));
        assert_eq!(report.unknown_columns, ["brand_new"]);
    }

    #[test]
    fn what_all_rows_have_in_common_is_in_every_row() {
        let rows = 0..100_i64;
        let enis: Vec<String> = rows.clone().map(|row| format!("eni-{}", row % 3)).collect();
        let enis: Vec<&str> = enis.iter().map(String::as_str).collect();
        let same = |text| texts(&vec![text; 100]);
        let columns = |eni: ArrayRef, port: i64| {
            vec![
                ("account_id", same("123456789012")),
                ("interface_id", eni),
                ("instance_id", texts(&enis)),
                ("dstaddr", same("203.0.113.9")),
                ("dstport", numbers(&[Some(port); 100])),
                ("end", numbers(&rows.clone().map(Some).collect::<Vec<_>>())),
            ]
        };
        let expected: Vec<String> = rows
            .clone()
            .map(|row| format!("123456789012 eni-{} Some(\"203.0.113.9\") Some(443) Some({row})", row % 3))
            .collect();
        // Where no row has an interface, its instance stands for it.
        for eni in [texts(&enis), same("-")] {
            assert_eq!(read(&file(columns(eni, 443))).0, expected);
        }
        let (shown, report) = read(&file(columns(texts(&enis), 70_000)));
        assert_eq!((shown.len(), report.skipped[SkipReason::BadNumber as usize]), (0, 100));
    }

    #[test]
    fn gzip_around_parquet_is_taken_off() {
        assert_eq!(read(&crate::gunzip::gzip(&sample())).1.records, 1);
    }

    #[test]
    fn transit_gateway_rows_belong_to_their_attachment() {
        let bytes = file(vec![
            ("tgw_attachment_id", texts(&["tgw-attach-1"])),
            ("account_id", texts(&["123456789012"])),
        ]);
        assert_eq!(read(&bytes).0, ["123456789012 tgw-attach-1 None None None"]);
    }

    #[test]
    fn network_activity_of_security_lake_is_understood() {
        let object =
            |fields: Vec<(&str, ArrayRef)>| -> ArrayRef { Arc::new(StructArray::try_from(fields).unwrap()) };
        let side = |ip: &str, port: i64, own: bool| {
            let id = |text: &'static str| texts(&[if own { text } else { "-" }]);
            object(vec![
                ("ip", texts(&[ip])),
                ("port", numbers(&[Some(port)])),
                ("interface_uid", id("eni-1")),
                ("vpc_uid", id("vpc-1")),
            ])
        };
        let bytes = file(vec![
            ("cloud", object(vec![("account_uid", texts(&["123456789012"]))])),
            ("src_endpoint", side("10.0.0.5", 50_000, true)),
            ("dst_endpoint", side("203.0.113.9", 443, false)),
            (
                "connection_info",
                object(vec![("boundary_id", numbers(&[Some(11)])), ("direction_id", numbers(&[Some(2)]))]),
            ),
            ("end_time", numbers(&[Some(1_700_000_000_000)])),
            ("action_id", numbers(&[Some(1)])),
            ("status_code", texts(&["OK"])),
        ]);
        let (shown, report) = read(&bytes);
        assert_eq!(shown, ["123456789012 eni-1 Some(\"203.0.113.9\") Some(443) Some(1700000000)"]);
        assert_eq!(report.lines, 1);
    }

    #[test]
    fn other_tables_are_refused() {
        let (_, report) = read(&file(vec![("colour", texts(&["red"]))]));
        assert!(matches!(report.error, Some(ObjectError::Parquet(_))));
    }

    #[test]
    fn more_rows_than_a_file_can_hold_are_refused() {
        // Equal numbers take next to no room: rows for nothing.
        let (_, report) = read(&file(vec![("version", numbers(&vec![Some(2); 1_100_000]))]));
        assert_eq!(report.records, 1 << 20, "the first row group was plausible");
        let error = report.error.unwrap().to_string();
        assert!(error.contains("51424 rows are more than its size can hold"), "{error}");
    }

    #[test]
    fn a_damaged_row_group_does_not_cost_those_behind_it() {
        let columns = vec![("interface_id", texts(&["eni-1", "eni-2", "eni-3"]))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut bytes = Vec::new();
        let properties = WriterProperties::builder().set_compression(Compression::GZIP(GzipLevel::default()));
        let properties = properties.set_max_row_group_row_count(Some(1)).build();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let file = writer.close().unwrap();
        let (start, len) = file.row_group(1).column(0).byte_range();
        // The checksum of the last page.
        bytes[(start + len - 8) as usize] ^= 1;
        let (shown, report) = read(&bytes);
        let enis: Vec<_> = shown.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
        assert_eq!(enis, ["eni-1", "eni-3"]);
        assert!(matches!(report.error, Some(ObjectError::Parquet(_))), "{:?}", report.error);
    }

    #[test]
    fn a_long_text_in_a_dictionary_is_not_copied_for_each_row() {
        /// Notes where the last text lies.
        struct Addresses(std::collections::BTreeSet<usize>);
        impl RecordSink for Addresses {
            fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
                self.0.insert(record.eni.as_ptr().addr());
                Ok(())
            }
        }
        let long = "e".repeat(100_000);
        let enis = DictionaryArray::new(Int32Array::from(vec![0; 2000]), texts(&[&long]));
        let bytes = file(vec![("interface_id", Arc::new(enis))]);
        assert!(bytes.len() < 400_000);
        let mut addresses = Addresses(std::collections::BTreeSet::new());
        let report = read_object(bytes.as_slice(), None, &mut addresses);
        assert_eq!((report.records, addresses.0.len()), (2000, 1));
    }

    #[test]
    fn corrupt_files_are_errors_and_never_a_panic() {
        let good = sample();
        for cut in (4..good.len()).step_by(61) {
            let (_, report) = read(&good[..cut]);
            assert!(matches!(report.error, Some(ObjectError::Parquet(_))), "cut at {cut}");
        }
        for at in 4..good.len() {
            for value in [0, 0xff, good[at] ^ 0x10] {
                let mut bad = good.clone();
                bad[at] = value;
                // Whatever comes out, it comes back, and every row of it is accounted for.
                let (shown, report) = read(&bad);
                assert_eq!(shown.len() as u64, report.lines - report.skipped_total());
            }
        }
    }
}
