//! The thing that is scored: one destination, one client, or the spread of one ENI-hour.

use std::sync::Arc;

use super::beacon::{self, Evenness};
use super::evidence::{Detector, Evidence};
use super::protocol::{self, RareEvent};
use super::score::{Score, combine};
use super::young::{self, Stay};
use super::{balance, known_destination, new_destination, probe, served, spread, volume};
use crate::baseline::destination::{DestinationKey, DestinationModel};
use crate::baseline::eni::{EniModel, Novelty, Tier};
use crate::baseline::fleet::{FleetModel, NoveltyPrior, Pool};
use crate::baseline::series::Series;
use crate::baseline::young::YoungPrior;
use crate::net::Prefix;

/// What an incident is about: half of its identity (the ENI is the other half).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Subject {
    /// A destination contacted as a client.
    Destination(DestinationKey),
    /// A client network that was served.
    Served(Prefix),
    /// Many destinations at once.
    Spread,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Destination(key) => key.fmt(f),
            Self::Served(prefix) => write!(f, "served:{prefix}"),
            Self::Spread => f.write_str("*"),
        }
    }
}

/// Least that coverage leaves of a risk.
pub const SEEN_MIN: f64 = 0.5;
/// Days of account history, and bytes an hour, of the cold-start rule: before, everything is new.
const COLD_START_FLEET_DAYS: u32 = 14;
const COLD_START_BYTES: u64 = 100 << 20;

/// What is scored, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitKind {
    /// A destination.
    Destination {
        /// Application bytes in the hour.
        app_bytes: u64,
        /// Application bytes in the day so far.
        day_app_bytes: u64,
        /// Application bytes received in the hour.
        ingress_app_bytes: u64,
        /// Whether the balance can be judged: both directions were seen, or the protocol has
        /// no replies.
        paired: bool,
        /// How new it is; `None` when known.
        novelty: Option<Novelty>,
        /// A protocol used against its nature.
        rare: Option<(RareEvent, u64)>,
        /// Application bytes of the ENI's hour beside this destination, when this destination
        /// is the one that contributes most of the excess and so speaks for the ENI (D2).
        rest_app_bytes: Option<u64>,
        /// What it has come to since it was met, while it is young.
        stay: Option<Stay>,
        /// How evenly it was contacted today, while it is new.
        evenness: Option<Evenness>,
        /// Longest contact without a gap today, minutes, while it is new and nobody else's too.
        unbroken_minutes: Option<u32>,
        /// Most that one of its addresses got, weighted by how long it went on, bytes.
        sustained_bytes: u64,
        /// Distinct (peer, protocol, port) that were refused before, when that is a probe.
        refused: Option<u64>,
        /// The destination's own model, when it has one.
        model: Option<Arc<DestinationModel>>,
    },
    /// A client network.
    Served {
        /// Application bytes sent to it in the hour.
        app_bytes: u64,
    },
    /// The ENI's spread.
    Spread {
        /// New destinations of the day so far: class and application bytes, largest first.
        met: Vec<(Novelty, u64)>,
        /// Networks contacted in the hour.
        fan_out: u64,
        /// Networks refused in the hour.
        rejected_fan_out: u64,
        /// Application bytes to the new destinations in the hour.
        app_bytes: u64,
    },
}

/// A unit with the context that its score depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// What it is about.
    pub subject: Subject,
    /// The numbers.
    pub kind: UnitKind,
    /// Hour of the UTC day.
    pub hour_of_day: usize,
    /// Tier of the ENI: how far its own past can be trusted.
    pub tier: Tier,
    /// Factor on the risk for what could not be seen, in [`SEEN_MIN`, 1]. It never reaches the
    /// severity rule: losing records must not hide a leak.
    pub seen: f64,
}

/// What units are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// The ENI.
    pub eni: &'a EniModel,
    /// Its account.
    pub fleet: &'a FleetModel,
    /// Its group's prior.
    pub prior: &'a NoveltyPrior,
    /// The same of destinations that came to stay.
    pub young_prior: &'a YoungPrior,
    /// Floor of volume evidence, bytes.
    pub volume_floor_bytes: u64,
    /// Ceiling above which an hour is always HIGH, bytes.
    pub volume_ceiling_bytes: Option<u64>,
}

impl Against<'_> {
    /// Application bytes of an hour below which nothing can be said of a destination that is neither new
    /// nor young, uses no rare protocol and does not speak for the ENI.
    pub(super) fn silent_bytes(&self) -> u64 {
        let ceiling = self.volume_ceiling_bytes.unwrap_or(u64::MAX);
        known_destination::FLOOR_BYTES.min(balance::FLOOR_BYTES).min(ceiling)
    }
}

impl Unit {
    /// Evidence and score: a pure function of the unit and what it is compared with.
    pub fn score(&self, against: &Against<'_>) -> (Vec<Evidence>, Score) {
        let mut evidence = Vec::new();
        let score = self.score_into(&mut evidence, against);
        (evidence, score)
    }

    /// The same, with the evidence in place of what `evidence` holds: of the units of an hour few
    /// are worth a list of their own.
    pub(super) fn score_into(&self, evidence: &mut Vec<Evidence>, against: &Against<'_>) -> Score {
        evidence.clear();
        self.add_evidence(evidence, against);
        self.combined(evidence, against)
    }

    /// The same from what can only grow while the hour goes on: what an hour that is still open
    /// is already worth, and will be at least when it closes.
    pub fn score_so_far(&self, against: &Against<'_>) -> (Vec<Evidence>, Score) {
        let mut evidence = Vec::new();
        self.add_evidence(&mut evidence, against);
        evidence.retain(|found| found.detector.only_grows());
        let score = self.combined(&evidence, against);
        (evidence, score)
    }

