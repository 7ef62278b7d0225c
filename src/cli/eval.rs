//! `outflow eval`: how good a lake's alerts, or another list of incidents, are against labels.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::args::{EvalArgs, ReportFormat};
use super::render::WIDTH;
use super::term::Term;
use crate::config::Config;
use crate::error::Error;
use crate::eval::{BUDGETS, Kind, Listed, Measured, measure, read_labels, read_listed};
use crate::lake::{COVERAGE, Lake};
use crate::window::{Day, Hour};

/// The class of ENIs that are counted, as `coverage` names it.
const INSTANCE: &str = "instance";

/// `config` loads the configuration: it may say how a lake in S3 is reached.
pub(super) fn run(
    args: &EvalArgs,
    config: impl FnOnce() -> Result<Config, Error>,
    term: Term,
) -> Result<u8, Error> {
    let cases = read(&args.labels, read_labels)?;
    let attacks = cases.iter().filter(|case| case.kind == Kind::Attack);
    let Some(first) = attacks.map(|case| case.start_second).min() else {
        return Err(Error::usage(
            format!("{} labels no attack", args.labels.display()),
            "`outflow simulate` writes such a file, labels.csv",
        ));
    };
    let from = args.from.map_or(Hour::of_second(first).day(), |when| Hour::of_second(when.second).day());
    let lake = args.s3.lake(&args.lake, config)?;
    let (enis, days) = looked_at(&lake, from)?;
    if days == 0 {
        return Err(Error::usage(
            format!("no hours from {} on in {}", from.date(), args.lake.display()),
            "name the lake that the labelled logs were scanned into",
        ));
    }
    let listed = match &args.incidents {
        Some(path) => read(path, |file| read_listed(BufReader::new(file)))?,
        None => lake.read_alerts(from..=Day(u32::MAX / 24))?.iter().map(Listed::from).collect(),
    };
    let measured = measure(&listed, &cases, from.first_hour().start_second(), enis, f64::from(days));
    let text = match args.format {
        ReportFormat::Table => table(&measured),
        ReportFormat::Json => {
            let mut text = serde_json::to_string(&measured).expect("numbers and names are JSON");
            text.push('\n');
            text
        }
    };
    term.print(&text)?;
    Ok(0)
}

/// Reads a file; what is wrong with it is said with its name.
fn read<T>(path: &Path, parse: impl FnOnce(File) -> Result<T, String>) -> Result<T, Error> {
    let name = || path.display().to_string();
    let file = File::open(path).map_err(|source| Error::Read { path: name(), source })?;
    parse(file).map_err(|detail| Error::Stored { path: name(), detail })
}

/// Instance ENIs and days of the lake from a day on.
fn looked_at(lake: &Lake, from: Day) -> Result<(u32, u32), Error> {
    let (mut enis, mut days) = (BTreeSet::new(), BTreeSet::new());
    for partition in lake.partitions(&COVERAGE)?.into_iter().filter(|partition| partition.day >= from) {
        days.insert(partition.day);
        let (account, region) = (&partition.account, &partition.region);
        let values = partition.values();
        let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let Some(reader) = lake.read_columns(&COVERAGE, &values, &["eni", "class"])? else { continue };
        for columns in reader {
            let columns = columns?;
            let (names, classes) = (columns.text("eni")?, columns.text("class")?);
            for (eni, class) in names.iter().zip(classes.iter()) {
                if class == Some(INSTANCE) {
                    let eni: Arc<str> = Arc::from(eni.unwrap_or_default());
                    enis.insert((Arc::clone(account), Arc::clone(region), eni));
                }
            }
        }
    }
    Ok((enis.len() as u32, days.len() as u32))
}

fn table(measured: &Measured) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    let header: Vec<String> = ["FAMILY".into(), "N".into()]
        .into_iter()
        .chain(BUDGETS.map(|budget| format!("AT {budget}")))
        .chain(["SENT".into(), "HOURS".into(), "LOST".into()])
        .collect();
    table.force_no_tty().set_header(header);
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    for line in &measured.recall {
        let mut row = vec![line.family.clone(), line.attacks.to_string()];
        row.extend(line.found_at_budget.map(|share| format!("{share:.2}")));
        row.extend([
            format!("{:.2}", line.sent),
            number(line.hours_to_detect, 1),
            number(line.share_lost, 2),
        ]);
        table.add_row(row);
    }
    table.column_iter_mut().skip(1).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    let mut out = format!("{}\n\n", table.trim_fmt());
    let all = |values: [f64; BUDGETS.len()], digits: usize| {
        values.map(|value| format!("{value:.digits$}")).join(", ")
    };
    let _ = writeln!(
        out,
        "AT: share found where {} false incidents a day per 1,000 ENIs are read\n\
         (thresholds {},\n precision {}).\n\
         SENT: what was told, with a threshold learned from the past; HOURS to it and\n\
         share of the bytes LOST by then, medians.\n",
        all(BUDGETS, 0),
        all(measured.threshold_at_budget, 1),
        all(measured.precision_at_budget, 2),
    );
    let _ = writeln!(
        out,
        "{} false sent in {:.0} ENI-days: {:.1} a day per 1,000 ENIs; {} kept in all",
        measured.false_sent,
        measured.eni_days,
        measured.false_sent_per_day_per_1000_enis,
        measured.false_kept
    );
    let _ = writeln!(
        out,
        "{} of {} look-alikes told as HIGH or CRITICAL",
        measured.look_alikes_high, measured.look_alikes
    );
    out
}
