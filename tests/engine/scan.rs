//! `scan` on inputs that are damaged, hostile, late or oddly named: each is counted and located,
//! and the rest goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "trusted input, packed and unpacked by the test"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::fleet_support::{Scanned, objects, options, scan_all, scan_with};
use flate2::Compression;
use flate2::write::GzEncoder;
use outflow::lake::{COVERAGE, HOURLY, Lake};
use outflow::limits::INFLATE_RATIO_FREE_BYTES;
use outflow::record::{ObjectError, SkipReason};
use outflow::scan::{ObjectRef, Progress, ScanOptions, Source};
use outflow::window::{EniHour, Hour};

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets \
                      bytes start end action log-status\n";
/// 2026-03-01T00:00:00Z.
const START: i64 = 1_772_323_200;
const ENI: &str = "eni-0123456789abcdef0";

/// A record of the default format: 1,000 bytes out to 203.0.113.9, in a minute that ends at `end`.
fn line(end: i64) -> String {
    line_of(ENI, end)
}

fn line_of(eni: &str, end: i64) -> String {
    let start = end - 60;
    format!("2 111111111111 {eni} 10.0.0.5 203.0.113.9 49152 443 6 10 1000 {start} {end} ACCEPT OK\n")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// Writes an object named by the time `second` as AWS does.
fn deliver(dir: &Path, second: i64, hash: &str, bytes: &[u8]) -> PathBuf {
    let time = jiff::Timestamp::from_second(second).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    let time = time.strftime("%Y%m%dT%H%MZ");
    let path = dir.join(format!("111111111111_vpcflowlogs_eu-west-1_fl-0a1b2c3d_{time}_{hash}.log.gz"));
    fs::write(&path, bytes).unwrap();
    path
}

/// An object with `count` good records, all of its five minutes.
fn good(dir: &Path, second: i64, hash: &str, count: i64) -> PathBuf {
    let records: String = (0..count).map(|n| line(second + 60 + n)).collect();
    deliver(dir, second, hash, &gzip(format!("{HEADER}{records}").as_bytes()))
}

fn skipped(report: &Scanned, reason: SkipReason) -> u64 {
    report.seen.skipped[reason as usize]
}

/// Good objects around a bad one: what is good is counted in full.
fn around(bad: &[u8]) -> Scanned {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path(), START, "aaaaaaaa", 3);
    deliver(dir.path(), START + 300, "bbbbbbbb", bad);
    good(dir.path(), START + 600, "cccccccc", 4);
    scan_all(objects(dir.path()), &options(2, None))
}

#[test]
fn a_truncated_object_gives_what_it_holds_and_the_rest_goes_on() {
    let text: String = (0..2000).map(|n| line(START + 300 + n % 300)).collect();
    let whole = gzip(format!("{HEADER}{text}").as_bytes());
    let report = around(&whole[..whole.len() / 2]);
    let seen = &report.seen;
    assert_eq!((seen.objects, seen.objects_failed), (2, 1));
    let (name, error) = &seen.failed[0];
    assert!(name.contains("bbbbbbbb") && matches!(error, ObjectError::Gzip { .. }), "{name}: {error}");
    assert!(seen.records > 7 && seen.records < 2007, "{}", seen.records);
    assert_eq!(seen.egress_bytes, seen.records * 1000);
}

#[test]
fn a_decompression_bomb_is_refused_and_the_rest_goes_on() {
    // Deflate of equal bytes reaches 1,000 to 1.
    let bomb = gzip(&vec![b'\n'; INFLATE_RATIO_FREE_BYTES as usize + (8 << 20)]);
    assert!(bomb.len() < 100 << 10, "{}", bomb.len());
    let seen = around(&bomb).seen;
    assert_eq!((seen.objects, seen.objects_failed, seen.records), (2, 1, 7));
    assert!(matches!(seen.failed[0].1, ObjectError::Bomb(_)), "{}", seen.failed[0].1);
}

#[test]
fn a_line_of_ten_megabytes_is_one_skipped_line() {
    let long = "x".repeat(10 << 20);
    let text = format!("{HEADER}{}{long}\n{}", line(START + 310), line(START + 320));
    let report = around(&gzip(text.as_bytes()));
    assert_eq!((report.seen.objects, report.seen.records), (3, 9));
    assert_eq!(skipped(&report, SkipReason::LineTooLong), 1);
    let (name, sample) = &report.seen.skip_samples[0];
    assert!(name.contains("bbbbbbbb"), "{name}");
    assert_eq!((sample.reason, sample.line), (SkipReason::LineTooLong, 3));
    assert!(sample.text.len() <= 80, "{}", sample.text.len());
}

