//! Traps that others' detectors fell into (detection.md D), each against this one: whole hours
//! through `score_hour`, over a small fleet with three weeks of ordinary history.

mod degenerate;
mod guardduty;
mod lognormal;
mod one_event;
mod stays;
mod suppress;
mod traps;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::LazyLock;

use super::*;
use crate::baseline::destination::DestinationKey;
use crate::baseline::eni::{EniHistory, EniToday, Tier};
use crate::baseline::fleet::{FleetHistory, FleetModel};
use crate::baseline::{History, Snapshot, Today};
use crate::record::Action;
use crate::window::{Coverage, Day, EniClass, EniHour, EniId, FlowWindow, Hour, Role, Totals};

const ENIS: usize = 6;
const FIRST: Day = Day(20_500);
const DAYS: u32 = 21;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// A destination that everybody has used all along.
const KNOWN: &str = "203.0.113.9";

fn id(eni: usize) -> EniId {
    EniId { account: "111111111111".into(), region: "eu-west-1".into(), eni: format!("eni-{eni}").into() }
}

/// An accepted client flow on port 443 with full packets.
fn flow(peer: &str, egress_bytes: u64, ingress_bytes: u64) -> FlowWindow {
    let packets = |bytes: u64| bytes.div_ceil(1400);
    FlowWindow {
        role: Role::Client,
        peer: peer.parse().unwrap(),
        protocol: 6,
        port: 443,
        action: Some(Action::Accept),
        service: "".into(),
        egress_bytes,
        egress_packets: packets(egress_bytes),
        egress_records: 6,
        ingress_bytes,
        ingress_packets: packets(ingress_bytes),
        ingress_records: 6,
        first_second: 1_771_200_000,
        last_second: 1_771_200_600,
        egress_flags: 2,
        ingress_flags: 18,
        traffic_paths: 0,
        minutes: 1,
    }
}

fn hour_of(eni: usize, hour: Hour, flows: Vec<FlowWindow>) -> EniHour {
    EniHour {
        id: id(eni),
        hour,
        class: EniClass::Instance,
        vpc: "vpc-0".into(),
        subnet: "subnet-0".into(),
        instance: "".into(),
        group: "web".into(),
        own: Vec::new(),
        coverage: Coverage { records: 12, interval_seconds: 600, slots: 0xfff, ..Coverage::default() },
        totals: Totals::default(),
        rollup_level: 0,
        flows,
    }
}

/// About 4 MiB out and 40 MiB in, a few percent more or less, to two known places.
fn usual(eni: usize, hour: Hour) -> Vec<FlowWindow> {
    let wobble = u64::from(hour.0) * 7919 % 97 + eni as u64 * 3;
    let bytes = 3 * MIB + wobble * 20_000;
    vec![flow(KNOWN, bytes, 10 * bytes), flow("198.51.100.7", MIB, 12 * MIB)]
}

/// Histories, and a day to score.
#[derive(Clone)]
struct Lab {
    history: History,
    snapshot: Snapshot,
    settings: Settings,
    lived: EniToday,
    now: Hour,
}

