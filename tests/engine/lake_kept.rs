//! Scans into a lake that holds days already: none becomes poorer, and those of which a scan has as
//! much or more are replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::fleet_support::{Scanned, files, finding, objects, options, scan_all, write_fleet};
use outflow::guardduty::FindingSet;
use outflow::lake::{Lake, TABLES};
use outflow::scan::{FindingObjects, ObjectRef, ScanOptions};
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use outflow::window::Day;
use tempfile::TempDir;

const DAYS: u32 = 6;
const DAY_SECONDS: i64 = 86_400;

/// The objects of a fleet of two accounts, and the lake of one scan of them all.
struct Scene {
    dir: TempDir,
    all: Vec<ObjectRef>,
    whole: BTreeMap<PathBuf, Vec<u8>>,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let fleet = SimulateOptions {
        seed: 77,
        enis: 16,
        days: DAYS,
        attack_from_day: 3,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.05,
        attacks: AttackMix::All,
        attacks_per_family: 1,
        accounts: 2,
        ..SimulateOptions::default()
    };
    write_fleet(&fleet, &dir.path().join("logs"));
    let all = objects(&dir.path().join("logs"));
    scan_all(all.clone(), &options(2, Some(&dir.path().join("lake"))));
    let whole = files(&dir.path().join("lake"));
    Scene { dir, all, whole }
});

impl Scene {
    /// A copy of the lake, to be scanned into.
    fn lake(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for name in self.whole.keys() {
            fs::create_dir_all(copy.path().join(name).parent().unwrap()).unwrap();
            fs::copy(self.dir.path().join("lake").join(name), copy.path().join(name)).unwrap();
        }
        copy
    }

    /// Midnight before the day of this number.
    fn midnight(&self, number: u32) -> i64 {
        let first = self.all.iter().map(time).min().unwrap();
        (first.div_euclid(DAY_SECONDS) + i64::from(number)) * DAY_SECONDS
    }

    fn day(&self, number: u32) -> Day {
        Day((self.midnight(number) / DAY_SECONDS) as u32)
    }

    fn between(&self, from: i64, to: i64) -> Vec<ObjectRef> {
        self.all.iter().filter(|object| (from..to).contains(&time(object))).cloned().collect()
    }

    fn of_account(&self, account: &str) -> Vec<ObjectRef> {
        let is_of = |object: &&ObjectRef| object.key.as_ref().unwrap().account == account;
        self.all.iter().filter(is_of).cloned().collect()
    }

    fn accounts(&self) -> [String; 2] {
        let all: BTreeSet<String> =
            self.all.iter().map(|object| object.key.as_ref().unwrap().account.clone()).collect();
        all.into_iter().collect::<Vec<_>>().try_into().unwrap()
    }
}

fn time(object: &ObjectRef) -> i64 {
    object.key.as_ref().unwrap().time_second
}

fn scan_into(lake: &Path, objects: Vec<ObjectRef>) -> Scanned {
    scan_all(objects, &options(2, Some(lake)))
}

fn replace_in(lake: &Path, objects: Vec<ObjectRef>) -> Scanned {
    scan_all(objects, &ScanOptions { replace_days: true, ..options(2, Some(lake)) })
}

/// The files of some days.
fn of_days(files: &BTreeMap<PathBuf, Vec<u8>>, days: &[Day]) -> BTreeMap<PathBuf, Vec<u8>> {
    let dates: Vec<String> = days.iter().map(|day| format!("date={}", day.date())).collect();
    let is_of = |path: &Path| dates.iter().any(|date| path.to_str().unwrap().contains(date));
    files.iter().filter(|(path, _)| is_of(path)).map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
}

/// Which files they are, apart from what they hold.
fn inodes(root: &Path) -> BTreeMap<PathBuf, u64> {
    let of = |path: &PathBuf| fs::metadata(root.join(path)).unwrap().ino();
    files(root).keys().map(|path| (path.clone(), of(path))).collect()
}

