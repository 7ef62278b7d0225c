//! `outflow explain ID --replay`: computes the alert's day again, compares, and says what changed.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::explain_args::ReplayArgs;
use super::findings::FindingInputs;
use super::progress::{self, INTERRUPTED, Meter};
use super::render::WIDTH;
use super::scan::all_threads;
use super::term::{BOLD, Term};
use super::text::{bytes, fit, plural, safe, wrap};
use crate::alert::Alert;
use crate::config::Config;
use crate::detect::Threshold;
use crate::error::Error;
use crate::lake::{Lake, StoredObject};
use crate::replay::{
    Cause, Change, ReplayOptions, Replayed, Verdict, compare, named_by_lake, of_day, replay,
};
use crate::source::{self, Listing, ObjectRef, S3Inputs};
use crate::window::{Day, Hour};

/// Exit code of an alert that does not come out the same.
const DIFFERS: u8 = 1;
/// Lines of each list, unless all are asked for.
const SHOWN_MAX: usize = 20;
/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 60;

/// `day` is where the lake has the alert; `None` when it came from a file.
pub(super) fn run(
    args: &ReplayArgs,
    lake: &Lake,
    alert: &Alert,
    day: Option<Day>,
    config: &Config,
    term: Term,
) -> Result<u8, Error> {
    let day = match day {
        Some(day) => day,
        None => day_of(lake, alert)?,
    };
    let config = with_overrides(args, config);
    let stored = lake.read_objects(day)?;
    let objects = objects(args, &config, lake, &stored, day)?;
    let options = options(args, &config)?;
    progress::catch_interrupts();
    let meter = Meter::new(term, objects.len() as u64, objects.iter().map(|object| object.bytes).sum());
    let replayed = replay(lake, day, objects, &config, &options, &meter);
    meter.finish();
    let Some(replayed) = replayed? else { return Ok(INTERRUPTED) };
    let verdict = compare(alert, &stored, &replayed);
    term.print(&told(&verdict, &replayed, term.verbose))?;
    Ok(if verdict.is_same { 0 } else { DIFFERS })
}

/// The day whose incidents an alert from a file is among.
fn day_of(lake: &Lake, alert: &Alert) -> Result<Day, Error> {
    if let Some((day, _)) = lake.find_alert_of_day(&alert.id)? {
        return Ok(day);
    }
    let start: Result<jiff::Timestamp, _> = alert.window_start.parse();
    start.map(|start| Hour::of_second(start.as_second()).day()).map_err(|error| Error::Stored {
        path: format!("alert {}", alert.id),
        detail: format!("window_start: {error}"),
    })
}

fn with_overrides(args: &ReplayArgs, config: &Config) -> Config {
    let mut config = config.clone();
    if let Some(names) = &args.format_fields {
        config.input.format_fields = Some(crate::config::field_names(names));
    }
    if let Some(minutes) = args.lateness {
        config.input.lateness_minutes = minutes;
    }
    args.tables.over(&mut config);
    config
}

fn options(args: &ReplayArgs, config: &Config) -> Result<ReplayOptions, Error> {
    let paths = if args.guardduty.is_empty() { &config.input.guardduty } else { &args.guardduty };
    // Of any time: what a finding says now is what counts.
    let findings = FindingInputs::list(paths, &args.s3.over(&config.s3), None)?.read()?;
    Ok(ReplayOptions {
        threads: args.threads.map_or_else(all_threads, usize::from),
        from: args.from.map(|when| when.second),
        to: args.to.map(|when| when.second),
        findings: findings.map(|findings| findings.set),
    })
}

/// The objects of the day: among those that were named, or where the lake says they were.
fn objects(
    args: &ReplayArgs,
    config: &Config,
    lake: &Lake,
    stored: &[StoredObject],
    day: Day,
) -> Result<Vec<ObjectRef>, Error> {
    let aws = args.s3.over(&config.s3);
    let lateness_seconds = i64::from(config.input.lateness_minutes) * 60;
    let from = day.first_hour().start_second();
    let to = Hour(day.first_hour().0 + 23).end_second() + lateness_seconds;
    if !args.inputs.is_empty() {
        let mut local = args.inputs.clone();
        let remote = S3Inputs::take(&mut local, &aws)?;
        let mut listing = source::list(&local)?;
        remote.list(Some(from), Some(to), &mut listing)?;
        return Ok(of_day(listing.objects, stored, day, lateness_seconds));
    }
    if stored.is_empty() {
        return Err(Error::usage(
            format!("{} does not say what {} was made of", lake.root().display(), day.date()),
            "an earlier version wrote that day: name the raw objects after the id",
        ));
    }
    let inputs = named_by_lake(stored);
    let mut folders: Vec<String> = inputs.s3_folders.into_iter().collect();
    let mut listing = Listing::default();
    S3Inputs::take(&mut folders, &aws)?.list(None, None, &mut listing)?;
    let names: BTreeSet<&str> = stored.iter().map(|object| &*object.name).collect();
    listing.objects.retain(|object| names.contains(object.name.as_str()));
    listing.objects.extend(inputs.files);
    Ok(listing.objects)
}

/// What a replay says, for people.
fn told(verdict: &Verdict, replayed: &Replayed, is_all: bool) -> String {
    let objects = plural(replayed.objects.len() as u64, "object");
    let word = match verdict {
        Verdict { is_same: true, .. } => "the same, bit for bit",
        Verdict { is_found: true, .. } => "it differs",
        Verdict { .. } => "the incident does not come out again",
    };
    let date = replayed.day.date();
    let mut out = format!("\n{BOLD}Replay{BOLD:#} of {date} from {objects}: {word}\n");
    let causes: Vec<String> = verdict.causes.iter().map(cause).collect();
    list(&mut out, "What is not as it was", &causes, is_all);
    let changes: Vec<String> = verdict.changes.iter().map(change).collect();
    list(&mut out, "Where it shows", &changes, is_all);
    let failed: Vec<String> =
        replayed.failed.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
    list(&mut out, "Objects not read to their end", &failed, is_all);
    out
}

