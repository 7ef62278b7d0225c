//! A lake written on a thread of its own: the same files, days told in their order, errors after what
//! came before them, and never more in memory than is allowed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::fleet_support::{objects, options, scan_all, write_fleet};
use crate::lake_support::{DAY, alert, eni_hour, files, flow};
use outflow::alert::Alert;
use outflow::baseline::SnapshotRow;
use outflow::config::Config;
use outflow::error::Error;
use outflow::lake::{HOURLY, Lake, LakeDays, LakeError, LakeThread, LakeWriter, Staged};
use outflow::limits::LAKE_WAITING_BYTES_MAX;
use outflow::scan::{ObjectRef, Progress, ScanOptions, scan};
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use outflow::window::{ClosedHour, Day};

const ACCOUNT: &str = "111111111111";
const NEXT: Day = Day(DAY.0 + 1);

fn hour(day: Day, hour_of_day: u32, peer: &str) -> Arc<ClosedHour> {
    let mut eni = eni_hour(ACCOUNT, hour_of_day, "eni-1", vec![flow(peer, 1 << 20)]);
    eni.hour.0 += 24 * (day.0 - DAY.0);
    let objects = ClosedHour { hour: eni.hour, enis: Vec::new(), objects: std::iter::empty().collect() };
    Arc::new(ClosedHour { enis: vec![eni], ..objects })
}

fn row(state: String) -> SnapshotRow {
    SnapshotRow {
        scope: "eni".to_owned(),
        account: ACCOUNT.to_owned(),
        region: "eu-central-1".to_owned(),
        eni: "eni-1".to_owned(),
        group: String::new(),
        first_seen_second: 0,
        last_seen_second: 0,
        active_hours: 1,
        destinations: 1,
        usual_max_bytes: 1,
        state,
    }
}

fn start(root: &Path) -> LakeThread {
    let days = LakeDays::keeping(LakeWriter::create(root).unwrap(), false).unwrap();
    LakeThread::start(days).unwrap()
}

fn ids(days: &[Vec<Alert>]) -> Vec<&str> {
    days.iter().flatten().map(|alert| alert.id.as_str()).collect()
}

/// The dates under which `hourly/` has files, and how many unfinished files there are.
fn left(root: &Path) -> (Vec<Day>, usize) {
    let days = Lake::open(root).unwrap().partitions(&HOURLY).unwrap().into_iter().map(|of| of.day).collect();
    (days, files(root).keys().filter(|path| path.extension().is_some_and(|end| end == "tmp")).count())
}

#[test]
fn the_files_are_the_same_and_days_are_told_in_order() {
    let (here, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut days = LakeDays::new(LakeWriter::create(here.path()).unwrap());
    let mut thread = start(beside.path());
    let mut told = Vec::new();
    for (day, id) in [(DAY, "a"), (NEXT, "b")] {
        let (rows, alerts) = (vec![row("{}".to_owned())], vec![alert(id, ACCOUNT, 1.0)]);
        days.snapshot_rows(day, &rows).unwrap();
        days.begin(day, &[]).unwrap();
        Staged::publish_all(days.take_begun().unwrap()).unwrap();
        thread.snapshot_rows(day, rows).unwrap();
        thread.begin(day, Vec::new()).unwrap();
        for hour_of_day in 0..24 {
            let hour = hour(day, hour_of_day, "203.0.113.9");
            days.hour(&hour).unwrap();
            thread.hour(hour).unwrap();
        }
        days.end(day, &alerts).unwrap().into_iter().flatten().try_for_each(Staged::publish_all).unwrap();
        thread.wait_for_days().unwrap();
        thread.end(day, alerts).unwrap();
        told.extend(thread.take_written());
    }
    thread.finish().unwrap();
    told.extend(thread.take_written());
    assert_eq!(ids(&told), ["a", "b"]);
    assert!(files(here.path()) == files(beside.path()));
}

#[test]
fn what_waits_is_bounded_and_what_is_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = start(dir.path());
    lake.begin(DAY, Vec::new()).unwrap();
    lake.hour(hour(DAY, 0, "203.0.113.9")).unwrap();
    lake.end(DAY, vec![alert("a", ACCOUNT, 1.0)]).unwrap();
    // As large as all that may wait: there is room when everything before it is written.
    let large = || vec![row("x".repeat(LAKE_WAITING_BYTES_MAX))];
    lake.snapshot_rows(NEXT, large()).unwrap();
    lake.wait_for_days().unwrap();
    assert_eq!(ids(&lake.take_written()), ["a"]);
    lake.snapshot_rows(NEXT, large()).unwrap();
    drop(lake);
    assert_eq!(left(dir.path()), (vec![DAY], 0));
    LakeWriter::create(dir.path()).expect("nobody writes to it any more");
}

#[test]
fn an_error_comes_after_the_days_before_it() {
    // Where a file cannot be made, and where it cannot be shown.
    for action in ["create directory", "rename to"] {
        error_of_the_second_day(action);
    }
}

