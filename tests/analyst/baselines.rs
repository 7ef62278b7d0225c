//! The named baselines of `benches/baselines`: each ranks a lake, and `eval` judges each list.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::fixture::{fixture, outflow, stdout};
use crate::python::python;

/// Lists of all baselines over one lake, each with its incidents as text.
const RANK: &str = r"
import json, sys, tempfile
given = json.load(sys.stdin)
sys.path.insert(0, given['code'])
sys.dont_write_bytecode = True
import rank
with tempfile.TemporaryDirectory() as folder:
    print(json.dumps({name: open(path).read() for name, path in rank.ranked(given['lake'], 16, given['scope'], folder)}))
";

fn lists(scope: &str) -> Option<BTreeMap<String, String>> {
    let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/baselines");
    let lists = python(RANK, &json!({"code": code, "lake": fixture().lake(), "scope": scope}))?;
    Some(serde_json::from_value(lists).unwrap())
}

fn judged(list: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("incidents.jsonl");
    std::fs::write(&path, list).unwrap();
    let labels = fixture().root.join("labels.csv");
    let text = stdout(
        outflow()
            .args(["eval", "--format", "json"])
            .arg(fixture().lake())
            .arg("--labels")
            .arg(labels)
            .arg("--incidents")
            .arg(path),
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_baseline_ranks_a_lake_and_is_judged_like_our_alerts() {
    let Some(lists) = lists("client egress") else { return };
    assert_eq!(lists.len(), 11, "{:?}", lists.keys());
    for (name, list) in &lists {
        let measured = judged(list);
        let scores: Vec<f64> = list
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["score"].as_f64().unwrap())
            .collect();
        assert!(scores.is_sorted_by(|one, two| one >= two), "{name} is ranked");
        assert!(scores.iter().all(|score| *score > 0.0), "{name}");
        // The account's week knows one value a day, and none when nothing rose.
        if !name.starts_with("B8") {
            assert!(scores.len() > 10, "{name} lists {}", scores.len());
            assert!(measured["false_kept"].as_u64().unwrap() > 0, "{name}: {measured}");
        }
    }
    let never_before = judged(&lists["B12 never before (like GuardDuty)"]);
    let found = |case: &Value| case["family"] == "burst" && case["best_score"].as_f64().is_some();
    assert!(never_before["cases"].as_array().unwrap().iter().any(found), "{never_before}");
}

#[test]
fn what_was_told_before_is_no_false_alarm_again() {
    let Some(lists) = lists("all egress") else { return };
    let lines = lists["B2 500 MB an hour (Slips)"].lines();
    let reasons: Vec<Value> =
        lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["emitted_reason"].clone()).collect();
    let continued = reasons.iter().filter(|reason| **reason == "continues").count();
    assert!(continued > 0 && continued < reasons.len(), "{continued} of {}", reasons.len());
}
