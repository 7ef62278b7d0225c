//! The days of a lake in the order in which the pipeline makes them: begun, filled hour by hour,
//! ended. Every driver writes the same files, because this is the only way to. They are shown
//! ([`Staged::publish_all`]) by whoever drives, in the order in which they were given.

use super::day::DayWriter;
use super::error::LakeError;
use super::file::Staged;
use super::snapshots::SnapshotWriter;
use super::writer::LakeWriter;
use crate::alert::Alert;
use crate::baseline::SnapshotRow;
use crate::pipeline::MemoryRow;
use crate::window::{ClosedHour, Day};

/// The writing side of a lake with the day in hand.
pub struct LakeDays {
    lake: LakeWriter,
    /// Of the day about to begin.
    snapshot: Option<SnapshotWriter>,
    day: Option<DayWriter>,
}

impl LakeDays {
    /// No day is in hand.
    pub fn new(lake: LakeWriter) -> Self {
        Self { lake, snapshot: None, day: None }
    }

    /// For what is not of one day.
    pub fn lake(&self) -> &LakeWriter {
        &self.lake
    }

    /// Writes rows of the snapshot of the day that is about to begin; nothing shows before it does.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn snapshot_rows(&mut self, day: Day, rows: &[SnapshotRow]) -> Result<(), LakeError> {
        let writer = match self.snapshot.take() {
            Some(begun) => begun,
            None => self.lake.snapshot(day)?,
        };
        self.snapshot.insert(writer).write(rows)
    }

    /// Takes `day` in hand, and gives what it begins with, its snapshot and `memory`, to be shown before
    /// anything of the day is.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn begin(&mut self, day: Day, memory: &[MemoryRow]) -> Result<Vec<Staged>, LakeError> {
        // An account without a past has no rows.
        self.snapshot_rows(day, &[])?;
        let snapshot = self.snapshot.take().map(SnapshotWriter::close).transpose()?;
        let memory = self.lake.stage_memory(day, memory)?;
        self.day = Some(self.lake.day(day));
        Ok(snapshot.into_iter().chain([memory]).collect())
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

    /// Completes the day in hand, and gives its files: first what alerts tell of, then the alerts, which are
    /// shown when the others are, because they say that the day is done.
    ///
    /// # Errors
    /// When a file cannot be completed.
    pub fn end(&mut self, day: Day, alerts: &[Alert]) -> Result<[Vec<Staged>; 2], LakeError> {
        let Some(writer) = self.day.take() else { return Ok([Vec::new(), Vec::new()]) };
        let (scanned, files) = writer.stage()?;
        let alerts = self.lake.stage_alerts(day, &scanned, alerts)?;
        Ok([files, alerts])
    }

    /// Gives up the day in hand: it will be written from its beginning.
    pub fn restart(&mut self) {
        self.snapshot = None;
        self.day = None;
    }
}
