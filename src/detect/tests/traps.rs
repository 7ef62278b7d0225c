//! Traps of detection.md D that need a scene of their own; `tests/traps.rs` names the test of each.

use super::*;
use crate::baseline::destination::DestinationKey;

fn risk(outcome: &HourOutcome) -> f64 {
    outcome.scored.iter().map(|s| s.score.risk).fold(0.0, f64::max)
}

fn find(outcome: &HourOutcome, detector: Detector) -> Option<Evidence> {
    outcome.scored.iter().flat_map(|s| &s.evidence).find(|e| e.detector == detector).copied()
}

#[test]
fn trap_05_a_burst_of_one_hour_is_not_averaged_away() {
    let mut lab = Lab::usual();
    let outcome = lab.score(vec![flow(KNOWN, 2 * GIB, 3 * GIB)]);
    let hour = evidence(only(&outcome), Detector::Volume);
    assert!(hour.observed > 1.9 * GIB as f64, "the hour itself is looked at: {hour:?}");
}

#[test]
fn trap_07_every_reserved_range_is_inside_and_its_neighbours_are_not() {
    let networks = InternalNetworks::new(&[]);
    for inside in ["10.255.255.255", "172.31.255.255", "192.168.255.1", "100.127.0.1", "fd12::1", "fe80::1"] {
        assert!(!networks.is_external(inside.parse().unwrap()), "{inside}");
    }
    for outside in ["11.0.0.0", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1"] {
        assert!(networks.is_external(outside.parse().unwrap()), "{outside}");
    }
}

#[test]
fn trap_08_gaps_are_not_taken_across_destinations() {
    // Together the two are contacted every four minutes; each alone at random minutes.
    let beats = [0_u64, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1];
    let minutes = |which: u64| {
        beats.iter().zip(0_u64..).filter(|(b, _)| **b == which).fold(0, |all, (_, at)| all | 1 << (4 * at))
    };
    let score = |one: u64, two: u64| {
        let mut lab = Lab::usual();
        lab.now = Hour(lab.now.0 - 6);
        let mut last = None;
        for hour in 0..6 {
            // The pattern moves from hour to hour, so that it does not repeat itself.
            let turned =
                |all: u64| (all << (4 * hour * 7 % 60) | all >> (60 - 4 * hour * 7 % 60)) & ((1 << 60) - 1);
            let mut flows = usual(0, lab.now);
            for (peer, minutes) in [("192.0.2.66", one), ("192.88.2.66", two)] {
                flows.push(FlowWindow { minutes: turned(minutes), ..flow(peer, 2 * MIB, MIB) });
            }
            let mut hour = hour_of(0, lab.now, flows);
            hour.coverage.interval_seconds = 60;
            let outcome = lab.score_hour(&hour, false);
            last = find(&outcome, Detector::Beacon);
            lab.now = Hour(lab.now.0 + 1);
        }
        last.map_or(0.0, |e| e.bits())
    };
    let every = minutes(0) | minutes(1);
    let (split, whole) = (score(minutes(0), minutes(1)), score(every, 0));
    assert!(split < 6.0 && whole > split + 4.0, "{split} {whole}");
}

#[test]
fn trap_11_what_is_inside_is_decided_when_scoring_not_when_reading() {
    let mut lab = Lab::usual();
    let flows = usual_and(&lab, vec![flow("192.0.2.66", 5 * GIB, 50 * MIB)]);
    assert!(risk(&lab.clone().score(flows.clone())) > 20.0);
    lab.settings.internal = InternalNetworks::new(&["192.0.2.0/24".parse().unwrap()]);
    assert_quiet(&lab.score(flows));
}

#[test]
fn trap_12_first_seen_is_event_time() {
    // Histories of 2026 are scored whenever this runs, and nothing in them ages meanwhile.
    let lab = Lab::usual();
    let key = DestinationKey::Network("203.0.113.0/24".parse().unwrap());
    let first = lab.history.enis[&id(0)].destinations[&key].first_hour;
    assert_eq!(Hour(first).day(), FIRST);
}

#[test]
fn trap_13_no_threshold_is_out_of_reach() {
    let mut lab = Lab::usual();
    let flows = usual_and(&lab, vec![flow("192.0.2.66", 500 * GIB, 50 * MIB)]);
    assert_eq!(only(&lab.score(flows)).score.severity, Severity::Critical);
}

#[test]
fn trap_16_a_loud_neighbour_does_not_hide_a_quiet_host() {
    let loud = |eni: usize, hour: Hour| {
        if eni == 1 { vec![flow(KNOWN, 50 * GIB, GIB)] } else { usual(eni, hour) }
    };
    let mut lab = Lab::after(DAYS, loud);
    let outcome = lab.score(vec![flow(KNOWN, 2 * GIB, 3 * GIB)]);
    assert!(risk(&outcome) > QUIET_BITS, "{}", risk(&outcome));
}

#[test]
fn a_drip_is_seen_by_its_sum_and_its_stay() {
    // Three MiB an hour from the twelfth day on, by one of six.
    let drip = |eni: usize, hour: Hour| {
        let mut flows = usual(eni, hour);
        if eni == 0 && hour.day().0 >= FIRST.0 + 12 {
            flows.push(flow("192.0.2.66", 3 * MIB, MIB));
        }
        flows
    };
    let mut lab = Lab::after(DAYS, drip);
    let flows = usual_and(&lab, vec![flow("192.0.2.66", 3 * MIB, MIB)]);
    let outcome = lab.score(flows);
    let (sum, stay) = (find(&outcome, Detector::Drip).unwrap(), find(&outcome, Detector::LongLived).unwrap());
    assert!(sum.observed > 600.0 * MIB as f64 && sum.bits() > 8.0, "{sum:?}");
    assert!((stay.observed - 217.0).abs() < 1.5 && stay.bits() > 8.0, "{stay:?}");
}

#[test]
fn a_probe_that_succeeds_says_so_also_in_the_next_hour() {
    let refused = |n: u16| FlowWindow {
        port: 1000 + n,
        action: Some(Action::Reject),
        egress_packets: 1,
        ..flow("192.0.2.66", 60, 0)
    };
    let mut lab = Lab::usual();
    let flows = usual_and(&lab, (0..40).map(refused).collect());
    assert!(find(&lab.score(flows), Detector::ProbeThenSuccess).is_none());
    lab.now = Hour(lab.now.0 + 1);
    let flows = usual_and(&lab, vec![flow("192.0.2.66", 30 * MIB, MIB)]);
    let probe = find(&lab.score(flows), Detector::ProbeThenSuccess).unwrap();
    assert!((probe.observed - 40.0).abs() < 1e-9 && probe.bits() > 9.0, "{probe:?}");
    lab.now = Hour(lab.now.0 + 2);
    let flows = usual_and(&lab, vec![flow("192.0.2.66", 30 * MIB, MIB)]);
    assert!(find(&lab.score(flows), Detector::ProbeThenSuccess).is_none(), "long ago");
}