#[test]
fn nul_bytes_are_skipped_lines_that_print_safely() {
    let nul = line(START + 310).replace("1000", "1\u{0}00");
    let text = format!("{HEADER}{nul}\0\0\0\n{}", line(START + 320));
    let report = around(&gzip(text.as_bytes()));
    assert_eq!((report.seen.objects, report.seen.records), (3, 8));
    assert_eq!(report.seen.skipped.iter().sum::<u64>(), 2);
    for (_, sample) in &report.seen.skip_samples {
        assert!(sample.text.chars().all(|c| !c.is_control()), "{:?}", sample.text);
    }
}

#[test]
fn empty_objects_hold_nothing_and_are_no_failure() {
    for nothing in [&b""[..], &gzip(b""), &gzip(HEADER.as_bytes())] {
        let seen = around(nothing).seen;
        assert_eq!((seen.objects, seen.objects_failed, seen.records), (3, 0, 7));
    }
}

#[test]
fn an_object_that_cannot_be_opened_fails_alone() {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path(), START, "aaaaaaaa", 3);
    let gone = good(dir.path(), START + 300, "bbbbbbbb", 3);
    let listed = objects(dir.path());
    fs::remove_file(&gone).unwrap();
    let seen = scan_all(listed, &options(1, None)).seen;
    assert_eq!((seen.objects, seen.objects_failed, seen.records), (1, 1, 3));
    assert!(matches!(seen.failed[0].1, ObjectError::Io(_)), "{}", seen.failed[0].1);
}

#[test]
fn nothing_to_scan_is_an_empty_report() {
    let report = scan_all(Vec::new(), &options(1, None));
    assert_eq!((report.seen.objects, report.seen.records, report.alerts.len()), (0, 0, 0));
    assert_eq!((report.seen.first_second, report.seen.missing_objects), (None, 0));
}

#[test]
fn a_period_cuts_between_records_of_one_object() {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path(), START, "aaaaaaaa", 10);
    let of = |from, to| {
        let options = ScanOptions { from, to, ..options(1, None) };
        scan_all(objects(dir.path()), &options).seen
    };
    assert_eq!(of(None, None).egress_bytes, 10_000);
    // Ends lie at START + 60 ... START + 69; the period is half open.
    let seen = of(Some(START + 62), Some(START + 65));
    assert_eq!(seen.egress_bytes, 3_000);
    assert_eq!((seen.first_second, seen.last_second), (Some(START + 62), Some(START + 64)));
    assert_eq!(of(Some(START + 70), None).egress_bytes, 0);
    assert_eq!(of(None, Some(START + 60)).egress_bytes, 0);
}

#[test]
fn objects_without_a_time_in_the_name_are_read_whole_and_miss_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for (name, hour) in [("b.log", 0), ("a.log", 5), ("c.log", 30)] {
        fs::write(dir.path().join(name), format!("{HEADER}{}", line(START + hour * 3600 + 90))).unwrap();
    }
    let lake = dir.path().join("lake");
    let listed: Vec<ObjectRef> = objects(dir.path());
    assert!(listed.iter().all(|object| object.key.is_none()));
    let seen = scan_all(listed, &options(2, Some(&lake))).seen;
    assert_eq!((seen.records, seen.hours, seen.late_records, seen.missing_objects), (3, 3, 0, 0));
    let hours = hours_of(&lake);
    assert_eq!(hours.iter().map(|h| h.hour).collect::<Vec<_>>(), [0, 5, 30].map(hour_after_start));
    for hour in hours {
        // The account stands in the record; the region stands nowhere.
        assert_eq!((&*hour.id.account, &*hour.id.region), ("111111111111", "unknown"));
        assert_eq!((hour.coverage.slots, hour.coverage.missing_slots()), (0, 0));
    }
}

fn hour_after_start(hours: i64) -> Hour {
    Hour::of_second(START + hours * 3600)
}

/// All hours of a lake, in order.
fn hours_of(root: &Path) -> Vec<EniHour> {
    let lake = Lake::open(root).unwrap();
    assert_eq!(lake.partitions(&HOURLY).unwrap(), lake.partitions(&COVERAGE).unwrap());
    let mut hours: Vec<EniHour> = Vec::new();
    for partition in lake.partitions(&COVERAGE).unwrap() {
        hours.extend(lake.read_hours(&partition).unwrap().map(Result::unwrap));
    }
    hours.sort_by(|a, b| (a.hour, &a.id).cmp(&(b.hour, &b.id)));
    hours
}

