//! A watcher that dies at any named point of its work ends, when it is started again, where one ends
//! that never died: the lake of `scan`, every alert sent.
//!
//! How. A process that is killed leaves three things: what is on disk, what has not been deleted from
//! the queue, and what was published. So nothing has to die: one run is watched, and at each point an
//! image of the three is taken. Each image is then what a watcher finds that starts after a crash
//! there. Between two images every single change of a file gives one more, with the next file half
//! written beside its place: those are the crashes inside a step. The heartbeat leaves nothing of the
//! kind: `tests/watch_sqs/killed.rs` kills at it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what was covered is said")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::fleet_support::{eventful_fleet, files, finding, objects, options, scan_all, write_fleet};
use crate::watch_support::{Delivery, Reference, Watcher, item};
use outflow::alert::Alert;
use outflow::config::Config;
use outflow::guardduty::{Finding, FindingSet};
use outflow::scan::{FindingObjects, ObjectRef, ScanOptions};
use outflow::simulate::SimulateOptions;
use outflow::state::StateDir;
use outflow::watch::{Engine, Event, Fate, Item, LocalFetch, Observer, WatchOptions};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Every point of the loop, in its order. All of them have to be met.
const POINTS: [&str; 14] = [
    "received",
    "findings taken",
    "object read",
    "hour closed",
    "put in the outbox",
    "day and lake written",
    "days lived again",
    "absorbed",
    "checkpoint written",
    "checkpoint and list written",
    "messages deleted",
    "published",
    "outbox marked",
    "idle",
];
/// Images of one point that are gone on from, spread over the run; more when asked for.
const OF_ONE_POINT: usize = 1;
/// The same of crashes inside a step, by the kind of file that was to come next.
const OF_ONE_FILE: usize = 1;
/// Messages taken at once.
const BATCH: usize = 24;
/// Share of the run that is over before images are taken: what comes before is all alike.
const PAST: f64 = 0.7;

/// Objects of which one makes an image of "object read": it changes nothing on disk.
const READ_STEP: usize = 60;

/// A message of the queue.
#[derive(Clone, Copy)]
enum Message {
    /// Announces the object at this place.
    Object(usize),
    /// Is a finding of `GuardDuty`, by its place.
    Finding(usize),
}

/// What messages are about.
struct Told {
    reference: Reference,
    findings: Vec<Finding>,
}

impl Told {
    /// Objects and findings of messages that were received together.
    fn of(&self, messages: &[Message]) -> (Vec<Item>, Vec<Finding>) {
        let (mut items, mut findings) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                Message::Object(at) => items.push(item(&self.reference.objects[*at])),
                Message::Finding(at) => findings.push(self.findings[*at].clone()),
            }
        }
        (items, findings)
    }
}

/// What a watcher leaves besides its directory.
#[derive(Clone, Default)]
struct Remains {
    /// Messages that nobody has deleted, received or not.
    queue: VecDeque<Message>,
    sent: Vec<Alert>,
}

struct Image {
    point: String,
    dir: PathBuf,
    remains: Remains,
}

/// Takes images of a watcher's directory.
struct Camera {
    subject: PathBuf,
    album: PathBuf,
    state: Mutex<Roll>,
}

#[derive(Default)]
struct Roll {
    is_on: bool,
    reads: usize,
    remains: Remains,
    images: Vec<Image>,
}

impl Camera {
    fn take(&self, point: &str) {
        let mut roll = self.state.lock().unwrap();
        roll.reads += usize::from(point == "object read");
        if roll.is_on && (point != "object read" || roll.reads.is_multiple_of(READ_STEP)) {
            let dir = self.album.join(roll.images.len().to_string());
            copy(&self.subject, &dir);
            let remains = roll.remains.clone();
            roll.images.push(Image { point: point.to_owned(), dir, remains });
        }
    }

    fn change<T>(&self, how: impl FnOnce(&mut Roll) -> T) -> T {
        how(&mut self.state.lock().unwrap())
    }
}

