//! `outflow report`: the lake as one HTML file to look at.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::FalseyValueParser;

use super::term::{Output, Term};
use super::text::{bytes, plural};
use super::when::When;
use crate::config::Config;
use crate::error::Error;
use crate::lake::Lake;
use crate::report::{Model, ReportOptions, gather, html};
use crate::scan::Beside;

/// What to type.
pub(super) const EXAMPLES: &str = "\
Examples:
  outflow report ./lake
  outflow report ./lake --from 2026-03-01 -o march.html
  outflow report ./lake --incident 015a19e8 -o incident.html

The file holds everything it shows and loads nothing; it opens in any browser. Destinations are told
apart by the configuration's [network], so use the one that the scan had.";

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The lake that `scan --lake` wrote
    #[arg(value_name = "LAKE")]
    pub(super) lake: PathBuf,
    /// Only this incident: its id, or enough of its beginning to be unique
    #[arg(long, env = "OUTFLOW_INCIDENT", value_name = "ID")]
    pub(super) incident: Option<String>,
    /// First event time that counts: RFC 3339, or a date (UTC midnight)
    #[arg(long, env = "OUTFLOW_FROM", value_name = "TIME", value_parser = When::parse)]
    pub(super) from: Option<When>,
    /// Event time at which to end, itself left out: RFC 3339, or a date (UTC midnight)
    #[arg(long, env = "OUTFLOW_TO", value_name = "TIME", value_parser = When::parse)]
    pub(super) to: Option<When>,
    /// The file to write
    #[arg(short, long, env = "OUTFLOW_OUT", value_name = "FILE", default_value = "report.html")]
    pub(super) out: PathBuf,
    /// Replace what is there
    #[arg(long, env = "OUTFLOW_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,
}

pub(super) fn run(args: &ReportArgs, config: &Config, term: Term) -> Result<u8, Error> {
    let options = ReportOptions {
        from_second: args.from.map(|when| when.second),
        to_second: args.to.map(|when| when.second),
        incident: args.incident.clone(),
    };
    // Before the lake is read: a name that is taken is told at once.
    let output = Output::open(Some(&args.out), args.force, term)?;
    let model = write(&args.lake, &options, config, output)?;
    term.say(&said(&args.out, &model));
    Ok(0)
}

/// Writes the report of a lake.
pub(super) fn write(
    lake: &Path,
    options: &ReportOptions,
    config: &Config,
    mut output: Output,
) -> Result<Model, Error> {
    let stored = |error: crate::lake::LakeError| Error::Stored {
        path: lake.display().to_string(),
        detail: error.to_string(),
    };
    let model = gather(&Lake::open(lake).map_err(stored)?, &Beside::load(config)?.settings(config), options)?;
    output.write(&html(&model))?;
    output.finish()?;
    Ok(model)
}

/// Where it is and what is in it.
fn said(path: &Path, model: &Model) -> String {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    let mut text = format!(
        "{}: {}, {} with a chart, {}",
        path.display(),
        plural(model.incidents.len() as u64, "incident"),
        model.counts.charted,
        bytes(size)
    );
    if model.counts.not_listed > 0 {
        let _ =
            write!(text, "; {} weaker ones are only counted", plural(model.counts.not_listed, "incident"));
    }
    text
}
