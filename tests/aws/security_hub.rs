//! `--security-hub`: what is emitted is imported, in batches of one account and region, and what is
//! not taken is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::LazyLock;

use crate::api_support::{ACCESS_KEY, SECRET_KEY, Service};
use crate::fleet_support::eventful_fleet;
use crate::fleets::EMITTING;
use crate::s3_support::bare;
use assert_cmd::Command;
use outflow::alert::Alert;
use outflow::simulate::{SimFormat, SimObject, SimulateOptions, plan, write_objects};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

/// Flow logs of a fleet in which something is emitted, and what is.
static FLEET: LazyLock<(&Path, Vec<Alert>)> = LazyLock::new(|| {
    let (dir, lines) = &*EMITTING;
    (dir.path(), lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
});

fn scan(service: &Service, dir: &Path) -> Command {
    let config = dir.join("outflow.toml");
    std::fs::write(&config, "[s3]\ntimeout_seconds = 2\nattempts = 3\n").unwrap();
    let mut command = bare(FLEET.0);
    command.env("AWS_ENDPOINT_URL_SECURITYHUB", &service.url);
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command.arg("--config").arg(config).args(["scan", "AWSLogs", "--format", "jsonl", "--security-hub"]);
    command
}

fn findings(asked: &crate::api_support::Asked) -> Vec<Value> {
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/findings/import"));
    asked.json()["Findings"].as_array().unwrap().clone()
}

fn ids(findings: &[Value]) -> Vec<String> {
    findings.iter().map(|f| f["Id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn what_is_emitted_is_imported_once() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::answering("securityhub", |asked| {
        (200, json!({ "SuccessCount": findings(asked).len(), "FailedCount": 0 }).to_string())
    });
    let alerts = &FLEET.1;
    let said = format!("Imported into Security Hub\n  {} alerts", alerts.len());
    scan(&service, dir.path()).assert().success().stderr(contains(said));
    let imported: Vec<String> = service.asked().iter().flat_map(|asked| ids(&findings(asked))).collect();
    let mut emitted: Vec<String> = alerts.iter().map(|alert| alert.id.clone()).collect();
    let mut sorted = imported.clone();
    emitted.sort();
    sorted.sort();
    assert_eq!(sorted, emitted);
    for asked in service.asked() {
        for finding in findings(&asked) {
            assert_eq!(finding["AwsAccountId"], alerts[0].account.as_str());
        }
    }
}

#[test]
fn what_is_refused_is_sent_again_where_that_helps_and_told_where_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut number = 0;
    let service = Service::answering("securityhub", move |asked| {
        number += 1;
        let findings = findings(asked);
        let failed = |code: &str| {
            json!({ "SuccessCount": findings.len() - 1, "FailedCount": 1, "FailedFindings": [
                { "Id": findings[0]["Id"], "ErrorCode": code, "ErrorMessage": "so it is" },
            ] })
        };
        match number {
            1 => (200, failed("InternalError").to_string()),
            2 => (429, r#"{"__type":"TooManyRequestsException"}"#.to_owned()),
            3 => (200, failed("InvalidInput").to_string()),
            _ => (200, json!({ "SuccessCount": findings.len(), "FailedCount": 0 }).to_string()),
        }
    });
    scan(&service, dir.path()).assert().code(3).stderr(
        contains("warning: 1 alert not imported into Security Hub: Security Hub answered InvalidInput")
            .and(contains("so it is"))
            .and(contains(format!("{} alert", FLEET.1.len() - 1))),
    );
    let asked = service.asked();
    let first = ids(&findings(&asked[0]))[0].clone();
    assert_eq!(ids(&findings(&asked[1])), [first.as_str()], "only what was refused");
    assert_eq!(ids(&findings(&asked[2])), [first.as_str()], "the same after throttling");
}

#[test]
fn an_account_without_security_hub_is_told_once_with_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::answering("securityhub", |_| {
        (401, r#"{"__type":"InvalidAccessException","Message":"Account 1 is not subscribed to AWS Security Hub"}"#.to_owned())
    });
    let number = format!("warning: {} alerts not imported into Security Hub", FLEET.1.len());
    scan(&service, dir.path()).assert().code(3).stderr(
        contains(number)
            .and(contains("Security Hub is not enabled for the account"))
            .and(contains("hint: enable it in that region")),
    );
    assert!(service.asked().len() <= 3, "no more is asked after that");
}

/// Logs that say nothing of their region, in objects whose names do not either: Security Hub would
/// refuse findings of the region `unknown`.
#[test]
fn what_is_of_no_region_is_not_imported_and_counted_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let fleet = SimulateOptions { format: SimFormat::V2, ..eventful_fleet() };
    let mut number = 0;
    let write = |object: SimObject| {
        number += 1;
        std::fs::write(logs.join(format!("{number}.log.gz")), object.gzip_bytes)
    };
    write_objects(&plan(&fleet).unwrap(), write).unwrap();

    let service = Service::answering("securityhub", |_| (500, "{}".to_owned()));
    let lacking = "the logs do not say of which account and region they are";
    let scan_of = |more: &[&str]| {
        let mut command = bare(dir.path());
        command.env("AWS_ENDPOINT_URL_SECURITYHUB", &service.url);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.args(["scan", "logs"]).args(more).assert()
    };
    scan_of(&["--security-hub"]).code(3).stderr(
        contains(format!("not imported into Security Hub: {lacking}"))
            .and(contains("hint: keep the names that AWS gives to flow log files")),
    );
    assert!(service.asked().is_empty(), "nothing is sent that will be refused");
    let shown = scan_of(&["--format", "asff"]).success();
    assert!(shown.get_output().stdout.is_empty());
    shown.stderr(contains(format!("left out of the findings: {lacking}")));
}

#[test]
fn a_dry_run_shows_the_findings_and_sends_nothing() {
    let mut command = bare(FLEET.0);
    command.args(["scan", "AWSLogs", "--format", "jsonl", "-q", "--security-hub", "--security-hub-dry-run"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Vec<Value> = String::from_utf8(output.stderr)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(ids(&shown).len(), FLEET.1.len());
    bare(FLEET.0)
        .args(["scan", "AWSLogs", "--security-hub"])
        .assert()
        .code(2)
        .stderr(contains("no AWS credentials found"));
}
