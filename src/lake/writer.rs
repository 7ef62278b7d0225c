//! The writing side of the lake: one process at a time, and what a crashed one left is removed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alert::Alert;
use crate::config;
use crate::guardduty::Correlated;
use crate::window::{Day, EniHour};

use super::alerts::{ALERTS, Prepared};
use super::day::DayWriter;
use super::error::LakeError;
use super::file::{Staged, TEMP_NAME, TableWriter};
use super::guardduty::{self, GUARDDUTY};
use super::held::HELD;
use super::partition::{Partition, encode};
use super::reader::Lake;
use super::shipping::Shipping;
use super::table::Table;

/// Held locked while a process writes. The leading dot hides it from query engines.
const LOCK_NAME: &str = ".outflow.lock";

/// A lake that this process, and no other, may write. Clones share the right.
#[derive(Clone, Debug)]
pub struct LakeWriter {
    root: PathBuf,
    right: Right,
}

/// What says that nobody else writes. It goes when the last clone goes.
#[derive(Clone, Debug)]
enum Right {
    /// A lock, which goes with the process too.
    Lock { _file: Arc<File> },
    /// A lake in S3, with a lease; the files are made below `root`.
    Lease(Arc<Shipping>),
}

impl LakeWriter {
    /// Creates the lake when there is none, takes the right to write it, and removes unfinished
    /// files of a crashed run.
    ///
    /// # Errors
    /// When the directory cannot be written, or another process writes to it.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, LakeError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(LakeError::io("create directory", &root))?;
        let path = root.join(LOCK_NAME);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(LakeError::io("write", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LakeError::Locked { path: root }),
            // Some network file systems have no locks; one writer is then the operator's care.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(LakeError::io("lock", &path)(error)),
        }
        remove_leftovers(&root)?;
        Ok(Self { root, right: Right::Lock { _file: Arc::new(lock) } })
    }

    /// The same for a lake that may be in S3, `s3://bucket/prefix`, reached by `options`.
    ///
    /// # Errors
    /// As [`Self::create`], or when S3 does not allow it.
    pub fn open(root: &Path, options: &config::S3) -> Result<Self, crate::error::Error> {
        let Some(remote) = crate::store::remote(root, options)? else { return Ok(Self::create(root)?) };
        let shipping = Arc::new(Shipping::new(remote)?);
        Ok(Self { root: shipping.root().to_owned(), right: Right::Lease(shipping) })
    }

    /// Where its files are made.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn shipping(&self) -> Option<Arc<Shipping>> {
        match &self.right {
            Right::Lock { .. } => None,
            Right::Lease(shipping) => Some(Arc::clone(shipping)),
        }
    }

    /// Starts the file of a partition directory.
    pub(super) fn file(&self, table: &'static Table, dir: &Path) -> Result<TableWriter, LakeError> {
        TableWriter::create(table, dir, self.shipping())
    }

    /// The reading side of the same lake, when it is on this machine.
    pub fn reader(&self) -> Lake {
        Lake::at(self.root.clone())
    }

    /// What the lake holds now, as far as `lake/held` asks for it. Where it is in S3 it is listed, once:
    /// nobody else writes meanwhile.
    pub(super) fn held(&self) -> Result<Lake, crate::error::Error> {
        match &self.right {
            Right::Lock { .. } => Ok(self.reader()),
            Right::Lease(shipping) => Lake::fetched(shipping.remote(), &HELD),
        }
    }

    /// Starts `hourly/` and `coverage/` of a day.
    pub fn day(&self, day: Day) -> DayWriter {
        DayWriter::new(self.clone(), day)
    }

    /// Writes a whole day that is in memory. See [`DayWriter`] for one that is not.
    ///
    /// # Errors
    /// As [`DayWriter::write`] and [`DayWriter::finish`].
    pub fn write_hours(&self, day: Day, hours: &[EniHour]) -> Result<Vec<Partition>, LakeError> {
        let mut writer = self.day(day);
        writer.write(hours)?;
        writer.finish()
    }

    /// Replaces the alerts of a day. `scanned` names the partitions that the run looked at, as
    /// returned by [`DayWriter::finish`]: those without an alert get an empty file, so that an
    /// alert that a new configuration no longer raises does not stay behind, and a clean day can
    /// be told from one that was never scanned.
    ///
    /// # Errors
    /// When an alert cannot be stored so that it reads back, or a file cannot be written.
    pub fn write_alerts(&self, day: Day, scanned: &[Partition], alerts: &[Alert]) -> Result<(), LakeError> {
        Staged::publish_all(self.stage_alerts(day, scanned, alerts)?)
    }

    /// The same without showing it.
    pub(super) fn stage_alerts(
        &self,
        day: Day,
        scanned: &[Partition],
        alerts: &[Alert],
    ) -> Result<Vec<Staged>, LakeError> {
        let mut by_dir: BTreeMap<PathBuf, Vec<Prepared<'_>>> = BTreeMap::new();
        for partition in scanned.iter().filter(|partition| partition.day == day) {
            by_dir.entry(self.dir(&ALERTS, partition)).or_default();
        }
        for alert in alerts {
            let (account, region) = (alert.account.as_str().into(), alert.region.as_str().into());
            let dir = self.dir(&ALERTS, &Partition { account, region, day });
            by_dir.entry(dir).or_default().push(Prepared::new(alert)?);
        }
        let mut staged = Vec::with_capacity(by_dir.len());
        for (dir, mut rows) in by_dir {
            rows.sort_by(|a, b| a.order().cmp(&b.order()));
            let mut writer = self.file(&ALERTS, &dir)?;
            rows.iter().try_for_each(|prepared| writer.row(|row| prepared.fill(row)))?;
            staged.push(writer.close()?);
        }
        Ok(staged)
    }

    /// Replaces the findings of the days, accounts and regions that occur among `findings`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_findings<'a>(
        &self,
        findings: impl IntoIterator<Item = &'a Correlated>,
    ) -> Result<(), LakeError> {
        let mut by_dir: BTreeMap<PathBuf, Vec<&Correlated>> = BTreeMap::new();
        for given in findings {
            let (account, region) =
                (given.finding.latest.account.clone(), given.finding.latest.region.clone());
            let day = given.day();
            let dir = self.dir(&GUARDDUTY, &Partition { account, region, day });
            by_dir.entry(dir).or_default().push(given);
        }
        let mut staged = Vec::with_capacity(by_dir.len());
        for (dir, rows) in by_dir {
            let mut writer = self.file(&GUARDDUTY, &dir)?;
            rows.iter().try_for_each(|given| writer.row(|row| guardduty::fill(row, given)))?;
            staged.push(writer.close()?);
        }
        Staged::publish_all(staged)
    }

    /// Starts the file of one partition of any table; `values` are its partition keys and values
    /// in the table's order. Nothing changes before `close()?.publish()?`.
    ///
    /// # Errors
    /// When the keys are not the table's, or the file cannot be written.
    pub fn table(&self, table: &'static Table, values: &[(&str, &str)]) -> Result<TableWriter, LakeError> {
        self.file(table, &table_dir(&self.root, table, values)?)
    }

    /// The directory of a partition of `hourly`, `coverage` or `alerts`.
    pub(super) fn dir(&self, table: &Table, partition: &Partition) -> PathBuf {
        partition_dir(&self.root, table, partition)
    }
}

/// The directory of a partition of `hourly`, `coverage` or `alerts`.
pub(super) fn partition_dir(root: &Path, table: &Table, partition: &Partition) -> PathBuf {
    let mut dir = root.join(table.name);
    for (key, value) in partition.values() {
        dir.push(format!("{key}={}", encode(&value)));
    }
    dir
}

/// The directory of a partition of any table.
pub(super) fn table_dir(root: &Path, table: &Table, values: &[(&str, &str)]) -> Result<PathBuf, LakeError> {
    if !values.iter().map(|(key, _)| key).eq(table.partitions) {
        return Err(LakeError::PartitionKeys { table: table.name, expected: table.partitions.join(", ") });
    }
    let mut dir = root.join(table.name);
    for (key, value) in values {
        dir.push(format!("{key}={}", encode(value)));
    }
    Ok(dir)
}

/// Removes files that a crashed run left under their temporary name. Safe: we hold the lock.
fn remove_leftovers(root: &Path) -> Result<(), LakeError> {
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            LakeError::io("read", &path)(error.into())
        })?;
        if entry.file_type().is_file() && entry.file_name() == TEMP_NAME {
            fs::remove_file(entry.path()).map_err(LakeError::io("remove", entry.path()))?;
        }
    }
    Ok(())
}
