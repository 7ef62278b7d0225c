//! GuardDuty's findings from files to alerts: every public sample, and a small fleet with findings
//! that agree, are silent, do not apply, or speak alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, clippy::panic, reason = "a test that did not run, or cannot, says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fleet_support::{Scanned, files, objects, options, scan_all};
use assert_cmd::Command;
use outflow::alert::{Alert, Severity};
use outflow::guardduty::{Finding, FindingSet};
use outflow::lake::{GUARDDUTY, Lake};
use outflow::scan::{FindingObjects, ScanOptions, read_finding_objects};
use serde_json::{Value, json};

/// What a sample holds: renderings, samples among them, renderings without a remote end, and the
/// remote ends of what is kept.
struct Sample(&'static str, u64, u64, u64, &'static [&'static str]);

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    Sample("OluOlus_guardduty-sentinel-integration_network-eventbridge.json", 1, 1, 0, &[]),
    Sample("OluOlus_guardduty-sentinel-integration_network-finding.json", 1, 1, 0, &[]),
    Sample("SYNTHETIC_attack-sequence_CompromisedInstanceGroup.json", 1, 0, 0, &["203.0.113.9"]),
    Sample("SYNTHETIC_cli-pascalcase_get-findings_TrafficVolumeUnusual.json", 1, 0, 0, &["203.0.113.9"]),
    Sample("SYNTHETIC_eventbridge_TrafficVolumeUnusual.json", 1, 0, 0, &["203.0.113.9"]),
    Sample("SYNTHETIC_s3-export_same-id-updated_two-lines.jsonl", 2, 0, 0, &["198.51.100.77", "203.0.113.9"]),
    Sample("SYNTHETIC_s3-export_same-id-updated_two-lines.jsonl.gz", 2, 0, 0, &["198.51.100.77", "203.0.113.9"]),
    Sample("aws-samples_amazon-guardduty-automated-response-sample_guardduty_ec2_event.json", 1, 1, 1, &[]),
    Sample("aws-samples_amazon-guardduty-automated-response-sample_guardduty_iam_event.json", 1, 1, 1, &[]),
    Sample("aws-samples_amazon-guardduty-automated-response-sample_guardduty_s3_event.json", 1, 1, 1, &[]),
    Sample("panther-labs_panther-analysis_critical_sev.jsonl", 2, 1, 2, &[]),
    Sample("panther-labs_panther-analysis_high_sev.jsonl", 2, 1, 2, &[]),
    Sample("panther-labs_panther-analysis_low_sev.jsonl", 2, 1, 2, &[]),
    Sample("panther-labs_panther-analysis_med_sev.jsonl", 2, 1, 2, &[]),
];

fn samples() -> Option<PathBuf> {
    let shared = std::env::var_os("OUTFLOW_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let folder = shared.join("samples/guardduty");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("not run: no samples at {}", folder.display());
    None
}

fn remotes<'a>(findings: impl Iterator<Item = &'a Finding>) -> BTreeSet<String> {
    findings.flat_map(|finding| &finding.remotes).map(|remote| remote.address.to_string()).collect()
}

#[test]
fn every_sample_comes_to_what_it_holds() {
    let Some(folder) = samples() else { return };
    let listed: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let known: BTreeSet<String> = SAMPLES.iter().map(|sample| sample.0.to_owned()).collect();
    assert_eq!(listed, known, "say in the table what a sample holds");
    for Sample(name, renderings, samples, without_network, ends) in SAMPLES {
        let read = read_finding_objects(&objects(&folder.join(name)));
        let tally = &read.tally;
        assert_eq!(
            (tally.findings, tally.samples, tally.without_network, tally.others, tally.skipped),
            (*renderings, *samples, *without_network, 0, 0),
            "{name}"
        );
        assert!(read.failed.is_empty() && read.foreign_objects == 0, "{name}: {:?}", read.failed);
        let ends: BTreeSet<String> = ends.iter().map(ToString::to_string).collect();
        assert_eq!(remotes(read.set.iter()), ends, "{name}");
    }
}

#[test]
fn all_samples_together_are_four_findings() {
    let Some(folder) = samples() else { return };
    let set = read_finding_objects(&objects(&folder)).set;
    let kinds: Vec<(&str, f64)> = set.iter().map(|f| (&*f.latest.kind, f.severity())).collect();
    assert_eq!(
        kinds,
        [
            ("Behavior:EC2/TrafficVolumeUnusual", 5.0),
            ("AttackSequence:EC2/CompromisedInstanceGroup", 9.0),
            ("AttackSequence:IAM/CompromisedCredentials", 9.0),
            ("PrivilegeEscalation:IAMUser/AdministrativePermissions", 8.0),
        ]
    );
    let volume = set.iter().next().unwrap();
    assert_eq!((volume.latest.count, volume.remotes.len(), volume.instances.len()), (9, 2, 1));
    let sequence = set.iter().nth(1).unwrap();
    assert_eq!(sequence.enis().map(ToString::to_string).collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(sequence.own().map(|(_, address)| address.to_string()).collect::<Vec<_>>(), ["10.0.1.5"]);
}

/// 2026-03-01T00:00:00Z.
const START: i64 = 1_772_323_200;
const DAYS: i64 = 18;
/// The hour of the run in which all attacks happen.
const ATTACK_HOUR: i64 = (DAYS - 1) * 24 + 10;
const HEADER: &str = "version account-id interface-id vpc-id subnet-id instance-id srcaddr dstaddr srcport \
                      dstport protocol packets bytes start end action log-status flow-direction tcp-flags\n";
const MIB: u64 = 1 << 20;
const ACCOUNT: &str = "111111111111";

fn eni(letter: char) -> String {
    format!("eni-0000000000000000{letter}")
}

/// Both directions of one connection of 60 s that the host opened.
fn exchange(text: &mut String, letter: char, own: &str, peer: &str, second: i64, bytes: u64) {
    let id = eni(letter);
    let place = format!("3 {ACCOUNT} {id} vpc-0a subnet-0a i-0{letter}");
    let (end, packets) = (second + 60, 4 + bytes / 1400);
    let _ = writeln!(
        text,
        "{place} {own} {peer} 50000 443 6 {packets} {bytes} {second} {end} ACCEPT OK egress 2"
    );
    let _ = writeln!(text, "{place} {peer} {own} 443 50000 6 4 2000 {second} {end} ACCEPT OK ingress 18");
}

/// Hosts up to a letter that talk to a service all the time, and what `more` adds to an hour of
/// the run. One object without a time in its name, so that no five minutes count as missing.
fn write_hours(dir: &Path, last: char, more: impl Fn(i64, &mut String)) {
    let mut text = HEADER.to_owned();
    for hour in 0..DAYS * 24 {
        let start = START + hour * 3600;
        for (at, letter) in ('a'..=last).enumerate() {
            let bytes = 40_000 + ((hour * 7919 + at as i64 * 104_729) % 20_000) as u64;
            exchange(&mut text, letter, &format!("10.0.0.{at}"), "198.51.100.7", start + 100, bytes);
        }
        more(hour, &mut text);
    }
    fs::write(dir.join("flows.log"), text).unwrap();
}

/// On the last day three of the hosts send elsewhere.
fn write_logs(dir: &Path) {
    let second = START + ATTACK_HOUR * 3600 + 600;
    write_hours(dir, 'e', |hour, text| {
        if hour == ATTACK_HOUR {
            exchange(text, 'a', "10.0.0.0", "203.0.113.9", second, 5 * MIB);
            exchange(text, 'b', "10.0.0.1", "192.0.2.50", second, 200 * MIB);
            exchange(text, 'c', "fd00::2", "2001:db8::9", second, 200 * MIB);
        }
    });
}

fn time(second: i64) -> String {
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

/// A finding about the attack hour, as the S3 export writes it.
fn finding(id: &str, kind: &str, letter: char, remote: &str) -> Value {
    let second = START + ATTACK_HOUR * 3600;
    json!({
        "accountId": ACCOUNT, "region": "eu-west-1", "id": id, "type": kind, "severity": 8.0,
        "arn": format!("arn:aws:guardduty:eu-west-1:{ACCOUNT}:detector/d/finding/{id}"),
        "createdAt": time(second + 1200), "updatedAt": time(second + 1800), "title": "t",
        "resource": {"resourceType": "Instance", "instanceDetails": {
            "instanceId": format!("i-0{letter}"),
            "networkInterfaces": [{"networkInterfaceId": eni(letter), "vpcId": "vpc-0a"}]}},
        "service": {"count": 2, "archived": false,
            "eventFirstSeen": time(second + 600), "eventLastSeen": time(second + 900),
            "action": {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
                "connectionDirection": "OUTBOUND", "protocol": "TCP",
                "remotePortDetails": {"port": 443}, "remoteIpDetails": {"ipAddressV4": remote}}}}
    })
}

fn read(values: &[Value]) -> FindingObjects {
    let mut set = FindingSet::default();
    for value in values {
        outflow::guardduty::read_findings(value.to_string().as_bytes(), &mut |finding| {
            set.upsert(finding);
        });
    }
    FindingObjects { set, ..FindingObjects::default() }
}

/// The findings of the test: one agrees, one speaks alone, one is about nobody we see.
fn findings() -> Vec<Value> {
    let mut updated = finding("known", "Backdoor:EC2/C&CActivity.B", 'a', "203.0.113.77");
    updated["updatedAt"] = json!(time(START + ATTACK_HOUR * 3600 + 7200));
    vec![
        finding("known", "Backdoor:EC2/C&CActivity.B", 'a', "203.0.113.9"),
        updated,
        finding("alone", "UnauthorizedAccess:EC2/TorClient", 'd', "198.51.100.7"),
        finding("stranger", "Trojan:EC2/DropPoint", 'z', "203.0.113.9"),
    ]
}

fn scan_with(logs: &Path, findings: Option<FindingObjects>, lake: Option<&Path>) -> Scanned {
    scan_all(objects(logs), &ScanOptions { findings, ..options(2, lake) })
}

fn about<'a>(report: &'a Scanned, letter: char, peer: &str) -> &'a Alert {
    let mut found = report.alerts.iter().filter(|alert| alert.eni == eni(letter) && alert.peer == peer);
    let alert = found.next();
    alert.unwrap_or_else(|| panic!("no alert of {letter} to {peer}: {:#?}", report.alerts))
}

