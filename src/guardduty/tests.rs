//! Upserts in any order, joins and their reasons, worth and independence.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::net::Addr;
use crate::window::{Coverage, Day, EniClass, EniHour, EniId, FlowWindow, Hour, Role, Totals};

const ENI: &str = "eni-0123456789abcdef0";
/// 2026-03-01T10:00:00Z.
const SECOND: i64 = 1_772_359_200;

fn addr(text: &str) -> Addr {
    Addr::from(text.parse::<std::net::IpAddr>().unwrap())
}

fn time(second: i64) -> String {
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

/// A finding as the export writes it.
fn export(kind: &str, remote: &str) -> Value {
    json!({
        "schemaVersion": "2.0", "accountId": "111111111111", "region": "eu-west-1", "id": "f1",
        "arn": "arn:aws:guardduty:eu-west-1:111111111111:detector/d/finding/f1", "type": kind,
        "severity": 8, "createdAt": time(SECOND), "updatedAt": time(SECOND + 600),
        "resource": {"resourceType": "Instance", "instanceDetails": {
            "instanceId": "i-0123456789abcdef0",
            "networkInterfaces": [{"networkInterfaceId": ENI, "privateIpAddress": "10.0.0.5",
                                   "vpcId": "vpc-0a", "subnetId": "subnet-0a", "ipv6Addresses": []}]}},
        "service": {"count": 3, "archived": false,
            "eventFirstSeen": time(SECOND), "eventLastSeen": time(SECOND + 300),
            "action": {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
                "connectionDirection": "OUTBOUND", "protocol": "TCP",
                "localPortDetails": {"port": 49152}, "remotePortDetails": {"port": 443},
                "remoteIpDetails": {"ipAddressV4": remote}}}}
    })
}

fn findings(text: &str) -> (Vec<Finding>, FindingTally) {
    let mut found = Vec::new();
    let tally = read_findings(text.as_bytes(), &mut |finding| found.push(finding));
    (found, tally)
}

fn one(value: &Value) -> Finding {
    let (mut found, tally) = findings(&value.to_string());
    assert_eq!(found.len(), 1, "{tally:?}");
    found.remove(0)
}

fn set(values: &[Value]) -> FindingSet {
    let mut set = FindingSet::default();
    for value in values {
        set.upsert(one(value));
    }
    set
}

struct Seen {
    eni: &'static str,
    vpc: Arc<str>,
    instance: &'static str,
    own: Vec<Addr>,
    reached: Vec<Reached>,
    network: Option<&'static str>,
    first_second: i64,
    last_second: i64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            eni: ENI,
            vpc: "vpc-0a".into(),
            instance: "",
            own: vec![addr("10.0.0.5")],
            reached: vec![reached("203.0.113.9", 6, 443)],
            network: Some("203.0.113.0/24"),
            first_second: SECOND,
            last_second: SECOND + 1800,
        }
    }
}

fn reached(peer: &str, protocol: u8, port: u16) -> Reached {
    Reached { peer: peer.parse().unwrap(), protocol, port }
}

impl Seen {
    fn with(&self, findings: &FindingSet) -> Agreement {
        findings.agreement(&Activity {
            eni: self.eni,
            vpc: &self.vpc,
            instance: self.instance,
            own: &self.own,
            first_second: self.first_second,
            last_second: self.last_second,
            reached: self.reached.clone(),
            network: self.network.map(|text| text.parse().unwrap()),
        })
    }
}

fn assert_bits(agreement: &Agreement, bits: f64) {
    assert!((agreement.bits() - bits).abs() < 1e-9, "{} is not {bits}", agreement.bits());
}

#[test]
fn a_known_remote_end_agrees_and_names_the_destination() {
    let agreement = Seen::default().with(&set(&[export("Backdoor:EC2/C&CActivity.B", "203.0.113.9")]));
    assert_eq!(agreement.status, Status::Agrees);
    assert!(agreement.names_destination());
    assert_bits(&agreement, 12.0);
    let reason = agreement.joins[0].reason;
    assert_eq!(
        (reason.place, reason.remote, reason.service, reason.gap_seconds),
        (PlaceMatch::Eni, RemoteMatch::Address, ServiceMatch::Same, 0)
    );
    assert_eq!(reason.to_string(), "same ENI, same remote address, same port, times overlap");
}

