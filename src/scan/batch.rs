//! Reads a batch of objects on all cores. An object is the unit of work; each worker owns the
//! shard it fills, and shards meet when their work is done.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::seal::Sealing;
use super::{Progress, Seen, column_plan};
use crate::config::Config;
use crate::error::Error;
use crate::limits::{OBJECT_THREADS_MAX, SHARED_OBJECT_BYTES_MIN};
use crate::record::{ColumnPlan, FlowRecord, ObjectError, ObjectReader, ReadReport, RecordSink, SkipReason};
use crate::source::{ObjectRef, Open};
use crate::window::{Hour, ObjectContext, ObjectLedger, Seal, Shard};

/// How objects are read in this run.
pub(crate) struct BatchReader<'a> {
    format: Option<ColumnPlan>,
    lateness_seconds: i64,
    from_second: i64,
    to_second: i64,
    progress: &'a dyn Progress,
    opener: &'a dyn Open,
    /// Objects of the batches before: where the next batch begins.
    first: AtomicUsize,
    is_sealed: bool,
    /// Readers that no worker has, with their buffers: a batch is small beside what it takes to make them.
    idle: Mutex<Vec<ObjectReader>>,
}

/// A batch that was read.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) shard: Shard,
    /// One per object, with its place in the batch, in that order.
    pub(crate) outcomes: Vec<(usize, Outcome)>,
}

/// What one object came to, beside its windows.
pub(crate) struct Outcome {
    report: ReadReport,
    /// Hours that it held records of, ascending.
    touched: Vec<Hour>,
    account: Arc<str>,
    region: Arc<str>,
    /// What it was, when somebody keeps that.
    seal: Option<Seal>,
}

impl<'a> BatchReader<'a> {
    /// For the objects that `opener` opens: all of their time, and what they were is not noted.
    ///
    /// # Errors
    /// When the configuration names columns that cannot be read.
    pub(crate) fn new(
        config: &Config,
        opener: &'a dyn Open,
        progress: &'a dyn Progress,
    ) -> Result<Self, Error> {
        Ok(Self {
            format: column_plan(config)?,
            lateness_seconds: i64::from(config.input.lateness_minutes) * 60,
            from_second: i64::MIN,
            to_second: i64::MAX,
            progress,
            opener,
            first: AtomicUsize::new(0),
            is_sealed: false,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Counts records that end in `[from, to)` only, Unix seconds.
    pub(crate) fn between(self, from: Option<i64>, to: Option<i64>) -> Self {
        Self { from_second: from.unwrap_or(i64::MIN), to_second: to.unwrap_or(i64::MAX), ..self }
    }

    /// Begins after the first `objects` of the opener's.
    pub(crate) fn after(self, objects: usize) -> Self {
        Self { first: AtomicUsize::new(objects), ..self }
    }

    /// Notes what each object was, or not: a lake keeps it.
    pub(crate) fn sealing(self, is_sealed: bool) -> Self {
        Self { is_sealed, ..self }
    }

    /// Reads all objects of a batch. Workers take them in order, because downloads come in order.
    pub(crate) fn read(&self, objects: &[ObjectRef]) -> Batch {
        let first = self.first.fetch_add(objects.len(), Ordering::Relaxed);
        let taken = AtomicUsize::new(0);
        let work = || {
            let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut reader = idle().pop().unwrap_or_default();
            let mut shards = vec![Shard::default()];
            let mut outcomes = Vec::new();
            loop {
                let at = taken.fetch_add(1, Ordering::Relaxed);
                let Some(object) = objects.get(at) else {
                    idle().push(reader);
                    return Batch::of(shards, outcomes);
                };
                let threads = threads(object, objects.len() - at);
                shards.resize_with(shards.len().max(threads), Shard::default);
                let outcome = self.read_one(first + at, object, &mut reader, &mut shards[..threads]);
                outcomes.push((at, outcome));
                self.progress.object_done(object.bytes);
            }
        };
        let mut batch = (0..rayon::current_num_threads())
            .into_par_iter()
            .with_max_len(1)
            .map(|_| work())
            .reduce(Batch::default, |mut one, two| {
                one.shard.merge(two.shard);
                one.outcomes.extend(two.outcomes);
                one
            });
        batch.outcomes.sort_unstable_by_key(|(at, _)| *at);
        batch
    }

    fn read_one(
        &self,
        at: usize,
        object: &ObjectRef,
        reader: &mut ObjectReader,
        shards: &mut [Shard],
    ) -> Outcome {
        let key = object.key.as_ref();
        let unknown = || Arc::<str>::from("unknown");
        let context = ObjectContext {
            account: key.map_or_else(unknown, |k| k.account.as_str().into()),
            region: key.map_or_else(unknown, |k| k.region.as_str().into()),
            named_second: key.map(|k| k.time_second),
            lateness_seconds: self.lateness_seconds,
            from_second: self.from_second,
            to_second: self.to_second,
        };
        let sink = |shard| ShardSink { shard, context: &context, touched: Vec::new() };
        let mut sinks: Vec<ShardSink<'_>> = shards.iter_mut().map(sink).collect();
        let (report, blake3) = match self.opener.open(at) {
            Ok(source) => {
                let mut source = Sealing::new(source, self.is_sealed);
                reader.expect(object.bytes);
                let report = reader.read_together(&mut source, self.format.as_ref(), &mut sinks);
                // How far a damaged object is read is nobody's promise.
                let blake3 = if report.error.is_none() { source.seal() } else { None };
                (report, blake3)
            }
            Err(error) => {
                let error = Some(ObjectError::Io(error.to_string()));
                (ReadReport { error, ..ReadReport::default() }, None)
            }
        };
        let mut touched: Vec<Hour> = sinks.into_iter().flat_map(|sink| sink.touched).collect();
        touched.sort_unstable();
        touched.dedup();
        let seal = self.is_sealed.then(|| Seal {
            bytes: object.bytes,
            etag: object.path.etag().into(),
            blake3: blake3.unwrap_or_default().into(),
        });
        Outcome { report, touched, account: context.account, region: context.region, seal }
    }
}

impl Batch {
    /// What one worker read.
    fn of(shards: Vec<Shard>, outcomes: Vec<(usize, Outcome)>) -> Self {
        let merged = shards.into_iter().reduce(|mut one, two| {
            one.merge(two);
            one
        });
        Self { shard: merged.unwrap_or_default(), outcomes }
    }
}

/// How many threads read an object, which is one of the last `left` of its batch: those that would
/// have nothing to do help with a large one.
fn threads(object: &ObjectRef, left: usize) -> usize {
    if object.bytes < SHARED_OBJECT_BYTES_MIN {
        return 1;
    }
    rayon::current_num_threads().div_ceil(left).min(OBJECT_THREADS_MAX)
}

/// Adds the records of one object to the worker's shard.
struct ShardSink<'a> {
    shard: &'a mut Shard,
    context: &'a ObjectContext,
    touched: Vec<Hour>,
}

impl RecordSink for ShardSink<'_> {
    #[inline]
    fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
        if let Some(hour) = self.shard.add(record, self.context)?
            && self.touched.last() != Some(&hour)
            && !self.touched.contains(&hour)
        {
            self.touched.push(hour);
        }
        Ok(())
    }
}

