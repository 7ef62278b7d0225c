//! `outflow scan`: lists and prunes the inputs, scans them, prints alerts and the summary.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::args::ScanArgs;
use super::findings::FindingInputs;
use super::printer::Printer;
use super::progress::{self, INTERRUPTED, Meter};
use super::publish::Publisher;
use super::retrospective;
use super::summary::summary;
use super::term::Term;
use super::text::{bytes, plural, safe};
use super::unread;
use super::when::minute;
use crate::alert::Severity;
use crate::config::{Config, S3};
use crate::error::Error;
use crate::scan::{OnAlerts, ScanOptions, ScanReport, scan};
use crate::source::{self, Listing, OBJECT_SECONDS, ObjectRef, Pruned, S3Inputs, Source};

/// Exit code when objects failed or could not be listed, nothing in them could be read, a limit cost
/// detail, or alerts were not delivered.
const PARTIAL: u8 = 3;

const NEEDS_TIMES: &str = "needs inputs whose file names carry a time, as AWS names them";

pub(super) fn run(args: &ScanArgs, config: &Config, term: Term) -> Result<u8, Error> {
    let mut local = args.inputs.clone();
    let aws = args.s3.over(&config.s3);
    let remote = S3Inputs::take(&mut local, &aws)?;
    let mut listing = source::list(&local)?;
    let (from, to) = time_range(args, &listing.objects, &remote)?;
    remote.list(from, to, &mut listing)?;
    let covered = covered(&listing.objects);
    let pruned = source::prune(&mut listing.objects, from, to);
    report_listing(&listing, term);
    let finding_paths = if args.guardduty.is_empty() { &config.input.guardduty } else { &args.guardduty };
    let findings = FindingInputs::list(finding_paths, &aws, from)?;
    report_listing(&findings.listing, term);
    if [&listing, &findings.listing].iter().all(|l| l.objects.iter().any(|o| o.path == Source::Stdin)) {
        return Err(Error::usage(
            "the standard input cannot be both flow logs and findings",
            "name a file for one of them",
        ));
    }
    let alerts_from = alerts_from(args, &listing.objects)?;
    let unreadable = !listing.unreadable.is_empty() || !findings.listing.unreadable.is_empty();
    if args.dry_run {
        let mut text = plan(&listing, pruned, from, to);
        if let Some(second) = alerts_from {
            let _ = writeln!(text, "alerts from {} UTC", minute(second));
        }
        text += &findings.plan();
        term.print(&text)?;
        return Ok(if unreadable { PARTIAL } else { 0 });
    }
    if listing.objects.is_empty() && pruned.objects > 0 {
        return Err(none_of_that_time(covered));
    }
    let config = with_overrides(args, config, aws.clone());
    let has_format = config.input.format_fields.is_some();
    if args.retrospective {
        let options = ScanOptions {
            from,
            to,
            alerts_from: None,
            threads: args.threads.map_or_else(all_threads, usize::from),
            lake: args.lake.clone(),
            replace_days: args.replace_days,
            findings: None,
        };
        let seen = retrospective::run(args, listing.objects, pruned, &config, &options, term)?;
        unread::warn(&seen, has_format, term);
        return Ok(exit_code(&ScanReport { seen, ..ScanReport::default() }, None, unreadable));
    }
    let mut publisher = Publisher::open(&args.publish, &aws, term)?;
    let mut printer = Printer::open(args, term)?;
    let options = ScanOptions {
        from,
        to,
        alerts_from,
        threads: args.threads.map_or_else(all_threads, usize::from),
        lake: args.lake.clone(),
        replace_days: args.replace_days,
        findings: findings.read()?,
    };
    let scanned = measured_scan(listing.objects, &config, &options, term, &mut |found| {
        // Neither may keep alerts from the other.
        let printed = printer.take(found);
        publisher.take(found).and(printed)
    });
    let printed = scanned.and_then(|(mut report, took)| {
        report.seen.objects_of_other_time = pruned.objects;
        printer.finish(report.seen.stopped)?;
        term.say(&summary(&report, took, term.verbose));
        unread::warn(&report.seen, has_format, term);
        Ok(report)
    });
    let is_delivered = publisher.finish(term);
    match printed {
        Ok(report) => Ok(exit_code(&report, args.fail_on, unreadable || !is_delivered)),
        Err(error) if error.is_broken_pipe() && !is_delivered => Ok(PARTIAL),
        Err(error) => Err(error),
    }
}

