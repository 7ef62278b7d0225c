//! Tells of hours that are still open, at most once of each alert and cause.
//!
//! An hour closes `--lateness` and `--reorder` after its end, so up to two hours pass before what
//! leaves in its first minutes is told. What is HIGH by bytes alone need not wait. The early message
//! is the first revision of the alert; when the hour has closed, the alert is sent again only if it
//! says much more. Lake, baselines and everything else do not know of it.

use crate::alert::Alert;
use crate::source::OBJECT_SECONDS;
use crate::state::{Book, Early, Told};
use crate::window::Day;

use super::engine::Engine;
use super::observer::Event;
use super::outbox::gist;

/// The revision of an early message.
const REVISION: u32 = 1;
/// Growth that is told again when the hour has closed: what incidents call news.
const NEWS_FACTOR: u64 = 4;

impl Engine {
    /// Looks at the hours that are open, once for each five minutes that objects are named after.
    pub(super) fn look_early(&mut self) {
        let reached = self.book.newest_named_second.map(|named| named + OBJECT_SECONDS);
        let Some(seen_second) = reached.filter(|_| self.options.is_early) else { return };
        if self.rebuild.is_some() || self.looked_second == Some(seen_second) {
            return;
        }
        self.looked_second = Some(seen_second);
        let Some(day) = self.live.pipeline.day() else { return };
        let (pool, live) = (&self.pool, &self.live);
        let alerts = pool.install(|| live.pipeline.early(&live.open, seen_second));
        for alert in tell(&mut self.book, day, alerts) {
            self.observer.note(&Event::Told(&alert));
        }
    }
}

/// Puts into the outbox what was not told before, and gives it.
fn tell(book: &mut Book, day: Day, alerts: Vec<Alert>) -> Vec<Alert> {
    book.early.retain(|_, early| early.day >= day);
    let mut news = Vec::new();
    for alert in alerts {
        let cause = (alert.account.clone(), alert.region.clone(), alert.destination.clone());
        let is_told = book.told.get(&day.0).is_some_and(|told| told.contains_key(&alert.id))
            || book.early.contains_key(&alert.id)
            || book.early.values().any(|early| early.cause == cause);
        if is_told {
            continue;
        }
        let early = Early { day, cause, severity: alert.severity, app_bytes: alert.app_bytes };
        book.early.insert(alert.id.clone(), early);
        news.push(Alert { revision: REVISION, ..alert });
    }
    book.outbox.extend_from_slice(&news);
    news
}

/// Notes what was told early among the alerts of hours that have closed as told, so that it is told
/// again only when it grew.
pub(super) fn settle(book: &mut Book, day: Day, alerts: &[Alert]) {
    for alert in alerts.iter().filter(|alert| alert.emitted) {
        let Some(early) = book.early.remove(&alert.id) else { continue };
        let is_news = alert.severity > early.severity
            || alert.app_bytes >= early.app_bytes.saturating_mul(NEWS_FACTOR).max(1);
        let told = Told {
            revision: if is_news { alert.revision.saturating_sub(1) } else { alert.revision },
            sent_revision: REVISION,
            gist: gist(alert),
        };
        book.told.entry(day.0).or_default().entry(alert.id.clone()).or_insert(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::alert::render::tests;
    use crate::watch::outbox::grow;

    const DAY: Day = Day(20_500);

    fn alert(id: &str, destination: &str, app_bytes: u64) -> Alert {
        let base = tests::alert();
        let (id, destination) = (id.to_owned(), destination.to_owned());
        Alert { id, destination, app_bytes, severity: Severity::High, emitted: true, revision: 1, ..base }
    }

    fn ids(alerts: &[Alert]) -> Vec<(&str, u32)> {
        alerts.iter().map(|a| (a.id.as_str(), a.revision)).collect()
    }

    #[test]
    fn each_alert_and_each_cause_is_told_early_once() {
        let mut book = Book::default();
        let (one, other) = (alert("a", "203.0.113.0/24", 9), alert("b", "198.51.100.0/24", 9));
        assert_eq!(ids(&tell(&mut book, DAY, vec![one.clone(), other])), [("a", 1), ("b", 1)]);
        let peer = alert("c", "203.0.113.0/24", 90);
        assert!(tell(&mut book, DAY, vec![one.clone(), peer]).is_empty());
        grow(&mut book, DAY, &[alert("d", "192.0.2.0/24", 9)], false);
        assert!(tell(&mut book, DAY, vec![alert("d", "192.0.2.0/24", 9)]).is_empty(), "told by its hour");
        let next = tell(&mut book, Day(DAY.0 + 1), vec![alert("e", "203.0.113.0/24", 9)]);
        assert_eq!(ids(&next), [("e", 1)], "another day");
    }

    #[test]
    fn the_closed_hour_is_told_again_only_when_it_says_much_more() {
        let early = alert("a", "203.0.113.0/24", 100);
        let closed = |app_bytes, severity| {
            let mut book = Book::default();
            tell(&mut book, DAY, vec![early.clone()]);
            let closed = Alert { severity, ..alert("a", "203.0.113.0/24", app_bytes) };
            settle(&mut book, DAY, std::slice::from_ref(&closed));
            let news = grow(&mut book, DAY, &[closed], false);
            assert!(book.early.is_empty());
            news.into_iter().map(|alert| alert.revision).collect::<Vec<_>>()
        };
        assert!(closed(399, Severity::High).is_empty());
        assert_eq!(closed(400, Severity::High), [2]);
        assert_eq!(closed(101, Severity::Critical), [2]);
    }

    #[test]
    fn growth_after_the_hour_has_closed_is_the_next_revision() {
        let mut book = Book::default();
        let mut one = alert("a", "203.0.113.0/24", 100);
        tell(&mut book, DAY, vec![one.clone()]);
        settle(&mut book, DAY, std::slice::from_ref(&one));
        assert!(grow(&mut book, DAY, std::slice::from_ref(&one), false).is_empty());
        one.revision = 2;
        assert_eq!(ids(&grow(&mut book, DAY, &[one], false)), [("a", 2)]);
    }
}
