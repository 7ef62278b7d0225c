//! The batch driver: objects in; incidents out, a day at a time, and counts of what was seen and
//! found at the end. It keeps what baselines look back on and the day in hand, so memory does not
//! grow with the length of the history beyond that.

pub(crate) mod batch;
mod beside;
mod delivered;
mod findings;
mod output;
mod report;
mod seal;

use std::path::PathBuf;
use std::sync::Arc;

use crate::alert::Alert;
use crate::config::Config;
use crate::detect::Settings;
use crate::error::Error;
use crate::guardduty::Correlated;
use crate::net::{InternalNetworks, PrefixTable};
use crate::pipeline::Pipeline;
use crate::record::ColumnPlan;
use crate::retrospective::Survey;
use crate::source::{OBJECT_SECONDS, Opener};
pub use crate::source::{ObjectKey, ObjectRef, Source};
use crate::window::{Hour, OpenHours, closes_up_to};
use batch::BatchReader;
pub use beside::{Beside, read_suppressions};
use delivered::Delivered;
pub use findings::{FindingObjects, read_finding_objects};
use output::Writer;
pub use report::{Found, ScanReport, Seen, SeenFindings};

/// What to scan and where to put it.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// First event second that counts (`end` of a record), Unix seconds; `None`: from the start.
    pub from: Option<i64>,
    /// First event second that no longer counts, Unix seconds; `None`: to the end.
    pub to: Option<i64>,
    /// Alerts decided before this second of event time ([`Alert::emitted_at`]), Unix, are in the lake
    /// and not told; `None`: all are told.
    pub alerts_from: Option<i64>,
    /// Worker threads, >= 1. A lake is written by one more.
    pub threads: usize,
    /// Root of the lake to write, a folder or `s3://bucket/prefix`; `None`: none is written.
    pub lake: Option<PathBuf>,
    /// Whether days of the lake are replaced that were made from more objects, or a longer past, than
    /// this scan has of them; else they stay as they are.
    pub replace_days: bool,
    /// GuardDuty's findings; `None`: none were given, which is not the same as that there are none.
    pub findings: Option<FindingObjects>,
}

/// Told how far the work is; asked whether it should go on.
pub trait Progress: Sync {
    /// One object is done, read or failed; its size before inflating, bytes.
    fn object_done(&self, object_bytes: u64);
    /// Whether to stop cleanly: finish the objects in hand, report what was seen, start no more.
    fn stop(&self) -> bool;
}

/// Takes the incidents of each day that ends, emitted or not, in event order; none when there are
/// none. A day that is told is in the lake by then, unless the scan was stopped in the middle of
/// it. An error ends the scan.
pub type OnAlerts<'a> = dyn FnMut(&[Alert]) -> Result<(), Error> + Send + 'a;

/// Compressed bytes of objects read between two looks at which hours can close.
const BATCH_BYTES: u64 = 128 << 20;
/// Objects of the same.
const BATCH_OBJECTS: usize = 1024;
/// Time that the names of a batch span, seconds: all its hours are open at once, and what is open
/// is what memory holds.
const BATCH_SECONDS: i64 = 4 * 3600;
/// A batch of fewer compressed bytes spans more, up to a day: while one is read the one before is
/// closed, and what a midnight takes is then beside as much reading as any other's.
const SMALL_BATCH_BYTES: u64 = 4 << 20;
const SMALL_BATCH_SECONDS: i64 = 24 * 3600;
/// But not so much that a short scan reads first and closes then.
const SMALL_BATCHES_MIN: i64 = 8;
/// Objects of a batch for each thread before its time is looked at: fewer would leave threads idle.
const BATCH_OBJECTS_PER_THREAD: usize = 8;

/// Reads the objects and scores what they hold; `on_alerts` is told what was found.
///
/// # Errors
/// When the lake cannot be written, and those of `on_alerts`. Objects that cannot be read are in
/// [`Seen::failed`].
pub fn scan(
    objects: Vec<ObjectRef>,
    config: &Config,
    options: &ScanOptions,
    progress: &dyn Progress,
    on_alerts: &mut OnAlerts<'_>,
) -> Result<ScanReport, Error> {
    let pool = pool(options.threads)?;
    pool.install(|| scan_here(objects, config, options, progress, on_alerts, None))
}

