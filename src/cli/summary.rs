//! The closing words: what was seen before what was found.
//!
//! "Nothing found" means little by itself. It is only said together with how much was looked at.

use std::fmt::Write as _;
use std::time::Duration;

use super::render::WIDTH;
use super::term::BOLD;
use super::text::{bytes, count, plural, safe, wrap};
use super::unread::reads_nothing;
use super::when::minute;
use crate::alert::Severity;
use crate::record::{SkipReason, SkipSample};
use crate::scan::{ScanReport, Seen, SeenFindings};
use crate::window::Day;

/// Failed objects and unknown columns named unless all are asked for.
const NAMED_MAX: usize = 5;
const INDENT: usize = 11;

/// The summary of a scan that took `took`. `all` names every failed object and unknown column.
pub(super) fn summary(report: &ScanReport, took: Duration, all: bool) -> String {
    let seen = &report.seen;
    let mut out = seen_only(seen, took, all) + &kept_days(&report.kept_days);
    if report.found.suppressed > 0 {
        let hits = report.suppressed.iter().map(|(id, hits)| format!("{id} {}", count(*hits)));
        let hits = hits.collect::<Vec<_>>().join(", ");
        let text =
            format!("{} hidden (--all shows them): {hits}", plural(report.found.suppressed, "incident"));
        line(&mut out, "known", &text);
    }
    let _ = write!(out, "{BOLD}Found{BOLD:#}\n{}", wrap(&found(report), WIDTH, 2));
    if is_learning(seen) {
        let text = "All interfaces are still learning: in less than 3 days of history nearly everything is new, and \
                    only what is HIGH by rule is told. Where there is a past, read it: --last 30d, and \
                    --alerts-last 1d to be told of a day only. For logs that have none: --retrospective";
        let _ = write!(out, "\n{}", wrap(text, WIDTH, 2));
    }
    out
}

/// Whether no baseline is old enough to score with.
fn is_learning(seen: &Seen) -> bool {
    seen.enis_learning > 0 && seen.enis_young + seen.enis_mature == 0
}

/// The first half of it: what was seen.
pub(super) fn seen_only(seen: &Seen, took: Duration, all: bool) -> String {
    let mut out = format!("{BOLD}Seen{BOLD:#}\n");
    line(&mut out, "objects", &objects(seen));
    line(&mut out, "records", &records(seen, took));
    if seen.late_records > seen.records / 2 {
        let late = "most records came in objects named long after their hour had ended (30 minutes, or \
                    --lateness), so they are in no sums; where all is delivered so late: --lateness 6h";
        line(&mut out, "late", late);
    }
    line(&mut out, "hours", &hours(seen));
    line(&mut out, "ENIs", &enis(seen));
    let traffic =
        format!("{} sent, {} received by instances", bytes(seen.egress_bytes), bytes(seen.ingress_bytes));
    line(&mut out, "traffic", &traffic);
    if let Some(findings) = &seen.findings {
        line(&mut out, "findings", &guardduty(findings));
    }
    if seen.rolled_up_eni_hours > 0 {
        let limit = format!(
            "{} held more destinations than can be kept apart; they were counted by prefix",
            plural(seen.rolled_up_eni_hours, "ENI-hour")
        );
        line(&mut out, "limits", &limit);
    }
    skipped(&mut out, seen);
    let failed = seen.failed.iter().map(|(name, error)| format!("{name}: {error}"));
    named(&mut out, "failed", seen.objects_failed, failed, all);
    let unknown = seen.unknown_columns.iter().map(|name| format!("column {name}"));
    named(&mut out, "unknown", unknown.len() as u64, unknown, all);
    out
}

/// Days of the lake that were not written; nothing when all were.
pub(super) fn kept_days(days: &[Day]) -> String {
    let mut out = String::new();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return out };
    let which = if first == last {
        format!("1 day as it was ({})", first.date())
    } else {
        format!("{} as they were ({} to {})", plural(days.len() as u64, "day"), first.date(), last.date())
    };
    let text = format!(
        "kept {which}: made from more objects or a longer past; --replace-days writes {} anyway",
        if days.len() == 1 { "it" } else { "them" }
    );
    line(&mut out, "lake", &text);
    out
}

fn line(out: &mut String, name: &str, value: &str) {
    let wrapped = wrap(&safe(value), WIDTH, INDENT);
    let name = format!("  {name:<9}");
    let _ = writeln!(out, "{name}{}", wrapped.trim_start());
}

