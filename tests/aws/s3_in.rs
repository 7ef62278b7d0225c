//! `scan s3://…` against a server that speaks the protocol: the same result as from files, the
//! right requests, and nothing lost whatever the network does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "trusted input, packed by the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::fleets;
use crate::s3_support::faults::Trouble;
use crate::s3_support::store::{OWNER, Store};
use crate::s3_support::{Server, bare};
use predicates::prelude::*;
use predicates::str::contains;

const BUCKET: &str = "central-logs";
const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets \
                      bytes start end action log-status\n";
/// 2026-03-01T00:00:00Z.
const MARCH: i64 = 1_772_323_200;

/// A plain-text object named by the time `second`, with `records` records of its five minutes. Not
/// gzip, so that cutting anywhere leaves something to read.
fn object(second: i64, records: i64) -> (String, Vec<u8>) {
    let time = jiff::Timestamp::from_second(second).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    let (day, time) = (time.strftime("%Y/%m/%d"), time.strftime("%Y%m%dT%H%MZ"));
    let line = |n: i64| {
        let end = second + n % 300;
        let start = end - 60;
        format!(
            "2 111111111111 eni-0123456789abcdef0 10.0.0.5 203.0.113.9 49152 443 6 10 1000 {start} {end} ACCEPT OK\n"
        )
    };
    let text: String = HEADER.to_owned() + &(0..records).map(line).collect::<String>();
    let name = format!("111111111111_vpcflowlogs_eu-west-1_fl-0a1b2c3d_{time}_00000000.log");
    (format!("AWSLogs/111111111111/vpcflowlogs/eu-west-1/{day}/{name}"), text.into_bytes())
}

/// A server with objects of 00:00, 00:05 and 00:10, of 2,000 records each, and the key of 00:05.
fn three_objects() -> (Server, String) {
    let server = Server::start();
    let middle = put_three_objects(&server);
    (server, middle)
}

fn put_three_objects(server: &Server) -> String {
    for slot in 0..3 {
        let (key, bytes) = object(MARCH + slot * 300, 2000);
        server.store.put(BUCKET, &key, bytes);
    }
    object(MARCH + 300, 0).0.rsplit('/').next().unwrap().to_owned()
}

/// Requests that the SDK made, which names its operation in the query, and those made without it.
fn by_the_sdk_and_short(server: &Server) -> (Vec<String>, Vec<String>) {
    server.read().into_iter().partition(|request| request.contains("x-id=GetObject"))
}

fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    let entries = entries.filter(|entry| entry.file_type().is_file() && entry.file_name() != ".outflow.lock");
    entries
        .map(|entry| (entry.path().strip_prefix(root).unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn a_scan_over_s3_equals_a_scan_over_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fleets::small(dir.path());
    // Pages of 100 keys, so that every day needs several.
    let server = Server::over(Store::with_pages_of(100));
    server.upload(&path("AWSLogs"), BUCKET);
    for (input, out, threads) in [
        ("AWSLogs", "local", "1"),
        ("s3://central-logs", "remote-1", "1"),
        ("s3://central-logs/", "remote-3", "3"),
    ] {
        let alerts = format!("{out}.jsonl");
        let mut command = server.outflow(dir.path());
        command.args(["scan", input, "--threads", threads, "--all", "--format", "jsonl", "--out", &alerts]);
        command.args(["--lake", out]).assert().success();
    }
    let alerts = |name: &str| fs::read_to_string(path(name)).unwrap();
    let local = alerts("local.jsonl");
    assert!(local.lines().count() > 0 && local.contains("AWSLogs/"), "something to compare: {local}");
    let lake = files(&path("local"));
    assert!(lake.keys().filter(|name| name.starts_with("hourly")).count() >= 4, "{:?}", lake.keys());
    for out in ["remote-1", "remote-3"] {
        let remote = alerts(&format!("{out}.jsonl"));
        assert_eq!(remote.replace("s3://central-logs/", "AWSLogs/"), local, "{out}");
        let got = files(&path(out));
        assert_eq!(got.keys().collect::<Vec<_>>(), lake.keys().collect::<Vec<_>>(), "{out}");
        // Alerts and objects name objects, which differ by where they are.
        let names_objects = |name: &Path| name.starts_with("alerts") || name.starts_with("objects");
        for (name, bytes) in got.iter().filter(|(name, _)| !names_objects(name)) {
            assert!(*bytes == lake[name], "{out}: {} differs", name.display());
        }
    }
}

#[test]
fn only_folders_of_the_time_asked_for_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let put = |key: &str| server.store.put(BUCKET, key, HEADER.into());
    let name = |time: &str| format!("111111111111_vpcflowlogs_eu-west-1_fl-0a1b2c3d_{time}_00000000.log");
    for (day, time) in [
        ("2025/12/31", "20251231T1200Z"),
        ("2026/02/28", "20260228T2355Z"),
        ("2026/03/01", "20260301T0000Z"),
        ("2026/03/02", "20260302T0000Z"),
    ] {
        put(&format!("AWSLogs/111111111111/vpcflowlogs/eu-west-1/{day}/{}", name(time)));
    }
    put("AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/01/trail.json.gz");
    let hive = "AWSLogs/o-abc123/aws-account-id=222222222222/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=03/day=01";
    put(&format!("{hive}/hour=08/{}", name("20260301T0800Z").replacen("111111111111", "222222222222", 1)));
    put(&format!("{hive}/hour=09/{}", name("20260301T0900Z").replacen("111111111111", "222222222222", 1)));
    let dry = |args: &[&str]| {
        let mut command = server.outflow(dir.path());
        command.args(["scan", "s3://central-logs", "--dry-run"]).args(args).assert().success()
    };
    dry(&["--from", "2026-03-01", "--to", "2026-03-02"])
        .stdout(contains("would read  3 objects").and(contains("not listed  3 folders in S3")))
        .stderr(contains("1 folder in S3 left out, of services other"));
    let plain = "AWSLogs/111111111111/vpcflowlogs/eu-west-1/";
    let org = "AWSLogs/o-abc123/aws-account-id=222222222222/";
    let org_region = format!("{org}aws-service=vpcflowlogs/aws-region=eu-west-1/");
    let mut want = vec![
        String::new(),
        "AWSLogs/".into(),
        "AWSLogs/111111111111/".into(),
        "AWSLogs/111111111111/vpcflowlogs/".into(),
        plain.into(),
        format!("{plain}2026/"),
        format!("{plain}2026/03/"),
        format!("{plain}2026/03/01/*"),
        "AWSLogs/o-abc123/".into(),
        org.into(),
        format!("{org}aws-service=vpcflowlogs/"),
        org_region.clone(),
        format!("{org_region}year=2026/"),
        format!("{org_region}year=2026/month=03/"),
        format!("{org_region}year=2026/month=03/day=01/*"),
    ];
    want.sort();
    assert_eq!(server.listed(), want);
    assert!(server.read().is_empty(), "a dry run reads nothing");

    // Within a day, hours are told apart where they are folders.
    dry(&["--from", "2026-03-01T09:00:00Z", "--to", "2026-03-02"]).stdout(contains("would read  1 object,"));
    assert!(server.listed().contains(&format!("{org_region}year=2026/month=03/day=01/hour=09/*")));
    assert!(!server.listed().iter().any(|folder| folder.contains("hour=08")));

    // The last day is counted from the newest object, found without listing what is older.
    dry(&["--last", "1d"])
        .stdout(contains("would read  3 objects").and(contains("2026-03-01 00:05 to the end")));
    assert!(!server.listed().iter().any(|folder| folder.contains("/2025/")), "{:?}", server.listed());
}

#[test]
fn an_input_may_be_a_folder_without_its_slash_or_one_object() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = three_objects();
    let key = object(MARCH, 0).0;
    for (input, objects) in [
        ("s3://central-logs/AWSLogs/111111111111".to_owned(), "3 objects"),
        (format!("s3://central-logs/{key}"), "1 object,"),
    ] {
        let mut command = server.outflow(dir.path());
        command.args(["scan", &input, "--dry-run"]).assert().success().stdout(contains(objects));
    }
    let mut twice = server.outflow(dir.path());
    let twice = twice.args(["scan", "s3://central-logs", &format!("s3://central-logs/{key}"), "--dry-run"]);
    twice.assert().success().stdout(contains("3 objects")).stderr(contains("read once"));
    let mut part = server.outflow(dir.path());
    let part = part.args(["scan", "s3://central-logs/AWSLo", "--dry-run"]);
    part.assert()
        .code(2)
        .stderr(contains("no object found in s3://central-logs/AWSLo").and(contains("hint:")));
}

