//! Computes a day of a lake again, from its objects and from what the day began with, and compares:
//! the proof that an alert is what its evidence says, months later.
//!
//! A day is a function of its snapshot, the memory of incidents, the configuration, the objects and
//! the findings. All but the last two are in the lake or on the alert as a hash; of objects the
//! lake keeps what they were. So where the result differs, what changed can be named.

mod compare;
mod inputs;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

pub use compare::{Cause, Change, Verdict, compare};
pub use inputs::{Inputs, named_by_lake, of_day};

use crate::alert::Alert;
use crate::baseline::SnapshotRow;
use crate::config::Config;
use crate::detect::Threshold;
use crate::error::Error;
use crate::guardduty::FindingSet;
use crate::lake::{Lake, StoredObject};
use crate::pipeline::{Carried, DayStart, MemoryKind, MemoryRow, Output, Pipeline};
use crate::scan::batch::BatchReader;
use crate::scan::{Beside, Progress, batches, pool, time};
use crate::source::{OBJECT_SECONDS, ObjectRef, Opener};
use crate::window::{ClosedHour, Day, Hour, OpenHours, closes_up_to};

/// How to compute a day again.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// Worker threads, >= 1.
    pub threads: usize,
    /// First event second that counted, Unix seconds; `None`: from the start.
    pub from: Option<i64>,
    /// First event second that no longer counted, Unix seconds; `None`: to the end.
    pub to: Option<i64>,
    /// GuardDuty's findings; `None`: none were given.
    pub findings: Option<FindingSet>,
}

/// A day computed again.
#[derive(Debug)]
pub struct Replayed {
    /// The day.
    pub day: Day,
    /// Its incidents, sent or not.
    pub alerts: Vec<Alert>,
    /// The objects that it was made of, each once, sorted by name.
    pub objects: Vec<StoredObject>,
    /// Objects that could not be read to their end, with the reason.
    pub failed: Vec<(String, String)>,
    /// Hash of the snapshot as the lake holds it.
    pub snapshot_hash: String,
    /// Hash of the configuration at hand.
    pub config_hash: String,
    /// The threshold, learned from the memory that the lake holds.
    pub threshold: Threshold,
    /// The threshold that was stored; `None` when the lake keeps no memory of that day.
    pub stored_threshold: Option<Threshold>,
}

/// Computes `day` of `lake` again from `objects`.
/// `None` when it was stopped.
///
/// # Errors
/// When the lake has no snapshot of the day or it cannot be read, and when a file that the
/// configuration names cannot. Objects that cannot be read are in [`Replayed::failed`].
pub fn replay(
    lake: &Lake,
    day: Day,
    objects: Vec<ObjectRef>,
    config: &Config,
    options: &ReplayOptions,
    progress: &dyn Progress,
) -> Result<Option<Replayed>, Error> {
    let Some(snapshot) = lake.read_snapshot(day)? else {
        return Err(Error::usage(
            format!("{} holds no snapshot of {}", lake.root().display(), day.date()),
            "a replay needs the lake that the alert was written to",
        ));
    };
    let memory = lake.read_memory(day)?;
    let carried = Carried::of_stored(snapshot, memory.as_deref().unwrap_or_default());
    let carried = carried.map_err(|error| Error::Stored {
        path: format!("the state before {} in {}", day.date(), lake.root().display()),
        detail: error.to_string(),
    })?;
    let beside = Beside::load(config)?;
    let config_hash = beside.config_hash(config);
    let lateness_seconds = i64::from(config.input.lateness_minutes) * 60;
    let settings = beside.settings(config);
    let pipeline =
        Pipeline::resume(settings, &config_hash, lateness_seconds, carried, options.findings.clone());
    let pipeline = pipeline.map_err(|error| Error::Stored {
        path: format!("the snapshot of {} in {}", day.date(), lake.root().display()),
        detail: error.to_string(),
    })?;
    let is_last = lake.snapshot_days()?.last() == Some(&day);
    let live = Live {
        pipeline: beside.into_pipeline(pipeline),
        open: OpenHours::default(),
        taken: Taken { day, ..Taken::default() },
        failed: Vec::new(),
    };
    let live =
        pool(options.threads)?.install(|| live.through(objects, config, options, progress, is_last))?;
    let Some(live) = live else { return Ok(None) };
    Ok(Some(Replayed {
        day,
        alerts: live.taken.alerts,
        objects: live.taken.objects.into_iter().collect(),
        failed: live.failed,
        snapshot_hash: live.taken.snapshot_hash,
        config_hash,
        threshold: live.taken.threshold,
        stored_threshold: memory.as_deref().map(stored_threshold),
    }))
}

