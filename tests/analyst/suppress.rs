//! Suppressions from the file to the alert: they hide what they name, up to their cap, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use outflow::alert::Alert;
use outflow::lake::Lake;
use outflow::window::Day;

use crate::fixture::{fixture, outflow, scan, stdout};

/// Adds a suppression that holds on every day of the fleet.
pub fn add(file: &Path, eni: &str, destination: &str, cap: &str) -> Assert {
    let mut command = outflow();
    command.args(["suppress", "add"]).arg(file).args(["--eni", eni, "--destination", destination]);
    command.args([
        "--max-bytes-per-day",
        cap,
        "--owner",
        "storage",
        "--ticket",
        "OPS-1",
        "--reason",
        "known",
    ]);
    command.args(["--from", "2026-01-05", "--days", "60"]);
    command.assert()
}

fn said(assert: &Assert) -> String {
    let output = assert.get_output();
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

fn alerts(assert: &Assert) -> BTreeMap<String, Alert> {
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let alerts = text.lines().map(|line| serde_json::from_str::<Alert>(line).unwrap());
    alerts.map(|alert| (alert.id.clone(), alert)).collect()
}

/// The alerts of a lake.
fn stored(lake: &Path) -> BTreeMap<String, Alert> {
    let alerts = Lake::open(lake).unwrap().read_alerts(Day(0)..=Day(u32::MAX)).unwrap();
    alerts.into_iter().map(|alert| (alert.id.clone(), alert)).collect()
}

/// Everything below a data set of a lake.
fn bytes_of(lake: &Path, table: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(lake.join(table)).into_iter().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| (entry.path().strip_prefix(lake).unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn network(address: &str) -> String {
    format!("{}.0/24", address.rsplit_once('.').unwrap().0)
}

#[test]
fn what_is_added_is_listed_and_nobody_gets_away_without_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("suppressions.toml");
    let id = said(&add(&file, "eni-a", "203.0.113.0/24", "500MB").success()).trim().to_owned();
    fs::write(&file, format!("# reviewed by the storage team\n{}", fs::read_to_string(&file).unwrap()))
        .unwrap();
    add(&file, "eni-a", "aws:S3", "1GiB").success();
    assert!(fs::read_to_string(&file).unwrap().starts_with("# reviewed"), "remarks stay");
    let again = add(&file, "eni-a", "203.0.113.0/24", "1GiB").code(2);
    assert!(said(&again).contains(&id), "{}", said(&again));
    add(&file, "eni-a", "0.0.0.0/0", "1GiB").code(2);
    add(&file, "eni-a", "203.0.113.0/25", "0").code(2);

    let list = |on: &str| stdout(outflow().args(["suppress", "list", "--on", on]).arg(&file));
    let text = list("2026-02-01");
    assert!(
        text.contains(&format!("{id}  until 2026-03-06 (33 days left)  eni-a to 203.0.113.0/24")),
        "{text}"
    );
    assert!(text.contains("storage, OPS-1: known") && text.contains("2 suppressions"), "{text}");
    assert!(
        list("2026-03-06").contains("expired 2026-03-06") && list("2026-01-04").contains("from 2026-01-05")
    );

    let whole = ["--eni", "eni-a", "--destination", "192.0.2.0/24", "--max-bytes-per-day", "1GB"];
    let answers = ["--owner", "o", "--ticket", "t", "--reason", "r"];
    let with = |more: &[&str]| {
        outflow().args(["suppress", "add"]).arg(&file).args(more).output().unwrap().status.code()
    };
    assert_eq!(with(&[&whole[..], &answers[..], &["--days", "91"]].concat()), Some(2));
    assert_eq!(with(&[&whole[..4], &answers[..]].concat()), Some(2), "a cap is not optional");
    assert_eq!(with(&[&whole[2..], &answers[..]].concat()), Some(2), "nor is a scope");
    assert_eq!(with(&[&whole[..], &answers[..4]].concat()), Some(2), "nor is a reason");
}

#[test]
fn it_hides_what_it_names_and_teaches_nothing() {
    let fleet = fixture();
    let drip = fleet.attack("drip");
    let dir = tempfile::tempdir().unwrap();
    let (file, lake) = (dir.path().join("s.toml"), dir.path().join("lake"));
    let id = said(&add(&file, &drip.eni, &network(&drip.peers[0]), "1GiB").success()).trim().to_owned();
    let plain = stored(&fleet.lake());
    let scanned = scan(fleet, &["--lake", lake.to_str().unwrap(), "--suppressions", file.to_str().unwrap()]);
    let hidden = alerts(&scanned);
    assert!(plain.keys().eq(hidden.keys()), "every incident is written");
    let about = |alert: &&Alert| alert.eni == drip.eni && alert.destination == network(&drip.peers[0]);
    let told_before = plain.values().filter(about).filter(|alert| alert.emitted).count();
    assert!(told_before > 0);
    let mut hits = 0;
    for alert in hidden.values().filter(about) {
        assert!(!alert.emitted);
        assert_eq!(
            (alert.suppressions[0].id.as_str(), alert.suppressions[0].owner.as_str()),
            (id.as_str(), "storage")
        );
        let is_hit = alert.emitted_reason == "suppressed";
        assert_eq!(alert.suppressions[0].outcome, if is_hit { "hidden" } else { "not_needed" });
        hits += u64::from(is_hit);
    }
    assert!(hits as usize >= told_before, "what is never told never becomes old news");
    for (id, alert) in hidden.iter().filter(|(_, alert)| !about(alert)) {
        let before = &plain[id];
        assert!(alert.emitted || !before.emitted, "nothing else is hidden: {}", alert.sentence);
        assert!(alert.threshold <= before.threshold, "what is hidden does not raise the threshold");
        assert!(alert.suppressions.is_empty());
    }
    let told = said(&scanned);
    assert!(told.contains(&format!("{id} {hits}")), "{told}");
    for table in ["hourly", "coverage", "snapshots"] {
        let same = bytes_of(&fleet.lake(), table) == bytes_of(&lake, table);
        assert!(same, "{table} does not depend on suppressions");
    }
    let list = stdout(outflow().args(["suppress", "list"]).arg(&file).arg("--lake").arg(&lake));
    assert!(list.contains(&format!("hid {hits} incident")), "{list}");
    let kept: BTreeMap<_, _> =
        hidden.values().map(|alert| (&alert.tables[0].kind, &alert.tables[0].blake3)).collect();
    let version = blake3::hash(&fs::read(&file).unwrap()).to_hex()[..16].to_owned();
    assert_eq!(kept, BTreeMap::from([(&"suppressions".to_owned(), &version)]));
}

#[test]
fn above_its_cap_or_against_independent_knowledge_it_hides_nothing() {
    let fleet = fixture();
    let (drip, burst) = (fleet.attack("drip"), fleet.attack("burst"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s.toml");
    add(&file, &drip.eni, &network(&drip.peers[0]), "1MB").success();
    add(&file, &burst.eni, &network(&burst.peers[0]), "1TiB").success();
    let plain = stored(&fleet.lake());
    let lake = dir.path().join("lake");
    let more = ["--lake", lake.to_str().unwrap(), "--suppressions", file.to_str().unwrap()];
    let judged = alerts(&scan(fleet, &more).success());
    for (id, alert) in &judged {
        assert_eq!(alert.emitted, plain[id].emitted, "{}", alert.sentence);
    }
    let outcome = |eni: &str, peer: &str| {
        let mut about =
            judged.values().filter(|a| a.eni == eni && a.destination == network(peer) && a.emitted);
        about.next().unwrap().suppressions[0].outcome.clone()
    };
    assert_eq!(outcome(&drip.eni, &drip.peers[0]), "over_cap");
    assert_eq!(outcome(&burst.eni, &burst.peers[0]), "independent_finding");
}

#[test]
fn a_file_that_would_hide_a_labelled_attack_fails_its_test() {
    let fleet = fixture();
    let drip = fleet.attack("drip");
    let dir = tempfile::tempdir().unwrap();
    let test = |file: &Path, labels: bool| {
        let mut command = outflow();
        command.args(["suppress", "test"]).arg(file).arg(fleet.lake());
        if labels {
            command.arg("--labels").arg(fleet.root.join("labels.csv"));
        }
        command.assert()
    };
    let bad = dir.path().join("bad.toml");
    add(&bad, &drip.eni, &network(&drip.peers[0]), "1GiB").success();
    let failed = said(&test(&bad, true).code(1));
    assert!(failed.contains(&format!("ATTACK {}", drip.id)), "{failed}");
    let unlabelled = said(&test(&bad, false).code(0));
    assert!(unlabelled.contains(" would be hidden of ") && !unlabelled.contains("ATTACK"), "{unlabelled}");

    let capped = dir.path().join("capped.toml");
    add(&capped, &drip.eni, &network(&drip.peers[0]), "1MB").success();
    let passed = said(&test(&capped, true).code(0));
    assert!(passed.contains("0 incidents would be hidden") && !passed.contains("; 0 matched"), "{passed}");
    fs::write(&bad, "[[suppression]]\nid = 'x'\n").unwrap();
    test(&bad, true).code(2);
}