impl Lab {
    /// A fleet that lived `days` with what `flows` gives it; `now` is noon of the next day.
    fn after(days: u32, flows: impl Fn(usize, Hour) -> Vec<FlowWindow>) -> Self {
        let (mut history, settings) = (History::default(), Settings::default());
        let fleet = FleetModel::learn(&FleetHistory::default(), &[], 0);
        for day in (FIRST.0..FIRST.0 + days).map(Day) {
            history.advance(day);
            let Ok(snapshot) = history.snapshot(day, |_| Ok::<_, Infallible>(()));
            let blank = EniHistory::new(day.first_hour()).model(day);
            let mut today = Today::default();
            for eni in 0..ENIS {
                let id = id(eni);
                let place = id.place();
                let mut lived = EniToday::new(day.first_hour());
                let context = EniContext {
                    model: snapshot.enis.get(&id).unwrap_or(&blank),
                    history: history.enis.get(&id),
                    fleet: snapshot.fleets.get(&place).unwrap_or(&fleet),
                    fleet_history: history.fleets.get(&place),
                };
                let pooled = today.fleets.entry(place.clone()).or_default();
                for hour in (0..24).map(|h| Hour(day.first_hour().0 + h)) {
                    let closed = hour_of(eni, hour, flows(eni, hour));
                    let outcome = score_hour(&closed, &context, &settings, &mut lived, &|_| false);
                    pooled.eni_hours += 1;
                    outcome
                        .own_bits
                        .iter()
                        .for_each(|(pool, own_bits)| pooled.pools[*pool as usize].add(*own_bits));
                }
                today.enis.insert(id, lived);
            }
            history.fold(day, today);
        }
        let day = Day(FIRST.0 + days);
        history.advance(day);
        let Ok(snapshot) = history.snapshot(day, |_| Ok::<_, Infallible>(()));
        let now = Hour(day.first_hour().0 + 12);
        Self { history, snapshot, settings, lived: EniToday::new(day.first_hour()), now }
    }

    /// The ordinary fleet.
    fn usual() -> Self {
        static USUAL: LazyLock<Lab> = LazyLock::new(|| Lab::after(DAYS, usual));
        USUAL.clone()
    }

    /// Scores an hour of the first ENI.
    fn score(&mut self, flows: Vec<FlowWindow>) -> HourOutcome {
        let hour = hour_of(0, self.now, flows);
        self.score_hour(&hour, false)
    }

    fn score_hour(&mut self, hour: &EniHour, released: bool) -> HourOutcome {
        let place = hour.id.place();
        let context = EniContext {
            model: &self.snapshot.enis[&hour.id],
            history: self.history.enis.get(&hour.id),
            fleet: &self.snapshot.fleets[&place],
            fleet_history: self.history.fleets.get(&place),
        };
        score_hour(hour, &context, &self.settings, &mut self.lived, &|_| released)
    }
}

/// The usual hour of the first ENI with more in it.
fn usual_and(lab: &Lab, more: Vec<FlowWindow>) -> Vec<FlowWindow> {
    let mut flows = usual(0, lab.now);
    flows.extend(more);
    flows
}

fn destinations(outcome: &HourOutcome) -> Vec<String> {
    let features = &outcome.features;
    let clients = features.served.keys().map(|prefix| format!("served:{prefix}"));
    features.destinations.keys().map(ToString::to_string).chain(clients).collect()
}

/// An ordinary hour has a few bits now and then: one in sixteen reaches four.
const QUIET_BITS: f64 = 8.0;