    fn combined(&self, evidence: &[Evidence], against: &Against<'_>) -> Score {
        let over = against.volume_ceiling_bytes.is_some_and(|ceiling| self.app_bytes() >= ceiling)
            || self.breaks_cold_start_rule(against);
        combine(evidence, self.tier.confidence(), self.seen, self.harm_bytes(), over)
    }

    /// The absolute rule for an ENI that is still learning in an account that is not: much data
    /// to a place that nobody in the account knows (detection.md D1, cold start).
    fn breaks_cold_start_rule(&self, against: &Against<'_>) -> bool {
        self.tier == Tier::Learning
            && against.fleet.days >= COLD_START_FLEET_DAYS
            && matches!(self.kind, UnitKind::Destination { app_bytes, novelty: Some(Novelty::NewToAll), .. }
                if app_bytes >= COLD_START_BYTES)
    }

    /// Application bytes of the hour.
    pub fn app_bytes(&self) -> u64 {
        match &self.kind {
            UnitKind::Destination { app_bytes, .. }
            | UnitKind::Served { app_bytes }
            | UnitKind::Spread { app_bytes, .. } => *app_bytes,
        }
    }

    /// Application bytes that would have left if it is what it looks like: of the day so far.
    fn harm_bytes(&self) -> u64 {
        match &self.kind {
            UnitKind::Destination { day_app_bytes, .. } => *day_app_bytes,
            UnitKind::Served { app_bytes } => *app_bytes,
            UnitKind::Spread { met, .. } => {
                met.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes))
            }
        }
    }

    fn add_evidence(&self, all: &mut Vec<Evidence>, against: &Against<'_>) {
        let Against { eni, fleet, prior, volume_floor_bytes: floor, .. } = *against;
        let series = |s: Series| &eni.series[s as usize];
        match &self.kind {
            UnitKind::Destination {
                app_bytes,
                day_app_bytes,
                ingress_app_bytes,
                paired,
                novelty,
                rare,
                rest_app_bytes,
                stay,
                evenness,
                unbroken_minutes,
                sustained_bytes,
                refused,
                model,
            } => {
                if let Some(class) = novelty {
                    all.push(new_destination::evidence(*class, *day_app_bytes, &eni.novelty, prior));
                }
                if let Some(model) = model {
                    all.extend(known_destination::evidence(
                        *app_bytes,
                        *day_app_bytes,
                        *sustained_bytes,
                        self.hour_of_day,
                        model,
                        fleet,
                    ));
                }
                if let Some(rest) = rest_app_bytes {
                    let hour = rest.saturating_add(*app_bytes);
                    all.extend(volume::evidence(
                        hour,
                        self.hour_of_day,
                        floor,
                        series(Series::Client),
                        fleet,
                    ));
                }
                if *paired {
                    all.extend(balance::evidence(
                        *app_bytes,
                        *ingress_app_bytes,
                        &eni.balance,
                        &fleet.balance,
                    ));
                }
                if let Some((event, bytes)) = rare {
                    all.push(protocol::evidence(*event, *bytes, fleet));
                }
                if let Some(stay) = stay {
                    all.extend(young::evidence(*stay, *day_app_bytes, &eni.young, against.young_prior));
                }
                all.extend(unbroken_minutes.and_then(|minutes| {
                    young::unbroken(minutes, *day_app_bytes, &eni.young, against.young_prior)
                }));
                all.extend(evenness.map(|found| beacon::evidence(found, fleet)));
                all.extend(
                    refused
                        .filter(|refused| probe::is_probe(*refused, *app_bytes, true))
                        .map(|refused| probe::evidence(refused, fleet)),
                );
            }
            UnitKind::Served { app_bytes } => {
                let top = series(Series::ServedTop);
                all.extend(served::evidence(*app_bytes, self.hour_of_day, floor, top, fleet));
            }
            UnitKind::Spread { met, fan_out, rejected_fan_out, app_bytes } => {
                let has_data = *app_bytes >= floor;
                let fan = |detector, pool, count, of| {
                    spread::evidence(detector, pool, (count, has_data), self.hour_of_day, series(of), fleet)
                };
                let several = new_destination::several(met, &eni.novelty, prior);
                let contacted = fan(Detector::FanOut, Pool::FanOut, *fan_out, Series::FanOut);
                let rejected = fan(
                    Detector::RejectedFanOut,
                    Pool::RejectedFanOut,
                    *rejected_fan_out,
                    Series::RejectedFanOut,
                );
                all.extend(several.into_iter().chain(contacted).chain(rejected));
            }
        }
    }

    /// The same unit with its bytes multiplied by `factor` in [0, 1]: what counterfactuals ask.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let scale = |bytes: u64| (bytes as f64 * factor) as u64;
        let mut scaled = self.clone();
        match &mut scaled.kind {
            UnitKind::Destination { app_bytes, day_app_bytes, sustained_bytes, rare, .. } => {
                *app_bytes = scale(*app_bytes);
                *sustained_bytes = scale(*sustained_bytes);
                *day_app_bytes = scale(*day_app_bytes);
                *rare =
                    rare.map(|(event, bytes)| (event, scale(bytes))).filter(|(e, b)| *b >= e.floor_bytes());
            }
            UnitKind::Served { app_bytes } => *app_bytes = scale(*app_bytes),
            UnitKind::Spread { met, app_bytes, .. } => {
                *app_bytes = scale(*app_bytes);
                met.iter_mut().for_each(|(_, bytes)| *bytes = scale(*bytes));
            }
        }
        scaled
    }
}
