//! Do the probabilities mean what they say? On a clean fleet each detector's p is compared with
//! how often it comes true, on days that were not learned from when they were scored.
//!
//! A p is how many events at least this unusual an ENI-hour brings (for D7: an hour of one
//! destination that was sent 1 MiB), so events with p <= x should be a share x of all ENI-hours.
//! The day of a destination and several new destinations of a day are told by the hour but happen
//! once a day: they stay below.
//! More is a false promise, and fails from twice the nominal rate on; less is conservative, and
//! passes: floors below which a detector is silent and corrections for choosing lower it on purpose.
//!
//! The test drives the public stages itself, because alerts hold only what scored high; that it
//! does what `scan` does is checked by the incidents.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the table is for people: --nocapture")]

mod fleet_support;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use fleet_support::{objects, options, scan_all, write_fleet};
use outflow::baseline::eni::{EniHistory, EniModel, EniToday, Novelty, Tier};
use outflow::baseline::fleet::{FleetHistory, FleetModel};
use outflow::baseline::{History, Snapshot, Today};
use outflow::detect::{
    Detector, EniContext, EniFeatures, HourOutcome, Incidents, Settings, Subject, Threshold, UnitKind,
    score_hour,
};
use outflow::lake::{COVERAGE, Lake};
use outflow::simulate::{AttackMix, SimFormat, SimulateOptions};
use outflow::window::{Day, EniClass, EniHour, EniId, Hour};

/// Levels at which promised and observed shares are compared.
const LEVELS: [f64; 3] = [1e-2, 1e-3, 1e-4];
/// Two weeks to grow mature, two to be measured in.
const DAYS: u32 = 28;

/// What is counted once, however often it is scored: a detector in an hour of one ENI, or on a
/// day of one destination where the detector's p grows with the day.
type Event = (EniId, u32, Option<Subject>);

/// One detector (and class of novelty).
#[derive(Default)]
struct Line {
    /// ENI-hours, destination-hours: chances to speak.
    chances: f64,
    /// Distinct events at or below each level.
    events: [BTreeSet<Event>; LEVELS.len()],
}

#[derive(Default)]
struct Calibration(BTreeMap<String, Line>);

impl Calibration {
    fn chance(&mut self, name: &str, count: usize) {
        self.0.entry(name.to_owned()).or_default().chances += count as f64;
    }

    /// Counts what one mature ENI-hour was asked and what it answered.
    fn note(&mut self, hour: &EniHour, outcome: &HourOutcome, settings: &Settings, model: &EniModel) {
        for class in Novelty::ALL {
            self.chance(&format!("D1 {class:?}"), 1);
        }
        for name in [
            "D1 several",
            "D2 Volume",
            "D3 hour",
            "D3 day",
            "D3 sustained",
            "D6 FanOut",
            "D6 RejectedFanOut",
            "S1 Served",
            "D8 Protocol",
            "D4 drip",
            "D5 beacon",
            "D9 long-lived",
            "D9 unbroken",
            "D10 probe",
        ] {
            self.chance(name, 1);
        }
        let features = EniFeatures::of(hour, settings, &model.rotating, |_, _| true);
        let spoke =
            features.destinations.values().filter(|t| t.app_bytes >= 1 << 20 && t.ingress_packets > 0);
        self.chance("D7 Balance", spoke.count());
        for scored in &outcome.scored {
            let subject = || Some(scored.unit.subject.clone());
            let (this_hour, today) = (hour.hour.0, hour.hour.day().0);
            for evidence in &scored.evidence {
                let (name, when, subject) = match (evidence.detector, &scored.unit.kind) {
                    (Detector::NewDestination, UnitKind::Destination { novelty: Some(class), .. }) => {
                        (format!("D1 {class:?}"), today, subject())
                    }
                    (Detector::NewDestination, _) => unreachable!("only new destinations are new"),
                    (Detector::NewDestinations, _) => ("D1 several".into(), today, None),
                    (Detector::Volume, _) => ("D2 Volume".into(), this_hour, None),
                    (Detector::KnownDestinationHour, _) => ("D3 hour".into(), this_hour, subject()),
                    (Detector::KnownDestinationDay, _) => ("D3 day".into(), today, subject()),
                    (Detector::KnownDestinationSustained, _) => ("D3 sustained".into(), this_hour, subject()),
                    // Once for each destination, whenever it comes to as much.
                    (Detector::Drip, _) => ("D4 drip".into(), 0, subject()),
                    (Detector::LongLived, _) => ("D9 long-lived".into(), 0, subject()),
                    (Detector::Unbroken, _) => ("D9 unbroken".into(), 0, subject()),
                    (Detector::Beacon, _) => ("D5 beacon".into(), this_hour, subject()),
                    (Detector::ProbeThenSuccess, _) => ("D10 probe".into(), this_hour, None),
                    (Detector::FanOut, _) => ("D6 FanOut".into(), this_hour, None),
                    (Detector::RejectedFanOut, _) => ("D6 RejectedFanOut".into(), this_hour, None),
                    (Detector::Balance, _) => ("D7 Balance".into(), this_hour, subject()),
                    (Detector::Protocol, _) => ("D8 Protocol".into(), this_hour, None),
                    (Detector::Served, _) => ("S1 Served".into(), this_hour, None),
                };
                let line = self.0.get_mut(&name).unwrap();
                for (at, level) in LEVELS.iter().enumerate() {
                    if evidence.p <= *level {
                        line.events[at].insert((hour.id.clone(), when, subject.clone()));
                    }
                }
            }
        }
    }
}

