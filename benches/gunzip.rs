//! How fast objects inflate: the floor under everything else, in bytes of text.

mod corpus;

use std::io::Read;

use corpus::Corpus;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use outflow::gunzip::Gunzip;
use outflow::limits::CHUNK_BYTES;
use outflow::simulate::SimFormat;

fn gunzip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gunzip");
    group.sample_size(20);
    for (name, format) in [("v2", SimFormat::V2), ("v5", SimFormat::V5)] {
        let corpus = Corpus::new(name, format, 100_000);
        let mut chunk = vec![0; CHUNK_BYTES];
        group.throughput(Throughput::Bytes(corpus.text_bytes));
        group.bench_function(corpus.name, |bencher| {
            bencher.iter(|| {
                let text_bytes: u64 =
                    corpus.objects.iter().map(|object| inflate(&object.gzip_bytes, &mut chunk)).sum();
                assert_eq!(text_bytes, corpus.text_bytes);
            });
        });
    }
    group.finish();
}

/// Inflates one object through the chunk and gives the bytes of text.
fn inflate(object: &[u8], chunk: &mut [u8]) -> u64 {
    let mut reader = Gunzip::new(object);
    let mut text_bytes = 0;
    loop {
        match reader.read(chunk).expect("the corpus is sound") {
            0 => return text_bytes,
            bytes => text_bytes += bytes as u64,
        }
    }
}

criterion_group!(benches, gunzip);
criterion_main!(benches);