/// A copy that shares files, which are replaced and never changed; those that are written in place are
/// copied, and locks are nobody's.
fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap) {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        let name = entry.file_name().to_string_lossy();
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else if is_temporary(&name) {
            fs::copy(entry.path(), target).unwrap();
        } else if !["lease", ".outflow.lock"].contains(&name.as_ref()) {
            fs::hard_link(entry.path(), target).unwrap();
        }
    }
}

fn is_temporary(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "tmp")
}

/// Takes images as the engine tells what it does.
struct Watching(Arc<Camera>);

impl Observer for Watching {
    fn note(&self, event: &Event<'_>) {
        match event {
            Event::Counted { .. } => self.0.take("object read"),
            Event::HourClosed(_) => self.0.take("hour closed"),
            Event::Told(_) => self.0.take("put in the outbox"),
            Event::DayEnded { .. } => self.0.take("day and lake written"),
            Event::Corrected { .. } => self.0.take("days lived again"),
            Event::Checkpoint { .. } => self.0.take("checkpoint written"),
            _ => {}
        }
    }
}

/// The loop of `watch`: receive, absorb, write, delete, publish, mark.
fn run(camera: &Arc<Camera>, told: &Told, options: &WatchOptions, seed: u64) {
    let objects = &told.reference.objects;
    let observer: Arc<dyn Observer> = Arc::new(Watching(Arc::clone(camera)));
    let state = StateDir::open(&camera.subject.join("state"), "test").unwrap();
    let mut engine =
        Engine::open(&Config::default(), options.clone(), state, Box::new(LocalFetch), observer).unwrap();
    let past = (objects.len() as f64 * PAST) as usize;
    engine.catch_up(objects[..past].iter().map(item).collect(), i64::MAX / 4).unwrap();
    engine.checkpoint().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<(usize, Message)> =
        (past..objects.len()).map(|at| (at + rng.random_range(0..=150), Message::Object(at))).collect();
    // The first is known before its hours, the others long after them.
    let news = objects.len() - past;
    let of_finding = |nth| (past + news * (nth + 1) / told.findings.len().max(1), Message::Finding(nth));
    order.extend((0..told.findings.len()).map(of_finding));
    order.sort_by_key(|(at, _)| *at);
    camera.change(|roll| {
        roll.remains.queue = order.into_iter().map(|(_, message)| message).collect();
        roll.is_on = true;
    });
    let (mut now_second, mut in_hand) = (1_900_000_000, 0);
    for round in 0.. {
        let batch: Vec<Message> =
            camera.change(|roll| roll.remains.queue.iter().skip(in_hand).take(BATCH).copied().collect());
        in_hand += batch.len();
        now_second += 60;
        if batch.is_empty() {
            break;
        }
        camera.take("received");
        let (items, findings) = told.of(&batch);
        if !findings.is_empty() {
            engine.take_findings(findings, now_second);
            camera.take("findings taken");
        }
        let fates = engine.absorb(&items, now_second).unwrap();
        assert!(fates.iter().all(|fate| *fate == Fate::Counted), "{fates:?}");
        camera.take("absorbed");
        if round % 7 == 3 {
            engine.pass_time(now_second, true).unwrap();
            camera.take("idle");
        }
        if round % 2 == 1 || camera.change(|roll| roll.remains.queue.len()) == in_hand {
            keep(camera, &mut engine, std::mem::take(&mut in_hand));
        }
    }
}

fn keep(camera: &Camera, engine: &mut Engine, in_hand: usize) {
    engine.checkpoint().unwrap();
    camera.take("checkpoint and list written");
    camera.change(|roll| drop(roll.remains.queue.drain(..in_hand)));
    camera.take("messages deleted");
    camera.change(|roll| roll.remains.sent.extend_from_slice(engine.outbox()));
    camera.take("published");
    engine.confirm(&engine.outbox().iter().map(Alert::name_and_revision).collect());
    camera.take("outbox marked");
}

