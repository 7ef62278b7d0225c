//! `watch` as people run it, against a peer that speaks S3, SQS and SNS: what is uploaded is
//! announced, read, told and read back; and when the process is killed at any time, in the end there
//! are the alerts and the lake of one that was not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a long run says how far it is")]
#![allow(clippy::disallowed_methods, reason = "waiting for a process is bounded by the clock")]

mod command_support;
mod fleet_support;
mod peers;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use command_support::bare;
use fleet_support::files;
use outflow::alert::Alert;
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use peers::{MiniStack, REGION};
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use tempfile::TempDir;

/// A key and the bytes below it.
type NamedObject = (String, Vec<u8>);

const BUCKET: &str = "central-logs";
const QUEUE: &str = "outflow";
const DAYS: u32 = 10;
/// A process that does nothing for so long hangs.
const PATIENCE: Duration = Duration::from_mins(10);

/// Flow logs of a fleet: keys, ascending in time, and bytes.
static FLEET: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let options = SimulateOptions {
        seed: 4_242,
        enis: 10,
        days: DAYS,
        attack_from_day: 5,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.05,
        attacks: AttackMix::All,
        attacks_per_family: 1,
        ..SimulateOptions::default()
    };
    fleet_support::write_fleet(&options, dir.path());
    let objects = fleet_support::objects(dir.path());
    let key = |name: &str| name.split_once("AWSLogs/").map(|(_, rest)| format!("AWSLogs/{rest}")).unwrap();
    objects.iter().map(|object| (key(&object.name), fs::read(&object.name).unwrap())).collect()
});

/// A peer with the fleet's past in a bucket, and what `scan` makes of all of it.
struct World {
    peer: MiniStack,
    queue: String,
    alerts: String,
    topic: String,
    dir: TempDir,
}

impl World {
    fn new() -> Option<Self> {
        let peer = MiniStack::start()?;
        peer.create_bucket(BUCKET);
        let queue = peer.sqs("CreateQueue", &json!({ "QueueName": QUEUE }));
        let queue = queue["QueueUrl"].as_str().unwrap().to_owned();
        let topic = peer.create_topic("alerts");
        let alerts = peer.subscribed_queue("alerts-read", &topic, None);
        Some(Self { peer, queue, alerts, topic, dir: tempfile::tempdir().unwrap() })
    }

