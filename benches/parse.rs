//! How fast text becomes records, lines found and columns read; beside it, the same text
//! inflated. The corpus `columns_29` has the 29 columns of versions 2 to 5.

mod corpus;

use std::io::Read;

use corpus::{Corpus, Counting, Inflating};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use outflow::gunzip::Gunzip;
use outflow::record::ObjectReader;
use outflow::simulate::SimFormat;

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.sample_size(20);
    for (name, format) in [("v2", SimFormat::V2), ("columns_29", SimFormat::V5)] {
        let corpus = Corpus::new(name, format, 100_000);
        let texts: Vec<Vec<u8>> = corpus.objects.iter().map(|object| text(&object.gzip_bytes)).collect();
        let mut reader = ObjectReader::default();
        group.throughput(Throughput::ElementsAndBytes { elements: corpus.records, bytes: corpus.text_bytes });
        group.bench_function(corpus.name, |bencher| {
            bencher.iter(|| {
                let mut counting = Counting::default();
                for text in &texts {
                    let report = reader.read(text.as_slice(), None, &mut counting);
                    assert_eq!(report.skipped_total(), 0);
                }
                assert_eq!(counting.0, corpus.records);
            });
        });
        let mut inflating = Inflating::default();
        group.bench_function(format!("{name}/inflate_only"), |bencher| {
            bencher.iter(|| {
                let bytes = corpus.objects.iter().map(|object| inflating.text_bytes(&object.gzip_bytes));
                assert_eq!(bytes.sum::<u64>(), corpus.text_bytes);
            });
        });
    }
    group.finish();
}

fn text(object: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    Gunzip::new(object).read_to_end(&mut text).expect("the corpus is sound");
    text
}

criterion_group!(benches, parse);
criterion_main!(benches);
