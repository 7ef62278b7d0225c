//! How fast `scan` is over S3, compared with the same objects on disk.
//!
//! Ignored, because it measures: `cargo test --release --test s3_throughput -- --ignored --nocapture`
//! on a quiet machine. Server and command share its cores, so the ratio is a lower bound.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures durations and tells them")]

mod fleet_support;
mod s3_support;

use std::path::Path;
use std::time::{Duration, Instant};

use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use s3_support::Server;

const TURNS: usize = 5;
/// What is asked for: S3 costs at most a tenth of the throughput.
const RATIO_MIN: f64 = 0.9;

fn fleet(dir: &Path) {
    let options = SimulateOptions {
        seed: 9,
        enis: 100,
        days: 7,
        interval_seconds: 60,
        format: SimFormat::V2,
        density: 0.5,
        attacks: AttackMix::None,
        ..SimulateOptions::default()
    };
    fleet_support::write_fleet(&options, dir);
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

#[test]
#[ignore = "measures; run it by name"]
fn s3_is_nearly_as_fast_as_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    fleet(dir.path());
    let server = Server::start();
    server.upload(&dir.path().join("AWSLogs"), "logs");
    let (mut disk, mut s3) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        for (input, times) in [("AWSLogs", &mut disk), ("s3://logs", &mut s3)] {
            let mut command = server.outflow_patient_for(20, dir.path());
            let start = Instant::now();
            command.args(["scan", input, "--quiet"]).assert().success();
            times.push(start.elapsed());
        }
    }
    let (disk, s3) = (median(disk), median(s3));
    println!("disk {disk:.3} s, S3 {s3:.3} s: {:.2} of the disk's throughput", disk / s3);
    assert!(disk / s3 >= RATIO_MIN, "below {RATIO_MIN}");
}
