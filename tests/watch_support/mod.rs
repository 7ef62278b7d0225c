//! A watcher over files, with deliveries that are shuffled, repeated, delayed, failing and cut short.

#![allow(dead_code, reason = "each test binary uses the part it needs")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use outflow::alert::Alert;
use outflow::config::Config;
use outflow::error::Error;
use outflow::scan::{ObjectRef, Source};
use outflow::source::{Open, Opener};
use outflow::state::StateDir;
use outflow::watch::{Counts, Engine, Fate, Fetch, Item, LocalFetch, Observer, WatchOptions};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use crate::fleet_support::files;

/// How objects are delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub rng: ChaCha8Rng,
    /// Objects offered at once, at most.
    pub batch: usize,
    /// How many places an object may come late.
    pub reach: usize,
    /// Share of objects that come twice or more.
    pub repeated: f64,
    /// How often the watcher dies without a word.
    pub crashes: usize,
    /// Share of reads that fail for now.
    pub failing: f64,
    pub reorder_seconds: i64,
    pub correction_seconds: i64,
    /// Findings are given.
    pub with_findings: bool,
}

impl Delivery {
    pub fn in_order(seed: u64) -> Self {
        Self {
            rng: rand::SeedableRng::seed_from_u64(seed),
            batch: 50,
            reach: 0,
            repeated: 0.0,
            crashes: 0,
            failing: 0.0,
            reorder_seconds: 0,
            correction_seconds: 0,
            with_findings: false,
        }
    }
}

pub fn item(object: &ObjectRef) -> Item {
    Item { name: object.name.clone(), etag: String::new(), bytes: object.bytes }
}

/// What `scan` says.
pub struct Reference {
    pub objects: Vec<ObjectRef>,
    pub emitted: Vec<Alert>,
    pub lake: BTreeMap<PathBuf, Vec<u8>>,
}

impl Reference {
    /// The lake, alerts included, is the same bytes.
    pub fn assert_same_lake(&self, watcher: &Watcher, delivery: &Delivery) {
        let lake = files(&watcher.dir.join("lake"));
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&lake), names(&self.lake), "{delivery:?}");
        for (name, bytes) in &lake {
            assert!(*bytes == self.lake[name], "{} differs: {delivery:?}", name.display());
        }
    }

    /// Also, every alert was sent, and the last revision of it has what the final one has.
    pub fn assert_same(&self, watcher: &Watcher, delivery: &Delivery) {
        self.assert_same_lake(watcher, delivery);
        let sent: BTreeSet<&String> = watcher.sent.iter().map(|alert| &alert.id).collect();
        for alert in &self.emitted {
            assert!(sent.contains(&alert.id), "{} was never sent: {delivery:?}", alert.id);
            let newest = watcher.sent.iter().filter(|a| a.id == alert.id).map(|a| a.revision).max();
            assert!(newest >= Some(alert.revision), "{} is behind: {delivery:?}", alert.id);
        }
    }
}

/// Opens files; some fail for now.
struct Failing {
    share: f64,
    calls: Arc<AtomicU64>,
}

struct FailingOpen {
    inner: Opener,
    share: f64,
    calls: Arc<AtomicU64>,
}

impl Fetch for Failing {
    fn source(&self, item: &Item) -> Result<Source, Error> {
        LocalFetch.source(item)
    }

    fn begin(&self, objects: Arc<[ObjectRef]>) -> Result<Box<dyn Open>, Error> {
        let inner = Opener::new(objects)?;
        Ok(Box::new(FailingOpen { inner, share: self.share, calls: Arc::clone(&self.calls) }))
    }
}

impl Open for FailingOpen {
    fn open(&self, at: usize) -> io::Result<Box<dyn io::Read + Send>> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        // Every so many calls, which spreads over objects and replays alike.
        if self.share > 0.0 && call % (1.0 / self.share) as u64 == 17 {
            let begun: &[u8] = b"version account-id interface-id srcaddr dstaddr";
            return Ok(Box::new(io::Read::chain(begun, Broken)));
        }
        self.inner.open(at)
    }
}

struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the connection broke off"))
    }
}

/// An engine that can be killed and started again on the same state.
pub struct Watcher {
    pub dir: PathBuf,
    engine: Option<Engine>,
    pub counts: Arc<Counts>,
    pub sent: Vec<Alert>,
    calls: Arc<AtomicU64>,
    options: WatchOptions,
    failing: f64,
}

