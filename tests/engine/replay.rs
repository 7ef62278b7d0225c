//! Every alert of a lake can be computed again from its objects, bit for bit; and where it cannot, what
//! changed is named.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "trusted input, packed and unpacked by the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::command_support::bare;
use crate::fleet_support::{Quiet, files, finding, objects, options, scan_all, write_fleet};
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use outflow::alert::Alert;
use outflow::config::Config;
use outflow::guardduty::FindingSet;
use outflow::lake::{Lake, LakeWriter, StoredObject};
use outflow::replay::{Cause, ReplayOptions, Replayed, Verdict, compare, named_by_lake, of_day, replay};
use outflow::scan::{FindingObjects, ObjectRef, ScanOptions};
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use outflow::window::Day;
use tempfile::TempDir;

/// Long enough for a threshold, which needs seven scored days, and for incidents that continue.
const DAYS: u32 = 10;

fn fleet(format: SimFormat) -> SimulateOptions {
    SimulateOptions {
        seed: 77,
        enis: 10,
        days: DAYS,
        attack_from_day: 4,
        interval_seconds: 600,
        format,
        density: 0.05,
        attacks: AttackMix::All,
        attacks_per_family: 1,
        skip_data_share: 0.01,
        late_share: 0.02,
        ..SimulateOptions::default()
    }
}

/// A fleet on disk and its lake.
struct Scene {
    dir: TempDir,
    all: Vec<ObjectRef>,
}

impl Scene {
    fn new(format: SimFormat) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_fleet(&fleet(format), &dir.path().join("logs"));
        let all = objects(&dir.path().join("logs"));
        scan_all(all.clone(), &options(2, Some(&dir.path().join("lake"))));
        Self { dir, all }
    }

    fn lake(&self) -> Lake {
        Lake::open(self.dir.path().join("lake")).unwrap()
    }
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| Scene::new(SimFormat::V5));

fn replay_of(lake: &Lake, day: Day, objects: Vec<ObjectRef>, config: &Config) -> Replayed {
    let options = ReplayOptions { threads: 2, ..ReplayOptions::default() };
    replay(lake, day, objects, config, &options, &Quiet).unwrap().unwrap()
}

/// The verdicts about all alerts that the lake has of a day, whose objects are where they were.
fn verdicts(lake: &Lake, day: Day, config: &Config) -> Vec<(Alert, Verdict)> {
    let stored = lake.read_objects(day).unwrap();
    let replayed = replay_of(lake, day, named_by_lake(&stored).files, config);
    let alerts = lake.read_alerts(day..=day).unwrap();
    assert_eq!(alerts.len(), replayed.alerts.len(), "{}", day.date());
    let verdict = |alert: Alert| (alert.clone(), compare(&alert, &stored, &replayed));
    alerts.into_iter().map(verdict).collect()
}

fn assert_all_replay(scene: &Scene) {
    let lake = scene.lake();
    let (mut alerts, mut with_threshold, mut continuing) = (0, 0, 0);
    for day in lake.snapshot_days().unwrap() {
        for (alert, verdict) in verdicts(&lake, day, &Config::default()) {
            let expected = Verdict { is_same: true, is_found: true, ..Verdict::default() };
            assert_eq!(verdict, expected, "{} of {}", alert.id, day.date());
            alerts += 1;
            with_threshold += u32::from(alert.threshold.is_some());
            continuing += u32::from(alert.continues.is_some());
        }
    }
    assert!(alerts > 12 && with_threshold > 0 && continuing > 0, "{alerts} {with_threshold} {continuing}");
}

#[test]
fn every_alert_of_a_v5_lake_comes_out_the_same() {
    assert_all_replay(&SCENE);
}

#[test]
fn every_alert_of_a_v2_lake_comes_out_the_same() {
    assert_all_replay(&Scene::new(SimFormat::V2));
}

/// A day with an alert and a threshold.
fn a_day(lake: &Lake) -> (Day, Alert) {
    let days = lake.snapshot_days().unwrap();
    let of_day = |day: Day| lake.read_alerts(day..=day).unwrap().into_iter().map(move |alert| (day, alert));
    let mut alerts = days.into_iter().flat_map(of_day);
    alerts.find(|(_, alert)| alert.emitted && alert.threshold.is_some()).expect("something is emitted")
}

#[test]
fn all_objects_may_be_named_also_copies_in_another_place() {
    let lake = SCENE.lake();
    let (day, alert) = a_day(&lake);
    let stored = lake.read_objects(day).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for object in &SCENE.all {
        let name = Path::new(&object.name).file_name().unwrap();
        fs::copy(&object.name, copy.path().join(name)).unwrap();
    }
    for given in [SCENE.all.clone(), objects(copy.path())] {
        let taken = of_day(given, &stored, day, 30 * 60);
        assert!(taken.len() < SCENE.all.len() / 4, "{} of {}", taken.len(), SCENE.all.len());
        let replayed = replay_of(&lake, day, taken, &Config::default());
        let verdict = compare(&alert, &stored, &replayed);
        assert!(verdict.is_same && verdict.causes.is_empty(), "{verdict:?}");
    }
}

