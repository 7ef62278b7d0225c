//! `outflow simulate`: writes a simulated fleet's flow logs and the labels of what they hide.

use std::path::{Path, PathBuf};

use super::args::{Interval, LogFormat, SimulateArgs};
use super::progress::{self, INTERRUPTED, Meter};
use super::term::{Output, Term, write_error};
use super::text::{bytes, plural};
use crate::error::Error;
use crate::scan::Progress as _;
use crate::simulate::{
    AttackMix, Family, LabelKind, Plan, SimFormat, SimulateOptions, findings_jsonl, labels_csv, plan,
    write_objects,
};

/// Objects a flow log delivers in a day: one every five minutes.
const OBJECTS_PER_DAY: u64 = 288;

pub(super) fn run(args: &SimulateArgs, term: Term) -> Result<u8, Error> {
    let plan = make_plan(&options(args)?)?;
    refuse_full(&args.out_dir, args.force)?;
    let labels_path = args.labels.clone().unwrap_or_else(|| args.out_dir.join("labels.csv"));
    create_folder(&args.out_dir)?;
    let mut labels = Output::open(Some(&labels_path), args.force, term)?;
    let Some(written) = write(&plan, &args.out_dir, term)? else { return Ok(INTERRUPTED) };
    labels.write(&labels_csv(&plan.labels))?;
    labels.finish()?;
    write_findings(&plan, &args.out_dir, args.force, term)?;
    let logs = args.out_dir.join("AWSLogs");
    let hidden = hidden(&plan);
    term.say(&format!(
        "wrote {} ({}, {} of text) with {} and {} to {}",
        plural(written.objects, "object"),
        plural(written.records, "record"),
        bytes(written.text_bytes),
        plural(hidden.attacks, "hidden attack"),
        plural(hidden.look_alikes, "look-alike"),
        args.out_dir.display()
    ));
    if plan.unplaced_attacks > 0 {
        let left = plural(u64::from(plan.unplaced_attacks), "attack");
        term.say(&format!("note: {left} found no room; add ENIs or days"));
    }
    term.say(&format!("next: outflow scan {}    (labels: {})", logs.display(), labels_path.display()));
    Ok(0)
}

/// The library's options from the flags.
fn options(args: &SimulateArgs) -> Result<SimulateOptions, Error> {
    let start = jiff::Timestamp::from_second(args.start.second)
        .map_err(|error| Error::usage(format!("--start: {error}"), "use a date such as 2026-01-05"))?;
    Ok(SimulateOptions {
        seed: args.seed,
        enis: args.enis,
        start: start.to_zoned(jiff::tz::TimeZone::UTC).date(),
        days: args.days,
        attack_from_day: args.attack_from_day,
        interval_seconds: match args.interval {
            Interval::Minute => 60,
            Interval::TenMinutes => 600,
        },
        format: match args.format {
            LogFormat::V2 => SimFormat::V2,
            LogFormat::V3 => SimFormat::V3,
            LogFormat::V5 => SimFormat::V5,
            LogFormat::V11 => SimFormat::V11,
        },
        density: args.density,
        attacks: attack_mix(&args.attacks)?,
        attacks_per_family: args.attacks_per_family,
        look_alikes: !args.no_look_alikes,
        skip_data_share: args.skip_data_share,
        late_share: args.late_share,
        accounts: args.accounts,
        ..SimulateOptions::default()
    })
}

fn attack_mix(words: &[String]) -> Result<AttackMix, Error> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["all"] => Ok(AttackMix::All),
        ["none"] => Ok(AttackMix::None),
        ref names => names.iter().map(|name| family(name)).collect::<Result<_, _>>().map(AttackMix::Families),
    }
}

