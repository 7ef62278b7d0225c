//! Hours and alerts for the lake's tests, fixed and arbitrary.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use outflow::alert::model::{AlertCoverage, BaselineInfo, Evidence, SCHEMA};
use outflow::alert::{Alert, Severity};
use outflow::lake::{Lake, Partition};
use outflow::net::{Addr, Prefix};
use outflow::record::Action;
use outflow::window::{Coverage, Day, EniClass, EniHour, EniId, FlowWindow, Hour, Role, Totals};
use proptest::collection::vec;
use proptest::prelude::*;

/// 2026-02-16.
pub(crate) const DAY: Day = Day(20_500);

pub(crate) fn flow(peer: &str, egress_bytes: u64) -> FlowWindow {
    FlowWindow {
        role: Role::Client,
        peer: peer.parse().unwrap(),
        protocol: 6,
        port: 443,
        action: Some(Action::Accept),
        service: "".into(),
        egress_bytes,
        egress_packets: 10,
        egress_records: 1,
        ingress_bytes: 5,
        ingress_packets: 1,
        ingress_records: 1,
        first_second: 1_771_200_000,
        last_second: 1_771_200_060,
        egress_flags: 2,
        ingress_flags: 18,
        traffic_paths: 1 << 8,
        minutes: 1 << 59,
    }
}

pub(crate) fn eni_hour(account: &str, hour_of_day: u32, eni: &str, flows: Vec<FlowWindow>) -> EniHour {
    let own = ["10.0.0.5", "2001:db8::5"].map(|text| Addr::from(text.parse::<IpAddr>().unwrap()));
    EniHour {
        id: EniId { account: account.into(), region: "eu-central-1".into(), eni: eni.into() },
        hour: Hour(DAY.first_hour().0 + hour_of_day),
        class: EniClass::Instance,
        vpc: "vpc-1".into(),
        subnet: "".into(),
        instance: "i-1".into(),
        group: "".into(),
        own: own.to_vec(),
        coverage: Coverage { records: 7, slots: 0xff0, interval_seconds: 60, ..Coverage::default() },
        totals: Totals { egress_bytes: 900, ..Totals::default() },
        rollup_level: 0,
        flows,
    }
}

/// A day with enough rows for several batches, in two accounts.
pub(crate) fn busy_day() -> Vec<EniHour> {
    let mut hours = Vec::new();
    for hour in 0..24 {
        for account in ["111111111111", "222222222222"] {
            for eni in 0..5_u32 {
                let peers = (0..200_u64).map(|n| flow(&format!("198.18.{eni}.{n}"), n << 20));
                hours.push(eni_hour(account, hour, &format!("eni-{eni}"), peers.collect()));
            }
        }
    }
    hours
}

pub(crate) fn partition(account: &str) -> Partition {
    Partition { account: account.into(), region: "eu-central-1".into(), day: DAY }
}

pub(crate) fn read(lake: &Lake, partition: &Partition) -> Vec<EniHour> {
    lake.read_hours(partition).unwrap().map(Result::unwrap).collect()
}