    fn upload(&self, objects: &[(String, Vec<u8>)]) {
        for (key, bytes) in objects {
            self.peer.s3_put(&format!("/{BUCKET}/{key}"), bytes);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self) -> std::process::Command {
        let bare = bare(self.dir.path());
        let mut command = std::process::Command::new(bare.get_program());
        command.current_dir(self.dir.path());
        for (name, value) in bare.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_ENDPOINT_URL", &self.peer.url).env("AWS_REGION", REGION);
        command
    }

    /// `watch` with its state and lake below `name`.
    fn watch(&self, name: &str, more: &[&str]) -> std::process::Command {
        let mut command = self.command();
        command.args(["watch", "--queue-url", &self.queue, "--allow", &format!("s3://{BUCKET}/AWSLogs/")]);
        command
            .arg("--state")
            .arg(self.path(name).join("state"))
            .arg("--lake")
            .arg(self.path(name).join("lake"));
        command.args(["--sns-topic-arn", &self.topic, "--path-style", "--backfill", "30d", "--threads", "2"]);
        command.args(["--hide-seconds", "3"]).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `scan` of the whole bucket: emitted alerts, and the lake.
    fn scan(&self) -> (Vec<Alert>, BTreeMap<PathBuf, Vec<u8>>) {
        let mut command = self.command();
        command.args(["scan", &format!("s3://{BUCKET}/AWSLogs/"), "--path-style", "--format", "jsonl", "-q"]);
        let output = command.arg("--lake").arg(self.path("scanned")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        (
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            files(&self.path("scanned")),
        )
    }

    /// Runs `watch --drain` until the queue is empty: what a killed one had in hand comes again.
    fn drain(&self, name: &str) -> String {
        let start = Instant::now();
        loop {
            let output = self.watch(name, &["--drain"]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            if self.peer.messages(&self.queue) == 0 {
                return said;
            }
            assert!(start.elapsed() < PATIENCE, "the queue never empties: {said}");
        }
    }

    /// Every alert of the last two days was sent, with its last revision, and the lake is that of
    /// `scan`.
    fn assert_as_scanned(&self, name: &str) {
        let (emitted, lake) = self.scan();
        let sent: Vec<Alert> = self
            .peer
            .drain(&self.alerts)
            .iter()
            .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
            .collect();
        let last_days: Vec<&Alert> =
            emitted.iter().filter(|alert| alert.window_start >= last_days_begin()).collect();
        assert!(!last_days.is_empty(), "nothing to tell in the last days");
        for alert in last_days {
            let newest = sent.iter().filter(|a| a.id == alert.id).map(|a| a.revision).max();
            assert!(newest >= Some(alert.revision), "{} rev. {}: {newest:?}", alert.id, alert.revision);
        }
        let got = files(&self.path(name).join("lake"));
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&got), names(&lake));
        for (file, bytes) in &got {
            assert!(*bytes == lake[file], "{} differs", file.display());
        }
    }
}

/// The day before the last one, as alerts write times.
fn last_days_begin() -> String {
    let date = |key: &str| key.rsplit('_').nth(1).unwrap()[..8].to_owned();
    let mut dates: Vec<String> = FLEET.iter().map(|(key, _)| date(key)).collect();
    dates.dedup();
    let day = &dates[dates.len() - 2];
    format!("{}-{}-{}T00:00:00Z", &day[..4], &day[4..6], &day[6..])
}

/// The past that is there before the queue is, and what comes by the queue.
fn past_and_news() -> (&'static [NamedObject], &'static [NamedObject]) {
    FLEET.split_at(FLEET.len() * (DAYS as usize - 2) / DAYS as usize)
}

#[test]
fn what_is_uploaded_is_told_and_read_back() {
    let Some(world) = World::new() else { return };
    let (past, news) = past_and_news();
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    world.upload(news);
    // Something that nobody can read, and something that nobody may.
    let foreign = r#"{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"elsewhere"},"object":{"key":"x","size":1,"eTag":"e"}}}]}"#;
    for body in ["what is this", foreign] {
        world.peer.sqs("SendMessage", &json!({ "QueueUrl": world.queue, "MessageBody": body }));
    }
    let said = world.drain("first");
    assert!(said.contains("1 refused: foreign") && said.contains("1 refused: not_an_event"), "{said}");
    let listed = fs::read_to_string(world.path("first/state/quarantine.jsonl")).unwrap();
    assert!(listed.contains("s3://elsewhere/x") && listed.contains("what is this"), "{listed}");
    world.assert_as_scanned("first");

    // The same once more changes nothing and tells nothing.
    world.upload(&news[news.len() - 40..]);
    let said = world.drain("first");
    assert!(said.contains("40 duplicates") && said.contains("0 alerts told"), "{said}");
    assert!(world.peer.drain(&world.alerts).is_empty(), "told twice");
}

/// A finding of GuardDuty about what `alert` is about, as it exports it: key and line.
fn exported(alert: &Alert) -> NamedObject {
    let (account, region) = (&alert.account, &alert.region);
    let event = json!({
        "schemaVersion": "2.0", "accountId": account, "region": region, "id": "f",
        "arn": format!("arn:aws:guardduty:{region}:{account}:detector/d/finding/f"),
        "type": "Backdoor:EC2/C&CActivity.B", "severity": 8, "updatedAt": alert.last_seen,
        "resource": { "instanceDetails": {
            "instanceId": alert.instance, "networkInterfaces": [{ "networkInterfaceId": alert.eni }],
        } },
        "service": { "eventFirstSeen": alert.first_seen, "eventLastSeen": alert.last_seen, "count": 1, "action": {
            "networkConnectionAction": {
                "connectionDirection": "OUTBOUND", "protocol": "TCP",
                "remoteIpDetails": { "ipAddressV4": alert.destinations[0].peer },
            },
        } },
    });
    let day = alert.last_seen[..10].replace('-', "/");
    (format!("AWSLogs/{account}/GuardDuty/{region}/{day}/f.jsonl.gz"), format!("{event}\n").into_bytes())
}

#[test]
fn with_everything_in_s3_it_ends_where_scan_does() {
    let Some(world) = World::new() else { return };
    world.peer.create_bucket("kept");
    let (past, news) = past_and_news();
    let (now, later) = news.split_at(news.len() / 2);
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    let watch = || {
        let mut command = world.command();
        command.args(["watch", "--queue-url", &world.queue, "--allow", &format!("s3://{BUCKET}/AWSLogs/")]);
        command.args(["--state", "s3://kept/state", "--lake", "s3://kept/lake", "--path-style"]);
        command.args([
            "--backfill",
            "30d",
            "--threads",
            "2",
            "--hide-seconds",
            "3",
            "--guardduty",
            "--drain",
        ]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    world.upload(now);
    watch();
    world.upload(later);
    let (emitted, _) = world.scan();
    let is_host = |alert: &&Alert| alert.destinations[0].peer.parse::<std::net::IpAddr>().is_ok();
    let about = emitted.iter().rfind(is_host).unwrap();
    world.upload(&[exported(about)]);
    // Another process goes on from what the first has kept.
    let told = watch();
    assert!(told.contains(&about.id) && told.contains("C&CActivity"), "{told}");

    let mut scan = world.command();
    scan.args(["scan", &format!("s3://{BUCKET}/AWSLogs/"), "--path-style", "-q"]);
    scan.args(["--guardduty", &format!("s3://{BUCKET}/AWSLogs/"), "--lake"]).arg(world.path("with-findings"));
    assert!(scan.output().unwrap().status.success());
    let want = files(&world.path("with-findings"));
    assert!(want.keys().any(|name| name.starts_with("guardduty")), "{:?}", want.keys());
    for (name, bytes) in want {
        let path = format!("/kept/lake/{}", name.display());
        let (status, got) = peers::http::get(&world.peer.url, &path).unwrap();
        assert_eq!(status, 200, "{path}");
        assert!(got == String::from_utf8_lossy(&bytes), "{} differs", name.display());
    }
}

#[test]
fn a_second_watcher_is_refused_and_the_first_ends_cleanly_when_asked() {
    let Some(world) = World::new() else { return };
    world.upload(&FLEET[..12]);
    world.peer.announce(BUCKET, QUEUE);
    let mut first = world.watch("state", &[]).spawn().unwrap();
    let lease = world.path("state/state/checkpoint");
    wait_until("the first has begun", || lease.exists());
    let second = world.watch("state", &[]).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("in use by outflow watch, process {}", first.id())), "{said}");
    let asked = std::process::Command::new("kill").args(["-TERM", &first.id().to_string()]).status().unwrap();
    assert!(asked.success());
    wait_until("the first has ended", || first.try_wait().unwrap().is_some());
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

#[test]
fn a_queue_that_is_not_there_is_told_with_its_remedy() {
    let Some(world) = World::new() else { return };
    world.upload(&FLEET[..1]);
    let command = world.watch("none", &["--drain"]);
    let queue = format!("{}/000000000000/absent", world.peer.url);
    let mut command_args: Vec<String> =
        command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let at = command_args.iter().position(|arg| *arg == world.queue).unwrap();
    command_args[at] = queue;
    let output = world.command().args(command_args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no queue") && said.contains("--queue-url"), "{said}");
}

/// Kills the watcher at random times, from its start on, and compares what there is in the end.
fn killed(seed: u64, kills: u32) {
    let Some(world) = World::new() else { return };
    let (past, news) = past_and_news();
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut rest = news;
    for _ in 0..kills {
        let (now, later) = rest.split_at(rng.random_range(0..=rest.len().min(news.len() / kills as usize)));
        rest = later;
        world.upload(now);
        let more = ["--checkpoint-objects", "20", "--checkpoint-seconds", "1", "--correct-every", "1s", "-q"];
        let mut child = world.watch("killed", &more).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(50..3_000)));
        end(&mut child);
    }
    world.upload(rest);
    world.drain("killed");
    world.assert_as_scanned("killed");
}

fn end(child: &mut Child) {
    // kill -9: nothing of it gets to run.
    let _ = child.kill();
    let _ = child.wait();
}

fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "not so: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn killed_now_and_then_it_ends_where_it_would_have() {
    killed(1, 3);
}

#[test]
#[ignore = "minutes; OUTFLOW_KILL_SEEDS and OUTFLOW_KILLS say how many"]
fn killed_often_it_ends_where_it_would_have() {
    let number = |name: &str, default: u32| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    for seed in 0..u64::from(number("OUTFLOW_KILL_SEEDS", 5)) {
        killed(100 + seed, number("OUTFLOW_KILLS", 20));
        eprintln!("seed {}: same alerts, same lake", 100 + seed);
    }
}
