//! One ENI-hour through all detectors.
//!
//! Each destination is looked up once an hour, in its day so far; what midnight knows of it is kept
//! there. Units are scored one after the other and few are kept, so nothing is made for the rest.

use std::sync::Arc;

use super::Settings;
use super::beacon;
use super::evidence::Evidence;
use super::features::EniFeatures;
use super::learn::{HeldBack, learn};
use super::met::{self, Met, OfDay};
use super::new_destination;
use super::probe;
use super::score::{Score, Severity};
use super::traffic::KeyHour;
use super::unit::{Against, SEEN_MIN, Subject, Unit, UnitKind};
use crate::baseline::acquaintance::Acquaintance;
use crate::baseline::destination::DestinationKey;
use crate::baseline::eni::{AGED_HOURS, EniHistory, EniModel, EniToday, Novelty, Tier};
use crate::baseline::fleet::{FleetHistory, FleetModel, PROBE_THEN_SUCCESS, Pool, RARE_EVENTS};
use crate::baseline::of_day::DestinationsToday;
use crate::window::{Day, EniHour, Hour};

/// Risk from which a subject's hour is not learned from for a week (detection.md B.3):
/// otherwise a leak teaches the baseline that it is normal.
pub const QUARANTINE_BITS: f64 = 15.0;
/// Risk from which a unit becomes, or joins, an incident.
pub const KEEP_BITS: f64 = 7.0;

/// What is known of the ENI that is scored.
#[derive(Clone, Copy, Debug)]
pub struct EniContext<'a> {
    /// Its model for the day.
    pub model: &'a EniModel,
    /// Its history; `None` on its first day.
    pub history: Option<&'a EniHistory>,
    /// The account's model.
    pub fleet: &'a FleetModel,
    /// The account's history; `None` on its first day.
    pub fleet_history: Option<&'a FleetHistory>,
}

/// A unit that was worth keeping.
#[derive(Clone, Debug)]
pub struct Scored {
    /// What was scored.
    pub unit: Unit,
    /// Its evidence.
    pub evidence: Vec<Evidence>,
    /// Its score.
    pub score: Score,
    /// The traffic behind it in this hour.
    pub traffic: KeyHour,
    /// Tier of the ENI.
    pub tier: Tier,
}

/// What one ENI-hour gave.
#[derive(Clone, Debug, Default)]
pub struct HourOutcome {
    /// Units at or above `KEEP_BITS`, by subject.
    pub scored: Vec<Scored>,
    /// Traffic of every destination and client, for incidents that are already open.
    pub features: EniFeatures,
    /// How far series stood out from their own past, bits, for the pools.
    pub own_bits: Vec<(Pool, f64)>,
    /// Rare events that happened.
    pub rare: [bool; RARE_EVENTS],
    /// Units that were scored.
    pub units: u64,
}

impl EniContext<'_> {
    /// What is known of a destination on a day.
    pub(super) fn known(&self, key: &DestinationKey, day: Day) -> Acquaintance {
        // In an account's own first days, when all is new, nobody has used anything for long.
        let is_aged = |first: u32| first + AGED_HOURS < day.first_hour().0 + 24;
        let fleet_history = self.fleet_history.filter(|fleet| fleet.first_hour.is_none_or(is_aged));
        Acquaintance::of((key, day), (self.model, self.history), (self.fleet, fleet_history))
    }
}

/// Scores one closed ENI-hour and lives it: `today` is updated with what may be learned.
/// `is_released` says whether a subject's incident is old enough to be learned from again.
pub fn score_hour(
    hour: &EniHour,
    context: &EniContext<'_>,
    settings: &Settings,
    today: &mut EniToday,
    is_released: &dyn Fn(&Subject) -> bool,
) -> HourOutcome {
    let now = hour.hour;
    let first_hour = context.history.map_or(today.first_hour.0, |h| h.first_hour);
    let tier = Tier::of_age(now.0.saturating_sub(first_hour));
    let is_port_known = |protocol, port| {
        // While an ENI is learning, every port is new and none is news.
        tier == Tier::Learning
            || context.model.ports.contains(&(protocol, port))
            || context.fleet_history.is_some_and(|f| f.is_port_known(protocol, port, now))
    };
    let features = EniFeatures::of(hour, settings, &context.model.rotating, is_port_known);
    live(hour, &features, settings, today);
    let mut scoring = Scoring {
        hour,
        context,
        group: &today.group,
        against: against(context, &today.group, settings),
        features: &features,
        tier,
        seen: hour.coverage.seen_share().max(SEEN_MIN),
        refused: refused(&features, &mut today.refused, now),
        is_released,
        evidence: Vec::new(),
        intervals: Vec::new(),
        outcome: HourOutcome::default(),
    };
    let mut met = met::meet(&features, &mut today.destinations, context, now);
    let held = scoring.units(&mut met, &mut today.destinations);
    let mut outcome = scoring.outcome;
    learn(hour, &features, &met, &held, (context.model, tier), today, &mut outcome);
    outcome.features = features;
    outcome
}