fn family(name: &str) -> Result<Family, Error> {
    let known: Vec<_> = Family::ALL.iter().map(|family| family.as_str()).collect();
    Family::ALL.into_iter().find(|family| family.as_str() == name).ok_or_else(|| {
        let meant = crate::config::nearest(name, &known).map(|near| format!(", did you mean {near}?"));
        Error::usage(
            format!("unknown attack family `{name}`{}", meant.unwrap_or_default()),
            format!("use all, none, or some of {}", known.join(", ")),
        )
    })
}

/// Decides what to write.
pub(super) fn make_plan(options: &SimulateOptions) -> Result<Plan, Error> {
    plan(options).map_err(|error| Error::usage(error.to_string(), "see `outflow simulate --help`"))
}

/// What a plan hides, each attack and each change once however many ENIs take part.
pub(super) struct Hidden {
    pub(super) attacks: u64,
    pub(super) look_alikes: u64,
}

pub(super) fn hidden(plan: &Plan) -> Hidden {
    let number = |kind| {
        let mut ids: Vec<_> = plan.labels.iter().filter(|l| l.kind == kind).map(|l| l.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len() as u64
    };
    Hidden { attacks: number(LabelKind::Attack), look_alikes: number(LabelKind::LookAlike) }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) objects: u64,
    pub(super) records: u64,
    pub(super) text_bytes: u64,
}

/// Why writing ended early.
enum Ended {
    Interrupted,
    Failed(Error),
}

/// Writes all objects under `root`, named as in S3; `None` when interrupted.
pub(super) fn write(plan: &Plan, root: &Path, term: Term) -> Result<Option<Written>, Error> {
    progress::catch_interrupts();
    let objects = u64::from(plan.options.days) * OBJECTS_PER_DAY * u64::from(plan.options.accounts);
    let meter = Meter::new(term, objects, 0);
    let mut written = Written::default();
    let mut folder = PathBuf::new();
    let result = write_objects(plan, |object| {
        if progress::interrupted() {
            return Err(Ended::Interrupted);
        }
        let path = root.join(&object.key);
        let parent = path.parent().unwrap_or(root);
        if parent != folder {
            create_folder(parent).map_err(Ended::Failed)?;
            parent.clone_into(&mut folder);
        }
        std::fs::write(&path, &object.gzip_bytes)
            .map_err(|source| Ended::Failed(write_error(&path.display().to_string(), source)))?;
        written.objects += 1;
        written.records += object.records;
        written.text_bytes += object.text_bytes;
        meter.object_done(object.gzip_bytes.len() as u64);
        Ok(())
    });
    meter.finish();
    match result {
        Ok(()) => Ok(Some(written)),
        Err(Ended::Interrupted) => Ok(None),
        Err(Ended::Failed(error)) => Err(error),
    }
}

/// Writes what GuardDuty might say of it beside the objects, and tells where.
pub(super) fn write_findings(plan: &Plan, root: &Path, force: bool, term: Term) -> Result<PathBuf, Error> {
    let path = root.join("findings.jsonl");
    let mut findings = Output::open(Some(&path), force, term)?;
    findings.write(&findings_jsonl(plan))?;
    findings.finish()?;
    Ok(path)
}

/// Creates a folder and its parents.
pub(super) fn create_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|source| write_error(&path.display().to_string(), source))
}

/// Refuses a folder that holds something already, unless forced.
pub(super) fn refuse_full(path: &Path, force: bool) -> Result<(), Error> {
    let full = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if full && !force { Err(Error::Exists(path.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(words: &[&str]) -> Result<AttackMix, Error> {
        attack_mix(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn families_are_named_and_slips_are_helped() {
        assert_eq!(mix(&["all"]).unwrap(), AttackMix::All);
        assert_eq!(mix(&["none"]).unwrap(), AttackMix::None);
        assert_eq!(mix(&["drip", "burst"]).unwrap(), AttackMix::Families(vec![Family::Drip, Family::Burst]));
        let slip = mix(&["brust"]).unwrap_err().to_string();
        assert!(slip.contains("did you mean burst?"), "{slip}");
        assert!(mix(&["all", "drip"]).is_err());
    }
}
