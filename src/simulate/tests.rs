//! Properties of whole runs.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io::Read as _;

use super::*;

/// A small fleet over a few days: fast, with every role.
fn options() -> SimulateOptions {
    SimulateOptions {
        enis: 24,
        days: 2,
        attack_from_day: 0,
        density: 0.2,
        format: SimFormat::V5,
        interval_seconds: 600,
        ..SimulateOptions::default()
    }
}

fn objects(options: &SimulateOptions) -> Vec<SimObject> {
    objects_of(&plan(options).unwrap())
}

fn objects_of(plan: &Plan) -> Vec<SimObject> {
    let mut all = Vec::new();
    let done: Result<(), Infallible> = write_objects(plan, |object| {
        all.push(object);
        Ok(())
    });
    done.unwrap();
    all
}

#[allow(
    clippy::disallowed_types,
    reason = "the capped reader is another room's, and these bytes are our own"
)]
fn lines(object: &SimObject) -> Vec<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(object.gzip_bytes.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text.len() as u64, object.text_bytes);
    text.lines().map(str::to_owned).collect()
}

/// One line's values, by column name.
struct Record<'a> {
    names: &'a [&'a str],
    values: Vec<&'a str>,
}

impl std::ops::Index<&str> for Record<'_> {
    type Output = str;

    fn index(&self, name: &str) -> &str {
        self.values[self.names.iter().position(|other| *other == name).unwrap()]
    }
}

/// Gives every record to `each`; NODATA and SKIPDATA are left out.
fn each_record(objects: &[SimObject], mut each: impl FnMut(&Record<'_>)) {
    for object in objects {
        let lines = lines(object);
        let names: Vec<&str> = lines[0].split(' ').collect();
        for line in &lines[1..] {
            let record = Record { names: &names, values: line.split(' ').collect() };
            if &record["log-status"] == "OK" {
                each(&record);
            }
        }
    }
}

/// Egress bytes by (ENI, peer, hour of `end`).
fn egress(objects: &[SimObject]) -> BTreeMap<(String, String, i64), u64> {
    let mut sums = BTreeMap::new();
    each_record(objects, |record| {
        if &record["flow-direction"] == "egress" {
            let hour = record["end"].parse::<i64>().unwrap() / 3600;
            let key = (record["interface-id"].to_owned(), record["pkt-dstaddr"].to_owned(), hour);
            *sums.entry(key).or_default() += record["bytes"].parse::<u64>().unwrap();
        }
    });
    sums
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let small = SimulateOptions { enis: 16, days: 1, late_share: 0.02, skip_data_share: 0.01, ..options() };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| objects(&small))
    };
    let one = on(1);
    assert!(one == on(2));
    assert!(one == on(5));
    assert!(one != objects(&SimulateOptions { seed: 2, ..small }));
}

#[test]
fn every_line_has_the_columns_of_its_header() {
    let custom =
        SimFormat::Custom(["bytes", "interface-id", "end", "log-status"].map(str::to_owned).to_vec());
    for (format, columns) in
        [(SimFormat::V2, 14), (SimFormat::V3, 21), (SimFormat::V5, 29), (SimFormat::V11, 54), (custom, 4)]
    {
        let small = SimulateOptions { enis: 9, days: 1, format, ..options() };
        for object in objects(&small) {
            for line in lines(&object) {
                assert_eq!(line.split(' ').count(), columns, "{line}");
                assert!(line.split(' ').all(|token| !token.is_empty()), "{line}");
            }
        }
    }
}

#[test]
fn objects_are_named_by_time_and_hold_what_ended_in_it() {
    let late = |share| SimulateOptions { late_share: share, accounts: 2, ..options() };
    let misplaced = |objects: &[SimObject]| {
        let (mut late, mut early, mut all) = (0, 0, 0);
        for object in objects {
            let name = object.key.rsplit('/').next().unwrap();
            let parts: Vec<&str> = name.split('_').collect();
            assert_eq!(parts.len(), 6, "{name}");
            let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%MZ", parts[4]).unwrap();
            let slot = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second();
            let day = at.strftime("%Y/%m/%d").to_string();
            assert!(object.key.starts_with(&format!("AWSLogs/{}/vpcflowlogs/eu-west-1/{day}/", parts[0])));
            each_record(std::slice::from_ref(object), |record| {
                let end: i64 = record["end"].parse().unwrap();
                assert!(record["start"].parse::<i64>().unwrap() <= end);
                assert_eq!(&record["account-id"], parts[0]);
                all += 1;
                early += u32::from(end < slot - 2 * 3600 || end >= slot + 300);
                late += u32::from(end < slot);
            });
        }
        assert_eq!(early, 0);
        f64::from(late) / f64::from(all)
    };
    assert!(misplaced(&objects(&late(0.0))).abs() < f64::EPSILON);
    let share = misplaced(&objects(&late(0.05)));
    assert!((0.04..0.06).contains(&share), "{share}");
    let keys: Vec<String> = objects(&late(0.0)).into_iter().map(|object| object.key).collect();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    assert_eq!(keys.len(), 2 * 2 * 288);
}

