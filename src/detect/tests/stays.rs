//! What goes on without a gap, and what it leaves in the budget's past.

use super::*;

/// An egress record in each interval of ten minutes.
const EVERY_TEN_MINUTES: u64 = 0x0802_0080_2008_0200;

fn unbroken(flow: FlowWindow) -> FlowWindow {
    FlowWindow { minutes: EVERY_TEN_MINUTES, ..flow }
}

/// Six hours of 2 MiB an hour to a new place: what the last of them is worth.
fn last_of_six_hours(flow: impl Fn(FlowWindow) -> FlowWindow) -> Scored {
    let mut lab = Lab::usual();
    let mut last = None;
    for hour in 0..6 {
        lab.now = Hour(lab.now.0 + u32::from(hour > 0));
        let flows = usual_and(&lab, vec![flow(super::flow("192.0.2.66", 2 * MIB, 20 * MIB))]);
        let outcome = lab.score(flows);
        last = outcome.scored.into_iter().find(|s| s.unit.subject.to_string() == "192.0.2.0/24");
    }
    last.expect("12 MiB to a new place are kept")
}

#[test]
fn a_throttled_leak_is_told_apart_from_a_chat_on_its_first_day() {
    let (leak, chat) = (last_of_six_hours(unbroken), last_of_six_hours(|flow| flow));
    let without_a_gap = evidence(&leak, Detector::Unbroken);
    assert!(
        (without_a_gap.observed - 360.0).abs() < 1e-9 && without_a_gap.bits() > 11.0,
        "{without_a_gap:?}"
    );
    assert!(chat.evidence.iter().all(|e| e.detector != Detector::Unbroken), "{:?}", chat.evidence);
    assert!(leak.score.risk > chat.score.risk + 3.0, "{:?} {:?}", leak.score, chat.score);
}

#[test]
fn a_busy_service_is_no_cover_for_an_hour_to_one_of_its_addresses() {
    // Somebody sends 300 MiB in one interval, some two dozen times in three weeks.
    let bursty = |eni: usize, hour: Hour| {
        let burst = if hour.0 % 19 == eni as u32 { 300 * MIB } else { 2 * MIB };
        vec![flow(KNOWN, burst + u64::from(hour.0 % 13) * (burst / 40), MIB)]
    };
    let mut lab = Lab::after(DAYS, bursty);
    let mut hour = |flow: FlowWindow| {
        let outcome = lab.score(vec![flow]);
        outcome.scored.into_iter().find(|s| s.unit.subject.to_string() == "203.0.113.0/24")
    };
    let burst = hour(flow(KNOWN, 330 * MIB, MIB));
    assert!(burst.is_none_or(|burst| burst.score.risk < 10.0), "as large as they come");
    let leak = hour(unbroken(flow(KNOWN, 330 * MIB, MIB))).expect("as much without a gap");
    let sustained = evidence(&leak, Detector::KnownDestinationSustained);
    assert!(sustained.bits() > evidence(&leak, Detector::KnownDestinationHour).bits() + 4.0, "{leak:?}");
}

/// The threshold after eight days with a leak of `app_bytes` each, every one to another place.
fn threshold_after_leaks(app_bytes: u64) -> f64 {
    let mut incidents = Incidents::default();
    let mut lab = Lab::usual();
    for day in 0..8_u32 {
        let mut fresh = Lab::usual();
        fresh.now = Hour(lab.now.0 + 24 * day);
        let flows = usual_and(&fresh, vec![flow(&format!("192.{}.2.66", 100 + day), app_bytes, MIB)]);
        let hour = hour_of(0, fresh.now, flows);
        let outcome = fresh.score_hour(&hour, false);
        incidents.note(&hour, &"web".into(), outcome, Threshold(Some(12.0)));
        incidents.decide(hour.hour, hour.hour.end_second(), &|_, _| ENIS as u32);
        incidents.end_day(hour.hour.day());
    }
    lab.now = Hour(lab.now.0 + 24 * 8);
    incidents.threshold(lab.now.day(), ENIS as u32, 5.0).0.expect("eight days suffice")
}

#[test]
fn what_is_told_anyway_does_not_raise_the_threshold() {
    let (weak, high) = (threshold_after_leaks(12 * MIB), threshold_after_leaks(5 * GIB));
    assert!(weak > 12.0, "what is told within the budget takes its place in it: {weak}");
    assert!((high - 12.0).abs() < 1e-9, "{high}");
}
