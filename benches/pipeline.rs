//! Objects to hourly sums on one thread (inflate, parse, direction, aggregate) beside inflating
//! alone, and the ratio of the two: how far the whole is from the least it could cost.
//!
//! Criterion measures one after the other; on a machine that is shared, the ratio of its two
//! numbers says more about the neighbours. So the ratio comes from its own rounds, in which both
//! take turns, and is the median over the rounds.

#![expect(clippy::print_stdout, reason = "the ratio is the result")]

mod corpus;

use std::time::{Duration, Instant};

use corpus::{Corpus, Inflating};
use criterion::{Criterion, Throughput};
use outflow::record::{FlowRecord, ObjectReader, RecordSink, SkipReason};
use outflow::simulate::SimFormat;
use outflow::window::{ObjectContext, Shard};

/// Turns of each side.
const ROUNDS: usize = 25;

fn main() {
    let corpora = [("v2", SimFormat::V2), ("v5", SimFormat::V5)]
        .map(|(name, format)| Corpus::new(name, format, 250_000));
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(20);
    for corpus in &corpora {
        group.throughput(Throughput::ElementsAndBytes { elements: corpus.records, bytes: corpus.text_bytes });
        group.bench_function(format!("{}/inflate_only", corpus.name), |b| b.iter(|| inflate_only(corpus)));
        group.bench_function(format!("{}/end_to_end", corpus.name), |b| b.iter(|| end_to_end(corpus)));
    }
    group.finish();
    criterion.final_summary();
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { ROUNDS };
    for corpus in &corpora {
        take_turns(corpus, rounds);
    }
}

/// Measures both in turns and prints medians and ratio.
fn take_turns(corpus: &Corpus, rounds: usize) {
    let (mut alone, mut whole): (Vec<_>, Vec<_>) =
        (0..rounds).map(|_| (timed(|| inflate_only(corpus)), timed(|| end_to_end(corpus)))).unzip();
    let mut ratios: Vec<f64> =
        alone.iter().zip(&whole).map(|(a, w)| w.as_secs_f64() / a.as_secs_f64()).collect();
    alone.sort_unstable();
    whole.sort_unstable();
    ratios.sort_unstable_by(f64::total_cmp);
    let rate = |time: Duration| corpus.text_bytes as f64 / time.as_secs_f64() / 1e9;
    let (alone, whole) = (alone[rounds / 2], whole[rounds / 2]);
    println!(
        "{}: {:.1} MB of text in {:.1} MB of objects, {} records: inflate only {:.2} GB/s, end to end {:.2} GB/s \
         ({:.2} M records/s), ratio {:.2} (quartiles {:.2} and {:.2}) over {rounds} turns",
        corpus.name,
        corpus.text_bytes as f64 / 1e6,
        corpus.object_bytes as f64 / 1e6,
        corpus.records,
        rate(alone),
        rate(whole),
        corpus.records as f64 / whole.as_secs_f64() / 1e6,
        ratios[rounds / 2],
        ratios[rounds / 4],
        ratios[rounds * 3 / 4],
    );
}

#[expect(clippy::disallowed_methods, reason = "measuring durations is what a bench does")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn inflate_only(corpus: &Corpus) {
    let mut inflating = Inflating::default();
    let text_bytes: u64 = corpus.objects.iter().map(|object| inflating.text_bytes(&object.gzip_bytes)).sum();
    assert_eq!(text_bytes, corpus.text_bytes);
}

/// Adds the records of one object to the shard.
struct ShardSink<'a>(&'a mut Shard, &'a ObjectContext);

impl RecordSink for ShardSink<'_> {
    #[inline]
    fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
        self.0.add(record, self.1).map(drop)
    }
}

fn end_to_end(corpus: &Corpus) {
    let (mut shard, mut reader) = (Shard::default(), ObjectReader::default());
    let context = ObjectContext::default();
    let mut lines = 0;
    for object in &corpus.objects {
        let mut sink = ShardSink(&mut shard, &context);
        let report = reader.read(object.gzip_bytes.as_slice(), None, &mut sink);
        assert_eq!(report.skipped_total(), 0);
        lines += report.lines;
    }
    assert_eq!(lines, corpus.records);
    std::hint::black_box(&shard);
}
