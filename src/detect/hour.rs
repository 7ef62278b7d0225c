//! One ENI-hour through all detectors.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Settings;
use super::balance;
use super::beacon::{self, Evenness};
use super::evidence::Evidence;
use super::features::{EniFeatures, KeyHour};
use super::probe;
use super::score::{Score, Severity};
use super::stretch;
use super::unit::{Against, SEEN_MIN, Subject, Unit, UnitKind};
use super::young::Stay;
use crate::baseline::counts::producer_consumer_ratio;
use crate::baseline::destination::{DestinationKey, HourLevel};
use crate::baseline::eni::{AGED_HOURS, DestinationToday, EniHistory, EniModel, EniToday, Novelty, Tier};
use crate::baseline::fleet::{FleetHistory, FleetModel, PROBE_THEN_SUCCESS, Pool, RARE_EVENTS};
use crate::baseline::level::Level;
use crate::baseline::series::Series;
use crate::limits::{DESTINATIONS_PER_ENI_DAY_MAX, PORTS_PER_ENI_MAX};
use crate::net::Prefix;
use crate::window::{EniHour, Hour};

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
    let mut outcome = HourOutcome { units: units.len() as u64, ..HourOutcome::default() };
    let mut held = HeldBack::default();
    for unit in units {
        if let UnitKind::Destination { evenness, refused, .. } = &unit.kind {
            outcome.own_bits.extend(evenness.map(|found| (Pool::Beacon, beacon::own_bits(found))));
            outcome.rare[PROBE_THEN_SUCCESS] |= refused.is_some();
        }
        let (evidence, score) = unit.score(&against);
        let stands_out = score.risk >= QUARANTINE_BITS || score.severity >= Severity::High;
        if stands_out && tier > Tier::Learning && !is_released(&unit.subject) {
            held.subjects.insert(unit.subject.clone());
        }
        if score.risk >= KEEP_BITS || score.severity >= Severity::High {
            let traffic = traffic_of(&unit.subject, &features, today);
            outcome.scored.push(Scored { unit, evidence, score, traffic, tier });
        }
    }
    if held.subjects.contains(&Subject::Spread) {
        let new = new_keys(&features, today).map(|(key, _)| Subject::Destination(key.clone()));
        held.subjects.extend(new.collect::<Vec<_>>());
    }
    learn(&features, &held, context.model, now, tier, today, &mut outcome);
    outcome.features = features;
    outcome
}

/// Subjects of an hour that are not learned from: a leak must not teach that it is normal.
#[derive(Default)]
struct HeldBack {
    subjects: BTreeSet<Subject>,
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

/// Notes identity and destinations of the hour; what may be learned comes after scoring.
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
    for (key, traffic) in &features.destinations {
        if today.destinations.len() >= DESTINATIONS_PER_ENI_DAY_MAX && !today.destinations.contains_key(key) {
            continue;
        }
        let at = today
            .destinations
            .entry(key.clone())
            .or_insert_with(|| DestinationToday { first_hour: now.0, ..DestinationToday::default() });
        at.last_hour = now.0;
        at.hours |= 1 << now.of_day();
        at.app_bytes = at.app_bytes.saturating_add(traffic.app_bytes);
    }
}

