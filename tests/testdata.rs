//! The project's own test data: that it is what its generator makes, and what reading it gives.
//!
//! `OUTFLOW_TESTDATA=write cargo test --test testdata` writes the files anew. Compressed files are
//! compared by what they hold, so that another version of a compressor does not fail the test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail loudly")]
#![allow(clippy::format_push_string, reason = "clearer than write! into a String that cannot fail")]

mod testdata_support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use arrow::array::RecordBatch;
use bytes::Bytes;
use outflow::gunzip::Gunzip;
use outflow::record::fields::DEFAULT_VPC_FORMAT;
use outflow::record::{ColumnPlan, FlowRecord, ReadReport, RecordSink, SkipReason, read_object};
use outflow::window::{ObjectContext, Shard};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use SkipReason::{
    BadAddress, BadEnvelope, BadNumber, BadWord, CutOff, LineTooLong, NoEventTime, NoHeader, NoInterface,
    TimeOutOfRange, TooFewFields, TooManyFields,
};
use testdata_support::{files, fleet, folder};

/// Bytes all test data may take.
const TOTAL_BYTES_MAX: usize = 300_000;

/// What reading a file comes to.
struct Expected {
    /// File name.
    name: &'static str,
    /// Whether the default format is configured.
    has_format: bool,
    records: u64,
    no_data: u64,
    skip_data: u64,
    /// Bytes of all records.
    bytes: u64,
    /// Skipped lines: reason, how many, and the 1-based line of the first.
    skipped: &'static [(SkipReason, u64, u64)],
    /// What the error says, when the object ends in one.
    error: Option<&'static str>,
}

const fn ok(name: &'static str, counts: [u64; 3], bytes: u64) -> Expected {
    let [records, no_data, skip_data] = counts;
    Expected { name, has_format: false, records, no_data, skip_data, bytes, skipped: &[], error: None }
}

impl Expected {
    const fn skipped(self, skipped: &'static [(SkipReason, u64, u64)]) -> Self {
        Self { skipped, ..self }
    }

    const fn with_format(self) -> Self {
        Self { has_format: true, ..self }
    }

    const fn error(self, text: &'static str) -> Self {
        Self { error: Some(text), ..self }
    }
}

#[rustfmt::skip]
const FILES: &[Expected] = &[
    ok("v2.log", [2, 1, 1], 5120),
    ok("v2.log.gz", [2, 1, 1], 5120),
    ok("v5-custom.log", [2, 0, 0], 4608),
    ok("v11-all-columns.log", [1, 0, 0], 4096),
    ok("reordered.log", [1, 0, 0], 4096),
    ok("crlf.log", [2, 1, 1], 5120),
    ok("bom.log", [2, 1, 1], 5120),
    ok("no-header.log", [0, 0, 0], 0).skipped(&[(NoHeader, 2, 1)]),
    ok("no-header.log", [2, 0, 0], 5120).with_format(),
    ok("header-only.log", [0, 0, 0], 0),
    ok("no-final-newline.log", [1, 0, 0], 4096),
    ok("empty.log", [0, 0, 0], 0),
    ok("empty-body.log.gz", [0, 0, 0], 0),
    ok("nodata-skipdata.log", [0, 2, 1], 0),
    ok("members-header-repeated.log.gz", [4, 2, 2], 10_240),
    ok("members-split-mid-line.log.gz", [2, 1, 1], 5120),
    // The SKIPDATA line is cut in half.
    ok("truncated.log.gz", [2, 1, 0], 5120).skipped(&[(CutOff, 1, 5)]).error("gzip stream damaged"),
    ok("bad-too-few-fields.log", [2, 0, 0], 5120).skipped(&[(TooFewFields, 1, 3)]),
    ok("bad-too-many-fields.log", [2, 0, 0], 5120).skipped(&[(TooManyFields, 1, 3)]),
    ok("bad-number.log", [2, 0, 0], 5120).skipped(&[(BadNumber, 1, 3)]),
    ok("bad-address.log", [2, 0, 0], 5120).skipped(&[(BadAddress, 1, 3)]),
    ok("bad-word.log", [2, 0, 0], 5120).skipped(&[(BadWord, 1, 3)]),
    ok("bad-line-too-long.log.gz", [2, 0, 0], 5120).skipped(&[(LineTooLong, 1, 3)]),
    ok("bad-no-interface.log", [2, 0, 0], 5120).skipped(&[(NoInterface, 1, 3)]),
    ok("bad-no-event-time.log", [2, 0, 0], 5120).skipped(&[(NoEventTime, 1, 3)]),
    ok("bad-time-out-of-range.log", [2, 0, 0], 5120).skipped(&[(TimeOutOfRange, 1, 3)]),
    ok("bad-control-characters.log", [2, 0, 0], 5120).skipped(&[(TooFewFields, 1, 3)]),
    ok("bad-envelope.json", [2, 0, 0], 5120).with_format().skipped(&[(BadEnvelope, 2, 2)]),
    ok("cloudwatch.json", [0, 0, 0], 0).skipped(&[(NoHeader, 3, 1)]),
    ok("cloudwatch.json", [2, 1, 0], 5120).with_format(),
    ok("cloudwatch-control.json", [0, 0, 0], 0),
    ok("cloudwatch-members.gz", [4, 2, 0], 10_240).with_format(),
    ok("firehose.json", [2, 0, 1], 5120).with_format(),
    ok("vpc.log.parquet", [2, 1, 0], 5120).skipped(&[(BadAddress, 1, 4)]),
    ok("lying-page-header.log.parquet", [0, 0, 0], 0).error("its pages claim"),
];

