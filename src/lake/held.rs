//! What a lake holds of a day that a scan is about to write. A scan never makes a day poorer: it
//! replaces one that was made from objects that it has read too, all of them, and from no longer past
//! than it has itself, and leaves any other as it was, whole.
//!
//! A day is held, for an account and region, where the lake has its alerts, which are written last,
//! its objects and its snapshot. What cannot be read is not worth keeping.

use std::collections::BTreeMap;

use arrow::array::Array as _;

use crate::limits::LAKE_GROWN_DAY_SLACK_SECONDS;
use crate::source::{ObjectKey, file_name};
use crate::window::Day;

use super::alerts::ALERTS;
use super::columns::TableReader;
use super::coverage::COVERAGE;
use super::error::LakeError;
use super::file::Staged;
use super::hourly::HOURLY;
use super::objects::OBJECTS;
use super::partition::Partition;
use super::pasts::{Pasts, REACH_SECONDS_MAX};
use super::reader::Lake;
use super::snapshots::{OTHERS, SNAPSHOTS, SnapshotWriter, snapshot_rows};
use super::table::Table;
use super::writer::LakeWriter;

/// The tables that are asked. Files of others are looked at only where that costs no transfer.
pub(super) static HELD: [&Table; 3] = [&ALERTS, &OBJECTS, &SNAPSHOTS];

/// What the lake held when the scan began.
pub(super) struct Held {
    lake: Lake,
    /// No day stays.
    replaces: bool,
}

/// A day as the scan has made it, still without names.
pub(super) struct Run<'a> {
    pub(super) lake: &'a LakeWriter,
    pub(super) day: Day,
    /// That it writes.
    pub(super) partitions: &'a [Partition],
    /// All but those that the day begins with, and the alerts.
    pub(super) files: &'a [Staged],
}

impl Run<'_> {
    fn objects(&self, of: &Partition) -> Option<&Staged> {
        let dir = self.lake.dir(&OBJECTS, of);
        self.files.iter().find(|staged| staged.dir() == dir)
    }

    fn writes_objects(&self, of: &Partition) -> bool {
        self.objects(of).is_some()
    }
}

/// The objects of a run beside those of the lake.
#[derive(Default)]
struct Compared {
    /// The lake's day was made from one that the run has not read for it, or not to its end.
    lacks: bool,
    /// The run has read one that the lake's day was not made from, or not to its end.
    adds: bool,
}

impl Held {
    pub(super) fn new(lake: Lake, replaces: bool) -> Self {
        Self { lake, replaces }
    }

    /// Whether the day stays as the lake holds it, because the run, which scored it against `pasts`,
    /// has less of it.
    pub(super) fn stays(&self, run: &Run<'_>, pasts: &Pasts) -> Result<bool, LakeError> {
        if self.replaces || !self.lake.holds_snapshot(run.day) {
            return Ok(false);
        }
        match self.is_richer(run, pasts) {
            Err(LakeError::Damaged { .. }) => Ok(false),
            judged => judged,
        }
    }

    fn is_richer(&self, run: &Run<'_>, pasts: &Pasts) -> Result<bool, LakeError> {
        // Of accounts that the run knows and has nothing of on this day it would replace the snapshot.
        let known = pasts.partitions(run.day).filter(|of| !run.partitions.contains(of));
        let mut held: Vec<Partition> = run.partitions.iter().cloned().chain(known).collect();
        held.retain(|of| self.lake.holds(&ALERTS, of));
        let mut objects = self.lake.partitions_of(&OBJECTS, run.day)?;
        if held.is_empty() || objects.is_empty() {
            return Ok(false);
        }
        // Objects are filed by their names, which may be no names of AWS's, or of another account than their
        // records: then any may be what was read for it.
        if held.iter().all(|of| objects.contains(of)) {
            objects.retain(|of| held.contains(of) || run.writes_objects(of));
        }
        let mut all = Compared::default();
        for partition in &objects {
            let of = self.compare_objects(run, partition)?;
            all.lacks |= of.lacks;
            all.adds |= of.adds;
        }
        let is_richer = all.lacks || self.has_longer_past(run.day, &held, pasts, all.adds)?;
        Ok(is_richer && self.is_sound(run.day, &held)?)
    }

    /// Whether the lake's day was scored against a longer past than the run's. Where the day has `grown` since,
    /// that may have been a little longer: a scan of the last few days sees the day that the one before it
    /// ended in to its end, and less of what was before.
    fn has_longer_past(
        &self,
        day: Day,
        held: &[Partition],
        pasts: &Pasts,
        grown: bool,
    ) -> Result<bool, LakeError> {
        let slack = if grown { LAKE_GROWN_DAY_SLACK_SECONDS } else { 0 };
        let enough = |of: &Partition| pasts.reach_seconds(of) + slack;
        // Nothing reaches further, and a snapshot is the largest file that is asked for.
        if held.iter().all(|of| enough(of) >= REACH_SECONDS_MAX) {
            return Ok(false);
        }
        let of_lake = self.lake.read_pasts(day)?.unwrap_or_default();
        Ok(held.iter().any(|of| of_lake.reach_seconds(of) > enough(of)))
    }