fn error_of_the_second_day(action_of: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = start(dir.path());
    let place = dir.path().join(format!("hourly/account={ACCOUNT}/region=eu-central-1"));
    let partition = place.join(format!("date={}", NEXT.date()));
    let in_the_way = if action_of == "rename to" { partition.join("part-0.parquet") } else { partition };
    if action_of == "rename to" {
        fs::create_dir_all(in_the_way.join("a folder, not a file")).unwrap();
    } else {
        fs::create_dir_all(&place).unwrap();
        fs::write(&in_the_way, "a file, not a folder").unwrap();
    }
    let mut give = |day, id| -> Result<(), LakeError> {
        lake.begin(day, Vec::new())?;
        lake.hour(hour(day, 0, "203.0.113.9"))?;
        lake.end(day, vec![alert(id, ACCOUNT, 1.0)])?;
        lake.wait_for_days()
    };
    give(DAY, "a").unwrap();
    let error = give(NEXT, "b").unwrap_err();
    assert!(matches!(error, LakeError::Io { action, .. } if action == action_of), "{error}");
    assert_eq!(ids(&lake.take_written()), ["a"]);
    lake.finish().expect("it is told once");
    drop(lake);
    fs::remove_dir_all(&in_the_way).or_else(|_| fs::remove_file(&in_the_way)).unwrap();
    assert_eq!(left(dir.path()), (vec![DAY], 0));
}

const DAYS: usize = 4;

fn write_days(root: &Path) -> Vec<ObjectRef> {
    let fleet = SimulateOptions {
        seed: 78,
        enis: 12,
        days: DAYS as u32,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.1,
        attacks: AttackMix::None,
        ..SimulateOptions::default()
    };
    write_fleet(&fleet, root);
    objects(root)
}

/// Counts the days that are told, whatever they hold.
fn days_told(
    listed: &[ObjectRef],
    options: &ScanOptions,
    progress: &dyn Progress,
) -> (usize, Result<(), Error>) {
    let mut days = 0;
    let result = scan(listed.to_vec(), &Config::default(), options, progress, &mut |_| {
        days += 1;
        Ok(())
    });
    (days, result.map(drop))
}

/// Stops when asked for the `nth` time, which is once a batch.
struct StopsAt(std::sync::atomic::AtomicUsize);

impl Progress for StopsAt {
    fn object_done(&self, _: u64) {}

    fn stop(&self) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) <= 1
    }
}

#[test]
fn a_scan_whose_disk_fails_has_told_and_kept_the_days_before() {
    let dir = tempfile::tempdir().unwrap();
    let listed = write_days(&dir.path().join("logs"));
    let never = StopsAt(usize::MAX.into());
    let whole = dir.path().join("whole");
    let (told, result) = days_told(&listed, &options(2, Some(&whole)), &never);
    assert_eq!((told, result.is_ok()), (DAYS, true));
    let broken = Lake::open(&whole).unwrap().partitions(&HOURLY).unwrap().swap_remove(2);
    for threads in [1, 2] {
        let root = dir.path().join(format!("broken-{threads}"));
        let place = root.join(format!("hourly/account={}/region={}", broken.account, broken.region));
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(format!("date={}", broken.day.date())), "a file, not a folder").unwrap();
        let (told, result) = days_told(&listed, &options(threads, Some(&root)), &never);
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Lake(LakeError::Io { .. })), "{error}");
        assert_eq!((told, left(&root)), (2, (vec![Day(broken.day.0 - 2), Day(broken.day.0 - 1)], 0)));
        let expected = files(&whole);
        let is_of_whole_day = |path: &Path| path.starts_with("hourly") || path.starts_with("alerts");
        let kept = files(&root).into_iter().filter(|(path, _)| is_of_whole_day(path));
        let same = kept.filter(|(path, bytes)| expected.get(path) == Some(bytes)).count();
        assert_eq!(same, 4, "two days of two tables");
    }
}

#[test]
fn a_scan_that_is_stopped_in_the_middle_keeps_whole_days_only() {
    let dir = tempfile::tempdir().unwrap();
    let listed = write_days(&dir.path().join("logs"));
    let whole = dir.path().join("whole");
    scan_all(listed.clone(), &options(2, Some(&whole)));
    let expected = files(&whole);
    let mut days_kept = Vec::new();
    // A batch has an eighth of the days, and only hours before the last one read have closed.
    for batches in [2, 5, 7] {
        let root = dir.path().join(format!("stopped-{batches}"));
        let (told, result) = days_told(&listed, &options(2, Some(&root)), &StopsAt(batches.into()));
        result.unwrap();
        let (days, unfinished) = left(&root);
        // The day in hand is told as far as it was seen, and is not in the lake.
        assert_eq!((days.len() + 1, unfinished), (told, 0), "{batches} batches");
        for (path, bytes) in files(&root) {
            assert!(expected.get(&path) == Some(&bytes), "{} of {batches} batches", path.display());
        }
        days_kept.push(days.len());
    }
    assert_eq!(days_kept, [0, 1, 2]);
}