fn assert_quiet(outcome: &HourOutcome) {
    let loud: Vec<&Scored> = outcome.scored.iter().filter(|s| s.score.risk >= QUIET_BITS).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

/// The one destination or client that stands out.
fn only(outcome: &HourOutcome) -> &Scored {
    let loud = |s: &&Scored| s.unit.subject != Subject::Spread && s.score.risk >= QUIET_BITS;
    let scored: Vec<&Scored> = outcome.scored.iter().filter(loud).collect();
    assert_eq!(scored.len(), 1, "{scored:#?}");
    scored[0]
}

fn evidence(scored: &Scored, detector: Detector) -> Evidence {
    *scored.evidence.iter().find(|e| e.detector == detector).expect("the detector spoke")
}

#[test]
fn an_ordinary_hour_raises_nothing_and_a_leak_does() {
    let mut lab = Lab::usual();
    let flows = usual_and(&lab, vec![]);
    assert_quiet(&lab.score(flows));
    let mut lab = Lab::usual();
    let flows = usual_and(&lab, vec![flow("192.0.2.66", 5 * GIB, 50 * MIB)]);
    let outcome = lab.score(flows);
    let leak = only(&outcome);
    assert_eq!(leak.unit.subject.to_string(), "192.0.2.0/24");
    assert!(leak.score.severity >= Severity::High && leak.score.risk > 20.0, "{:?}", leak.score);
}

#[test]
fn no_detector_speaks_of_what_is_not_scored() {
    let lab = Lab::usual();
    let model = &lab.snapshot.enis[&id(0)];
    let (_, known) = model.destinations.iter().find(|(_, known)| known.is_some()).unwrap();
    let context = EniContext {
        model,
        history: None,
        fleet: lab.snapshot.fleets.values().next().unwrap(),
        fleet_history: None,
    };
    for ceiling in [None, Some(64 << 10), Some(GIB)] {
        let settings = Settings { volume_ceiling_bytes: ceiling, ..Settings::default() };
        let against = against(&context, "web", &settings);
        let score = |app_bytes| {
            let kind = UnitKind::Destination {
                app_bytes,
                day_app_bytes: 100 * GIB,
                ingress_app_bytes: 0,
                paired: true,
                novelty: None,
                rare: None,
                rest_app_bytes: None,
                stay: None,
                evenness: None,
                unbroken_minutes: None,
                sustained_bytes: app_bytes,
                refused: None,
                model: known.clone(),
            };
            let subject = Subject::Destination(DestinationKey::Service("S3".into()));
            Unit { subject, kind, hour_of_day: 12, tier: Tier::Mature, seen: 1.0 }.score(&against)
        };
        let (evidence, silent) = score(against.silent_bytes() - 1);
        assert_eq!((evidence, silent.severity), (vec![], Severity::Low));
        assert!(silent.risk.abs() < 1e-9);
        let (evidence, spoken) = score(against.silent_bytes());
        assert!(
            !evidence.is_empty() || spoken.severity == Severity::High,
            "no more is left out than must be"
        );
    }
}

#[test]
fn total_bytes_of_a_download_raise_nothing() {
    let mut lab = Lab::usual();
    let mut flows = usual(0, lab.now);
    flows[0].ingress_bytes += 500 * GIB;
    flows[0].ingress_packets += 500 * GIB / 1400;
    assert_quiet(&lab.score(flows));
}

#[test]
fn served_replies_are_not_new_destinations() {
    let mut lab = Lab::usual();
    let replies = (0..200).map(|n| {
        let peer = format!("192.0.{n}.66");
        FlowWindow { role: Role::Served, ..flow(&peer, 20_000, 2_000) }
    });
    let flows = usual_and(&lab, replies.collect());
    let outcome = lab.score(flows);
    assert_quiet(&outcome);
    assert_eq!(lab.lived.destinations.iter().count(), 2, "only the two that it contacts");
    assert_eq!(destinations(&outcome).iter().filter(|s| s.starts_with("served:")).count(), 200);
}

#[test]
fn a_dump_pulled_by_one_client_is_served_volume() {
    let mut lab = Lab::usual();
    let dump = FlowWindow { role: Role::Served, ..flow("192.0.2.66", 5 * GIB, 50 * MIB) };
    let flows = usual_and(&lab, vec![dump]);
    let outcome = lab.score(flows);
    let pulled = only(&outcome);
    assert_eq!(pulled.unit.subject.to_string(), "served:192.0.2.0/24");
    assert_eq!(pulled.evidence.iter().map(|e| e.detector).collect::<Vec<_>>(), [Detector::Served]);
}

#[test]
fn the_baseline_is_tested_before_it_learns() {
    let mut lab = Lab::usual();
    let outcome = lab.score(vec![flow(KNOWN, 2 * GIB, 3 * GIB)]);
    let first = evidence(only(&outcome), Detector::Volume);
    assert!(first.expected < 16.0 * MIB as f64 && first.bits() > 5.0, "{first:?}");
    // Nor does an hour teach the rest of its day.
    lab.now = Hour(lab.now.0 + 1);
    let outcome = lab.score(vec![flow(KNOWN, 2 * GIB, 3 * GIB)]);
    let second = evidence(only(&outcome), Detector::Volume);
    assert!(second.expected < 16.0 * MIB as f64, "{second:?}");
    assert!((second.bits() - first.bits()).abs() < 1.0, "{first:?} {second:?}");
}

#[test]
fn a_32_bit_sum_would_overflow_here() {
    let mut lab = Lab::usual();
    let halves = ["192.0.2.66", "192.0.2.67"].map(|peer| flow(peer, 3 * GIB, 30 * MIB));
    let flows = usual_and(&lab, halves.to_vec());
    let outcome = lab.score(flows);
    let leak = only(&outcome);
    assert_eq!(leak.traffic.egress_bytes, 6 * GIB);
    let observed = evidence(leak, Detector::NewDestination).observed;
    assert!(observed > 5.8 * GIB as f64 && observed < 6.0 * GIB as f64, "{observed}");
}

#[test]
fn one_packet_flows_and_rejects_raise_no_volume() {
    let mut lab = Lab::usual();
    let mut knocks: Vec<FlowWindow> =
        (0..250).map(|n| FlowWindow { egress_packets: 1, ..flow(&format!("192.0.{n}.1"), 60, 0) }).collect();
    knocks.push(FlowWindow { action: Some(Action::Reject), ..flow("192.0.2.66", 50 * GIB, 0) });
    let flows = usual_and(&lab, knocks);
    let features =
        EniFeatures::of(&hour_of(0, lab.now, flows.clone()), &lab.settings, &BTreeSet::new(), |_, _| true);
    assert_eq!((features.destinations.len(), features.fan_out, features.rejected_fan_out), (2, 2, 1));
    assert!(features.client_app_bytes < 10 * MIB);
    assert_quiet(&lab.score(flows));
}

#[test]
fn aws_ranges_are_rolled_up_not_trusted() {
    let s3 = |peer: &str, bytes| FlowWindow { service: "S3".into(), ..flow(peer, bytes, bytes / 100) };
    let mut lab = Lab::usual();
    let flows = usual_and(&lab, vec![s3("192.0.2.66", 3 * GIB), s3("192.0.99.1", 2 * GIB)]);
    let outcome = lab.score(flows);
    let leak = only(&outcome);
    assert_eq!(leak.unit.subject.to_string(), "aws:S3");
    assert!(leak.score.severity >= Severity::High, "{:?}", leak.score);
    // Once in use, another address of the service is not another destination ...
    let user = Lab::after(DAYS, |eni, hour| {
        let mut flows = usual(eni, hour);
        flows.push(s3("192.0.2.66", 2 * MIB));
        flows
    });
    let mut other = user.clone();
    let flows = usual_and(&other, vec![s3("192.0.99.1", 2 * MIB)]);
    assert_quiet(&other.score(flows));
    // ... and what the service usually gets is no licence for any amount.
    let mut leaking = user;
    let flows = usual_and(&leaking, vec![s3("192.0.99.1", 5 * GIB)]);
    let outcome = leaking.score(flows);
    assert_eq!(only(&outcome).unit.subject.to_string(), "aws:S3");
}

#[test]
fn ipv6_is_scored_like_ipv4() {
    // Equal application bytes: 40 bytes of headers a packet for IPv4, 60 for IPv6.
    let (packets, app_bytes) = (700_000, GIB);
    let leak = |peer: &str, header: u64| FlowWindow {
        egress_packets: packets,
        ingress_packets: 1000,
        ingress_bytes: 1000 * header,
        ..flow(peer, app_bytes + packets * header, 1)
    };
    let scores = [leak("192.0.2.66", 40), leak("2001:db8:77::66", 60)].map(|leak| {
        let mut lab = Lab::usual();
        let flows = usual_and(&lab, vec![leak]);
        let outcome = lab.score(flows);
        let leak = only(&outcome);
        (leak.evidence.clone(), leak.score)
    });
    assert_eq!(scores[0], scores[1]);
    assert!(scores[0].1.risk > 15.0, "{:?}", scores[0].1);
}

#[test]
fn the_same_volume_at_60_and_600_s_scores_the_same() {
    let at = |records: u32, interval_seconds: u16| {
        let mut lab = Lab::usual();
        let mut flows = usual_and(&lab, vec![flow("192.0.2.66", GIB, 10 * MIB)]);
        for flow in &mut flows {
            (flow.egress_records, flow.ingress_records) = (records, records);
            flow.minutes = if interval_seconds == 60 { (1 << 60) - 1 } else { 0x0802_0080_2008_0200 };
        }
        let mut hour = hour_of(0, lab.now, flows);
        hour.coverage.interval_seconds = interval_seconds;
        hour.coverage.records = u64::from(records) * 6;
        let outcome = lab.score_hour(&hour, false);
        let leak = only(&outcome);
        (leak.evidence.clone(), leak.score)
    };
    assert_eq!(at(60, 60), at(6, 600));
}

#[test]
fn decoys_do_not_silence_high() {
    let mut lab = Lab::usual();
    // Decoys that score, and a threshold that a flood of them has driven out of reach.
    let mut flows: Vec<FlowWindow> = (0..50).map(|n| flow(&format!("192.0.{n}.1"), 9 * MIB, MIB)).collect();
    flows.push(flow("192.88.2.66", 5 * GIB, 50 * MIB));
    let hour = hour_of(0, lab.now, flows);
    let outcome = lab.score_hour(&hour, false);
    assert!(outcome.scored.len() > 50, "{}", outcome.scored.len());
    let mut incidents = Incidents::default();
    incidents.note(&hour, &"web".into(), outcome, Threshold(Some(1000.0)));
    incidents.decide(hour.hour, hour.hour.end_second(), &|_, _| ENIS as u32);
    let ended = incidents.end_day(hour.hour.day());
    let leak = ended.iter().find(|i| i.subject.to_string() == "192.88.2.0/24").unwrap();
    assert_eq!(leak.kept, Kept::SentHigh);
    assert!(ended.iter().filter(|i| !i.kept.is_sent()).count() >= 50, "the decoys speak with one voice");
}

#[test]
fn suspicious_hours_are_not_learned_for_a_week() {
    let mut lab = Lab::usual();
    let key = crate::baseline::destination::DestinationKey::Network("192.0.2.0/24".parse().unwrap());
    let hour = hour_of(0, lab.now, usual_and(&lab, vec![flow("192.0.2.66", 5 * GIB, 50 * MIB)]));
    lab.score_hour(&hour, false);
    let held = &lab.lived.destinations[&key];
    assert!(!held.is_learned());
    assert_eq!(held.learned_bytes, 0);
    assert!(held.app_bytes > 4 * GIB, "what is not learned is still counted");
    let level = lab.lived.samples.levels[crate::baseline::series::Series::Client as usize][12];
    assert!(level.log2() < 14.0, "the leak is in the series: {}", level.log2());
    let mut later = Lab::usual();
    later.score_hour(&hour, true);
    assert!(later.lived.destinations[&key].is_learned(), "released after a week");
}

#[test]
fn one_day_of_history_is_not_evidence() {
    let mut lab = Lab::after(1, usual);
    let flows = usual_and(&lab, vec![flow("192.0.2.66", 50 * MIB, MIB)]);
    let outcome = lab.score(flows);
    for scored in &outcome.scored {
        assert_eq!(scored.tier, crate::baseline::eni::Tier::Learning);
        assert!(scored.score.severity == Severity::Low, "{:?}", scored.score);
        assert!(scored.score.risk < 20.0, "{:?}", scored.score);
    }
}
