//! The day in hand: the pipeline, the hours that are still open, and how hours close.

use crate::error::Error;
use crate::limits::{DAY_STATES_BEHIND_MAX, DAY_STATES_MAX};
use crate::pipeline::Pipeline;
use crate::source::OBJECT_SECONDS;
use crate::state::DayState;
use crate::window::{Day, Hour, OpenHours, closes_up_to};

use super::early;
use super::engine::Engine;
use super::observer::Event;
use super::outbox;

/// What is lost with the process, and made again from the books and the objects.
pub(super) struct Live {
    pub(super) pipeline: Pipeline,
    pub(super) open: OpenHours,
}

/// What is told while hours close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// Everything that is new.
    News,
    /// Of a history that is caught up with, what belongs to this day or later.
    Since(Day),
    /// Nothing yet: the days are lived again, and compared afterwards.
    Later,
    /// Nothing: what is made again was told before.
    Nothing,
}

impl Tell {
    /// Whether something is told while hours close.
    fn is_now(self) -> bool {
        matches!(self, Self::News | Self::Since(_))
    }

    /// Whether what `day` holds is noted as told, and not told.
    fn is_silent(self, day: Day) -> bool {
        matches!(self, Self::Since(first) if day < first)
    }
}

impl Engine {
    /// The last hour that may close by the names that were met.
    pub(super) fn due_by_names(&self) -> Option<Hour> {
        let newest = self.book.newest_named_second?;
        let reordered = newest - OBJECT_SECONDS - self.options.reorder_seconds;
        Some(closes_up_to(reordered, self.lateness_seconds))
    }

    /// The last hour that may close when nothing has arrived for long.
    pub(super) fn due_by_clock(&self, now_second: i64) -> Hour {
        closes_up_to(now_second - OBJECT_SECONDS - self.options.idle_seconds, self.lateness_seconds)
    }

    /// Closes the open hours up to `last`, ascending. The state between days is stored as days end.
    pub(super) fn close_up_to(&mut self, last: Hour, tell: Tell) -> Result<(), Error> {
        let due = self.pool.install(|| self.live.open.due(last));
        for hour in due {
            if self.live.pipeline.day().is_some_and(|day| day != hour.day()) {
                self.end_day(tell)?;
            }
            let (pool, live, shelf) = (&self.pool, &mut self.live, &mut self.shelf);
            pool.install(|| live.pipeline.close_up_to(&mut live.open, hour, shelf))?;
            self.book.closed = self.book.closed.max(Some(hour));
            if tell.is_now() {
                self.observer.note(&Event::HourClosed(hour));
                self.tell_standing();
                // What a silent day holds is noted when it ends.
                if !tell.is_silent(hour.day()) {
                    let alerts = self.pool.install(|| self.live.pipeline.alerts_so_far());
                    self.tell(hour.day(), &alerts, tell);
                }
            }
        }
        self.live.open.ledger.forget_up_to(last);
        self.book.closed = self.book.closed.max(Some(last));
        Ok(())
    }

    /// Ends the day in hand and stores the state after it.
    fn end_day(&mut self, tell: Tell) -> Result<(), Error> {
        let Some(day) = self.live.pipeline.day() else { return Ok(()) };
        let (pool, live, shelf) = (&self.pool, &mut self.live, &mut self.shelf);
        pool.install(|| live.pipeline.end_day(shelf))?;
        if !self.is_settling {
            let carried = self.pool.install(|| self.live.pipeline.carried());
            let stored = self.state.save_day(day, &carried)?;
            self.book.days.push(stored);
            self.forget_old_days();
        }
        self.write_findings()?;
        if !self.is_settling {
            self.forget_old_findings();
        }
        if tell.is_now() {
            self.tell_ended(tell);
        }
        Ok(())
    }

    /// Tells what days that have ended hold beyond what was told in their hours.
    pub(super) fn tell_ended(&mut self, tell: Tell) {
        for (day, alerts) in self.shelf.take_ended() {
            self.observer.note(&Event::DayEnded { day, alerts: &alerts, is_again: false });
            self.tell(day, &alerts, tell);
        }
    }

    fn tell(&mut self, day: Day, alerts: &[crate::alert::Alert], tell: Tell) {
        early::settle(&mut self.book, day, alerts);
        let news = outbox::grow(&mut self.book, day, alerts, tell.is_silent(day));
        news.iter().for_each(|alert| self.observer.note(&Event::Told(alert)));
    }

    /// Tells how the day in hand stands.
    pub(super) fn tell_standing(&self) {
        if let Some(standing) = self.live.pipeline.standing() {
            self.observer.note(&Event::Standing(&standing));
        }
    }

    /// Replaces what the lake says about findings.
    pub(super) fn write_findings(&self) -> Result<(), Error> {
        if let (Some(lake), Some(findings)) = (self.shelf.lake(), self.live.pipeline.correlated()) {
            lake.write_findings(&findings)?;
        }
        Ok(())
    }

    /// Forgets the oldest states, and what only they needed.
    fn forget_old_days(&mut self) {
        let book = &mut self.book;
        let kept = if self.is_behind { DAY_STATES_BEHIND_MAX } else { DAY_STATES_MAX };
        let excess = book.days.len().saturating_sub(kept);
        if excess == 0 {
            return;
        }
        book.days.drain(..excess);
        book.has_forgotten = true;
        let Some(DayState { after, .. }) = book.days.first() else { return };
        let after = *after;
        book.ledger.retain(|_, entry| entry.last_day > after);
        book.told = book.told.split_off(&(after.0 + 1));
    }
}