#[test]
fn one_minute_and_ten_minute_records_have_the_same_hourly_totals() {
    let by = |interval_seconds| egress(&objects(&SimulateOptions { interval_seconds, ..options() }));
    let (fine, coarse) = (by(60), by(600));
    assert!(fine.len() > 1000);
    assert!(fine == coarse);
}

#[test]
fn labels_tell_the_bytes_that_were_written() {
    let plan =
        plan(&SimulateOptions { enis: 48, days: 6, attack_from_day: 1, density: 0.05, ..options() }).unwrap();
    let written = egress(&objects_of(&plan));
    let mut checked = BTreeSet::new();
    for label in plan.labels.iter().filter(|label| label.kind != LabelKind::LookAlike && label.visible) {
        let sent: u64 = written
            .iter()
            .filter(|((eni, peer, _), _)| *eni == label.eni && label.peers.contains(peer))
            .map(|(_, bytes)| *bytes)
            .sum();
        let told = label.egress_bytes.unwrap();
        // Object storage and familiar destinations also get benign bytes.
        let shared = label.family == "familiar" || label.variant.starts_with("object storage");
        assert!(if shared { sent >= told } else { sent == told }, "{label:?} sent {sent}");
        checked.insert(label.family.clone());
    }
    assert_eq!(checked.len(), Family::ALL.len());
    for label in plan.labels.iter().filter(|label| ["deploy", "pen-test"].contains(&label.family.as_str())) {
        let network: crate::net::Prefix = label.peers[0].parse().unwrap();
        let inside = |peer: &str| network.contains(peer.parse::<std::net::IpAddr>().unwrap().into());
        let sent: u64 = written
            .iter()
            .filter(|((eni, peer, _), _)| *eni == label.eni && inside(peer))
            .map(|(_, bytes)| *bytes)
            .sum();
        assert_eq!(Some(sent), label.egress_bytes, "{label:?}");
    }
}

#[test]
fn a_nat_gateway_shows_both_sides_of_what_it_carries() {
    let plan = plan(&SimulateOptions { days: 1, ..options() }).unwrap();
    let relay = plan.enis().into_iter().find(|eni| eni.role == SimRole::NatGateway).unwrap();
    let (nat, mut shapes) = (relay.address.to_string(), BTreeMap::new());
    each_record(&objects_of(&plan), |record| {
        if record["interface-id"] == relay.eni {
            assert_eq!(&record["instance-id"], "-");
            let inside = |name| record[name].starts_with("10.") && record[name] != nat;
            let shape = match &record["flow-direction"] {
                "ingress" if inside("srcaddr") => "from instance",
                "ingress" => "from internet",
                _ if inside("dstaddr") => "to instance",
                _ => "to internet",
            };
            // Towards the instance the packet still names the far end (AWS's NAT gateway table);
            // towards the internet it names the gateway.
            let ours = |name| record[name].starts_with("10.");
            let packet = (ours("pkt-srcaddr"), ours("pkt-dstaddr"));
            let names_gateway = record["pkt-srcaddr"] == nat || record["pkt-dstaddr"] == nat;
            assert_eq!(names_gateway, shape.ends_with("internet"), "{shape}");
            let outward = ["from instance", "to internet"].contains(&shape);
            assert_eq!(packet, (outward, !outward), "{shape}");
            *shapes.entry(shape).or_insert(0_u64) += record["bytes"].parse::<u64>().unwrap();
        }
    });
    assert_eq!(shapes["from instance"], shapes["to internet"]);
    assert_eq!(shapes["from internet"], shapes["to instance"]);
}

