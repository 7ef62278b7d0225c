//! A lake in S3 answers as the same lake on disk, whatever asks it, and gives no more than is needed;
//! alerts are computed again from objects that are in S3 too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use crate::fleets;
use crate::s3_support::Server;
use crate::s3_support::faults::Trouble;
use outflow::alert::Alert;
use outflow::simulate::labels_csv;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

const LOGS: &str = "central-logs";
const SHELF: &str = "security-lake";
/// Where the lake is on disk, and in S3.
const HERE: &str = "shelf/team/lake";
const THERE: &str = "s3://security-lake/team/lake";

/// Flow logs, their labels, the lake that a scan of them in S3 makes, and its alerts.
static MADE: LazyLock<(TempDir, Vec<Alert>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let plan = fleets::small(&dir.path().join("logs"));
    let server = Server::start();
    server.upload(&dir.path().join("logs"), LOGS);
    fs::write(dir.path().join("labels.csv"), labels_csv(&plan.labels)).unwrap();
    let mut command = server.outflow(dir.path());
    command.args(["scan", "s3://central-logs/AWSLogs/", "--all", "--format", "jsonl", "-q"]);
    let output = command.args(["--lake", HERE]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let alerts: Vec<Alert> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(alerts.len() >= 4, "{lines}");
    (dir, alerts)
});

/// A server with the flow logs and the lake, which are on disk too.
struct Scene {
    server: Server,
    dir: TempDir,
    alerts: &'static [Alert],
}

impl Scene {
    fn new() -> Self {
        let (made, alerts) = &*MADE;
        let dir = tempfile::tempdir().unwrap();
        for (name, of) in [("AWSLogs", "logs/AWSLogs"), ("shelf", "shelf"), ("labels.csv", "labels.csv")] {
            std::os::unix::fs::symlink(made.path().join(of), dir.path().join(name)).unwrap();
        }
        let server = Server::start();
        server.upload(&made.path().join("logs"), LOGS);
        server.upload(&made.path().join("shelf"), SHELF);
        Self { server, dir, alerts }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.server.outflow(self.dir.path()).args(args).output().unwrap()
    }

    /// What a command prints of `LAKE`, the same for the one on disk and the one in S3.
    fn both(&self, args: &[&str]) -> String {
        let of = |lake: &str| {
            let args: Vec<&str> = args.iter().map(|arg| if *arg == "LAKE" { lake } else { arg }).collect();
            let output = self.run(&args);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{args:?}: {said}");
            String::from_utf8(output.stdout).unwrap()
        };
        let (here, there) = (of(HERE), of(THERE));
        assert!(!here.is_empty(), "{args:?}: nothing to compare");
        assert_eq!(here, there, "{args:?}");
        there
    }
}

#[test]
fn every_verb_answers_from_s3_as_from_disk() {
    let scene = Scene::new();
    let id = scene.alerts[0].id.as_str();
    scene.both(&["explain", id, "--lake", "LAKE"]);
    scene.both(&["export", "LAKE", "--summary", "eni"]);
    scene.both(&["export", "LAKE", "--summary", "incident", "--from", "2026-01-07"]);
    scene.both(&["eval", "LAKE", "--labels", "labels.csv", "--format", "json"]);
    let add = ["suppress", "add", "known.toml", "--destination", "198.18.0.0/15", "--owner", "o"];
    let eni = scene.alerts[0].eni.as_str();
    let more = ["--ticket", "T-1", "--reason", "r", "--max-bytes-per-day", "1GiB", "--eni", eni];
    assert!(scene.run(&[&add[..], &more[..]].concat()).status.success());
    scene.both(&["suppress", "list", "known.toml", "--lake", "LAKE"]);
    scene.both(&["suppress", "test", "known.toml", "LAKE"]);
    scene.both(&["backtest", "LAKE", "--format", "json"]);
    for (lake, page) in [(HERE, "here.html"), (THERE, "there.html")] {
        let output = scene.run(&["report", lake, "-o", page]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(fs::read(scene.path("here.html")).unwrap() == fs::read(scene.path("there.html")).unwrap());
    // Headroom is written where the lake is.
    let output = scene.run(&["backtest", THERE, "--headroom", "--save"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kept = scene.server.store.objects(SHELF);
    assert!(kept.keys().any(|key| key.starts_with("team/lake/headroom/")), "{:?}", kept.keys());
}

#[test]
fn only_what_is_read_is_fetched_and_nothing_of_it_stays() {
    let scene = Scene::new();
    fs::create_dir(scene.path("tmp")).unwrap();
    let before = scene.server.read().len();
    let mut command = scene.server.outflow(scene.dir.path());
    command.env("TMPDIR", scene.path("tmp"));
    command.args(["explain", &scene.alerts[0].id, "--lake", THERE]).assert().success();
    let read = scene.server.read().split_off(before);
    assert!(!read.is_empty() && read.iter().all(|key| key.contains("/alerts/")), "{read:?}");
    assert_eq!(fs::read_dir(scene.path("tmp")).unwrap().count(), 0);
}

#[test]
fn what_is_no_lake_or_may_not_be_read_is_told_with_its_remedy() {
    let scene = Scene::new();
    let explain = |lake: &str| {
        let mut command = scene.server.outflow(scene.dir.path());
        command.args(["explain", &scene.alerts[0].id, "--lake", lake]).assert().code(2)
    };
    explain("s3://security-lake/elsewhere").stderr(
        contains("s3://security-lake/elsewhere/ holds no lake").and(contains("hint: name the place")),
    );
    explain("s3://no-such-bucket/lake").stderr(contains("there is no bucket no-such-bucket"));
    scene.server.faults.add("/alerts/", 1000, Trouble::Refused(403, "AccessDenied", "Access Denied"));
    explain(THERE)
        .stderr(contains("cannot read s3://security-lake/team/lake/alerts/").and(contains("hint: ")));
}

/// Exit code and words of a replay from `input`; from where the lake says without.
fn replay(scene: &Scene, alert: &Alert, lake: &str, input: Option<&str>) -> (Option<i32>, String) {
    let mut args = vec!["explain", alert.id.as_str(), "--lake", lake, "--replay"];
    args.extend(input);
    let output = scene.run(&args);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

#[test]
fn an_alert_comes_out_the_same_from_objects_in_s3() {
    let scene = Scene::new();
    let alert = scene.alerts.last().unwrap();
    // Where the lake says, named, and copies on this machine.
    let inputs = [None, Some("s3://central-logs/AWSLogs/"), Some("AWSLogs")];
    for (lake, input) in [HERE, THERE].into_iter().flat_map(|lake| inputs.map(|input| (lake, input))) {
        let (code, said) = replay(&scene, alert, lake, input);
        assert_eq!(code, Some(0), "{lake} {input:?}: {said}");
        assert!(said.contains("the same, bit for bit"), "{lake} {input:?}: {said}");
    }
    // Somebody replaces an object that the alert is made of.
    let name = alert.objects.first().unwrap();
    let key = name.strip_prefix("s3://central-logs/").unwrap();
    let other = scene.server.store.objects(LOGS).into_values().next().unwrap();
    scene.server.store.put(LOGS, key, other);
    for input in &inputs[..2] {
        let (code, said) = replay(&scene, alert, HERE, *input);
        assert_eq!(code, Some(1), "{input:?}: {said}");
        let flat: String = said.split_whitespace().collect();
        let file = Path::new(key).file_name().unwrap().to_str().unwrap();
        assert!(flat.contains(file) && said.contains("What is not as it was"), "{input:?}: {said}");
    }
}
