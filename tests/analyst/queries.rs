//! The saved queries, run by `DuckDB` over the views of `outflow schema duckdb`: not that they run, but
//! that they say what is in the fleet. And that Athena's engine would read them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::fixture::{fixture, outflow, stdout};
use crate::python::python;

const SCRIPT: &str = "
import json, sys, duckdb, sqlglot
given = json.load(sys.stdin)
connection = duckdb.connect()
connection.execute(given['views']).fetchall()
out = {}
for name, text in given['queries'].items():
    sqlglot.parse_one(text, read='athena')
    result = connection.sql(text)
    out[name] = [dict(zip(result.columns, row)) for row in result.fetchall()]
print(json.dumps(out, default=str))";

type Rows = Vec<Value>;

fn results() -> Option<serde_json::Map<String, Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/queries");
    let mut queries = serde_json::Map::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("-- "), "{} says what it answers", path.display());
        queries.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), json!(text));
    }
    let views = stdout(outflow().args(["schema", "duckdb"]).arg(fixture().lake()));
    let found = python(SCRIPT, &json!({ "views": views, "queries": queries }))?;
    Some(found.as_object().unwrap().clone())
}

fn rows(found: &serde_json::Map<String, Value>, name: &str) -> Rows {
    let rows = found[name].as_array().unwrap().clone();
    assert!(!rows.is_empty(), "{name} has no rows");
    rows
}

fn bytes(row: &Value, column: &str) -> u64 {
    row[column].as_u64().unwrap_or_else(|| unreachable!("{column} of {row}"))
}

fn place(rows: &Rows, eni: &str, destination: &str) -> usize {
    let found = rows.iter().position(|row| row["eni"] == eni && row["destination"] == destination);
    found.unwrap_or_else(|| unreachable!("no row of {eni} to {destination}"))
}

/// The /24 of an address.
fn network(address: &str) -> String {
    format!("{}.0/24", address.rsplit_once('.').unwrap().0)
}

#[test]
fn each_query_says_what_is_in_the_fleet() {
    let Some(found) = results() else { return };
    let fleet = fixture();

    let new = rows(&found, "top_new_destinations");
    let burst = fleet.attack("burst");
    let at = place(&new, &burst.eni, &network(&burst.peers[0]));
    assert!(at < 3, "the burst is among the largest new destinations, not at {at}");
    assert!(bytes(&new[at], "egress_bytes") >= burst.egress_bytes.unwrap() * 9 / 10);
    assert_eq!(new[at]["enis"], 1);

    let drips = rows(&found, "drip_ranking");
    let drip = fleet.attack("drip");
    let at = place(&drips, &drip.eni, &network(&drip.peers[0]));
    assert!(at < 3, "the drip ranks at {at}");
    assert!(bytes(&drips[at], "days") >= 5 && drips[at]["evenness"].as_f64().unwrap() > 0.5);

    let vpcs = rows(&found, "vpc_egress");
    let busiest = vpcs.iter().map(|row| bytes(row, "egress_bytes")).max().unwrap();
    assert!(busiest > burst.egress_bytes.unwrap());
    for row in &vpcs {
        assert!(
            bytes(row, "top_eni_bytes") <= bytes(row, "egress_bytes") && bytes(row, "enis") <= 14,
            "{row}"
        );
    }

    let gaps = rows(&found, "coverage_gaps");
    assert!(gaps.iter().any(|row| bytes(row, "skip_data_records") > 0), "SKIPDATA is a gap");
    assert!(gaps.iter().all(|row| row["seen_share"].as_f64().unwrap() <= 1.0));

    let missed = rows(&found, "guardduty_missed");
    let about = |row: &&Value, peer: &str| row["peer"] == peer;
    let split = fleet.attack("pull-style");
    assert!(missed.iter().any(|row| row["eni"] == split.eni.as_str()), "GuardDuty was silent about it");
    assert!(!missed.iter().any(|row| about(&row, &burst.peers[0])), "GuardDuty agreed on the burst");
    assert!(missed.iter().all(|row| row["guardduty"] == "silent" || row["guardduty"] == "not_applicable"));

    let headroom = rows(&found, "headroom");
    assert!(headroom.iter().any(|row| bytes(row, "known_destination_bytes") > 1 << 20));
    let of_burst = headroom.iter().find(|row| row["eni"] == burst.eni.as_str()).unwrap();
    assert!(bytes(of_burst, "new_destination_bytes") < burst.egress_bytes.unwrap(), "the burst was told");
}
