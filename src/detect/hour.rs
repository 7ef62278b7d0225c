//! One ENI-hour through all detectors.

use std::sync::Arc;

use super::Settings;
use super::balance;
use super::evidence::Evidence;
use super::features::{EniFeatures, KeyHour};
use super::score::{Score, Severity};
use super::unit::{Against, Subject, Unit, UnitKind};
use crate::baseline::counts::producer_consumer_ratio;
use crate::baseline::destination::{DestinationKey, HourLevel};
use crate::baseline::eni::{EniHistory, EniModel, EniToday, Novelty, Tier};
use crate::baseline::fleet::{FleetHistory, FleetModel, POOLS, Pool, RARE_EVENTS};
use crate::baseline::level::Level;
use crate::baseline::series::Series;
use crate::window::{EniHour, Hour};

/// Risk from which an hour of a destination is not learned from for a week (detection.md B.3):
/// otherwise a leak teaches the baseline that it is normal.
pub const QUARANTINE_BITS: f64 = 15.0;
/// Risk from which a unit becomes, or joins, an incident.
pub const KEEP_BITS: f64 = 4.0;

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
    /// Traffic of every subject, for incidents that are already open.
    pub traffic: Vec<(Subject, KeyHour)>,
    /// Standardised values for the pools.
    pub z: Vec<(Pool, f64)>,
    /// Rare events that happened.
    pub rare: [bool; RARE_EVENTS],
    /// Units that were scored.
    pub units: u64,
}

/// Scores one closed ENI-hour and lives it: `today` is updated with what may be learned.
/// `quarantined` says whether a subject's incident is old enough to be learned from again.
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
    let units = units(hour, &features, context, today, tier);
    let against = against(context, &today.group, settings);
    let mut outcome =
        HourOutcome { units: units.len() as u64, rare: features.rare, ..HourOutcome::default() };
    let mut held_back = 0;
    for unit in units {
        let (evidence, score) = unit.score(&against);
        let quarantine =
            score.risk >= QUARANTINE_BITS && tier > Tier::Learning && !is_released(&unit.subject);
        if let Subject::Destination(key) = &unit.subject {
            if quarantine {
                held_back += unit.app_bytes();
            } else {
                learn_destination(today, key, now, unit.app_bytes());
                pool_destination(&unit, &mut outcome.z);
            }
        }
        if score.risk >= KEEP_BITS || score.severity >= Severity::High {
            let traffic = traffic_of(&unit.subject, &features, today);
            outcome.scored.push(Scored { unit, evidence, score, traffic, tier });
        }
    }
    outcome.traffic = all_traffic(&features);
    live_series(&features, held_back, now, today);
    pool_series(context.model, now, held_back > 0, tier, today, &mut outcome.z);
    outcome
}

/// What units of this ENI are compared with.
pub fn against<'a>(context: &EniContext<'a>, group: &str, settings: &Settings) -> Against<'a> {
    Against {
        eni: context.model,
        fleet: context.fleet,
        prior: context.fleet.prior(group),
        volume_floor_bytes: settings.volume_floor_bytes,
        volume_ceiling_bytes: settings.volume_ceiling_bytes,
    }
}

/// Notes identity, ports and destinations of the hour; volumes that may be learned come later.
fn live(hour: &EniHour, features: &EniFeatures, settings: &Settings, today: &mut EniToday) {
    let now = hour.hour;
    today.last_hour = today.last_hour.max(now);
    let named = settings.groups.get(&hour.id.eni);
    let recorded = [&hour.group, &hour.subnet].into_iter().find(|g| !g.is_empty());
    if let Some(group) = named.or(recorded) {
        today.group = Arc::clone(group);
    }
    today.own.extend(&hour.own);
    today.listeners.extend(&features.listeners);
    today.ports.extend(&features.ports);
    for (key, traffic) in &features.destinations {
        let at = today.destinations.entry(key.clone()).or_default();
        if at.app_bytes == 0 && !at.is_learned() {
            at.first_hour = now.0;
        }
        at.last_hour = now.0;
        at.app_bytes += traffic.app_bytes;
        if traffic.app_bytes >= balance::LEARN_BYTES {
            today.balance.add(producer_consumer_ratio(traffic.app_bytes, traffic.ingress_app_bytes));
        }
    }
}

