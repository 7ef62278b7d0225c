//! Minutes of `watch` under load: how many objects a second, how far behind, how large.
//!
//! Ignored, because it measures: `cargo test --test watch_sqs soak -- --ignored --nocapture`;
//! `OUTFLOW_SOAK_SECONDS` says how long (default 300). Peer, feeder and watcher share the machine.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use outflow::simulate::SimulateOptions;

use crate::fleet_support::{self, eventful_fleet};
use crate::peers::http;
use crate::world::{BUCKET, NamedObject, QUEUE, World, named_objects, wait_until};

/// Messages that wait at a time, at most: the watcher is fed as fast as it eats.
const WAITING_MAX: u64 = 400;
/// Objects a day of the fleet, five minutes each.
const OBJECTS_A_DAY: usize = 288;
/// What is taken for granted of throughput when the fleet is made, objects a second.
const RATE_MAX: usize = 150;
/// Days of history that a baseline holds: until it has them it grows.
const HISTORY_DAYS: usize = 28;
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Growth of the memory from the middle to the end that is still called flat.
const GROWTH_MAX: f64 = 1.15;

/// What was seen at a time.
struct Look {
    second: f64,
    resident_mb: f64,
    lag_seconds: f64,
    objects: f64,
}

fn fleet(days: usize) -> Vec<NamedObject> {
    let dir = tempfile::tempdir().unwrap();
    let options = SimulateOptions { enis: 12, days: days as u32, ..eventful_fleet() };
    fleet_support::write_fleet(&options, dir.path());
    named_objects(dir.path())
}

#[test]
#[ignore = "five minutes; OUTFLOW_SOAK_SECONDS says how many"]
fn soak_keeps_up_and_stays_small() {
    let seconds =
        std::env::var("OUTFLOW_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let Some(world) = World::new() else { return };
    let objects = fleet(HISTORY_DAYS + seconds * RATE_MAX / OBJECTS_A_DAY);
    let (past, news) = objects.split_at(HISTORY_DAYS * OBJECTS_A_DAY);
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let metrics = format!("127.0.0.1:{port}");
    let (told, log) = (world.path("told.jsonl"), world.path("log"));
    let mut command = world.watch("soak", &["--metrics-addr", &metrics]);
    command.stdout(fs::File::create(&told).unwrap()).stderr(fs::File::create(&log).unwrap());
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    wait_until("the past is read", || world.path("soak/state/checkpoint").exists());

    let (is_over, fed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let start = Instant::now();
    let looks = std::thread::scope(|scope| {
        scope.spawn(|| feed(&world, news, &is_over, &fed));
        let looks = look(&child, &metrics, start, Duration::from_secs(seconds as u64));
        is_over.store(true, Ordering::Relaxed);
        looks
    });
    let asked = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", fs::read_to_string(&log).unwrap());
    let told = fs::read_to_string(told).unwrap().lines().count() as u64;
    report(&looks, told, fed.load(Ordering::Relaxed));
    assert_eq!(world.peer.messages(&world.alerts), told, "each alert was published once");
    assert!(fed.load(Ordering::Relaxed) < news.len(), "there was always more to read");
}

/// Uploads in order, as long as not too many messages wait.
fn feed(world: &World, news: &[NamedObject], is_over: &AtomicBool, fed: &AtomicUsize) {
    for some in news.chunks(50) {
        while world.peer.messages(&world.queue) > WAITING_MAX && !is_over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        world.upload(some);
        fed.fetch_add(some.len(), Ordering::Relaxed);
    }
}

fn look(child: &Child, metrics: &str, start: Instant, during: Duration) -> Vec<Look> {
    let mut looks = Vec::new();
    while start.elapsed() < during {
        std::thread::sleep(LOOK_EVERY);
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let resident_kb: f64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
        let (_, page) = http::get(&format!("http://{metrics}"), "/metrics").unwrap();
        let value = |series: &str| -> f64 {
            let line = page.lines().find(|line| line.starts_with(series)).unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        looks.push(Look {
            second: start.elapsed().as_secs_f64(),
            resident_mb: resident_kb / 1024.0,
            lag_seconds: value("outflow_queue_lag_seconds"),
            objects: value("outflow_objects_total{outcome=\"read\"}"),
        });
    }
    looks
}

/// Median of what looks say.
fn median(looks: &[Look], of: impl Fn(&Look) -> f64) -> f64 {
    let mut all: Vec<f64> = looks.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn report(looks: &[Look], told: u64, fed: usize) {
    let (first, last) = (&looks[0], &looks[looks.len() - 1]);
    let rate = (last.objects - first.objects) / (last.second - first.second);
    let tenth = (looks.len() / 10).max(1);
    let middle = looks.len() / 2;
    let resident = |looks: &[Look]| median(looks, |look| look.resident_mb);
    let (at_start, in_middle, at_end) = (
        resident(&looks[..tenth]),
        resident(&looks[middle - tenth / 2..=middle + tenth / 2]),
        resident(&looks[looks.len() - tenth..]),
    );
    let lag_max = looks.iter().map(|look| look.lag_seconds).fold(0.0, f64::max);
    eprintln!(
        "{:.0} s: {fed} objects fed, {rate:.1} objects/s; lag median {:.0} s, largest {lag_max:.0} s; \
         resident {at_start:.0} MB at the start, {in_middle:.0} in the middle, {at_end:.0} at the end; \
         {told} alerts",
        last.second,
        median(looks, |look| look.lag_seconds),
    );
    assert!(at_end <= in_middle * GROWTH_MAX, "memory grows");
}