/// Sums bytes, and has each record judged as a scan does it.
#[derive(Default)]
struct Summed {
    bytes: u64,
    bytes_by_sender: BTreeMap<(String, String), u64>,
    shard: Shard,
}

impl RecordSink for Summed {
    fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
        self.shard.add(record, &ObjectContext::default())?;
        let bytes = record.bytes.unwrap_or(0);
        self.bytes += bytes;
        if let (Some(src), Some(dst)) = (record.src, record.dst) {
            *self.bytes_by_sender.entry((src.to_string(), dst.to_string())).or_default() += bytes;
        }
        Ok(())
    }
}

fn read(path: &Path, has_format: bool, sink: &mut Summed) -> ReadReport {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let format = has_format.then(|| ColumnPlan::from_config(DEFAULT_VPC_FORMAT).unwrap());
    read_object(file, format.as_ref(), sink)
}

#[test]
fn every_file_comes_to_what_it_holds() {
    for want in FILES {
        let mut sink = Summed::default();
        let report = read(&folder().join(want.name), want.has_format, &mut sink);
        let context = format!("{}: {report:?}", want.name);
        let counts = (report.records, report.no_data, report.skip_data, sink.bytes);
        assert_eq!(counts, (want.records, want.no_data, want.skip_data, want.bytes), "{context}");
        for reason in SkipReason::ALL {
            let expected = want.skipped.iter().find(|s| s.0 == reason);
            assert_eq!(report.skipped[reason as usize], expected.map_or(0, |s| s.1), "{context}");
            let first = report.samples.iter().find(|s| s.reason == reason).map(|s| s.line);
            assert_eq!(first, expected.map(|s| s.2), "{context}");
        }
        let error = report.error.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!(!error.is_empty(), want.error.is_some(), "{context}");
        assert!(error.contains(want.error.unwrap_or_default()), "{context}");
        let seen = report.records + report.no_data + report.skip_data + report.skipped_total();
        assert_eq!(report.lines, seen, "every line is accounted for: {context}");
    }
}

#[test]
fn every_reason_to_skip_a_line_has_a_file() {
    for reason in SkipReason::ALL {
        assert!(FILES.iter().any(|file| file.skipped.iter().any(|s| s.0 == reason)), "{reason:?}");
    }
}

#[test]
fn the_fleet_has_an_hour_of_objects_and_its_leak() {
    let objects: Vec<String> = files().into_iter().map(|(path, _)| path).collect();
    let mut sink = Summed::default();
    let mut total = ReadReport::default();
    for path in objects.iter().filter(|path| path.starts_with(fleet::ROOT)) {
        let report = read(&folder().join(path), false, &mut sink);
        assert!(report.error.is_none() && report.skipped_total() == 0, "{path}: {report:?}");
        total.records += report.records;
        total.no_data += report.no_data;
        total.skip_data += report.skip_data;
    }
    // 60 minutes of four connections there and back, three leaks there and back.
    assert_eq!((total.records, total.no_data, total.skip_data), (486, 60, 1));
    let leak = sink.bytes_by_sender[&("10.0.1.5".to_owned(), "192.0.2.66".to_owned())];
    assert_eq!(leak, 3 * fleet::LEAK_BYTES);
    assert_eq!(sink.shard.hours().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_header_that_claims_two_gigabytes_costs_no_memory() {
    read(&folder().join("lying-page-header.log.parquet"), false, &mut Summed::default());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak_kib < 512 << 10, "{peak_kib} KiB resident at the most");
}

/// What a file holds, beyond how it is compressed.
#[derive(Debug, PartialEq)]
enum Content {
    Bytes(Vec<u8>),
    /// Text, and whether the stream is whole.
    Gzip(Vec<u8>, bool),
    Rows(Vec<RecordBatch>),
}

fn content(path: &str, bytes: Vec<u8>) -> Content {
    if Path::new(path).extension().is_some_and(|end| end == "gz") {
        let mut text = Vec::new();
        let is_whole = Gunzip::new(bytes.as_slice()).read_to_end(&mut text).is_ok();
        return Content::Gzip(text, is_whole);
    }
    if path == "vpc.log.parquet" {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap().build().unwrap();
        return Content::Rows(reader.map(Result::unwrap).collect());
    }
    Content::Bytes(bytes)
}

/// Every file below a folder, as paths with `/`.
fn on_disk(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            paths.extend(on_disk(&entry.path()).into_iter().map(|path| format!("{name}/{path}")));
        } else {
            paths.push(name);
        }
    }
    paths.sort();
    paths
}

#[test]
fn the_files_are_what_their_generator_makes() {
    let mut made = files();
    made.sort();
    if std::env::var("OUTFLOW_TESTDATA").is_ok_and(|value| value == "write") {
        for (path, bytes) in &made {
            let path = folder().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let names: Vec<&String> = made.iter().map(|(path, _)| path).collect();
    assert_eq!(on_disk(&folder()).iter().collect::<Vec<_>>(), names);
    for (path, bytes) in &made {
        // Its lie is patched into what a certain version of a writer made: only that it is one counts.
        if path == "lying-page-header.log.parquet" {
            continue;
        }
        let kept = fs::read(folder().join(path)).unwrap();
        assert_eq!(content(path, kept), content(path, bytes.clone()), "{path}");
    }
    let total: usize =
        names.iter().map(|path| fs::metadata(folder().join(path)).unwrap().len() as usize).sum();
    assert!(total < TOTAL_BYTES_MAX, "{total} bytes");
}

#[test]
fn every_file_is_in_the_table() {
    for (path, _) in files() {
        let is_known = path.starts_with(fleet::ROOT) || FILES.iter().any(|file| file.name == path);
        assert!(is_known, "say in FILES what {path} holds");
    }
}
