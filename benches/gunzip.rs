//! How fast objects inflate: the floor under everything else, in bytes of text.

mod corpus;

use corpus::{Corpus, Inflating};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use outflow::simulate::SimFormat;

fn gunzip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gunzip");
    group.sample_size(20);
    for (name, format) in [("v2", SimFormat::V2), ("v5", SimFormat::V5)] {
        let corpus = Corpus::new(name, format, 100_000);
        let mut inflating = Inflating::default();
        group.throughput(Throughput::Bytes(corpus.text_bytes));
        for (way, is_streamed) in [("at_once", false), ("streamed", true)] {
            group.bench_function(format!("{name}/{way}"), |bencher| {
                bencher.iter(|| {
                    let objects = corpus.objects.iter().map(|object| object.gzip_bytes.as_slice());
                    let text_bytes: u64 = objects
                        .map(|object| {
                            if is_streamed {
                                inflating.streamed(object)
                            } else {
                                inflating.text_bytes(object)
                            }
                        })
                        .sum();
                    assert_eq!(text_bytes, corpus.text_bytes);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, gunzip);
criterion_main!(benches);
