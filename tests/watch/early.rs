//! What is told of hours that are still open changes nothing else: lake and alerts are those of a scan,
//! and what was told early is what the closed hour says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use crate::fleet_support::{files, objects, options, scan_all, write_fleet};
use crate::watch_support::{Delivery, Reference, Watcher, deliver, item};
use outflow::alert::{Alert, Severity};
use outflow::scan::ObjectRef;
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand::SeedableRng as _;
use tempfile::TempDir;

/// Days before the first attack: long enough that little is needed to be sure.
const PAST_DAYS: usize = 15;
/// The word on what is told before its hour has closed.
const EARLY: &str = "early";

static FLEET: LazyLock<(TempDir, Reference)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let fleet = SimulateOptions {
        seed: 31,
        enis: 8,
        days: 19,
        attack_from_day: PAST_DAYS as u32,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.03,
        attacks: AttackMix::All,
        ..SimulateOptions::default()
    };
    write_fleet(&fleet, &dir.path().join("logs"));
    let all = objects(&dir.path().join("logs"));
    let lake = dir.path().join("lake");
    let scanned = scan_all(all.clone(), &options(2, Some(&lake)));
    let emitted: Vec<Alert> = scanned.alerts.into_iter().filter(|alert| alert.emitted).collect();
    (dir, Reference { objects: all, emitted, lake: files(&lake) })
});

fn reference() -> &'static Reference {
    &FLEET.1
}

/// Early messages that were sent, in order.
fn early(watcher: &Watcher) -> Vec<&Alert> {
    watcher.sent.iter().filter(|alert| alert.emitted_reason == EARLY).collect()
}

/// A watcher that has caught up with the days before the attacks, and the objects of those with.
fn caught_up(dir: &Path, delivery: &Delivery) -> (Watcher, &'static [ObjectRef]) {
    let all = &reference().objects;
    let time = |object: &ObjectRef| object.key.as_ref().unwrap().time_second;
    let until = time(&all[0]).div_euclid(86_400) * 86_400 + 86_400 * PAST_DAYS as i64;
    let (past, rest) = all.split_at(all.partition_point(|object| time(object) < until));
    let mut watcher = Watcher::new(dir, delivery);
    watcher.engine().catch_up(past.iter().map(item).collect(), i64::MAX / 4).unwrap();
    watcher.engine().checkpoint().unwrap();
    (watcher, rest)
}

/// Delivers every object alone, in order: each slot is looked at as it comes.
fn deliver_one_by_one(watcher: &mut Watcher, objects: &[ObjectRef]) {
    for object in objects {
        watcher.engine().absorb(&[item(object)], 1_900_000_000).unwrap();
        watcher.publish(true);
    }
    watcher.finish();
}

#[test]
fn what_is_told_early_is_what_the_closed_hours_say_and_sooner() {
    let delivery = Delivery::in_order(1);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (mut with, rest) = caught_up(dirs[0].path(), &delivery);
    let mut without = caught_up(dirs[1].path(), &delivery).0.without_early();
    deliver_one_by_one(&mut with, rest);
    deliver_one_by_one(&mut without, rest);
    reference().assert_same_lake(&with, &delivery);
    reference().assert_same_lake(&without, &delivery);
    assert!(early(&without).is_empty());

    let told: BTreeMap<&str, &Alert> = early(&with).into_iter().map(|a| (a.id.as_str(), a)).collect();
    assert!(!told.is_empty(), "nothing is told early, so nothing is compared");
    assert_eq!(told.len(), early(&with).len(), "once each");
    let closed: BTreeMap<&str, &Alert> = reference().emitted.iter().map(|a| (a.id.as_str(), a)).collect();
    for (id, early) in &told {
        let closed = closed.get(id).unwrap_or_else(|| panic!("{id} was told early and is no alert"));
        assert_eq!((early.revision, early.emitted), (1, true));
        assert!(early.severity >= Severity::High && closed.severity >= early.severity, "{id}");
        assert!(early.app_bytes <= closed.app_bytes && early.score <= closed.score, "{id}");
        assert!(early.emitted_at < closed.emitted_at, "{id}: {} {}", early.emitted_at, closed.emitted_at);
        assert!(early.sentence.starts_with("Hour still open"), "{}", early.sentence);
        assert!(!early.objects.is_empty(), "{id}");
    }
    // Ids that were ever sent are the same, and no revision of an id is sent twice.
    let ids = |watcher: &Watcher| -> BTreeSet<String> { watcher.sent.iter().map(|a| a.id.clone()).collect() };
    assert_eq!(ids(&with), ids(&without));
    let sent: BTreeSet<(String, u32)> = with.sent.iter().map(|a| (a.id.clone(), a.revision)).collect();
    assert_eq!(sent.len(), with.sent.len());
}

#[test]
fn what_was_told_early_is_not_told_again_after_a_restart() {
    let delivery = Delivery::in_order(2);
    let dir = tempfile::tempdir().unwrap();
    let (mut watcher, rest) = caught_up(dir.path(), &delivery);
    for object in rest {
        watcher.engine().absorb(&[item(object)], 1_900_000_000).unwrap();
        let is_told = !watcher.engine().outbox().is_empty();
        if is_told {
            watcher.engine().checkpoint().unwrap();
            watcher.publish(true);
            watcher.engine().checkpoint().unwrap();
            watcher.restart();
        }
    }
    watcher.finish();
    reference().assert_same_lake(&watcher, &delivery);
    let ids: BTreeSet<&str> = early(&watcher).iter().map(|alert| alert.id.as_str()).collect();
    assert!(!ids.is_empty() && ids.len() == early(&watcher).len(), "{ids:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2, rng_seed: RngSeed::Fixed(3), max_shrink_iters: 4, ..ProptestConfig::default()
    })]

    /// However objects come, the lake is that of a scan, and an id is told early once.
    #[test]
    fn any_delivery_ends_as_a_scan(
        seed in any::<u64>(),
        batch in 5_usize..60,
        reach in 0_usize..100,
        repeated in 0.0..0.2_f64,
        crashes in 0_usize..2,
    ) {
        let delivery = Delivery {
            rng: rand_chacha::ChaCha8Rng::seed_from_u64(seed),
            batch,
            reach,
            repeated,
            crashes,
            reorder_seconds: 1_200,
            correction_seconds: 3_600,
            ..Delivery::in_order(0)
        };
        let dir = tempfile::tempdir().unwrap();
        let (mut watcher, rest) = caught_up(dir.path(), &delivery);
        deliver(&mut watcher, rest, &delivery);
        watcher.finish();
        reference().assert_same_lake(&watcher, &delivery);
        // A watcher that died before it could remember may send the same message again.
        let told = early(&watcher);
        prop_assert!(told.iter().all(|alert| alert.revision == 1));
        if delivery.crashes == 0 {
            let ids: BTreeSet<&str> = told.iter().map(|alert| alert.id.as_str()).collect();
            prop_assert_eq!(ids.len(), told.len());
        }
    }
}