#[test]
fn attacks_keep_their_days_and_their_distance() {
    let options = SimulateOptions::default();
    let plan = plan(&options).unwrap();
    assert_eq!(plan.unplaced_attacks, 0);
    let start = plan.world.start_second;
    let attacks: Vec<&Label> = plan.labels.iter().filter(|l| l.kind == LabelKind::Attack).collect();
    for family in Family::ALL {
        let ids: BTreeSet<&str> =
            attacks.iter().filter(|l| l.family == family.as_str()).map(|l| l.id.as_str()).collect();
        assert!(ids.len() >= 3, "{family:?}");
    }
    assert!(attacks.iter().any(|label| !label.visible && label.variant == "resolver tunnel"));
    for label in &attacks {
        assert!(
            label.start_second >= start + 28 * 86_400 && label.end_second < start + 42 * 86_400,
            "{label:?}"
        );
        for other in attacks.iter().filter(|other| other.eni == label.eni && other.id != label.id) {
            let days = |l: &Label| (l.start_second - start) / 86_400..=(l.end_second - start) / 86_400;
            assert!(!days(other).any(|day| days(label).contains(&day)), "{label:?} {other:?}");
        }
    }
    assert!(plan.labels.iter().filter(|l| l.kind == LabelKind::LookAlike).count() > 20);
}

#[test]
fn a_clean_fleet_has_no_labels() {
    let clean = SimulateOptions { attacks: AttackMix::None, look_alikes: false, ..options() };
    assert!(plan(&clean).unwrap().labels.is_empty());
}

#[test]
fn roles_keep_their_promises() {
    let clean = SimulateOptions { attacks: AttackMix::None, look_alikes: false, density: 1.0, ..options() };
    let plan = plan(&clean).unwrap();
    let store = plan.aws_prefixes()[0].0;
    let mut peers: BTreeMap<(String, i64), BTreeSet<String>> = BTreeMap::new();
    let roles: BTreeMap<String, SimRole> = plan.enis().into_iter().map(|eni| (eni.eni, eni.role)).collect();
    for ((eni, peer, hour), _) in egress(&objects_of(&plan)) {
        if roles[&eni] == SimRole::Database {
            let addr: crate::net::Addr = peer.parse::<std::net::IpAddr>().unwrap().into();
            assert!(peer.starts_with("10.") || store.contains(addr) && hour % 24 <= 3, "{peer} at {hour}");
        }
        peers.entry((eni, hour)).or_default().insert(peer);
    }
    for ((eni, _), peers) in &peers {
        match roles[eni] {
            SimRole::Crawler => assert!(peers.len() > 50),
            SimRole::LogShipper => assert!(peers.len() < 12),
            _ => {}
        }
    }
}

#[test]
fn silence_and_loss_are_said() {
    let with = |skip_data_share| {
        let mut counts = BTreeMap::new();
        for object in objects(&SimulateOptions { skip_data_share, density: 0.02, ..options() }) {
            for line in &lines(&object)[1..] {
                let status = line.split(' ').nth(13).unwrap().to_owned();
                *counts.entry(status).or_insert(0_u32) += 1;
            }
        }
        counts
    };
    let whole = with(0.0);
    assert!(whole["NODATA"] > 10 && !whole.contains_key("SKIPDATA"));
    let lossy = with(0.2);
    assert!(lossy["SKIPDATA"] > 100);
    let kept = f64::from(lossy["OK"]) / f64::from(whole["OK"]);
    assert!((0.85..0.95).contains(&kept), "a fifth of the intervals lose half: {kept}");
}

#[test]
fn impossible_options_are_refused() {
    let bad = |change: fn(&mut SimulateOptions)| {
        let mut options = options();
        change(&mut options);
        plan(&options).unwrap_err()
    };
    assert_eq!(bad(|o| o.interval_seconds = 300), SimulateError::Interval(300));
    assert!(matches!(bad(|o| o.enis = 7), SimulateError::TooFewEnis { needed: 8, .. }));
    assert_eq!(bad(|o| o.days = 0), SimulateError::Empty);
    assert_eq!(bad(|o| o.late_share = 1.5), SimulateError::OutOfRange("late_share"));
    assert_eq!(bad(|o| o.density = f64::NAN), SimulateError::OutOfRange("density"));
}
