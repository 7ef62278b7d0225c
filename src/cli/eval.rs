//! `outflow eval`: how good a lake's alerts are, against labels.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::args::{EvalArgs, ReportFormat};
use super::render::WIDTH;
use super::term::Term;
use crate::error::Error;
use crate::eval::{BUDGETS, Kind, Measured, measure, read_labels};
use crate::lake::{COVERAGE, Lake};
use crate::window::{Day, EniClass, Hour};

pub(super) fn run(args: &EvalArgs, term: Term) -> Result<u8, Error> {
    let name = args.labels.display().to_string();
    let file = File::open(&args.labels).map_err(|source| Error::Read { path: name.clone(), source })?;
    let cases = read_labels(file).map_err(|detail| Error::Stored { path: name.clone(), detail })?;
    let attacks = cases.iter().filter(|case| case.kind == Kind::Attack);
    let Some(first) = attacks.map(|case| case.start_second).min() else {
        return Err(Error::usage(
            format!("{name} labels no attack"),
            "`outflow simulate` writes such a file, labels.csv",
        ));
    };
    let from = args.from.map_or(Hour::of_second(first).day(), |when| Hour::of_second(when.second).day());
    let lake = Lake::open(&args.lake)?;
    let (enis, days) = looked_at(&lake, from)?;
    if days == 0 {
        return Err(Error::usage(
            format!("no hours from {} on in {}", from.date(), args.lake.display()),
            "name the lake that the labelled logs were scanned into",
        ));
    }
    let alerts = lake.read_alerts(from..=Day(u32::MAX / 24))?;
    let measured = measure(&alerts, &cases, from.first_hour().start_second(), enis, f64::from(days));
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

/// Instance ENIs and days of the lake from a day on.
fn looked_at(lake: &Lake, from: Day) -> Result<(u32, u32), Error> {
    let (mut enis, mut days) = (BTreeSet::new(), BTreeSet::new());
    for partition in lake.partitions(&COVERAGE)? {
        if partition.day < from {
            continue;
        }
        days.insert(partition.day);
        for hour in lake.read_hours(&partition)? {
            let hour = hour?;
            if hour.class == EniClass::Instance {
                enis.insert(hour.id);
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
         (thresholds {} bits, precision {}). SENT: what was told, with a\n\
         threshold learned from the past; HOURS to it and share of the bytes LOST by\n\
         then, medians.\n",
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
