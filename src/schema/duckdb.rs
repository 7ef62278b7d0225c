//! Views for `DuckDB` over a lake on disk or in S3, with the meaning of each column as its comment.

use std::fmt::Write as _;

use super::{EGRESS_VIEW, literal};
use crate::lake::{Kind, Table};

/// The type of a column as `DuckDB` names it.
pub fn duckdb_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "VARCHAR",
        Kind::Bool => "BOOLEAN",
        Kind::Int32 => "INTEGER",
        Kind::Int64 => "BIGINT",
        Kind::Double => "DOUBLE",
        Kind::TimestampMs => "TIMESTAMP WITH TIME ZONE",
        Kind::TextList => "VARCHAR[]",
    }
}

/// The type of a partition key.
fn key_type(key: &str) -> &'static str {
    if key == "date" { "DATE" } else { "VARCHAR" }
}

/// The views over `tables` at `location`, a folder or an `s3://` prefix without a last slash.
/// `is_there` says whether a data set has files: a view over none cannot be made from them, and so
/// becomes an empty one of the same columns.
pub fn duckdb(tables: &[&Table], location: &str, is_there: impl Fn(&Table) -> bool) -> String {
    let mut text = String::new();
    for table in tables {
        create_view(&mut text, table, location, is_there(table));
        text.push('\n');
    }
    let _ = writeln!(text, "CREATE OR REPLACE VIEW egress AS\n{};", EGRESS_VIEW.trim_end());
    text
}

fn create_view(text: &mut String, table: &Table, location: &str, is_there: bool) {
    let name = table.name;
    let _ = writeln!(text, "CREATE OR REPLACE VIEW {name} AS");
    if is_there {
        let columns = table.columns.iter().map(|column| column.name).chain(table.partitions.iter().copied());
        let columns: Vec<String> = columns.map(|name| format!("\"{name}\"")).collect();
        let keys: Vec<String> =
            table.partitions.iter().map(|key| format!("'{key}': {}", key_type(key))).collect();
        let files = format!("{location}/{name}/{}*.parquet", "*/".repeat(table.partitions.len()));
        let _ = writeln!(
            text,
            "SELECT {}\nFROM read_parquet({}, hive_partitioning = true, hive_types = {{{}}}, \
             union_by_name = true);",
            columns.join(", "),
            literal(&files),
            keys.join(", "),
        );
    } else {
        let columns = table.columns.iter().map(|column| (column.name, duckdb_type(column.kind)));
        let columns = columns.chain(table.partitions.iter().map(|key| (*key, key_type(key))));
        let columns: Vec<String> =
            columns.map(|(name, kind)| format!("CAST(NULL AS {kind}) AS \"{name}\"")).collect();
        let _ = writeln!(text, "SELECT {}\nWHERE false;", columns.join(", "));
    }
    let _ = writeln!(text, "COMMENT ON VIEW {name} IS {};", literal(table.doc));
    for column in table.columns {
        let unit = if column.unit.is_empty() { String::new() } else { format!("{}: ", column.unit) };
        let doc = literal(&format!("{unit}{}", column.doc));
        let _ = writeln!(text, "COMMENT ON COLUMN {name}.\"{}\" IS {doc};", column.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::{GUARDDUTY, HOURLY};

    #[test]
    fn a_data_set_without_files_is_an_empty_view() {
        let text = duckdb(&[&HOURLY, &GUARDDUTY], "it's", |table| table.name == "hourly");
        assert!(text.contains("read_parquet('it''s/hourly/*/*/*/*.parquet'"), "{text}");
        assert!(!text.contains("/guardduty/"), "{text}");
        assert!(text.contains("CAST(NULL AS VARCHAR[]) AS \"enis\""), "{text}");
    }
}