#[test]
fn findings_agree_are_silent_do_not_apply_or_speak_alone() {
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    let without = scan_with(dir.path(), None, None);
    let with = scan_with(dir.path(), Some(read(&findings())), None);

    let (before, after) = (about(&without, 'a', "203.0.113.9"), about(&with, 'a', "203.0.113.9"));
    assert_eq!(before.guardduty.status, "not_given");
    assert_eq!(after.guardduty.status, "agrees");
    assert_eq!(before.id, after.id);
    assert!((after.score - before.score - 12.0).abs() < 1e-3, "{} -> {}", before.score, after.score);
    assert!(before.severity < Severity::High && after.severity == Severity::High, "{after:#?}");
    assert!(after.emitted && after.emitted_reason == "high");
    let joined = &after.guardduty.findings[0];
    assert!(joined.independent && joined.id.ends_with("finding/known"));
    assert_eq!(joined.reason, "same ENI, same remote address, same port, times overlap");
    assert!(after.sentence.ends_with("; GuardDuty agrees: Backdoor:EC2/C&CActivity.B"), "{}", after.sentence);

    let silent = about(&with, 'b', "192.0.2.50");
    assert_eq!((silent.guardduty.status.as_str(), silent.guardduty.findings.len()), ("silent", 0));
    assert!((silent.score - about(&without, 'b', "192.0.2.50").score).abs() < 1e-9);
    assert_eq!(about(&with, 'c', "2001:db8::9").guardduty.status, "not_applicable");

    let alone = about(&with, 'd', "198.51.100.7");
    assert_eq!((alone.detectors[0].id.as_str(), alone.guardduty.status.as_str()), ("GD", "alone"));
    assert_eq!((alone.emitted_reason.as_str(), alone.severity), ("guardduty", Severity::High));
    assert!(
        (80_000..120_000).contains(&alone.egress_bytes),
        "what left for it in two hours: {}",
        alone.egress_bytes
    );
    assert_eq!((alone.instance.as_str(), alone.vpc.as_str(), alone.port), ("i-0d", "vpc-0a", 443));
    assert_eq!((alone.baseline.tier.as_str(), alone.coverage.hours), ("mature", 2));
    assert_eq!(with.alerts.len(), without.alerts.len() + 1, "the stranger is nobody of ours");
    let seen = with.seen.findings.unwrap();
    assert_eq!((seen.distinct, seen.in_alerts), (3, 2));
}