#[test]
fn worth_halves_with_each_day_of_gap_and_ends_after_one() {
    let known = set(&[export("Backdoor:EC2/C&CActivity.B", "203.0.113.9")]);
    for (gap_seconds, bits) in [(0, 12.0), (43_200, 12.0 / 2_f64.sqrt()), (86_400, 6.0)] {
        let first_second = SECOND + 300 + gap_seconds;
        let later = Seen { first_second, last_second: first_second + 60, ..Seen::default() };
        assert_bits(&later.with(&known), bits);
        assert_eq!(later.with(&known).joins[0].reason.gap_seconds, gap_seconds);
        let last_second = SECOND - gap_seconds;
        let earlier = Seen { first_second: last_second - 60, last_second, ..Seen::default() };
        assert_bits(&earlier.with(&known), bits);
    }
    let first_second = SECOND + 300 + 86_401;
    let far = Seen { first_second, last_second: first_second, ..Seen::default() };
    assert_eq!(far.with(&known), Agreement { status: Status::Silent, joins: Vec::new() });
}

#[test]
fn the_place_is_matched_by_eni_then_address_then_instance() {
    let known = set(&[export("Trojan:EC2/DropPoint", "203.0.113.9")]);
    let place = |seen: Seen| seen.with(&known).joins.first().map(|join| join.reason.place);
    assert_eq!(place(Seen::default()), Some(PlaceMatch::Eni));
    assert_eq!(place(Seen { eni: "eni-b", ..Seen::default() }), Some(PlaceMatch::Address));
    let instance = "i-0123456789abcdef0";
    let own = vec![addr("10.0.0.6")];
    assert_eq!(
        place(Seen { eni: "eni-b", own: own.clone(), instance, ..Seen::default() }),
        Some(PlaceMatch::Instance)
    );
    assert_eq!(place(Seen { eni: "eni-b", own, ..Seen::default() }), None);
    let elsewhere = Seen { eni: "eni-b", vpc: "vpc-0b".into(), ..Seen::default() };
    assert_eq!(place(elsewhere), None, "the same address in another VPC is another host");
}

#[test]
fn the_interface_that_packets_were_seen_at_stands_for_the_host() {
    let mut value = export("Trojan:EC2/DropPoint", "203.0.113.9");
    value["service"]["action"]["networkConnectionAction"]["localNetworkInterface"] = json!("eni-b");
    let known = set(&[value]);
    let seen = Seen { eni: "eni-b", vpc: "".into(), ..Seen::default() };
    assert_eq!(seen.with(&known).joins[0].reason.place, PlaceMatch::Eni);
    // The other interface of the host is recognised by its address only.
    assert_eq!(Seen::default().with(&known).joins[0].reason.place, PlaceMatch::Address);
}

#[test]
fn remote_ends_are_matched_by_address_and_narrow_network() {
    let joined = |remote: &str, seen: &Seen| {
        let agreement = seen.with(&set(&[export("Trojan:EC2/DropPoint", remote)]));
        agreement.joins.first().map(|join| join.reason.remote)
    };
    let seen = Seen::default();
    assert_eq!(joined("203.0.113.9", &seen), Some(RemoteMatch::Address));
    assert_eq!(joined("203.0.113.77", &seen), Some(RemoteMatch::Network));
    assert_eq!(joined("198.51.100.7", &seen), None);
    let wide = Seen { network: Some("203.0.0.0/16"), ..Seen::default() };
    assert_eq!(joined("203.0.114.1", &wide), None, "a /16 is many owners");
    let rolled_up =
        Seen { reached: vec![reached("203.0.113.0/24", 6, 443)], network: None, ..Seen::default() };
    assert_eq!(joined("203.0.113.9", &rolled_up), Some(RemoteMatch::Network));
}

#[test]
fn another_port_is_told_and_parts_only_what_means_a_port() {
    let seen = Seen { reached: vec![reached("203.0.113.9", 6, 8443)], ..Seen::default() };
    let listed = seen.with(&set(&[export("Trojan:EC2/DropPoint", "203.0.113.9")]));
    assert_eq!(listed.joins[0].reason.service, ServiceMatch::Differs);
    assert_bits(&listed, 12.0);
    let volume = set(&[export("Behavior:EC2/TrafficVolumeUnusual", "203.0.113.9")]);
    assert_eq!(seen.with(&volume).status, Status::Silent);
    let udp = Seen { reached: vec![reached("203.0.113.9", 17, 443)], ..Seen::default() };
    assert_eq!(udp.with(&volume).status, Status::Silent);
    assert_bits(&Seen::default().with(&volume), 4.0);
}

