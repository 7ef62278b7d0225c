//! `outflow report`: the lake as one HTML file to look at.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::FalseyValueParser;

use super::s3_args::S3Args;
use super::term::{Output, Term};
use super::text::{bytes, plural};
use super::when::When;
use crate::config::{Config, S3};
use crate::error::Error;
use crate::lake::Lake;
use crate::report::{Model, ReportOptions, gather, html};
use crate::scan::Beside;
use crate::source::S3Url;
use crate::store::{Condition, Put, Remote, is_remote};

/// What to type.
pub(super) const EXAMPLES: &str = "\
Examples:
  outflow report ./lake
  outflow report ./lake --from 2026-03-01 -o march.html
  outflow report ./lake --incident 015a19e8 -o incident.html
  outflow report s3://security-lake/outflow --from 2026-03-01
  outflow report ./lake -o s3://security-reports/outflow/march.html --sse aws:kms

The file holds everything it shows and loads nothing; it opens in any browser. Destinations are told
apart by the configuration's [network], so use the one that the scan had.";

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The lake that `scan --lake` wrote, a folder or `s3://BUCKET/PREFIX`
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
    /// The file to write, here or `s3://BUCKET/KEY`
    #[arg(short, long, env = "OUTFLOW_OUT", value_name = "FILE", default_value = "report.html")]
    pub(super) out: PathBuf,
    /// Replace what is there
    #[arg(long, env = "OUTFLOW_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,
    #[command(flatten)]
    s3: S3Args,
}

impl ReportArgs {
    fn lake(&self, config: &Config) -> Result<Lake, Error> {
        self.s3.lake(&self.lake, || Ok(config.clone()))
    }
}

pub(super) fn run(args: &ReportArgs, config: &Config, term: Term) -> Result<u8, Error> {
    let options = ReportOptions {
        from_second: args.from.map(|when| when.second),
        to_second: args.to.map(|when| when.second),
        incident: args.incident.clone(),
    };
    // Before the lake is read: a name that is taken is told at once.
    if is_remote(&args.out) {
        let place = RemotePage::find(args, &args.s3.over(&config.s3))?;
        let model = model(&args.lake(config)?, &options, config)?;
        let page = html(&model);
        place.write(&page)?;
        term.say(&said(&args.out, page.len() as u64, &model));
        return Ok(0);
    }
    let output = Output::open(Some(&args.out), args.force, term)?;
    let model = write(&args.lake(config)?, &options, config, output)?;
    let size = std::fs::metadata(&args.out).map_or(0, |file| file.len());
    term.say(&said(&args.out, size, &model));
    Ok(0)
}

/// Where in S3 the page goes.
struct RemotePage {
    folder: Remote,
    name: String,
    path: PathBuf,
    condition: Condition,
}

impl RemotePage {
    fn find(args: &ReportArgs, options: &S3) -> Result<Self, Error> {
        let url = S3Url::parse(&args.out.to_string_lossy())?;
        let (folder, name) = url.prefix.rsplit_once('/').unwrap_or(("", &url.prefix));
        if name.is_empty() {
            return Err(Error::usage(
                format!("{} names no object", args.out.display()),
                "add a name: s3://BUCKET/FOLDER/report.html",
            ));
        }
        let folder =
            Remote::connect(&S3Url { bucket: url.bucket.clone(), prefix: folder.to_owned() }, options)?;
        let condition = if args.force { Condition::Always } else { Condition::Absent };
        // Who may only write cannot know.
        if !args.force && matches!(folder.get(name), Ok(Some(_))) {
            return Err(Error::Exists(args.out.clone()));
        }
        Ok(Self { folder, name: name.to_owned(), path: args.out.clone(), condition })
    }

    fn write(&self, page: &str) -> Result<(), Error> {
        match self.folder.put_page(&self.name, page, &self.condition)? {
            Put::Done(_) => Ok(()),
            Put::Refused(_) => Err(Error::Exists(self.path.clone())),
        }
    }
}

/// Writes the report of a lake.
pub(super) fn write(
    lake: &Lake,
    options: &ReportOptions,
    config: &Config,
    mut output: Output,
) -> Result<Model, Error> {
    let model = model(lake, options, config)?;
    output.write(&html(&model))?;
    output.finish()?;
    Ok(model)
}

/// What a report of a lake says.
fn model(lake: &Lake, options: &ReportOptions, config: &Config) -> Result<Model, Error> {
    gather(lake, &Beside::load(config)?.settings(config), options)
}

/// Where it is and what is in it.
fn said(path: &Path, size_bytes: u64, model: &Model) -> String {
    let mut text = format!(
        "{}: {}, {} with a chart, {}",
        path.display(),
        plural(model.incidents.len() as u64, "incident"),
        model.counts.charted,
        bytes(size_bytes)
    );
    if model.counts.not_listed > 0 {
        let _ =
            write!(text, "; {} weaker ones are only counted", plural(model.counts.not_listed, "incident"));
    }
    text
}
