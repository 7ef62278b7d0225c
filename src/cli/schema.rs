//! `outflow schema`: DDL, views and schemas for other tools.

use std::path::Path;

use clap::{Args, Subcommand};

use super::term::Term;
use super::when::When;
use crate::error::Error;
use crate::lake::{Lake, TABLES, Table};
use crate::schema::{self, AthenaOptions};

/// Where a lake in S3 might lie, for those who edit the DDL.
const LOCATION_DEFAULT: &str = "s3://BUCKET/PREFIX";

#[derive(Debug, Subcommand)]
pub(super) enum SchemaVerb {
    /// DDL for Athena, with projected partitions
    Athena(AthenaArgs),
    /// Views for `DuckDB`
    Duckdb(DuckdbArgs),
    /// JSON Schema of an alert
    Json,
    /// Every column of the lake and of the exports, with unit and meaning
    Markdown,
}

#[derive(Debug, Args)]
pub(super) struct AthenaArgs {
    /// Data sets [default: all]
    #[arg(value_name = "TABLE", value_parser = table)]
    tables: Vec<&'static Table>,
    /// Where the lake lies
    #[arg(long, env = "OUTFLOW_LOCATION", value_name = "S3_URL", default_value = LOCATION_DEFAULT, value_parser = s3_url)]
    location: String,
    /// Database
    #[arg(long, env = "OUTFLOW_DATABASE", value_name = "NAME", default_value = "outflow", value_parser = database)]
    database: String,
    /// Accounts in the lake; without them each query has to name the account
    #[arg(long = "account", env = "OUTFLOW_ACCOUNT", value_name = "ID,...", value_delimiter = ',', value_parser = word)]
    accounts: Vec<String>,
    /// Regions in the lake; without them each query has to name the region
    #[arg(long = "region", env = "OUTFLOW_REGION", value_name = "REGION,...", value_delimiter = ',', value_parser = word)]
    regions: Vec<String>,
    /// First day in the lake [default: two years before the query]
    #[arg(long, env = "OUTFLOW_FROM", value_name = "DATE", value_parser = day)]
    from: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct DuckdbArgs {
    /// The lake: a folder, or `s3://BUCKET/PREFIX`
    #[arg(value_name = "LAKE", default_value = "lake")]
    lake: String,
}

pub(super) fn run(verb: &SchemaVerb, term: Term) -> Result<u8, Error> {
    match verb {
        SchemaVerb::Athena(args) => {
            let tables = if args.tables.is_empty() { TABLES.to_vec() } else { args.tables.clone() };
            let options = AthenaOptions {
                database: args.database.clone(),
                location: args.location.clone(),
                accounts: args.accounts.clone(),
                regions: args.regions.clone(),
                first_day: args.from.clone(),
            };
            term.print(&schema::athena(&tables, &options))?;
        }
        SchemaVerb::Duckdb(args) => {
            let location = args.lake.trim_end_matches('/');
            let root = Path::new(location);
            // An empty folder may become a lake, one with other things in it is a slip.
            if root.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
                Lake::check(root)?;
            }
            // What lies elsewhere, or is still to be written, is taken to be complete.
            let is_there = |table: &Table| !root.is_dir() || root.join(table.name).is_dir();
            term.print(&schema::duckdb(&TABLES, location, is_there))?;
        }
        SchemaVerb::Json => {
            let text = serde_json::to_string_pretty(&schema::alert_schema());
            term.print(&format!("{}\n", text.expect("a JSON value is JSON")))?;
        }
        SchemaVerb::Markdown => term.print(&schema::markdown())?,
    }
    Ok(0)
}

fn table(name: &str) -> Result<&'static Table, String> {
    let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let found = TABLES.into_iter().find(|table| table.name == name);
    found.ok_or_else(|| format!("use one of {}", names.join(", ")))
}

fn s3_url(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/=!*()".contains(c);
    let rest = text.strip_prefix("s3://").map(|rest| rest.trim_end_matches('/'));
    match rest.filter(|rest| !rest.is_empty() && rest.chars().all(plain)) {
        Some(rest) => Ok(format!("s3://{rest}")),
        None => Err("use s3://BUCKET/PREFIX, without spaces and quotes".to_owned()),
    }
}

fn database(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err("use small letters, digits and _".to_owned())
}

fn word(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(text.to_owned());
    }
    Err("use letters, digits and -".to_owned())
}

fn day(text: &str) -> Result<String, String> {
    When::parse_date(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_typed_ends_a_literal() {
        assert_eq!(s3_url("s3://lake/a/").unwrap(), "s3://lake/a");
        for bad in ["lake", "s3://", "s3://a'b", "s3://a b"] {
            assert!(s3_url(bad).is_err(), "{bad}");
        }
        assert!(database("Outflow").is_err() && database("a`b").is_err() && database("a_1").is_ok());
        assert!(word("1'1").is_err() && word("").is_err() && word("eu-west-1").is_ok());
        assert!(table("hourly").is_ok() && table("hourli").is_err());
    }
}
