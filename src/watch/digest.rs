//! When alerts leave the outbox: each at once, or together after a while, for people who read.
//!
//! The order stays that of the outbox: a CRITICAL alert waits for nothing, so what waited before it
//! leaves with it, just before. What waits when a watcher starts has waited before, and leaves at once:
//! crashes never delay an alert beyond the window.

use crate::alert::{Alert, Severity};
use crate::limits::OUTBOX_ALERTS_MAX;

/// The first alerts of the outbox that are to leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parcel {
    /// So many, each in a message of its own.
    Each(usize),
    /// So many, in as few messages as hold them.
    Together(usize),
}

impl Parcel {
    /// How many alerts it holds.
    pub fn alerts(self) -> usize {
        match self {
            Self::Each(alerts) | Self::Together(alerts) => alerts,
        }
    }
}

/// The window in which alerts are gathered.
#[derive(Clone, Debug)]
pub struct Digest {
    window_seconds: i64,
    /// When the first that waits came, by the caller's clock; `None`: none waits.
    since_second: Option<i64>,
}

impl Digest {
    /// Gathers for `window_seconds`; 0: every alert leaves by itself, at once.
    pub fn new(window_seconds: i64) -> Self {
        Self { window_seconds, since_second: Some(i64::MIN) }
    }

    /// Notes whether alerts wait at `now_second`, Unix seconds.
    pub fn look(&mut self, outbox: &[Alert], now_second: i64) {
        if outbox.is_empty() {
            self.since_second = None;
        } else {
            self.since_second.get_or_insert(now_second);
        }
    }

    /// What is to leave at `now_second`. `is_last`: there is no later.
    pub fn due(&self, outbox: &[Alert], now_second: i64, is_last: bool) -> Option<Parcel> {
        if outbox.is_empty() {
            return None;
        }
        if self.window_seconds == 0 {
            return Some(Parcel::Each(outbox.len()));
        }
        let is_urgent = |alert: &Alert| alert.severity == Severity::Critical;
        match outbox.iter().position(is_urgent) {
            Some(0) => Some(Parcel::Each(outbox.iter().take_while(|alert| is_urgent(alert)).count())),
            Some(before) => Some(gathered(before)),
            None => {
                let waited = self.since_second.map_or(0, |since| now_second.saturating_sub(since));
                let is_over = waited >= self.window_seconds || outbox.len() >= OUTBOX_ALERTS_MAX;
                (is_over || is_last).then(|| gathered(outbox.len()))
            }
        }
    }

    /// Notes that a parcel has left: after urgent ones, and when nothing is left, the window begins
    /// anew with the next alert.
    pub fn left(&mut self, parcel: Parcel, outbox: &[Alert]) {
        if outbox.is_empty() || matches!(parcel, Parcel::Each(_)) {
            self.since_second = None;
        }
    }
}

/// A single alert needs no digest.
fn gathered(alerts: usize) -> Parcel {
    if alerts == 1 { Parcel::Each(1) } else { Parcel::Together(alerts) }
}

#[cfg(test)]
mod tests {
    use Severity::{Critical, High, Low};

    use super::*;
    use crate::alert::render::tests;

    const NOW: i64 = 1_900_000_000;

    fn alerts(severities: &[Severity]) -> Vec<Alert> {
        severities.iter().map(|severity| Alert { severity: *severity, ..tests::alert() }).collect()
    }

    fn after_start(window_seconds: i64) -> Digest {
        let mut digest = Digest::new(window_seconds);
        digest.look(&[], NOW);
        digest
    }

    #[test]
    fn without_a_window_nothing_waits() {
        let outbox = alerts(&[Severity::Low, Severity::High]);
        let digest = after_start(0);
        assert_eq!(digest.due(&outbox, NOW, false), Some(Parcel::Each(2)));
        assert_eq!(digest.due(&[], NOW, true), None);
    }

    #[test]
    fn the_window_begins_with_the_first_alert_and_again_after_it_ended() {
        let mut digest = after_start(60);
        let outbox = alerts(&[Severity::Low, Severity::High]);
        digest.look(&outbox[..1], NOW);
        digest.look(&outbox, NOW + 59);
        assert_eq!(digest.due(&outbox, NOW + 59, false), None);
        assert_eq!(digest.due(&outbox, NOW + 60, false), Some(Parcel::Together(2)));
        assert_eq!(digest.due(&outbox, NOW + 1, true), Some(Parcel::Together(2)), "at the end");
        digest.left(Parcel::Together(2), &[]);
        digest.look(&outbox[..1], NOW + 60);
        assert_eq!(digest.due(&outbox[..1], NOW + 119, false), None);
        assert_eq!(digest.due(&outbox[..1], NOW + 120, false), Some(Parcel::Each(1)));
    }

    #[test]
    fn critical_waits_for_nothing_and_keeps_the_order() {
        let mut digest = after_start(60);
        let outbox = alerts(&[Low, High, Critical, Critical, Low]);
        digest.look(&outbox, NOW);
        assert_eq!(digest.due(&outbox, NOW, false), Some(Parcel::Together(2)));
        assert_eq!(digest.due(&outbox[1..], NOW, false), Some(Parcel::Each(1)));
        assert_eq!(digest.due(&outbox[2..], NOW, false), Some(Parcel::Each(2)));
        digest.left(Parcel::Each(2), &outbox[4..]);
        digest.look(&outbox[4..], NOW + 30);
        assert_eq!(digest.due(&outbox[4..], NOW + 89, false), None, "a window of its own");
        assert_eq!(digest.due(&outbox[4..], NOW + 90, false), Some(Parcel::Each(1)));
    }

    #[test]
    fn what_waited_before_a_start_does_not_wait_again() {
        let mut digest = Digest::new(3_600);
        let outbox = alerts(&[Severity::Low; 3]);
        digest.look(&outbox, NOW);
        assert_eq!(digest.due(&outbox, NOW, false), Some(Parcel::Together(3)));
    }

    #[test]
    fn a_full_outbox_ends_the_window() {
        let mut digest = after_start(3_600);
        let outbox = alerts(&vec![Severity::Low; OUTBOX_ALERTS_MAX]);
        digest.look(&outbox, NOW);
        assert_eq!(digest.due(&outbox, NOW, false), Some(Parcel::Together(OUTBOX_ALERTS_MAX)));
    }
}
