//! How fast records that are already parsed reach their sums, by the number of ENIs in an object
//! and of peers of an ENI. From 16,384 pairs on, an ENI-hour rolls its peers up.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use outflow::net::Addr;
use outflow::record::{Action, FlowDirection, FlowRecord};
use outflow::window::{ObjectContext, Shard};

/// Records of one iteration.
const RECORDS: u32 = 200_000;
/// 2026-01-05 12:00 UTC.
const NOON_SECOND: i64 = 1_767_614_400;

fn aggregate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aggregate");
    group.sample_size(20).throughput(Throughput::Elements(u64::from(RECORDS)));
    for enis in [10, 100, 1_000, 10_000] {
        group.bench_function(BenchmarkId::new("enis", enis), |bencher| sweep(bencher, enis, 10));
    }
    for peers in [10, 100, 1_000, 10_000, 100_000] {
        group.bench_function(BenchmarkId::new("peers_per_eni", peers), |bencher| sweep(bencher, 2, peers));
    }
    group.finish();
}

fn sweep(bencher: &mut criterion::Bencher<'_>, enis: u32, peers: u32) {
    let ids: Vec<Vec<u8>> = (0..enis).map(|eni| format!("eni-{eni:017x}").into_bytes()).collect();
    let records: Vec<FlowRecord<'_>> = (0..RECORDS).map(|n| record(n, &ids, peers)).collect();
    let context = ObjectContext::default();
    bencher.iter(|| {
        let mut shard = Shard::default();
        let taken = records.iter().filter(|record| matches!(shard.add(record, &context), Ok(Some(_))));
        assert_eq!(taken.count(), RECORDS as usize);
        shard
    });
}

/// The n-th record: ENI and peer follow no pattern that a cache or a predictor could learn.
fn record(n: u32, ids: &[Vec<u8>], peers: u32) -> FlowRecord<'_> {
    let draw = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let eni = (draw >> 40) as usize % ids.len();
    let peer = (draw >> 16) as u32 % peers;
    FlowRecord {
        account: b"123456789012",
        eni: &ids[eni],
        region: b"eu-west-1",
        src: Some(Addr::from_v4(0x0a00_0000 + eni as u32)),
        // 240.0.0.0/4: reserved, so that there are enough.
        dst: Some(Addr::from_v4(0xf000_0000 + peer * 7)),
        src_port: Some(49_152 + (n % 10_000) as u16),
        dst_port: Some(443),
        protocol: Some(6),
        packets: Some(12),
        bytes: Some(4_096),
        start: Some(NOON_SECOND + i64::from(n % 3_000)),
        end: Some(NOON_SECOND + i64::from(n % 3_000) + 59),
        action: Some(Action::Accept),
        tcp_flags: Some(3),
        direction: Some(FlowDirection::Egress),
        ..FlowRecord::EMPTY
    }
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