/// Scans, hands each day's alerts to `on_alerts`, and says how long it took.
pub(super) fn measured_scan(
    objects: Vec<ObjectRef>,
    config: &Config,
    options: &ScanOptions,
    term: Term,
    on_alerts: &mut OnAlerts<'_>,
) -> Result<(ScanReport, Duration), Error> {
    progress::catch_interrupts();
    let meter = Meter::new(term, objects.len() as u64, objects.iter().map(|object| object.bytes).sum());
    let start = progress::now();
    let result = scan(objects, config, options, &meter, &mut |found| meter.step_aside(|| on_alerts(found)));
    meter.finish();
    Ok((result?, progress::now().duration_since(start)))
}

/// All cores this process may use.
pub(super) fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn with_overrides(args: &ScanArgs, config: &Config, aws: S3) -> Config {
    let mut config = Config { s3: aws, ..config.clone() };
    if let Some(names) = &args.format_fields {
        config.input.format_fields = Some(crate::config::field_names(names));
    }
    if let Some(minutes) = args.lateness {
        config.input.lateness_minutes = minutes;
    }
    args.tables.over(&mut config);
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
            return Err(Error::usage(format!("--last {NEEDS_TIMES}"), "use --from TIME instead"));
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

/// First second of event time whose alerts are told, if not all are. `objects` are those to read.
fn alerts_from(args: &ScanArgs, objects: &[ObjectRef]) -> Result<Option<i64>, Error> {
    let Some(span) = args.alerts_last.filter(|_| !objects.is_empty()) else { return Ok(None) };
    let end = source::newest_end_second(objects).ok_or_else(|| {
        Error::usage(format!("--alerts-last {NEEDS_TIMES}"), "leave it out: all alerts are told then")
    })?;
    Ok(Some(end - span))
}

/// The time that the names of objects span, Unix seconds, half open.
fn covered(objects: &[ObjectRef]) -> Option<(i64, i64)> {
    let first = objects.iter().filter_map(|object| object.key.as_ref()).map(|key| key.time_second).min();
    first.zip(source::newest_end_second(objects))
}

fn none_of_that_time(covered: Option<(i64, i64)>) -> Error {
    let span = covered
        .map(|(first, end)| format!(": they cover {} to {} UTC", minute(first), minute(end)))
        .unwrap_or_default();
    Error::usage(
        format!("no object of the inputs lies in that time{span}"),
        "give another --from and --to; --dry-run shows what they leave",
    )
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

fn exit_code(report: &ScanReport, fail_on: Option<Severity>, something_missing: bool) -> u8 {
    let seen = &report.seen;
    let is_partial = seen.objects_failed > 0 || seen.rolled_up_eni_hours > 0 || unread::reads_nothing(seen);
    match fail_on {
        _ if seen.stopped => INTERRUPTED,
        Some(least) if report.found.reaches(least) => 1,
        _ if is_partial || something_missing => PARTIAL,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::alert;
    use super::*;
    use crate::scan::{Found, Seen};

    fn report(objects_failed: u64, stopped: bool, severity: Severity, emitted: bool) -> ScanReport {
        let mut found = Found::default();
        found.note(&alert("a", severity, emitted));
        let seen = Seen { objects_failed, stopped, ..Seen::default() };
        ScanReport { seen, found, ..ScanReport::default() }
    }

    #[test]
    fn exit_codes_follow_the_contract() {
        let loud = |failed, stopped| report(failed, stopped, Severity::High, true);
        let quiet = |failed| report(failed, false, Severity::Critical, false);
        let high = Some(Severity::High);
        assert_eq!(exit_code(&loud(0, false), None, false), 0);
        assert_eq!(exit_code(&loud(0, false), high, false), 1);
        assert_eq!(exit_code(&loud(0, false), Some(Severity::Low), false), 1);
        assert_eq!(exit_code(&loud(0, false), Some(Severity::Critical), false), 0);
        assert_eq!(exit_code(&quiet(0), high, false), 0, "only what was emitted counts");
        assert_eq!(exit_code(&quiet(2), high, false), 3);
        assert_eq!(exit_code(&quiet(0), high, true), 3);
        assert_eq!(exit_code(&loud(2, false), high, false), 1);
        assert_eq!(exit_code(&loud(2, true), high, false), 130);
        let mut cut = quiet(0);
        cut.seen.rolled_up_eni_hours = 1;
        assert_eq!(exit_code(&cut, high, false), 3, "a limit cost detail");
    }
}
