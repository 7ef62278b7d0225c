//! The reading side of the lake. It changes nothing and needs no lock: files are only ever
//! replaced whole. What is in S3 is read where it was brought to.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alert::Alert;
use crate::baseline::eni::EniHistory;
use crate::config;
use crate::store::Remote;
use crate::window::{Day, EniId};

use super::alerts::ALERTS;
use super::columns::{TableReader, text_or_empty};
use super::coverage::COVERAGE;
use super::error::LakeError;
use super::fetching::Fetching;
use super::file::FILE_NAME;
use super::hourly::HOURLY;
use super::hours::HourReader;
use super::partition::{Partition, decode, parse_date};
use super::snapshots::SNAPSHOTS;
use super::table::Table;
use super::writer::{partition_dir, table_dir};

/// Ids named when a prefix fits several.
const AMBIGUOUS_IDS_MAX: usize = 5;

/// A lake to read.
#[derive(Clone, Debug)]
pub struct Lake {
    /// As it was named.
    root: PathBuf,
    /// Where its files are, or come to when they are read.
    folder: PathBuf,
    /// The way to those that are in S3.
    fetching: Option<Arc<Fetching>>,
}

impl Lake {
    /// Opens a lake for reading.
    ///
    /// # Errors
    /// When there is no such directory.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, LakeError> {
        let root = root.into();
        if root.is_dir() { Ok(Self::at(root)) } else { Err(LakeError::NotALake { path: root }) }
    }

    /// The same for a lake that somebody named: a directory that a scan has written to, or
    /// `s3://bucket/prefix`, reached by `options`.
    ///
    /// # Errors
    /// When it is no lake, or S3 does not allow it.
    pub fn open_at(root: &Path, options: &config::S3) -> Result<Self, crate::error::Error> {
        let Some(remote) = crate::store::remote(root, options)? else {
            Self::check(root)?;
            return Ok(Self::open(root)?);
        };
        let lake = Self::fetched(&remote, &super::TABLES)?;
        if lake.fetching.as_ref().is_some_and(|fetching| fetching.is_empty()) {
            return Err(crate::error::Error::usage(
                format!("{} holds no lake", remote.name("")),
                "name the place that a scan was given as --lake",
            ));
        }
        Ok(Self { root: root.to_owned(), ..lake })
    }

    /// What is now in S3 of these tables, which may be nothing.
    pub(super) fn fetched(remote: &Remote, tables: &[&Table]) -> Result<Self, crate::error::Error> {
        let fetching = Arc::new(Fetching::new(remote, tables)?);
        let folder = fetching.root().to_owned();
        Ok(Self { root: remote.name("").into(), folder, fetching: Some(fetching) })
    }

    /// Whether the directory holds what a scan writes: another one would read as a lake of nothing.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(root: &Path) -> Result<(), LakeError> {
        let holds = [&HOURLY, &ALERTS].iter().any(|table| root.join(table.name).is_dir());
        if holds { Ok(()) } else { Err(LakeError::NotALake { path: root.to_owned() }) }
    }

    pub(super) fn at(root: PathBuf) -> Self {
        Self { folder: root.clone(), root, fetching: None }
    }

    /// Its directory, or its place in S3.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn has_file(&self, dir: &Path) -> bool {
        self.fetching
            .as_ref()
            .map_or_else(|| dir.join(FILE_NAME).is_file(), |fetching| fetching.has_file(dir))
    }

    /// Whether reading it costs no transfer.
    pub(super) fn is_here(&self) -> bool {
        self.fetching.is_none()
    }

    /// Whether a partition of `hourly`, `coverage`, `objects` or `alerts` has a file.
    pub(super) fn holds(&self, table: &Table, partition: &Partition) -> bool {
        self.has_file(&partition_dir(&self.folder, table, partition))
    }

    /// Whether a day has a snapshot.
    pub(super) fn holds_snapshot(&self, day: Day) -> bool {
        let values = [("date", day.date().to_string())];
        let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
        table_dir(&self.folder, &SNAPSHOTS, &values).is_ok_and(|dir| self.has_file(&dir))
    }

    /// The partitions of a day that have a file in a table of accounts and regions, in no order.
    pub(super) fn partitions_of(&self, table: &Table, day: Day) -> Result<Vec<Partition>, LakeError> {
        let mut found = Vec::new();
        for (account, dir) in values(&self.folder.join(table.name), "account")? {
            for (region, _) in values(&dir, "region")? {
                let (account, region) = (account.as_str().into(), region.as_str().into());
                found.push(Partition { account, region, day });
            }
        }
        found.retain(|partition| self.holds(table, partition));
        Ok(found)
    }

    /// The directory of a partition, its file brought here where it is elsewhere.
    fn dir(&self, table: &Table, partition: &Partition) -> Result<PathBuf, LakeError> {
        self.brought(partition_dir(&self.folder, table, partition))
    }

    fn brought(&self, dir: PathBuf) -> Result<PathBuf, LakeError> {
        self.fetching.as_ref().map_or(Ok(()), |fetching| fetching.fetch(&dir))?;
        Ok(dir)
    }

    /// The partitions of `hourly`, `coverage` or `alerts` that have a file, sorted by (day,
    /// account, region). Directories that outflow did not name are passed over.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    pub fn partitions(&self, table: &Table) -> Result<Vec<Partition>, LakeError> {
        let mut found = Vec::new();
        for (account, dir) in values(&self.folder.join(table.name), "account")? {
            for (region, dir) in values(&dir, "region")? {
                for (date, dir) in values(&dir, "date")? {
                    if let Some(day) = parse_date(&date)
                        && self.has_file(&dir)
                    {
                        let (account, region) = (account.as_str().into(), region.as_str().into());
                        found.push(Partition { account, region, day });
                    }
                }
            }
        }
        found.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(found)
    }

    /// The closed hours of one partition, in order of (hour, ENI), with flat memory; none when it
    /// was never written.
    ///
    /// # Errors
    /// When a file cannot be opened; each item says when it cannot be decoded.
    pub fn read_hours(
        &self,
        partition: &Partition,
    ) -> Result<impl Iterator<Item = Result<crate::window::EniHour, LakeError>> + use<>, LakeError> {
        self.hours(partition, None)
    }

    /// The same of some ENIs only; the others are passed over without being decoded.
    ///
    /// # Errors
    /// As [`Lake::read_hours`].
    pub fn read_hours_of(
        &self,
        partition: &Partition,
        enis: &Arc<BTreeSet<Arc<str>>>,
    ) -> Result<impl Iterator<Item = Result<crate::window::EniHour, LakeError>> + use<>, LakeError> {
        self.hours(partition, Some(enis))
    }

    fn hours(
        &self,
        partition: &Partition,
        enis: Option<&Arc<BTreeSet<Arc<str>>>>,
    ) -> Result<impl Iterator<Item = Result<crate::window::EniHour, LakeError>> + use<>, LakeError> {
        let hourly = self.dir(&HOURLY, partition)?;
        let coverage = self.dir(&COVERAGE, partition)?;
        Ok(HourReader::open(&hourly, &coverage, partition.clone(), enis)?.into_iter().flatten())
    }

    /// The alerts of a range of days, sorted by (day, account, region, start, id).
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read_alerts(&self, days: RangeInclusive<Day>) -> Result<Vec<Alert>, LakeError> {
        let mut alerts = Vec::new();
        for partition in self.partitions(&ALERTS)? {
            if days.contains(&partition.day) {
                self.alerts_of(&partition, |_| true, &mut alerts)?;
            }
        }
        Ok(alerts)
    }

    /// The alerts of one partition, sorted by (start, id, revision); none when it was never
    /// written.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read_partition_alerts(&self, partition: &Partition) -> Result<Vec<Alert>, LakeError> {
        let mut alerts = Vec::new();
        self.alerts_of(partition, |_| true, &mut alerts)?;
        Ok(alerts)
    }

    /// The alert with this id, or with the only id that starts so; its last revision.
    ///
    /// # Errors
    /// When several ids start so, or a file cannot be read.
    pub fn find_alert(&self, id_or_prefix: &str) -> Result<Option<Alert>, LakeError> {
        Ok(self.find_alert_of_day(id_or_prefix)?.map(|(_, alert)| alert))
    }

    /// The same, with the day that it is stored under: the one whose incidents it is among.
    ///
    /// # Errors
    /// As [`Lake::find_alert`].
    pub fn find_alert_of_day(&self, id_or_prefix: &str) -> Result<Option<(Day, Alert)>, LakeError> {
        let mut alerts = Vec::new();
        for partition in self.partitions(&ALERTS)? {
            let mut of_partition = Vec::new();
            self.alerts_of(&partition, |id| id.starts_with(id_or_prefix), &mut of_partition)?;
            alerts.extend(of_partition.into_iter().map(|alert| (partition.day, alert)));
        }
        let exact = alerts.iter().any(|(_, alert)| alert.id == id_or_prefix);
        alerts.retain(|(_, alert)| !exact || alert.id == id_or_prefix);
        let mut ids: Vec<&String> = alerts.iter().map(|(_, alert)| &alert.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > 1 {
            let ids = ids.into_iter().take(AMBIGUOUS_IDS_MAX).cloned().collect();
            return Err(LakeError::Ambiguous { prefix: id_or_prefix.to_owned(), ids });
        }
        Ok(alerts.into_iter().max_by_key(|(_, alert)| alert.revision))
    }

    /// The batches of one partition of any table; `None` when it was never written.
    ///
    /// # Errors
    /// When the keys are not the table's, or the file cannot be opened.
    pub fn read_table(
        &self,
        table: &'static Table,
        values: &[(&str, &str)],
    ) -> Result<Option<TableReader>, LakeError> {
        self.read_columns(table, values, &[])
    }

    /// The same, of some columns only; all when `only` is empty.
    ///
    /// # Errors
    /// As [`Lake::read_table`].
    pub fn read_columns(
        &self,
        table: &'static Table,
        values: &[(&str, &str)],
        only: &[&str],
    ) -> Result<Option<TableReader>, LakeError> {
        TableReader::open(&self.partition_of(table, values)?, only)
    }

    /// The directory of a partition of any table, its file brought here where it is elsewhere.
    pub(super) fn partition_of(
        &self,
        table: &'static Table,
        values: &[(&str, &str)],
    ) -> Result<PathBuf, LakeError> {
        self.brought(table_dir(&self.folder, table, values)?)
    }

    /// The days that have a snapshot, ascending.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn snapshot_days(&self) -> Result<Vec<Day>, LakeError> {
        let found = values(&self.folder.join(SNAPSHOTS.name), "date")?;
        let found = found.iter().filter(|(_, dir)| self.has_file(dir));
        let mut days: Vec<Day> = found.filter_map(|(date, _)| parse_date(date)).collect();
        days.sort_unstable();
        Ok(days)
    }

    /// What these ENIs were compared with on a day; none when it has no snapshot.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_histories(
        &self,
        day: Day,
        enis: &Arc<BTreeSet<Arc<str>>>,
    ) -> Result<Vec<(EniId, EniHistory)>, LakeError> {
        let dir = self.partition_of(&SNAPSHOTS, &[("date", &day.date().to_string())])?;
        let only = ["scope", "account", "region", "eni", "state"];
        let Some(reader) = TableReader::open_of(&dir, &only, Some(enis))? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for columns in reader {
            let columns = columns?;
            let texts = only.map(|name| columns.text(name));
            let [scope, account, region, eni, state] = texts;
            let (scope, account, region, eni, state) = (scope?, account?, region?, eni?, state?);
            for row in (0..columns.len()).filter(|row| scope.value(*row) == "eni") {
                let text = |column| Arc::from(text_or_empty(column, row));
                let id = EniId { account: text(&account), region: text(&region), eni: text(&eni) };
                let history = serde_json::from_str(text_or_empty(&state, row));
                found.push((id, history.map_err(|error| columns.damaged(error.to_string()))?));
            }
        }
        Ok(found)
    }

    /// Adds the alerts of a partition whose id is wanted; only their JSON is decoded.
    fn alerts_of(
        &self,
        partition: &Partition,
        wanted: impl Fn(&str) -> bool,
        alerts: &mut Vec<Alert>,
    ) -> Result<(), LakeError> {
        let dir = self.dir(&ALERTS, partition)?;
        let Some(reader) = TableReader::open(&dir, &["id", "json"])? else { return Ok(()) };
        for columns in reader {
            let columns = columns?;
            let (ids, json) = (columns.text("id")?, columns.text("json")?);
            for row in (0..columns.len()).filter(|row| wanted(text_or_empty(&ids, *row))) {
                let alert = serde_json::from_str(text_or_empty(&json, row));
                alerts.push(alert.map_err(|error| columns.damaged(error.to_string()))?);
            }
        }
        Ok(())
    }
}

/// The values of a partition key below a directory, with their directories.
fn values(dir: &Path, key: &str) -> Result<Vec<(String, PathBuf)>, LakeError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LakeError::io("list", dir)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(LakeError::io("list", dir))?;
        let name = entry.file_name();
        let value = name.to_str().and_then(|name| name.strip_prefix(key)?.strip_prefix('='));
        if let Some(value) = value.and_then(decode) {
            found.push((value, entry.path()));
        }
    }
    Ok(found)
}