#[test]
fn local_and_remote_inputs_are_scanned_together() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = three_objects();
    let (key, bytes) = object(MARCH + 900, 500);
    let file = key.rsplit('/').next().unwrap();
    fs::write(dir.path().join(file), bytes).unwrap();
    let mut command = server.outflow(dir.path());
    let told = contains("4 read").and(contains("6,500 in"));
    command.args(["scan", file, "s3://central-logs"]).assert().success().stderr(told);
}

/// Scans three objects of which the middle one is troubled. Says how it was asked for: the ranges.
fn scan_with(
    trouble: Trouble,
    times: u32,
    patience_seconds: u32,
) -> (assert_cmd::assert::Assert, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let (server, middle) = three_objects();
    server.faults.add(&middle, times, trouble);
    let assert = server
        .outflow_patient_for(patience_seconds, dir.path())
        .args(["scan", "s3://central-logs", "-v"])
        .assert();
    let requests = server.read().into_iter().filter(|request| request.contains(&middle));
    (
        assert,
        requests
            .map(|request| request.split_once(' ').map(|(_, range)| range.to_owned()).unwrap_or_default())
            .collect(),
    )
}

#[test]
fn faults_that_pass_cost_nothing_but_time() {
    for (trouble, times, resumed) in [
        (Trouble::Refused(503, "SlowDown", "Please reduce your request rate."), 2, ""),
        (Trouble::Refused(500, "InternalError", "We encountered an internal error."), 1, ""),
        (Trouble::Cut(70_000), 1, "bytes=70000-"),
        (Trouble::Short(50_000), 1, ""),
        (Trouble::Cut(0), 2, ""),
    ] {
        let told = format!("{trouble:?}");
        let (assert, requests) = scan_with(trouble, times, 5);
        assert.success().stderr(contains("3 read").and(contains("0 failed")).and(contains("6,000 in")));
        assert_eq!(requests.len() as u32, times + 1, "{told}: {requests:?}");
        assert_eq!(requests.last().unwrap(), resumed, "{told}: {requests:?}");
    }
}

#[test]
fn objects_are_asked_for_the_short_way_and_by_the_sdk_where_that_fails() {
    let dir = tempfile::tempdir().unwrap();
    let (server, middle) = three_objects();
    server.faults.add(&middle, 1, Trouble::Refused(503, "SlowDown", "Please reduce your request rate."));
    server.outflow(dir.path()).args(["scan", "s3://central-logs"]).assert().success();
    let (by_sdk, short) = by_the_sdk_and_short(&server);
    assert_eq!((by_sdk.len(), short.len()), (1, 3), "{by_sdk:?} {short:?}");
    assert!(by_sdk[0].contains(&middle));
}

#[test]
fn the_short_way_is_gone_by_tls_too_and_trusts_whom_the_sdk_trusts() {
    let dir = tempfile::tempdir().unwrap();
    let (server, certificate) = Server::with_tls();
    put_three_objects(&server);
    let scan = || {
        let mut command = server.outflow(dir.path());
        command.args(["scan", "s3://central-logs"]);
        command
    };
    scan().assert().code(2).stderr(contains("cannot reach https://127.0.0.1").and(contains("certificate")));
    let bundle = dir.path().join("bundle.pem");
    fs::write(&bundle, certificate).unwrap();
    scan().env("AWS_CA_BUNDLE", bundle).assert().success().stderr(contains("6,000 in"));
    let (by_sdk, short) = by_the_sdk_and_short(&server);
    assert_eq!((by_sdk.len(), short.len()), (0, 3), "{by_sdk:?} {short:?}");
}

#[test]
fn what_lies_behind_a_proxy_is_left_to_the_sdk() {
    let dir = tempfile::tempdir().unwrap();
    // It stands for a proxy, too: nothing else knows this host.
    let (server, _) = three_objects();
    let mut scan = server.outflow(dir.path());
    scan.env("OUTFLOW_ENDPOINT_URL", "http://s3.example.test").env("HTTP_PROXY", &server.url);
    scan.args(["scan", "s3://central-logs"]).assert().success().stderr(contains("6,000 in"));
    let (by_sdk, short) = by_the_sdk_and_short(&server);
    assert_eq!((by_sdk.len(), short.len()), (3, 0), "{by_sdk:?} {short:?}");
}

