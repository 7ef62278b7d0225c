//! The batch driver: objects in, what was seen and what was found out.

mod batch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::alert::Alert;
use crate::baseline::SnapshotRow;
use crate::baseline::destination::NamedPrefixes;
use crate::baseline::eni::Tier;
use crate::config::Config;
use crate::detect::Settings;
use crate::error::Error;
use crate::lake::{DayWriter, LakeWriter};
use crate::net::InternalNetworks;
use crate::pipeline::{Output, Pipeline, Tally};
use crate::record::{ColumnPlan, ObjectError, SkipReason, SkipSample};
use crate::source::{OBJECT_SECONDS, Opener};
pub use crate::source::{ObjectKey, ObjectRef, Source};
use crate::window::{ClosedHour, Day, Hour, OpenHours, closes_up_to};
use batch::BatchReader;

/// What to scan and where to put it.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// First event second that counts (`end` of a record), Unix seconds; `None`: from the start.
    pub from: Option<i64>,
    /// First event second that no longer counts, Unix seconds; `None`: to the end.
    pub to: Option<i64>,
    /// Worker threads, >= 1.
    pub threads: usize,
    /// Root of the lake to write; `None`: none is written.
    pub lake: Option<PathBuf>,
}

/// Told how far the work is; asked whether it should go on.
pub trait Progress: Sync {
    /// One object is done, read or failed; its size before inflating, bytes.
    fn object_done(&self, object_bytes: u64);
    /// Whether to stop cleanly: finish the objects in hand, report what was seen, start no more.
    fn stop(&self) -> bool;
}

/// What was seen, counted over all objects.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Objects read to their end.
    pub objects: u64,
    /// Objects that could not be read to their end.
    pub objects_failed: u64,
    /// Bytes before inflating.
    pub object_bytes: u64,
    /// Bytes of text (or Parquet) after inflating.
    pub text_bytes: u64,
    /// Non-blank lines or rows, without headers.
    pub lines: u64,
    /// Records with status OK.
    pub records: u64,
    /// NODATA records.
    pub no_data: u64,
    /// SKIPDATA records.
    pub skip_data: u64,
    /// Skipped lines, by `SkipReason as usize`.
    pub skipped: [u64; SkipReason::ALL.len()],
    /// The first skipped line of each reason, with the object it is in.
    pub skip_samples: Vec<(String, SkipSample)>,
    /// Records that came too late for their hour.
    pub late_records: u64,
    /// Earliest event second, Unix seconds.
    pub first_second: Option<i64>,
    /// Latest event second, Unix seconds.
    pub last_second: Option<i64>,
    /// Distinct UTC hours with records.
    pub hours: u64,
    /// ENI-hours with records.
    pub eni_hours: u64,
    /// Distinct ENIs.
    pub enis: u64,
    /// ENIs whose baseline is still too small to score alone.
    pub enis_learning: u64,
    /// ENIs with a young baseline.
    pub enis_young: u64,
    /// ENIs with a mature baseline.
    pub enis_mature: u64,
    /// ENIs that relay others' traffic and are not baselined.
    pub relays: u64,
    /// Five-minute objects missing between the first and the last, where names carry the time.
    pub missing_objects: u64,
    /// ENI-hours whose destinations were rolled up at their limit.
    pub rolled_up_eni_hours: u64,
    /// Windows that were scored.
    pub scored_windows: u64,
    /// Objects that failed, with the reason, sorted by name.
    pub failed: Vec<(String, ObjectError)>,
    /// Column names no table of ours knows, sorted.
    pub unknown_columns: Vec<String>,
    /// IP bytes sent by instances.
    pub egress_bytes: u64,
    /// IP bytes received by instances.
    pub ingress_bytes: u64,
    /// Whether the work was stopped before all objects were read.
    pub stopped: bool,
}

/// What a scan came to.
#[derive(Clone, Debug, Default)]
pub struct ScanReport {
    /// What was seen.
    pub seen: Seen,
    /// What was found, emitted or not, in event order.
    pub alerts: Vec<Alert>,
}

/// Compressed bytes of objects read between two looks at which hours can close.
const BATCH_BYTES: u64 = 128 << 20;
/// Objects of the same.
const BATCH_OBJECTS: usize = 1024;
/// Time that the names of a batch span, seconds: all its hours are open at once, and what is open
/// is what memory holds.
const BATCH_SECONDS: i64 = 4 * 3600;
/// Objects of a batch for each thread before its time is looked at: fewer would leave threads idle.
const BATCH_OBJECTS_PER_THREAD: usize = 8;

/// Reads the objects and scores what they hold.
///
/// # Errors
/// When the lake cannot be written. Objects that cannot be read are in [`Seen::failed`].
pub fn scan(
    objects: Vec<ObjectRef>,
    config: &Config,
    options: &ScanOptions,
    progress: &dyn Progress,
) -> Result<ScanReport, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(|e| {
        Error::usage(format!("cannot start {} threads: {e}", options.threads), "ask for fewer --threads")
    })?;
    pool.install(|| scan_here(objects, config, options, progress))
}