/// Reads the objects and ranks, for each ENI, the outbound destinations of the whole period: the
/// mode for logs that have no past.
///
/// # Errors
/// When the lake cannot be written. Objects that cannot be read are in [`Seen::failed`].
pub fn scan_retrospective(
    objects: Vec<ObjectRef>,
    config: &Config,
    options: &ScanOptions,
    progress: &dyn Progress,
) -> Result<(ScanReport, Survey), Error> {
    let mut survey = Survey::new(settings(config));
    let pool = pool(options.threads)?;
    let ignore: &mut OnAlerts<'_> = &mut |_| Ok(());
    let report = pool.install(|| scan_here(objects, config, options, progress, ignore, Some(&mut survey)))?;
    Ok((report, survey))
}

pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|e| Error::usage(format!("cannot start {threads} threads: {e}"), "ask for fewer --threads"))
}

fn scan_here(
    mut objects: Vec<ObjectRef>,
    config: &Config,
    options: &ScanOptions,
    progress: &dyn Progress,
    on_alerts: &mut OnAlerts<'_>,
    survey: Option<&mut Survey>,
) -> Result<ScanReport, Error> {
    let lateness_seconds = i64::from(config.input.lateness_minutes) * 60;
    // Objects without a time first: nothing closes before they are in.
    objects.sort_by(|a, b| (time(a), &a.name).cmp(&(time(b), &b.name)));
    let objects: Arc<[ObjectRef]> = objects.into();
    let opener = Opener::new(Arc::clone(&objects))?;
    let reader = BatchReader::new(config, &opener, progress)?;
    let reader = reader.between(options.from, options.to).sealing(options.lake.is_some());
    let beside = Beside::load(config)?;
    let pipeline = Pipeline::new(beside.settings(config), &beside.config_hash(config), lateness_seconds);
    let mut pipeline = beside.into_pipeline(pipeline);
    if let Some(findings) = &options.findings {
        pipeline = pipeline.with_findings(findings.set.clone());
    }
    let mut writer = Writer::new(options, &config.s3, on_alerts, survey)?;
    let mut open = OpenHours::default();
    let mut seen = Seen::default();
    let mut delivered = Delivered::default();
    let mut batches = batches(&objects, options.threads);
    let mut stopped = false;
    let mut next = || {
        let batch = batches.next()?;
        stopped = progress.stop();
        (!stopped).then_some(batch)
    };
    let mut in_hand = next().map(|batch| (batch, reader.read(batch)));
    while let Some((batch, read)) = in_hand.take() {
        for (object, (_, outcome)) in batch.iter().zip(read.outcomes) {
            delivered.note(object);
            outcome.note(object, &mut open.ledger, &mut seen);
        }
        open.shard.merge(read.shard);
        // Closing has parts that only one thread can do; the others read on meanwhile.
        let following = next();
        let closed = rayon::join(
            || following.map(|batch| (batch, reader.read(batch))),
            // Everything named before the first object that is still to come is in.
            || match following.and_then(<[_]>::first).and_then(time) {
                Some(second) => {
                    let last = closes_up_to(second - OBJECT_SECONDS, lateness_seconds);
                    pipeline.close_up_to(&mut open, last, &mut writer)
                }
                None => Ok(()),
            },
        );
        in_hand = closed.0;
        closed.1?;
    }
    seen.stopped = stopped;
    if stopped {
        // The day in hand is not whole: what is under its name in the lake stays.
        writer.finish_lake()?;
    }
    let seconds = open.shard.seconds;
    pipeline.close_up_to(&mut open, Hour(u32::MAX), &mut writer)?;
    let tally = pipeline.finish(&mut writer)?;
    if let (Some(lake), Some(_)) = (writer.finish_lake()?, &options.findings) {
        // What stays names the alerts that stay.
        let is_written = |given: &&Correlated| !writer.kept_days.contains(&given.day());
        lake.write_findings(tally.findings.iter().filter(is_written))?;
    }
    if let Some(findings) = &options.findings {
        seen.take_findings(findings, &tally);
    }
    seen.take_tally(&tally, seconds, &delivered);
    let Writer { found, suppressed, kept_days, .. } = writer;
    Ok(ScanReport { seen, found, suppressed, kept_days })
}