#[test]
fn a_scan_with_a_shorter_past_leaves_the_day_as_it_was_and_tells_what_it_found() {
    let scene = &*SCENE;
    let lake = scene.lake();
    let last = scene.between(scene.midnight(DAYS - 1), i64::MAX);
    let scanned = scan_into(lake.path(), last.clone());
    assert_eq!(scanned.kept_days, [scene.day(DAYS - 1)]);
    assert!(files(lake.path()) == scene.whole);
    let told = scan_all(last.clone(), &options(2, None));
    assert!(told.kept_days.is_empty());
    assert_eq!(scanned.alerts, told.alerts);

    let replaced = replace_in(lake.path(), last.clone());
    assert!(replaced.kept_days.is_empty());
    let got = files(lake.path());
    let days: Vec<Day> = (0..DAYS - 1).map(|number| scene.day(number)).collect();
    assert!(of_days(&got, &days) == of_days(&scene.whole, &days), "other days stay");
    let fresh = tempfile::tempdir().unwrap();
    scan_into(fresh.path(), last);
    let day = [scene.day(DAYS - 1)];
    assert!(of_days(&got, &day) == of_days(&files(fresh.path()), &day));
}

#[test]
fn a_scan_of_one_object_leaves_the_whole_day_as_it_was() {
    let scene = &*SCENE;
    let lake = scene.lake();
    for number in [0, 3] {
        let noon = scene.midnight(number) + DAY_SECONDS / 2;
        let one = scene.between(noon, noon + 300).swap_remove(0);
        let scanned = scan_into(lake.path(), vec![one.clone()]);
        assert_eq!(scanned.kept_days, [scene.day(number)]);
        assert!(files(lake.path()) == scene.whole);
        // Nor is all of it but that one enough.
        let until = scene.midnight(number + 1);
        let others = scene.all.iter().filter(|object| object.name != one.name && time(object) < until);
        let scanned = scan_into(lake.path(), others.cloned().collect());
        assert_eq!(scanned.kept_days, [scene.day(number)]);
        assert!(files(lake.path()) == scene.whole);
    }
}

#[test]
fn the_same_scan_again_replaces_every_day_with_the_same_bytes() {
    let scene = &*SCENE;
    let lake = scene.lake();
    let before = inodes(lake.path());
    let scanned = scan_into(lake.path(), scene.all.clone());
    assert!(scanned.kept_days.is_empty());
    assert!(files(lake.path()) == scene.whole);
    assert!(inodes(lake.path()).iter().all(|(path, inode)| before[path] != *inode), "not written again");
    // Copies elsewhere are the same objects, and under their own name from then on.
    let copies = tempfile::tempdir().unwrap();
    let copied = scene.all.iter().map(|object| {
        let name = Path::new(&object.name).file_name().unwrap();
        fs::copy(&object.name, copies.path().join(name)).unwrap();
    });
    copied.for_each(drop);
    let scanned = scan_into(lake.path(), objects(copies.path()));
    assert!(scanned.kept_days.is_empty());
}

#[test]
fn a_scan_with_more_objects_or_a_longer_past_replaces_what_was_poorer() {
    let scene = &*SCENE;
    let is_some_hour = |object: &&ObjectRef| time(object).div_euclid(3600) % 24 == 7;
    let gappy: Vec<ObjectRef> = scene.all.iter().filter(|object| !is_some_hour(object)).cloned().collect();
    for poorer in [scene.between(scene.midnight(3), i64::MAX), gappy] {
        let lake = tempfile::tempdir().unwrap();
        scan_into(lake.path(), poorer);
        let scanned = scan_into(lake.path(), scene.all.clone());
        assert!(scanned.kept_days.is_empty());
        assert!(files(lake.path()) == scene.whole);
    }
}