#[test]
fn findings_are_part_of_it_and_their_absence_is_named() {
    let lake = SCENE.lake();
    let days = lake.snapshot_days().unwrap();
    let all = lake.read_alerts(days[0]..=days[days.len() - 1]).unwrap();
    let has_address = |alert: &&Alert| {
        alert.destinations.first().is_some_and(|d| d.peer.parse::<std::net::IpAddr>().is_ok())
    };
    let mut set = FindingSet::default();
    for about in all.iter().filter(has_address).step_by(3) {
        set.upsert(finding(about, &about.last_seen, 1));
    }
    let dir = tempfile::tempdir().unwrap();
    let findings = FindingObjects { set: set.clone(), ..FindingObjects::default() };
    let given = ScanOptions { findings: Some(findings), ..options(2, Some(dir.path())) };
    scan_all(SCENE.all.clone(), &given);
    let lake = Lake::open(dir.path()).unwrap();
    let (mut agreeing, mut named) = (0, 0);
    for day in lake.snapshot_days().unwrap() {
        let stored = lake.read_objects(day).unwrap();
        let again = |findings: Option<FindingSet>| {
            let options = ReplayOptions { threads: 2, findings, ..ReplayOptions::default() };
            let files = named_by_lake(&stored).files;
            replay(&lake, day, files, &Config::default(), &options, &Quiet).unwrap().unwrap()
        };
        let with = again(Some(set.clone()));
        let without = again(None);
        for alert in lake.read_alerts(day..=day).unwrap() {
            let verdict = compare(&alert, &stored, &with);
            assert!(verdict.is_same && verdict.causes.is_empty(), "{}: {verdict:?}", alert.id);
            agreeing += u32::from(!alert.guardduty.findings.is_empty());
            let verdict = compare(&alert, &stored, &without);
            named += u32::from(verdict.causes.contains(&Cause::Findings { then: true }));
            assert!(!verdict.is_same);
        }
    }
    assert!(agreeing > 0 && named > 0, "{agreeing} {named}");
}

/// A copy of the lake and of a day's objects, to be changed.
struct Copy {
    dir: TempDir,
    day: Day,
    alert: Alert,
    stored: Vec<StoredObject>,
}

impl Copy {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files(SCENE.lake().root()) {
            let path = dir.path().join("lake").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let (day, alert) = a_day(&SCENE.lake());
        let stored = SCENE.lake().read_objects(day).unwrap();
        fs::create_dir_all(dir.path().join("logs")).unwrap();
        for object in &stored {
            let name = Path::new(&*object.name).file_name().unwrap();
            fs::copy(&*object.name, dir.path().join("logs").join(name)).unwrap();
        }
        Self { dir, day, alert, stored }
    }

    fn lake(&self) -> Lake {
        Lake::open(self.dir.path().join("lake")).unwrap()
    }

    fn verdict(&self, config: &Config) -> Verdict {
        let given = of_day(objects(&self.dir.path().join("logs")), &self.stored, self.day, 30 * 60);
        let lake = self.lake();
        let stored = lake.read_objects(self.day).unwrap();
        compare(&self.alert, &stored, &replay_of(&lake, self.day, given, config))
    }

    fn path_of(&self, object: &str) -> PathBuf {
        self.dir.path().join("logs").join(Path::new(object).file_name().unwrap())
    }

    /// An object that the alert names.
    fn an_object(&self) -> String {
        self.alert.objects.first().expect("an alert names its objects").to_string()
    }
}