fn objects(seen: &Seen) -> String {
    let mut text = format!("{} read ({}", count(seen.objects), bytes(seen.object_bytes));
    if seen.text_bytes > 0 {
        let _ = write!(text, ", {} of text", bytes(seen.text_bytes));
    }
    let _ = write!(text, "), {} failed", count(seen.objects_failed));
    if seen.objects_of_other_time > 0 {
        let _ = write!(text, ", {} outside the time asked for", count(seen.objects_of_other_time));
    }
    if seen.stopped {
        text.push_str("; stopped before the end");
    }
    text
}

fn records(seen: &Seen, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(1e-3);
    let rate = (seen.records as f64 / seconds) as u64;
    let mut text = format!("{} in {seconds:.1} s ({} per second)", count(seen.records), count(rate));
    for (number, what) in [
        (seen.no_data, "NODATA"),
        (seen.skip_data, "SKIPDATA (lost by AWS)"),
        (seen.late_records, "too late"),
    ] {
        if number > 0 {
            let _ = write!(text, ", {} {what}", count(number));
        }
    }
    text
}

fn hours(seen: &Seen) -> String {
    let (Some(first), Some(last)) = (seen.first_second, seen.last_second) else {
        return "none".to_owned();
    };
    let span = (last.div_euclid(3600) - first.div_euclid(3600) + 1).max(0) as u64;
    let mut text = format!(
        "{} of {} with records, {} to {} UTC",
        count(seen.hours),
        count(span),
        minute(first),
        minute(last)
    );
    if seen.missing_objects > 0 {
        let _ = write!(text, "; {} missing", plural(seen.missing_objects, "five-minute object"));
    }
    text
}

fn enis(seen: &Seen) -> String {
    let mut text = format!(
        "{}: {} learning, {} young, {} mature",
        count(seen.enis),
        count(seen.enis_learning),
        count(seen.enis_young),
        count(seen.enis_mature)
    );
    if seen.relays > 0 {
        let _ = write!(text, "; {} not baselined", plural(seen.relays, "relay"));
    }
    text
}

/// What became of GuardDuty's findings.
fn guardduty(seen: &SeenFindings) -> String {
    let tally = &seen.tally;
    let mut text = format!(
        "{} of GuardDuty in {}; {} in alerts",
        count(seen.distinct),
        plural(seen.objects, "object"),
        count(seen.in_alerts)
    );
    for (number, what) in [
        (tally.without_network, "without a remote end"),
        (tally.samples, "samples left out"),
        (tally.others, "entries that are no findings"),
        (seen.foreign_objects, "objects of something else"),
        (seen.over_limit, "left out over the limit"),
        (tally.skipped, "damaged"),
    ] {
        if number > 0 {
            let _ = write!(text, ", {} {what}", count(number));
        }
    }
    if let Some((object, skipped)) = &seen.first_skipped {
        let _ = write!(text, ", first: {object} line {}: {}", skipped.line, skipped.detail);
    }
    text
}

fn skipped(out: &mut String, seen: &Seen) {
    let total: u64 = seen.skipped.iter().sum();
    if total == 0 {
        line(out, "skipped", "no lines");
        return;
    }
    line(out, "skipped", &format!("{} of {}", plural(total, "line"), count(seen.lines)));
    for reason in SkipReason::ALL {
        let number = seen.skipped[reason as usize];
        if number == 0 {
            continue;
        }
        let sample = seen.skip_samples.iter().find(|(_, sample)| sample.reason == reason);
        let place = sample.map(|(object, sample)| format!(", first: {}", located(object, sample)));
        let text = format!("{} {}{}", count(number), reason.as_str(), place.unwrap_or_default());
        let _ = writeln!(out, "{}", wrap(&safe(&text), WIDTH, INDENT));
    }
}

fn located(object: &str, sample: &SkipSample) -> String {
    let field = sample.field.map(|field| format!("`{field}`: ")).unwrap_or_default();
    format!("{object} line {} (byte {}): {field}\"{}\"", sample.line, sample.byte, sample.text)
}

/// Names what is known of `number` items: all of it, or the first few.
fn named(out: &mut String, name: &str, number: u64, items: impl ExactSizeIterator<Item = String>, all: bool) {
    let known = items.len();
    let shown = if all { known } else { known.min(NAMED_MAX) };
    for (at, item) in items.take(shown).enumerate() {
        line(out, if at == 0 { name } else { "" }, &item);
    }
    let more = count(number - shown as u64);
    if shown < known {
        let all_known = if known as u64 == number { "all".to_owned() } else { count(known as u64) };
        line(out, "", &format!("and {more} more; -v names {all_known}"));
    } else if more != "0" {
        line(out, "", &format!("and {more} more"));
    }
}