/// The stages of the pipeline over hours that are closed already.
struct Replay {
    settings: Settings,
    history: History,
    incidents: Incidents,
    ids: BTreeSet<String>,
    calibration: Calibration,
    blank_fleet: FleetModel,
}

impl Replay {
    fn new() -> Self {
        Self {
            settings: Settings::default(),
            history: History::default(),
            incidents: Incidents::default(),
            ids: BTreeSet::new(),
            calibration: Calibration::default(),
            blank_fleet: FleetModel::learn(&FleetHistory::default(), &[], 0),
        }
    }

    fn live(&mut self, day: Day, hours: &BTreeMap<Hour, Vec<EniHour>>) {
        self.history.advance(day);
        let Ok(snapshot) = self.history.snapshot(day, |_| Ok::<_, Infallible>(()));
        let enis = snapshot.fleets.values().map(|fleet| fleet.enis).sum();
        let threshold = self.incidents.threshold(day, enis, self.settings.budget_per_day_per_1000_enis);
        let blank = EniHistory::new(day.first_hour()).model(day);
        let mut today = Today::default();
        for (hour, enis) in hours {
            for eni in enis.iter().filter(|eni| eni.class == EniClass::Instance && eni.coverage.is_observed())
            {
                self.score(eni, &snapshot, &blank, &mut today, threshold);
            }
            let members = |id: &EniId, group: &str| {
                let fleet = snapshot.fleets.get(&place(id));
                fleet.and_then(|f| f.group_enis.get(group)).copied().unwrap_or(0)
            };
            self.incidents.decide(*hour, hour.end_second() + 1800, &members);
        }
        self.ids.extend(self.incidents.end_day(day).iter().map(|incident| incident.id.0.clone()));
        today.pool_days();
        self.history.fold(day, today);
    }

