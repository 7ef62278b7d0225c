//! Findings of `GuardDuty` that a watcher learns of after the hours they are about have closed lead
//! to the alerts and the lake of a scan that knew them from the start.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::fleet_support::{files, finding, objects, options, scan_all, write_fleet};
use crate::watch_support::{Delivery, Reference, Watcher, deliver};
use outflow::alert::Alert;
use outflow::guardduty::FindingSet;
use outflow::scan::{FindingObjects, ScanOptions};
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use outflow::state::StateDir;

/// Seven days of few interfaces, with attacks of all kinds at their end.
fn week() -> SimulateOptions {
    SimulateOptions {
        seed: 11,
        enis: 8,
        days: 7,
        attack_from_day: 5,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.05,
        attacks: AttackMix::All,
        attacks_per_family: 1,
        ..SimulateOptions::default()
    }
}

/// Whether an alert is about one remote address.
fn is_of_host(alert: &Alert) -> bool {
    alert.destinations.first().is_some_and(|d| d.peer.parse::<std::net::IpAddr>().is_ok())
}

#[test]
fn findings_that_come_late_lead_where_findings_known_before_lead() {
    let dir = tempfile::tempdir().unwrap();
    write_fleet(&week(), &dir.path().join("logs"));
    let all = objects(&dir.path().join("logs"));
    let without = scan_all(all.clone(), &options(2, None));
    // Of the day before the last, so that the day can still be lived again.
    let last_day = all.last().unwrap().key.as_ref().unwrap().time_second.div_euclid(86_400);
    let day = |alert: &Alert| alert.window_start.parse::<jiff::Timestamp>().unwrap().as_second() / 86_400;
    let about = without.alerts.iter().find(|alert| is_of_host(alert) && day(alert) == last_day - 1).unwrap();
    let late = [finding(about, &about.last_seen, 1), finding(about, &about.last_seen, 2)];

    let mut set = FindingSet::default();
    for finding in &late {
        set.upsert(finding.clone());
    }
    let lake = dir.path().join("lake");
    let known = FindingObjects { set, ..FindingObjects::default() };
    let scanned = scan_all(all.clone(), &ScanOptions { findings: Some(known), ..options(2, Some(&lake)) });
    let agreed = scanned.alerts.iter().find(|alert| alert.id == about.id).unwrap();
    assert_eq!(agreed.guardduty.status, "agrees", "the finding is about the alert");
    let emitted = scanned.alerts.into_iter().filter(|alert| alert.emitted).collect();
    let reference = Reference { objects: all, emitted, lake: files(&lake) };

    let delivery = Delivery { batch: 60, with_findings: true, ..Delivery::in_order(1) };
    let mut watcher = Watcher::new(&dir.path().join("watched"), &delivery);
    let (most, rest) = reference.objects.split_at(reference.objects.len() - 100);
    deliver(&mut watcher, most, &delivery);
    let now = 1_900_000_000;
    watcher.engine().take_findings(vec![late[0].clone()], now);
    deliver(&mut watcher, &rest[..50], &delivery);
    // Told again, and then a crash: what was in the books is all there is.
    watcher.engine().take_findings(vec![late[1].clone()], now);
    watcher.engine().checkpoint().unwrap();
    watcher.restart();
    deliver(&mut watcher, &rest[50..], &delivery);
    watcher.finish();
    reference.assert_same(&watcher, &delivery);
    assert!(watcher.counts.sums().corrections >= 1);
}

#[test]
fn findings_that_guardduty_keeps_no_longer_are_forgotten_and_stay_in_the_lake() {
    let dir = tempfile::tempdir().unwrap();
    write_fleet(&week(), &dir.path().join("logs"));
    let all = objects(&dir.path().join("logs"));
    let alerts = scan_all(all.clone(), &options(2, None)).alerts;
    let alert = alerts.iter().find(|alert| is_of_host(alert)).unwrap();
    let seen = |days_before: i64, id: &str| {
        let seen = alert.first_seen.parse::<jiff::Timestamp>().unwrap();
        let seen = (seen - jiff::SignedDuration::from_hours(24 * days_before)).to_string();
        finding(&Alert { id: id.into(), first_seen: seen.clone(), ..alert.clone() }, &seen, 1)
    };
    let (old, kept) = (seen(100, "old"), seen(80, "kept"));

    let delivery = Delivery { batch: 60, with_findings: true, ..Delivery::in_order(1) };
    let mut watcher = Watcher::new(&dir.path().join("watched"), &delivery);
    watcher.engine().take_findings(vec![old.clone(), kept.clone()], 1_900_000_000);
    deliver(&mut watcher, &all, &delivery);
    watcher.engine().checkpoint().unwrap();
    let days = |watcher: &Watcher| files(&watcher.dir.join("lake/guardduty"));
    let in_lake = days(&watcher);
    assert_eq!(in_lake.len(), 2, "{:?}", in_lake.keys());

    let copy = dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(watcher.dir.join("state")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let book = StateDir::open(&copy, "test").unwrap().load().unwrap().unwrap();
    let held: Vec<String> = book.findings.unwrap().iter().map(|finding| finding.arn.to_string()).collect();
    assert_eq!(held, [kept.arn.to_string()]);

    // Told again it is as if it had not been.
    let before = watcher.counts.sums();
    watcher.engine().take_findings(vec![old], 1_900_000_000);
    watcher.finish();
    assert_eq!(watcher.counts.sums().findings, before.findings);
    assert_eq!(watcher.counts.sums().corrections, before.corrections);
    assert!(days(&watcher) == in_lake);
}
