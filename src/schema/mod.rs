//! The lake and the alert for other tools: Athena's DDL, `DuckDB`'s views, the JSON Schema of an
//! alert and a table of all columns. Everything is made from the tables that the writer uses and
//! from the type that is serialised, so that it cannot tell another story than the files.

mod athena;
mod duckdb;
mod json;

use std::fmt::Write as _;

pub use athena::{AthenaOptions, athena, athena_type};
pub use duckdb::{duckdb, duckdb_type};
pub use json::alert_schema;

use crate::lake::{EXPORTS, TABLES};

/// What client roles of instances sent to the outside, a row of `hourly` each, with the destination
/// as detectors count it. One text for both engines: their SQL agrees this far. Rows of fewer than
/// four packets and 1,024 bytes are knocks, as for the detectors; `[network] internal` of the
/// configuration is not known to it.
const EGRESS_VIEW: &str = include_str!("egress.sql");

/// All columns of the lake and of the exports, as Markdown.
pub fn markdown() -> String {
    let mut text = String::from("# Data sets\n");
    for table in TABLES.iter().chain(&EXPORTS) {
        let _ = write!(text, "\n{}", table.markdown());
    }
    text
}

/// A SQL string literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
