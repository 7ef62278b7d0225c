//! `memory/`: what incidents remembered as a day began. With the day's snapshot and its objects it
//! is all that is needed to compute the day again.

use arrow::array::Array as _;

use crate::pipeline::{MemoryKind, MemoryRow};
use crate::window::Day;

use super::columns::text_or_empty;
use super::error::LakeError;
use super::file::Staged;
use super::reader::Lake;
use super::table::{Column, Kind, Table};
use super::writer::LakeWriter;

/// The `memory` data set.
pub static MEMORY: Table = Table {
    name: "memory",
    partitions: &["date"],
    columns: &[
        Column::new("kind", Kind::Text, "", "subject, scores (of a past day), threshold or findings"),
        Column::new("unaided", Kind::Bool, "", "as it would be without findings of GuardDuty"),
        Column::nullable("account", Kind::Text, "", "account id of a subject"),
        Column::nullable("region", Kind::Text, "", "region of a subject"),
        Column::nullable("eni", Kind::Text, "", "ENI of a subject"),
        Column::nullable("subject", Kind::Text, "", "what its incident was about"),
        Column::nullable(
            "last_day",
            Kind::TimestampMs,
            "",
            "last day of that incident, or day of the scores",
        ),
        Column::nullable("threshold", Kind::Double, "bits", "of the day that begins; NULL while learning"),
        Column::new("state", Kind::Text, "", "all of it as JSON").varied(),
    ],
    doc: "What each day began with besides its baseline: who was told what, and the threshold.",
};

impl LakeWriter {
    /// Replaces the memory of a day.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_memory(&self, day: Day, rows: &[MemoryRow]) -> Result<(), LakeError> {
        self.stage_memory(day, rows)?.publish()
    }

    /// Completes the memory of a day without showing it.
    pub(super) fn stage_memory(&self, day: Day, rows: &[MemoryRow]) -> Result<Staged, LakeError> {
        let date = day.date().to_string();
        let mut writer = self.table(&MEMORY, &[("date", &date)])?;
        for stored in rows {
            let last_day_ms = stored.day.map(|day| day.first_hour().start_second() * 1000);
            writer.row(|row| {
                row.text("kind", stored.kind.as_str())
                    .bool("unaided", stored.is_unaided)
                    .text_or_null("account", &stored.account)
                    .text_or_null("region", &stored.region)
                    .text_or_null("eni", &stored.eni)
                    .text_or_null("subject", &stored.subject)
                    .timestamp_ms("last_day", last_day_ms)
                    .double("threshold", stored.bits)
                    .text("state", &stored.state)
                    .end()
            })?;
        }
        writer.close()
    }
}

impl Lake {
    /// The memory that a day began with; `None` when the lake has none, as lakes of earlier
    /// versions.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_memory(&self, day: Day) -> Result<Option<Vec<MemoryRow>>, LakeError> {
        let Some(reader) = self.read_table(&MEMORY, &[("date", &day.date().to_string())])? else {
            return Ok(None);
        };
        let mut rows = Vec::new();
        for columns in reader {
            let columns = columns?;
            let (kinds, states) = (columns.text("kind")?, columns.text("state")?);
            let (account, region) = (columns.text("account")?, columns.text("region")?);
            let (eni, subject) = (columns.text("eni")?, columns.text("subject")?);
            let (unaided, last_day) = (columns.bool("unaided")?, columns.timestamp_ms("last_day")?);
            let threshold = columns.double("threshold")?;
            for row in 0..columns.len() {
                let text = |column| text_or_empty(column, row).to_owned();
                let kind = MemoryKind::parse(text_or_empty(&kinds, row));
                rows.push(MemoryRow {
                    kind: kind.ok_or_else(|| columns.damaged("a row of a kind that is none of ours"))?,
                    is_unaided: unaided.value(row),
                    account: text(&account),
                    region: text(&region),
                    eni: text(&eni),
                    subject: text(&subject),
                    day: last_day.is_valid(row).then(|| day_of_ms(last_day.value(row))),
                    bits: threshold.is_valid(row).then(|| threshold.value(row)),
                    state: text(&states),
                });
            }
        }
        Ok(Some(rows))
    }
}

fn day_of_ms(ms: i64) -> Day {
    crate::window::Hour::of_second(ms.div_euclid(1000)).day()
}
