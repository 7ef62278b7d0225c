//! The destinations of an hour, each beside its day so far and what is known of it.

use std::collections::BTreeMap;

use super::beacon::{self, Evenness};
use super::features::{EniFeatures, KeySums};
use super::hour::EniContext;
use super::stretch;
use super::young::Stay;
use crate::baseline::acquaintance::Acquaintance;
use crate::baseline::destination::DestinationKey;
use crate::baseline::eni::{DestinationToday, Novelty, Tier};
use crate::window::EniHour;

/// A destination that was contacted in the hour.
pub(super) struct Met<'a> {
    pub(super) key: &'a DestinationKey,
    pub(super) sums: &'a KeySums,
    day: OfDay<'a>,
    /// Whether the hour is not learned from: a leak must not teach that it is normal.
    pub(super) is_held: bool,
}

/// The day of a destination.
enum OfDay<'a> {
    Followed(&'a mut DestinationToday),
    /// Beyond the day's bound a destination is judged by its hour alone.
    Beyond(Acquaintance),
}

impl Met<'_> {
    /// What is known of it.
    pub(super) fn known(&self) -> &Acquaintance {
        match &self.day {
            OfDay::Followed(today) => &today.known,
            OfDay::Beyond(known) => known,
        }
    }

    /// The day so far, when it is followed.
    pub(super) fn today(&mut self) -> Option<&mut DestinationToday> {
        match &mut self.day {
            OfDay::Followed(today) => Some(today),
            OfDay::Beyond(_) => None,
        }
    }

    /// Whether it is followed and new.
    pub(super) fn is_new(&self) -> bool {
        matches!(&self.day, OfDay::Followed(today) if today.novelty.is_some())
    }
}

/// The destinations of an hour, by key, and those of the day that are new and not in this hour:
/// class and application bytes of the day so far.
pub(super) fn meet<'a>(
    features: &'a EniFeatures,
    of_day: &'a mut BTreeMap<DestinationKey, DestinationToday>,
    context: &EniContext<'_>,
) -> (Vec<Met<'a>>, Vec<(Novelty, u64)>) {
    let mut others = Vec::new();
    let mut note = |today: &DestinationToday| others.extend(today.novelty.map(|n| (n, today.app_bytes)));
    let mut of_day = of_day.iter_mut().peekable();
    let mut met = Vec::with_capacity(features.destinations.len());
    // Both are sorted by key.
    for (key, sums) in features.destinations.iter() {
        while let Some((_, today)) = of_day.next_if(|(at, _)| *at < key) {
            note(today);
        }
        let day = match of_day.next_if(|(at, _)| *at == key) {
            Some((_, today)) => OfDay::Followed(today),
            None => OfDay::Beyond(context.known(key)),
        };
        met.push(Met { key, sums, day, is_held: false });
    }
    of_day.for_each(|(_, today)| note(today));
    (met, others)
}

/// How new a destination is, or `None` when it is known or nothing can be said yet.
pub(super) fn novelty(
    key: &DestinationKey,
    known: &Acquaintance,
    context: &EniContext<'_>,
    (tier, group): (Tier, &str),
    hour: &EniHour,
) -> Option<Novelty> {
    let now = hour.hour;
    if known.is_familiar(now) {
        return None;
    }
    let is_known_to_fleet = known.is_known_to_fleet(now);
    let is_known_to_group = || context.fleet_history.is_some_and(|f| f.is_known_to(key, group, now));
    if tier == Tier::Learning && is_known_to_fleet && is_known_to_group() {
        // A new member of a group does what the group does.
        return None;
    }
    Some(match (known.is_in_known_network, is_known_to_fleet) {
        (true, _) => Novelty::InKnownNetwork,
        (false, true) => Novelty::KnownToOthers,
        (false, false) => Novelty::NewToAll,
    })
}

/// What a destination that was met on an earlier day has come to; none while the ENI is learning,
/// when all it meets is new, and none when several ENIs have taken to it: that is a deploy.
pub(super) fn stay(
    key: &DestinationKey,
    lived: &DestinationToday,
    context: &EniContext<'_>,
    tier: Tier,
) -> Option<Stay> {
    if !lived.known.is_young || lived.known.is_adopted || tier == Tier::Learning {
        return None;
    }
    let young = context.history.and_then(|h| h.young.get(key))?;
    Some(Stay {
        earlier_app_bytes: young.app_bytes,
        days: young.days + 1,
        hours: young.hours + lived.hours.count_ones(),
    })
}

/// For how many minutes a new destination was contacted without a gap, and how evenly, since
/// midnight. `intervals` is room to work in.
pub(super) fn contacts(
    lived: &mut DestinationToday,
    minutes: u64,
    hour: &EniHour,
    intervals: &mut Vec<u32>,
) -> (Option<u32>, Option<Evenness>) {
    if lived.novelty.is_none() {
        return (None, None);
    }
    let all = lived.minutes.get_or_insert_default();
    all[hour.hour.of_day()] |= minutes;
    let interval_seconds = hour.coverage.interval_seconds;
    let set = all
        .iter()
        .zip(0..)
        .flat_map(|(minutes, hour)| stretch::set_minutes(*minutes).map(move |minute| hour * 60 + minute));
    stretch::occupied(set, interval_seconds, intervals);
    let longest_minutes = stretch::longest_run_minutes(intervals.iter().copied(), interval_seconds);
    lived.unbroken_minutes = longest_minutes.max(lived.unbroken_minutes);
    // Most are met in a minute or two, and are done with before anything is asked.
    let occupied: u32 = all.iter().map(|minutes| minutes.count_ones()).sum();
    let is_enough = occupied as usize >= beacon::OCCUPIED_MIN;
    let evenness = if is_enough { beacon::of_occupied(intervals, interval_seconds) } else { None };
    (Some(lived.unbroken_minutes), evenness)
}

/// The place of the destination that contributes most of what is above the usual: it speaks for the
/// ENI. Of equals the first.
pub(super) fn speaker(met: &[Met<'_>], hour_of_day: usize) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (at, one) in met.iter().enumerate() {
        let app_bytes = one.sums.app_bytes as f64;
        // What is usual is not negative, so that most need not be asked.
        if best.is_some_and(|(most, _)| app_bytes <= most) {
            continue;
        }
        let excess =
            app_bytes - one.known().model.as_ref().map_or(0.0, |m| m.expected_hour_bytes(hour_of_day));
        if best.is_none_or(|(most, _)| excess > most) {
            best = Some((excess, at));
        }
    }
    best.map(|(_, at)| at)
}