/// All files below a directory except the lock, with their bytes.
pub(crate) fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().is_file() && entry.file_name() != ".outflow.lock")
        .map(|entry| (entry.path().strip_prefix(root).unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn any_text() -> impl Strategy<Value = std::sync::Arc<str>> {
    prop_oneof![Just(String::new()), "[a-z0-9-]{1,12}", "\\PC{0,8}"].prop_map(|text| text.as_str().into())
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..10_000_u64, Just(i64::MAX as u64), 0..=i64::MAX as u64]
}

fn any_addr() -> impl Strategy<Value = Addr> {
    let v6 = any::<u128>().prop_filter_map("`::` is no address", Addr::from_bits);
    prop_oneof![any::<u32>().prop_map(Addr::from_v4), v6]
}

fn any_flow() -> impl Strategy<Value = FlowWindow> {
    let role = prop::sample::select(vec![Role::Client, Role::Served, Role::Unknown]);
    let action = prop::sample::select(vec![None, Some(Action::Accept), Some(Action::Reject)]);
    let peer = (any_addr(), prop_oneof![Just(128_u8), 0..=128_u8])
        .prop_map(|(addr, len128)| Prefix::from_parts(addr, len128));
    let key = (role, peer, any::<u8>(), any::<u16>(), action, any_text());
    let counts = (any_count(), any_count(), any::<u32>(), any_count(), any_count(), any::<u32>());
    let rest = (any::<u32>(), any::<u32>(), any::<u8>(), any::<u8>(), any::<u16>(), any::<u64>());
    (key, counts, rest).prop_map(|(key, counts, rest)| FlowWindow {
        role: key.0,
        peer: key.1,
        protocol: key.2,
        port: key.3,
        action: key.4,
        service: key.5,
        egress_bytes: counts.0,
        egress_packets: counts.1,
        egress_records: counts.2,
        ingress_bytes: counts.3,
        ingress_packets: counts.4,
        ingress_records: counts.5,
        first_second: rest.0,
        last_second: rest.1,
        egress_flags: rest.2,
        ingress_flags: rest.3,
        traffic_paths: rest.4,
        minutes: rest.5,
    })
}

pub(crate) fn any_hour() -> impl Strategy<Value = EniHour> {
    // Mostly one partition: each costs four fsyncs.
    let account = prop_oneof![9 => Just("123456789012".into()), 1 => any_text()];
    let region = prop_oneof![9 => Just("eu-central-1".into()), 1 => any_text()];
    let id = (account, region, any_text());
    let meta = (any_text(), any_text(), any_text(), any_text(), vec(any_addr(), 0..4));
    let small = (0..24_u32, any::<bool>(), any::<u16>(), any::<u16>(), any::<u8>());
    (id, meta, small, vec(any_count(), 10), vec(any_flow(), 0..6)).prop_map(
        |(id, meta, small, counts, mut flows)| {
            flows.sort_by_key(|flow| (flow.role, flow.peer, flow.protocol, flow.port, flow.action));
            EniHour {
                id: EniId { account: id.0, region: id.1, eni: id.2 },
                hour: Hour(DAY.first_hour().0 + small.0),
                class: if small.1 { EniClass::Instance } else { EniClass::Relay },
                vpc: meta.0,
                subnet: meta.1,
                instance: meta.2,
                group: meta.3,
                own: meta.4,
                coverage: Coverage {
                    records: counts[0],
                    no_data_records: counts[1],
                    skip_data_records: counts[2],
                    late_records: counts[3],
                    direction_unknown_records: counts[4],
                    role_unknown_records: counts[5],
                    slots: small.2,
                    interval_seconds: small.3,
                },
                totals: Totals {
                    egress_bytes: counts[6],
                    ingress_bytes: counts[7],
                    unknown_bytes: counts[8],
                    ingress_rejected_records: counts[9],
                },
                rollup_level: small.4,
                flows,
            }
        },
    )
}

pub(crate) fn alert(id: &str, account: &str, score: f64) -> Alert {
    let evidence = Evidence {
        id: "D1".to_owned(),
        bits: 0.1 + 0.2,
        observed: 1e300,
        expected: 5e-324,
        unit: "bytes/hour".to_owned(),
        p: 1.0 / 3.0,
        n: 100,
        text: "\"new\"\n".to_owned(),
    };
    Alert {
        schema: SCHEMA.to_owned(),
        id: id.to_owned(),
        revision: 1,
        continues: None,
        account: account.to_owned(),
        region: "eu-central-1".to_owned(),
        eni: "eni-1".to_owned(),
        enis: vec!["eni-1".to_owned(), "eni-2".to_owned()],
        instance: String::new(),
        vpc: "vpc-1".to_owned(),
        subnet: String::new(),
        peer: "203.0.113.9".to_owned(),
        destination: "203.0.113.0/24".to_owned(),
        service: String::new(),
        protocol: 6,
        port: 443,
        role: "client".to_owned(),
        first_seen: "2026-02-16T01:00:05Z".to_owned(),
        last_seen: "2026-02-16T02:59:59.5Z".to_owned(),
        window_start: "2026-02-16T01:00:00Z".to_owned(),
        severity: Severity::High,
        score,
        emitted: true,
        emitted_reason: "budget".to_owned(),
        emitted_at: "2026-02-16T03:05:00Z".to_owned(),
        egress_bytes: 1 << 40,
        ingress_bytes: 7,
        app_bytes: 1 << 39,
        egress_packets: 9,
        egress_records: 3,
        detectors: vec![evidence],
        counterfactuals: Vec::new(),
        destinations: Vec::new(),
        destinations_more: 0,
        guardduty: outflow::alert::model::GuardDuty::default(),
        coverage: AlertCoverage { hours: 2, seen_share: 0.97, ..AlertCoverage::default() },
        baseline: BaselineInfo { tier: "mature".to_owned(), ..BaselineInfo::default() },
        attack: vec!["T1048".to_owned()],
        threshold: None,
        sentence: "eni-1 sent 1 TB to 203.0.113.9.".to_owned(),
        snapshot_hash: "s".to_owned(),
        config_hash: "c".to_owned(),
        tables: Vec::new(),
        known: outflow::alert::model::Known::default(),
        suppressions: Vec::new(),
        version: "0.1.0".to_owned(),
        objects: vec!["o.log.gz".into()],
        objects_more: 0,
        query: "SELECT 1".to_owned(),
    }
}