#[test]
fn silence_is_not_waited_for_for_ever() {
    for (trouble, resumed) in [(Trouble::Unanswered, ""), (Trouble::Stalled(50_000), "bytes=50000-")] {
        let (assert, requests) = scan_with(trouble, 1, 1);
        assert.success().stderr(contains("3 read").and(contains("6,000 in")));
        assert!(requests.len() >= 2 && requests[1] == resumed, "{requests:?}");
    }
}

#[test]
fn a_body_cut_twice_is_resumed_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (server, middle) = three_objects();
    server.faults.add(&middle, 2, Trouble::Cut(40_000));
    let assert = server.outflow(dir.path()).args(["scan", "s3://central-logs"]).assert();
    assert.success().stderr(contains("6,000 in"));
    let log = server.read();
    assert!(
        log.iter().any(|r| r.ends_with("bytes=40000-")) && log.iter().any(|r| r.ends_with("bytes=80000-")),
        "{log:?}"
    );
}

#[test]
fn faults_that_stay_fail_one_object_and_are_told() {
    for (trouble, told) in [
        (
            Trouble::Refused(503, "SlowDown", "Please reduce your request rate."),
            "S3 keeps answering SlowDown",
        ),
        (
            Trouble::Refused(403, "AccessDenied", "Access Denied"),
            "allow s3:GetObject on arn:aws:s3:::central-logs/*",
        ),
        (
            Trouble::Refused(
                403,
                "AccessDenied",
                "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:111111111111:key/0a because no policy allows it",
            ),
            "allow kms:Decrypt on arn:aws:kms:eu-west-1:111111111111:key/0a",
        ),
        (Trouble::Refused(404, "NoSuchKey", "The specified key does not exist."), "no longer there"),
        (Trouble::Refused(412, "PreconditionFailed", "x"), "changed since it was listed"),
        (Trouble::Refused(403, "InvalidObjectState", "x"), "archived in Glacier"),
        (Trouble::OtherVersion, "changed since it was listed"),
        (Trouble::Short(70_000), "70000 bytes are offered where"),
        (Trouble::Cut(0), "the connection broke off: 0 of"),
    ] {
        let (assert, _) = scan_with(trouble, 100, 5);
        let output =
            assert.code(3).stderr(contains("2 read").and(contains("1 failed"))).get_output().stderr.clone();
        let text = String::from_utf8(output).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(told), "{told}\n{text}");
    }
}

/// While a worker waits for one object, the objects behind it take no more than their bound.
#[test]
fn bytes_in_flight_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let share = outflow::limits::S3_BYTES_PER_OBJECT_MAX as usize;
    let at_once = outflow::limits::S3_BYTES_IN_FLIGHT_PER_THREAD as usize / share;
    let key = |slot: i64| object(MARCH + slot * 300, 0).0;
    for slot in 0..2 * at_once as i64 {
        server.store.put(BUCKET, &key(slot), vec![b'x'; share]);
    }
    let first = key(0).rsplit('/').next().unwrap().to_owned();
    server.faults.add(&first, 1, Trouble::Stalled(1000));
    let mut command = server.outflow_patient_for(1, dir.path());
    command.args(["scan", "s3://central-logs", "--threads", "1"]);
    // One line of x each: all are read, none is a record.
    command.assert().code(3).stderr(contains(format!("{} read", 2 * at_once)));
    let log = server.read();
    let resumed = log.iter().position(|request| request.ends_with("bytes=1000-")).unwrap();
    let begun: BTreeSet<&str> =
        log[..resumed].iter().filter_map(|request| request.split(' ').next()).collect();
    assert!(begun.len() <= at_once, "{} downloads began, room is for {at_once}: {log:?}", begun.len());
    assert!(begun.len() > 1, "nothing was downloaded ahead: {log:?}");
}

#[test]
fn what_came_before_a_cut_that_stays_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (server, middle) = three_objects();
    // Each attempt brings 30 kB more of about 200.
    server.faults.add(&middle, 100, Trouble::Cut(30_000));
    let assert = server.outflow(dir.path()).args(["scan", "s3://central-logs", "-v"]).assert();
    let output = assert.code(3).get_output().stderr.clone();
    let text = String::from_utf8(output).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("90000 of") && text.contains("came in 3 attempts"), "{text}");
    assert!(!text.contains("4,000 in"), "the records of the beginning are counted too: {text}");
}

