//! `snapshots/`: the baselines that a day was scored against, one row per ENI, and one per account and
//! region with further rows for its destinations. `state` is the whole history, so that an alert can be
//! recomputed.

use crate::baseline::SnapshotRow;
use crate::limits::SNAPSHOT_ROWS_AT_ONCE;
use crate::window::Day;

use super::columns::Columns;
use super::columns::text_or_empty;
use super::error::LakeError;
use super::file::{Staged, TableWriter};
use super::pasts::Pasts;
use super::reader::Lake;
use super::table::{Column, Kind, Table};
use super::writer::LakeWriter;

/// The scope of an ENI's row.
pub(super) const OF_ENI: &str = "eni";
/// The scope of a row that is none: what follows is of accounts and regions that the run which wrote the day
/// did not know, as other runs wrote it.
pub(super) const OTHERS: &str = "others";

/// The `snapshots` data set.
pub static SNAPSHOTS: Table = Table {
    name: "snapshots",
    partitions: &["date"],
    columns: &[
        Column::new(
            "scope",
            Kind::Text,
            "",
            "eni; fleet or destinations for an account and region; others: rows of other runs follow",
        ),
        Column::new("account", Kind::Text, "", "account id"),
        Column::new("region", Kind::Text, "", "region"),
        Column::nullable("eni", Kind::Text, "", "ENI; NULL for an account and region"),
        Column::nullable("eni_group", Kind::Text, "", "peer group of the ENI"),
        Column::new("first_seen", Kind::TimestampMs, "", "start of the first hour with coverage"),
        Column::new("last_seen", Kind::TimestampMs, "", "start of the last hour with coverage"),
        Column::new("active_hours", Kind::Int64, "hours", "with coverage in the look-back"),
        Column::new("destinations", Kind::Int64, "", "destinations remembered"),
        Column::new("usual_max_bytes", Kind::Int64, "bytes/hour", "99th percentile of hourly client egress"),
        Column::new("state", Kind::Text, "", "the history as canonical JSON; its hash is on every alert")
            .varied(),
    ],
    doc: "The baseline of each day: what every ENI and account was compared with.",
};

impl LakeWriter {
    /// Replaces the snapshot of a day.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_snapshot(&self, day: Day, rows: &[SnapshotRow]) -> Result<(), LakeError> {
        let mut writer = self.snapshot(day)?;
        rows.chunks(SNAPSHOT_ROWS_AT_ONCE).try_for_each(|piece| writer.write(piece))?;
        writer.close()?.publish()
    }

    /// Starts the snapshot of a day.
    pub(super) fn snapshot(&self, day: Day) -> Result<SnapshotWriter, LakeError> {
        let date = day.date().to_string();
        Ok(SnapshotWriter { table: self.table(&SNAPSHOTS, &[("date", &date)])?, pasts: Pasts::default() })
    }
}

/// A snapshot that is being written.
pub(super) struct SnapshotWriter {
    table: TableWriter,
    pasts: Pasts,
}

impl SnapshotWriter {
    /// Adds rows, in order.
    pub(super) fn write(&mut self, rows: &[SnapshotRow]) -> Result<(), LakeError> {
        for stored in rows {
            self.pasts.note(&stored.scope, &stored.account, &stored.region, stored.first_seen_second);
            self.table.row(|row| {
                row.text("scope", &stored.scope)
                    .text("account", &stored.account)
                    .text("region", &stored.region)
                    .text_or_null("eni", &stored.eni)
                    .text_or_null("eni_group", &stored.group)
                    .timestamp_ms("first_seen", stored.first_seen_second * 1000)
                    .timestamp_ms("last_seen", stored.last_seen_second * 1000)
                    .count("active_hours", u64::from(stored.active_hours))
                    .count("destinations", u64::from(stored.destinations))
                    .count("usual_max_bytes", stored.usual_max_bytes)
                    .text("state", &stored.state)
                    .end()
            })?;
        }
        // Each holds a whole history, so thousands are not kept back.
        self.table.encode()
    }

    /// Says that the rows which follow are not the run's own.
    pub(super) fn write_others(&mut self) -> Result<(), LakeError> {
        let none = String::new;
        self.write(&[SnapshotRow {
            scope: OTHERS.to_owned(),
            account: none(),
            region: none(),
            eni: none(),
            group: none(),
            first_seen_second: 0,
            last_seen_second: 0,
            active_hours: 0,
            destinations: 0,
            usual_max_bytes: 0,
            state: none(),
        }])
    }

    /// How far back what was written so far reaches.
    pub(super) fn pasts(&self) -> &Pasts {
        &self.pasts
    }

    /// Completes the file without showing it.
    pub(super) fn close(self) -> Result<Staged, LakeError> {
        self.table.close()
    }
}

impl Lake {
    /// The snapshot that a day was scored against, as the run had it that wrote the day last; `None` when
    /// the lake has none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_snapshot(&self, day: Day) -> Result<Option<Vec<SnapshotRow>>, LakeError> {
        let Some(reader) = self.read_table(&SNAPSHOTS, &[("date", &day.date().to_string())])? else {
            return Ok(None);
        };
        let mut rows = Vec::new();
        for columns in reader {
            rows.extend(snapshot_rows(&columns?)?);
            if let Some(own) = rows.iter().position(|row| row.scope == OTHERS) {
                rows.truncate(own);
                break;
            }
        }
        Ok(Some(rows))
    }
}

/// The rows of a part of a snapshot.
pub(super) fn snapshot_rows(columns: &Columns) -> Result<Vec<SnapshotRow>, LakeError> {
    let texts = ["scope", "account", "region", "eni", "eni_group", "state"].map(|name| columns.text(name));
    let [scope, account, region, eni, group, state] = texts;
    let texts = [scope?, account?, region?, eni?, group?, state?];
    let times = [columns.timestamp_ms("first_seen")?, columns.timestamp_ms("last_seen")?];
    let counts = ["active_hours", "destinations", "usual_max_bytes"];
    let [hours, destinations, most] = counts.map(|name| columns.int64(name));
    let counts = [hours?, destinations?, most?];
    let row = |row: usize| {
        let [scope, account, region, eni, group, state] =
            [0, 1, 2, 3, 4, 5].map(|at: usize| text_or_empty(&texts[at], row).to_owned());
        let count = |at: usize| counts[at].value(row).max(0).cast_unsigned();
        SnapshotRow {
            scope,
            account,
            region,
            eni,
            group,
            first_seen_second: times[0].value(row).div_euclid(1000),
            last_seen_second: times[1].value(row).div_euclid(1000),
            active_hours: count(0) as u32,
            destinations: count(1) as u32,
            usual_max_bytes: count(2),
            state,
        }
    };
    Ok((0..columns.len()).map(row).collect())
}