fn stored_threshold(memory: &[MemoryRow]) -> Threshold {
    Threshold(memory.iter().find(|row| row.kind == MemoryKind::Threshold).and_then(|row| row.bits))
}

/// The day in hand.
struct Live {
    pipeline: Pipeline,
    open: OpenHours,
    taken: Taken,
    failed: Vec<(String, String)>,
}

impl Live {
    /// Reads the objects in the order of the time in their names and closes the hours of the day.
    /// `None` when it was stopped.
    fn through(
        mut self,
        mut objects: Vec<ObjectRef>,
        config: &Config,
        options: &ReplayOptions,
        progress: &dyn Progress,
        is_last: bool,
    ) -> Result<Option<Self>, Error> {
        objects.sort_by(|a, b| (time(a), &a.name).cmp(&(time(b), &b.name)));
        let objects: Arc<[ObjectRef]> = objects.into();
        let opener = Opener::new(Arc::clone(&objects))?;
        let lateness_seconds = i64::from(config.input.lateness_minutes) * 60;
        let reader = BatchReader::new(config, &opener, progress)?;
        let reader = reader.between(options.from, options.to).sealing(true);
        let (first, last) = (self.taken.day.first_hour(), Hour(self.taken.day.first_hour().0 + 23));
        let mut done = 0;
        for batch in batches(&objects, options.threads) {
            if progress.stop() {
                return Ok(None);
            }
            let read = reader.read(batch);
            for (object, (_, outcome)) in batch.iter().zip(&read.outcomes) {
                outcome.note_in(object, &mut self.open.ledger);
                if let Some(error) = &outcome.report().error {
                    self.failed.push((object.name.clone(), error.to_string()));
                }
            }
            self.open.shard.merge(read.shard);
            // Other days are not this run's.
            self.open.forget_before(first);
            done += batch.len();
            if let Some(second) = objects.get(done).and_then(time) {
                let whole = closes_up_to(second - OBJECT_SECONDS, lateness_seconds);
                let Ok(()) = self.pipeline.close_up_to(&mut self.open, whole.min(last), &mut self.taken);
            }
        }
        let Ok(()) = self.pipeline.close_up_to(&mut self.open, last, &mut self.taken);
        // Findings that nothing joined are told at the end of the logs, if not before.
        let Ok(()) = if is_last {
            self.pipeline.finish(&mut self.taken).map(|_| ())
        } else {
            self.pipeline.end_day(&mut self.taken)
        };
        Ok(Some(self))
    }
}

/// Keeps what the day gives.
#[derive(Default)]
struct Taken {
    day: Day,
    snapshot_hash: String,
    threshold: Threshold,
    objects: BTreeSet<StoredObject>,
    alerts: Vec<Alert>,
}

impl Output for Taken {
    type Error = Infallible;

    fn snapshot_rows(&mut self, _: Day, _: Vec<SnapshotRow>) -> Result<(), Infallible> {
        Ok(())
    }

    fn day_begins(&mut self, _: Day, start: &DayStart<'_>) -> Result<(), Infallible> {
        start.snapshot_hash.clone_into(&mut self.snapshot_hash);
        self.threshold = start.threshold;
        Ok(())
    }

    fn hour_closed(&mut self, hour: &Arc<ClosedHour>) -> Result<(), Infallible> {
        for of_place in hour.objects.values() {
            let read = of_place.read.iter();
            self.objects
                .extend(read.map(|(name, seal)| StoredObject { name: Arc::clone(name), seal: seal.clone() }));
        }
        Ok(())
    }

    fn day_ends(&mut self, _: Day, alerts: Vec<Alert>) -> Result<(), Infallible> {
        self.alerts.extend(alerts);
        Ok(())
    }
}

/// The last revision of each alert, by id.
fn by_id(alerts: &[Alert]) -> BTreeMap<&str, &Alert> {
    let mut last: BTreeMap<&str, &Alert> = BTreeMap::new();
    for alert in alerts {
        let known = last.entry(&alert.id).or_insert(alert);
        if alert.revision > known.revision {
            *known = alert;
        }
    }
    last
}
