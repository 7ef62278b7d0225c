//! The days of a lake in the order in which the pipeline makes them: begun, filled hour by hour,
//! ended. Every driver writes the same files, because this is the only way to. They are shown
//! ([`Staged::publish_all`]) by whoever drives, in the order in which they were given.
//!
//! A watcher shows what a day begins with at once, and replaces what the lake held. A scan shows a day
//! as a whole when it ends, and only where the lake does not hold more of it (`lake/held`).

use super::day::DayWriter;
use super::error::LakeError;
use super::file::Staged;
use super::held::{Held, Run};
use super::snapshots::SnapshotWriter;
use super::writer::LakeWriter;
use crate::alert::Alert;
use crate::baseline::SnapshotRow;
use crate::error::Error;
use crate::pipeline::MemoryRow;
use crate::window::{ClosedHour, Day};

/// The writing side of a lake with the day in hand.
pub struct LakeDays {
    lake: LakeWriter,
    /// What the lake holds, when that may stay.
    held: Option<Held>,
    /// Of the day about to begin.
    snapshot: Option<SnapshotWriter>,
    /// What the day in hand begins with, when nobody has asked for it yet.
    begun: Option<Begun>,
    day: Option<DayWriter>,
}

/// What a day begins with.
struct Begun {
    snapshot: SnapshotWriter,
    memory: Staged,
}

impl Begun {
    fn close(self) -> Result<Vec<Staged>, LakeError> {
        Ok(vec![self.snapshot.close()?, self.memory])
    }
}

impl LakeDays {
    /// No day is in hand. Days replace those that the lake holds.
    pub fn new(lake: LakeWriter) -> Self {
        Self { lake, held: None, snapshot: None, begun: None, day: None }
    }

    /// The same; unless `replaces`, days of which the lake holds more stay as they are.
    ///
    /// # Errors
    /// When the lake is in S3 and cannot be listed.
    pub fn keeping(lake: LakeWriter, replaces: bool) -> Result<Self, Error> {
        let held = Some(Held::new(lake.held()?, replaces));
        Ok(Self { held, ..Self::new(lake) })
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

    /// Takes `day` in hand, which begins with its snapshot and `memory`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn begin(&mut self, day: Day, memory: &[MemoryRow]) -> Result<(), LakeError> {
        // An account without a past has no rows.
        self.snapshot_rows(day, &[])?;
        let memory = self.lake.stage_memory(day, memory)?;
        self.begun = self.snapshot.take().map(|snapshot| Begun { snapshot, memory });
        self.day = Some(self.lake.day(day));
        Ok(())
    }

    /// What the day in hand begins with, to be shown before anything of the day is. Where nobody asks
    /// it comes with the files of the day's end.
    ///
    /// # Errors
    /// When a file cannot be completed.
    pub fn take_begun(&mut self) -> Result<Vec<Staged>, LakeError> {
        self.begun.take().map_or_else(|| Ok(Vec::new()), Begun::close)
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
    /// shown when the others are, because they say that the day is done. `None` when the day stays as
    /// the lake holds it; then nothing is left of this one.
    ///
    /// # Errors
    /// When a file cannot be completed, or what the lake holds cannot be read.
    pub fn end(&mut self, day: Day, alerts: &[Alert]) -> Result<Option<[Vec<Staged>; 2]>, LakeError> {
        let Some(writer) = self.day.take() else { return Ok(Some([Vec::new(), Vec::new()])) };
        let (scanned, of_day) = writer.stage()?;
        if let (Some(held), Some(begun)) = (&self.held, &mut self.begun) {
            let run = Run { lake: &self.lake, day, partitions: &scanned, files: &of_day };
            if held.stays(&run, begun.snapshot.pasts())? {
                self.begun = None;
                return Ok(None);
            }
            held.carry_over(&run, &mut begun.snapshot)?;
        }
        let mut files = self.take_begun()?;
        files.extend(of_day);
        let alerts = self.lake.stage_alerts(day, &scanned, alerts)?;
        Ok(Some([files, alerts]))
    }

    /// Gives up the day in hand: it will be written from its beginning.
    pub fn restart(&mut self) {
        self.snapshot = None;
        self.begun = None;
        self.day = None;
    }
}
