//! A peer with the flow logs of a fleet, the command line pointed at it, and what `scan` says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use outflow::alert::Alert;
use serde_json::json;
use tempfile::TempDir;

use crate::command_support::bare;
use crate::fleet_support::{self, EVENTFUL_DAYS as DAYS, eventful_fleet, files};
use crate::peers::{Peer, REGION};

/// A key and the bytes below it.
pub type NamedObject = (String, Vec<u8>);

pub const BUCKET: &str = "central-logs";
pub const QUEUE: &str = "outflow";
/// A process that does nothing for so long hangs.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// Flow logs of a fleet: keys, ascending in time, and bytes.
pub static FLEET: LazyLock<Vec<NamedObject>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    fleet_support::write_fleet(&eventful_fleet(), dir.path());
    named_objects(dir.path())
});

/// Emitted alerts, and the lake.
pub type Scanned = (Vec<Alert>, BTreeMap<PathBuf, Vec<u8>>);

/// What `scan` makes of the whole fleet: the same in every world.
static SCANNED: Mutex<Option<Scanned>> = Mutex::new(None);

/// What lies below `root`: keys, ascending in time, and bytes.
pub fn named_objects(root: &Path) -> Vec<NamedObject> {
    let objects = fleet_support::objects(root);
    let key = |name: &str| name.split_once("AWSLogs/").map(|(_, rest)| format!("AWSLogs/{rest}")).unwrap();
    objects.iter().map(|object| (key(&object.name), fs::read(&object.name).unwrap())).collect()
}

/// A peer with the fleet's past in a bucket, and what `scan` makes of all of it.
pub struct World {
    pub peer: Peer,
    /// Where the watcher finds it.
    pub endpoint: String,
    pub queue: String,
    pub alerts: String,
    pub topic: String,
    pub dir: TempDir,
    /// It gets the whole fleet before it is scanned.
    is_whole: bool,
}

impl World {
    pub fn new() -> Option<Self> {
        Some(Self::of(Peer::start()?, true))
    }

    /// One that gets a part of the fleet only.
    pub fn over(peer: Peer) -> Self {
        Self::of(peer, false)
    }

    fn of(peer: Peer, is_whole: bool) -> Self {
        peer.create_bucket(BUCKET);
        let queue = peer.sqs("CreateQueue", &json!({ "QueueName": QUEUE }));
        let queue = queue["QueueUrl"].as_str().unwrap().to_owned();
        let topic = peer.create_topic("alerts");
        let alerts = peer.subscribed_queue("alerts-read", &topic, None);
        let endpoint = peer.url.clone();
        Self { peer, endpoint, queue, alerts, topic, dir: tempfile::tempdir().unwrap(), is_whole }
    }

    pub fn upload(&self, objects: &[(String, Vec<u8>)]) {
        for (key, bytes) in objects {
            self.peer.s3_put(&format!("/{BUCKET}/{key}"), bytes);
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self) -> std::process::Command {
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
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_REGION", REGION);
        command
    }

    /// `watch` with its state and lake below `name`.
    pub fn watch(&self, name: &str, more: &[&str]) -> std::process::Command {
        let mut command = self.command();
        command.args(["watch", "--queue-url", &self.queue, "--allow", &format!("s3://{BUCKET}/AWSLogs/")]);
        command
            .arg("--state")
            .arg(self.path(name).join("state"))
            .arg("--lake")
            .arg(self.path(name).join("lake"));
        command.args(["--sns-topic-arn", &self.topic, "--path-style", "--backfill", "30d", "--threads", "2"]);
        command.env("OUTFLOW_HIDE_SECONDS", "30").args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `scan` of the whole bucket: emitted alerts, and the lake.
    pub fn scan(&self) -> Scanned {
        if !self.is_whole {
            return self.scan_anew();
        }
        let mut known = SCANNED.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert_with(|| self.scan_anew()).clone()
    }

    fn scan_anew(&self) -> Scanned {
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
    pub fn drain(&self, name: &str) -> String {
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
    pub fn assert_as_scanned(&self, name: &str) {
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
pub fn last_days_begin() -> String {
    let date = |key: &str| key.rsplit('_').nth(1).unwrap()[..8].to_owned();
    let mut dates: Vec<String> = FLEET.iter().map(|(key, _)| date(key)).collect();
    dates.dedup();
    let day = &dates[dates.len() - 2];
    format!("{}-{}-{}T00:00:00Z", &day[..4], &day[4..6], &day[6..])
}

/// The past that is there before the queue is, and what comes by the queue.
pub fn past_and_news() -> (&'static [NamedObject], &'static [NamedObject]) {
    FLEET.split_at(FLEET.len() * (DAYS as usize - 2) / DAYS as usize)
}

pub fn end(child: &mut Child) {
    // kill -9: nothing of it gets to run.
    let _ = child.kill();
    let _ = child.wait();
}

pub fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "not so: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