#[test]
fn the_service_port_of_inbound_findings_is_ours() {
    let mut value = export("UnauthorizedAccess:EC2/TorClient", "203.0.113.9");
    let action = &mut value["service"]["action"]["networkConnectionAction"];
    action["connectionDirection"] = json!("INBOUND");
    action["localPortDetails"] = json!({"port": 22});
    action["remotePortDetails"] = json!({"port": 50_000});
    let served = Seen { reached: vec![reached("203.0.113.9", 6, 22)], ..Seen::default() };
    assert_eq!(served.with(&set(&[value])).joins[0].reason.service, ServiceMatch::Same);
}

#[test]
fn independence_decides_the_worth_and_the_strongest_counts() {
    let mut dns = export("Trojan:EC2/DNSDataExfiltration", "203.0.113.9");
    dns["service"]["action"] = json!({"actionType": "DNS_REQUEST",
        "dnsRequestAction": {"domain": "x.example.com", "protocol": "0", "blocked": false}});
    dns["arn"] = json!("arn:f2");
    let of_dns = Seen::default().with(&set(std::slice::from_ref(&dns)));
    assert_bits(&of_dns, 8.0);
    assert!(!of_dns.names_destination() && of_dns.joins[0].independence.is_independent());
    let mut unusual = export("Behavior:EC2/NetworkPortUnusual", "203.0.113.9");
    unusual["arn"] = json!("arn:f3");
    let of_volume = Seen::default().with(&set(std::slice::from_ref(&unusual)));
    assert_bits(&of_volume, 4.0);
    assert!(of_volume.independent_bits() < 1e-9, "the same flow logs are no second witness");
    let all = Seen::default().with(&set(&[unusual, dns, export("Trojan:EC2/DropPoint", "203.0.113.9")]));
    assert_eq!(all.joins.len(), 3);
    assert_bits(&all, 12.0);
    assert_eq!(&*all.joins[0].kind, "Trojan:EC2/DropPoint");
}

#[test]
fn a_listed_address_is_knowledge_whatever_the_type() {
    let mut value = export("Recon:EC2/PortProbeUnprotectedPort", "203.0.113.9");
    value["service"]["evidence"] = json!({"threatIntelligenceDetails": [{"threatListName": "ours"}]});
    assert_eq!(one(&value).independence, Independence::Knowledge);
}

#[test]
fn an_archived_finding_is_shown_and_worth_nothing() {
    let mut value = export("Trojan:EC2/DropPoint", "203.0.113.9");
    value["service"]["archived"] = json!(true);
    let agreement = Seen::default().with(&set(&[value]));
    assert_eq!(agreement.status, Status::Agrees);
    assert!(agreement.joins[0].is_archived && !agreement.names_destination());
    assert_bits(&agreement, 0.0);
}

#[test]
fn ipv6_is_not_applicable_rather_than_silent() {
    let seen = Seen {
        reached: vec![reached("2001:db8::9", 6, 443)],
        network: Some("2001:db8::/48"),
        ..Seen::default()
    };
    assert_eq!(seen.with(&FindingSet::default()).status, Status::NotApplicable);
    assert_eq!(Seen::default().with(&FindingSet::default()).status, Status::Silent);
    let unknown = Seen { reached: Vec::new(), network: None, ..Seen::default() };
    assert_eq!(unknown.with(&FindingSet::default()).status, Status::Silent);
}

#[test]
fn samples_never_enter_the_set() {
    for (path, mark) in [
        ("/service/additionalInfo", json!({"sample": true})),
        ("/service/additionalInfo", json!({"sample": "true"})),
        ("/service/additionalInfo", json!({"value": "{\"sample\":true}"})),
        ("/title", json!("[SAMPLE] Something")),
        ("/resource/instanceDetails/instanceId", json!("i-99999999")),
    ] {
        let mut value = export("Trojan:EC2/DropPoint", "203.0.113.9");
        value["title"] = json!("t");
        value["service"]["additionalInfo"] = json!({});
        *value.pointer_mut(path).unwrap() = mark;
        let mut set = FindingSet::default();
        assert_eq!(set.upsert(one(&value)), Upsert::Sample, "{path}");
        assert!(set.is_empty());
    }
    // What the watched host can choose marks nothing.
    let mut value = export("Trojan:EC2/DropPoint", "203.0.113.9");
    value["resource"]["instanceDetails"]["tags"] = json!([{"key": "k", "value": "GeneratedFinding"}]);
    assert!(!one(&value).is_sample);
}