impl Outcome {
    /// Hours that the object held records of, ascending.
    pub(crate) fn hours(&self) -> &[Hour] {
        &self.touched
    }

    /// What reading it came to.
    pub(crate) fn report(&self) -> &ReadReport {
        &self.report
    }

    /// Notes the object in the ledger of the open hours.
    pub(crate) fn note_in(&self, object: &ObjectRef, ledger: &mut ObjectLedger) {
        let name: Arc<str> = object.name.as_str().into();
        if let Some(key) = &object.key {
            ledger.note_named(&self.account, &self.region, key.time_second);
        }
        for hour in &self.touched {
            ledger.note_records(&self.account, &self.region, *hour, &name);
        }
        let Some(seal) = &self.seal else { return };
        let named = object.key.as_ref().map(|key| Hour::of_second(key.time_second));
        for hour in self.touched.iter().copied().chain(named) {
            ledger.note_seal(&self.account, &self.region, hour, &name, seal);
        }
    }

    /// Notes the object in the ledger and the counts of the run.
    pub(crate) fn note(self, object: &ObjectRef, ledger: &mut ObjectLedger, seen: &mut Seen) {
        self.note_in(object, ledger);
        let report = self.report;
        seen.object_bytes += report.object_bytes;
        seen.text_bytes += report.text_bytes;
        seen.lines += report.lines;
        seen.records += report.records;
        seen.no_data += report.no_data;
        seen.skip_data += report.skip_data;
        seen.skipped.iter_mut().zip(report.skipped).for_each(|(sum, count)| *sum += count);
        for sample in report.samples {
            if seen.skip_samples.iter().all(|(_, have)| have.reason != sample.reason) {
                seen.skip_samples.push((object.name.clone(), sample));
            }
        }
        for column in report.unknown_columns {
            if let Err(at) = seen.unknown_columns.binary_search(&column)
                && seen.unknown_columns.len() < crate::limits::UNKNOWN_COLUMNS_MAX
            {
                seen.unknown_columns.insert(at, column);
            }
        }
        match report.error {
            None => seen.objects += 1,
            Some(error) => seen.note_failed(object.name.clone(), error),
        }
    }
}
