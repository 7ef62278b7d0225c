//! Alerts to render: one with every part filled, and the worst that logs could make.

use crate::alert::model::{
    AlertCoverage, BaselineInfo, Counterfactual, Destination, Evidence, GuardDuty, GuardDutyFinding, SCHEMA,
};
use crate::alert::{Alert, Severity};

/// An alert with every part filled.
pub(crate) fn alert() -> Alert {
    Alert {
        schema: SCHEMA.into(),
        id: "b36282999835f4de9c08".into(),
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
        severity: Severity::High,
        score: 41.25,
        emitted: true,
        emitted_reason: "budget".into(),
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

/// An alert with `text` in all its texts, and lists of `items`.
pub(in crate::alert) fn hostile(text: &str, items: usize) -> Alert {
    let t = || text.to_owned();
    let evidence = Evidence { id: t(), unit: t(), text: t(), bits: 1e300, ..alert().detectors[0].clone() };
    let destination = Destination { peer: t(), ..alert().destinations[0].clone() };
    let finding = GuardDutyFinding {
        id: t(),
        kind: t(),
        reason: t(),
        first_seen: t(),
        last_seen: t(),
        ..alert().guardduty.findings[0].clone()
    };
    Alert {
        guardduty: GuardDuty {
            status: t(),
            bits: 1e300,
            findings: vec![finding; items],
            findings_more: u64::MAX,
        },
        id: t(),
        continues: Some(t()),
        account: t(),
        region: t(),
        eni: t(),
        enis: vec![t(); items],
        instance: t(),
        vpc: t(),
        subnet: t(),
        peer: t(),
        destination: t(),
        service: t(),
        role: t(),
        first_seen: t(),
        last_seen: t(),
        window_start: t(),
        emitted_reason: t(),
        emitted_at: t(),
        score: -1e300,
        detectors: vec![evidence; items],
        counterfactuals: vec![Counterfactual { kind: t(), value: 1e300, text: t() }; items],
        destinations: vec![destination; items],
        destinations_more: u64::MAX,
        baseline: BaselineInfo { tier: t(), group: t(), ..alert().baseline },
        attack: vec![t(); items],
        sentence: t(),
        snapshot_hash: t(),
        config_hash: t(),
        tables: Vec::new(),
        known: crate::alert::model::Known::default(),
        suppressions: Vec::new(),
        version: t(),
        objects: vec![text.into(); items],
        objects_more: u64::MAX,
        query: t(),
        ..alert()
    }
}
