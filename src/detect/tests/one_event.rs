//! What is one event is told once, and what only looks like a leak does not stand before one.

use super::*;
use crate::detect::{Incident, Incidents, Kept, Threshold};

const LEAK: u64 = 2 * GIB;

/// Scores `flows` of some ENIs in one hour, and decides.
fn live(lab: &Lab, incidents: &mut Incidents, hour: Hour, threshold: f64, flows: &[(usize, FlowWindow)]) {
    for eni in 0..ENIS {
        let mut all = usual(eni, hour);
        let more: Vec<_> = flows.iter().filter(|(at, _)| *at == eni).map(|(_, flow)| flow.clone()).collect();
        all.retain(|usual| more.iter().all(|flow| flow.peer != usual.peer));
        all.extend(more);
        all.sort_by_key(|flow| flow.peer);
        let closed = hour_of(eni, hour, all);
        let outcome = lab.clone().score_hour(&closed, false);
        incidents.note(&closed, &"web".into(), outcome, Threshold(Some(threshold)));
    }
    incidents.decide(hour, hour.end_second(), &|_, _| ENIS as u32);
}

fn about<'a>(ended: &'a [Incident], subject: &str) -> Vec<&'a Incident> {
    ended.iter().filter(|incident| incident.subject.to_string() == subject).collect()
}

#[test]
fn a_sweep_without_data_is_kept_and_not_told() {
    let fan_out = |bytes: u64| {
        let mut lab = Lab::usual();
        let sweep = (0..200).map(|n| flow(&format!("192.0.{n}.1"), bytes, 500)).collect();
        let outcome = lab.score(usual_and(&lab, sweep));
        let spread = outcome.scored.iter().find(|s| s.unit.subject == Subject::Spread).unwrap().clone();
        (evidence(&spread, Detector::FanOut).bits(), spread.score.risk)
    };
    let (bits, risk) = fan_out(2_000);
    assert!((bits - 10.0).abs() < 1e-9 && (KEEP_BITS..12.0).contains(&risk), "{bits} {risk}");
    assert!(fan_out(90_000).0 > bits, "with data it is what it is");
}

#[test]
fn one_known_network_at_two_hosts_at_once_is_told_once() {
    let lab = Lab::usual();
    let told = |apart_hours: u32| {
        let mut incidents = Incidents::default();
        for at in 0..=apart_hours {
            let begins = [(0, 0), (1, apart_hours)].into_iter().filter(|(_, begin)| *begin == at);
            let flows: Vec<_> = begins.map(|(eni, _)| (eni, flow(KNOWN, LEAK, 10 * MIB))).collect();
            live(&lab, &mut incidents, Hour(lab.now.0 + at), 12.0, &flows);
        }
        let ended = incidents.end_day(lab.now.day());
        let of = about(&ended, "203.0.113.0/24");
        let sent: Vec<_> = of.iter().filter(|i| i.kept.is_sent()).map(|i| i.enis.len()).collect();
        assert!(of.iter().all(|i| !i.is_fleet_change), "two of six are no change of the fleet");
        sent
    };
    assert_eq!(told(0), [2], "one message names both");
    assert_eq!(told(1), [2], "of a change at noon some show it in the next hour");
    assert_eq!(told(4), [1, 1], "hours later it is another event");
}

#[test]
fn two_hosts_that_use_one_service_are_two_events() {
    let s3 = |bytes| FlowWindow { service: "S3".into(), ..flow("192.0.2.66", bytes, 10 * MIB) };
    let user = |eni: usize, hour: Hour| {
        let mut flows = vec![s3(2 * MIB + u64::from(hour.0 % 7) * 90_000)];
        flows.extend(usual(eni, hour));
        flows
    };
    let lab = Lab::after(DAYS, user);
    let mut incidents = Incidents::default();
    live(&lab, &mut incidents, lab.now, 12.0, &[(0, s3(LEAK)), (1, s3(LEAK))]);
    let ended = incidents.end_day(lab.now.day());
    let sent = about(&ended, "aws:S3").iter().filter(|i| i.kept.is_sent()).count();
    assert_eq!(sent, 2, "a leak is not hidden by another one");
}

#[test]
fn who_was_told_beside_another_is_no_news_on_the_next_day() {
    let lab = Lab::usual();
    let mut incidents = Incidents::default();
    let day_of = |incidents: &mut Incidents, first: Hour, enis: &[usize]| {
        for hour in (0..6).map(|at| Hour(first.0 + at)) {
            let flows: Vec<_> = enis.iter().map(|eni| (*eni, flow(KNOWN, LEAK, 10 * MIB))).collect();
            live(&lab, incidents, hour, 12.0, &flows);
        }
        incidents.end_day(first.day())
    };
    day_of(&mut incidents, lab.now, &[0, 1]);
    let next = day_of(&mut incidents, Hour(lab.now.0 + 24), &[1]);
    let of = about(&next, "203.0.113.0/24");
    assert_eq!((of.len(), of[0].kept), (1, Kept::Continues), "as much as on the day before");
}

#[test]
fn a_change_of_the_fleet_that_is_not_told_is_one_event_too() {
    let lab = Lab::usual();
    let mut incidents = Incidents::default();
    let flows: Vec<_> = (0..ENIS).map(|eni| (eni, flow("192.88.2.66", 9 * MIB, MIB))).collect();
    live(&lab, &mut incidents, lab.now, 30.0, &flows);
    let ended = incidents.end_day(lab.now.day());
    let of = about(&ended, "192.88.2.0/24");
    assert!(of.len() == ENIS && of.iter().all(|i| i.is_fleet_change), "{}", of.len());
    let leaders: Vec<_> = of.iter().filter(|i| i.kept == Kept::BelowThreshold).collect();
    assert_eq!((leaders.len(), leaders[0].enis.len()), (1, ENIS));
    let follows = |i: &&&Incident| i.kept == Kept::Continues && i.continues.as_ref() == Some(&leaders[0].id);
    assert_eq!(of.iter().filter(follows).count(), ENIS - 1);
}

#[test]
fn an_upload_is_compared_with_uploads_not_with_small_talk() {
    let talk = |eni: usize, hour: Hour| {
        let mut flows = usual(eni, hour);
        flows.retain(|flow| flow.peer != KNOWN.parse().unwrap());
        flows.extend((0..60).map(|n| flow(&format!("198.18.{n}.1"), 100_000, MIB)));
        flows.push(flow(KNOWN, 8 * MIB, 50_000));
        flows
    };
    let mut lab = Lab::after(DAYS, talk);
    let mut flows = talk(0, lab.now);
    flows.push(flow("192.88.2.66", 200 * MIB, MIB));
    flows.sort_by_key(|flow| flow.peer);
    let outcome = lab.score(flows);
    let balance = outcome.scored.iter().flat_map(|s| &s.evidence).find(|e| e.detector == Detector::Balance);
    assert!(balance.unwrap().bits() < 2.0, "{balance:?}");
}
