//! DDL for Athena. Partitions are projected, so that nobody has to run `MSCK REPAIR` or a crawler
//! for a new day (Amazon Athena user guide, "Partition projection"): accounts and regions from a
//! list, or given by each query (`injected`) where no list is; days from a range.

use std::fmt::Write as _;

use super::EGRESS_VIEW;
use crate::lake::{Column, HOURLY, Kind, Table};

/// Days that are projected where no first day is given.
const DAYS_DEFAULT: &str = "NOW-2YEARS";

/// Where the lake lies and what is in it. All values go into the DDL as they are: whoever makes
/// them has checked them.
#[derive(Clone, Debug)]
pub struct AthenaOptions {
    /// Database, `[a-z0-9_]+`.
    pub database: String,
    /// `s3://bucket/prefix`, without a last slash.
    pub location: String,
    /// Account ids; empty: each query names the account.
    pub accounts: Vec<String>,
    /// Regions; empty: each query names the region.
    pub regions: Vec<String>,
    /// First day, `YYYY-MM-DD`; `None`: two years back from the day of the query.
    pub first_day: Option<String>,
}

/// The type of a column as Athena's DDL spells it.
pub fn athena_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Bool => "boolean",
        Kind::Int32 => "int",
        Kind::Int64 => "bigint",
        Kind::Double => "double",
        Kind::TimestampMs => "timestamp",
        Kind::TextList => "array<string>",
    }
}

/// The statements for `tables`, each ended by a semicolon: Athena runs one at a time.
pub fn athena(tables: &[&Table], options: &AthenaOptions) -> String {
    let database = &options.database;
    let mut text = String::from("-- Athena runs one statement at a time.\n");
    if options.accounts.is_empty() || options.regions.is_empty() {
        text.push_str(
            "-- Accounts or regions were not listed: each query has to name them, WHERE account = '...'\n\
             -- AND region = '...'. With --account and --region they need not be named.\n",
        );
    }
    let _ = writeln!(text, "CREATE DATABASE IF NOT EXISTS `{database}`;");
    for table in tables {
        text.push('\n');
        create_table(&mut text, table, options);
    }
    if tables.iter().any(|table| table.name == HOURLY.name) {
        let view = EGRESS_VIEW.replace("FROM hourly", &format!("FROM \"{database}\".hourly"));
        let _ = write!(text, "\nCREATE OR REPLACE VIEW \"{database}\".egress AS\n{};\n", view.trim_end());
    }
    text
}

fn create_table(text: &mut String, table: &Table, options: &AthenaOptions) {
    let AthenaOptions { database, location, .. } = options;
    let name = table.name;
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let keys: Vec<String> = table.partitions.iter().map(|key| format!("`{key}` string")).collect();
    let template: Vec<String> = table.partitions.iter().map(|key| format!("{key}=${{{key}}}/")).collect();
    let mut properties = vec![("projection.enabled".to_owned(), "true".to_owned())];
    for key in table.partitions {
        properties.extend(projection(key, options));
    }
    let place = format!("{location}/{name}/{}", template.concat());
    properties.push(("storage.location.template".to_owned(), place));
    let properties: Vec<String> =
        properties.iter().map(|(key, value)| format!("  '{key}' = '{value}'")).collect();
    let _ = write!(
        text,
        "CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{name}` (\n{}\n)\nCOMMENT {}\n\
         PARTITIONED BY ({})\nSTORED AS PARQUET\nLOCATION '{location}/{name}/'\nTBLPROPERTIES (\n{}\n);\n",
        columns.join(",\n"),
        comment(table.doc),
        keys.join(", "),
        properties.join(",\n"),
    );
}

fn column(column: &Column) -> String {
    let Column { name, kind, unit, doc, .. } = column;
    let unit = if unit.is_empty() { String::new() } else { format!("{unit}: ") };
    format!("  `{name}` {} COMMENT {}", athena_type(*kind), comment(&format!("{unit}{doc}")))
}

/// How the values of a partition key are found.
fn projection(key: &str, options: &AthenaOptions) -> Vec<(String, String)> {
    let property = |name: &str, value: &str| (format!("projection.{key}.{name}"), value.to_owned());
    let listed = |values: &[String]| match values {
        [] => vec![property("type", "injected")],
        values => vec![property("type", "enum"), property("values", &values.join(","))],
    };
    match key {
        "account" => listed(&options.accounts),
        "region" => listed(&options.regions),
        _ => {
            let first = options.first_day.as_deref().unwrap_or(DAYS_DEFAULT);
            vec![
                property("type", "date"),
                property("format", "yyyy-MM-dd"),
                property("range", &format!("{first},NOW")),
                property("interval", "1"),
                property("interval.unit", "DAYS"),
            ]
        }
    }
}

/// A comment as Hive's grammar reads it: the quote is escaped by a backslash. Semicolons go,
/// because clients cut statements at them.
fn comment(text: &str) -> String {
    format!("'{}'", text.replace('\\', "").replace('\'', "\\'").replace(';', ","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::{SNAPSHOTS, TABLES};

    fn options(accounts: &[&str]) -> AthenaOptions {
        AthenaOptions {
            database: "outflow".into(),
            location: "s3://lake".into(),
            accounts: accounts.iter().map(|a| (*a).to_owned()).collect(),
            regions: vec!["eu-west-1".into()],
            first_day: None,
        }
    }

    #[test]
    fn accounts_are_listed_or_asked_for() {
        let listed = athena(&[&HOURLY], &options(&["111111111111", "222222222222"]));
        assert!(listed.contains("'projection.account.type' = 'enum'"), "{listed}");
        assert!(listed.contains("'projection.account.values' = '111111111111,222222222222'"), "{listed}");
        let asked = athena(&[&HOURLY], &options(&[]));
        assert!(asked.contains("'projection.account.type' = 'injected'"), "{asked}");
        assert!(!asked.contains("projection.account.values"), "{asked}");
    }

    #[test]
    fn a_data_set_is_projected_by_its_own_keys() {
        let text = athena(&[&SNAPSHOTS], &options(&[]));
        assert!(!text.contains("projection.account"), "{text}");
        assert!(text.contains("'s3://lake/snapshots/date=${date}/'"), "{text}");
    }

    #[test]
    fn comments_end_neither_the_literal_nor_the_statement_and_fit_glue() {
        assert_eq!(comment("the ENI's; own"), "'the ENI\\'s, own'");
        for table in TABLES {
            for column in table.columns {
                // Glue: a comment has at most 255 bytes.
                assert!(column.doc.len() + column.unit.len() + 2 <= 255, "{}", column.name);
            }
        }
    }
}
