//! What findings change about incidents, and what they must not.

use super::*;
use crate::guardduty::{FindingSet, read_findings};

/// Findings that somebody knows where `eni` sends to.
fn known_bad(eni: usize, remote: &str) -> FindingSet {
    let text = serde_json::json!({
        "type": "Backdoor:EC2/C&CActivity.B", "arn": format!("arn:{eni}:{remote}"), "severity": 8,
        "createdAt": 1_771_200_000, "resource": {"instanceDetails": {
            "networkInterfaces": [{"networkInterfaceId": format!("eni-{eni}")}]}},
        "service": {"action": {"networkConnectionAction": {"remoteIpDetails": {"ipAddressV4": remote}}}}
    });
    let mut findings = FindingSet::default();
    read_findings(text.to_string().as_bytes(), &mut |finding| {
        findings.upsert(finding);
    });
    findings
}

fn decide(incidents: &mut Incidents, hour: Hour) {
    incidents.decide(hour, hour.end_second(), &|_, _| ENIS as u32);
}

#[test]
fn a_finding_known_before_and_one_that_comes_later_lead_to_the_same() {
    let mut lab = Lab::usual();
    let hour = hour_of(0, lab.now, usual_and(&lab, vec![flow("192.88.2.66", 9 * MIB, MIB)]));
    let outcome = lab.score_hour(&hour, false);
    let findings = known_bad(0, "192.88.2.66");
    let decided = |joins: [bool; 3]| {
        let mut incidents = Incidents::default();
        incidents.note(&hour, &"web".into(), outcome.clone(), Threshold(Some(12.0)));
        for joins in joins {
            if joins {
                incidents.join(hour.hour, &findings);
            }
            decide(&mut incidents, hour.hour);
        }
        let ended = incidents.end_day(hour.hour.day());
        ended.into_iter().find(|i| i.subject.to_string() == "192.88.2.0/24").unwrap()
    };
    let (never, before, after) = (decided([false; 3]), decided([true; 3]), decided([false, true, true]));
    assert!(never.severity() < Severity::High && never.kept == Kept::SentBudget, "{never:?}");
    assert_eq!((before.severity(), after.severity()), (Severity::High, Severity::High));
    assert!(
        (before.risk() - after.risk()).abs() < 1e-12 && (after.risk() - never.risk() - 12.0).abs() < 1e-9
    );
    assert_eq!(before.guardduty, after.guardduty);
    assert_eq!((never.revision, before.revision, after.revision), (1, 1, 2), "told once more, and once only");
}

#[test]
fn little_data_to_a_known_destination_is_medium() {
    let mut lab = Lab::usual();
    let hour = hour_of(0, lab.now, usual_and(&lab, vec![flow("192.88.2.66", 20 << 10, 1 << 10)]));
    let outcome = lab.score_hour(&hour, false);
    let severity = |findings: &FindingSet| {
        let mut incidents = Incidents::default();
        incidents.note(&hour, &"web".into(), outcome.clone(), Threshold(Some(30.0)));
        incidents.join(hour.hour, findings);
        let ended = incidents.end_day(hour.hour.day());
        ended.iter().find(|i| i.subject.to_string() == "192.88.2.0/24").unwrap().severity()
    };
    assert_eq!(severity(&FindingSet::default()), Severity::Low);
    assert_eq!(severity(&known_bad(0, "192.88.2.66")), Severity::Medium);
}

#[test]
fn a_change_of_the_fleet_does_not_cover_a_destination_known_to_be_bad() {
    let lab = Lab::usual();
    let mut incidents = Incidents::default();
    for eni in 0..ENIS {
        let mut flows = usual(eni, lab.now);
        flows.push(flow("192.88.2.66", 200 * MIB, MIB));
        let hour = hour_of(eni, lab.now, flows);
        let outcome = lab.clone().score_hour(&hour, false);
        incidents.note(&hour, &"web".into(), outcome, Threshold(Some(12.0)));
    }
    incidents.join(lab.now, &known_bad(2, "192.88.2.66"));
    decide(&mut incidents, lab.now);
    let ended = incidents.end_day(lab.now.day());
    let of: Vec<_> = ended.iter().filter(|i| i.subject.to_string() == "192.88.2.0/24").collect();
    assert_eq!(of.len(), ENIS);
    assert!(of.iter().all(|i| i.is_fleet_change));
    for incident in of {
        let is_known = incident.eni == id(2);
        assert_eq!(incident.severity() == Severity::High, is_known, "{incident:?}");
        assert!(!is_known || incident.kept.is_sent());
    }
}