fn found(report: &ScanReport) -> String {
    let (seen, found) = (&report.seen, &report.found);
    if reads_nothing(seen) && found.emitted() == 0 {
        return "nothing could be read, so nothing is known".to_owned();
    }
    let back = if found.kept_back > 0 {
        format!("; {} kept back (--all shows them)", plural(found.kept_back, "weaker incident"))
    } else {
        String::new()
    };
    let earlier = if found.earlier > 0 {
        format!("; {} decided before --alerts-last", plural(found.earlier, "incident"))
    } else {
        String::new()
    };
    if found.emitted() == 0 {
        let looked = plural(seen.scored_windows, "window");
        let of = plural(seen.eni_hours, "ENI-hour");
        return format!("nothing to report, after scoring {looked} of {of}{back}{earlier}");
    }
    let all = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
    let by: Vec<_> = all
        .iter()
        .map(|severity| (found.emitted_as(*severity), severity.as_str()))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    format!("{}: {}{back}{earlier}", plural(found.emitted(), "incident"), by.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::alert;
    use super::*;
    use crate::record::ObjectError;

    #[test]
    fn a_scan_of_hours_says_that_it_is_learning_and_what_to_do() {
        let text = |learning, young| {
            let seen = Seen { enis_learning: learning, enis_young: young, ..Seen::default() };
            summary(&ScanReport { seen, ..ScanReport::default() }, Duration::from_secs(1), false)
        };
        assert!(text(3, 0).contains("still learning") && text(3, 0).contains("--retrospective"));
        assert!(!text(3, 1).contains("--retrospective") && !text(0, 0).contains("--retrospective"));
    }

    #[test]
    fn mostly_late_says_what_late_means_and_what_to_do() {
        let text = |late_records| {
            let seen = Seen { records: 10, late_records, ..Seen::default() };
            seen_only(&seen, Duration::from_secs(1), false)
        };
        assert!(text(6).contains("--lateness") && !text(5).contains("--lateness"));
    }

    fn report() -> ScanReport {
        let mut seen = Seen {
            objects: 288,
            objects_failed: 7,
            object_bytes: 5 << 20,
            text_bytes: 50 << 20,
            lines: 1000,
            records: 990,
            skip_data: 2,
            first_second: Some(1_772_323_260),
            last_second: Some(1_772_409_000),
            hours: 23,
            enis: 10,
            enis_learning: 3,
            enis_mature: 7,
            missing_objects: 1,
            scored_windows: 40,
            eni_hours: 230,
            ..Seen::default()
        };
        seen.skipped[SkipReason::BadNumber as usize] = 8;
        let sample = SkipSample {
            reason: SkipReason::BadNumber,
            line: 4182,
            byte: 611_004,
            field: Some("bytes"),
            text: "1e9\x1b".into(),
        };
        seen.skip_samples.push(("a.log.gz".into(), sample));
        seen.failed = (0..7).map(|n| (format!("{n}.gz"), ObjectError::Io("gone".into()))).collect();
        ScanReport { seen, ..ScanReport::default() }
    }

    fn plain(report: &ScanReport, all: bool) -> String {
        anstream::adapter::strip_str(&summary(report, Duration::from_secs(2), all)).to_string()
    }

    #[test]
    fn seen_comes_before_found_and_lines_are_located() {
        let text = plain(&report(), false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn verbose_names_every_failed_object() {
        assert!(!plain(&report(), false).contains("6.gz"));
        assert!(plain(&report(), true).contains("6.gz: cannot read: gone"));
    }

    #[test]
    fn failed_objects_beyond_those_kept_are_counted() {
        let mut report = report();
        report.seen.objects_failed = 2_000;
        assert!(plain(&report, false).contains("and 1,995 more; -v names 7"));
        assert!(plain(&report, true).contains("and 1,993 more\n"));
    }

    #[test]
    fn incidents_are_counted_by_severity() {
        let mut report = report();
        for (severity, emitted) in
            [(Severity::High, true), (Severity::Medium, true), (Severity::High, true), (Severity::Low, false)]
        {
            report.found.note(&alert("a", severity, emitted));
        }
        let text = found(&report);
        assert_eq!(text, "3 incidents: 2 HIGH, 1 MEDIUM; 1 weaker incident kept back (--all shows them)");
    }
}