/// Files with what tells whether they are the same, as links share it.
fn listing(root: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let entries = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    let files = entries
        .filter(|entry| entry.file_type().is_file() && !is_temporary(&entry.file_name().to_string_lossy()));
    files
        .map(|entry| {
            let about = entry.metadata().unwrap();
            let path = entry.path().strip_prefix(root).unwrap().to_owned();
            (path, (about.modified().unwrap(), about.len()))
        })
        .collect()
}

/// The images of crashes between two images: files change one after the other, in the order in which
/// they were written, and the next one is half written.
fn between(before: &Image, after: &Image, album: &Path) -> Vec<Image> {
    let (old, new) = (listing(&before.dir), listing(&after.dir));
    let mut changed: Vec<(SystemTime, &PathBuf)> =
        new.iter().filter(|(path, about)| old.get(*path) != Some(about)).map(|(p, (t, _))| (*t, p)).collect();
    changed.sort();
    let is_removed = old.keys().any(|path| !new.contains_key(path));
    let steps = changed.len() + usize::from(is_removed && !changed.is_empty());
    let mut images = Vec::new();
    for step in 0..steps {
        let dir = album.join(format!("{}-{step}", after.dir.file_name().unwrap().to_string_lossy()));
        copy(&before.dir, &dir);
        for (_, path) in &changed[..step] {
            let target = dir.join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&target);
            fs::hard_link(after.dir.join(path), target).unwrap();
        }
        let point = match changed.get(step) {
            Some((_, next)) => {
                half_write(&after.dir.join(next), &dir.join(next));
                format!("while {} is written", kind(next))
            }
            None => "before old days are removed".to_owned(),
        };
        images.push(Image { point, dir, remains: before.remains.clone() });
    }
    images
}

/// Writes half of a file under the name that it has until it is whole.
fn half_write(whole: &Path, place: &Path) {
    let bytes = fs::read(whole).unwrap();
    let is_state = place.components().any(|part| part.as_os_str() == "state");
    let temporary =
        if is_state { place.with_extension("tmp") } else { place.with_file_name(".part-0.parquet.tmp") };
    fs::create_dir_all(temporary.parent().unwrap()).unwrap();
    fs::write(temporary, &bytes[..bytes.len() / 2]).unwrap();
}

/// What a file is: the table of the lake, or its name without a date.
fn kind(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts[1].split('-').next().unwrap().to_owned()
}

/// Of each point so many images, spread over the run.
fn sample(images: Vec<Image>, of_one: usize) -> Vec<Image> {
    let mut by_point: BTreeMap<String, Vec<Image>> = BTreeMap::new();
    for image in images {
        by_point.entry(image.point.clone()).or_default().push(image);
    }
    let spread = |images: Vec<Image>| {
        let (len, count) = (images.len(), of_one.min(images.len()));
        let wanted: BTreeSet<usize> = (0..count).map(|nth| (2 * nth + 1) * len / (2 * count)).collect();
        images.into_iter().enumerate().filter(move |(at, _)| wanted.contains(at)).map(|(_, image)| image)
    };
    by_point.into_values().flat_map(spread).collect()
}

/// Starts on an image, and compares what comes of it with what `scan` says.
fn go_on(image: &Image, told: &Told, delivery: &Delivery) {
    eprintln!("killed: {} ({})", image.point, image.dir.display());
    let mut watcher = Watcher::new(&image.dir, delivery);
    watcher.sent.clone_from(&image.remains.sent);
    let queue: Vec<Message> = image.remains.queue.iter().copied().collect();
    for (round, batch) in queue.chunks(200).enumerate() {
        let (items, findings) = told.of(batch);
        let now_second = 2_000_000_000 + round as i64;
        watcher.engine().take_findings(findings, now_second);
        let fates = watcher.engine().absorb(&items, now_second).unwrap();
        assert!(fates.iter().all(|fate| *fate == Fate::Counted), "{fates:?}");
        watcher.engine().checkpoint().unwrap();
        watcher.publish(true);
    }
    watcher.finish();
    told.reference.assert_same(&watcher, delivery);
    fs::remove_dir_all(&image.dir).unwrap();
}