fn list(out: &mut String, title: &str, lines: &[String], is_all: bool) {
    if lines.is_empty() {
        return;
    }
    let shown = if is_all { lines.len() } else { SHOWN_MAX };
    let _ = writeln!(out, "{title}:");
    for line in lines.iter().take(shown) {
        let _ = writeln!(out, "{}", wrap(&safe(line), WIDTH, 2));
    }
    if lines.len() > shown {
        let _ = writeln!(out, "  +{} more: --verbose", lines.len() - shown);
    }
}

fn change(change: &Change) -> String {
    let value = |json: &Option<String>| {
        json.as_deref().map_or_else(|| "nothing".to_owned(), |json| fit(json, VALUE_CHARS_MAX))
    };
    format!("{}: {} then, {} now", change.field, value(&change.then), value(&change.now))
}

fn cause(cause: &Cause) -> String {
    let or_none = |hash: &Option<String>| hash.clone().unwrap_or_else(|| "none".to_owned());
    match cause {
        Cause::Configuration { then, now } => format!("configuration: {then} then, {now} now"),
        Cause::Table { kind, then, now } => {
            format!("{kind}: {} then, {} now", or_none(then), or_none(now))
        }
        Cause::Version { then, now } => format!("outflow: {then} then, {now} now"),
        Cause::Snapshot { then, now } => {
            format!("snapshot: {then} then, {now} in the lake now: it was written again or changed")
        }
        Cause::NoMemory => "memory: none in this lake, which an earlier version wrote; the threshold \
                            and what was told before cannot be computed again"
            .to_owned(),
        Cause::Memory { then, now } => {
            format!("memory: it gave a threshold of {} then, {} now", bits(*then), bits(*now))
        }
        Cause::NoObjects => {
            "objects: an earlier version wrote this lake and did not keep what they were".to_owned()
        }
        Cause::ObjectChanged { name, then, now } => {
            format!("object {name}: {} then, {} now", seal(then), seal(now))
        }
        Cause::ObjectMissing { name } => {
            format!("object {name}: not there, or nothing of the day in it")
        }
        Cause::ObjectAdded { name } => format!("object {name}: not part of the day then"),
        Cause::Findings { then: true } => {
            "findings of GuardDuty: given then, not now (--guardduty)".to_owned()
        }
        Cause::Findings { then: false } => "findings of GuardDuty: not given then".to_owned(),
        Cause::Unrecorded => "nothing that is recorded: the memory of incidents, the findings, or the \
                              program under the same version"
            .to_owned(),
    }
}

fn bits(threshold: Threshold) -> String {
    threshold.0.map_or_else(|| "none".to_owned(), |bits| format!("{bits:.3} bits"))
}

fn seal(seal: &crate::window::Seal) -> String {
    let mut text = bytes(seal.bytes);
    if seal.blake3.is_empty() {
        text.push_str(", damaged");
    } else {
        let _ = write!(text, ", hash {}", fit(&seal.blake3, 13));
    }
    if !seal.etag.is_empty() {
        let _ = write!(text, ", ETag {}", seal.etag);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Seal;

    fn replayed() -> Replayed {
        Replayed {
            day: Day(20_454),
            alerts: Vec::new(),
            objects: Vec::new(),
            failed: vec![("logs/b\u{202e}.gz".into(), "truncated".into())],
            snapshot_hash: "5a".into(),
            config_hash: "c1".into(),
            threshold: Threshold(Some(14.25)),
            stored_threshold: Some(Threshold(None)),
        }
    }

    #[test]
    fn all_that_changed_is_said_in_words() {
        let was = Seal { bytes: 2048, etag: "\"aa\"".into(), blake3: "0123456789abcdef0123".into() };
        let now = Seal { bytes: 1024, ..Seal::default() };
        let verdict = Verdict {
            is_same: false,
            is_found: true,
            changes: vec![Change { field: "score".into(), then: Some("41.25".into()), now: None }],
            causes: vec![
                Cause::Configuration { then: "aa".into(), now: "bb".into() },
                Cause::Table { kind: "names".into(), then: None, now: Some("cc".into()) },
                Cause::Version { then: "0.1.0".into(), now: "0.2.0".into() },
                Cause::Snapshot { then: "5a".into(), now: "5b".into() },
                Cause::NoMemory,
                Cause::Memory { then: Threshold(None), now: Threshold(Some(14.25)) },
                Cause::NoObjects,
                Cause::ObjectChanged { name: "logs/a\x1b[31m.gz".into(), then: was, now },
                Cause::ObjectMissing { name: "logs/gone.gz".into() },
                Cause::ObjectAdded { name: "logs/new.gz".into() },
                Cause::Findings { then: true },
                Cause::Findings { then: false },
                Cause::Unrecorded,
            ],
        };
        let text = anstream::adapter::strip_str(&told(&verdict, &replayed(), false)).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn long_lists_are_cut_unless_all_is_asked_for() {
        let object = |at: usize| Cause::ObjectMissing { name: format!("o{at}").into() };
        let verdict = Verdict { causes: (0..30).map(object).collect(), ..Verdict::default() };
        let text = told(&verdict, &replayed(), false);
        assert!(text.contains("+10 more: --verbose") && !text.contains("o29:"), "{text}");
        assert!(told(&verdict, &replayed(), true).contains("o29:"));
    }
}
