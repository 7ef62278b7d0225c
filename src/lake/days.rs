//! The days of a lake in the order in which the pipeline makes them: begun, filled hour by hour,
//! ended. Every driver writes the same files, because this is the only way to.

use super::day::DayWriter;
use super::error::LakeError;
use super::writer::LakeWriter;
use crate::alert::Alert;
use crate::pipeline::DayStart;
use crate::window::{ClosedHour, Day};

/// The writing side of a lake with the day in hand.
pub struct LakeDays {
    lake: LakeWriter,
    day: Option<DayWriter>,
}

impl LakeDays {
    /// No day is in hand.
    pub fn new(lake: LakeWriter) -> Self {
        Self { lake, day: None }
    }

    /// For what is not of one day.
    pub fn lake(&self) -> &LakeWriter {
        &self.lake
    }

    /// Writes what `day` begins with, and takes it in hand.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn begin(&mut self, day: Day, start: &DayStart<'_>) -> Result<(), LakeError> {
        self.lake.write_start(day, start)?;
        self.day = Some(self.lake.day(day));
        Ok(())
    }

    /// Writes an hour of the day in hand, and what its objects were.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn hour(&mut self, hour: &ClosedHour) -> Result<(), LakeError> {
        let Some(day) = &mut self.day else { return Ok(()) };
        day.write(&hour.enis)?;
        day.write_objects(hour)
    }

    /// Completes the day in hand; all its files appear here.
    ///
    /// # Errors
    /// When a file cannot be completed or placed.
    pub fn end(&mut self, day: Day, alerts: &[Alert]) -> Result<(), LakeError> {
        let Some(writer) = self.day.take() else { return Ok(()) };
        let scanned = writer.finish()?;
        self.lake.write_alerts(day, &scanned, alerts)
    }

    /// Gives up the day in hand: it will be written from its beginning.
    pub fn restart(&mut self) {
        self.day = None;
    }
}
