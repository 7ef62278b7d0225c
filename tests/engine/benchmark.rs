//! Labelled real traffic as flow logs: nothing is lost, and little is cried out while the
//! baselines are cold.
//!
//! Where the sets are absent the test says so and passes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "trusted input, packed and unpacked by the test"
)]
#![expect(clippy::print_stdout, reason = "the tables are for people: --nocapture")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;

use crate::benchmark_support::each_set;
use crate::fleet_support::{Scanned, objects, options, scan_all};
use outflow::alert::Alert;
use outflow::lake::{COVERAGE, Lake};
use outflow::net::{Addr, Prefix};
use outflow::window::EniClass;

/// Told incidents that answer to no label, per day of one ENI. There is little history in these
/// sets, so nearly everything is new.
const FALSE_PER_ENI_DAY_MAX: f64 = 0.1;

/// One episode of an ENI, a remote address and a service port.
#[derive(Clone, Debug, serde::Deserialize)]
struct Episode {
    eni: String,
    remote_ip: String,
    start: String,
    label: String,
    service_port: u16,
    direction: String,
    egress_bytes: u64,
    ingress_bytes: u64,
    conns: u64,
}

impl Episode {
    /// Whether finding it would be right.
    fn is_attack(&self) -> bool {
        self.label != "benign_bulk_upload"
    }

    fn is_in(&self, alert: &Alert) -> bool {
        let remote: Addr = self.remote_ip.parse::<Prefix>().unwrap().addr();
        let holds = |text: &str| {
            text.trim_start_matches("served:").parse::<Prefix>().is_ok_and(|prefix| prefix.contains(remote))
        };
        alert.enis.contains(&self.eni)
            && (holds(&alert.destination) || alert.destinations.iter().any(|d| holds(&d.peer)))
    }
}

fn episodes(path: &Path) -> Vec<Episode> {
    let mut bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        let packed = std::mem::take(&mut bytes);
        flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    }
    csv::Reader::from_reader(&bytes[..]).deserialize().map(Result::unwrap).collect()
}

#[test]
fn labelled_real_traffic_is_counted_to_the_byte_and_raises_little() {
    each_set(check);
}

fn check(root: &Path, dir: &Path) {
    let meta: serde_json::Value = serde_json::from_slice(&fs::read(root.join("meta.json")).unwrap()).unwrap();
    let name = meta["name"].as_str().unwrap();
    let lake = dir.join("lake");
    let report = scan_all(objects(&root.join("AWSLogs")), &options(2, Some(&lake)));
    println!("\n{name}");
    let seen = &report.seen;
    assert_eq!(seen.objects_failed, 0, "{:?}", seen.failed);
    assert_eq!(seen.skipped.iter().sum::<u64>(), 0, "{:?}", seen.skip_samples);
    assert_eq!(Some(seen.objects), meta["files"].as_u64());
    // The sets count OK and NODATA records together.
    assert_eq!(Some(seen.records + seen.no_data + seen.skip_data), meta["records"].as_u64());
    bytes_equal_the_pairs(name, &lake, &root.join("pairs.csv.gz"));
    told(name, &report, &episodes(&root.join("labels.csv")));
}

