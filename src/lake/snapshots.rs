//! `snapshots/`: the baselines that a day was scored against, one row per ENI and one per
//! account and region. `state` is the whole history, so that an alert can be recomputed.

use crate::baseline::SnapshotRow;
use crate::window::Day;

use super::error::LakeError;
use super::table::{Column, Kind, Table};
use super::writer::LakeWriter;

/// The `snapshots` data set.
pub static SNAPSHOTS: Table = Table {
    name: "snapshots",
    partitions: &["date"],
    columns: &[
        Column::new("scope", Kind::Text, "", "eni, or fleet for an account and region"),
        Column::new("account", Kind::Text, "", "account id"),
        Column::new("region", Kind::Text, "", "region"),
        Column::nullable("eni", Kind::Text, "", "ENI; NULL for a fleet"),
        Column::nullable("eni_group", Kind::Text, "", "peer group of the ENI"),
        Column::new("first_seen", Kind::TimestampMs, "", "start of the first hour with coverage"),
        Column::new("last_seen", Kind::TimestampMs, "", "start of the last hour with coverage"),
        Column::new("active_hours", Kind::Int64, "hours", "with coverage in the look-back"),
        Column::new("destinations", Kind::Int64, "", "destinations remembered"),
        Column::new("usual_max_bytes", Kind::Int64, "bytes/hour", "99th percentile of hourly client egress"),
        Column::new("state", Kind::Text, "", "the history as canonical JSON; its hash is on every alert"),
    ],
    doc: "The baseline of each day: what every ENI and account was compared with.",
};

impl LakeWriter {
    /// Replaces the snapshot of a day.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_snapshot(&self, day: Day, rows: &[SnapshotRow]) -> Result<(), LakeError> {
        let date = day.date().to_string();
        let mut writer = self.table(&SNAPSHOTS, &[("date", &date)])?;
        for stored in rows {
            writer.row(|row| {
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
        writer.close()?.publish()
    }
}
