//! Takes what the pipeline produces: the lake, and the alerts of days that end. What was taken is
//! written: the books say so next.

use std::sync::Arc;

use crate::alert::Alert;
use crate::baseline::SnapshotRow;
use crate::error::Error;
use crate::lake::{LakeDays, LakeWriter, Staged};
use crate::pipeline::{DayStart, Output};
use crate::window::{ClosedHour, Day};

/// The writing side of the day in hand.
#[derive(Default)]
pub(super) struct Shelf {
    lake: Option<LakeDays>,
    /// Days that ended and that nobody has looked at yet, with their alerts.
    ended: Vec<(Day, Vec<Alert>)>,
}

impl Shelf {
    pub(super) fn new(lake: Option<LakeWriter>) -> Self {
        Self { lake: lake.map(LakeDays::new), ..Self::default() }
    }

    pub(super) fn lake(&self) -> Option<&LakeWriter> {
        self.lake.as_ref().map(LakeDays::lake)
    }

    /// Gives up the day in hand: it will be written from its beginning.
    pub(super) fn restart(&mut self) {
        self.lake.iter_mut().for_each(LakeDays::restart);
        self.forget_ended();
    }

    /// Drops the alerts of days that ended: they were told before.
    pub(super) fn forget_ended(&mut self) {
        self.ended.clear();
    }

    /// Days that ended since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<(Day, Vec<Alert>)> {
        std::mem::take(&mut self.ended)
    }
}

impl Output for Shelf {
    type Error = Error;

    fn snapshot_rows(&mut self, day: Day, rows: Vec<SnapshotRow>) -> Result<(), Error> {
        self.lake.as_mut().map_or(Ok(()), |lake| lake.snapshot_rows(day, &rows))?;
        Ok(())
    }

    fn day_begins(&mut self, day: Day, start: &DayStart<'_>) -> Result<(), Error> {
        if let Some(lake) = &mut self.lake {
            lake.begin(day, &start.memory())?;
            Staged::publish_all(lake.take_begun()?)?;
        }
        Ok(())
    }

    fn hour_closed(&mut self, hour: &Arc<ClosedHour>) -> Result<(), Error> {
        self.lake.as_mut().map_or(Ok(()), |lake| lake.hour(hour))?;
        Ok(())
    }

    fn day_ends(&mut self, day: Day, alerts: Vec<Alert>) -> Result<(), Error> {
        if let Some(lake) = &mut self.lake {
            lake.end(day, &alerts)?.into_iter().flatten().try_for_each(Staged::publish_all)?;
        }
        self.ended.push((day, alerts));
        Ok(())
    }
}
