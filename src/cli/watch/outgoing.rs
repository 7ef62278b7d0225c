//! One way for alerts to leave, and what it has taken of those that wait. Each way goes on by itself:
//! what one refuses, the others have all the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::Alert;
use crate::cli::publish::Way;
use crate::error::Error;
use crate::watch::{Digest, Parcel};

/// Alerts offered at once.
const AT_ONCE: usize = 10;
/// How often a way may refuse an alert while it takes others, before it is given up for this way.
pub(super) const REFUSALS_MAX: u32 = 5;

/// What a subscriber tells alerts apart by: id and revision.
pub(super) type Name = (String, u32);

/// What takes alerts.
pub(super) trait Takes {
    /// Takes `alerts`, each by itself.
    fn take(&mut self, alerts: &[Alert]) -> Result<(), Error>;
    /// Takes the first of `alerts` together, and gives how many.
    fn take_together(&mut self, alerts: &[Alert]) -> Result<usize, Error>;
    /// Ids of the alerts that the last call did not take, and another may.
    fn refused(&self) -> &[String];
    /// Why the last alert that was refused was, one line.
    fn last_fault(&self) -> Option<String>;
    /// Tries again what failed so often in a row that it was given up.
    fn try_anew(&mut self);
    /// Why it can never take `alert`, one line.
    fn never_takes(&self, alert: &Alert) -> Option<String>;
}

impl Takes for Way {
    fn take(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        Self::take(self, alerts)
    }

    fn take_together(&mut self, alerts: &[Alert]) -> Result<usize, Error> {
        Self::take_together(self, alerts)
    }

    fn refused(&self) -> &[String] {
        Self::refused(self)
    }

    fn last_fault(&self) -> Option<String> {
        Self::last_fault(self)
    }

    fn try_anew(&mut self) {
        Self::try_anew(self);
    }

    fn never_takes(&self, alert: &Alert) -> Option<String> {
        Self::never_takes(self, alert)
    }
}

/// A way, and how far it is.
pub(super) struct Outgoing<W> {
    way: W,
    /// What it has taken of what still waits.
    taken: BTreeSet<Name>,
    /// What it need not take any more.
    given_up: BTreeSet<Name>,
    /// How often it refused what it has not taken.
    refusals: BTreeMap<Name, u32>,
    /// Alerts that it took, and refused, since `begin`.
    taken_now: u64,
    refused_now: u64,
}

impl<W: Takes> Outgoing<W> {
    pub(super) fn new(way: W) -> Self {
        let (taken, given_up, refusals) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        Self { way, taken, given_up, refusals, taken_now: 0, refused_now: 0 }
    }

    /// Begins to offer: what was refused before is tried again, in order, for as long as some of it is
    /// taken. With a `digest`, what is not urgent goes together.
    pub(super) fn begin(&mut self, offered_before: &[Alert], digest: &Digest) -> Result<(), Error> {
        (self.taken_now, self.refused_now) = (0, 0);
        self.way.try_anew();
        let left: Vec<Alert> =
            offered_before.iter().filter(|alert| !self.is_done_with(alert)).cloned().collect();
        let mut left = left.as_slice();
        while let Some(parcel) = digest.due(left, 0, true) {
            let (now, later) = left.split_at(match parcel {
                Parcel::Each(alerts) => alerts.min(AT_ONCE),
                Parcel::Together(alerts) => alerts,
            });
            let before = self.taken_now;
            self.offer(parcel, now)?;
            if self.taken_now == before {
                break;
            }
            left = later;
        }
        Ok(())
    }

    /// Offers alerts that were not offered before.
    pub(super) fn offer(&mut self, parcel: Parcel, alerts: &[Alert]) -> Result<(), Error> {
        match parcel {
            Parcel::Each(_) => self.each(alerts),
            Parcel::Together(_) => self.together(alerts),
        }
    }

    fn each(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        for some in alerts.chunks(AT_ONCE) {
            self.way.take(some)?;
            let refused: BTreeSet<&String> = self.way.refused().iter().collect();
            let (refused, taken): (Vec<_>, Vec<_>) =
                some.iter().partition(|alert| refused.contains(&alert.id));
            self.note(&taken, &refused);
            // Who takes none of ten need not be asked for the rest: it is offered again.
            if taken.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn together(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        let mut left = alerts;
        while let Some(first) = left.first() {
            if self.refusals.get(&first.name_and_revision()).is_some_and(|times| *times >= REFUSALS_MAX) {
                // It may be what the digest holds: each by itself tells which.
                return self.each(left);
            }
            let count = self.way.take_together(left)?;
            let (now, later) = left.split_at(count.clamp(1, left.len()));
            let now: Vec<&Alert> = now.iter().collect();
            if !self.way.refused().is_empty() {
                self.note(&[], &now);
                return Ok(());
            }
            self.note(&now, &[]);
            left = later;
        }
        Ok(())
    }

    fn note(&mut self, taken: &[&Alert], refused: &[&Alert]) {
        self.taken_now += taken.len() as u64;
        self.refused_now += refused.len() as u64;
        for alert in taken {
            self.refusals.remove(&alert.name_and_revision());
            self.taken.insert(alert.name_and_revision());
        }
        for alert in refused {
            *self.refusals.entry(alert.name_and_revision()).or_default() += 1;
        }
    }

    /// Whether it has taken `alert`.
    pub(super) fn has_taken(&self, alert: &Alert) -> bool {
        self.taken.contains(&alert.name_and_revision())
    }

    /// Whether it need not be offered `alert` any more.
    pub(super) fn is_done_with(&self, alert: &Alert) -> bool {
        self.has_taken(alert) || self.given_up.contains(&alert.name_and_revision())
    }

    /// How many alerts it refused since `begin`, and why the last one, if any.
    pub(super) fn refused_now(&self) -> Option<(u64, String)> {
        (self.refused_now > 0).then(|| (self.refused_now, self.way.last_fault().unwrap_or_default()))
    }

    /// Why `alert`, which it has not taken, is to be given up: it was refused often, and others were not,
    /// so that it is the alert; or there is `no_room` to keep it.
    pub(super) fn why_give_up(&self, alert: &Alert, no_room: bool) -> Option<String> {
        let times = self.refusals.get(&alert.name_and_revision()).copied().unwrap_or(0);
        let is_its_own = times >= REFUSALS_MAX && self.taken_now > 0;
        (is_its_own || no_room).then(|| self.way.last_fault().unwrap_or_default())
    }

    /// Does not offer it `alert` any more.
    pub(super) fn give_up(&mut self, alert: &Alert) {
        self.refusals.remove(&alert.name_and_revision());
        self.given_up.insert(alert.name_and_revision());
    }

    /// Why it can never take `alert`, one line.
    pub(super) fn never_takes(&self, alert: &Alert) -> Option<String> {
        self.way.never_takes(alert)
    }

    /// Forgets what is done: nobody will offer it again.
    pub(super) fn forget(&mut self, done: &BTreeSet<Name>) {
        self.taken.retain(|name| !done.contains(name));
        self.given_up.retain(|name| !done.contains(name));
    }
}