#[test]
fn findings_change_no_hour_no_baseline_and_no_order_matters() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    write_logs(&logs);
    let lake = |name: &str| dir.path().join(name);
    scan_with(&logs, None, Some(&lake("without")));
    let forward = scan_with(&logs, Some(read(&findings())), Some(&lake("forward")));
    let mut reversed = findings();
    reversed.reverse();
    // A finding that came later, on a lake that was written without it.
    let late = scan_with(&logs, Some(read(&reversed)), Some(&lake("without")));
    let (forward_files, late_files) = (files(&lake("forward")), files(&lake("without")));
    assert!(forward_files == late_files, "the order of findings, or what was known before, matters");
    assert_eq!(forward.alerts, late.alerts);

    scan_with(&logs, None, Some(&lake("never")));
    let never = files(&lake("never"));
    for (name, bytes) in &forward_files {
        let top = name.iter().next().unwrap();
        // Memory is of incidents, which findings do change.
        if top == "alerts" || top == "guardduty" || top == "memory" {
            continue;
        }
        assert!(never[name] == *bytes, "{} depends on findings", name.display());
    }

    let stored = Lake::open(lake("forward")).unwrap();
    let partitions = stored.partitions(&GUARDDUTY).unwrap();
    assert_eq!(partitions.len(), 1);
    let values = partitions[0].values();
    let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let rows = stored.read_table(&GUARDDUTY, &values).unwrap().unwrap();
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    let ids: Vec<String> = rows
        .iter()
        .flat_map(|c| c.text("id").unwrap().iter().map(|t| t.unwrap().to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(ids, ["alone", "known", "stranger"]);
}

fn outflow(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("outflow"));
    for name in std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("OUTFLOW_")) {
        command.env_remove(name);
    }
    command.current_dir(dir);
    command
}

