//! What is found comes out a day at a time, complete and in event order, and only what is counted
//! stays until the end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fleet_support::{eventful_fleet, files, objects, options, scan_all, write_fleet};
use outflow::alert::Alert;
use outflow::config::Config;
use outflow::error::Error;
use outflow::lake::{ALERTS, COVERAGE, HOURLY, Lake};
use outflow::limits::FAILED_OBJECTS_NAMED_MAX;
use outflow::scan::{ObjectRef, Progress, ScanOptions, Source, scan};
use outflow::simulate::{SimFormat, SimulateOptions};
use outflow::window::Day;

const DAYS: u32 = 4;

fn write_four_days(root: &Path) -> Vec<ObjectRef> {
    let fleet = SimulateOptions {
        seed: 77,
        enis: 20,
        days: DAYS,
        attack_from_day: 1,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.1,
        attacks_per_family: 2,
        ..SimulateOptions::default()
    };
    write_fleet(&fleet, root);
    objects(root)
}

/// Counts the objects that are read.
#[derive(Default)]
struct Objects(AtomicU64);

impl Progress for Objects {
    fn object_done(&self, _: u64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn stop(&self) -> bool {
        false
    }
}

fn day_of(alert: &Alert) -> Day {
    let start: jiff::Timestamp = alert.window_start.parse().unwrap();
    Day(start.as_second().div_euclid(86_400) as u32)
}

/// As `Lake::read_alerts` sorts them.
fn as_stored(mut alerts: Vec<Alert>) -> Vec<Alert> {
    let order =
        |a: &Alert| (day_of(a), a.account.clone(), a.region.clone(), a.window_start.clone(), a.id.clone());
    alerts.sort_by_key(order);
    alerts
}

#[test]
fn alerts_come_out_as_their_day_ends_and_are_what_the_lake_holds() {
    let dir = tempfile::tempdir().unwrap();
    let listed = write_four_days(&dir.path().join("logs"));
    let total = listed.len() as u64;
    let root = dir.path().join("lake");
    let read = Objects::default();
    // Each day: how many objects were read by then, and its alerts.
    let mut days: Vec<(u64, Vec<Alert>)> = Vec::new();
    let report = scan(listed, &Config::default(), &options(2, Some(&root)), &read, &mut |alerts| {
        let lake = Lake::open(&root).unwrap();
        let day = lake.partitions(&ALERTS).unwrap()[days.len()].day;
        assert!(alerts.iter().all(|alert| day_of(alert) == day), "{day:?}");
        assert_eq!(lake.read_alerts(day..=day).unwrap(), as_stored(alerts.to_vec()), "the lake comes first");
        days.push((read.0.load(Ordering::SeqCst), alerts.to_vec()));
        Ok(())
    })
    .unwrap();

    assert_eq!(days.len(), DAYS as usize);
    assert!(days.iter().filter(|(_, alerts)| !alerts.is_empty()).count() >= 3, "too little to see an order");
    // The first day is told when the lake has it, and that is waited for when the next one ends.
    assert!(days[0].0 < total * 3 / 4, "{} of {total} objects were read", days[0].0);
    assert!(days.iter().is_sorted_by_key(|(objects, _)| *objects));
    let all: Vec<Alert> = days.into_iter().flat_map(|(_, alerts)| alerts).collect();
    assert!(all.iter().is_sorted_by_key(day_of), "event order");
    let lake = Lake::open(&root).unwrap();
    assert_eq!(lake.read_alerts(Day(0)..=Day(u32::MAX)).unwrap(), as_stored(all.clone()));
    let emitted = all.iter().filter(|alert| alert.emitted).count() as u64;
    assert_eq!((report.found.emitted(), report.found.kept_back), (emitted, all.len() as u64 - emitted));
}

#[test]
fn an_error_of_the_taker_ends_the_scan_after_whole_days() {
    let dir = tempfile::tempdir().unwrap();
    let listed = write_four_days(&dir.path().join("logs"));
    let root = dir.path().join("lake");
    let mut days = 0;
    let result = scan(listed, &Config::default(), &options(2, Some(&root)), &Objects::default(), &mut |_| {
        days += 1;
        if days == 2 { Err(Error::usage("the disk is full", "")) } else { Ok(()) }
    });
    assert_eq!(result.unwrap_err().to_string(), "the disk is full");
    let lake = Lake::open(&root).unwrap();
    for table in [&ALERTS, &HOURLY, &COVERAGE] {
        assert_eq!(lake.partitions(table).unwrap().len(), 2, "{}", table.name);
    }
    let unfinished = walkdir::WalkDir::new(&root)
        .into_iter()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".tmp"));
    assert_eq!(unfinished.count(), 0, "the day in hand leaves nothing");
}

#[test]
fn a_month_of_broken_objects_is_counted_and_named_in_part() {
    let broken = FAILED_OBJECTS_NAMED_MAX + 100;
    let gone = |n: usize| {
        let name = format!("gone-{n:06}.log");
        ObjectRef { path: Source::File(name.clone().into()), name, bytes: 1, key: None }
    };
    let seen = scan_all((0..broken).rev().map(gone).collect(), &options(2, None)).seen;
    assert_eq!((seen.objects_failed, seen.failed.len()), (broken as u64, FAILED_OBJECTS_NAMED_MAX));
    assert_eq!(seen.failed[0].0, "gone-000000.log");
    assert!(seen.failed.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn alerts_of_the_last_day_are_those_that_a_scan_of_all_decides_then() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    write_fleet(&eventful_fleet(), &logs);
    let objects = objects(&logs);
    let (whole_lake, part_lake) = (dir.path().join("whole"), dir.path().join("part"));
    let whole = scan_all(objects.clone(), &options(2, Some(&whole_lake)));
    // The middle of what was decided, so that something lies on both sides.
    let mut decided: Vec<jiff::Timestamp> =
        whole.alerts.iter().filter(|a| a.emitted).map(|a| a.emitted_at.parse().unwrap()).collect();
    decided.sort_unstable();
    let from = decided[decided.len() / 2];
    assert!(decided[0] < from, "all was decided at one time: {decided:?}");

    let later = |alert: &&Alert| alert.emitted_at.parse::<jiff::Timestamp>().unwrap() >= from;
    let want: Vec<Alert> = whole.alerts.iter().filter(later).cloned().collect();
    for lake in [None, Some(part_lake.as_path())] {
        let asked = ScanOptions { alerts_from: Some(from.as_second()), ..options(2, lake) };
        let part = scan_all(objects.clone(), &asked);
        assert_eq!(part.alerts, want, "with a lake: {}", lake.is_some());
        assert_eq!(part.found.emitted() + part.found.earlier, whole.found.emitted());
        assert_eq!(part.found.emitted(), want.iter().filter(|alert| alert.emitted).count() as u64);
    }
    assert_eq!(files(&part_lake), files(&whole_lake), "a lake takes all");
}
