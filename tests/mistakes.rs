//! What people get wrong at first, and what they are told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command_support;

use std::fs;

use command_support::bare;
use predicates::prelude::*;
use predicates::str::contains;

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";
const RECORD: &str = "2 111111111111 eni-0123456789abcdef0 10.0.0.5 203.0.113.9 49152 443 6 10 8400 1772323200 1772323260 ACCEPT OK";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn nothing_read_is_not_nothing_to_report() {
    let dir = folder();
    let log = dir.path().join("a.log");
    let format = ["--format-fields", "version account-id interface-id end"];
    let untimed = "version interface-id srcaddr dstaddr bytes\n2 eni-1 10.0.0.5 203.0.113.9 5\n";
    for (text, flags, hint) in [
        (format!("{RECORD}\n{RECORD}\n").into_bytes(), &[][..], HEADER),
        (format!("{RECORD}\n").into_bytes(), &format, "--format-fields does not match"),
        (untimed.as_bytes().to_vec(), &[], "`end`"),
        (b"PK\x03\x04\x14\x00\x00\x00\n\x01\x02\x03\n".to_vec(), &[], "a zip archive"),
        (RECORD.replace(' ', ",").into_bytes(), &[], "commas"),
    ] {
        fs::write(&log, &text).unwrap();
        let told = || contains("nothing could be read").and(contains(hint));
        let scan = || {
            let mut scan = bare(dir.path());
            scan.args(["scan", "a.log"]).args(flags);
            scan
        };
        scan().assert().code(3).stderr(told().and(contains("nothing to report").not()));
        scan().arg("-q").assert().code(3).stderr(told());
        scan().arg("--retrospective").assert().code(3).stderr(told());
    }
}

#[test]
fn mostly_skipped_is_warned_of() {
    let dir = folder();
    fs::write(dir.path().join("a.log"), format!("{HEADER}\n{RECORD}\nx\ny\n")).unwrap();
    let told = contains("2 of 3 lines were skipped").and(contains("the header does not match"));
    bare(dir.path()).args(["scan", "a.log", "-q"]).assert().success().stderr(told);
    fs::write(dir.path().join("a.log"), format!("{HEADER}\n{RECORD}\nx\n")).unwrap();
    bare(dir.path()).args(["scan", "a.log", "-q"]).assert().success().stderr("");
}

#[test]
fn a_time_without_objects_names_the_time_there_is() {
    let dir = folder();
    for time in ["0000", "0200"] {
        let name = format!("111111111111_vpcflowlogs_eu-west-1_fl-0a1b2c3d_20260301T{time}Z_00000000.log");
        fs::write(dir.path().join(name), format!("{HEADER}\n{RECORD}\n")).unwrap();
    }
    let told = contains("no object of the inputs lies in that time")
        .and(contains("2026-03-01 00:00 to 2026-03-01 02:05"));
    bare(dir.path()).args(["scan", ".", "--from", "2026-04-01"]).assert().code(2).stderr(told);
    let told = || contains("1 read").and(contains("1 outside the time"));
    let left_out = ["scan", ".", "--to", "2026-03-01T01:00:00Z"];
    bare(dir.path()).args(left_out).assert().success().stderr(told());
    bare(dir.path()).args(left_out).arg("--retrospective").assert().success().stderr(told());
}

#[test]
fn any_folder_is_no_lake() {
    let dir = folder();
    fs::create_dir(dir.path().join("other")).unwrap();
    fs::write(dir.path().join("other/file"), "").unwrap();
    fs::write(dir.path().join("rules.toml"), "").unwrap();
    for verb in [
        "suppress test rules.toml other",
        "suppress list rules.toml --lake other",
        "export other --summary eni",
        "explain 0 --lake other",
        "report other",
        "schema duckdb other",
        "backtest other",
    ] {
        let told = contains("other is not a lake").and(contains("hint: name the folder"));
        bare(dir.path()).args(verb.split(' ')).assert().code(2).stdout("").stderr(told);
    }
}

#[test]
fn a_report_of_nothing_speaks_of_times_only_when_there_were_any() {
    let dir = folder();
    fs::create_dir_all(dir.path().join("lake/hourly")).unwrap();
    let range = contains("--from");
    bare(dir.path()).args(["report", "lake"]).assert().code(2).stderr(range.clone().not());
    let of = ["report", "lake", "--from", "2026-03-01"];
    bare(dir.path()).args(of).assert().code(2).stderr(range);
}

#[cfg(unix)]
#[test]
fn an_interrupted_scan_leaves_its_output_partial() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};

    let dir = folder();
    // More objects than are read at once, so that there is something left to do.
    for at in 0..1_100 {
        fs::write(dir.path().join(format!("{at}.log")), format!("{HEADER}\n{RECORD}\n")).unwrap();
    }
    let mut scan = std::process::Command::new(assert_cmd::cargo::cargo_bin!("outflow"));
    scan.current_dir(dir.path()).args(["scan", "-", ".", "--format", "csv", "--out", "out.csv"]);
    scan.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut scan = scan.spawn().unwrap();
    let mut input = scan.stdin.take().unwrap();
    // What a pipe does not hold was taken, so by now interrupts are caught.
    writeln!(input, "{HEADER}").unwrap();
    (0..4_000).for_each(|_| writeln!(input, "{RECORD}").unwrap());
    let killed = std::process::Command::new("kill").args(["-INT", &scan.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut stderr = BufReader::new(scan.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("a second Ctrl-C") {
        assert!(stderr.read_line(&mut told).unwrap() > 0, "{told}");
    }
    drop(input);
    stderr.read_to_string(&mut told).unwrap();
    assert_eq!(scan.wait().unwrap().code(), Some(130), "{told}");
    assert!(told.contains("out.csv.partial"), "{told}");
    assert!(dir.path().join("out.csv.partial").exists() && !dir.path().join("out.csv").exists());
}