#[test]
fn the_command_line_takes_findings_from_flag_environment_and_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir_all(dir.path().join("gd")).unwrap();
    fs::create_dir(&logs).unwrap();
    write_logs(&logs);
    let lines: String = findings().iter().fold(String::new(), |text, value| text + &value.to_string() + "\n");
    fs::write(dir.path().join("gd/export.jsonl"), format!("{lines}{{\"type\": oops\n")).unwrap();
    fs::write(dir.path().join("gd/flows.log"), HEADER).unwrap();
    let scan = ["scan", "logs", "--all", "--format", "jsonl"];
    let run = |command: &mut Command| {
        let output = command.args(scan).assert().success().get_output().clone();
        let alerts: Vec<Alert> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (alerts, String::from_utf8(output.stderr).unwrap())
    };
    let mut by_flag = outflow(dir.path());
    by_flag.args(["scan", "logs", "--all", "--format", "jsonl", "--guardduty", "gd", "--out", "a.jsonl"]);
    let told = by_flag.assert().success().get_output().stderr.clone();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("findings 3 of GuardDuty in 1 object; 2 in alerts"), "{told}");
    assert!(told.contains("gd/export.jsonl line 5: "), "{told}");
    let (by_env, _) = run(outflow(dir.path()).env("OUTFLOW_GUARDDUTY", "gd/*.jsonl"));
    fs::write(dir.path().join("outflow.toml"), "[input]\nguardduty = ['gd']\n").unwrap();
    let (by_config, _) = run(&mut outflow(dir.path()));
    assert_eq!(by_env, by_config);
    let of_flag = fs::read_to_string(dir.path().join("a.jsonl")).unwrap();
    assert_eq!(of_flag.lines().count(), by_env.len());
    let agrees = by_env.iter().find(|alert| alert.guardduty.status == "agrees").unwrap();
    let explained =
        outflow(dir.path()).args(["explain", &agrees.id, "--alerts", "a.jsonl"]).assert().success();
    let explained = String::from_utf8(explained.get_output().stdout.clone()).unwrap();
    assert!(explained.contains("GuardDuty agrees, 12.0 bits of the score"), "{explained}");
    let wrong = outflow(dir.path()).args(["scan", "logs", "--guardduty", "logs"]).assert().code(2);
    let wrong = String::from_utf8(wrong.get_output().stderr.clone()).unwrap();
    assert!(wrong.contains("no findings of GuardDuty in logs"), "{wrong}");
    outflow(dir.path()).args(["scan", "-", "--guardduty", "-"]).assert().code(2);
    let missing = outflow(dir.path()).args(["scan", "logs", "--guardduty", "nowhere.json"]).assert().code(2);
    let missing = String::from_utf8(missing.get_output().stderr.clone()).unwrap();
    assert!(missing.contains("cannot read nowhere.json"), "{missing}");
}

