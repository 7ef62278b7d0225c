//! The command line as scripts and people meet it: exit codes, streams, messages.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

/// A header and one record of the default format, from the documentation ranges.
const LOG: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 111111111111 eni-0123456789abcdef0 10.0.0.5 203.0.113.9 49152 443 6 10 8400 1772323200 1772323260 ACCEPT OK
";

fn outflow(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("outflow"));
    // Neither the machine's settings nor a configuration file of the package may matter.
    for name in foreign() {
        command.env_remove(name);
    }
    command.current_dir(dir);
    command
}

fn foreign() -> impl Iterator<Item = String> {
    std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("OUTFLOW_"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Three five-minute objects of 2026-03-01, 00:00, 00:05 and 02:00.
fn three_objects(dir: &Path) {
    for time in ["0000", "0005", "0200"] {
        let name = format!("111111111111_vpcflowlogs_eu-west-1_fl-0a1b2c3d_20260301T{time}Z_00000000.log");
        fs::write(dir.join(name), LOG).unwrap();
    }
}

#[test]
fn help_lists_verbs_and_exit_codes() {
    let dir = folder();
    let words = contains("Exit codes").and(contains("130")).and(contains("scan")).and(contains("OUTFLOW_"));
    outflow(dir.path()).arg("--help").assert().success().stdout(words);
}

#[test]
fn no_verb_is_a_usage_error() {
    let dir = folder();
    outflow(dir.path()).assert().code(2).stdout("");
}

#[test]
fn an_unknown_key_names_file_line_and_nearest() {
    let dir = folder();
    fs::write(dir.path().join("outflow.toml"), "[detect]\nvolume_flor_bytes = 1\n").unwrap();
    let told = contains(
        "outflow.toml:2: unknown key `detect.volume_flor_bytes`; did you mean `volume_floor_bytes`?",
    );
    outflow(dir.path()).args(["config", "check"]).assert().code(2).stdout("").stderr(told.clone());
    fs::write(dir.path().join("a.log"), LOG).unwrap();
    outflow(dir.path()).args(["scan", "a.log"]).assert().code(2).stdout("").stderr(told);
}

#[test]
fn a_good_configuration_is_ok_from_flag_and_environment() {
    let dir = folder();
    fs::write(dir.path().join("x.toml"), "[network]\ninternal = [\"203.0.113.0/24\"]\n").unwrap();
    outflow(dir.path()).args(["config", "check", "x.toml"]).assert().success().stdout(contains("OK x.toml"));
    outflow(dir.path())
        .args(["config", "check"])
        .env("OUTFLOW_CONFIG", "x.toml")
        .assert()
        .success()
        .stdout(contains("OK x.toml"));
    outflow(dir.path()).args(["config", "check"]).assert().code(2).stderr(contains("outflow.toml"));
}

#[test]
fn a_configuration_is_not_ok_when_what_it_names_is_not() {
    let dir = folder();
    for (text, told) in [
        ("[input]\nformat_fields = \"srcaddr dstadr\"\n", "dstadr"),
        ("[enrich]\nnames = \"names.csv\"\n", "names.csv"),
        ("[detect]\nsuppressions = \"gone.toml\"\n", "gone.toml"),
        ("[groups]\neni-0a = 3\n", "x.toml:2: `groups.eni-0a` wants a text that is not empty, not 3"),
    ] {
        fs::write(dir.path().join("x.toml"), text).unwrap();
        let check = outflow(dir.path()).args(["config", "check", "x.toml"]).assert();
        check.code(2).stdout("").stderr(contains(told));
    }
}

#[test]
fn a_missing_input_is_named() {
    let dir = folder();
    let told = contains("error: cannot read missing.log").and(contains("hint: "));
    outflow(dir.path()).args(["scan", "missing.log"]).assert().code(2).stdout("").stderr(told);
}

#[test]
fn jsonl_keeps_stdout_for_alerts() {
    let dir = folder();
    three_objects(dir.path());
    let output = outflow(dir.path()).args(["scan", ".", "--format", "jsonl", "--all"]).assert().success();
    let stdout = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(stdout.lines().all(|line| line.starts_with('{')), "{stdout}");
    let stderr = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    let (seen, found) = (stderr.find("Seen").unwrap(), stderr.find("Found").unwrap());
    assert!(seen < found, "{stderr}");
}

#[test]
fn quiet_is_quiet() {
    let dir = folder();
    three_objects(dir.path());
    outflow(dir.path()).args(["scan", ".", "-q"]).assert().success().stderr("");
}

#[test]
fn csv_always_has_its_header() {
    let dir = folder();
    three_objects(dir.path());
    let header = predicates::str::starts_with("id,severity,score_bits");
    outflow(dir.path()).args(["scan", ".", "--format", "csv"]).assert().success().stdout(header);
}

#[test]
fn an_output_is_never_overwritten_unasked() {
    let dir = folder();
    fs::create_dir(dir.path().join("logs")).unwrap();
    three_objects(&dir.path().join("logs"));
    fs::write(dir.path().join("out.csv"), "precious").unwrap();
    let scan = ["scan", "logs", "--format", "csv", "--out", "out.csv"];
    let told = contains("out.csv exists already").and(contains("--force"));
    outflow(dir.path()).args(scan).assert().code(2).stderr(told);
    assert_eq!(fs::read_to_string(dir.path().join("out.csv")).unwrap(), "precious");
    outflow(dir.path()).args(scan).arg("--force").assert().success().stdout("");
    assert!(fs::read_to_string(dir.path().join("out.csv")).unwrap().starts_with("id,severity"));
}

#[test]
fn a_dry_run_counts_and_prunes_by_name() {
    let dir = folder();
    three_objects(dir.path());
    let all = contains("would read  3 objects").and(contains("hours       2 hours of 3"));
    outflow(dir.path()).args(["scan", ".", "--dry-run"]).assert().success().stdout(all);
    let some = contains("would read  2 objects").and(contains("leaves out  1 object,"));
    let from = ["scan", ".", "--dry-run", "--from", "2026-03-01T00:05:00Z"];
    outflow(dir.path()).args(from).assert().success().stdout(some);
    // The last hour ends with the newest object, 02:05, so only that one is in it.
    let last = ["scan", ".", "--dry-run", "--last", "1h"];
    outflow(dir.path()).args(last).assert().success().stdout(contains("would read  1 object,"));
    let told = ["scan", ".", "--dry-run", "--alerts-last", "1h"];
    let all = contains("would read  3 objects").and(contains("alerts from 2026-03-01 01:05 UTC"));
    outflow(dir.path()).args(told).assert().success().stdout(all);
}

#[test]
fn last_needs_a_time_in_the_names() {
    let dir = folder();
    fs::write(dir.path().join("a.log"), LOG).unwrap();
    outflow(dir.path()).args(["scan", "a.log", "--last", "1d"]).assert().code(2).stderr(contains("--from"));
    let told = contains("--alerts-last needs inputs whose file names carry a time");
    outflow(dir.path()).args(["scan", "a.log", "--alerts-last", "1d"]).assert().code(2).stderr(told);
}

#[test]
fn times_that_exclude_everything_are_refused() {
    let dir = folder();
    three_objects(dir.path());
    let range = ["scan", ".", "--from", "2026-03-02", "--to", "2026-03-01"];
    outflow(dir.path()).args(range).assert().code(2).stderr(contains("is not before"));
}

#[test]
fn remote_inputs_are_told_apart_from_missing_files() {
    let dir = folder();
    outflow(dir.path())
        .args(["scan", "gs://b/p"])
        .assert()
        .code(2)
        .stderr(contains("only local inputs and s3:// can be read"));
}

#[test]
fn completions_work_for_every_shell() {
    let dir = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        outflow(dir.path()).args(["completions", shell]).assert().success().stdout(contains("outflow"));
    }
}

#[test]
fn explain_says_where_to_look() {
    let dir = folder();
    fs::write(dir.path().join("alerts.jsonl"), "\n").unwrap();
    let args = ["explain", "abc", "--alerts", "alerts.jsonl"];
    outflow(dir.path()).args(args).assert().code(2).stderr(contains("no alert of alerts.jsonl"));
}

#[test]
fn simulated_logs_are_repeatable_and_a_full_folder_is_refused() {
    let dir = folder();
    let simulate = |out: &str| {
        let mut command = outflow(dir.path());
        command.args([
            "simulate",
            out,
            "--enis",
            "8",
            "--days",
            "1",
            "--interval",
            "600",
            "--density",
            "0.1",
        ]);
        command
    };
    simulate("a").assert().success().stdout("").stderr(contains("outflow scan a/AWSLogs"));
    simulate("b").assert().success();
    let labels = |out: &str| fs::read(dir.path().join(out).join("labels.csv")).unwrap();
    assert_eq!(labels("a"), labels("b"));
    simulate("a").assert().code(2).stderr(contains("exists already"));
    let dry = ["scan", "a/AWSLogs", "--dry-run"];
    outflow(dir.path()).args(dry).assert().success().stdout(contains("288 objects"));
}

/// Six days of a small fleet below `sim`, attacked once it has left its first three.
fn six_days(dir: &Path) {
    let fleet = "simulate sim --enis 8 --days 6 --interval 600 --density 0.1 --attack-from-day 3 -q";
    outflow(dir).args(fleet.split(' ')).assert().success();
}

#[test]
fn a_file_holds_what_stdout_would_have() {
    let dir = folder();
    six_days(dir.path());
    for format in ["jsonl", "csv", "table"] {
        let scan = ["scan", "sim/AWSLogs", "--all", "--format", format];
        let printed = outflow(dir.path()).args(scan).assert().success();
        let printed = String::from_utf8(printed.get_output().stdout.clone()).unwrap();
        assert!(printed.lines().count() > 3, "{format}: {printed}");
        outflow(dir.path()).args(scan).args(["--out", format]).assert().success().stdout("");
        assert_eq!(fs::read_to_string(dir.path().join(format)).unwrap(), printed, "{format}");
        assert!(!dir.path().join(format!("{format}.partial")).exists());
    }
}

#[test]
fn a_scan_that_fails_leaves_no_output() {
    let dir = folder();
    three_objects(dir.path());
    fs::write(dir.path().join("lake"), "a file, not a folder").unwrap();
    let scan = ["scan", ".", "--format", "csv", "--lake", "lake", "--out", "out.csv"];
    outflow(dir.path()).args(scan).assert().code(2).stdout("").stderr(contains("error: "));
    assert!(!dir.path().join("out.csv").exists() && !dir.path().join("out.csv.partial").exists());
}

#[test]
fn a_reader_that_leaves_is_no_error_and_costs_the_lake_nothing() {
    let dir = folder();
    six_days(dir.path());
    let days = |lake: &str| {
        let files = walkdir::WalkDir::new(dir.path().join(lake).join("alerts")).into_iter();
        files.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_type().is_file())).count()
    };
    for lake in [None, Some("lake")] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut scan = std::process::Command::new(assert_cmd::cargo::cargo_bin!("outflow"));
        foreign().for_each(|name| _ = scan.env_remove(name));
        scan.current_dir(dir.path()).stdout(writer);
        scan.args(["scan", "sim/AWSLogs", "--all", "--format", "jsonl"]);
        scan.args(lake.into_iter().flat_map(|lake| ["--lake", lake]));
        let output = scan.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert!(!stderr.contains("error") && !stderr.contains("Found"), "it ends quietly: {stderr}");
    }
    assert_eq!(days("lake"), 6, "every day is in the lake");
}

#[test]
fn a_limit_that_costs_detail_is_a_partial_result() {
    let dir = folder();
    let (header, record) = LOG.trim_end().split_once('\n').unwrap();
    let peer = |n: u32| record.replace("203.0.113.9", &format!("198.18.{}.{}", n >> 8, n & 255));
    let many: Vec<String> = (0..20_000).map(peer).collect();
    fs::write(dir.path().join("a.log"), format!("{header}\n{}\n", many.join("\n"))).unwrap();
    let told = contains("held more destinations than can be kept apart");
    outflow(dir.path()).args(["scan", "a.log"]).assert().code(3).stderr(told);
    fs::write(dir.path().join("a.log"), format!("{header}\n{}\n", many[..100].join("\n"))).unwrap();
    outflow(dir.path()).args(["scan", "a.log"]).assert().success();
}
