//! `outflow scan`: lists and prunes the inputs, scans them, prints alerts and the summary.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use super::args::{Format, ScanArgs};
use super::progress::{self, INTERRUPTED, Meter};
use super::render::render;
use super::summary::summary;
use super::term::{Output, Term};
use super::text::{bytes, plural, safe};
use super::when::minute;
use crate::alert::{Alert, Severity};
use crate::config::Config;
use crate::error::Error;
use crate::scan::{ScanOptions, ScanReport, scan};
use crate::source::{self, Listing, OBJECT_SECONDS, ObjectRef, Pruned, S3Inputs};

/// Exit code when objects failed or could not be listed.
const PARTIAL: u8 = 3;

pub(super) fn run(args: &ScanArgs, config: &Config, term: Term) -> Result<u8, Error> {
    let mut local = args.inputs.clone();
    let remote = S3Inputs::take(&mut local, &args.s3.over(&config.s3))?;
    let mut listing = source::list(&local)?;
    let (from, to) = time_range(args, &listing.objects, &remote)?;
    remote.list(from, to, &mut listing)?;
    let pruned = source::prune(&mut listing.objects, from, to);
    report_listing(&listing, term);
    if args.dry_run {
        term.print(&plan(&listing, pruned, from, to))?;
        return Ok(if listing.unreadable.is_empty() { 0 } else { PARTIAL });
    }
    let output = Output::open(args.output.out.as_deref(), args.output.force)?;
    let config = with_overrides(args, config);
    let options = ScanOptions {
        from,
        to,
        threads: args.threads.map_or_else(all_threads, usize::from),
        lake: args.lake.clone(),
    };
    let unreadable = !listing.unreadable.is_empty();
    let report = measured_scan(listing.objects, &config, &options, term, |report| {
        let shown = match args.output.format {
            Format::Table => by_weight(&report.alerts, args.all),
            Format::Jsonl | Format::Csv => {
                report.alerts.iter().filter(|alert| args.all || alert.emitted).collect()
            }
        };
        output.finish(&render(&shown, args.output.format), term)
    })?;
    Ok(exit_code(&report, args.fail_on, unreadable))
}

/// Scans, hands the report to `print`, and closes with the summary.
pub(super) fn measured_scan(
    objects: Vec<ObjectRef>,
    config: &Config,
    options: &ScanOptions,
    term: Term,
    print: impl FnOnce(&ScanReport) -> Result<(), Error>,
) -> Result<ScanReport, Error> {
    progress::catch_interrupts();
    let meter = Meter::new(term, objects.len() as u64, objects.iter().map(|object| object.bytes).sum());
    let start = progress::now();
    let result = scan(objects, config, options, &meter);
    meter.finish();
    let report = result?;
    let took = progress::now().duration_since(start);
    print(&report)?;
    term.say(&summary(&report, took, term.verbose));
    Ok(report)
}

/// The alerts as people read them: told before kept back, then by severity, score and id.
pub(super) fn by_weight(alerts: &[Alert], all: bool) -> Vec<&Alert> {
    let mut shown: Vec<&Alert> = alerts.iter().filter(|alert| all || alert.emitted).collect();
    shown.sort_by(|a, b| {
        let weight = |alert: &Alert| (alert.emitted, alert.severity);
        weight(b).cmp(&weight(a)).then(b.score.total_cmp(&a.score)).then_with(|| a.id.cmp(&b.id))
    });
    shown
}

/// All cores this process may use.
pub(super) fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn with_overrides(args: &ScanArgs, config: &Config) -> Config {
    let mut config = config.clone();
    if let Some(names) = &args.format_fields {
        config.input.format_fields = Some(crate::config::field_names(names));
    }
    if let Some(minutes) = args.lateness {
        config.input.lateness_minutes = minutes;
    }
    config
}

/// The event time asked for, Unix seconds, half open.
fn time_range(
    args: &ScanArgs,
    local: &[ObjectRef],
    remote: &S3Inputs,
) -> Result<(Option<i64>, Option<i64>), Error> {
    if let Some(span) = args.last {
        let Some(end) = source::newest_end_second(local).max(remote.newest_end_second()?) else {
            return Err(Error::usage(
                "--last needs inputs whose file names carry a time, as AWS names them",
                "use --from TIME instead",
            ));
        };
        return Ok((Some(end - span), None));
    }
    let (from, to) = (args.from.map(|when| when.second), args.to.map(|when| when.second));
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(Error::usage(
            format!("--from {} is not before --to {}", minute(from), minute(to)),
            "--to is left out itself: for one day use --from that day --to the next",
        )),
        range => Ok(range),
    }
}

