//! `outflow backtest`: what another configuration would tell, and what it would let pass.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Value, json};

use super::args::{BacktestArgs, ReportFormat};
use super::render::{WIDTH, json_line};
use super::term::{BOLD, Output, Term};
use super::text::{bytes, fit, plural, safe};
use super::when::When;
use crate::alert::Alert;
use crate::backtest::{
    Change, Comparison, Headroom, PROBE_BYTES_MAX, Rates, Rescored, compare, rescore, save,
};
use crate::config::Config;
use crate::error::Error;
use crate::lake::LakeWriter;
use crate::scan::Beside;
use crate::window::{Day, Hour};

/// Changes shown of each kind in a table.
const SHOWN_MAX: usize = 10;
/// ENIs shown with least headroom, and with most.
const ENIS_SHOWN_MAX: usize = 10;

pub(super) fn run(args: &BacktestArgs, config: &Config, term: Term) -> Result<u8, Error> {
    let day = |when: When| Hour::of_second(when.second).day();
    let first = args.from.map_or(Day(0), day);
    let last = args.to.map_or(Day(u32::MAX / 24), |to| Day(day(to).0.saturating_sub(1)));
    if first > last {
        return Err(Error::usage("--from is not before --to", "--to is left out itself"));
    }
    let days = first..=last;
    let mut output = args.alerts.as_deref().map(|path| Output::open(Some(path), false, term)).transpose()?;
    let lake = args.s3.lake(&args.lake, || Ok(config.clone()))?;
    let beside = Beside::load(config)?;
    let settings = beside.settings(config);
    let after = rescore(&lake, config, &beside, &settings, &days, args.headroom)?;
    if after.days == 0 {
        return Err(Error::usage(
            format!("no hours of those days in {}", args.lake.display()),
            "name a lake that `scan --lake` wrote, and days it holds",
        ));
    }
    let before = lake.read_alerts(days)?;
    if let Some(output) = &mut output {
        after.alerts.iter().try_for_each(|alert| output.write(&json_line(alert)))?;
    }
    output.map_or(Ok(()), Output::finish)?;
    if args.save {
        let measured = after.thresholds.keys().next_back().copied().unwrap_or_default();
        let writer = LakeWriter::open(&args.lake, &args.s3.over(&config.s3))?;
        save(&writer, measured, &beside.config_hash(config), &after.headroom)?;
    }
    let comparison = compare(&before, &after.alerts);
    let text = match args.format {
        ReportFormat::Table => table(&before, &after, &comparison, config),
        ReportFormat::Json => {
            let mut text = json(&before, &after, &comparison, config).to_string();
            text.push('\n');
            text
        }
    };
    term.print(&text)?;
    Ok(0)
}

/// Told a day that the budget allows this fleet; one at least, as the threshold has it.
fn budget(config: &Config, enis: u32) -> f64 {
    (config.detect.budget_per_day_per_1000_enis * f64::from(enis) / 1000.0).max(1.0)
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    table.force_no_tty().set_header(header);
    table
}

fn table(before: &[Alert], after: &Rescored, comparison: &Comparison<'_>, config: &Config) -> String {
    let mut out = format!(
        "{BOLD}Scored again{BOLD:#} {}, {}, configuration {}\n\n",
        plural(u64::from(after.days), "day"),
        plural(u64::from(after.enis), "ENI"),
        &config.hash()[..12.min(config.hash().len())]
    );
    let mut rates = new_table(&["TOLD A DAY", "BEFORE", "AFTER"]);
    let (was, is) = (Rates::of(before, after.days), Rates::of(&after.alerts, after.days));
    for (at, severity) in Rates::SEVERITIES.iter().enumerate().rev() {
        rates.add_row([severity.as_str().to_owned(), rate(was.per_day[at]), rate(is.per_day[at])]);
    }
    rates.add_row(["all".to_owned(), rate(was.told_per_day()), rate(is.told_per_day())]);
    let allowed = format!("by the budget of {}", rate(budget(config, after.enis)));
    rates.add_row([allowed, rate(was.budget_per_day), rate(is.budget_per_day)]);
    rates.add_row(["kept back".to_owned(), rate(was.kept_back_per_day), rate(is.kept_back_per_day)]);
    rates.column_iter_mut().skip(1).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    let _ = writeln!(out, "{}", rates.trim_fmt());
    for (name, changes) in
        [("Gained", &comparison.gained), ("Lost", &comparison.lost), ("Moved", &comparison.moved)]
    {
        changed(&mut out, name, changes);
    }
    let _ = writeln!(out, "\n{} told in both, unchanged", comparison.same);
    if !after.headroom.is_empty() {
        headroom(&mut out, &after.headroom);
    }
    out
}

fn rate(per_day: f64) -> String {
    format!("{per_day:.2}")
}