/// What units of this ENI are compared with.
pub fn against<'a>(context: &EniContext<'a>, group: &str, settings: &Settings) -> Against<'a> {
    Against {
        eni: context.model,
        fleet: context.fleet,
        prior: context.fleet.prior(group),
        young_prior: context.fleet.young_prior(group),
        volume_floor_bytes: settings.volume_floor_bytes,
        volume_ceiling_bytes: settings.volume_ceiling_bytes,
    }
}

/// Notes who the ENI is in this hour.
fn live(hour: &EniHour, features: &EniFeatures, settings: &Settings, today: &mut EniToday) {
    today.last_hour = today.last_hour.max(hour.hour);
    let named = settings.groups.get(&hour.id.eni);
    let recorded = [&hour.group, &hour.subnet].into_iter().find(|g| !g.is_empty());
    if let Some(group) = named.or(recorded) {
        today.group = Arc::clone(group);
    }
    today.own.extend(&hour.own);
    today.listeners.extend(&features.listeners);
}

/// Attempts refused in this hour and the one before; the day begins without one.
fn refused(features: &EniFeatures, last: &mut (u32, u64), now: Hour) -> u64 {
    let (hour, before) = *last;
    let before = if hour + 1 == now.0 { before } else { 0 };
    if features.refused > 0 {
        *last = (now.0, features.refused);
    }
    features.refused + before
}

/// The units of an hour, one after the other.
struct Scoring<'a> {
    hour: &'a EniHour,
    context: &'a EniContext<'a>,
    group: &'a str,
    against: Against<'a>,
    features: &'a EniFeatures,
    tier: Tier,
    seen: f64,
    /// Attempts that were refused lately.
    refused: u64,
    is_released: &'a dyn Fn(&Subject) -> bool,
    /// Room for the evidence of a unit, and for the intervals of a day.
    evidence: Vec<Evidence>,
    intervals: Vec<u32>,
    outcome: HourOutcome,
}