#[test]
fn damaged_objects_give_what_they_hold_and_fail_the_run_in_part() {
    let Some(folder) = samples() else { return };
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    let whole = fs::read(folder.join("SYNTHETIC_s3-export_same-id-updated_two-lines.jsonl.gz")).unwrap();
    let path = dir.path().join("cut.jsonl.gz");
    fs::write(&path, &whole[..whole.len() - 40]).unwrap();
    let read = read_finding_objects(&objects(&path));
    assert_eq!((read.failed.len(), read.objects), (1, 1));
    assert!(read.tally.findings >= 1, "{:?}", read.tally);
    let flows = dir.path().join("flows.log");
    let report = scan_with(&flows, Some(read), None);
    assert_eq!((report.seen.objects, report.seen.objects_failed), (1, 1));
    assert!(report.seen.failed[0].0.ends_with("cut.jsonl.gz"));
}

#[test]
fn the_threshold_is_learned_as_if_there_were_no_findings() {
    let dir = tempfile::tempdir().unwrap();
    // Every day one host sends to the same new place, and two others, once each, elsewhere.
    write_hours(dir.path(), 'z', |hour, text| {
        let (day, second) = (hour / 24, START + hour * 3600 + 600);
        if day >= 6 && hour % 24 == 10 {
            exchange(text, 'a', "10.0.0.0", "203.0.113.9", second, 600 * MIB);
            for at in [day * 2 - 11, day * 2 - 10] {
                let (letter, peer) = (char::from(b'a' + at as u8), format!("240.{at}.0.1"));
                exchange(
                    text,
                    letter,
                    &format!("10.0.0.{at}"),
                    &peer,
                    second,
                    (200 + 400 * day as u64) * MIB,
                );
            }
        }
    });
    let mut known = finding("known", "Backdoor:EC2/C&CActivity.B", 'a', "203.0.113.9");
    known["service"]["eventFirstSeen"] = json!(time(START));
    let without = scan_with(dir.path(), None, None);
    let with = scan_with(dir.path(), Some(read(&[known])), None);
    let thresholds = |report: &Scanned| -> BTreeMap<String, Option<String>> {
        let of = |alert: &Alert| (alert.id.clone(), alert.threshold.map(|tau| tau.to_string()));
        report.alerts.iter().map(of).collect()
    };
    assert_eq!(thresholds(&with), thresholds(&without));
    let highest = with.alerts.iter().filter_map(|alert| alert.threshold).fold(0.0, f64::max);
    assert!(highest > 12.0, "above the floor, or nothing is tested: {highest}");
    let told = |report: &Scanned| -> Vec<(String, String)> {
        report.alerts.iter().map(|alert| (alert.id.clone(), alert.emitted_reason.clone())).collect()
    };
    assert_ne!(told(&with), told(&without), "the finding changes what is told, or nothing is tested");
}