impl Watcher {
    pub fn new(dir: &Path, delivery: &Delivery) -> Self {
        let options = WatchOptions {
            threads: 2,
            lake: Some(dir.join("lake")),
            reorder_seconds: delivery.reorder_seconds,
            correction_seconds: delivery.correction_seconds,
            with_findings: delivery.with_findings,
            ..WatchOptions::default()
        };
        let mut watcher = Self {
            dir: dir.to_owned(),
            engine: None,
            counts: Arc::default(),
            sent: Vec::new(),
            calls: Arc::default(),
            options,
            failing: delivery.failing,
        };
        watcher.start();
        watcher
    }

    /// The same, telling nothing before its hour has closed.
    pub fn without_early(mut self) -> Self {
        self.options.is_early = false;
        self.restart();
        self
    }

    pub fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    fn start(&mut self) {
        let state = StateDir::open(&self.dir.join("state"), "test").unwrap();
        let fetch = Failing { share: self.failing, calls: Arc::clone(&self.calls) };
        let observer: Arc<dyn Observer> = Arc::clone(&self.counts) as _;
        let engine = Engine::open(&Config::default(), self.options.clone(), state, Box::new(fetch), observer);
        self.engine = Some(engine.unwrap());
    }

    /// Dies where it is, and starts again from what is on disk.
    pub fn restart(&mut self) {
        self.engine = None;
        self.start();
    }

    /// Sends what waits. `is_confirmed`: the watcher lives to remember it.
    pub fn publish(&mut self, is_confirmed: bool) {
        let engine = self.engine.as_mut().unwrap();
        self.sent.extend_from_slice(engine.outbox());
        if is_confirmed {
            engine.confirm(&engine.outbox().iter().map(Alert::name_and_revision).collect());
        }
    }

    /// Looks at the day to its end, as `scan` does.
    pub fn finish(&mut self) {
        // Reads that fail for now come right when tried again.
        while let Err(error) = self.engine().settle() {
            assert!(error.to_string().contains("the connection broke off"), "{error}");
        }
        self.engine().checkpoint().unwrap();
        self.publish(true);
        self.engine().checkpoint().unwrap();
    }
}

/// Delivers `objects`: each at least once, and again until the watcher keeps it.
pub fn deliver(watcher: &mut Watcher, objects: &[ObjectRef], delivery: &Delivery) {
    let mut rng = delivery.rng.clone();
    let mut order: Vec<(usize, &ObjectRef)> = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        order.push((at + rng.random_range(0..=delivery.reach), object));
        while rng.random_bool(delivery.repeated) {
            order.push((at + rng.random_range(0..=delivery.reach * 2), object));
        }
    }
    order.sort_by_key(|(at, _)| *at);
    let mut queue: std::collections::VecDeque<&ObjectRef> = order.into_iter().map(|(_, o)| o).collect();
    let mut crash_at: BTreeSet<usize> =
        (0..delivery.crashes).map(|_| rng.random_range(0..queue.len())).collect();
    // Received and not deleted: they come again when the watcher dies, and soon, as when they are no
    // longer hidden. What comes after days is another test.
    let mut in_hand: Vec<&ObjectRef> = Vec::new();
    let (mut done, mut now) = (0, 1_900_000_000);
    while !queue.is_empty() || !in_hand.is_empty() {
        let len = rng.random_range(1..=delivery.batch).min(queue.len());
        let batch: Vec<&ObjectRef> = queue.drain(..len).collect();
        let items: Vec<Item> = batch.iter().map(|object| item(object)).collect();
        now += rng.random_range(0..120);
        let fates = watcher.engine().absorb(&items, now);
        done += len;
        match fates {
            Ok(fates) => {
                for (object, fate) in batch.into_iter().zip(fates) {
                    if fate == Fate::Again { queue.push_front(object) } else { in_hand.push(object) }
                }
            }
            Err(error) => {
                assert!(error.to_string().contains("the connection broke off"), "{error}");
                batch.into_iter().for_each(|object| queue.push_front(object));
                continue;
            }
        }
        let dies = crash_at.first().is_some_and(|at| *at <= done);
        if dies && rng.random_bool(0.5) {
            crash_at.pop_first();
            watcher.restart();
            in_hand.drain(..).rev().for_each(|object| queue.push_front(object));
            continue;
        }
        if queue.is_empty() || rng.random_bool(0.3) {
            watcher.engine().checkpoint().unwrap();
            let is_kept = !(dies && rng.random_bool(0.5));
            if is_kept {
                in_hand.clear();
            }
            watcher.publish(is_kept);
            if dies {
                crash_at.pop_first();
                watcher.restart();
                in_hand.drain(..).rev().for_each(|object| queue.push_front(object));
            }
        }
    }
}
