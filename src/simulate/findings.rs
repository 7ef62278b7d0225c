//! What Amazon GuardDuty might say of a plan: findings in the form of its S3 export.
//!
//! A few attacks are noticed, most are not, and some findings are about nothing, so that every way
//! in which findings meet incidents can be seen. Types, severities and actions are those of the user
//! guide's "GuardDuty EC2 finding types"; which attack gets which is ours. It is no model of
//! GuardDuty: how often it would notice such an attack is not known.

use serde_json::{Value, json};

use super::attack::Family;
use super::labels::{Label, LabelKind};
use super::{Plan, SimRole};

/// Seconds from the last packet to the finding's export (user guide: new findings within five
/// minutes, then as often as the export is set to).
const EXPORTED_AFTER_SECONDS: i64 = 900;

/// What a finding says of an activity.
struct Kind {
    name: &'static str,
    severity: f64,
    title: &'static str,
    direction: &'static str,
    port: u16,
}

/// The findings, one JSON object a line, in order of time.
pub fn findings_jsonl(plan: &Plan) -> String {
    let mut findings: Vec<(i64, Value)> = Vec::new();
    let mut last_id = "";
    for label in &plan.labels {
        let Some(kind) = kind(label) else { continue };
        // One for the first ENI of a team: findings are about one instance.
        if label.id != last_id {
            last_id = &label.id;
            findings.extend(finding(plan, label, &kind).map(|found| (label.end_second, found)));
        }
    }
    findings.extend(noise(plan));
    findings.sort_by_key(|(second, _)| *second);
    findings.into_iter().map(|(_, finding)| finding.to_string() + "\n").collect()
}

/// Which finding an activity gets, if any.
fn kind(label: &Label) -> Option<Kind> {
    let outbound = |name, severity, title, port| Kind { name, severity, title, direction: "OUTBOUND", port };
    let volume = || {
        outbound("Behavior:EC2/TrafficVolumeUnusual", 5.0, "Unusually large amount of network traffic", 443)
    };
    match (label.kind, label.family.parse().ok()) {
        (LabelKind::Attack, Some(Family::Burst)) => Some(volume()),
        (LabelKind::Attack, Some(Family::BeaconDrip)) => {
            let title = "Communication with a known command and control server";
            Some(outbound("Backdoor:EC2/C&CActivity.B", 8.0, title, 443))
        }
        (LabelKind::Attack, Some(Family::Protocol)) if !label.visible => {
            Some(outbound("Trojan:EC2/DNSDataExfiltration", 8.0, "Data exfiltration through DNS queries", 53))
        }
        (LabelKind::LookAlike, _) if label.egress_bytes.is_some() => Some(volume()),
        _ => None,
    }
}

fn finding(plan: &Plan, label: &Label, kind: &Kind) -> Option<Value> {
    // GuardDuty's flow log findings name IPv4 ends only.
    let remote = label.peers.iter().find(|peer| peer.parse::<std::net::Ipv4Addr>().is_ok());
    if label.visible && remote.is_none() {
        return None;
    }
    let action = match remote {
        Some(remote) => network_connection(kind, remote),
        None => json!({
            "actionType": "DNS_REQUEST",
            "dnsRequestAction": { "domain": "exfil.example.com", "protocol": "UDP", "blocked": false },
        }),
    };
    render(plan, &label.eni, kind, &action, (label.start_second, label.end_second))
}

fn network_connection(kind: &Kind, remote: &str) -> Value {
    json!({
        "actionType": "NETWORK_CONNECTION",
        "networkConnectionAction": {
            "blocked": false,
            "connectionDirection": kind.direction,
            "protocol": "TCP",
            "remoteIpDetails": { "ipAddressV4": remote },
            "remotePortDetails": { "port": kind.port, "portName": "Unknown" },
        },
    })
}