#[test]
fn a_changed_object_is_named_and_so_is_where_it_shows() {
    let copy = Copy::new();
    let mut changed = Vec::new();
    for name in &copy.alert.objects {
        let path = copy.path_of(name);
        let mut text = String::new();
        MultiGzDecoder::new(fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
        // Somebody takes the interface out of the log.
        let rest: Vec<&str> = text.lines().filter(|line| !line.contains(&copy.alert.eni)).collect();
        assert!(rest.len() < text.lines().count(), "{name}");
        let mut out = GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
        writeln!(out, "{}", rest.join("\n")).unwrap();
        out.finish().unwrap();
        changed.push(name.to_string());
    }
    let verdict = copy.verdict(&Config::default());
    assert!(!verdict.is_same, "{verdict:?}");
    let named: Vec<String> = verdict
        .causes
        .iter()
        .map(|cause| match cause {
            Cause::ObjectChanged { name, .. } => name.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(named, changed);
}

#[test]
fn an_object_that_is_gone_or_new_is_named() {
    let copy = Copy::new();
    let gone = copy.an_object();
    let path = copy.path_of(&gone);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let (stem, _) = name.rsplit_once('_').unwrap();
    let new = copy.dir.path().join("logs").join(format!("{stem}_ffffffff.log.gz"));
    fs::write(&new, bytes).unwrap();
    let verdict = copy.verdict(&Config::default());
    let new = new.to_str().unwrap().to_owned();
    let expected = [
        Cause::ObjectMissing { name: gone.as_str().into() },
        Cause::ObjectAdded { name: new.as_str().into() },
    ];
    assert_eq!(verdict.causes, expected);
    // The same records under another name: only the list of objects differs.
    assert!(verdict.is_found && !verdict.is_same);
    assert!(verdict.changes.iter().all(|change| change.field.starts_with("objects")), "{verdict:?}");
}

#[test]
fn a_changed_configuration_is_named() {
    let copy = Copy::new();
    let mut config = Config::default();
    config.detect.budget_per_day_per_1000_enis = 1.0;
    let verdict = copy.verdict(&config);
    assert!(matches!(&verdict.causes[..], [Cause::Configuration { .. }]), "{:?}", verdict.causes);
    assert!(verdict.changes.iter().any(|change| change.field == "config_hash"), "{verdict:?}");
}

#[test]
fn a_changed_snapshot_is_named() {
    let copy = Copy::new();
    let mut rows = copy.lake().read_snapshot(copy.day).unwrap().unwrap();
    // The histories of two interfaces change places.
    let of: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].scope == "eni").take(2).collect();
    let state = rows[of[0]].state.clone();
    rows[of[0]].state = std::mem::replace(&mut rows[of[1]].state, state);
    LakeWriter::create(copy.lake().root()).unwrap().write_snapshot(copy.day, &rows).unwrap();
    let verdict = copy.verdict(&Config::default());
    assert!(!verdict.is_same);
    assert!(matches!(&verdict.causes[..], [Cause::Snapshot { .. }]), "{:?}", verdict.causes);
}

#[test]
fn a_changed_memory_is_named_by_the_threshold_it_gives() {
    let copy = Copy::new();
    let lake = copy.lake();
    let mut rows = lake.read_memory(copy.day).unwrap().unwrap();
    let before = rows.len();
    // Half of the scored days are lost.
    rows.retain(|row| row.day.is_none() || row.eni != *"" || row.day.unwrap().0 + 4 > copy.day.0);
    assert!(rows.len() < before);
    LakeWriter::create(lake.root()).unwrap().write_memory(copy.day, &rows).unwrap();
    let verdict = copy.verdict(&Config::default());
    assert!(matches!(&verdict.causes[..], [Cause::Memory { .. }]), "{:?}", verdict.causes);
    assert!(!verdict.is_same);
}

#[test]
fn a_lake_of_an_earlier_version_says_what_it_lacks() {
    let copy = Copy::new();
    for table in ["memory", "objects"] {
        fs::remove_dir_all(copy.lake().root().join(table)).unwrap();
    }
    let verdict = copy.verdict(&Config::default());
    assert_eq!(verdict.causes, [Cause::NoMemory, Cause::NoObjects]);
    // The evidence is the same all the same; only what was learned from earlier incidents is not.
    let fields: BTreeMap<&str, usize> =
        verdict.changes.iter().map(|change| (change.field.split(['[', '.']).next().unwrap(), 1)).collect();
    for field in ["score", "egress_bytes", "snapshot_hash", "destinations"] {
        assert!(!fields.contains_key(field), "{field}: {verdict:?}");
    }
}

#[test]
fn the_command_says_so_and_ends_with_it() {
    let copy = Copy::new();
    let run = || {
        let mut command = bare(copy.dir.path());
        let ran = command.args(["explain", &copy.alert.id, "--lake", "lake", "--replay", "logs"]).assert();
        let output = ran.get_output();
        (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap())
    };
    let (code, text) = run();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the same, bit for bit"), "{text}");
    assert!(text.starts_with(copy.alert.severity.as_str()), "the evidence comes first: {text}");
    fs::write(copy.path_of(&copy.an_object()), "no flow log").unwrap();
    let (code, text) = run();
    assert_eq!(code, Some(1), "{text}");
    let name = copy.path_of(&copy.an_object());
    let hash = name.file_stem().unwrap().to_str().unwrap().rsplit('_').next().unwrap().to_owned();
    let flat: String = text.split_whitespace().collect();
    assert!(flat.contains(&hash) && text.contains("What is not as it was"), "{text}");
}

#[test]
fn a_replay_without_a_lake_says_what_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let alert = serde_json::to_string(&a_day(&SCENE.lake()).1).unwrap();
    fs::write(dir.path().join("a.jsonl"), alert + "\n").unwrap();
    let id = &a_day(&SCENE.lake()).1.id;
    let ran = bare(dir.path()).args(["explain", id, "--alerts", "a.jsonl", "--replay"]).assert().code(2);
    let text = String::from_utf8(ran.get_output().stderr.clone()).unwrap();
    assert!(text.contains("a replay needs the lake"), "{text}");
}
