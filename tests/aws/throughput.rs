//! How fast `scan` is over S3, compared with the same objects on disk.
//!
//! Ignored, because it measures: `cargo test --release --test aws s3_is_nearly -- --ignored --nocapture`
//! on a quiet machine of two cores. What S3 costs is mostly by the request, so there are two fleets of as
//! many records: one whose objects are small, and one of ten times as many interfaces. A server elsewhere costs the command nothing, one on the same cores
//! takes its share of them; so there are two figures. Apart: the command has one core to itself, also
//! when it reads from disk, and the server the other. Together: both have both, and how much of the time
//! of the cores the server took is said.
//!
//! `a_request_by_itself` says what of that no scan can save: the CPU time of getting an object with
//! nothing around it, by the SDK, and by the HTTP client below it with requests signed before.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures durations and tells them")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::s3_support::{ACCESS_KEY, REGION, SECRET_KEY, Server};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_smithy_http_client::Builder;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};

/// Runs of each, in turns.
const TURNS: usize = 9;
/// What is asked for: S3 costs at most a tenth of the throughput.
const RATIO_MIN: f64 = 0.9;
/// Clock ticks of `/proc` in a second (Linux: `USER_HZ`).
const TICKS: f64 = 100.0;
/// Cores of the server and of the command when they are apart.
const SERVER_CORE: &str = "0";
const COMMAND_CORE: &str = "1";

/// A week of 100 interfaces, or a day of 1,000.
const FLEETS: [(u32, u32); 2] = [(100, 7), (1000, 1)];

fn fleet(dir: &Path, enis: u32, days: u32) {
    let options = SimulateOptions {
        seed: 9,
        enis,
        days,
        interval_seconds: 60,
        format: SimFormat::V2,
        density: 0.5,
        attacks: AttackMix::None,
        ..SimulateOptions::default()
    };
    crate::fleet_support::write_fleet(&options, dir);
}

/// Seconds of one run.
#[derive(Clone, Copy, Default)]
struct Run {
    wall: f64,
    /// Of all cores, by the command.
    command: f64,
    /// Of all cores, by this process, which is the server.
    server: f64,
}

/// Seconds of all cores that this process, and those it has waited for, have taken.
fn cpu() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // After the name, which may hold anything: state is the third field, utime the fourteenth.
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let seconds = |at: usize| fields[at - 3].parse::<f64>().unwrap() / TICKS;
    (seconds(14) + seconds(15), seconds(16) + seconds(17))
}

fn run(server: &Server, dir: &Path, input: &str, core: Option<&str>) -> Run {
    let bare = server.outflow_patient_for(20, dir);
    let mut command = match core {
        Some(core) => {
            let mut pinned = Command::new("taskset");
            pinned.args(["-c", core]).arg(bare.get_program());
            pinned
        }
        None => Command::new(bare.get_program()),
    };
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(dir).args(["scan", input, "--quiet"]).stdout(Stdio::null());
    let (before, start) = (cpu(), Instant::now());
    assert!(command.status().unwrap().success());
    let (wall, after) = (start.elapsed(), cpu());
    Run { wall: wall.as_secs_f64(), command: after.1 - before.1, server: after.0 - before.0 }
}

/// The median.
fn middle(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The throughput of S3 in that of the disk.
fn compare(server: &Server, dir: &Path, what: &str, core: Option<&str>) -> f64 {
    let (mut disk, mut s3) = (Vec::new(), Vec::new());
    // Once unseen: the first reads what nobody has read yet.
    run(server, dir, "AWSLogs", core);
    for _ in 0..TURNS {
        disk.push(run(server, dir, "AWSLogs", core));
        s3.push(run(server, dir, "s3://logs", core));
    }
    // Of runs that follow each other: a machine that others use too is not as fast for long.
    let ratio = |of: fn(&Run) -> f64| middle(disk.iter().zip(&s3).map(|(disk, s3)| of(disk) / of(s3)));
    let of = |runs: &[Run], of: fn(&Run) -> f64| middle(runs.iter().map(of));
    let throughput = ratio(|run| run.wall);
    println!(
        "{what}: disk {:.3} s ({:.3} s of CPU), S3 {:.3} s ({:.3} s of CPU, the server's {:.3}): \
         {throughput:.2} of the disk's throughput, {:.2} by CPU",
        of(&disk, |run| run.wall),
        of(&disk, |run| run.command),
        of(&s3, |run| run.wall),
        of(&s3, |run| run.command),
        of(&s3, |run| run.server),
        ratio(|run| run.command),
    );
    throughput
}

/// Keeps this process, all threads of it, on `cores`. Whether that worked.
fn pin(cores: &str) -> bool {
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-a", "-c", "-p", cores, &id]).stdout(Stdio::null()).status();
    pinned.is_ok_and(|status| status.success())
}

/// All objects below `dir`, and their bytes.
fn objects(dir: &Path) -> (u64, u64) {
    let files = walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap);
    files
        .filter(|entry| entry.file_type().is_file())
        .fold((0, 0), |(count, bytes), entry| (count + 1, bytes + entry.metadata().unwrap().len()))
}

