//! An alert as an OCSF Detection Finding (class 2004), as Security Lake and most SIEMs take it.
//!
//! Source: OCSF 1.3.0, <https://schema.ocsf.io/1.3.0/classes/detection_finding>. Times are
//! milliseconds since the epoch; a revision has the same `finding_info.uid` and is an update.

use serde_json::{Value, json};

use super::plain::{cut, safe};
use crate::alert::{Alert, Severity};
use crate::net::Prefix;

/// Version of the schema.
const VERSION: &str = "1.3.0";
const CLASS: u32 = 2004;
/// Activities: a finding that is new, and one that grew.
const CREATE: u32 = 1;
const UPDATE: u32 = 2;
/// Direction of a connection: outbound.
const OUTBOUND: u32 = 2;
/// Characters of a text out of the logs.
const TEXT_CHARS_MAX: usize = 2_048;
/// Destinations listed as evidence.
const EVIDENCES_MAX: usize = 20;

/// One event.
pub fn ocsf(alert: &Alert) -> Value {
    let activity = if alert.revision > 1 { UPDATE } else { CREATE };
    let text = |text: &str| cut(&safe(text), TEXT_CHARS_MAX);
    let ms = |time: &str| time.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
    let techniques: Vec<Value> =
        alert.attack.iter().map(|id| json!({ "technique": { "uid": text(id) }, "version": "15" })).collect();
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    json!({
        "activity_id": activity,
        "activity_name": if activity == UPDATE { "Update" } else { "Create" },
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity,
        "time": ms(&alert.emitted_at),
        "start_time": ms(&alert.first_seen),
        "end_time": ms(&alert.last_seen),
        "severity_id": severity(alert.severity),
        "severity": title_case(alert.severity.as_str()),
        "status_id": 1,
        "status": "New",
        "message": text(&alert.sentence),
        "metadata": {
            "version": VERSION,
            "product": { "name": "outflow", "vendor_name": "outflow", "version": text(&alert.version) },
            "profiles": ["cloud"],
            "uid": format!("{}-{}", text(&alert.id), alert.revision),
        },
        "cloud": {
            "provider": "AWS",
            "region": text(&alert.region),
            "account": { "uid": text(&alert.account), "type_id": 10, "type": "AWS Account" },
        },
        "finding_info": {
            "uid": text(&alert.id),
            "title": format!("{} sent data to {}", text(&alert.eni), text(&alert.destination)),
            "desc": text(&alert.sentence),
            "types": ["Data Exfiltration"],
            "created_time": ms(&alert.emitted_at),
            "first_seen_time": ms(&alert.first_seen),
            "last_seen_time": ms(&alert.last_seen),
            "attacks": techniques,
            "analytic": {
                "name": text(alert.detectors.first().map_or("outflow", |strongest| strongest.id.as_str())),
                "type_id": 2,
                "type": "Behavioral",
            },
        },
        "resources": resources(alert),
        "evidences": evidences(alert),
        "unmapped": {
            "score_bits": alert.score,
            "egress_bytes": count(alert.egress_bytes),
            "ingress_bytes": count(alert.ingress_bytes),
            "detectors": alert.detectors.iter().map(|d| json!({ "id": text(&d.id), "bits": d.bits })).collect::<Vec<_>>(),
            "guardduty": text(&alert.guardduty.status),
            "seen_share": alert.coverage.seen_share,
            "snapshot_hash": text(&alert.snapshot_hash),
            "config_hash": text(&alert.config_hash),
        },
    })
}

fn severity(severity: Severity) -> u32 {
    match severity {
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

fn title_case(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    format!("{first}{}", rest.to_lowercase())
}

fn resources(alert: &Alert) -> Vec<Value> {
    let resource = |kind: &str, uid: &str| json!({ "type": kind, "uid": cut(&safe(uid), TEXT_CHARS_MAX) });
    let instance = Some(&alert.instance).filter(|id| !id.is_empty());
    std::iter::once(resource("AWS::EC2::NetworkInterface", &alert.eni))
        .chain(instance.map(|id| resource("AWS::EC2::Instance", id)))
        .collect()
}

/// The connections, the largest first.
fn evidences(alert: &Alert) -> Vec<Value> {
    let shown = alert.destinations.iter().take(EVIDENCES_MAX);
    shown
        .map(|to| {
            let mut endpoint = json!({ "port": to.port });
            let peer = cut(&safe(&to.peer), TEXT_CHARS_MAX);
            // An `ip` is one address; a rolled-up destination is a subnet of many.
            let is_host = peer.parse::<Prefix>().is_ok_and(Prefix::is_host);
            endpoint[if is_host { "ip" } else { "name" }] = json!(peer);
            json!({
                "dst_endpoint": endpoint,
                "src_endpoint": { "interface_uid": cut(&safe(&alert.eni), TEXT_CHARS_MAX) },
                "connection_info": {
                    "protocol_num": to.protocol, "direction_id": OUTBOUND, "direction": "Outbound",
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::render::tests::{alert, hostile};

    #[test]
    fn ids_follow_from_each_other() {
        let event = ocsf(&alert());
        assert_eq!((event["class_uid"].as_u64(), event["type_uid"].as_u64()), (Some(2004), Some(200_401)));
        assert_eq!(event["severity_id"], 4);
        assert_eq!(event["start_time"], 1_772_359_320_000_i64);
        let mut grown = alert();
        grown.revision = 3;
        let update = ocsf(&grown);
        assert_eq!(update["type_uid"], 200_402);
        assert_eq!(update["finding_info"]["uid"], event["finding_info"]["uid"]);
        assert_ne!(update["metadata"]["uid"], event["metadata"]["uid"]);
    }

    #[test]
    fn what_logs_hold_is_bounded_and_harmless() {
        let event = ocsf(&hostile(&"\u{1b}[31m<script>\u{202e}".repeat(200), 50));
        assert!(event["evidences"].as_array().unwrap().len() <= EVIDENCES_MAX);
        assert!(event["message"].as_str().unwrap().chars().count() <= TEXT_CHARS_MAX);
        assert!(!event.to_string().contains("\\u001b"), "no control characters");
    }
}