fn learn_destination(today: &mut EniToday, key: &DestinationKey, now: Hour, app_bytes: u64) {
    if let Some(at) = today.destinations.get_mut(key) {
        at.learned_hours[now.of_day()] = HourLevel::of_bytes(app_bytes);
        at.learned_bytes += app_bytes;
    }
}

fn live_series(features: &EniFeatures, held_back: u64, now: Hour, today: &mut EniToday) {
    let at = now.of_day();
    let served_top = features.served.values().map(|t| t.app_bytes).max().unwrap_or(0);
    let samples = &mut today.samples;
    samples.seen |= 1 << at;
    let client = features.client_app_bytes.saturating_sub(held_back);
    samples.levels[Series::Client as usize][at] = Level::of_bytes(client);
    samples.levels[Series::ServedTop as usize][at] = Level::of_bytes(served_top);
    samples.levels[Series::FanOut as usize][at] = Level::of_count(features.fan_out);
    samples.levels[Series::RejectedFanOut as usize][at] = Level::of_count(features.rejected_fan_out);
}

/// z of the series of an ENI with history, for tomorrow's pools.
fn pool_series(
    model: &EniModel,
    now: Hour,
    quarantined: bool,
    tier: Tier,
    today: &EniToday,
    z: &mut Vec<(Pool, f64)>,
) {
    if tier == Tier::Learning {
        return;
    }
    let pools = [
        (Series::Client, Pool::Client),
        (Series::ServedTop, Pool::ServedTop),
        (Series::FanOut, Pool::FanOut),
        (Series::RejectedFanOut, Pool::RejectedFanOut),
    ];
    const _: () = assert!(POOLS == 6);
    for (series, pool) in pools {
        if quarantined && series == Series::Client {
            continue;
        }
        let level = today.samples.levels[series as usize][now.of_day()];
        z.push((pool, model.series[series as usize].z(now.of_day(), level)));
    }
}

fn pool_destination(unit: &Unit, z: &mut Vec<(Pool, f64)>) {
    if let UnitKind::Destination { app_bytes, day_app_bytes, model: Some(model), .. } = &unit.kind {
        z.push((Pool::DestinationHour, model.hour_z(unit.hour_of_day, Level::of_bytes(*app_bytes))));
        z.push((Pool::DestinationDay, model.day_z(Level::of_bytes(*day_app_bytes))));
    }
}

/// How new a destination is, or `None` when it is known or nothing can be said yet.
fn novelty(
    key: &DestinationKey,
    context: &EniContext<'_>,
    group: &str,
    tier: Tier,
    now: Hour,
) -> Option<Novelty> {
    if context.model.destinations.contains_key(key) {
        return None;
    }
    if tier == Tier::Learning && context.fleet_history.is_some_and(|f| f.is_known_to(key, group, now)) {
        // A new member of a group does what the group does.
        return None;
    }
    if key.parent().is_some_and(|parent| context.model.parents.contains_key(&parent)) {
        return Some(Novelty::InKnownNetwork);
    }
    let known = context.fleet_history.is_some_and(|f| f.is_known(key, now));
    Some(if known { Novelty::KnownToOthers } else { Novelty::NewToAll })
}

