//! `outflow export`: roll-ups of a lake as a sheet or as Parquet.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::render::csv_row;
use super::s3_args::S3Args;
use super::term::{Output, Term};
use super::text::plural;
use super::when::When;
use crate::config::Config;
use crate::error::Error;
use crate::lake::{Cell, Export, ExportScope, Summary};
use crate::net::InternalNetworks;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The lake, a folder or `s3://BUCKET/PREFIX`
    #[arg(value_name = "LAKE", env = "OUTFLOW_LAKE")]
    lake: PathBuf,
    /// One row per what
    #[arg(long, env = "OUTFLOW_SUMMARY", value_name = "WHAT")]
    summary: By,
    /// First event time that counts: RFC 3339, or a date (UTC midnight); whole hours
    #[arg(long, env = "OUTFLOW_FROM", value_name = "TIME", value_parser = When::parse)]
    from: Option<When>,
    /// Event time at which to end, itself left out
    #[arg(long, env = "OUTFLOW_TO", value_name = "TIME", value_parser = When::parse)]
    to: Option<When>,
    /// How to write it
    #[arg(long, env = "OUTFLOW_FORMAT", value_name = "FORMAT", default_value = "csv")]
    format: SheetFormat,
    /// Write to this file instead of stdout
    #[arg(short, long, env = "OUTFLOW_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace what is there
    #[arg(long, env = "OUTFLOW_FORCE", value_parser = FalseyValueParser::new())]
    force: bool,
    #[command(flatten)]
    s3: S3Args,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Network interface.
    Eni,
    /// Destination and account.
    Destination,
    /// Incident, told or kept back.
    Incident,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SheetFormat {
    /// For spreadsheets; cells that would be read as formulas are made text.
    Csv,
    /// For engines; every column carries its unit and meaning.
    Parquet,
}

pub(super) fn run(args: &ExportArgs, config: &Config, term: Term) -> Result<u8, Error> {
    if args.format == SheetFormat::Parquet && args.out.is_none() && Term::stdout_is_terminal() {
        return Err(Error::usage("Parquet is not for a terminal", "name a file: -o FILE"));
    }
    let (from, to) = (args.from.map(|when| when.second), args.to.map(|when| when.second));
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Error::usage(
            "--from is not before --to",
            "--to is left out itself: for one day use --from that day --to the next",
        ));
    }
    let mut output = Output::open(args.out.as_deref(), args.force, term)?;
    let named = config.named_prefixes();
    let internal = InternalNetworks::new(&config.network.internal);
    let summary = match args.summary {
        By::Eni => Summary::Eni,
        By::Destination => Summary::Destination,
        By::Incident => Summary::Incident,
    };
    let scope = ExportScope { from, to, internal: &internal, named: &named };
    let export = Export::of(&args.s3.lake(&args.lake, || Ok(config.clone()))?, summary, &scope)?;
    match args.format {
        SheetFormat::Csv => write_csv(&export, &mut output)?,
        SheetFormat::Parquet => output.write_bytes(export.parquet())?,
    }
    output.finish()?;
    if let Some(path) = &args.out {
        term.say(&format!("wrote {} to {}", plural(export.len() as u64, "row"), path.display()));
    }
    Ok(0)
}

fn write_csv(export: &Export, output: &mut Output) -> Result<(), Error> {
    let names: Vec<String> = export.table().columns.iter().map(|column| column.name.to_owned()).collect();
    output.write(&csv_row(&names))?;
    for row in export.rows() {
        let cells = row.into_iter().map(|cell| match cell {
            Cell::Null => String::new(),
            Cell::Value(value) => value,
            Cell::Text(text) => super::render::defused(&text),
        });
        output.write(&csv_row(&cells.collect::<Vec<_>>()))?;
    }
    Ok(())
}
