//! `backtest` and `eval` over a lake: the same configuration tells the same, another one tells
//! otherwise and says how, and what was found is measured against what was hidden.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test fails by panicking; equal means equal")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::command_support::bare;
use crate::fleet_support::{objects, options, scan_all, write_fleet};
use outflow::alert::Alert;
use outflow::simulate::{SimFormat, SimulateOptions, labels_csv};
use predicates::prelude::predicate;
use serde_json::Value;

/// A fleet with a lake: its folder, and the alerts of the scan.
struct Scene {
    dir: tempfile::TempDir,
    alerts: Vec<Alert>,
}

impl Scene {
    fn lake(&self) -> PathBuf {
        self.dir.path().join("lake")
    }

    fn labels(&self) -> PathBuf {
        self.dir.path().join("labels.csv")
    }
}

/// Written once, only read: tests that write copy it.
static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let fleet = SimulateOptions {
        seed: 31,
        enis: 12,
        days: 14,
        attack_from_day: 10,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.1,
        attacks_per_family: 1,
        ..SimulateOptions::default()
    };
    let (logs, lake) = (dir.path().join("logs"), dir.path().join("lake"));
    let plan = write_fleet(&fleet, &logs);
    fs::write(dir.path().join("labels.csv"), labels_csv(&plan.labels)).unwrap();
    let alerts = scan_all(objects(&logs), &options(2, Some(&lake))).alerts;
    Scene { dir, alerts }
});

fn json(args: &[&str], dir: &Path) -> Value {
    let output = bare(dir).args(args).args(["--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn backtest(args: &[&str], dir: &Path) -> Value {
    let lake = SCENE.lake();
    json(&[&["backtest", lake.to_str().unwrap()], args].concat(), dir)
}

#[test]
fn the_same_configuration_tells_the_same_but_for_the_objects_that_it_does_not_see() {
    let dir = tempfile::tempdir().unwrap();
    let again = dir.path().join("again.jsonl");
    let found = backtest(&["--alerts", again.to_str().unwrap()], dir.path());
    for kind in ["gained", "lost", "moved"] {
        assert_eq!(found[kind].as_array().unwrap().len(), 0, "{kind}: {found}");
    }
    let sent = SCENE.alerts.iter().filter(|alert| alert.emitted).count();
    assert!(sent > 0, "a scene without alerts would show nothing");
    assert_eq!(found["same"], sent);
    let text = fs::read_to_string(again).unwrap();
    let again: Vec<Alert> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let blind = |alert: &Alert| Alert { objects: Vec::new(), objects_more: 0, ..alert.clone() };
    assert_eq!(again, SCENE.alerts.iter().map(blind).collect::<Vec<_>>());
}

#[test]
fn another_configuration_gains_and_says_what() {
    let dir = tempfile::tempdir().unwrap();
    // Passed in every hour of every ENI.
    fs::write(dir.path().join("loud.toml"), "[detect]\nvolume_ceiling_bytes = 1024\n").unwrap();
    let loud = backtest(&["--config", "loud.toml"], dir.path());
    let gained = loud["gained"].as_array().unwrap();
    assert!(!gained.is_empty(), "{loud}");
    let told = |side: &Value| side["told_per_day"].as_f64().unwrap();
    assert!(told(&loud["after"]) > told(&loud["before"]));
    assert!(gained.iter().all(|change| change["after"]["emitted"] == true), "{gained:?}");
    let strongest = gained.iter().map(|change| change["after"]["score"].as_f64().unwrap());
    assert!(strongest.is_sorted_by(|a, b| a >= b), "strongest first");
}

#[test]
fn only_the_days_asked_for_are_compared_and_all_before_are_learned_from() {
    let dir = tempfile::tempdir().unwrap();
    let late = backtest(&["--from", "2026-01-15"], dir.path());
    assert_eq!(late["days"], 4);
    assert_eq!(late["thresholds"].as_array().unwrap().len(), 4);
    assert!(late["thresholds"][0]["threshold_bits"].is_f64(), "ten days were learned from: {late}");
    for kind in ["gained", "lost", "moved"] {
        assert_eq!(late[kind].as_array().unwrap().len(), 0, "{kind}: {late}");
    }
    let early = backtest(&["--to", "2026-01-08"], dir.path());
    assert!(early["thresholds"][0]["threshold_bits"].is_null(), "nothing is known on the first day");
}

#[test]
fn headroom_is_told_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let lake = dir.path().join("lake");
    for (path, bytes) in crate::fleet_support::files(&SCENE.lake()) {
        let path = lake.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let lake_name = lake.to_str().unwrap();
    let measured = json(&["backtest", lake_name, "--headroom", "--save"], dir.path());
    let enis = measured["headroom"].as_array().unwrap();
    assert!(enis.len() > 5, "{measured}");
    let most = measured["headroom_bytes_max"].as_u64().unwrap();
    let bytes = |eni: &Value| eni["new_bytes"].as_u64().unwrap();
    assert!(enis.iter().any(|eni| bytes(eni) > 0 && bytes(eni) < most), "{enis:?}");
    let file = lake.join("headroom");
    assert!(crate::fleet_support::files(&file).len() == 1, "one account, one region, one day");
    bare(dir.path())
        .args(["backtest", lake_name, "--save"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--headroom"));
}

#[test]
fn alerts_are_measured_against_labels() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, labels) = (SCENE.lake(), SCENE.labels());
    let (lake, labels) = (lake.to_str().unwrap(), labels.to_str().unwrap());
    let measured = json(&["eval", lake, "--labels", labels], dir.path());
    let all = measured["recall"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(all["family"], "all");
    assert!(all["attacks"].as_u64().unwrap() >= 5, "{measured}");
    let at = |n: usize| all["found_at_budget"][n].as_f64().unwrap();
    assert!(at(0) <= at(1) && at(1) <= at(2), "a larger budget never finds less: {all}");
    assert!(at(2) > 0.0, "{all}");
    bare(dir.path())
        .args(["eval", lake, "--labels", labels])
        .assert()
        .success()
        .stdout(predicate::str::contains("FAMILY"));
    fs::write(
        dir.path().join("none.csv"),
        fs::read_to_string(SCENE.labels()).unwrap().lines().next().unwrap(),
    )
    .unwrap();
    bare(dir.path())
        .args(["eval", lake, "--labels", "none.csv"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("labels no attack"));
}

#[test]
fn a_lake_without_those_days_is_refused() {
    let lake = SCENE.lake();
    bare(SCENE.dir.path())
        .args(["backtest", lake.to_str().unwrap(), "--from", "2030-01-01"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("no hours of those days"));
}