#[test]
fn late_records_are_counted_and_never_change_a_closed_hour() {
    let scan_late = |late: i64| {
        let dir = tempfile::tempdir().unwrap();
        for slot in 0..60 {
            good(dir.path(), START + slot * 300, "aaaaaaaa", 2);
        }
        // Two hours after the hour that its records end in, which closed 30 minutes after its end.
        let records: String = (0..late).map(|n| line_of(ENI, START + 600 + n)).collect();
        let text = format!("{HEADER}{records}{}", line(START + 3 * 3600 + 30));
        deliver(dir.path(), START + 3 * 3600, "dddddddd", &gzip(text.as_bytes()));
        let lake = dir.path().join("lake");
        let report = scan_all(objects(dir.path()), &options(2, Some(&lake)));
        (report.seen, hours_of(&lake))
    };
    let (none, without) = scan_late(0);
    let (some, with) = scan_late(7);
    assert_eq!((none.late_records, some.late_records), (0, 7));
    assert_eq!((some.records, none.records), (60 * 2 + 8, 60 * 2 + 1));
    assert_eq!((some.egress_bytes, some.hours), (none.egress_bytes, none.hours));
    assert_eq!(with.len(), without.len());
    for (with, without) in with.into_iter().zip(without) {
        let came_in = if with.hour == hour_after_start(3) { 7 } else { 0 };
        assert_eq!(with.coverage.late_records, came_in, "{:?}", with.hour);
        let mut with = with;
        with.coverage.late_records = 0;
        assert_eq!(with, without);
    }
}

#[test]
fn records_within_the_lateness_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path(), START, "aaaaaaaa", 2);
    // The last object that an hour waits for: named five minutes before its end plus 30 minutes.
    let last = START + 3600 + 25 * 60;
    deliver(dir.path(), last, "bbbbbbbb", &gzip(format!("{HEADER}{}", line(START + 100)).as_bytes()));
    deliver(dir.path(), last + 300, "cccccccc", &gzip(format!("{HEADER}{}", line(START + 101)).as_bytes()));
    let seen = scan_all(objects(dir.path()), &options(1, None)).seen;
    assert_eq!((seen.late_records, seen.egress_bytes), (1, 3_000));
}

#[test]
fn many_objects_of_one_time_are_all_in_before_their_hour_closes() {
    // More than one batch, all named by the last five minutes that hour 0 waits for.
    const OBJECTS: u64 = 1_100;
    let dir = tempfile::tempdir().unwrap();
    let bytes = gzip(format!("{HEADER}{}", line(START + 100)).as_bytes());
    for n in 0..OBJECTS {
        deliver(dir.path(), START + 3600 + 25 * 60, &format!("{n:08x}"), &bytes);
    }
    let lake = dir.path().join("lake");
    let seen = scan_all(objects(dir.path()), &options(2, Some(&lake))).seen;
    assert_eq!((seen.objects, seen.hours, seen.late_records), (OBJECTS, 1, 0));
    assert_eq!(seen.egress_bytes, OBJECTS * 1000);
    let hours = hours_of(&lake);
    assert_eq!(hours.len(), 1);
    assert_eq!(hours[0].totals.egress_bytes, OBJECTS * 1000);
}

/// Wants to stop from the start.
struct Stopped;

impl Progress for Stopped {
    fn object_done(&self, _: u64) {}

    fn stop(&self) -> bool {
        true
    }
}

#[test]
fn a_scan_that_is_stopped_says_so() {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path(), START, "aaaaaaaa", 3);
    let listed = objects(dir.path());
    let report = scan_with(listed, &options(1, None), &Stopped);
    assert!(report.seen.stopped);
    assert_eq!(report.seen.records, 0);
    let whole = scan_all(objects(dir.path()), &options(1, None));
    assert!(!whole.seen.stopped && whole.seen.records == 3);
}

#[test]
fn an_object_named_twice_through_a_source_is_the_callers_choice() {
    // `list` removes repetitions; `scan` itself adds up what it is given.
    let dir = tempfile::tempdir().unwrap();
    let path = good(dir.path(), START, "aaaaaaaa", 3);
    let object = objects(dir.path()).remove(0);
    assert_eq!(object.path, Source::File(path));
    let seen = scan_all(vec![object.clone(), object], &options(1, None)).seen;
    assert_eq!((seen.objects, seen.records), (2, 6));
}

#[test]
fn relays_are_counted_and_not_scored() {
    // A NAT gateway sends on what an instance has sent already.
    let header = HEADER.replace("log-status", "log-status interface-type");
    let dir = tempfile::tempdir().unwrap();
    for slot in 0..24 {
        let end = START + slot * 300 + 60;
        let own = line(end).replace(" OK\n", " OK interface\n");
        let relayed = line_of("eni-0fedcba9876543210", end).replace(" OK\n", " OK nat_gateway\n");
        deliver(
            dir.path(),
            START + slot * 300,
            "aaaaaaaa",
            &gzip(format!("{header}{own}{relayed}").as_bytes()),
        );
    }
    let seen = scan_all(objects(dir.path()), &options(2, None)).seen;
    assert_eq!((seen.records, seen.enis, seen.relays, seen.enis_learning), (48, 2, 1, 1));
    assert_eq!(seen.egress_bytes, 24_000, "the same bytes are not summed twice");
}
