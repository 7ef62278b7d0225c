//! The lake: closed hours, coverage, alerts and baseline snapshots as Parquet that Athena,
//! DuckDB and Spark read as they are.
//!
//! ```text
//! hourly/account=<a>/region=<r>/date=<YYYY-MM-DD>/part-0.parquet
//! coverage/account=<a>/region=<r>/date=<YYYY-MM-DD>/part-0.parquet
//! alerts/account=<a>/region=<r>/date=<YYYY-MM-DD>/part-0.parquet
//! guardduty/account=<a>/region=<r>/date=<YYYY-MM-DD>/part-0.parquet
//! headroom/account=<a>/region=<r>/date=<YYYY-MM-DD>/part-0.parquet
//! objects/account=<a>/region=<r>/date=<YYYY-MM-DD>/part-0.parquet
//! snapshots/date=<YYYY-MM-DD>/part-0.parquet
//! memory/date=<YYYY-MM-DD>/part-0.parquet
//! ```
//!
//! Invariants: one [`Table`] describes each data set and everything is written through it; a file
//! is replaced whole or not at all; the same rows give the same bytes; dates are event time, UTC.
//! This is an edge: it uses the file system, and S3 where the lake is there: files are made here, and
//! are visible there when they are whole; what is read comes here first. It reads no clock.

mod alerts;
mod columns;
mod coverage;
mod day;
mod days;
mod encode;
mod error;
mod export;
mod fetching;
mod file;
mod folder;
mod guardduty;
mod headroom;
mod held;
mod hourly;
mod hours;
mod memory;
mod objects;
mod partition;
mod pasts;
mod reader;
mod rows;
mod shipping;
mod snapshots;
mod table;
mod thread;
mod writer;

pub use alerts::ALERTS;
pub use columns::{Columns, TableReader};
pub use coverage::COVERAGE;
pub use day::DayWriter;
pub use days::LakeDays;
pub use error::LakeError;
pub use export::{
    Cell, DESTINATION_SUMMARY, ENI_SUMMARY, EXPORTS, Export, ExportScope, INCIDENT_SUMMARY, Summary,
};
pub use file::{Staged, TableWriter};
pub use guardduty::GUARDDUTY;
pub use headroom::HEADROOM;
pub use hourly::HOURLY;
pub use memory::MEMORY;
pub use objects::{OBJECTS, StoredObject};
pub use partition::Partition;
pub use reader::Lake;
pub use rows::{Row, RowError};
pub use snapshots::SNAPSHOTS;
pub use table::{Column, Kind, Table};
pub use thread::LakeThread;
pub use writer::LakeWriter;

/// Every data set.
pub static TABLES: [&Table; 8] =
    [&HOURLY, &COVERAGE, &ALERTS, &GUARDDUTY, &HEADROOM, &OBJECTS, &SNAPSHOTS, &MEMORY];
