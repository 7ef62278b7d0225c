//! Whatever the order, the number and the delay of deliveries, and however often the watcher ends
//! in the middle, there are in the end the alerts and the lake that `scan` makes of the same objects.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::LazyLock;

use crate::fleet_support::{eventful_fleet, files, objects, options, scan_all, write_fleet};
use crate::watch_support::{Delivery, Reference, Watcher, deliver, item};
use outflow::alert::Alert;
use outflow::simulate::SimulateOptions;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand::SeedableRng as _;
use tempfile::TempDir;

/// A fleet on disk, with what `scan` makes of it.
static FLEET: LazyLock<(TempDir, Reference)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let fleet = SimulateOptions { skip_data_share: 0.01, late_share: 0.02, ..eventful_fleet() };
    write_fleet(&fleet, &dir.path().join("logs"));
    let all = objects(&dir.path().join("logs"));
    let lake = dir.path().join("lake");
    let scanned = scan_all(all.clone(), &options(2, Some(&lake)));
    assert!(scanned.alerts.iter().any(|alert| alert.emitted), "nothing was emitted");
    assert!(scanned.seen.late_records > 0, "nothing was late");
    let emitted: Vec<Alert> = scanned.alerts.into_iter().filter(|alert| alert.emitted).collect();
    (dir, Reference { objects: all, emitted, lake: files(&lake) })
});

fn reference() -> &'static Reference {
    &FLEET.1
}

/// Delivers everything as `delivery` says and compares.
fn check(delivery: &Delivery) {
    let dir = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(dir.path(), delivery);
    deliver(&mut watcher, &reference().objects, delivery);
    watcher.finish();
    reference().assert_same(&watcher, delivery);
}

#[test]
fn in_order_nothing_has_to_be_corrected() {
    let delivery = Delivery { batch: 40, ..Delivery::in_order(1) };
    let dir = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(dir.path(), &delivery);
    deliver(&mut watcher, &reference().objects, &delivery);
    watcher.finish();
    reference().assert_same(&watcher, &delivery);
    let sums = watcher.counts.sums();
    assert_eq!((sums.corrections, sums.withdrawn, sums.again), (0, 0, 0), "{sums:?}");
    assert_eq!(sums.objects, reference().objects.len() as u64);
    // In order, what is sent is what scan says is sent, each revision once and no other.
    let mut sent: Vec<(String, u32)> = watcher.sent.iter().map(|a| (a.id.clone(), a.revision)).collect();
    sent.sort_unstable();
    let count = sent.len();
    sent.dedup();
    assert_eq!(count, sent.len(), "{sent:?}");
    for alert in &reference().emitted {
        assert!(sent.contains(&(alert.id.clone(), alert.revision)), "{} was not sent", alert.id);
    }
}

#[test]
fn a_backfill_ends_where_a_stream_would_have_come_to() {
    let delivery = Delivery { batch: 100, ..Delivery::in_order(2) };
    let dir = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(dir.path(), &delivery);
    let (past, rest) = reference().objects.split_at(reference().objects.len() * 4 / 5);
    watcher.engine().catch_up(past.iter().map(item).collect(), i64::MAX / 4).unwrap();
    // A part of the past is delivered once more.
    deliver(&mut watcher, &past[past.len() - 50..], &delivery);
    deliver(&mut watcher, rest, &delivery);
    watcher.finish();
    reference().assert_same_lake(&watcher, &delivery);
    let sums = watcher.counts.sums();
    assert_eq!((sums.corrections, sums.duplicates), (0, 50), "{sums:?}");
}

#[test]
fn a_day_that_was_settled_goes_on() {
    let delivery = Delivery { batch: 60, ..Delivery::in_order(3) };
    let dir = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(dir.path(), &delivery);
    for part in reference().objects.chunks(reference().objects.len() / 7) {
        deliver(&mut watcher, part, &delivery);
        watcher.finish();
        watcher.restart();
    }
    watcher.finish();
    reference().assert_same(&watcher, &delivery);
}

#[test]
fn what_comes_after_its_days_are_gone_is_listed_and_nothing_else_changes() {
    let delivery = Delivery { batch: 100, ..Delivery::in_order(4) };
    let dir = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(dir.path(), &delivery);
    let (first, rest) = reference().objects.split_at(20);
    deliver(&mut watcher, rest, &delivery);
    let told = watcher.sent.len();
    deliver(&mut watcher, first, &delivery);
    // Their messages come again: the list says it once.
    deliver(&mut watcher, first, &delivery);
    let sums = watcher.counts.sums();
    assert_eq!(sums.refused[outflow::state::Reason::TooLate as usize], 20);
    assert_eq!((sums.corrections, watcher.sent.len()), (0, told));
    let listed = std::fs::read_to_string(Path::new(&watcher.dir).join("state/quarantine.jsonl")).unwrap();
    assert_eq!(listed.lines().filter(|line| line.contains("\"too_late\"")).count(), 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), rng_seed: rng_seed(), max_shrink_iters: 8, ..ProptestConfig::default() })]

    #[test]
    fn any_delivery_ends_as_a_scan(
        seed in any::<u64>(),
        batch in 20_usize..300,
        reach in 0_usize..500,
        repeated in 0.0..0.3_f64,
        crashes in 0_usize..4,
        reorder_minutes in 0_i64..120,
        correction_minutes in 15_i64..240,
    ) {
        check(&Delivery {
            rng: rand_chacha::ChaCha8Rng::seed_from_u64(seed),
            batch,
            reach,
            repeated,
            crashes,
            failing: 0.004,
            reorder_seconds: reorder_minutes * 60,
            correction_seconds: correction_minutes * 60,
            with_findings: false,
        });
    }
}

/// Every run sees the same deliveries, unless more are asked for.
fn rng_seed() -> RngSeed {
    if std::env::var_os("OUTFLOW_WATCH_CASES").is_some() { RngSeed::Random } else { RngSeed::Fixed(1) }
}

/// Few in every run; more when asked for.
fn cases() -> u32 {
    std::env::var("OUTFLOW_WATCH_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}