    /// The objects that the run has read for its day beside those that the lake's was made from.
    fn compare_objects(&self, run: &Run<'_>, partition: &Partition) -> Result<Compared, LakeError> {
        let only = ["hour", "object", "content_hash"];
        let read = run
            .objects(partition)
            .map(|staged| TableReader::open_staged(staged, &only))
            .transpose()?
            .flatten();
        // Whether it was read to its end, and whether the lake adds nothing to it.
        let mut of_run = BTreeMap::new();
        each_object(read, |name, hour_ms, is_whole| {
            of_run.insert(identity(name, hour_ms), (is_whole, false));
        })?;
        let mut lacks = false;
        let values = partition.values();
        let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
        each_object(
            self.lake.read_columns(&OBJECTS, &values, &only)?,
            |name, hour_ms, was_whole| match of_run.get_mut(&identity(name, hour_ms)) {
                Some((is_whole, is_same)) => {
                    lacks |= was_whole && !*is_whole;
                    *is_same = was_whole == *is_whole;
                }
                None => lacks = true,
            },
        )?;
        Ok(Compared { lacks, adds: of_run.values().any(|(_, is_same)| !is_same) })
    }

    /// Whether what would stay can be read: alerts to their end, the others as far as it is told by
    /// looking at their ends.
    fn is_sound(&self, day: Day, held: &[Partition]) -> Result<bool, LakeError> {
        for partition in held {
            self.lake.read_partition_alerts(partition)?;
            for table in [&HOURLY, &COVERAGE].into_iter().filter(|_| self.lake.is_here()) {
                let values = partition.values();
                let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
                if self.lake.read_table(table, &values)?.is_none() {
                    return Ok(false);
                }
            }
        }
        Ok(!self.lake.is_here() || self.lake.read_pasts(day)?.is_some())
    }

    /// Adds to the day's snapshot what the lake's holds of accounts and regions that the run does not
    /// know: their partitions stay, and it is what their alerts were scored against.
    pub(super) fn carry_over(&self, run: &Run<'_>, snapshot: &mut SnapshotWriter) -> Result<(), LakeError> {
        if !self.lake.holds_snapshot(run.day) {
            return Ok(());
        }
        let mut others = self.lake.partitions_of(&ALERTS, run.day)?;
        others.retain(|of| !run.partitions.contains(of) && !snapshot.pasts().know(of));
        if others.is_empty() {
            return Ok(());
        }
        match self.carry(run.day, &others, snapshot) {
            // As far as it can be read.
            Err(LakeError::Damaged { .. }) => Ok(()),
            carried => carried,
        }
    }

    fn carry(&self, day: Day, others: &[Partition], snapshot: &mut SnapshotWriter) -> Result<(), LakeError> {
        let dir = self.lake.partition_of(&SNAPSHOTS, &[("date", &day.date().to_string())])?;
        let is_of = |account: &str, region: &str| {
            others.iter().any(|of| *of.account == *account && *of.region == *region)
        };
        let mut is_begun = false;
        for columns in TableReader::open(&dir, &[])?.into_iter().flatten() {
            let mut rows = snapshot_rows(&columns?)?;
            rows.retain(|row| row.scope != OTHERS && is_of(&row.account, &row.region));
            if !rows.is_empty() && !is_begun {
                snapshot.write_others()?;
                is_begun = true;
            }
            snapshot.write(&rows)?;
        }
        Ok(())
    }
}

/// What tells an object from others: the file name that AWS gave it, wherever it lies. One without a time in
/// its name may be of many hours, of which a run can leave some out: each counts.
fn identity(name: &str, hour_ms: i64) -> (String, Option<i64>) {
    match ObjectKey::parse(name) {
        Some(_) => (file_name(name).to_owned(), None),
        None => (name.to_owned(), Some(hour_ms)),
    }
}

/// Gives the rows of a file of `objects/`: name, start of the hour, and whether it was read to its end.
fn each_object(reader: Option<TableReader>, mut take: impl FnMut(&str, i64, bool)) -> Result<(), LakeError> {
    for columns in reader.into_iter().flatten() {
        let columns = columns?;
        let (names, hashes) = (columns.text("object")?, columns.text("content_hash")?);
        let hours = columns.timestamp_ms("hour")?;
        for row in 0..columns.len() {
            take(names.value(row), hours.value(row), hashes.is_valid(row));
        }
    }
    Ok(())
}