/// The units of an hour.
fn units(
    hour: &EniHour,
    features: &EniFeatures,
    context: &EniContext<'_>,
    today: &mut EniToday,
    tier: Tier,
) -> Vec<Unit> {
    let now = hour.hour;
    let confidence = tier.confidence() * hour.coverage.seen_share();
    let unit = |subject, kind| Unit { subject, kind, hour_of_day: now.of_day(), confidence };
    let speaker = speaker(features, context.model, now.of_day());
    let group = Arc::clone(&today.group);
    let mut units = Vec::new();
    for (key, traffic) in &features.destinations {
        let lived = today.destinations.get_mut(key).expect("`live` entered every destination of the hour");
        let novelty = novelty(key, context, &group, tier, now);
        lived.novelty = novelty;
        let kind = UnitKind::Destination {
            app_bytes: traffic.app_bytes,
            day_app_bytes: lived.app_bytes,
            ingress_app_bytes: traffic.ingress_app_bytes,
            paired: traffic.ingress_packets > 0,
            novelty,
            rare: traffic.rare,
            rest_app_bytes: (speaker == Some(key)).then_some(features.client_app_bytes - traffic.app_bytes),
            model: context.model.destinations.get(key).and_then(Clone::clone),
        };
        units.push(unit(Subject::Destination(key.clone()), kind));
    }
    for (prefix, traffic) in &features.served {
        units.push(unit(Subject::Served(*prefix), UnitKind::Served { app_bytes: traffic.app_bytes }));
    }
    // While an ENI is learning, all it meets is new and their number says nothing.
    let mut met: Vec<(Novelty, u64)> = match tier {
        Tier::Learning => Vec::new(),
        _ => today.destinations.values().filter_map(|d| d.novelty.map(|n| (n, d.app_bytes))).collect(),
    };
    met.sort_unstable_by_key(|(class, bytes)| (std::cmp::Reverse(*bytes), *class));
    let app_bytes = new_keys(features, today).map(|(_, t)| t.app_bytes).sum();
    let (fan_out, rejected_fan_out) = (features.fan_out, features.rejected_fan_out);
    units.push(unit(Subject::Spread, UnitKind::Spread { met, fan_out, rejected_fan_out, app_bytes }));
    units
}

/// The destination that contributes most of what is above the usual: it speaks for the ENI.
fn speaker<'a>(
    features: &'a EniFeatures,
    model: &EniModel,
    hour_of_day: usize,
) -> Option<&'a DestinationKey> {
    let excess = |key: &DestinationKey, traffic: &KeyHour| {
        let usual = model.destinations.get(key).and_then(Option::as_ref);
        let usual = usual.map_or(0.0, |m| m.expected_hour_bytes(hour_of_day));
        traffic.app_bytes as f64 - usual
    };
    let by_excess = features.destinations.iter().map(|(key, t)| (excess(key, t), key));
    by_excess.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1))).map(|(_, key)| key)
}

fn new_keys<'a>(
    features: &'a EniFeatures,
    today: &'a EniToday,
) -> impl Iterator<Item = (&'a DestinationKey, &'a KeyHour)> {
    features
        .destinations
        .iter()
        .filter(|(key, _)| today.destinations.get(*key).is_some_and(|d| d.novelty.is_some()))
}

/// The traffic behind a unit in this hour.
fn traffic_of(subject: &Subject, features: &EniFeatures, today: &EniToday) -> KeyHour {
    match subject {
        Subject::Destination(key) => features.destinations.get(key).cloned().unwrap_or_default(),
        Subject::Served(prefix) => features.served.get(prefix).cloned().unwrap_or_default(),
        Subject::Spread => {
            let mut all = KeyHour::default();
            new_keys(features, today).for_each(|(_, traffic)| all.merge(traffic));
            all
        }
    }
}

fn all_traffic(features: &EniFeatures) -> Vec<(Subject, KeyHour)> {
    let destinations =
        features.destinations.iter().map(|(key, t)| (Subject::Destination(key.clone()), t.clone()));
    let served = features.served.iter().map(|(prefix, t)| (Subject::Served(*prefix), t.clone()));
    destinations.chain(served).collect()
}
