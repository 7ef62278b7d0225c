//! Writes one UTC day of closed hours: every (account, region) of the day at once, in files that
//! only take their names when the day is complete.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::window::{ClosedHour, Day, EniHour, EniId, Hour};

use super::coverage::{self, COVERAGE};
use super::error::LakeError;
use super::file::{Staged, TableWriter};
use super::hourly::{self, HOURLY, flow_order};
use super::objects::{self, OBJECTS};
use super::partition::Partition;
use super::writer::LakeWriter;

/// Takes the closed hours of one day, in ascending order. Memory holds at most one row group per
/// (account, region) and table, whatever the length of the day.
pub struct DayWriter {
    lake: LakeWriter,
    day: Day,
    /// By directory, as two account names too long for a path could share one.
    open: BTreeMap<PathBuf, OpenPartition>,
    /// The objects that the hours came from, by directory.
    objects: BTreeMap<PathBuf, TableWriter>,
}

struct OpenPartition {
    partition: Partition,
    last: Option<(Hour, EniId)>,
    hourly: TableWriter,
    coverage: TableWriter,
}

impl DayWriter {
    pub(super) fn new(lake: LakeWriter, day: Day) -> Self {
        Self { lake, day, open: BTreeMap::new(), objects: BTreeMap::new() }
    }

    /// Appends closed ENI-hours. Any slicing of the same ascending sequence of hours gives the
    /// same files; within a slice the order does not matter, but the ENIs of one hour and
    /// (account, region) must come in one slice or in ascending order.
    ///
    /// # Errors
    /// When an hour belongs to another day or the partition is already past it, or a file cannot
    /// be written.
    pub fn write(&mut self, hours: &[EniHour]) -> Result<(), LakeError> {
        let mut sorted: Vec<&EniHour> = hours.iter().collect();
        sorted.sort_by(|a, b| (a.hour, &a.id).cmp(&(b.hour, &b.id)));
        sorted.into_iter().try_for_each(|hour| self.write_one(hour))
    }

    fn write_one(&mut self, hour: &EniHour) -> Result<(), LakeError> {
        if hour.hour.day() != self.day {
            let (eni, date) = (hour.id.eni.to_string(), self.day.date().to_string());
            return Err(LakeError::WrongDay { eni, hour: hour_text(hour.hour), date });
        }
        let open = self.partition(&hour.id)?;
        if open.last.as_ref().is_some_and(|(last, id)| (*last, id) >= (hour.hour, &hour.id)) {
            return Err(LakeError::Order { eni: hour.id.eni.to_string(), hour: hour_text(hour.hour) });
        }
        open.last = Some((hour.hour, hour.id.clone()));
        open.coverage.row(|row| coverage::fill(row, hour))?;
        let mut sorted = Vec::new();
        let flows = if hour.flows.is_sorted_by_key(flow_order) {
            &hour.flows
        } else {
            sorted.clone_from(&hour.flows);
            sorted.sort_by_key(flow_order);
            &sorted
        };
        open.hourly.rows(flows, |row, flows| hourly::fill(row, hour, flows))
    }

    /// Appends what the objects of a closed hour were. Hours come in ascending order.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_objects(&mut self, closed: &ClosedHour) -> Result<(), LakeError> {
        use std::collections::btree_map::Entry;
        for ((account, region), of_hour) in closed.objects.iter().filter(|(_, of)| !of.read.is_empty()) {
            let partition = Partition { account: account.clone(), region: region.clone(), day: self.day };
            let writer = match self.objects.entry(self.lake.dir(&OBJECTS, &partition)) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let writer = self.lake.file(&OBJECTS, entry.key())?;
                    entry.insert(writer)
                }
            };
            for (name, seal) in &of_hour.read {
                writer.row(|row| objects::fill(row, closed.hour, name, seal))?;
            }
        }
        Ok(())
    }

    fn partition(&mut self, id: &EniId) -> Result<&mut OpenPartition, LakeError> {
        use std::collections::btree_map::Entry;
        let partition = Partition { account: id.account.clone(), region: id.region.clone(), day: self.day };
        match self.open.entry(self.lake.dir(&HOURLY, &partition)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let hourly = self.lake.file(&HOURLY, entry.key())?;
                let coverage = self.lake.file(&COVERAGE, &self.lake.dir(&COVERAGE, &partition))?;
                Ok(entry.insert(OpenPartition { partition, last: None, hourly, coverage }))
            }
        }
    }

    /// Completes all files, then gives each its name over what was there. Returns the partitions
    /// that were written; partitions of the day that this run did not see are left as they were,
    /// since another run over another account may have written them.
    ///
    /// # Errors
    /// When a file cannot be completed: then nothing of the day has changed. When a rename fails:
    /// then some partitions are new and some old, and writing the day again sets it right.
    pub fn finish(self) -> Result<Vec<Partition>, LakeError> {
        let (written, files) = self.stage()?;
        Staged::publish_all(files)?;
        Ok(written)
    }

    /// Completes all files; the partitions, in order, and the files without their names.
    pub(super) fn stage(self) -> Result<(Vec<Partition>, Vec<Staged>), LakeError> {
        let mut written = Vec::with_capacity(self.open.len());
        let mut files = Vec::with_capacity(2 * self.open.len() + self.objects.len());
        for open in self.open.into_values() {
            files.extend([open.hourly.close()?, open.coverage.close()?]);
            written.push(open.partition);
        }
        for objects in self.objects.into_values() {
            files.push(objects.close()?);
        }
        written.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok((written, files))
    }
}

fn hour_text(hour: Hour) -> String {
    jiff::Timestamp::from_second(hour.start_second()).map_or_else(|_| hour.0.to_string(), |t| t.to_string())
}
