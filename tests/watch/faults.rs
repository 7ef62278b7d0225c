//! What goes wrong with single objects, and with a queue that is far behind: the rest goes on.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use outflow::config::Config;
use outflow::error::Error;
use outflow::limits::{DAY_STATES_MAX, REPLAYS_WITHOUT_MAX};
use outflow::pipeline::Standing;
use outflow::scan::{ObjectRef, Source};
use outflow::simulate::SimulateOptions;
use outflow::source::{Open, Opener};
use outflow::state::{Reason, StateDir};
use outflow::watch::{Counts, Engine, Event, Fate, Fetch, Item, LocalFetch, Observer, WatchOptions};
use tempfile::TempDir;

use crate::fleet_support::{eventful_fleet, files, objects, options, scan_all, write_fleet};
use crate::watch_support::item;

const NOW: i64 = 1_900_000_000;

/// Few interfaces for a few days more than states are kept.
static FLEET: LazyLock<(TempDir, Vec<ObjectRef>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let days = DAY_STATES_MAX as u32 + 3;
    write_fleet(&SimulateOptions { enis: 10, days, ..eventful_fleet() }, dir.path());
    let all = objects(dir.path());
    (dir, all)
});

/// Files, of which some cannot be read for now.
#[derive(Clone, Default)]
struct Locked(Arc<Mutex<BTreeSet<String>>>);

struct LockedOpen {
    inner: Opener,
    objects: Arc<[ObjectRef]>,
    locked: Locked,
}

impl Fetch for Locked {
    fn source(&self, item: &Item) -> Result<Source, Error> {
        LocalFetch.source(item)
    }

    fn begin(&self, objects: Arc<[ObjectRef]>) -> Result<Box<dyn Open>, Error> {
        let inner = Opener::new(Arc::clone(&objects))?;
        Ok(Box::new(LockedOpen { inner, objects, locked: self.clone() }))
    }
}

impl Open for LockedOpen {
    fn open(&self, at: usize) -> io::Result<Box<dyn io::Read + Send>> {
        if self.locked.0.lock().unwrap().contains(&self.objects[at].name) {
            return Err(io::Error::other("access denied"));
        }
        self.inner.open(at)
    }
}

/// Counts, and keeps how the day stood last.
#[derive(Default)]
struct Eyes {
    counts: Counts,
    standing: Mutex<Option<Standing>>,
}

impl Observer for Eyes {
    fn note(&self, event: &Event<'_>) {
        self.counts.note(event);
        if let Event::Standing(standing) = event {
            *self.standing.lock().unwrap() = Some((*standing).clone());
        }
    }
}

impl Eyes {
    fn refused(&self, reason: Reason) -> u64 {
        self.counts.sums().refused[reason as usize]
    }
}

fn engine(dir: &Path, locked: &Locked) -> (Engine, Arc<Eyes>) {
    let state = StateDir::open(&dir.join("state"), "test").unwrap();
    let options = WatchOptions {
        threads: 2,
        lake: Some(dir.join("lake")),
        reorder_seconds: 0,
        correction_seconds: 0,
        ..WatchOptions::default()
    };
    let eyes = Arc::<Eyes>::default();
    let observer: Arc<dyn Observer> = Arc::clone(&eyes) as _;
    (Engine::open(&Config::default(), options, state, Box::new(locked.clone()), observer).unwrap(), eyes)
}

fn items(objects: &[ObjectRef]) -> Vec<Item> {
    objects.iter().map(item).collect()
}

/// Every one of `items` is in the books.
fn absorb(engine: &mut Engine, items: &[Item]) {
    assert!(engine.absorb(items, NOW).unwrap().iter().all(|fate| *fate == Fate::Counted));
}

#[test]
fn two_versions_of_an_object_are_read_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let (mut engine, eyes) = engine(dir.path(), &Locked::default());
    let version = |etag: &str| Item { etag: etag.to_owned(), ..item(&FLEET.1[0]) };
    let both = [version("2"), version("1")];
    assert_eq!(engine.absorb(&both, NOW).unwrap(), [Fate::Counted, Fate::Again]);
    assert_eq!(engine.absorb(&both[..1], NOW).unwrap(), [Fate::Counted]);
    assert_eq!((eyes.counts.sums().duplicates, eyes.counts.sums().again), (1, 1), "the books have its tag");
}

