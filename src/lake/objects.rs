//! `objects/`: what the objects of a day were when they were read, so that it can be told later
//! whether an alert's evidence is still what it was.

use std::sync::Arc;

use crate::window::{Day, Hour, Seal};

use super::columns::text_or_empty;
use super::error::LakeError;
use super::reader::Lake;
use super::rows::{Row, RowError};
use super::table::{Column, Kind, Table};

/// The `objects` data set.
pub static OBJECTS: Table = Table {
    name: "objects",
    partitions: &["account", "region", "date"],
    columns: &[
        Column::new("hour", Kind::TimestampMs, "", "start of the hour that it is part of"),
        Column::new("object", Kind::Text, "", "its name, as read").varied(),
        Column::new("bytes", Kind::Int64, "bytes", "size as listed, before inflating"),
        Column::nullable("etag", Kind::Text, "", "entity tag in S3").varied(),
        Column::nullable(
            "content_hash",
            Kind::Text,
            "",
            "BLAKE3 of its bytes, 32 hex digits; NULL when it could not be read to its end",
        )
        .varied(),
    ],
    doc: "One row per object and hour that it holds records of, or is named in: what was read.",
};

/// One row.
pub(super) fn fill(row: Row<'_>, hour: Hour, name: &str, seal: &Seal) -> Result<(), RowError> {
    row.timestamp_ms("hour", hour.start_second() * 1000)
        .text("object", name)
        .count("bytes", seal.bytes)
        .text_or_null("etag", &seal.etag)
        .text_or_null("content_hash", &seal.blake3)
        .end()
}

/// An object that a lake's day was made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredObject {
    /// Its name, as read.
    pub name: Arc<str>,
    /// What it was.
    pub seal: Seal,
}

impl Lake {
    /// The objects that a day was made of, each once, sorted by name; none in lakes of earlier
    /// versions.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read_objects(&self, day: Day) -> Result<Vec<StoredObject>, LakeError> {
        let mut found = Vec::new();
        for partition in self.partitions(&OBJECTS)? {
            if partition.day != day {
                continue;
            }
            let values = partition.values();
            let values: Vec<(&str, &str)> =
                values.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let Some(reader) = self.read_table(&OBJECTS, &values)? else { continue };
            for columns in reader {
                let columns = columns?;
                let (names, bytes) = (columns.text("object")?, columns.int64("bytes")?);
                let (etags, hashes) = (columns.text("etag")?, columns.text("content_hash")?);
                for row in 0..columns.len() {
                    let seal = Seal {
                        bytes: bytes.value(row).max(0).cast_unsigned(),
                        etag: text_or_empty(&etags, row).into(),
                        blake3: text_or_empty(&hashes, row).into(),
                    };
                    found.push(StoredObject { name: text_or_empty(&names, row).into(), seal });
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}
