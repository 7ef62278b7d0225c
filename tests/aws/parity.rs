//! A scan of files, a scan of the same objects in S3, and a watcher that hears of them out of order and
//! more than once: the same alerts and the same hours, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was compared is said")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::benchmark_support::each_set;
use crate::fleet_support::{eventful_fleet, files, write_fleet};
use crate::queue::Queue;
use crate::s3_support::Server;
use outflow::scan::ObjectKey;
use outflow::simulate::SimulateOptions;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const BUCKET: &str = "central-logs";
/// Places by which an event comes late: an hour and a half of one account's objects.
const REACH: usize = 18;
/// Events that come hours late, so that days have to be lived again.
const STRAGGLERS: usize = 3;
/// Places by which those do.
const FAR: usize = 60;
/// Share of events that come again.
const REPEATED: f64 = 0.2;
/// Messages that are read together, about a day of objects.
const OF_ROUND: usize = 250;

type Lake = BTreeMap<PathBuf, Vec<u8>>;

/// What one way of reading gives: the alerts as lines, and the lake.
struct Outcome {
    lines: String,
    lake: Lake,
}

impl Outcome {
    fn tables(&self, wanted: impl Fn(&str) -> bool) -> Vec<(&PathBuf, &Vec<u8>)> {
        let table = |path: &Path| path.iter().next().unwrap().to_str().unwrap().to_owned();
        self.lake.iter().filter(|(path, _)| wanted(&table(path))).collect()
    }

    fn lines_of(&self, is_emitted: bool) -> BTreeMap<String, Value> {
        let alerts = self.lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let wanted = alerts.filter(|alert| !is_emitted || alert["emitted"] == true);
        wanted.map(|alert| (alert["id"].as_str().unwrap().to_owned(), alert)).collect()
    }
}

/// Scans `input` with `dir` as the working directory.
fn scan(server: &Server, dir: &Path, input: &str, out: &Path) -> Outcome {
    let (lake, alerts) = (out.join("lake"), out.join("alerts.jsonl"));
    fs::create_dir(out).unwrap();
    let mut command = server.outflow_patient_for(20, dir);
    command.args(["scan", input, "--all", "--format", "jsonl", "-q", "--out"]).arg(&alerts);
    command.arg("--lake").arg(&lake).assert().success();
    Outcome { lines: fs::read_to_string(alerts).unwrap(), lake: files(&lake) }
}

/// Watches the bucket, told of its objects by `events`; what it prints are the alerts that are told.
fn watch(server: &Server, dir: &Path, events: Vec<String>, out: &Path) -> Outcome {
    let queue = Queue::with(events, OF_ROUND);
    let lake = out.join("lake");
    let mut command = server.outflow_patient_for(20, dir);
    command.env("AWS_ENDPOINT_URL_SQS", queue.endpoint());
    command.args(["watch", "--drain", "--queue-url", &queue.url()]);
    command.args(["--allow", &format!("s3://{BUCKET}/AWSLogs/"), "--reorder", "2h", "-q"]);
    command.arg("--state").arg(out.join("state")).arg("--lake").arg(&lake);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(queue.messages(), 0, "every message is done with: {said}");
    Outcome { lines: String::from_utf8(output.stdout).unwrap(), lake: files(&lake) }
}

/// An event of S3 for each object, some of them again, in another order than that of their names.
fn events(server: &Server, seed: u64) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<(usize, String)> = Vec::new();
    let objects = server.store.listing(BUCKET);
    let mut logs: Vec<_> = objects.iter().filter(|(key, ..)| key.starts_with("AWSLogs/")).collect();
    // As they would be written: keys begin with the account.
    logs.sort_by_key(|(key, ..)| ObjectKey::parse(key).map(|key| key.time_second));
    let late: BTreeSet<usize> = (0..STRAGGLERS).map(|_| rng.random_range(0..logs.len())).collect();
    for (at, (key, etag, bytes)) in logs.iter().enumerate() {
        let event = json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": BUCKET }, "object": { "key": key, "size": bytes, "eTag": etag } },
        }] });
        let far = if late.contains(&at) { FAR } else { 0 };
        order.push((at + far + rng.random_range(0..=REACH), event.to_string()));
        while rng.random_bool(REPEATED) {
            order.push((at + far + rng.random_range(0..=2 * REACH), event.to_string()));
        }
    }
    let before = order.clone();
    order.sort_by_key(|(at, _)| *at);
    assert!(order != before && order.len() > logs.len(), "out of order, and some twice");
    order.into_iter().map(|(_, event)| event).collect()
}

/// Compares the three ways over what lies in `dir/AWSLogs`. Gives how many alerts were told.
fn check(dir: &Path, name: &str) -> usize {
    let out = tempfile::tempdir().unwrap();
    let server = Server::start();
    server.upload(dir, BUCKET);
    let local = scan(&server, dir, "AWSLogs", &out.path().join("local"));
    let remote = scan(&server, dir, &format!("s3://{BUCKET}/AWSLogs/"), &out.path().join("remote"));
    let watched = watch(&server, dir, events(&server, 1), &out.path().join("watched"));

    let hours = local.tables(|table| table == "hourly");
    assert!(!hours.is_empty(), "{name}: nothing to compare");
    // Alerts name the objects that they are made of, which differ by where those are.
    assert_eq!(remote.lines.replace(&format!("s3://{BUCKET}/"), ""), local.lines, "{name}: alerts");
    let names_objects = |table: &str| table == "alerts" || table == "objects";
    let (of_local, of_remote) = (local.tables(|t| !names_objects(t)), remote.tables(|t| !names_objects(t)));
    assert!(of_local == of_remote, "{name}: files and S3 differ");
    assert_eq!(watched.lake.keys().collect::<Vec<_>>(), remote.lake.keys().collect::<Vec<_>>(), "{name}");
    for (path, bytes) in &watched.lake {
        assert!(*bytes == remote.lake[path], "{name}: {} differs", path.display());
    }
    // What the watcher printed on its way; where it corrected itself the last word has another revision.
    let (told, printed) = (remote.lines_of(true), watched.lines_of(true));
    let unprinted: Vec<&String> = told.keys().filter(|id| !printed.contains_key(*id)).collect();
    assert!(unprinted.is_empty(), "{name}: never printed: {unprinted:?}");
    println!("{name}: {} files of hours, {} alerts told, the same three times", hours.len(), told.len());
    told.len()
}

#[test]
fn labelled_real_traffic_gives_the_same_bytes_by_files_by_s3_and_by_events() {
    each_set(|root, _| {
        check(root, root.file_name().unwrap().to_str().unwrap());
    });
}

#[test]
fn a_month_gives_the_same_bytes_by_files_by_s3_and_by_events() {
    let dir = tempfile::tempdir().unwrap();
    let month = SimulateOptions { days: 30, attack_from_day: 20, late_share: 0.01, ..eventful_fleet() };
    write_fleet(&month, dir.path());
    assert!(check(dir.path(), "a month") >= 2, "attacks were told");
}
