//! What suppressions change about incidents over hours and days, and what they must not.

use super::*;
use crate::detect::suppress::{Covered, Scope, Suppression, Suppressions, Verdict};

const PEER: &str = "192.88.2.66";

/// For all ENIs of the lab's group, to the network of the leak.
fn granted(max_bytes_per_day: u64, days: u32) -> Suppressions {
    Suppressions::new(vec![Suppression {
        id: "sup-1".into(),
        scope: Scope::Group("web".into()),
        account: None,
        destination: Covered::Network("192.88.2.0/24".parse().unwrap()),
        port: None,
        max_bytes_per_day,
        owner: "ops".into(),
        ticket: "T-1".into(),
        reason: "known".into(),
        from: FIRST,
        expires: Day(FIRST.0 + days),
    }])
}

/// A hundred MiB more than usual of one ENI, to the network of the leak.
fn leak(lab: &Lab, eni: usize, hour: Hour) -> (EniHour, HourOutcome) {
    leak_of(100 * MIB, lab, eni, hour)
}

fn leak_of(bytes: u64, lab: &Lab, eni: usize, hour: Hour) -> (EniHour, HourOutcome) {
    let mut flows = usual(eni, lab.now);
    flows.push(flow(PEER, bytes, MIB));
    let closed = hour_of(eni, hour, flows);
    let outcome = lab.clone().score_hour(&closed, false);
    (closed, outcome)
}

fn live(incidents: &mut Incidents, (hour, outcome): &(EniHour, HourOutcome)) {
    incidents.note(hour, &"web".into(), outcome.clone(), Threshold(Some(12.0)));
    incidents.decide(hour.hour, hour.hour.end_second(), &|_, _| 0);
}

fn of_leak(incidents: &mut Incidents, day: Day) -> Vec<(Kept, Option<Verdict>)> {
    let ended = incidents.end_day(day).into_iter().filter(|i| i.subject.to_string() == "192.88.2.0/24");
    ended.map(|i| (i.kept, i.suppressions.first().map(|matched| matched.verdict))).collect()
}

#[test]
fn it_hides_also_what_is_high_by_rule_until_it_expires() {
    let lab = Lab::usual();
    let leak = leak(&lab, 0, lab.now);
    let decided = |suppressions: Suppressions| {
        let mut incidents = Incidents::default().under(suppressions);
        live(&mut incidents, &leak);
        of_leak(&mut incidents, lab.now.day())
    };
    assert_eq!(decided(Suppressions::default()), [(Kept::SentHigh, None)]);
    assert_eq!(decided(granted(GIB, DAYS + 1)), [(Kept::Suppressed, Some(Verdict::Hidden))]);
    assert_eq!(decided(granted(GIB, DAYS)), [(Kept::SentHigh, Some(Verdict::Expired))]);
    assert_eq!(decided(granted(MIB, DAYS + 1)), [(Kept::SentHigh, Some(Verdict::OverCap))]);
}

#[test]
fn what_was_hidden_is_told_once_others_go_over_the_cap_they_share() {
    let lab = Lab::usual();
    let mut incidents = Incidents::default().under(granted(150 * MIB, DAYS + 1));
    live(&mut incidents, &leak(&lab, 0, lab.now));
    live(&mut incidents, &leak(&lab, 1, Hour(lab.now.0 + 1)));
    let decided = of_leak(&mut incidents, lab.now.day());
    assert_eq!(decided.len(), 2);
    // One event at two ENIs: it is told once, and the other continues it.
    assert!(
        decided.iter().all(|(kept, verdict)| *kept != Kept::Suppressed && *verdict == Some(Verdict::OverCap))
    );
    assert!(decided.iter().any(|(kept, _)| *kept == Kept::SentHigh));
}

#[test]
fn what_is_hidden_every_day_does_not_raise_the_threshold_and_is_news_when_it_is_no_more() {
    let lab = Lab::usual();
    let threshold_after = |suppressions: Suppressions| {
        let mut incidents = Incidents::default().under(suppressions);
        for day in 0..8 {
            let hour = Hour(lab.now.0 + 24 * day);
            // What was told continues and is left out, so each day has an ENI of its own.
            // Less than HIGH, which is told anyway and has no place in the budget.
            let mut lived = leak_of(12 * MIB, &lab, 0, hour);
            lived.0.id = id(10 + day as usize);
            live(&mut incidents, &lived);
            incidents.end_day(hour.day());
        }
        let after = Day(lab.now.day().0 + 8);
        (incidents.threshold(after, 6, 5.0).0.unwrap(), incidents)
    };
    let (with, mut incidents) = threshold_after(granted(GIB, DAYS + 8));
    let (without, _) = threshold_after(Suppressions::default());
    assert!(with < without, "{with} is not below {without}");
    let later = Hour(lab.now.0 + 24 * 8);
    live(&mut incidents, &leak(&lab, 0, later));
    assert_eq!(of_leak(&mut incidents, later.day()), [(Kept::SentHigh, Some(Verdict::Expired))]);
}