#[test]
fn of_a_file_without_a_time_in_its_name_every_hour_counts() {
    let dir = tempfile::tempdir().unwrap();
    let header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets \
                  bytes start end action log-status\n";
    let start = 1_772_323_200;
    let lines = (0..24).map(|hour| {
        let end = start + hour * 3600 + 90;
        format!(
            "2 111111111111 eni-01 10.0.0.5 203.0.113.9 49152 443 6 1 1000 {} {end} ACCEPT OK\n",
            end - 60
        )
    });
    let path = dir.path().join("flows.log");
    fs::write(&path, header.to_owned() + &lines.collect::<String>()).unwrap();
    let lake = dir.path().join("lake");
    let all = objects(&path);
    scan_into(&lake, all.clone());
    let whole = files(&lake);
    let noon = ScanOptions { from: Some(start + 12 * 3600), ..options(2, Some(&lake)) };
    assert_eq!(scan_all(all.clone(), &noon).kept_days.len(), 1);
    assert!(files(&lake) == whole);
    assert!(scan_into(&lake, all).kept_days.is_empty());
    assert!(files(&lake) == whole);
}

#[test]
fn accounts_that_are_scanned_one_after_the_other_do_not_cost_each_other_anything() {
    let scene = &*SCENE;
    let [first, second] = scene.accounts();
    let lake = tempfile::tempdir().unwrap();
    scan_into(lake.path(), scene.of_account(&first));
    let alone = files(lake.path());
    let scanned = scan_into(lake.path(), scene.of_account(&second));
    assert!(scanned.kept_days.is_empty());
    let both = files(lake.path());
    for (path, bytes) in alone.iter().filter(|(path, _)| path.to_str().unwrap().contains(&first)) {
        assert!(both[path] == *bytes, "{}", path.display());
    }
    // The snapshot is that of the last run, and keeps beside it what the other's alerts were scored against.
    let of_second = tempfile::tempdir().unwrap();
    scan_into(of_second.path(), scene.of_account(&second));
    let day = scene.day(DAYS - 1);
    let read = |root: &Path| Lake::open(root).unwrap().read_snapshot(day).unwrap().unwrap();
    assert_eq!(read(lake.path()), read(of_second.path()));
    let whole = Lake::open(scene.dir.path().join("lake")).unwrap();
    let enis = Arc::new(
        whole.read_snapshot(day).unwrap().unwrap().iter().map(|row| row.eni.as_str().into()).collect(),
    );
    let histories = |lake: &Lake| {
        let mut all = lake.read_histories(day, &enis).unwrap();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.into_iter()
            .map(|(id, history)| (id, serde_json::to_string(&history).unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(histories(&Lake::open(lake.path()).unwrap()), histories(&whole));

    // So each is guarded by its own past, and the same again is the same.
    for account in [&first, &second] {
        let last = scene.of_account(account).into_iter().filter(|of| time(of) >= scene.midnight(DAYS - 1));
        assert_eq!(scan_into(lake.path(), last.collect()).kept_days, [day]);
        assert!(files(lake.path()) == both);
    }
    assert!(scan_into(lake.path(), scene.of_account(&second)).kept_days.is_empty());
    assert!(files(lake.path()) == both);
    // An account that the lake does not hold yet comes in with however short a past.
    let short = tempfile::tempdir().unwrap();
    scan_into(short.path(), scene.of_account(&first));
    let last = scene.of_account(&second).into_iter().filter(|of| time(of) >= scene.midnight(DAYS - 1));
    assert!(scan_into(short.path(), last.collect()).kept_days.is_empty());
    // What one of two has more of keeps the day from both.
    let last = scene.between(scene.midnight(DAYS - 1), i64::MAX);
    assert_eq!(scan_into(short.path(), last).kept_days, [day]);
    // Both at once have all there is.
    assert!(scan_into(lake.path(), scene.all.clone()).kept_days.is_empty());
    assert!(files(lake.path()) == scene.whole);
}

#[test]
fn a_window_that_moves_on_every_day_leaves_days_as_rich_as_they_were_judged_first() {
    let scene = &*SCENE;
    let lake = tempfile::tempdir().unwrap();
    let mut judged = BTreeMap::new();
    for number in 1..=DAYS {
        let to = scene.midnight(number);
        let scanned = scan_into(lake.path(), scene.between(to - 3 * DAY_SECONDS, to));
        assert_eq!(scanned.kept_days.len(), if number > 3 { 2 } else { 0 }, "{number}: its past was longer");
        judged.extend(of_days(&files(lake.path()), &[scene.day(number - 1)]));
    }
    assert!(files(lake.path()) == judged);
}

#[test]
fn a_day_that_a_scan_ended_in_is_completed_by_the_next_one() {
    let scene = &*SCENE;
    let lake = tempfile::tempdir().unwrap();
    for number in 1..=DAYS {
        let to = scene.midnight(number) + 6 * 3600;
        scan_into(lake.path(), scene.between(to - 3 * DAY_SECONDS, to));
    }
    let hours = files(lake.path()).into_iter().filter(|(path, _)| path.starts_with("objects"));
    let want = scene.whole.keys().filter(|path| path.starts_with("objects")).count();
    assert_eq!(hours.count(), want);
    for number in 0..DAYS {
        let lake = Lake::open(lake.path()).unwrap();
        let whole = Lake::open(scene.dir.path().join("lake")).unwrap();
        let day = scene.day(number);
        assert_eq!(lake.read_objects(day).unwrap(), whole.read_objects(day).unwrap(), "day {number}");
    }
}

#[test]
fn a_day_that_cannot_be_read_or_is_not_done_is_replaced() {
    let scene = &*SCENE;
    let last = scene.between(scene.midnight(DAYS - 1), i64::MAX);
    let day = scene.day(DAYS - 1);
    let fresh = tempfile::tempdir().unwrap();
    scan_into(fresh.path(), last.clone());
    let fresh = of_days(&files(fresh.path()), &[day]);
    for table in ["hourly", "coverage", "alerts", "objects", "snapshots"] {
        for is_there in [true, false] {
            let lake = scene.lake();
            let of_table = of_days(&scene.whole, &[day]).into_keys().filter(|path| path.starts_with(table));
            for path in of_table.map(|path| lake.path().join(path)) {
                if is_there {
                    let bytes = fs::read(&path).unwrap();
                    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
                } else {
                    fs::remove_file(&path).unwrap();
                }
            }
            let scanned = scan_into(lake.path(), last.clone());
            assert!(scanned.kept_days.is_empty(), "{table} {is_there}");
            assert!(of_days(&files(lake.path()), &[day]) == fresh, "{table} {is_there}");
        }
    }
}

#[test]
fn findings_of_days_that_stay_keep_the_alerts_that_stay() {
    let scene = &*SCENE;
    let day = scene.day(DAYS - 1);
    let lake = Lake::open(scene.dir.path().join("lake")).unwrap();
    let about = lake.read_alerts(day..=day).unwrap();
    let about = about.iter().find(|alert| {
        alert.destinations.first().is_some_and(|of| of.peer.parse::<std::net::IpAddr>().is_ok())
    });
    let mut set = FindingSet::default();
    set.upsert(finding(about.unwrap(), &about.unwrap().last_seen, 1));
    let findings = Some(FindingObjects { set, ..FindingObjects::default() });
    let dir = tempfile::tempdir().unwrap();
    let given = ScanOptions { findings, ..options(2, Some(dir.path())) };
    scan_all(scene.all.clone(), &given);
    let whole = files(dir.path());
    assert!(whole.keys().any(|path| path.starts_with("guardduty")), "{:?}", whole.keys());
    let last = scene.between(scene.midnight(DAYS - 1), i64::MAX);
    assert_eq!(scan_all(last, &given).kept_days, [day]);
    assert!(files(dir.path()) == whole);
    assert!(TABLES.len() == 8, "a table more: does it stay with its day?");
}