/// A finding about an instance that nothing happened to: somebody outside tried a port of it.
fn noise(plan: &Plan) -> Option<(i64, Value)> {
    let kind = Kind {
        name: "Recon:EC2/PortProbeUnprotectedPort",
        severity: 2.0,
        title: "Unprotected port is being probed",
        direction: "INBOUND",
        port: 22,
    };
    let enis = plan.enis();
    let bastion = enis.iter().find(|eni| eni.role == SimRole::Bastion)?;
    let second = plan.world.start_second + i64::from(plan.options.days) * 43_200;
    let action = json!({
        "actionType": "PORT_PROBE",
        "portProbeAction": { "blocked": false, "portProbeDetails": [{
            "localPortDetails": { "port": kind.port, "portName": "SSH" },
            "remoteIpDetails": { "ipAddressV4": "203.0.113.77" },
        }] },
    });
    render(plan, &bastion.eni, &kind, &action, (second, second + 60)).map(|finding| (second, finding))
}

/// `None` for an interface without an instance: these findings are about instances.
fn render(plan: &Plan, eni: &str, kind: &Kind, action: &Value, seen: (i64, i64)) -> Option<Value> {
    let found = plan.world.fleet.enis.iter().find(|known| known.ids.eni == eni)?;
    let ids = &found.ids;
    if ids.instance == "-" {
        return None;
    }
    let region = &plan.options.region;
    let id = blake3::hash(format!("{} {eni} {}", kind.name, seen.0).as_bytes()).to_hex()[..32].to_owned();
    let detector = &blake3::hash(ids.account.as_bytes()).to_hex()[..32];
    let time = |second: i64| jiff::Timestamp::from_second(second).unwrap_or_default().to_string();
    let exported = time(seen.1 + EXPORTED_AFTER_SECONDS);
    Some(json!({
        "schemaVersion": "2.0",
        "accountId": ids.account, "region": region, "partition": "aws", "id": id,
        "arn": format!("arn:aws:guardduty:{region}:{}:detector/{detector}/finding/{id}", ids.account),
        "type": kind.name, "severity": kind.severity, "title": format!("{} of {}.", kind.title, ids.instance),
        "createdAt": exported, "updatedAt": exported,
        "resource": { "resourceType": "Instance", "instanceDetails": {
            "instanceId": ids.instance,
            "networkInterfaces": [{
                "networkInterfaceId": eni, "privateIpAddress": found.address.to_string(),
                "subnetId": ids.subnet, "vpcId": ids.vpc,
            }],
        } },
        "service": {
            "serviceName": "guardduty", "detectorId": detector, "archived": false, "count": 1,
            "eventFirstSeen": time(seen.0), "eventLastSeen": time(seen.1), "action": action,
        },
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{SimulateOptions, plan};
    use super::*;
    use crate::guardduty::{FindingSet, read_findings};

    #[test]
    fn some_attacks_are_noticed_and_the_reader_understands_every_line() {
        let options =
            SimulateOptions { enis: 40, days: 20, attack_from_day: 5, ..SimulateOptions::default() };
        let plan = plan(&options).unwrap();
        let text = findings_jsonl(&plan);
        let mut set = FindingSet::default();
        let tally = read_findings(text.as_bytes(), &mut |finding| {
            set.upsert(finding);
        });
        let lines = text.lines().count();
        assert_eq!((tally.findings as usize, tally.skipped, tally.samples), (lines, 0, 0));
        assert_eq!(set.iter().count(), lines, "each with an id of its own");
        let kinds: BTreeSet<_> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
            .collect();
        assert!(kinds.len() >= 4, "{kinds:?}");
        let attacks: BTreeSet<_> =
            plan.labels.iter().filter(|l| l.kind == LabelKind::Attack).map(|l| &l.id).collect();
        assert!(lines < attacks.len(), "most attacks go unnoticed");
    }

    #[test]
    fn equal_plans_give_equal_findings() {
        let options =
            SimulateOptions { enis: 20, days: 10, attack_from_day: 2, ..SimulateOptions::default() };
        let of = || findings_jsonl(&plan(&options).unwrap());
        assert_eq!(of(), of());
    }
}