    fn score(
        &mut self,
        eni: &EniHour,
        snapshot: &Snapshot,
        blank: &EniModel,
        today: &mut Today,
        threshold: Threshold,
    ) {
        let at = place(&eni.id);
        let history = self.history.enis.get(&eni.id);
        let lived = today.enis.entry(eni.id.clone()).or_insert_with(|| {
            let mut lived = EniToday::new(eni.hour);
            lived.group = history.map_or_else(|| "".into(), |h| Arc::clone(&h.group));
            lived
        });
        let first_hour = history.map_or(lived.first_hour.0, |h| h.first_hour);
        let context = EniContext {
            model: snapshot.enis.get(&eni.id).unwrap_or(blank),
            history,
            fleet: snapshot.fleets.get(&at).unwrap_or(&self.blank_fleet),
            fleet_history: self.history.fleets.get(&at),
        };
        let is_released = |subject: &Subject| self.incidents.is_released(&eni.id, subject, eni.hour.day());
        let outcome = score_hour(eni, &context, &self.settings, lived, &is_released);
        let pooled = today.fleets.entry(at).or_default();
        pooled.eni_hours += 1;
        outcome.own_bits.iter().for_each(|(pool, own_bits)| pooled.pools[*pool as usize].add(*own_bits));
        pooled.rare.iter_mut().zip(outcome.rare).for_each(|(sum, happened)| *sum += u64::from(happened));
        if Tier::of_age(eni.hour.0.saturating_sub(first_hour)) == Tier::Mature {
            self.calibration.note(eni, &outcome, &self.settings, context.model);
        }
        let group = Arc::clone(&lived.group);
        self.incidents.note(eni, &group, outcome, threshold);
    }
}

fn place(id: &EniId) -> (Arc<str>, Arc<str>) {
    (Arc::clone(&id.account), Arc::clone(&id.region))
}

fn clean_fleet() -> SimulateOptions {
    SimulateOptions {
        seed: 7_001,
        enis: 30,
        days: DAYS,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.25,
        attacks: AttackMix::None,
        look_alikes: false,
        ..SimulateOptions::default()
    }
}

#[test]
fn on_a_clean_fleet_a_probability_is_a_frequency() {
    measure(&clean_fleet());
}

/// Ten times as many chances as the test above: the difference between conservative and unlucky.
#[test]
#[ignore = "minutes: cargo test --release --test calibration -- --ignored --nocapture"]
fn on_a_large_clean_fleet_a_probability_is_a_frequency() {
    measure(&SimulateOptions { seed: 7_002, enis: 100, days: 56, density: 0.5, ..clean_fleet() });
}

fn measure(fleet: &SimulateOptions) {
    let dir = tempfile::tempdir().unwrap();
    let (logs, lake) = (dir.path().join("logs"), dir.path().join("lake"));
    write_fleet(fleet, &logs);
    let report = scan_all(objects(&logs), &options(2, Some(&lake)));

    let lake = Lake::open(&lake).unwrap();
    let mut replay = Replay::new();
    let mut days: BTreeMap<Day, BTreeMap<Hour, Vec<EniHour>>> = BTreeMap::new();
    for partition in lake.partitions(&COVERAGE).unwrap() {
        for hour in lake.read_hours(&partition).unwrap() {
            let hour = hour.unwrap();
            days.entry(hour.hour.day()).or_default().entry(hour.hour).or_default().push(hour);
        }
    }
    for (day, hours) in &days {
        replay.live(*day, hours);
    }
    let alerts: BTreeSet<String> = report.alerts.iter().map(|alert| alert.id.clone()).collect();
    assert_eq!(replay.ids, alerts, "the replay is not what the pipeline does");

    println!("{:<20} {:>9}  observed / nominal (events) at p <= 1e-2, 1e-3, 1e-4", "detector", "chances");
    let mut gross = Vec::new();
    for (name, line) in &replay.calibration.0 {
        let mut text = String::new();
        for (level, events) in LEVELS.iter().zip(&line.events) {
            let nominal = level * line.chances;
            let count = events.len() as f64;
            let _ = write!(text, "  {:>7.2} ({count})", count / nominal);
            // Two standard deviations of a count, so that a handful of events does not decide.
            if *level >= 1e-3 && count > 2.0 * nominal + 2.0 * (2.0 * nominal).sqrt() + 1.0 {
                gross.push(format!("{name} at {level}: {count} events for {nominal:.1}"));
            }
        }
        println!("{name:<20} {:>9}{text}", line.chances);
    }
    println!("emitted {} of {} incidents", report.alerts.iter().filter(|a| a.emitted).count(), alerts.len());
    assert!(gross.is_empty(), "more often than promised: {gross:#?}");
}
