//! `outflow report`: the lake as one HTML file to look at.

use std::path::Path;

use super::args::ReportArgs;
use super::term::{Output, Term};
use super::text::{bytes, plural};
use crate::config::Config;
use crate::error::Error;
use crate::lake::Lake;
use crate::report::{Model, ReportOptions, gather, html};
use crate::scan::settings;

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
    let model = gather(&Lake::open(lake).map_err(stored)?, &settings(config), options)?;
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
        text += &format!("; {} weaker ones are only counted", plural(model.counts.not_listed, "incident"));
    }
    text
}
