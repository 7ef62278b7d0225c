//! What is told, and when it is told again.
//!
//! While hours close an alert is told when it is new, and again when its own revision rises: it
//! grew fourfold, or shows another kind of evidence. That is what `scan` calls news. A correction
//! is told when it changes what a reader acts on; the message then has a higher revision than the
//! alert itself, so that whoever keeps the highest revision of an id has the right one.

use std::collections::BTreeMap;

use crate::alert::Alert;
use crate::state::{Book, Told};
use crate::window::Day;

/// Sent alerts of one day, as they stand now.
pub(super) type DayAlerts = (Day, Vec<Alert>);

/// Takes in the alerts of a day as they stand after an hour has closed. Gives what is to be sent.
/// `is_silent`: it is noted as told and not sent.
pub(super) fn grow(book: &mut Book, day: Day, alerts: &[Alert], is_silent: bool) -> Vec<Alert> {
    let mut news = Vec::new();
    for alert in alerts.iter().filter(|alert| alert.emitted) {
        let of_day = book.told.entry(day.0).or_default();
        let known = of_day.get(&alert.id);
        let is_news = known.is_none_or(|told| alert.revision > told.revision);
        let sent_revision = match known {
            Some(told) if is_news => alert.revision.max(told.sent_revision + 1),
            Some(told) => told.sent_revision,
            None => alert.revision,
        };
        let told = Told { revision: alert.revision, sent_revision, gist: gist(alert) };
        of_day.insert(alert.id.clone(), told);
        if is_news && !is_silent {
            news.push(Alert { revision: sent_revision, ..alert.clone() });
        }
    }
    book.outbox.extend_from_slice(&news);
    news
}

/// Takes in the alerts of all days from `from` on, after those were lived again up to where they
/// were. Gives what is to be sent, and the ids of what is no longer an alert.
pub(super) fn correct(book: &mut Book, from: Day, days: &[DayAlerts]) -> (Vec<Alert>, Vec<String>) {
    let mut news = Vec::new();
    let mut left: BTreeMap<u32, BTreeMap<String, Told>> = book.told.split_off(&from.0);
    for (day, alerts) in days {
        let mut before = left.remove(&day.0).unwrap_or_default();
        let mut now = BTreeMap::new();
        for alert in alerts.iter().filter(|alert| alert.emitted) {
            let known = before.remove(&alert.id);
            let gist = gist(alert);
            let is_news =
                known.as_ref().is_none_or(|told| alert.revision > told.revision || told.gist != gist);
            let sent_revision = match &known {
                Some(told) if is_news => alert.revision.max(told.sent_revision + 1),
                Some(told) => told.sent_revision,
                None => alert.revision,
            };
            now.insert(alert.id.clone(), Told { revision: alert.revision, sent_revision, gist });
            if is_news {
                news.push(Alert { revision: sent_revision, ..alert.clone() });
            }
        }
        left.insert(day.0, before);
        book.told.insert(day.0, now);
    }
    let mut withdrawn = Vec::new();
    for (day, before) in left {
        for (id, mut told) in before {
            if !told.gist.is_empty() {
                withdrawn.push(id.clone());
                told.gist.clear();
            }
            book.told.entry(day).or_default().insert(id, told);
        }
    }
    book.outbox.extend_from_slice(&news);
    (news, withdrawn)
}

/// Hash of what a reader acts on: who, where, how much, how bad, on what evidence. Neither the
/// lists of objects and coverage, which every late object changes, nor scores in the last digit,
/// which every corrected baseline does.
pub(super) fn gist(alert: &Alert) -> String {
    let detectors: Vec<&str> = alert.detectors.iter().map(|evidence| evidence.id.as_str()).collect();
    let findings: Vec<&str> = alert.guardduty.findings.iter().map(|finding| finding.id.as_str()).collect();
    let what = (
        (alert.severity, &alert.enis, &alert.peer, &alert.first_seen, &alert.last_seen),
        (alert.egress_bytes, alert.ingress_bytes, alert.app_bytes, alert.egress_packets),
        (detectors, &alert.guardduty.status, findings),
    );
    let json = serde_json::to_vec(&what).expect("texts and numbers are JSON");
    blake3::hash(&json).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::render::tests;

    const DAY: Day = Day(20_500);

    fn alert(id: &str, emitted: bool) -> Alert {
        Alert { id: id.into(), revision: 1, emitted, ..tests::alert() }
    }

    fn sent(alerts: &[Alert]) -> Vec<(&str, u32)> {
        alerts.iter().map(|a| (a.id.as_str(), a.revision)).collect()
    }

    #[test]
    fn an_alert_is_told_once_and_again_when_its_own_revision_rises() {
        let mut book = Book::default();
        let mut one = alert("a", true);
        let quiet = alert("q", false);
        assert_eq!(sent(&grow(&mut book, DAY, &[one.clone(), quiet], false)), [("a", 1)]);
        one.egress_bytes += 1;
        assert_eq!(sent(&grow(&mut book, DAY, std::slice::from_ref(&one), false)), []);
        one.revision = 2;
        assert_eq!(sent(&grow(&mut book, DAY, std::slice::from_ref(&one), false)), [("a", 2)]);
        assert_eq!(sent(&book.outbox), [("a", 1), ("a", 2)]);
        assert_eq!(sent(&grow(&mut book, DAY, &[alert("b", true)], true)), []);
        assert_eq!(sent(&grow(&mut book, DAY, &[alert("b", true)], false)), []);
    }

    #[test]
    fn a_correction_is_told_when_it_matters_and_then_outranks_what_was_told() {
        let mut book = Book::default();
        let mut one = alert("a", true);
        grow(&mut book, DAY, &[one.clone(), alert("b", true)], false);
        one.objects_more += 1;
        one.score += 0.01;
        let (news, withdrawn) = correct(&mut book, DAY, &[(DAY, vec![one.clone()])]);
        assert_eq!((sent(&news), withdrawn), (vec![], vec!["b".to_owned()]));
        one.egress_bytes += 1;
        let b = alert("b", true);
        let (news, withdrawn) = correct(&mut book, DAY, &[(DAY, vec![one.clone(), b])]);
        assert_eq!((sent(&news), withdrawn.len()), (vec![("a", 2), ("b", 2)], 0), "b is back");
        // Its own second revision comes after the correction that was sent as the second.
        one.revision = 2;
        assert_eq!(sent(&grow(&mut book, DAY, &[one], false)), [("a", 3)]);
    }

    #[test]
    fn days_before_a_correction_stay_told() {
        let mut book = Book::default();
        let one = alert("a", true);
        grow(&mut book, DAY, std::slice::from_ref(&one), false);
        let next = Day(DAY.0 + 1);
        let (news, withdrawn) = correct(&mut book, next, &[(next, vec![one])]);
        assert_eq!((sent(&news), withdrawn.len()), (vec![("a", 1)], 0), "an id may come up on two days");
        assert_eq!(book.told.len(), 2);
    }
}
