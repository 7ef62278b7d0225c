//! A lake, a report and a watcher's state in S3: the same bytes as on disk, whole or not at all, and
//! one writer at a time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::fleets;
use crate::s3_support::faults::Trouble;
use crate::s3_support::{ACCESS_KEY, REGION, SECRET_KEY, Server, bare};
use outflow::config;
use outflow::source::S3Url;
use outflow::state::{Book, StateDir};
use outflow::store::{Condition, Lease, Put, Remote};
use outflow::window::Day;
use predicates::prelude::*;
use predicates::str::contains;

const BUCKET: &str = "security-lake";

/// The parts of a lake below `prefix`, by their path in it.
fn lake_in(server: &Server, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let objects = server.store.objects(BUCKET).into_iter();
    let below = objects.filter_map(|(key, bytes)| Some((key.strip_prefix(prefix)?.to_owned(), bytes)));
    below.filter(|(key, _)| key != ".outflow.lease").collect()
}

fn lake_on_disk(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = crate::fleet_support::files(root).into_iter();
    files.map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes)).collect()
}

/// How the server is reached.
fn options(server: &Server) -> config::S3 {
    let common = config::S3Bucket { region: Some(REGION.into()), ..config::S3Bucket::default() };
    config::S3 {
        endpoint_url: Some(server.url.clone()),
        path_style: true,
        attempts: 2,
        common,
        ..config::S3::default()
    }
}

/// The way to a folder of the server's.
fn remote(server: &Server, folder: &str) -> Arc<Remote> {
    server.store.create_bucket(BUCKET);
    let url = S3Url { bucket: BUCKET.into(), prefix: folder.into() };
    Arc::new(Remote::connect(&url, &options(server)).unwrap())
}