/// The time in an object's name, Unix seconds.
pub(crate) fn time(object: &ObjectRef) -> Option<i64> {
    object.key.as_ref().map(|key| key.time_second)
}

/// The columns of bodies without a header.
pub(crate) fn column_plan(config: &Config) -> Result<Option<ColumnPlan>, Error> {
    let text = config.input.format_fields.as_deref();
    let plan = text.map(ColumnPlan::from_config).transpose();
    plan.map_err(|e| {
        Error::usage(format!("format fields: {e}"), "give the names of the flow log's format, in order")
    })
}

/// What scoring takes from the configuration.
pub(crate) fn settings(config: &Config) -> Settings {
    let mut resolvers = config.network.resolvers.clone();
    resolvers.sort_unstable();
    Settings {
        internal: InternalNetworks::new(&config.network.internal),
        named: config.named_prefixes(),
        services: PrefixTable::default(),
        resolvers,
        groups: config
            .groups
            .iter()
            .map(|(eni, group)| (eni.as_str().into(), group.as_str().into()))
            .collect(),
        budget_per_day_per_1000_enis: config.detect.budget_per_day_per_1000_enis,
        volume_floor_bytes: config.detect.volume_floor_bytes,
        volume_ceiling_bytes: config.detect.volume_ceiling_bytes,
    }
}

/// Consecutive objects, cut where a batch is full. Where the cuts lie changes nothing: whether
/// a record is late is a property of the record and its object alone. What is done is given up:
/// the names of a year's objects weigh more than its baselines.
pub(crate) fn batches(objects: &[ObjectRef], threads: usize) -> impl Iterator<Item = &[ObjectRef]> {
    let mut rest = objects;
    let ends = objects.iter().find_map(time).zip(objects.iter().rev().find_map(time));
    let part = ends.map_or(0, |(first, last)| last.saturating_sub(first) / SMALL_BATCHES_MIN);
    let small_seconds = part.clamp(BATCH_SECONDS, SMALL_BATCH_SECONDS);
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let most = &rest[..rest.len().min(BATCH_OBJECTS)];
        // Objects without a time come first; they must not keep the batch open for all others.
        let start_second = most.iter().find_map(time);
        let len = most
            .iter()
            .enumerate()
            .take_while(|(index, object)| {
                let fits = bytes < BATCH_BYTES;
                let seconds = if bytes < SMALL_BATCH_BYTES { small_seconds } else { BATCH_SECONDS };
                bytes += object.bytes;
                let near = time(object).zip(start_second).is_none_or(|(at, start)| at - start < seconds);
                fits && (near || *index < threads.saturating_mul(BATCH_OBJECTS_PER_THREAD))
            })
            .count();
        let (batch, more) = rest.split_at(len);
        rest = more;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::object_of_time as object;

    #[test]
    fn an_object_without_a_time_does_not_keep_hours_of_others_open() {
        let named = (0..4 * 24 * 3600).step_by(300).map(Some);
        let objects: Vec<ObjectRef> = std::iter::once(None).chain(named).map(object).collect();
        let lens: Vec<usize> = batches(&objects, 2).map(<[_]>::len).collect();
        // Half a day, for the scan is of four.
        let most = 12 * 3600 / 300;
        assert_eq!(lens[..2], [most + 1, most]);
        assert_eq!(lens.iter().sum::<usize>(), objects.len());
    }

    #[test]
    fn a_batch_spans_less_of_a_short_scan_and_of_large_objects() {
        let span_hours = |days: i64, bytes: u64| {
            let named = (0..days * 24 * 3600).step_by(300).map(|second| object(Some(second)));
            let objects: Vec<ObjectRef> = named.map(|object| ObjectRef { bytes, ..object }).collect();
            batches(&objects, 2).next().map(|first| first.len() / 12)
        };
        let spans = [(1, 10), (6, 10), (30, 10), (30, 200_000), (30, 20_000)];
        assert_eq!(spans.map(|(days, bytes)| span_hours(days, bytes)), [4, 18, 24, 4, 17].map(Some));
    }
}