fn scan_here(
    mut objects: Vec<ObjectRef>,
    config: &Config,
    options: &ScanOptions,
    progress: &dyn Progress,
) -> Result<ScanReport, Error> {
    let lateness_seconds = i64::from(config.input.lateness_minutes) * 60;
    // Objects without a time first: nothing closes before they are in.
    objects.sort_by(|a, b| (time(a), &a.name).cmp(&(time(b), &b.name)));
    let objects: Arc<[ObjectRef]> = objects.into();
    let opener = Opener::new(Arc::clone(&objects))?;
    let reader = BatchReader {
        format: plan(config)?,
        lateness_seconds,
        from_second: options.from.unwrap_or(i64::MIN),
        to_second: options.to.unwrap_or(i64::MAX),
        progress,
        opener: &opener,
        first: AtomicUsize::new(0),
    };
    let mut pipeline = Pipeline::new(settings(config), &config.hash(), lateness_seconds);
    let mut writer = Writer::new(options.lake.as_deref())?;
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
        writer.lake = None;
        writer.day = None;
    }
    let seconds = open.shard.seconds;
    pipeline.close_up_to(&mut open, Hour(u32::MAX), &mut writer)?;
    let tally = pipeline.finish(&mut writer)?;
    seen.take_tally(&tally, seconds, &delivered);
    Ok(ScanReport { seen, alerts: writer.alerts })
}

fn time(object: &ObjectRef) -> Option<i64> {
    object.key.as_ref().map(|key| key.time_second)
}

fn plan(config: &Config) -> Result<Option<ColumnPlan>, Error> {
    let text = config.input.format_fields.as_deref();
    let plan = text.map(ColumnPlan::from_config).transpose();
    plan.map_err(|e| {
        Error::usage(format!("format fields: {e}"), "give the names of the flow log's format, in order")
    })
}

/// What scoring takes from the configuration.
fn settings(config: &Config) -> Settings {
    let mut resolvers = config.network.resolvers.clone();
    resolvers.sort_unstable();
    let named = config.network.prefixes.iter().map(|p| (p.prefix, p.name.as_str().into())).collect();
    Settings {
        internal: InternalNetworks::new(&config.network.internal),
        named: NamedPrefixes::new(named),
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
/// a record is late is a property of the record and its object alone.
fn batches(objects: &[ObjectRef], threads: usize) -> impl Iterator<Item = &[ObjectRef]> {
    let mut rest = objects;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let end_second = rest.first().and_then(time).map(|second| second + BATCH_SECONDS);
        let len = rest
            .iter()
            .take(BATCH_OBJECTS)
            .enumerate()
            .take_while(|(index, object)| {
                let fits = bytes < BATCH_BYTES;
                bytes += object.bytes;
                let near = time(object).zip(end_second).is_none_or(|(second, end)| second < end);
                fits && (near || *index < threads.saturating_mul(BATCH_OBJECTS_PER_THREAD))
            })
            .count();
        let (batch, more) = rest.split_at(len);
        rest = more;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Which five minutes were delivered, by account and region, to count what is missing.
#[derive(Debug, Default)]
struct Delivered(BTreeMap<(String, String), BTreeSet<i64>>);

impl Delivered {
    fn note(&mut self, object: &ObjectRef) {
        if let Some(key) = &object.key {
            let place = (key.account.clone(), key.region.clone());
            self.0.entry(place).or_default().insert(key.time_second.div_euclid(300));
        }
    }

    /// Five-minute slots without an object between the first and the last of each place.
    fn missing(&self) -> u64 {
        let span =
            |slots: &BTreeSet<i64>| slots.last().zip(slots.first()).map_or(0, |(b, a)| (b - a + 1) as u64);
        self.0.values().map(|slots| span(slots) - slots.len() as u64).sum()
    }
}

impl Seen {
    fn take_tally(&mut self, tally: &Tally, seconds: Option<(i64, i64)>, delivered: &Delivered) {
        let of = |tier| tally.tiers.values().filter(|t| **t == tier).count() as u64;
        self.first_second = seconds.map(|(first, _)| first);
        self.last_second = seconds.map(|(_, last)| last);
        self.hours = tally.hours;
        self.eni_hours = tally.eni_hours;
        self.enis = (tally.tiers.len() + tally.relays.len()) as u64;
        self.enis_learning = of(Tier::Learning);
        self.enis_young = of(Tier::Young);
        self.enis_mature = of(Tier::Mature);
        self.relays = tally.relays.len() as u64;
        self.missing_objects = delivered.missing();
        self.rolled_up_eni_hours = tally.rolled_up_eni_hours;
        self.scored_windows = tally.scored_units;
        self.late_records = tally.late_records;
        self.egress_bytes = tally.egress_bytes;
        self.ingress_bytes = tally.ingress_bytes;
        self.failed.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

/// Collects alerts, and writes the lake when there is one.
struct Writer {
    alerts: Vec<Alert>,
    lake: Option<LakeWriter>,
    day: Option<DayWriter>,
}

impl Writer {
    fn new(root: Option<&Path>) -> Result<Self, Error> {
        let lake = root.map(LakeWriter::create).transpose()?;
        Ok(Self { alerts: Vec::new(), lake, day: None })
    }
}

impl Output for Writer {
    type Error = Error;

    fn day_begins(&mut self, day: Day, rows: &[SnapshotRow]) -> Result<(), Error> {
        if let Some(lake) = &self.lake {
            lake.write_snapshot(day, rows)?;
            self.day = Some(lake.day(day));
        }
        Ok(())
    }

    fn hour_closed(&mut self, hour: &ClosedHour) -> Result<(), Error> {
        if let Some(day) = &mut self.day {
            day.write(&hour.enis)?;
        }
        Ok(())
    }

    fn day_ends(&mut self, day: Day, alerts: &[Alert]) -> Result<(), Error> {
        if let (Some(lake), Some(writer)) = (&self.lake, self.day.take()) {
            let scanned = writer.finish()?;
            lake.write_alerts(day, &scanned, alerts)?;
        }
        self.alerts.extend_from_slice(alerts);
        Ok(())
    }
}
