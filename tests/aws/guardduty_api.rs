//! Findings asked for from GuardDuty (`guardduty://`), and read where it exports them (`s3://`): the
//! same alerts as from files, whatever the service does in between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::api_support::{ACCESS_KEY, Answer, Asked, SECRET_KEY, Service};
use crate::s3_support::{Server, bare};
use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

const DETECTOR: &str = "12abc34d567e8fa901bc2d34e56789f0";
const OTHER: &str = "22abc34d567e8fa901bc2d34e56789f0";
const ENI: &str = "eni-0123456789abcdef0";
/// 2026-03-01T00:00:00Z.
const MARCH: i64 = 1_772_323_200;

/// An hour of traffic of one interface, one object without a time in its name.
fn write_logs(dir: &Path) {
    let mut text = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                    start end action log-status\n"
        .to_owned();
    for minute in 0..60 {
        let (start, end) = (MARCH + minute * 60, MARCH + minute * 60 + 59);
        let _ = writeln!(
            text,
            "2 111111111111 {ENI} 10.0.0.5 203.0.113.9 49152 443 6 10 9000 {start} {end} ACCEPT OK"
        );
    }
    fs::write(dir.join("flows.log"), text).unwrap();
}

/// A finding as the API writes it, about the traffic or about somebody else.
fn finding(id: usize) -> Value {
    let eni = if id == 0 { ENI.to_owned() } else { format!("eni-1111111111111{id:04}") };
    json!({
        "schemaVersion": "2.0", "accountId": "111111111111", "region": "eu-west-1", "partition": "aws",
        "id": format!("{id:032}"),
        "arn": format!("arn:aws:guardduty:eu-west-1:111111111111:detector/{DETECTOR}/finding/{id:032}"),
        "type": "UnauthorizedAccess:EC2/TorClient", "severity": 8, "title": "t", "description": "d",
        "createdAt": "2026-03-01T00:40:00.000Z", "updatedAt": "2026-03-01T00:40:00.000Z",
        "resource": { "resourceType": "Instance", "instanceDetails": {
            "instanceId": "i-0123456789abcdef0",
            "networkInterfaces": [{ "networkInterfaceId": eni, "privateIpAddress": "10.0.0.5" }],
        } },
        "service": {
            "serviceName": "guardduty", "detectorId": DETECTOR, "resourceRole": "TARGET", "count": 1,
            "archived": false,
            "eventFirstSeen": "2026-03-01T00:05:00.000Z", "eventLastSeen": "2026-03-01T00:30:00.000Z",
            "action": { "actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
                "blocked": false, "connectionDirection": "OUTBOUND", "protocol": "TCP",
                "remoteIpDetails": { "ipAddressV4": "203.0.113.9" }, "remotePortDetails": { "port": 443 },
            } },
        },
    })
}

