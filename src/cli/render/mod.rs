//! Alerts as a table for people, JSON lines for machines, CSV for spreadsheets.

mod evidence;
mod sheet;
mod table;

pub(super) use evidence::evidence;
pub(super) use sheet::{defused, header, line as csv_line, row as csv_row};
pub(super) use table::{Block, Weight, head};

use crate::alert::Alert;

/// Columns of everything printed for people.
pub(super) const WIDTH: usize = 80;

/// One alert as JSON, a line. JSON escapes control characters, so the line stays one.
pub(super) fn json_line(alert: &Alert) -> String {
    let mut line = serde_json::to_string(alert).expect("an alert has only text keys and finite numbers");
    line.push('\n');
    line
}

/// `tcp`, `udp`, `icmp` or the IANA number.
fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        47 => "gre".to_owned(),
        58 => "icmpv6".to_owned(),
        number => format!("protocol {number}"),
    }
}

/// `port 443/tcp`, or just the protocol where there are no ports.
pub(super) fn service(port: u16, number: u8) -> String {
    match number {
        6 | 17 => format!("port {port}/{}", protocol(number)),
        _ => protocol(number),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::alert::model::{
        AlertCoverage, BaselineInfo, Counterfactual, Destination, Evidence, GuardDuty, GuardDutyFinding,
        SCHEMA,
    };

    /// An alert with every part filled.
    pub(in crate::cli) fn alert(id: &str, severity: Severity, emitted: bool) -> Alert {
        Alert {
            schema: SCHEMA.into(),
            id: id.into(),
            revision: 1,
            continues: None,
            account: "111111111111".into(),
            region: "eu-west-1".into(),
            eni: "eni-0123456789abcdef0".into(),
            enis: vec!["eni-0123456789abcdef0".into()],
            instance: "i-0123456789abcdef0".into(),
            vpc: "vpc-0a".into(),
            subnet: "subnet-0a".into(),
            peer: "203.0.113.9".into(),
            destination: "203.0.113.0/24".into(),
            service: String::new(),
            protocol: 6,
            port: 443,
            role: "client".into(),
            first_seen: "2026-03-01T10:02:00Z".into(),
            last_seen: "2026-03-01T10:44:00Z".into(),
            window_start: "2026-03-01T10:00:00Z".into(),
            severity,
            score: 41.25,
            emitted,
            emitted_reason: if emitted { "budget" } else { "below_threshold" }.into(),
            emitted_at: "2026-03-01T11:30:00Z".into(),
            egress_bytes: 1_300_000_000,
            ingress_bytes: 9_000_000,
            app_bytes: 1_280_000_000,
            egress_packets: 900_000,
            egress_records: 12,
            detectors: vec![Evidence {
                id: "D1".into(),
                bits: 30.5,
                observed: 1.3e9,
                expected: 0.0,
                unit: "bytes/hour".into(),
                p: 6.6e-10,
                n: 612,
                text: "destination new to this ENI and to its group".into(),
            }],
            counterfactuals: vec![Counterfactual {
                kind: "egress_bytes_below".into(),
                value: 3.2e8,
                text: "would not have fired below 305 MiB".into(),
            }],
            destinations: vec![Destination {
                peer: "203.0.113.9".into(),
                protocol: 6,
                port: 443,
                egress_bytes: 1_300_000_000,
                ingress_bytes: 9_000_000,
            }],
            destinations_more: 2,
            guardduty: GuardDuty {
                status: "agrees".into(),
                bits: 12.0,
                findings: vec![GuardDutyFinding {
                    id: "arn:aws:guardduty:eu-west-1:111111111111:detector/0a/finding/0b".into(),
                    kind: "Backdoor:EC2/C&CActivity.B".into(),
                    severity: 8.0,
                    reason: "same ENI, same remote address, same port, times overlap".into(),
                    independent: true,
                    archived: false,
                    bits: 12.0,
                    first_seen: "2026-03-01T10:02:00Z".into(),
                    last_seen: "2026-03-01T10:40:00Z".into(),
                }],
                findings_more: 0,
            },
            coverage: AlertCoverage { hours: 1, missing_objects: 1, seen_share: 0.92, ..Default::default() },
            baseline: BaselineInfo {
                tier: "mature".into(),
                age_days: 28.0,
                active_hours: 612,
                confidence: 1.0,
                group: "web".into(),
                group_enis: 12,
            },
            attack: vec!["T1041".into()],
            threshold: Some(24.0),
            sentence: "sent 1.21 GiB to 203.0.113.9, never seen before, in 42 minutes; \
                       usual for this interface at this hour: 0 to 180 MiB"
                .into(),
            snapshot_hash: "aaaa".into(),
            config_hash: "bbbb".into(),
            tables: Vec::new(),
            known: crate::alert::model::Known::default(),
            suppressions: Vec::new(),
            version: "0.1.0".into(),
            objects: vec!["a.log.gz".into()],
            objects_more: 0,
            query: "SELECT * FROM hourly WHERE eni = 'eni-0123456789abcdef0'".into(),
        }
    }

    #[test]
    fn jsonl_is_one_line_each_and_reads_back() {
        let mut first = alert("abc", Severity::High, true);
        first.sentence = "line\nbreak \x1b[31m".into();
        let second = alert("def", Severity::Low, false);
        let text = json_line(&first) + &json_line(&second);
        let back: Vec<Alert> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(back, [first, second]);
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn services_are_named() {
        assert_eq!(service(443, 6), "port 443/tcp");
        assert_eq!(service(0, 1), "icmp");
        assert_eq!(service(0, 99), "protocol 99");
    }
}