impl Scoring<'_> {
    /// Scores destinations, clients and the spread.
    fn units(&mut self, met: &mut [Met<'_>], days: &mut DestinationsToday) -> HeldBack {
        let mut held = HeldBack::default();
        let speaker = met::speaker(met, days, self.hour.hour.of_day());
        for (at, one) in met.iter_mut().enumerate() {
            let Some(kind) = self.destination(one, days, speaker == Some(at)) else {
                self.outcome.units += 1;
                continue;
            };
            let (features, hour, sums) = (self.features, self.hour, one.sums);
            let subject = Subject::Destination(one.key.clone());
            one.is_held = self.judge(subject, kind, || features.traffic_of(hour, sums));
        }
        for (prefix, sums) in self.features.served.iter() {
            let (features, hour) = (self.features, self.hour);
            let kind = UnitKind::Served { app_bytes: sums.app_bytes };
            if self.judge(Subject::Served(*prefix), kind, || features.traffic_of(hour, sums)) {
                held.served.push(*prefix);
            }
        }
        held.spread = self.spread(met, days);
        if held.spread {
            met.iter_mut().filter(|one| one.is_new).for_each(|one| one.is_held = true);
        }
        held
    }

    /// What is scored of a destination; `None` when no detector can speak of it.
    fn destination(
        &mut self,
        one: &mut Met<'_>,
        days: &mut DestinationsToday,
        is_speaker: bool,
    ) -> Option<UnitKind> {
        let (key, sums, known) = (one.key, one.sums, one.known(days));
        let novelty = met::novelty(key, known, self.context, (self.tier, self.group), self.hour);
        let is_small = sums.app_bytes < self.against.silent_bytes();
        if is_small && novelty.is_none() && !known.is_young && sums.rare.is_none() && !is_speaker {
            if let OfDay::Followed(place) = one.day {
                days.note_novelty(place, None);
            }
            return None;
        }
        let is_own = self.tier > Tier::Learning && !known.is_adopted;
        let model = known.model.clone();
        let (day_app_bytes, stay, (unbroken, evenness)) = match &one.day {
            OfDay::Followed(place) => {
                days.note_novelty(*place, novelty);
                let lived = days.at_mut(*place);
                one.is_new = novelty.is_some();
                let stay = met::stay(key, lived, self.context, self.tier);
                let contacts = met::contacts(lived, sums.minutes, self.hour, &mut self.intervals);
                (lived.app_bytes, stay, contacts)
            }
            OfDay::Beyond(_) => (sums.app_bytes, None, (None, None)),
        };
        let is_new = matches!(novelty, Some(Novelty::KnownToOthers | Novelty::NewToAll));
        let refused = probe::is_probe(self.refused, sums.app_bytes, is_new).then_some(self.refused);
        self.outcome.own_bits.extend(evenness.map(|found| (Pool::Beacon, beacon::own_bits(found))));
        self.outcome.rare[PROBE_THEN_SUCCESS] |= refused.is_some();
        Some(UnitKind::Destination {
            app_bytes: sums.app_bytes,
            day_app_bytes,
            ingress_app_bytes: sums.ingress_app_bytes,
            paired: sums.ingress_packets > 0,
            novelty,
            rare: sums.rare,
            rest_app_bytes: is_speaker
                .then_some(self.features.client_app_bytes.saturating_sub(sums.app_bytes)),
            stay,
            evenness,
            unbroken_minutes: unbroken.filter(|_| is_own),
            sustained_bytes: sums.sustained_bytes,
            refused,
            model,
        })
    }

    /// Scores the spread over the new destinations of the day, and says whether it is held back.
    fn spread(&mut self, met: &[Met<'_>], days: &DestinationsToday) -> bool {
        // While an ENI is learning, all it meets is new and their number says nothing.
        let mut new_today: Vec<(Novelty, u64)> = match self.tier {
            Tier::Learning => Vec::new(),
            _ => days.new_ones().collect(),
        };
        new_destination::rank(&mut new_today);
        let new = || met.iter().filter(|one| one.is_new).map(|one| one.sums);
        let kind = UnitKind::Spread {
            met: new_today,
            fan_out: self.features.fan_out,
            rejected_fan_out: self.features.rejected_fan_out,
            app_bytes: new().fold(0, |sum: u64, sums| sum.saturating_add(sums.app_bytes)),
        };
        let (features, hour) = (self.features, self.hour);
        let is_held = self.judge(Subject::Spread, kind, || {
            let mut all = KeyHour::default();
            new().for_each(|sums| all.merge(&features.traffic_of(hour, sums)));
            all
        });
        if let Some(Scored { unit: Unit { kind: UnitKind::Spread { met, .. }, .. }, .. }) =
            self.outcome.scored.last_mut()
        {
            met.sort_unstable_by(new_destination::largest_first);
        }
        is_held
    }

    /// Scores a unit, keeps it when it is worth it, and says whether it is held back.
    fn judge(&mut self, subject: Subject, kind: UnitKind, traffic: impl FnOnce() -> KeyHour) -> bool {
        let unit =
            Unit { subject, kind, hour_of_day: self.hour.hour.of_day(), tier: self.tier, seen: self.seen };
        self.outcome.units += 1;
        let score = unit.score_into(&mut self.evidence, &self.against);
        let stands_out = score.risk >= QUARANTINE_BITS || score.severity >= Severity::High;
        let is_held = stands_out && self.tier > Tier::Learning && !(self.is_released)(&unit.subject);
        if score.risk >= KEEP_BITS || score.severity >= Severity::High {
            let (evidence, traffic) = (self.evidence.clone(), traffic());
            self.outcome.scored.push(Scored { unit, evidence, score, traffic, tier: self.tier });
        }
        is_held
    }
}