#[test]
#[ignore = "measures; run it by name"]
fn s3_is_nearly_as_fast_as_the_disk() {
    let mut apart = Vec::new();
    for (enis, days) in FLEETS {
        let dir = tempfile::tempdir().unwrap();
        fleet(dir.path(), enis, days);
        let server = Server::start();
        server.upload(&dir.path().join("AWSLogs"), "logs");
        let (count, bytes) = objects(&dir.path().join("AWSLogs"));
        println!("{count} objects of {} KB", bytes / count / 1000);
        pin("0-1");
        compare(&server, dir.path(), "together", None);
        if !pin(SERVER_CORE) {
            println!("NOT RUN: nothing here keeps processes on cores (taskset, of util-linux)");
            return;
        }
        apart.push(compare(&server, dir.path(), "apart", Some(COMMAND_CORE)));
    }
    assert!(apart.iter().all(|ratio| *ratio >= RATIO_MIN), "below {RATIO_MIN}");
}

/// Objects that are asked for one after the other.
const REQUESTS: u32 = 4000;
/// Bytes of each: five minutes of a hundred interfaces.
const OBJECT_BYTES: usize = 44_000;

/// CPU seconds of this thread alone.
fn thread_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Asks again and again on this thread; CPU milliseconds of one request.
async fn each(what: &str, mut request: impl AsyncFnMut() -> usize) -> f64 {
    for _ in 0..REQUESTS / 10 {
        request().await;
    }
    let before = thread_cpu();
    for _ in 0..REQUESTS {
        assert_eq!(request().await, OBJECT_BYTES);
    }
    let milliseconds = (thread_cpu() - before) * 1000.0 / f64::from(REQUESTS);
    println!("{what}: {milliseconds:.3} ms of CPU a request of {} KB", OBJECT_BYTES / 1000);
    milliseconds
}

#[test]
#[ignore = "measures; run it by name"]
fn a_request_by_itself() {
    let server = Server::start();
    server.store.put("logs", "one.log.gz", vec![7; OBJECT_BYTES]);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(Builder::new().build_http())
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .region(Region::from_static(REGION))
        .endpoint_url(&server.url)
        .force_path_style(true)
        .build();
    let client = Client::from_conf(config);
    let get = || client.get_object().bucket("logs").key("one.log.gz");
    // The server has a thread of its own; what is counted is this one.
    let here = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    here.block_on(async {
        let by_sdk = each("the SDK", async || {
            let mut body = get().send().await.unwrap().body;
            let mut bytes = 0;
            while let Some(part) = body.try_next().await.unwrap() {
                bytes += part.len();
            }
            bytes
        });
        let by_sdk = by_sdk.await;
        let hour = PresigningConfig::expires_in(std::time::Duration::from_hours(1)).unwrap();
        let signed = get().presigned(hour).await.unwrap();
        let address = server.url.strip_prefix("http://").unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let by_http = each("HTTP alone, signed before", async || {
            let request = hyper::Request::get(signed.uri()).header("host", address);
            let answer = sender.send_request(request.body(String::new()).unwrap()).await.unwrap();
            let mut body = answer.into_body();
            let mut bytes = 0;
            while let Some(part) = body.frame().await {
                bytes += part.unwrap().into_data().map_or(0, |part| part.len());
            }
            bytes
        });
        assert!(by_http.await < by_sdk, "the SDK costs nothing?");
    });
}