/// Findings about what the last two days tell: of the last day, and of the one before, which is told
/// twice.
fn findings(all: &[ObjectRef]) -> Vec<Finding> {
    let alerts = scan_all(all.to_vec(), &options(2, None)).alerts;
    let last_day = all.last().unwrap().key.as_ref().unwrap().time_second.div_euclid(86_400);
    let about = |day: i64| {
        let is_of_day = |alert: &&Alert| {
            let start: jiff::Timestamp = alert.window_start.parse().unwrap();
            let peer = alert.destinations.first().map_or("", |destination| &destination.peer);
            start.as_second().div_euclid(86_400) == day && peer.parse::<std::net::IpAddr>().is_ok()
        };
        alerts.iter().find(is_of_day).expect("something is told of a single address")
    };
    let (last, before) = (about(last_day), about(last_day - 1));
    vec![
        finding(last, &last.last_seen, 1),
        finding(before, &before.last_seen, 1),
        finding(before, &before.last_seen, 2),
    ]
}

#[test]
fn killed_at_any_point_it_ends_where_it_would_have() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = SimulateOptions { late_share: 0.02, ..eventful_fleet() };
    write_fleet(&fleet, &dir.path().join("logs"));
    let all = objects(&dir.path().join("logs"));
    let lake = dir.path().join("lake");
    let findings = findings(&all);
    let mut set = FindingSet::default();
    for finding in &findings {
        set.upsert(finding.clone());
    }
    let known = FindingObjects { set, ..FindingObjects::default() };
    let with_findings = ScanOptions { findings: Some(known), ..options(2, Some(&lake)) };
    let scanned = scan_all(all.clone(), &with_findings);
    assert!(scanned.alerts.iter().any(|alert| alert.guardduty.status == "agrees"), "no finding is joined");
    let begin = all[(all.len() as f64 * PAST) as usize].key.as_ref().unwrap().time_second - 86_400;
    let begin = jiff::Timestamp::from_second(begin).unwrap().to_string();
    // What a backfill tells nobody of is not looked for.
    let emitted =
        scanned.alerts.into_iter().filter(|alert| alert.emitted && alert.window_start >= begin).collect();
    let reference = Reference { objects: all, emitted, lake: files(&lake) };
    assert!(!reference.emitted.is_empty(), "nothing to tell");
    let told = Told { reference, findings };

    let delivery = Delivery { reorder_seconds: 600, with_findings: true, ..Delivery::in_order(1) };
    let watched = dir.path().join("watched");
    let options = WatchOptions {
        threads: 2,
        lake: Some(watched.join("lake")),
        reorder_seconds: delivery.reorder_seconds,
        correction_seconds: 240,
        with_findings: true,
        ..WatchOptions::default()
    };
    let album = dir.path().join("album");
    let camera = Arc::new(Camera { subject: watched, album: album.clone(), state: Mutex::default() });
    run(&camera, &told, &options, 1);
    let images = camera.change(|roll| std::mem::take(&mut roll.images));
    let met: BTreeSet<&str> = images.iter().map(|image| image.point.as_str()).collect();
    assert_eq!(met, BTreeSet::from(POINTS), "every point is met");

    let inside: Vec<Image> = images.windows(2).flat_map(|pair| between(&pair[0], &pair[1], &album)).collect();
    let is_all = std::env::var_os("OUTFLOW_POINTS").is_some_and(|which| which == "all");
    let counts = if is_all { (usize::MAX, usize::MAX) } else { (OF_ONE_POINT, OF_ONE_FILE) };
    let of_all = images.len() + inside.len();
    let mut chosen = sample(images, counts.0);
    chosen.extend(sample(inside, counts.1));
    let kinds: BTreeSet<&str> = chosen.iter().map(|image| image.point.as_str()).collect();
    assert!(kinds.len() >= POINTS.len() + 6, "files of every kind are written: {kinds:?}");
    eprintln!("{} crashes of {of_all}", chosen.len());
    chosen.par_iter().for_each(|image| go_on(image, &told, &delivery));
}
