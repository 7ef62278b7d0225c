//! All ways side by side, and which of the waiting alerts they are done with.

use std::collections::BTreeSet;

use crate::alert::Alert;
use crate::error::Error;
use crate::limits::OUTBOX_ALERTS_MAX;
use crate::watch::Digest;

use super::outgoing::{Name, Outgoing, Takes};

/// The ways for alerts to leave; there may be none.
pub(super) struct Doors<W> {
    ways: Vec<Outgoing<W>>,
    digest: Digest,
    /// So many at the head of the outbox were offered to all, and not all have them.
    offered: usize,
}

/// What nobody need be offered any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// Some way has it, or there is none.
    pub(super) told: BTreeSet<Name>,
    /// No way has it.
    pub(super) untold: BTreeSet<Name>,
    /// What some way does not have, by id, and why.
    pub(super) missed: Vec<(String, String)>,
}

impl Settled {
    fn holds(&self, alert: &Alert) -> bool {
        let name = alert.name_and_revision();
        self.told.contains(&name) || self.untold.contains(&name)
    }
}

impl<W: Takes> Doors<W> {
    /// Ways that were offered nothing yet.
    pub(super) fn new(ways: Vec<W>, digest: Digest) -> Self {
        Self { ways: ways.into_iter().map(Outgoing::new).collect(), digest, offered: 0 }
    }

    /// Notes at `now_second` whether alerts wait.
    pub(super) fn look(&mut self, outbox: &[Alert], now_second: i64) {
        self.digest.look(&outbox[self.offered..], now_second);
    }

    /// Whether something of `outbox` is to leave at `now_second`, for the first time or again.
    pub(super) fn is_due(&self, outbox: &[Alert], now_second: i64) -> bool {
        self.has_left() || self.digest.due(&outbox[self.offered..], now_second, false).is_some()
    }

    /// Whether something was offered that not all have.
    pub(super) fn has_left(&self) -> bool {
        self.offered > 0
    }

    /// Offers to each way what it has not taken before, and what is due for the first time, which is also
    /// printed. `is_last`: all is due.
    pub(super) fn offer(
        &mut self,
        outbox: &[Alert],
        now_second: i64,
        is_last: bool,
        print: &mut dyn FnMut(&[Alert]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { ways, digest, offered } = self;
        ways.iter_mut().try_for_each(|way| way.begin(&outbox[..*offered], digest))?;
        while let Some(parcel) = digest.due(&outbox[*offered..], now_second, is_last) {
            let alerts = &outbox[*offered..*offered + parcel.alerts()];
            print(alerts)?;
            *offered += alerts.len();
            ways.iter_mut().try_for_each(|way| way.offer(parcel, alerts))?;
            digest.left(parcel, &outbox[*offered..]);
        }
        Ok(())
    }

    /// How many alerts each way has just refused that refused any, and why the last one.
    pub(super) fn refused_now(&self) -> impl Iterator<Item = (u64, String)> {
        self.ways.iter().filter_map(Outgoing::refused_now)
    }

    /// Names what nobody need be offered any more; it has to leave the outbox.
    pub(super) fn settle(&mut self, outbox: &[Alert]) -> Settled {
        let is_full = outbox.len() >= OUTBOX_ALERTS_MAX;
        let Self { ways, offered, .. } = self;
        let mut settled = Settled::default();
        for alert in &outbox[..*offered] {
            let is_told = ways.is_empty() || ways.iter().any(|way| way.has_taken(alert));
            for way in ways.iter_mut().filter(|way| !way.is_done_with(alert)) {
                // Where the outbox is full, what somebody was told of makes room.
                if let Some(why) = way.why_give_up(alert, is_full && is_told) {
                    way.give_up(alert);
                    settled.missed.push((alert.id.clone(), why));
                }
            }
            if ways.iter().all(|way| way.is_done_with(alert)) {
                let never = ways.iter().filter_map(|way| way.never_takes(alert));
                settled.missed.extend(never.map(|why| (alert.id.clone(), why)));
                let done = if is_told { &mut settled.told } else { &mut settled.untold };
                done.insert(alert.name_and_revision());
            }
        }
        // The same message may wait twice.
        *offered = outbox[..*offered].iter().filter(|alert| !settled.holds(alert)).count();
        for done in [&settled.told, &settled.untold] {
            ways.iter_mut().for_each(|way| way.forget(done));
        }
        settled
    }
}

#[cfg(test)]
mod tests;
