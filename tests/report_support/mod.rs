//! Small lakes made by hand, so that what a report says of them can be read off this file.

#![allow(dead_code, reason = "each test binary uses the part it needs")]

use std::path::Path;
use std::sync::Arc;

use outflow::alert::Alert;
use outflow::baseline::SnapshotRow;
use outflow::baseline::destination::DestinationHistory;
use outflow::baseline::eni::EniHistory;
use outflow::baseline::level::Level;
use outflow::baseline::series::{DaySamples, Series};
use outflow::lake::{Lake, LakeWriter};
use outflow::record::Action;
use outflow::window::{Coverage, Day, EniClass, EniHour, EniId, FlowWindow, Hour, Role, Totals};
use serde_json::{Value, json};

pub const ACCOUNT: &str = "111111111111";
pub const REGION: &str = "eu-west-1";
/// 2026-02-16, a Monday.
pub const DAY: Day = Day(20_500);
/// Days with hours; the last is `DAY`.
pub const DAYS: u32 = 3;
/// Past days in the baseline of `DAY`.
const PAST_DAYS: u32 = 21;

pub fn eni(number: usize) -> String {
    format!("eni-{number:017x}")
}

fn rfc3339(second: i64) -> String {
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

/// A host that sends 4 MiB an hour to a partner, and on `DAY` at 05:00 320 MiB to a stranger.
fn hour(eni: &str, day: Day, of_day: u32) -> EniHour {
    let hour = Hour(day.first_hour().0 + of_day);
    let mut flows = vec![flow("198.51.100.7", 4 << 20, hour)];
    if day == DAY && of_day == 5 {
        flows.push(flow("203.0.113.9", 320 << 20, hour));
    }
    EniHour {
        id: EniId { account: ACCOUNT.into(), region: REGION.into(), eni: eni.into() },
        hour,
        class: EniClass::Instance,
        vpc: "vpc-0a".into(),
        subnet: "subnet-0a".into(),
        instance: "i-0a".into(),
        group: "web".into(),
        own: Vec::new(),
        coverage: Coverage {
            records: 60,
            skip_data_records: u64::from(of_day == 7),
            slots: if of_day == 9 { 0x7ff } else { 0xfff },
            interval_seconds: 60,
            ..Coverage::default()
        },
        totals: Totals {
            egress_bytes: flows.iter().map(|flow| flow.egress_bytes).sum(),
            ..Totals::default()
        },
        rollup_level: 0,
        flows,
    }
}

fn flow(peer: &str, egress_bytes: u64, hour: Hour) -> FlowWindow {
    FlowWindow {
        role: Role::Client,
        peer: peer.parse().unwrap(),
        protocol: 6,
        port: 443,
        action: Some(Action::Accept),
        service: "".into(),
        egress_bytes,
        egress_packets: egress_bytes / 1400,
        egress_records: 60,
        ingress_bytes: egress_bytes / 50,
        ingress_packets: egress_bytes / 2800,
        ingress_records: 60,
        first_second: hour.start_second() as u32 + 120,
        last_second: hour.start_second() as u32 + 3300,
        egress_flags: 2,
        ingress_flags: 18,
        traffic_paths: 0,
        minutes: 0xff,
    }
}

/// Three weeks of what `hour` does, busier at noon on workdays.
fn history() -> EniHistory {
    let first = Day(DAY.0 - PAST_DAYS);
    let mut history = EniHistory::new(first.first_hour());
    for past in first.0..DAY.0 {
        let mut samples = DaySamples::new(Day(past));
        samples.seen = 0xff_ffff;
        for (of_day, level) in samples.levels[Series::Client as usize].iter_mut().enumerate() {
            let noon = (9..17).contains(&of_day) && (past + 3) % 7 < 5;
            *level = Level::of_bytes(if noon { 16 << 20 } else { 4 << 20 });
        }
        history.days.push_back(samples);
        history.last_hour = Day(past).first_hour().0 + 23;
    }
    let partner = DestinationHistory::new(first.first_hour());
    let key = serde_json::from_value(json!("198.51.100.0/24")).unwrap();
    history.destinations.insert(key, partner);
    history
}

/// An alert of `hour`'s stranger, as JSON, so that each test changes what it is about.
pub fn alert(id: &str, eni: &str, severity: &str, told: bool) -> Value {
    let start = Hour(DAY.first_hour().0 + 5).start_second();
    let mut alert = json!({
        "schema": "outflow.alert.v1", "id": id, "revision": 1, "continues": null,
        "account": ACCOUNT, "region": REGION, "eni": eni, "enis": [eni],
        "instance": "i-0a", "vpc": "vpc-0a", "subnet": "subnet-0a",
        "peer": "203.0.113.9", "destination": "203.0.113.0/24", "service": "",
        "protocol": 6, "port": 443, "role": "client",
        "first_seen": rfc3339(start + 120), "last_seen": rfc3339(start + 3300),
        "window_start": rfc3339(start), "severity": severity, "score": 25.25,
        "emitted": told, "emitted_reason": if told { "high" } else { "below_threshold" },
        "emitted_at": rfc3339(start + 5400),
        "egress_bytes": 320 << 20, "ingress_bytes": 6 << 20, "app_bytes": 310 << 20,
        "egress_packets": 240_000, "egress_records": 60,
        "attack": ["T1041", "T1048"], "threshold": 18.0,
        "sentence": format!("{eni} sent 320 MiB to 203.0.113.9 (203.0.113.0/24) within 1 h"),
    });
    let evidence = json!({
        "detectors": [
            { "id": "D1", "bits": 20.0, "observed": 325_058_560.0, "expected": 4772.0, "unit": "bytes/day",
              "p": 9.5e-7, "n": 504, "text": "310 MiB since midnight UTC to a destination new to the whole account" },
            { "id": "D2", "bits": 8.5, "observed": 329_252_864.0, "expected": 4_194_304.0, "unit": "bytes/hour",
              "p": 0.0028, "n": 504, "text": "314 MiB left the ENI in the hour; this hour usually sees 4.00 MiB" },
        ],
        "counterfactuals": [{ "kind": "egress_bytes_below", "value": 1_048_576.0,
                              "text": "would not have been sent for 1.00 MiB instead of 310 MiB" }],
        "destinations": [
            { "peer": "203.0.113.9", "protocol": 6, "port": 443, "egress_bytes": 320 << 20, "ingress_bytes": 6 << 20 },
            { "peer": "198.51.100.7", "protocol": 6, "port": 443, "egress_bytes": 4 << 20, "ingress_bytes": 80_000 },
        ],
        "destinations_more": 0,
        "guardduty": { "status": "silent", "bits": 0.0, "findings": [], "findings_more": 0 },
        "coverage": { "hours": 1, "missing_objects": 0, "skip_data_records": 0, "late_records": 0, "seen_share": 1.0 },
        "baseline": { "tier": "mature", "age_days": 21.0, "active_hours": 504, "confidence": 1.0, "group": "web", "group_enis": 4 },
        "snapshot_hash": "aaaa", "config_hash": "bbbb", "version": "0.1.0",
        "objects": ["a.log.gz"], "objects_more": 0,
        "query": format!("SELECT * FROM read_parquet('hourly/*/*/*/*.parquet', hive_partitioning = true) WHERE eni = '{eni}'"),
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut alert, evidence) {
        fields.extend(more);
    }
    alert
}

/// GuardDuty's word on `alert`.
pub fn agreeing(mut alert: Value) -> Value {
    let start = Hour(DAY.first_hour().0 + 5).start_second();
    alert["guardduty"] = json!({ "status": "agrees", "bits": 12.0, "findings_more": 0, "findings": [{
        "id": "arn:aws:guardduty:eu-west-1:111111111111:detector/0a/finding/0b",
        "type": "Backdoor:EC2/C&CActivity.B", "severity": 8.0,
        "reason": "same ENI, same remote address, same port, times overlap",
        "independent": true, "archived": false, "bits": 12.0,
        "first_seen": rfc3339(start + 200), "last_seen": rfc3339(start + 3000),
    }] });
    alert
}

/// A lake with `DAYS` days of these hosts, less three hours, and these alerts on the last.
pub fn lake(root: &Path, enis: &[String], alerts: Vec<Value>) -> Lake {
    let writer = LakeWriter::create(root).unwrap();
    let mut scanned = Vec::new();
    for day in (DAY.0 + 1 - DAYS..=DAY.0).map(Day) {
        let mut hours = Vec::new();
        for of_day in (0..24).filter(|of_day| day == DAY || !(20..23).contains(of_day)) {
            hours.extend(enis.iter().map(|eni| hour(eni, day, of_day)));
        }
        hours.sort_by(|a, b| (a.hour, &a.id).cmp(&(b.hour, &b.id)));
        scanned = writer.write_hours(day, &hours).unwrap();
    }
    let alerts: Vec<Alert> = alerts.into_iter().map(|alert| serde_json::from_value(alert).unwrap()).collect();
    writer.write_alerts(DAY, &scanned, &alerts).unwrap();
    let history = history();
    let state = serde_json::to_string(&history).unwrap();
    let rows: Vec<SnapshotRow> = enis.iter().map(|eni| snapshot_row(eni, &history, &state)).collect();
    writer.write_snapshot(DAY, &rows).unwrap();
    writer.reader()
}

fn snapshot_row(eni: &str, history: &EniHistory, state: &str) -> SnapshotRow {
    SnapshotRow {
        scope: "eni".into(),
        account: ACCOUNT.into(),
        region: REGION.into(),
        eni: eni.into(),
        group: "web".into(),
        first_seen_second: Hour(history.first_hour).start_second(),
        last_seen_second: Hour(history.last_hour).start_second(),
        active_hours: history.active_hours(),
        destinations: 1,
        usual_max_bytes: 0,
        state: state.into(),
    }
}

/// Sixty incidents of four hosts: every severity, told and kept back, GuardDuty agreeing once.
pub fn fleet(root: &Path) -> Lake {
    let enis: Vec<String> = (1..=4).map(eni).collect();
    let severities = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
    let alerts = (0..60).map(|at| {
        let mut alert = alert(&format!("{at:04x}f00d"), &enis[at % 4], severities[at / 4 % 4], at % 5 != 0);
        alert["score"] = json!(40.0 - at as f64 / 2.0);
        alert["egress_bytes"] = json!((at as u64 + 1) * 7_000_000);
        if at == 14 { agreeing(alert) } else { alert }
    });
    let alerts = alerts.collect();
    lake(root, &enis, alerts)
}

/// What an attacker would like to see run: as long as a log field can be.
pub fn hostile() -> String {
    let tags = "<i class=evil>".repeat(750);
    format!(
        "</script><script>window.pwned=1</script><img src=x onerror=\"window.pwned=1\">\u{202e}{{{{data}}}}' \"&\u{2028}\u{7}{tags}"
    )
}

/// A lake in which every text that can come from a log or a finding is hostile.
pub fn hostile_lake(root: &Path) -> Lake {
    let bad = hostile();
    let mut alert = agreeing(alert("x", &bad, "HIGH", true));
    spoil(&mut alert, &bad);
    lake(root, &[bad, eni(1)], vec![alert])
}

/// Makes every text hostile that may be any text at all.
fn spoil(value: &mut Value, bad: &str) {
    // Times must parse for a lake to take the alert; the id and status name things of ours.
    const OURS: [&str; 8] =
        ["first_seen", "last_seen", "window_start", "emitted_at", "severity", "account", "region", "status"];
    match value {
        Value::String(text) => bad.clone_into(text),
        Value::Array(values) => values.iter_mut().for_each(|value| spoil(value, bad)),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| !OURS.contains(&name.as_str()))
                .for_each(|(_, v)| spoil(v, bad));
        }
        _ => {}
    }
}

/// The names of hosts as `Arc`s, for the readers of a lake.
pub fn names(enis: &[&str]) -> Arc<std::collections::BTreeSet<Arc<str>>> {
    Arc::new(enis.iter().map(|eni| Arc::from(*eni)).collect())
}