#[test]
fn an_object_that_alone_cannot_be_read_again_is_given_up_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let locked = Locked::default();
    let (mut first, _) = engine(dir.path(), &locked);
    let (past, next) = (items(&FLEET.1[..20]), items(&FLEET.1[20..21]));
    absorb(&mut first, &past);
    first.checkpoint().unwrap();
    drop(first);
    locked.0.lock().unwrap().insert(past[3].name.clone());
    let (mut again, eyes) = engine(dir.path(), &locked);
    for replay in 1..REPLAYS_WITHOUT_MAX {
        let error = again.absorb(&next, NOW).unwrap_err().to_string();
        assert!(error.contains(&past[3].name) && error.contains("access denied"), "{replay}: {error}");
    }
    absorb(&mut again, &next);
    assert_eq!(eyes.refused(Reason::Missing), 1);
}

#[test]
fn while_nothing_can_be_read_nothing_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let locked = Locked::default();
    let (mut first, _) = engine(dir.path(), &locked);
    let (past, next) = (items(&FLEET.1[..20]), items(&FLEET.1[20..21]));
    absorb(&mut first, &past);
    first.checkpoint().unwrap();
    drop(first);
    locked.0.lock().unwrap().extend(past.iter().map(|item| item.name.clone()));
    let (mut again, eyes) = engine(dir.path(), &locked);
    for _ in 0..2 * REPLAYS_WITHOUT_MAX {
        again.absorb(&next, NOW).unwrap_err();
    }
    locked.0.lock().unwrap().clear();
    absorb(&mut again, &next);
    assert_eq!(eyes.refused(Reason::Missing), 0);
}

/// A queue has no order: after an outage of days it may give the newest first.
#[test]
fn what_waits_in_the_queue_is_counted_however_old() {
    let all = &FLEET.1;
    let lake = TempDir::new().unwrap();
    scan_all(all.clone(), &options(2, Some(lake.path())));
    // It was down for all days but the first.
    let (before, outage) = all.split_at(all.len() / (DAY_STATES_MAX + 3));
    for is_noted in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (mut engine, eyes) = engine(dir.path(), &Locked::default());
        absorb(&mut engine, &items(before));
        engine.note_behind(is_noted);
        engine.absorb(&items(&outage[outage.len() - 10..]), NOW).unwrap();
        for some in outage[..outage.len() - 10].chunks(150).rev() {
            engine.absorb(&items(some), NOW).unwrap();
        }
        engine.note_behind(false);
        engine.settle().unwrap();
        if is_noted {
            assert_eq!(eyes.refused(Reason::TooLate), 0);
            assert!(files(&dir.path().join("lake")) == files(lake.path()), "the lake differs");
        } else {
            assert!(eyes.refused(Reason::TooLate) > 0, "else nothing is shown");
        }
    }
}

#[test]
fn how_the_day_stands_is_told_when_hours_close_and_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, eyes) = engine(dir.path(), &Locked::default());
    absorb(&mut first, &items(&FLEET.1));
    let standing = eyes.standing.lock().unwrap().clone().unwrap();
    assert!(standing.seen_share.is_some_and(|share| share > 0.9), "{standing:?}");
    assert_eq!((standing.tiers[0], standing.tiers[2]), (0, 0), "for a week: {standing:?}");
    assert!(standing.tiers[1] > 5, "{standing:?}");
    assert!((standing.allowed_alerts - 1.0).abs() < 1e-9, "{standing:?}");
    first.checkpoint().unwrap();
    drop(first);
    let (mut again, eyes) = engine(dir.path(), &Locked::default());
    again.ready().unwrap();
    assert_eq!(eyes.standing.lock().unwrap().as_ref(), Some(&standing));
}
