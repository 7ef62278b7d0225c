//! Labelled real traffic without a past: are the destinations worth reading the first of their
//! interface?
//!
//! Where the sets are absent the test says so and passes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "trusted input, unpacked by the test"
)]
#![expect(clippy::print_stdout, reason = "the ranks are for people: --nocapture")]

use std::collections::BTreeMap;
use std::path::Path;

use crate::benchmark_support::each_set;
use crate::fleet_support::{Quiet, objects, options, write_fleet};
use outflow::config::Config;
use outflow::net::{Addr, Prefix};
use outflow::retrospective::Ranked;
use outflow::scan::{ObjectRef, scan_retrospective};
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};

/// Bytes out from which a malicious pair has to be among the first.
const EGRESS_BYTES_MIN: u64 = 100_000;
/// Places that a person reads.
const PLACES: u32 = 10;

/// One labelled episode of an ENI, a remote address and a service port.
#[derive(Clone, Debug, serde::Deserialize)]
struct Episode {
    eni: String,
    remote_ip: String,
    label: String,
    service_port: u16,
    direction: String,
    egress_bytes: u64,
}

fn ranked(objects: Vec<ObjectRef>, threads: usize, per_eni: usize) -> Vec<Ranked> {
    let options = options(threads, None);
    let (report, survey) = scan_retrospective(objects, &Config::default(), &options, &Quiet).unwrap();
    assert_eq!(report.seen.objects_failed, 0);
    assert_eq!(survey.left_out(), 0);
    survey.rank(per_eni)
}

fn place_of<'a>(rows: &'a [Ranked], eni: &str, remote: &str) -> Option<&'a Ranked> {
    let remote: Addr = remote.parse::<Prefix>().unwrap().addr();
    let holds = |text: &str| text.parse::<Prefix>().is_ok_and(|prefix| prefix.contains(remote));
    rows.iter().find(|r| r.eni == eni && (holds(&r.destination) || r.peers.iter().any(|p| holds(&p.peer))))
}

#[test]
fn malicious_pairs_of_real_traffic_are_among_the_first_ten() {
    each_set(|root, _| check(root));
}

fn check(root: &Path) {
    let rows = ranked(objects(&root.join("AWSLogs")), 2, usize::MAX);
    println!("\n{}", root.file_name().unwrap().to_string_lossy());
    for row in rows.iter().filter(|row| row.rank <= PLACES) {
        let clues: Vec<String> = row.clues.iter().map(|c| format!("{}:{:.1}", c.id, c.bits)).collect();
        println!(
            "{} {:>2}/{:<4} {:>6.1} {:<24} {:>5}/{:<3} {:>10} {:>10} {}",
            row.eni,
            row.rank,
            row.of,
            row.score,
            row.destination,
            row.port,
            row.protocol,
            row.egress_bytes,
            row.ingress_bytes,
            clues.join(" ")
        );
    }
    let labels = csv::Reader::from_path(root.join("labels.csv")).unwrap().into_deserialize();
    let mut by_pair: BTreeMap<(String, String), Episode> = BTreeMap::new();
    for episode in labels.map(Result::<Episode, _>::unwrap) {
        if episode.label == "benign_bulk_upload" || episode.direction != "out" {
            continue;
        }
        let pair = (episode.eni.clone(), episode.remote_ip.clone());
        let at = by_pair.entry(pair).or_insert(Episode { egress_bytes: 0, ..episode.clone() });
        at.egress_bytes += episode.egress_bytes;
    }
    let mut late = Vec::new();
    for ((eni, remote), episode) in &by_pair {
        let row = place_of(&rows, eni, remote);
        let rank = row.map_or(u32::MAX, |row| row.rank);
        let place = row.map_or("not ranked".into(), |row| format!("{} of {}", row.rank, row.of));
        println!(
            "{eni} {:<10} {remote}:{} {} bytes: {place}",
            episode.label, episode.service_port, episode.egress_bytes
        );
        if episode.egress_bytes >= EGRESS_BYTES_MIN && rank > PLACES {
            late.push(format!("{eni} {} {remote}: {place}", episode.label));
        }
    }
    assert!(late.is_empty(), "{late:#?}");
}

#[test]
fn the_order_depends_on_neither_files_nor_threads() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = SimulateOptions {
        seed: 31,
        enis: 8,
        days: 2,
        interval_seconds: 600,
        format: SimFormat::V2,
        density: 0.25,
        attacks: AttackMix::All,
        attack_from_day: 1,
        ..SimulateOptions::default()
    };
    write_fleet(&fleet, dir.path());
    let mut all = objects(dir.path());
    let one = ranked(all.clone(), 1, 10);
    all.reverse();
    assert_eq!(one, ranked(all, 3, 10));
    assert!(one.len() > 8 && one.iter().all(|row| row.rank <= 10 && row.rank <= row.of));
    let in_order = one.windows(2).filter(|pair| pair[0].eni == pair[1].eni);
    assert!(in_order.into_iter().all(|pair| pair[0].score >= pair[1].score && pair[0].rank < pair[1].rank));
}