/// What the service holds: the findings of `DETECTOR`; `OTHER` has none.
fn holding(findings: usize) -> impl FnMut(&Asked) -> Answer + Send {
    move |asked: &Asked| {
        let path = asked.target.split('?').next().unwrap();
        let body = asked.json();
        let answer = if path == "/detector" {
            let is_second = asked.target.contains("nextToken=a%2Fb%3D");
            let (ids, next) = if is_second { (OTHER, "") } else { (DETECTOR, "a/b=") };
            json!({ "detectorIds": [ids], "nextToken": next })
        } else if path == format!("/detector/{DETECTOR}/findings") {
            let from: usize = body["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
            let to = (from + body["maxResults"].as_u64().unwrap() as usize).min(findings);
            let ids: Vec<String> = (from..to).map(|id| format!("{id:032}")).collect();
            json!({ "findingIds": ids, "nextToken": if to < findings { to.to_string() } else { String::new() } })
        } else if path == format!("/detector/{OTHER}/findings") {
            json!({ "findingIds": [], "nextToken": "" })
        } else if path == format!("/detector/{DETECTOR}/findings/get") {
            let ids = body["findingIds"].as_array().unwrap();
            assert!(ids.len() <= 50, "GetFindings takes 50");
            let held = ids.iter().map(|id| finding(id.as_str().unwrap().parse().unwrap()));
            json!({ "findings": held.collect::<Vec<_>>() })
        } else {
            return (404, json!({ "__type": "UnknownOperationException" }).to_string());
        };
        (200, answer.to_string())
    }
}

/// The command line in `dir`, asking `service` with three attempts and short waits.
fn outflow(service: &Service, dir: &Path) -> Command {
    fs::write(dir.join("outflow.toml"), "[s3]\ntimeout_seconds = 2\nattempts = 3\n").unwrap();
    let mut command = bare(dir);
    command.env("AWS_ENDPOINT_URL_GUARDDUTY", &service.url).env("AWS_REGION", "eu-west-1");
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command
}

/// What a scan of the logs tells, with the findings of `places`.
fn told(mut command: Command, places: &[&str], more: &[&str]) -> String {
    command.args(["scan", "flows.log", "--all", "--format", "jsonl", "-q"]).args(more);
    let output = command.args(places.iter().flat_map(|place| ["--guardduty", place])).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What it tells with the findings of a file.
fn told_from_a_file(dir: &Path, findings: usize) -> String {
    let all: Vec<Value> = (0..findings).map(finding).collect();
    fs::write(dir.join("findings.json"), json!({ "findings": all }).to_string()).unwrap();
    let told = told(bare(dir), &["findings.json"], &[]);
    assert!(told.contains("UnauthorizedAccess:EC2/TorClient"), "something to compare: {told}");
    told
}

#[test]
fn findings_of_all_detectors_are_asked_for_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    let service = Service::answering("guardduty", holding(120));
    let want = told_from_a_file(dir.path(), 120);
    assert_eq!(told(outflow(&service, dir.path()), &["guardduty://"], &[]), want);
    let asked = service.asked();
    let paths: Vec<String> =
        asked.iter().map(|a| a.target.replace(DETECTOR, "D").replace(OTHER, "O")).collect();
    let page = ["/detector/D/findings", "/detector/D/findings/get"];
    let mut expected = vec!["/detector?maxResults=50", "/detector?maxResults=50&nextToken=a%2Fb%3D"];
    expected.extend(page.iter().cycle().take(6));
    expected.push("/detector/O/findings");
    assert_eq!(paths, expected);
    assert!(asked[2].json().get("findingCriteria").is_none(), "all that there are");

    // One detector, and only what changed since the day before the logs that are asked for.
    let url = format!("guardduty://eu-west-1/{DETECTOR}");
    assert_eq!(told(outflow(&service, dir.path()), &[&url], &["--from", "2026-03-01"]), want);
    let again = &service.asked()[asked.len()];
    assert_eq!(again.target, format!("/detector/{DETECTOR}/findings"));
    let since = &again.json()["findingCriteria"]["criterion"]["updatedAt"]["greaterThanOrEqual"];
    assert_eq!(since.as_i64(), Some((MARCH - 86_400) * 1000));
}

#[test]
fn throttling_and_failures_that_pass_are_waited_out() {
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    let mut number = 0;
    let mut holding = holding(3);
    let service = Service::answering("guardduty", move |asked| {
        number += 1;
        match number {
            2 => (429, json!({ "__type": "TooManyRequestsException", "message": "slower" }).to_string()),
            3 => (500, json!({ "__type": "InternalServerErrorException" }).to_string()),
            _ => holding(asked),
        }
    });
    assert_eq!(told(outflow(&service, dir.path()), &["guardduty://"], &[]), told_from_a_file(dir.path(), 3));
}

#[test]
fn what_is_refused_is_told_with_its_remedy_before_any_scanning() {
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    for (status, body, cause, remedy) in [
        (
            403,
            r#"{"__type":"AccessDeniedException","Message":"User: x is not authorized to perform: guardduty:ListDetectors"}"#,
            "not allowed to use GuardDuty: User: x is not authorized",
            "allow guardduty:ListDetectors, guardduty:ListFindings and guardduty:GetFindings, in your policy",
        ),
        (403, r#"{"__type":"ExpiredTokenException"}"#, "the AWS credentials have expired", "aws sso login"),
        (
            400,
            r#"{"__type":"BadRequestException","message":"The request is rejected because the input detectorId is not owned by the current account."}"#,
            "GuardDuty does not know the detector (region eu-west-1)",
            "list-detectors",
        ),
        (503, "busy", "GuardDuty keeps answering an error (HTTP 503)", "later"),
        (200, r#"{"detectorIds":[]}"#, "GuardDuty has no detector in eu-west-1", "guardduty://REGION"),
        (200, "<html>", "an answer that nobody understands", "is GuardDuty"),
        (200, r#"{"detectorIds":["../../x"]}"#, "a detector called ../../x", "is GuardDuty"),
    ] {
        let service = Service::answering("guardduty", move |_| (status, body.to_owned()));
        let mut command = outflow(&service, dir.path());
        command.args(["scan", "flows.log", "--guardduty", "guardduty://"]).assert().code(2).stderr(
            contains(format!("error: {cause}"))
                .or(contains(cause))
                .and(contains("hint:"))
                .and(contains(remedy)),
        );
    }
    let service = Service::answering("guardduty", holding(1));
    let mut command = outflow(&service, dir.path());
    command.env("AWS_SECRET_ACCESS_KEY", "another");
    command
        .args(["scan", "flows.log", "--guardduty", "guardduty://"])
        .assert()
        .code(2)
        .stderr(contains("does not accept the credentials").and(contains("get-caller-identity")));
    bare(dir.path())
        .env("AWS_REGION", "eu-west-1")
        .args(["scan", "flows.log", "--guardduty", "guardduty://"])
        .assert()
        .code(2)
        .stderr(contains("no AWS credentials found").and(contains("AWS_PROFILE")));
}

#[test]
fn exports_in_s3_are_read_beside_flow_logs_and_by_their_days() {
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    let want = told_from_a_file(dir.path(), 2);
    let server = Server::start();
    let put = |day: &str, name: &str, ids: &[usize]| {
        let lines: String = ids.iter().map(|id| finding(*id).to_string() + "\n").collect();
        let key = format!("AWSLogs/111111111111/GuardDuty/eu-west-1/{day}/{name}.jsonl.gz");
        server.store.put("findings", &key, gzip(lines.as_bytes()));
    };
    put("2026/03/01", "a", &[0]);
    put("2026/03/04", "b", &[1]);
    put("2026/02/01", "c", &[7]);
    server.store.put(
        "findings",
        "AWSLogs/111111111111/vpcflowlogs/eu-west-1/2026/03/01/x.log",
        b"no".to_vec(),
    );
    let places = ["s3://findings/AWSLogs/"];
    assert_eq!(told(server.outflow(dir.path()), &places, &["--from", "2026-03-01"]), want);
    let read = server.read();
    assert_eq!(read.len(), 2, "neither flow logs nor findings of long before: {read:?}");
    server
        .outflow(dir.path())
        .args(["scan", "flows.log", "--dry-run", "--guardduty", "s3://findings"])
        .assert()
        .success()
        .stdout(contains("GuardDuty   3 objects with findings"));
}

/// One gzip member.
#[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "packed by the test")]
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, text).unwrap();
    encoder.finish().unwrap()
}