#[test]
fn listing_faults_are_fatal_and_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for (trouble, cause, remedy) in [
        (
            Trouble::Refused(403, "AccessDenied", "Access Denied"),
            "not allowed to list",
            "s3:ListBucket on arn:aws:s3:::central-logs",
        ),
        (
            Trouble::Refused(400, "ExpiredToken", "The provided token has expired."),
            "have expired",
            "aws sso login",
        ),
        (
            Trouble::Refused(403, "InvalidAccessKeyId", "x"),
            "does not accept the credentials",
            "get-caller-identity",
        ),
        (Trouble::Redirected("eu-central-1"), "is in region eu-central-1", "--region eu-central-1"),
        (Trouble::Refused(503, "SlowDown", "x"), "S3 keeps answering SlowDown", "later"),
    ] {
        let (server, _) = three_objects();
        server.faults.add("list-type=2", 100, trouble);
        let mut command = server.outflow(dir.path());
        let told = contains(cause).and(contains(remedy)).and(contains("error:")).and(contains("hint:"));
        let assert = command.args(["scan", "s3://central-logs"]).assert().code(2).stdout("").stderr(told);
        assert_eq!(String::from_utf8_lossy(&assert.get_output().stderr).lines().count(), 2);
    }
}

#[test]
fn a_listing_survives_a_busy_server() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = three_objects();
    server.faults.add("list-type=2", 2, Trouble::Refused(503, "SlowDown", "x"));
    server
        .outflow(dir.path())
        .args(["scan", "s3://central-logs"])
        .assert()
        .success()
        .stderr(contains("3 read"));
}

#[test]
fn the_set_up_is_checked_before_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = three_objects();
    let scan = |input: &str| {
        let mut command = server.outflow(dir.path());
        command.args(["scan", input]);
        command
    };
    scan("s3://not-there").assert().code(2).stderr(contains("there is no bucket not-there"));
    scan("s3://Bad_Name/x").assert().code(2).stderr(contains("names no bucket"));
    scan("s3://central-logs")
        .env_remove("AWS_ACCESS_KEY_ID")
        .assert()
        .code(2)
        .stderr(contains("no AWS credentials found"));
    scan("s3://central-logs")
        .env("AWS_SECRET_ACCESS_KEY", "wrong")
        .assert()
        .code(2)
        .stderr(contains("does not accept the credentials"));
    let mut closed = scan("s3://central-logs");
    closed.env("OUTFLOW_ENDPOINT_URL", "http://127.0.0.1:1");
    closed
        .assert()
        .code(2)
        .stderr(contains("cannot reach http://127.0.0.1:1").and(contains("check the endpoint")));
    let mut bundle = scan("s3://central-logs");
    bundle.env("AWS_CA_BUNDLE", dir.path().join("none.pem"));
    bundle.assert().code(2).stderr(contains("none.pem (AWS_CA_BUNDLE)"));
    let mut other = scan("s3://central-logs");
    other.args(["--expected-bucket-owner", "222222222222"]);
    other.assert().code(2).stderr(contains("belong to account 222222222222"));
    let mut own = scan("s3://central-logs");
    own.args(["--expected-bucket-owner", OWNER]).assert().success();
    let mut nowhere = bare(dir.path());
    nowhere.args(["scan", "s3://central-logs"]).assert().code(2).stderr(contains("no region is known"));
}

#[test]
fn a_role_is_assumed_and_its_credentials_read_the_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = three_objects();
    let with_role = |sts: &str| {
        let mut command = server.outflow(dir.path());
        // These alone are not let in.
        command.env("AWS_ACCESS_KEY_ID", "AKIDOTHER").env("AWS_ENDPOINT_URL_STS", sts);
        command.args(["scan", "s3://central-logs", "--assume-role", "arn:aws:iam::111111111111:role/reader"]);
        command
    };
    with_role(&server.url).assert().success().stderr(contains("3 read"));
    let told =
        contains("cannot assume arn:aws:iam::111111111111:role/reader").and(contains("sts:AssumeRole"));
    with_role("http://127.0.0.1:1").assert().code(2).stderr(told);
}
