//! `outflow demo`: hides exfiltration in a simulated fleet, scans it, and lays what was found
//! beside what was hidden. Needs nothing and uses no network.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::answers::answers;
use super::args::DemoArgs;
use super::progress::INTERRUPTED;
use super::render::{Block, Weight, head};
use super::scan::{all_threads, measured_scan};
use super::simulate::{create_folder, hidden, make_plan, refuse_full, write, write_findings};
use super::summary::summary;
use super::term::{BOLD, Output, Term};
use super::text::{bytes, plural};
use crate::alert::Alert;
use crate::config::Config;
use crate::error::Error;
use crate::eval::{Case, read_labels};
use crate::lake::Lake;
use crate::report::ReportOptions;
use crate::scan::{ObjectRef, ScanOptions, read_finding_objects};
use crate::simulate::{SimFormat, SimulateOptions, labels_csv};

/// Interfaces: enough for each role to have peers to be compared with.
const ENIS: u32 = 30;
/// Four weeks to learn from and one to be attacked in.
const DAYS: u32 = 35;
/// The first day of attacks.
const ATTACK_FROM_DAY: u32 = 28;
/// A calm fleet, so that the demo takes seconds.
const DENSITY: f64 = 0.25;

pub(super) fn run(args: &DemoArgs, config: &Config, term: Term) -> Result<u8, Error> {
    let plan = make_plan(&SimulateOptions {
        seed: args.seed,
        enis: ENIS,
        days: DAYS,
        attack_from_day: ATTACK_FROM_DAY,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: DENSITY,
        attacks_per_family: 1,
        ..SimulateOptions::default()
    })?;
    let root = folder(args.dir.as_deref())?;
    let labels_path = root.join("labels.csv");
    let hidden = hidden(&plan);
    term.say(&format!(
        "Simulating {ENIS} interfaces over {DAYS} days, with {} and {} (seed {})",
        plural(hidden.attacks, "hidden attack"),
        plural(hidden.look_alikes, "benign look-alike"),
        args.seed
    ));
    let Some(written) = write(&plan, &root, term)? else { return Ok(INTERRUPTED) };
    let mut sheet = Output::open(Some(&labels_path), true, term)?;
    let labels = labels_csv(&plan.labels);
    sheet.write(&labels)?;
    sheet.finish()?;
    let findings = write_findings(&plan, &root, true, term)?;
    let text = format!("{} of text", bytes(written.text_bytes));
    term.say(&format!("Scanning {} ({text})", plural(written.records, "record")));

    let lake = root.join("lake");
    let options = ScanOptions {
        from: None,
        to: None,
        alerts_from: None,
        threads: all_threads(),
        lake: Some(lake.clone()),
        replace_days: false,
        findings: Some(read_finding_objects(&listed(&findings)?)),
    };
    let objects = listed(&root.join("AWSLogs"))?;
    // All of them: five weeks of a small fleet have an end.
    let mut alerts: Vec<Alert> = Vec::new();
    let (report, took) = measured_scan(objects, config, &options, term, &mut |found| {
        alerts.extend_from_slice(found);
        Ok(())
    })?;
    alerts.sort_by(|a, b| Weight::of(a).reading_order(&Weight::of(b)));
    let cases = read_labels(labels.as_bytes()).expect("the columns that were just written");
    term.print(&found_and_hidden(&alerts, &cases))?;
    term.say(&summary(&report, took, term.verbose));
    if report.seen.stopped {
        return Ok(INTERRUPTED);
    }
    let page = root.join("report.html");
    let output = Output::open(Some(&page), true, term)?;
    super::report::write(&Lake::open(&lake)?, &ReportOptions::default(), config, output)?;
    term.say(&next_steps(&root, &lake, &page, alerts.iter().find(|alert| alert.emitted)));
    Ok(0)
}

/// The objects under a path of our own.
fn listed(path: &Path) -> Result<Vec<ObjectRef>, Error> {
    Ok(crate::source::list(&[path.to_string_lossy().into_owned()])?.objects)
}

/// What was told, and beside it what was hidden. `alerts` in the order people read.
fn found_and_hidden(alerts: &[Alert], cases: &[Case]) -> String {
    let mut out = format!("{BOLD}Found{BOLD:#}\n");
    let mut told = alerts.iter().filter(|alert| alert.emitted).peekable();
    if told.peek().is_some() {
        out += &head();
    }
    told.for_each(|alert| out += &Block::new(alert).text);
    let _ = write!(out, "\n{BOLD}Hidden{BOLD:#}\n{}\n", answers(cases, alerts));
    out
}

/// The folder to work in, new or empty.
fn folder(dir: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(dir) = dir {
        refuse_full(dir, false).map_err(|_| {
            Error::usage(format!("{} is not empty", dir.display()), "name a folder that is empty or absent")
        })?;
        create_folder(dir)?;
        return Ok(dir.to_owned());
    }
    let name = format!("outflow-demo-{}", std::process::id());
    let root = std::env::temp_dir().join(name);
    // Not `create_dir_all`: a folder prepared by somebody else is not ours to write to.
    std::fs::create_dir(&root)
        .map_err(|source| super::term::write_error(&root.display().to_string(), source))?;
    Ok(root)
}

fn next_steps(root: &Path, lake: &Path, page: &Path, first: Option<&Alert>) -> String {
    let mut out = format!(
        "{BOLD}Next{BOLD:#}\n  open {} in a browser\n  everything is in {}\n",
        page.display(),
        root.display()
    );
    if let Some(alert) = first {
        let _ = writeln!(out, "  outflow explain {} --lake {}", alert.id, lake.display());
    }
    let files = lake.join("hourly").join("**").join("*.parquet");
    let _ = write!(
        out,
        "  duckdb -c \"SELECT eni, peer, sum(egress_bytes) AS bytes FROM '{}' WHERE class = 'instance' \
         GROUP BY ALL ORDER BY bytes DESC LIMIT 10\"",
        files.display()
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(folder(Some(dir.path())).unwrap(), dir.path());
        std::fs::write(dir.path().join("x"), "x").unwrap();
        assert!(folder(Some(dir.path())).is_err());
    }
}
