//! The same objects give the same bytes: in any order, on any number of threads, cut into other
//! objects, scanned again, or scanned with more days after them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "trusted input, packed and unpacked by the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::fleet_support::{Scanned, files, objects, options, scan_all, write_fleet};
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use outflow::alert::Alert;
use outflow::limits::SHARED_OBJECT_BYTES_MIN;
use outflow::scan::{ObjectKey, ObjectRef, Source};
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;

/// Long enough for an emission threshold, which needs seven scored days.
const DAYS: u32 = 9;

fn fleet(format: SimFormat) -> SimulateOptions {
    SimulateOptions {
        seed: 4_242,
        enis: 12,
        days: DAYS,
        attack_from_day: 5,
        interval_seconds: 600,
        format,
        density: 0.1,
        attacks: AttackMix::All,
        attacks_per_family: 1,
        skip_data_share: 0.01,
        late_share: 0.02,
        ..SimulateOptions::default()
    }
}

/// The alerts as the contract renders them, one a line.
fn lines(alerts: &[Alert]) -> Vec<String> {
    alerts.iter().map(|alert| serde_json::to_string(alert).unwrap()).collect()
}

fn assert_same(what: &str, report: &Scanned, lake: &Path, reference: &Reference) {
    let got = lines(&report.alerts);
    for (got, expected) in got.iter().zip(&reference.alerts) {
        assert_eq!(got, expected, "{what}: an alert differs");
    }
    assert_eq!(got.len(), reference.alerts.len(), "{what}: other alerts");
    let got = files(lake);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&got), names(&reference.lake), "{what}: other files");
    for (name, bytes) in &got {
        assert!(*bytes == reference.lake[name], "{what}: {} differs", name.display());
    }
}

struct Reference {
    alerts: Vec<String>,
    lake: BTreeMap<PathBuf, Vec<u8>>,
}

/// All properties on one fleet, so that it is simulated once.
fn check(format: SimFormat) {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    write_fleet(&fleet(format), &logs);
    let all = objects(&logs);
    let lake = dir.path().join("lake");
    let first = scan_all(all.clone(), &options(1, Some(&lake)));
    let seen = &first.seen;
    assert!(seen.late_records > 0 && seen.skip_data > 0 && seen.objects_failed == 0, "{seen:?}");
    assert!(first.alerts.iter().any(|a| a.threshold.is_some()), "no day had a threshold");
    assert!(first.alerts.iter().any(|a| a.emitted), "nothing was emitted");
    let reference = Reference { alerts: lines(&first.alerts), lake: files(&lake) };
    assert!(reference.lake.len() >= 4 * DAYS as usize, "{:?}", reference.lake.keys());

    let again = scan_all(all.clone(), &options(2, Some(&lake)));
    assert_same("scanned again into the same lake", &again, &lake, &reference);
    orders_and_threads(&all, dir.path(), &reference);
    halves(&all, &first, dir.path());
    days_that_closed_stay(&all, &first, &reference, dir.path());
    one_object(&all, dir.path());
}

fn orders_and_threads(all: &[ObjectRef], dir: &Path, reference: &Reference) {
    for (seed, threads) in [(1, 1), (2, 2), (3, 8)] {
        let mut shuffled = all.to_vec();
        shuffled.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
        assert!(shuffled != all, "not shuffled");
        let lake = dir.join(format!("lake-{seed}-{threads}"));
        let report = scan_all(shuffled, &options(threads, Some(&lake)));
        assert_same(&format!("order {seed} on {threads} threads"), &report, &lake, reference);
    }
}

/// All in one object, which is large enough to be read by several threads: it begins like one, and
/// headers come again in it.
fn one_object(all: &[ObjectRef], dir: &Path) {
    let path = dir.join("all.log.gz");
    let mut out = GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::none());
    for object in all {
        let Source::File(path) = &object.path else { unreachable!("listed from a folder") };
        std::io::copy(&mut MultiGzDecoder::new(fs::File::open(path).unwrap()), &mut out).unwrap();
    }
    out.finish().unwrap();
    let bytes = fs::metadata(&path).unwrap().len();
    assert!(bytes > 2 * SHARED_OBJECT_BYTES_MIN, "{bytes} bytes are no large object");
    let name = path.to_string_lossy().into_owned();
    let object = ObjectRef { name, path: Source::File(path), bytes, key: None };
    let lake = |threads| dir.join(format!("lake-of-one-{threads}"));
    let first = scan_all(vec![object.clone()], &options(1, Some(&lake(1))));
    assert!(first.seen.objects == 1 && !first.alerts.is_empty(), "{:?}", first.seen);
    let reference = Reference { alerts: lines(&first.alerts), lake: files(&lake(1)) };
    for threads in [2, 4] {
        let report = scan_all(vec![object.clone()], &options(threads, Some(&lake(threads))));
        assert_eq!(format!("{:?}", report.seen), format!("{:?}", first.seen));
        assert_same(&format!("one object on {threads} threads"), &report, &lake(threads), &reference);
    }
}