/// Every byte of every record, by ENI and direction: what the lake holds is what the set says.
///
/// One exception is the format's: without `flow-direction`, records between one pair of private
/// addresses fit either of them. The bytes of an ENI that talks to nobody else stay, and are
/// counted, as of unknown direction.
fn bytes_equal_the_pairs(name: &str, lake: &Path, pairs: &Path) {
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut peers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pair in episodes(pairs) {
        let at = expected.entry(pair.eni.clone()).or_default();
        at.0 += pair.egress_bytes;
        at.1 += pair.ingress_bytes;
        peers.entry(pair.eni).or_default().insert(pair.remote_ip);
    }
    let lake = Lake::open(lake).unwrap();
    let mut got: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut unknown: BTreeMap<String, u64> = BTreeMap::new();
    for partition in lake.partitions(&COVERAGE).unwrap() {
        for hour in lake.read_hours(&partition).unwrap() {
            let hour = hour.unwrap();
            assert_eq!(hour.class, EniClass::Instance, "{} relays nothing", hour.id.eni);
            let at = got.entry(hour.id.eni.to_string()).or_default();
            at.0 += hour.totals.egress_bytes;
            at.1 += hour.totals.ingress_bytes;
            *unknown.entry(hour.id.eni.to_string()).or_default() += hour.totals.unknown_bytes;
        }
    }
    unknown.retain(|_, bytes| *bytes > 0);
    for (eni, bytes) in &unknown {
        println!("{name}: {eni}: {bytes} bytes of unknown direction, peers {:?}", peers[eni]);
        assert_eq!(peers[eni].len(), 1, "{name}: {eni} has several peers: its side can be known");
        let ((sent, received), all) = (got.remove(eni).unwrap(), expected.remove(eni).unwrap());
        assert_eq!(sent + received + bytes, all.0 + all.1, "{name}: {eni}");
    }
    assert_eq!(got, expected, "{name}: egress and ingress bytes by ENI");
    assert!(name != "pub_vpc" || unknown.is_empty(), "every record of {name} states its direction");
}

fn told(name: &str, report: &Scanned, labels: &[Episode]) {
    println!(
        "{:<18} {:<16} {:>5} {:<3} {:>11} {:>11} {:>6}  {:>5} {:<8} reason",
        "label", "remote", "port", "dir", "egress", "ingress", "conns", "score", "severity"
    );
    let mut found = BTreeSet::new();
    for (row, episode) in labels.iter().enumerate() {
        let best = report
            .alerts
            .iter()
            .filter(|alert| episode.is_in(alert))
            .max_by(|a, b| a.emitted.cmp(&b.emitted).then(a.score.total_cmp(&b.score)));
        let found_as = best.map_or_else(
            || "    - nothing scored".to_owned(),
            |a| format!("{:>5.1} {:<8} {}", a.score, a.severity.as_str(), a.emitted_reason),
        );
        println!(
            "{:<18} {:<16} {:>5} {:<3} {:>11} {:>11} {:>6}  {found_as}  ({})",
            episode.label,
            episode.remote_ip,
            episode.service_port,
            episode.direction,
            episode.egress_bytes,
            episode.ingress_bytes,
            episode.conns,
            &episode.start[..10],
        );
        if best.is_some_and(|a| a.emitted) && episode.is_attack() {
            found.insert(row);
        }
    }
    let attacks = labels.iter().filter(|episode| episode.is_attack()).count();
    let eni_days = report.seen.eni_hours as f64 / 24.0;
    let is_true = |alert: &Alert| labels.iter().any(|episode| episode.is_attack() && episode.is_in(alert));
    let emitted: Vec<&Alert> = report.alerts.iter().filter(|alert| alert.emitted).collect();
    let wrong: Vec<&Alert> = emitted.iter().copied().filter(|alert| !is_true(alert)).collect();
    for alert in &wrong {
        println!("false: {:.1} {} {}", alert.score, alert.severity.as_str(), alert.sentence);
    }
    let rate = wrong.len() as f64 / eni_days;
    println!(
        "{name}: {} incidents, {} emitted; {} of {attacks} attacks; {} false in {eni_days:.1} ENI-days = {rate:.3}",
        report.alerts.len(),
        emitted.len(),
        found.len(),
        wrong.len(),
    );
    let mut top: Vec<&Alert> = report.alerts.iter().filter(|alert| !is_true(alert)).collect();
    top.sort_by(|a, b| b.score.total_cmp(&a.score));
    for alert in top.iter().take(8) {
        println!("unlabelled, {}: {:.1} {}", alert.emitted_reason, alert.score, alert.sentence);
    }
    assert!(rate <= FALSE_PER_ENI_DAY_MAX, "{name}: {rate} false incidents per ENI-day");
}