fn report_listing(listing: &Listing, term: Term) {
    if listing.repeated > 0 {
        term.say(&format!("note: {} given more than once, read once", plural(listing.repeated, "input")));
    }
    if listing.folders_of_other_services > 0 {
        let folders = plural(listing.folders_of_other_services, "folder");
        term.say(&format!("note: {folders} in S3 left out, of services other than VPC Flow Logs"));
    }
    for entry in &listing.unreadable {
        term.must_say(&format!("warning: left out, cannot be listed: {}", safe(entry)));
    }
}

/// What a dry run prints.
fn plan(listing: &Listing, pruned: Pruned, from: Option<i64>, to: Option<i64>) -> String {
    let objects = &listing.objects;
    let object_bytes: u64 = objects.iter().map(|object| object.bytes).sum();
    let mut times: Vec<i64> =
        objects.iter().filter_map(|o| o.key.as_ref()).map(|key| key.time_second).collect();
    let without_time = objects.len() - times.len();
    times.sort_unstable();
    let edge = |second: Option<i64>, open: &str| second.map_or_else(|| open.to_owned(), minute);
    let mut out = String::new();
    let _ = writeln!(out, "would read  {}, {}", plural(objects.len() as u64, "object"), bytes(object_bytes));
    let left_out = plural(pruned.objects, "object");
    let _ =
        writeln!(out, "leaves out  {left_out}, {} (outside the time asked for)", bytes(pruned.object_bytes));
    if listing.folders_of_other_time > 0 {
        let folders = plural(listing.folders_of_other_time, "folder");
        let _ = writeln!(out, "not listed  {folders} in S3 (outside the time asked for)");
    }
    let _ = writeln!(out, "time asked  {} to {} UTC", edge(from, "the beginning"), edge(to, "the end"));
    if let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) {
        let mut hours: Vec<i64> = times.iter().map(|time| time.div_euclid(3600)).collect();
        hours.dedup();
        let span = (last.div_euclid(3600) - first.div_euclid(3600) + 1) as u64;
        let held = plural(hours.len() as u64, "hour");
        let _ = writeln!(
            out,
            "hours       {held} of {span}, {} to {} UTC",
            minute(first),
            minute(last + OBJECT_SECONDS)
        );
    }
    if without_time > 0 {
        let _ =
            writeln!(out, "no time     {} without a time in the name", plural(without_time as u64, "object"));
    }
    out
}

fn exit_code(report: &ScanReport, fail_on: Option<Severity>, unreadable: bool) -> u8 {
    let reached = fail_on
        .is_some_and(|least| report.alerts.iter().any(|alert| alert.emitted && alert.severity >= least));
    match report.seen.objects_failed {
        _ if report.seen.stopped => INTERRUPTED,
        _ if reached => 1,
        failed if failed > 0 || unreadable => PARTIAL,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::alert;
    use super::*;
    use crate::scan::Seen;

    fn report(objects_failed: u64, stopped: bool, alerts: Vec<Alert>) -> ScanReport {
        ScanReport { seen: Seen { objects_failed, stopped, ..Seen::default() }, alerts }
    }

    #[test]
    fn exit_codes_follow_the_contract() {
        let loud = || vec![alert("a", Severity::High, true)];
        let quiet = || vec![alert("a", Severity::Critical, false)];
        let high = Some(Severity::High);
        assert_eq!(exit_code(&report(0, false, loud()), None, false), 0);
        assert_eq!(exit_code(&report(0, false, loud()), high, false), 1);
        assert_eq!(exit_code(&report(0, false, loud()), Some(Severity::Critical), false), 0);
        assert_eq!(exit_code(&report(0, false, quiet()), high, false), 0, "only what was emitted counts");
        assert_eq!(exit_code(&report(2, false, quiet()), high, false), 3);
        assert_eq!(exit_code(&report(0, false, quiet()), high, true), 3);
        assert_eq!(exit_code(&report(2, false, loud()), high, false), 1);
        assert_eq!(exit_code(&report(2, true, loud()), high, false), 130);
    }
}