fn changed(out: &mut String, name: &str, changes: &[Change<'_>]) {
    let _ = writeln!(out, "\n{BOLD}{name}{BOLD:#} {}", plural(changes.len() as u64, "incident"));
    if changes.is_empty() {
        return;
    }
    let mut table = new_table(&["ID", "WHEN", "FROM", "TO", "BEFORE", "AFTER"]);
    for change in changes.iter().take(SHOWN_MAX) {
        let alert = change.alert();
        table.add_row([
            alert.id.chars().take(8).collect(),
            alert.window_start.get(5..13).unwrap_or_default().replace('T', " "),
            fit(&safe(&alert.eni), 14),
            fit(&safe(&alert.destination), 18),
            side(change.before),
            side(change.after),
        ]);
    }
    let _ = writeln!(out, "{}", table.trim_fmt());
    if let Some(more) = changes.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        let _ = writeln!(out, "+{more} more: --format json");
    }
}

/// What an incident was worth on one side.
fn side(alert: Option<&Alert>) -> String {
    alert.map_or_else(
        || "-".to_owned(),
        |alert| {
            if alert.emitted {
                format!("{} {:.1}", alert.severity.as_str(), alert.score)
            } else {
                format!("{} {:.1}", alert.emitted_reason, alert.score)
            }
        },
    )
}

fn headroom(out: &mut String, measured: &[Headroom]) {
    let middle = |mut values: Vec<u64>| {
        values.sort_unstable();
        values.get(values.len() / 2).copied().map_or_else(|| "-".to_owned(), limit)
    };
    let _ = writeln!(
        out,
        "\n{BOLD}Silent-leak headroom{BOLD:#} a day, spread over it\nmedian {} to a new destination, {} to a known one",
        middle(measured.iter().map(|h| h.new_bytes).collect()),
        middle(measured.iter().filter_map(|h| h.known_bytes).collect()),
    );
    let mut sorted: Vec<&Headroom> = measured.iter().collect();
    sorted.sort_by(|a, b| (b.new_bytes, &a.eni).cmp(&(a.new_bytes, &b.eni)));
    let mut table = new_table(&["ENI", "KNOWN AS", "TO A NEW ONE", "TO A KNOWN ONE", "WHICH IS"]);
    for h in sorted.iter().take(ENIS_SHOWN_MAX) {
        table.add_row([
            fit(&safe(&h.eni.eni), 22),
            h.tier.as_str().to_owned(),
            limit(h.new_bytes),
            h.known_bytes.map_or_else(|| "-".to_owned(), limit),
            fit(&safe(h.known_destination.as_deref().unwrap_or("-")), 20),
        ]);
    }
    let _ = writeln!(out, "{}", table.trim_fmt());
    if let Some(more) = sorted.len().checked_sub(ENIS_SHOWN_MAX).filter(|more| *more > 0) {
        let _ = writeln!(out, "+{more} more with less: --format json");
    }
}

fn limit(limit_bytes: u64) -> String {
    if limit_bytes == PROBE_BYTES_MAX { format!("> {}", bytes(limit_bytes)) } else { bytes(limit_bytes) }
}

fn json(before: &[Alert], after: &Rescored, comparison: &Comparison<'_>, config: &Config) -> Value {
    let rates = |alerts: &[Alert]| {
        let rates = Rates::of(alerts, after.days);
        let by_severity: serde_json::Map<String, Value> = Rates::SEVERITIES
            .iter()
            .zip(rates.per_day)
            .map(|(severity, per_day)| (severity.as_str().to_owned(), json!(per_day)))
            .collect();
        json!({
            "told_per_day": rates.told_per_day(),
            "told_per_day_by_severity": by_severity,
            "told_per_day_by_budget": rates.budget_per_day,
            "kept_back_per_day": rates.kept_back_per_day,
        })
    };
    let changes = |changes: &[Change<'_>]| -> Vec<Value> {
        let side = |alert: &Alert| {
            json!({
                "severity": alert.severity, "score": alert.score,
                "emitted": alert.emitted, "emitted_reason": alert.emitted_reason,
            })
        };
        let one = |change: &Change<'_>| {
            let alert = change.alert();
            json!({
                "id": alert.id, "account": alert.account, "region": alert.region, "eni": alert.eni,
                "destination": alert.destination, "window_start": alert.window_start,
                "egress_bytes": alert.egress_bytes,
                "before": change.before.map(side), "after": change.after.map(side),
            })
        };
        changes.iter().map(one).collect()
    };
    let thresholds: Vec<Value> = after
        .thresholds
        .iter()
        .map(|(day, threshold)| json!({ "date": day.date().to_string(), "threshold_bits": threshold.0 }))
        .collect();
    let headroom = |h: &Headroom| {
        json!({
            "account": h.eni.account, "region": h.eni.region, "eni": h.eni.eni, "tier": h.tier.as_str(),
            "new_bytes": h.new_bytes, "known_bytes": h.known_bytes, "known_destination": h.known_destination,
        })
    };
    json!({
        "schema": "outflow.backtest.v1",
        "config_hash": config.hash(),
        "days": after.days,
        "enis": after.enis,
        "budget_per_day": budget(config, after.enis),
        "before": rates(before),
        "after": rates(&after.alerts),
        "gained": changes(&comparison.gained),
        "lost": changes(&comparison.lost),
        "moved": changes(&comparison.moved),
        "same": comparison.same,
        "thresholds": thresholds,
        "headroom_bytes_max": PROBE_BYTES_MAX,
        "headroom": after.headroom.iter().map(headroom).collect::<Vec<_>>(),
    })
}