/// One object delivered as two of the same time: only the lists of objects may differ.
fn halves(all: &[ObjectRef], whole: &Scanned, dir: &Path) {
    let mut cut = all.to_vec();
    for at in [all.len() / 3, all.len() - 40] {
        let Source::File(path) = &all[at].path else { unreachable!("listed from a folder") };
        let mut text = String::new();
        MultiGzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        let (header, body) = text.split_once('\n').unwrap();
        let records: Vec<&str> = body.lines().collect();
        assert!(records.len() >= 2, "nothing to cut in {}", all[at].name);
        let (stem, _) = path.file_name().unwrap().to_str().unwrap().rsplit_once('_').unwrap();
        for (hash, half) in ["00000000", "ffffffff"].iter().zip(records.chunks(records.len().div_ceil(2))) {
            let half_path = dir.join(format!("{stem}_{hash}.log.gz"));
            let mut out = GzEncoder::new(fs::File::create(&half_path).unwrap(), flate2::Compression::fast());
            writeln!(out, "{header}\n{}", half.join("\n")).unwrap();
            out.finish().unwrap();
            let name = half_path.to_string_lossy().into_owned();
            let key = ObjectKey::parse(&name);
            assert_eq!(key, all[at].key);
            let bytes = fs::metadata(&half_path).unwrap().len();
            cut.push(ObjectRef { name, path: Source::File(half_path), bytes, key });
        }
        cut.retain(|object| object.name != all[at].name);
    }
    assert_eq!(cut.len(), all.len() + 2);
    let report = scan_all(cut, &options(2, None));
    assert_eq!(report.seen.records, whole.seen.records);
    let bare = |report: &Scanned| {
        let mut alerts = report.alerts.clone();
        for alert in &mut alerts {
            (alert.objects, alert.objects_more) = (Vec::new(), 0);
        }
        lines(&alerts)
    };
    assert_eq!(bare(&report), bare(whole));
}

/// A day that has closed, with everything late for it, never changes: what comes later adds to
/// later days only.
fn days_that_closed_stay(all: &[ObjectRef], whole: &Scanned, reference: &Reference, dir: &Path) {
    let time = |object: &ObjectRef| object.key.as_ref().unwrap().time_second;
    let start = all.iter().map(time).min().unwrap().div_euclid(86_400) * 86_400;
    let day_second = |day: i64| start + day * 86_400;
    for days in [3, i64::from(DAYS) - 1] {
        let until = day_second(days);
        let part: Vec<ObjectRef> = all.iter().filter(|object| time(object) < until).cloned().collect();
        assert!(part.len() < all.len());
        let lake = dir.join(format!("lake-of-{days}-days"));
        let report = scan_all(part, &options(2, Some(&lake)));
        // The last day of the part may still be open; those before it are closed.
        let closed = jiff::Timestamp::from_second(day_second(days - 1)).unwrap();
        let before = |alerts: &[Alert]| {
            let kept: Vec<Alert> = alerts
                .iter()
                .filter(|alert| alert.window_start.parse::<jiff::Timestamp>().unwrap() < closed)
                .cloned()
                .collect();
            lines(&kept)
        };
        assert_eq!(before(&report.alerts), before(&whole.alerts), "alerts of {days} days");
        let date = closed.to_string()[..10].to_owned();
        let mut compared = 0;
        for (name, bytes) in files(&lake) {
            let of_day = name.to_string_lossy().split("date=").nth(1).unwrap()[..10].to_owned();
            if of_day < date {
                assert!(reference.lake[&name] == bytes, "{} of {days} days differs", name.display());
                compared += 1;
            }
        }
        assert!(compared >= 4 * (days as usize - 1), "only {compared} files compared");
    }
}

#[test]
fn v5_gives_the_same_bytes_however_it_is_scanned() {
    check(SimFormat::V5);
}

#[test]
fn v2_gives_the_same_bytes_however_it_is_scanned() {
    check(SimFormat::V2);
}
