//! Flags of `explain`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::s3_args::S3Args;
use super::tables::TableArgs;
use super::when::{self, When};

pub(super) const EXAMPLES: &str = "\
Examples:
  outflow explain b3628299 --lake ./lake
  outflow explain b3628299 --lake ./lake --replay
  outflow explain b3628299 --lake ./lake --replay ./copy-of-the-logs --config outflow.toml

A replay ends with 0 when the alert comes out the same, bit for bit, and with 1 when it does
not; then it says what changed. It needs the configuration and the flags of the scan.";

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The alert's id, or enough of its beginning to be unique
    pub(super) id: String,
    /// The lake that holds it, a folder or `s3://BUCKET/PREFIX`
    #[arg(long, env = "OUTFLOW_LAKE", value_name = "DIR", required_unless_present = "alerts")]
    pub(super) lake: Option<PathBuf>,
    /// The file written by `scan --format jsonl --out FILE`
    #[arg(long, env = "OUTFLOW_ALERTS", value_name = "FILE")]
    pub(super) alerts: Option<PathBuf>,
    /// Compute its day again from the raw objects and what the lake holds of the day before, and
    /// compare bit for bit
    #[arg(long, env = "OUTFLOW_REPLAY", value_parser = FalseyValueParser::new())]
    pub(super) replay: bool,
    #[command(flatten)]
    pub(super) of: ReplayArgs,
}

/// What a replay needs besides.
#[derive(Debug, Args)]
#[command(next_help_heading = "Replay")]
pub(super) struct ReplayArgs {
    /// Where the raw objects are: files, folders, quoted globs, `s3://BUCKET/PREFIX` [default: where
    /// the lake says they were]
    #[arg(value_name = "INPUT", requires = "replay")]
    pub(super) inputs: Vec<String>,
    /// First event time that counted, when the scan was told one
    #[arg(long, env = "OUTFLOW_FROM", value_name = "TIME", value_parser = When::parse)]
    pub(super) from: Option<When>,
    /// Event time at which the scan was told to end
    #[arg(long, env = "OUTFLOW_TO", value_name = "TIME", value_parser = When::parse)]
    pub(super) to: Option<When>,
    /// GuardDuty's findings that the scan was given; may be repeated; overrides the configuration
    #[arg(long, env = "OUTFLOW_GUARDDUTY", value_name = "PATH")]
    pub(super) guardduty: Vec<String>,
    #[command(flatten)]
    pub(super) tables: TableArgs,
    /// Columns, in order, of bodies that carry no header; overrides the configuration
    #[arg(long, env = "OUTFLOW_FORMAT_FIELDS", value_name = "NAMES")]
    pub(super) format_fields: Option<String>,
    /// How long after an hour's end its records were waited for; overrides the configuration
    #[arg(long, env = "OUTFLOW_LATENESS", value_name = "SPAN", value_parser = when::lateness_minutes)]
    pub(super) lateness: Option<u32>,
    /// Worker threads [default: all cores]
    #[arg(long, env = "OUTFLOW_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    #[command(flatten)]
    pub(super) s3: S3Args,
}
