//! Reads a batch of objects on all cores. An object is the unit of work; each worker owns the
//! shard it fills, and shards meet when their work is done.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use rayon::prelude::*;

use super::{Progress, Seen};
use crate::record::{ColumnPlan, FlowRecord, ObjectError, ObjectReader, ReadReport, RecordSink, SkipReason};
use crate::source::{ObjectRef, Source};
use crate::window::{Hour, ObjectContext, ObjectLedger, Shard};

/// How objects are read in this run.
pub(super) struct BatchReader<'a> {
    pub(super) format: Option<ColumnPlan>,
    pub(super) lateness_seconds: i64,
    pub(super) from_second: i64,
    pub(super) to_second: i64,
    pub(super) progress: &'a dyn Progress,
}

/// A batch that was read.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) shard: Shard,
    /// One per object, in the order of the batch.
    pub(super) outcomes: Vec<Outcome>,
}

/// What one object came to, beside its windows.
pub(super) struct Outcome {
    report: ReadReport,
    /// Places and hours that it held records of.
    touched: Vec<Hour>,
    account: Arc<str>,
    region: Arc<str>,
}

impl BatchReader<'_> {
    /// Reads all objects of a batch.
    pub(super) fn read(&self, objects: &[ObjectRef]) -> Batch {
        objects
            .par_iter()
            .fold(
                || (ObjectReader::default(), Batch::default()),
                |(mut reader, mut batch), object| {
                    let outcome = self.read_one(object, &mut reader, &mut batch.shard);
                    batch.outcomes.push(outcome);
                    self.progress.object_done(object.bytes);
                    (reader, batch)
                },
            )
            .map(|(_, batch)| batch)
            .reduce(Batch::default, |mut one, two| {
                one.shard.merge(two.shard);
                one.outcomes.extend(two.outcomes);
                one
            })
    }

    fn read_one(&self, object: &ObjectRef, reader: &mut ObjectReader, shard: &mut Shard) -> Outcome {
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
        let mut sink = ShardSink { shard, context: &context, touched: Vec::new() };
        let report = match open(object) {
            Ok(source) => reader.read(source, self.format.as_ref(), &mut sink),
            Err(error) => {
                ReadReport { error: Some(ObjectError::Io(error.to_string())), ..ReadReport::default() }
            }
        };
        let ShardSink { touched, .. } = sink;
        Outcome { report, touched, account: context.account, region: context.region }
    }
}

fn open(object: &ObjectRef) -> io::Result<Box<dyn Read>> {
    Ok(match &object.path {
        Source::File(path) => Box::new(File::open(path)?),
        Source::Stdin => Box::new(io::stdin()),
    })
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
    /// Notes the object in the ledger and the counts of the run.
    pub(super) fn note(self, object: &ObjectRef, ledger: &mut ObjectLedger, seen: &mut Seen) {
        let name: Arc<str> = object.name.as_str().into();
        if let Some(key) = &object.key {
            ledger.note_named(&self.account, &self.region, key.time_second);
        }
        for hour in &self.touched {
            ledger.note_records(&self.account, &self.region, *hour, &name);
        }
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