#[test]
fn damage_is_located_and_costs_no_more_than_itself() {
    let good = export("Trojan:EC2/DropPoint", "203.0.113.9").to_string();
    let text = format!("{good}\n{{\"type\": \"x\", \"arn\" oops}}\n{{\"findings\":[]}}\n{good}\n{{\"cut");
    let (found, tally) = findings(&text);
    assert_eq!((found.len(), tally.findings, tally.skipped), (2, 2, 2));
    let first = tally.first_skipped.unwrap();
    assert_eq!((first.line, first.detail.as_str()), (2, "expected `:`"));
    let (_, tally) =
        findings("\u{feff} [1, {\"type\": \"t\", \"arn\": \"a\", \"service\": {}}, {\"Records\": []}]");
    assert_eq!((tally.findings, tally.skipped, tally.others), (0, 2, 1));
    assert!(findings("version account-id\n2 1").1.is_foreign);
    assert_eq!(findings(" \n").1, FindingTally::default());
}

#[test]
fn depth_size_and_repetition_are_bounded() {
    let deep =
        format!("{{\"type\":\"t\",\"arn\":\"a\",\"service\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let (found, tally) = findings(&deep);
    assert_eq!((found.len(), tally.skipped), (0, 1));
    let (_, tally) = findings(&format!("{}{}", "[".repeat(20), "]".repeat(20)));
    assert_eq!(tally.skipped, 1);
    // Every line could be the start of the rest.
    let (_, tally) = findings(&format!("{}x", "[1,\n".repeat(50_000)));
    assert!(tally.skipped < 100, "{}", tally.skipped);
    let mut value = export("Trojan:EC2/DropPoint", "203.0.113.9");
    value["description"] = json!("x".repeat(crate::limits::FINDING_BYTES_MAX));
    assert_eq!(findings(&value.to_string()).1.skipped, 1);
}

fn hour_at(second: i64, eni: &str, peer: &str) -> EniHour {
    EniHour {
        id: EniId { account: "111111111111".into(), region: "eu-west-1".into(), eni: eni.into() },
        hour: Hour::of_second(second),
        class: EniClass::Instance,
        vpc: "vpc-0a".into(),
        subnet: "subnet-0a".into(),
        instance: "".into(),
        group: "".into(),
        own: Vec::new(),
        coverage: Coverage { records: 1, ..Coverage::default() },
        totals: Totals::default(),
        rollup_level: 0,
        flows: vec![FlowWindow {
            role: Role::Client,
            peer: peer.parse().unwrap(),
            protocol: 6,
            port: 443,
            action: None,
            service: "".into(),
            egress_bytes: 1000,
            egress_packets: 10,
            egress_records: 1,
            ingress_bytes: 10,
            ingress_packets: 1,
            ingress_records: 1,
            first_second: second as u32,
            last_second: second as u32,
            egress_flags: 0,
            ingress_flags: 0,
            traffic_paths: 0,
            minutes: 1,
        }],
    }
}

#[test]
fn what_is_seen_around_a_finding_is_gathered_until_it_is_over() {
    let known = || set(&[export("Trojan:EC2/DropPoint", "203.0.113.9")]);
    let day = Hour::of_second(SECOND).day();
    let mut beside = Correlation::new(known());
    for (hours, eni, peer) in [
        (0, ENI, "203.0.113.9"),
        (0, "eni-b", "203.0.113.9"),
        (1, ENI, "203.0.113.9"),
        (-30, ENI, "203.0.113.9"),
    ] {
        beside.note_hour(&hour_at(SECOND + hours * 3600, eni, peer));
    }
    assert!(beside.clone().take_alone(Day(day.0 - 1), false).is_empty(), "it is not over");
    let (finding, sighting) = beside.take_alone(day, false).remove(0);
    assert_eq!((&*finding.latest.id, &*sighting.eni.eni, sighting.hours.len()), ("f1", ENI, 1));
    assert_eq!(sighting.bytes(), SeenEnd { egress_bytes: 1000, ingress_bytes: 10 });
    assert!(beside.take_alone(day, true).is_empty(), "told once");

    let mut other_peer = Correlation::new(known());
    other_peer.note_hour(&hour_at(SECOND, ENI, "198.51.100.7"));
    let (_, sighting) = other_peer.take_alone(Day(day.0 - 1), true).remove(0);
    assert_eq!(sighting.bytes(), SeenEnd::default());
}

#[test]
fn a_finding_is_told_alone_unless_an_incident_tells_it() {
    let alone = |is_told: bool| {
        let mut beside = Correlation::new(set(&[export("Trojan:EC2/DropPoint", "203.0.113.9")]));
        beside.note_hour(&hour_at(SECOND, ENI, "203.0.113.9"));
        let agreement = Seen::default().with(beside.findings());
        beside.note_joined(&agreement, "incident", is_told);
        let alone = beside.take_alone(Hour::of_second(SECOND).day(), true).len();
        (alone, beside.into_findings().remove(0).alerts.len())
    };
    assert_eq!((alone(true), alone(false)), ((0, 1), (1, 1)));
}

fn any_rendering() -> impl Strategy<Value = Finding> {
    let remote = prop::sample::select(vec!["203.0.113.9", "203.0.113.10", "198.51.100.7", "2001:db8::9"]);
    let kind = prop::sample::select(vec!["Trojan:EC2/DropPoint", "Behavior:EC2/TrafficVolumeUnusual"]);
    let eni = prop::sample::select(vec!["eni-a", "eni-b"]);
    let times = (0..1000_i64, 0..1000_i64, 0..4_i64);
    (0..3_u8, remote, kind, eni, times, 0..3_u64, any::<bool>(), any::<bool>()).prop_map(
        |(arn, remote, kind, eni, (first, lasts, updated), count, archived, local)| {
            let mut value = export(kind, remote);
            value["arn"] = json!(format!("arn:{arn}"));
            value["updatedAt"] = json!(SECOND + updated);
            value["service"]["count"] = json!(count);
            value["service"]["archived"] = json!(archived);
            value["service"]["eventFirstSeen"] = json!(SECOND + first);
            value["service"]["eventLastSeen"] = json!(SECOND + first + lasts);
            if local {
                value["service"]["action"]["networkConnectionAction"]["localNetworkInterface"] = json!(eni);
            }
            one(&value)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_set_holds_and_says_does_not_depend_on_order(
        renderings in prop::collection::vec(any_rendering(), 0..8),
        seed in any::<u64>(),
    ) {
        let mut shuffled: Vec<(usize, Finding)> = renderings.iter().cloned().enumerate().collect();
        shuffled.sort_by_key(|(at, _)| (*at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        // And taking the same rendering in twice changes nothing.
        let repeated = shuffled.iter().chain(shuffled.first()).map(|(_, finding)| finding.clone());
        let (mut one, mut other) = (FindingSet::default(), FindingSet::default());
        renderings.iter().for_each(|finding| { one.upsert(finding.clone()); });
        repeated.for_each(|finding| { other.upsert(finding); });
        prop_assert!(one.iter().eq(other.iter()));
        for eni in [ENI, "eni-a", "eni-b"] {
            let seen = Seen { eni, ..Seen::default() };
            prop_assert_eq!(seen.with(&one), seen.with(&other));
        }
        for finding in one.iter() {
            let of: Vec<&Finding> = renderings.iter().filter(|f| f.arn == finding.arn).collect();
            let remotes: BTreeSet<Remote> = of.iter().flat_map(|f| f.remotes.iter().copied()).collect();
            prop_assert_eq!(&finding.remotes, &remotes);
            prop_assert_eq!(finding.first_second, of.iter().map(|f| f.first_second).min().unwrap());
            prop_assert_eq!(finding.last_second, of.iter().map(|f| f.last_second).max().unwrap());
            let newest = of.iter().map(|f| f.latest.updated_second).max().unwrap();
            prop_assert_eq!(finding.latest.updated_second, newest);
        }
    }

    #[test]
    fn a_set_that_forgets_is_one_that_never_knew(
        renderings in prop::collection::vec(any_rendering(), 0..8),
        after in 0..1500_i64,
    ) {
        let set_of = |findings: Vec<Finding>| {
            let mut set = FindingSet::default();
            findings.into_iter().for_each(|finding| { set.upsert(finding); });
            set
        };
        let mut set = set_of(renderings);
        let (kept, old): (Vec<Finding>, Vec<Finding>) =
            set.iter().cloned().partition(|finding| finding.last_second >= SECOND + after);
        prop_assert_eq!(set.forget_before(SECOND + after), !old.is_empty());
        let kept = set_of(kept);
        prop_assert!(set.iter().eq(kept.iter()));
        for eni in [ENI, "eni-a", "eni-b"] {
            let seen = Seen { eni, ..Seen::default() };
            prop_assert_eq!(seen.with(&set), seen.with(&kept));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = findings(&text);
        let _ = findings(&format!("{{\"type\":1,\"arn\":\"a\",\"service\":{text}}}"));
    }
}