/// Runs the test called `name` in a process of its own that has the server's credentials: they come
/// from the environment. Whether this is that process.
fn has_credentials(name: &str) -> bool {
    if std::env::var("AWS_ACCESS_KEY_ID").as_deref() == Ok(ACCESS_KEY) {
        return true;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    child.env_remove("AWS_SESSION_TOKEN").env_remove("AWS_ENDPOINT_URL").env_remove("HTTP_PROXY");
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::{name}");
    let output = child.args([test.as_str(), "--exact", "--nocapture"]).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

#[test]
fn a_lake_in_s3_has_the_bytes_of_one_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    fleets::small(dir.path());
    bare(dir.path()).args(["scan", "AWSLogs", "--lake", "local", "-q"]).assert().success();
    let want = lake_on_disk(&dir.path().join("local"));
    assert!(want.len() > 10, "{:?}", want.keys());
    let server = Server::start();
    server.store.create_bucket(BUCKET);
    let there = format!("s3://{BUCKET}/team/lake");
    let scan = || {
        let mut command = server.outflow(dir.path());
        // Nothing of it stays on this machine.
        command.env("TMPDIR", dir.path().join("tmp"));
        command.args(["scan", "AWSLogs", "-q", "--lake", &there, "--sse-kms-key-id", "alias/lake"]);
        command
    };
    fs::create_dir(dir.path().join("tmp")).unwrap();
    scan().assert().success();
    let got = lake_in(&server, "team/lake/");
    assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
    for (name, bytes) in &got {
        assert!(*bytes == want[name], "{name} differs");
    }
    let key = Some(("aws:kms".to_owned(), Some("alias/lake".to_owned())));
    assert!(server.store.written().iter().all(|written| written.encryption == key));
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    // The right to write was given back.
    scan().assert().success();
}

#[test]
fn who_may_not_write_is_told_what_is_missing_and_nothing_is_half_there() {
    let dir = tempfile::tempdir().unwrap();
    fleets::small(dir.path());
    let server = Server::start();
    server.store.create_bucket(BUCKET);
    server.faults.add("hourly", 1000, Trouble::Refused(403, "AccessDenied", "Access Denied"));
    let there = format!("s3://{BUCKET}/lake");
    let scan = |more: &[&str]| {
        let mut command = server.outflow(dir.path());
        command.args(["scan", "AWSLogs", "--lake", &there]).args(more);
        command
    };
    scan(&[]).assert().code(2).stderr(
        contains("not allowed to write to the bucket security-lake")
            .and(contains("hint: allow s3:PutObject on arn:aws:s3:::security-lake/*")),
    );
    assert!(lake_in(&server, "lake/").keys().all(|key| !key.starts_with("alerts")), "no day is told as done");
    let server = Server::start();
    server
        .outflow(dir.path())
        .args(["scan", "AWSLogs", "--lake", &there])
        .assert()
        .code(2)
        .stderr(contains("there is no bucket security-lake"));
}

#[test]
fn large_files_go_in_parts() {
    if !has_credentials("large_files_go_in_parts") {
        return;
    }
    let server = Server::start();
    let folder = remote(&server, "parts");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    let bytes: Vec<u8> = (0..(16_usize << 20) * 2 + 12_345).map(|at| ((at * 31) >> 3) as u8).collect();
    fs::write(&path, &bytes).unwrap();
    folder.put_files(vec![("a=1/large.parquet".to_owned(), path.clone())]).unwrap();
    let there = &server.store.objects(BUCKET)["parts/a=1/large.parquet"];
    assert!(*there == bytes, "{} of {} bytes", there.len(), bytes.len());
    assert_eq!(server.store.written().last().unwrap().parts, 3);

    // The connection is no longer answered in the middle: nothing is there, and nothing left behind.
    server.faults.add("partNumber=2", 1000, Trouble::Refused(403, "AccessDenied", "Access Denied"));
    let failed = folder.put_files(vec![("b.parquet".to_owned(), path)]).unwrap_err();
    assert!(failed.to_string().contains("not allowed to write"), "{failed}");
    assert!(!server.store.objects(BUCKET).contains_key("parts/b.parquet"));
    assert_eq!(server.store.open_uploads(), 0);
}

#[test]
fn one_writer_at_a_time_and_the_dead_do_not_hold_on() {
    if !has_credentials("one_writer_at_a_time_and_the_dead_do_not_hold_on") {
        return;
    }
    let server = Server::start();
    let folder = remote(&server, "lease");
    let first = Lease::take(&folder, "lease", "first").unwrap();
    let refused = Lease::take(&folder, "lease", "second").unwrap_err();
    assert!(refused.to_string().contains("security-lake/lease/ is in use by first"), "{refused}");
    first.check().unwrap();
    drop(first);
    let second = Lease::take(&folder, "lease", "second").unwrap();
    // A holder that died says nothing any more.
    let bytes = server.store.objects(BUCKET)["lease/lease"].clone();
    server.store.put_aged(BUCKET, "lease/lease", bytes.clone(), 60);
    assert!(Lease::take(&folder, "lease", "third").is_err(), "not silent for long enough");
    server.store.put_aged(BUCKET, "lease/lease", bytes, 120);
    let third = Lease::take(&folder, "lease", "third").unwrap();
    // The one that was thought dead does not take back what it gives up.
    drop(second);
    let holder = String::from_utf8(server.store.objects(BUCKET)["lease/lease"].clone()).unwrap();
    assert!(holder.contains("third") && holder.contains("\"released\":false"), "{holder}");
    drop(third);
}

#[test]
fn a_write_that_was_done_before_its_answer_was_lost_counts_as_done() {
    if !has_credentials("a_write_that_was_done_before_its_answer_was_lost_counts_as_done") {
        return;
    }
    let server = Server::start();
    let folder = remote(&server, "twice");
    assert!(matches!(folder.put("x", b"one", &Condition::Absent).unwrap(), Put::Done(_)));
    // As the SDK does when it sends a request again.
    let Put::Done(tag) = folder.put("x", b"one", &Condition::Absent).unwrap() else { panic!("refused") };
    assert!(matches!(folder.put("x", b"two", &Condition::Absent).unwrap(), Put::Refused(Some(_))));
    assert!(matches!(folder.put("x", b"two", &Condition::Tag(tag.clone())).unwrap(), Put::Done(_)));
    assert!(matches!(folder.put("x", b"three", &Condition::Tag(tag)).unwrap(), Put::Refused(_)));
}

#[test]
fn who_lost_the_answers_to_what_it_wrote_goes_on() {
    if !has_credentials("who_lost_the_answers_to_what_it_wrote_goes_on") {
        return;
    }
    let server = Server::start();
    server.store.create_bucket(BUCKET);
    let root = std::path::PathBuf::from(format!("s3://{BUCKET}/state"));
    let state = StateDir::open_at(&root, "first", &options(&server)).unwrap();
    let book = |more: u64| Book { quarantined_more: more, ..Book::default() };
    let is_held = |more: u64| {
        let text = String::from_utf8(server.store.objects(BUCKET)["state/checkpoint"].clone()).unwrap();
        text.contains(&format!("\"quarantined_more\":{more}"))
    };
    state.save(&book(1)).unwrap();
    // Two in a row, of which the first is there: the second was refused for it, and nobody heard.
    for unheard in [2, 3] {
        server.faults.add("state/checkpoint", u32::MAX, Trouble::Lost);
        state.save(&book(unheard)).unwrap_err();
        server.faults.clear();
    }
    assert!(is_held(2));
    state.save(&book(4)).unwrap();
    assert!(is_held(4));

    // The holder of the lease, too, may meet a sign of its own.
    let lease = server.store.objects(BUCKET)["state/lease"].clone();
    let mut sign: serde_json::Value = serde_json::from_slice(&lease).unwrap();
    sign["beat"] = (sign["beat"].as_u64().unwrap() + 1).into();
    server.store.put(BUCKET, "state/lease", sign.to_string().into_bytes());
    drop(state);
    StateDir::open_at(&root, "second", &options(&server)).unwrap();
}

#[test]
fn a_state_in_s3_goes_on_and_two_never_do() {
    if !has_credentials("a_state_in_s3_goes_on_and_two_never_do") {
        return;
    }
    let server = Server::start();
    server.store.create_bucket(BUCKET);
    let options = options(&server);
    let root = std::path::PathBuf::from(format!("s3://{BUCKET}/state"));
    let open = |holder: &str| StateDir::open_at(&root, holder, &options);
    let state = open("first").unwrap();
    assert!(state.load().unwrap().is_none());
    let day = state.save_day(Day(20_500), &outflow::pipeline::Carried::default()).unwrap();
    let book = Book { days: vec![day.clone()], ..Book::default() };
    state.save(&book).unwrap();
    state.save(&book).unwrap();
    assert!(open("second").unwrap_err().to_string().contains("in use by first"));
    drop(state);
    let state = open("second").unwrap();
    assert_eq!(state.load().unwrap().unwrap().days, std::slice::from_ref(&day));
    assert_eq!(state.load_day(&day).unwrap(), outflow::pipeline::Carried::default());

    // Somebody who thinks that he still holds it has written.
    let checkpoint = server.store.objects(BUCKET)["state/checkpoint"].clone();
    server.store.put(BUCKET, "state/checkpoint", [checkpoint, b" ".to_vec()].concat());
    let refused = state.save(&Book::default()).unwrap_err();
    assert!(refused.to_string().contains("written by another watcher"), "{refused}");
    assert!(server.store.objects(BUCKET).keys().any(|key| key.contains("/day-")), "nothing is removed then");
}

#[test]
fn a_report_goes_to_s3_and_replaces_nothing_unasked() {
    let dir = tempfile::tempdir().unwrap();
    fleets::small(dir.path());
    bare(dir.path()).args(["scan", "AWSLogs", "--lake", "lake", "-q"]).assert().success();
    bare(dir.path()).args(["report", "lake", "-o", "here.html"]).assert().success();
    let server = Server::start();
    server.store.create_bucket(BUCKET);
    let there = format!("s3://{BUCKET}/reports/march.html");
    let report = |more: &[&str]| {
        let mut command = server.outflow(dir.path());
        command.args(["report", "lake", "-o", &there]).args(more);
        command
    };
    report(&[]).assert().success().stderr(contains("s3://security-lake/reports/march.html: "));
    let page = server.store.objects(BUCKET)["reports/march.html"].clone();
    assert_eq!(page, fs::read(dir.path().join("here.html")).unwrap());
    report(&[]).assert().code(2).stderr(contains("exists already"));
    report(&["--force"]).assert().success();
    let mut command = server.outflow(dir.path());
    command.args(["report", "lake", "-o", "s3://security-lake/reports/"]);
    command.assert().code(2).stderr(contains("names no object"));
}