/// Takes in what may be learned of the hour: all but the subjects that stood out. The pools take
/// in everything: they say how often series stand out, and a pool that left out what it raised
/// would believe its own alarms.
fn learn(
    features: &EniFeatures,
    held: &HeldBack,
    model: &EniModel,
    now: Hour,
    tier: Tier,
    today: &mut EniToday,
    outcome: &mut HourOutcome,
) {
    let mut client = 0_u64;
    for (key, traffic) in &features.destinations {
        if let Some(Some(known)) = model.destinations.get(key) {
            let own_bits = known.own_hour_bits(now.of_day(), Level::of_bytes(traffic.app_bytes));
            outcome.own_bits.push((Pool::DestinationHour, own_bits));
        }
        if let Some(at) = today.destinations.get_mut(key) {
            at.sustained = at.sustained.max(Level::of_bytes(traffic.sustained_bytes));
        }
        if held.subjects.contains(&Subject::Destination(key.clone())) {
            continue;
        }
        client = client.saturating_add(traffic.app_bytes);
        today.ports.extend(traffic.ports.iter().take(PORTS_PER_ENI_MAX));
        if let Some((event, _)) = traffic.rare {
            outcome.rare[event as usize] = true;
        }
        if traffic.app_bytes >= balance::LEARN_BYTES {
            today.balance.add(producer_consumer_ratio(traffic.app_bytes, traffic.ingress_app_bytes));
        }
        if let Some(at) = today.destinations.get_mut(key) {
            at.learned_hours[now.of_day()] = HourLevel::of_bytes(traffic.app_bytes);
            at.learned_sustained = at.learned_sustained.max(HourLevel::of_bytes(traffic.sustained_bytes));
            at.learned_bytes = at.learned_bytes.saturating_add(traffic.app_bytes);
        }
    }
    let most = |keep: &dyn Fn(&Prefix) -> bool| {
        features.served.iter().filter(|(p, _)| keep(p)).map(|(_, t)| t.app_bytes).max().unwrap_or(0)
    };
    let served = most(&|prefix| !held.subjects.contains(&Subject::Served(*prefix)));
    let spread_held = held.subjects.contains(&Subject::Spread);
    let (bytes, fan_out, rejected) =
        (Level::of_bytes, Level::of_count(features.fan_out), Level::of_count(features.rejected_fan_out));
    // What was seen, and what may be learned of it.
    let levels = [
        (Series::Client, Pool::Client, bytes(features.client_app_bytes), Some(bytes(client))),
        (Series::ServedTop, Pool::ServedTop, bytes(most(&|_| true)), Some(bytes(served))),
        (Series::FanOut, Pool::FanOut, fan_out, (!spread_held).then_some(fan_out)),
        (Series::RejectedFanOut, Pool::RejectedFanOut, rejected, (!spread_held).then_some(rejected)),
    ];
    let at = now.of_day();
    today.samples.seen |= 1 << at;
    for (series, pool, seen, learned) in levels {
        let of_series = &model.series[series as usize];
        // A held-back hour leaves the expected value in its place: the series has no gap.
        let learned = learned.unwrap_or_else(|| of_series.expected(at));
        today.samples.levels[series as usize][at] = learned;
        if tier > Tier::Learning {
            outcome.own_bits.push((pool, of_series.own_bits(at, seen)));
        }
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
    if let Some(known) = context.model.destinations.get(key) {
        // Without a volume model, one touch a day ahead must not make a destination familiar.
        let first = context.history.and_then(|h| h.destinations.get(key)).map_or(now.0, |d| d.first_hour);
        if known.is_some() || first + AGED_HOURS <= now.0 {
            return None;
        }
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
    let seen = hour.coverage.seen_share().max(SEEN_MIN);
    let unit = |subject, kind| Unit { subject, kind, hour_of_day: now.of_day(), tier, seen };
    let refused = refused(features, today, now);
    let speaker = speaker(features, context.model, now.of_day());
    let group = Arc::clone(&today.group);
    let mut units = Vec::new();
    for (key, traffic) in &features.destinations {
        let novelty = novelty(key, context, &group, tier, now);
        // Beyond the day's bound a destination is judged by its hour alone.
        let lived = today.destinations.get_mut(key);
        let (day_app_bytes, stay, (unbroken, evenness)) = match lived {
            Some(lived) => {
                lived.novelty = novelty;
                let stay = stay(key, lived, context, tier);
                (lived.app_bytes, stay, contacts(lived, traffic.minutes, hour))
            }
            None => (traffic.app_bytes, None, (None, None)),
        };
        let is_own = tier > Tier::Learning && !context.fleet.adopted.contains(key);
        let is_new = matches!(novelty, Some(Novelty::KnownToOthers | Novelty::NewToAll));
        let kind = UnitKind::Destination {
            app_bytes: traffic.app_bytes,
            day_app_bytes,
            ingress_app_bytes: traffic.ingress_app_bytes,
            paired: traffic.ingress_packets > 0,
            novelty,
            rare: traffic.rare,
            rest_app_bytes: (speaker == Some(key))
                .then_some(features.client_app_bytes.saturating_sub(traffic.app_bytes)),
            stay,
            evenness,
            unbroken_minutes: unbroken.filter(|_| is_own),
            sustained_bytes: traffic.sustained_bytes,
            refused: probe::is_probe(refused, traffic.app_bytes, is_new).then_some(refused),
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
    let app_bytes = new_keys(features, today).fold(0, |sum: u64, (_, t)| sum.saturating_add(t.app_bytes));
    let (fan_out, rejected_fan_out) = (features.fan_out, features.rejected_fan_out);
    units.push(unit(Subject::Spread, UnitKind::Spread { met, fan_out, rejected_fan_out, app_bytes }));
    units
}

/// Attempts refused in this hour and the one before; the day begins without one.
fn refused(features: &EniFeatures, today: &mut EniToday, now: Hour) -> u64 {
    let (hour, before) = today.refused;
    let before = if hour + 1 == now.0 { before } else { 0 };
    if features.refused > 0 {
        today.refused = (now.0, features.refused);
    }
    features.refused + before
}

/// What a destination that was met on an earlier day has come to; none while the ENI is learning,
/// when all it meets is new, and none when several ENIs have taken to it: that is a deploy.
fn stay(
    key: &DestinationKey,
    lived: &DestinationToday,
    context: &EniContext<'_>,
    tier: Tier,
) -> Option<Stay> {
    let young = context.history.and_then(|h| h.young.get(key))?;
    if tier == Tier::Learning || context.fleet.adopted.contains(key) {
        return None;
    }
    Some(Stay {
        earlier_app_bytes: young.app_bytes,
        days: young.days + 1,
        hours: young.hours + lived.hours.count_ones(),
    })
}

/// For how many minutes a new destination was contacted without a gap, and how evenly, since
/// midnight.
fn contacts(lived: &mut DestinationToday, minutes: u64, hour: &EniHour) -> (Option<u32>, Option<Evenness>) {
    if lived.novelty.is_none() {
        return (None, None);
    }
    let all = lived.minutes.get_or_insert_default();
    all[hour.hour.of_day()] |= minutes;
    let set = || {
        all.iter()
            .zip(0..)
            .flat_map(|(minutes, hour)| stretch::set_minutes(*minutes).map(move |minute| hour * 60 + minute))
    };
    let interval_seconds = hour.coverage.interval_seconds;
    lived.unbroken_minutes = stretch::longest_minutes(set(), interval_seconds).max(lived.unbroken_minutes);
    // Most are met in a minute or two, and are done with before anything is collected.
    let occupied: u32 = all.iter().map(|minutes| minutes.count_ones()).sum();
    let is_enough = occupied as usize >= beacon::OCCUPIED_MIN;
    let evenness = if is_enough { beacon::evenness(set(), u32::from(interval_seconds)) } else { None };
    (Some(lived.unbroken_minutes), evenness)
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
        Subject::Destination(_) | Subject::Served(_) => {
            features.traffic(subject).cloned().unwrap_or_default()
        }
        Subject::Spread => {
            let mut all = KeyHour::default();
            new_keys(features, today).for_each(|(_, traffic)| all.merge(traffic));
            all
        }
    }
}
