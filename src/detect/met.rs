//! The destinations of an hour, each beside its day so far and what is known of it.

use super::beacon::{self, Evenness};
use super::features::{EniFeatures, KeySums};
use super::hour::EniContext;
use super::stretch;
use super::young::Stay;
use crate::baseline::acquaintance::Acquaintance;
use crate::baseline::contacts::ContactMinutes;
use crate::baseline::destination::DestinationKey;
use crate::baseline::eni::{DestinationToday, Novelty, Tier};
use crate::baseline::of_day::DestinationsToday;
use crate::limits::DESTINATIONS_PER_ENI_DAY_MAX;
use crate::window::{EniHour, Hour};

/// A destination that was contacted in the hour.
pub(super) struct Met<'a> {
    pub(super) key: &'a DestinationKey,
    pub(super) sums: &'a KeySums,
    pub(super) day: OfDay,
    /// Whether it is new, and followed through the day.
    pub(super) is_new: bool,
    /// Whether the hour is not learned from: a leak must not teach that it is normal.
    pub(super) is_held: bool,
}

/// The day of a destination.
pub(super) enum OfDay {
    /// Its place in the day so far.
    Followed(u32),
    /// Beyond the day's bound a destination is judged by its hour alone: what is known of it.
    Beyond(Acquaintance),
}

impl Met<'_> {
    /// What is known of it.
    pub(super) fn known<'k>(&'k self, days: &'k DestinationsToday) -> &'k Acquaintance {
        match &self.day {
            OfDay::Followed(place) => &days.at(*place).known,
            OfDay::Beyond(known) => known,
        }
    }
}

/// The destinations of an hour, by key, noted in their days.
pub(super) fn meet<'a>(
    features: &'a EniFeatures,
    days: &mut DestinationsToday,
    context: &EniContext<'_>,
    now: Hour,
) -> Vec<Met<'a>> {
    let mut meet = |key: &DestinationKey, sums: &KeySums| {
        let known = || context.known(key, now.day());
        let today = || DestinationToday { known: known(), first_hour: now.0, ..DestinationToday::default() };
        let Some(place) = days.meet(key, DESTINATIONS_PER_ENI_DAY_MAX, today) else {
            return OfDay::Beyond(known());
        };
        let today = days.at_mut(place);
        today.last_hour = now.0;
        today.hours |= 1 << now.of_day();
        today.app_bytes = today.app_bytes.saturating_add(sums.app_bytes);
        OfDay::Followed(place)
    };
    let met = |(key, sums)| Met { key, sums, day: meet(key, sums), is_new: false, is_held: false };
    features.destinations.iter().map(met).collect()
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
    lived.minutes.add(hour.hour.of_day(), minutes);
    let interval_seconds = hour.coverage.interval_seconds;
    if let ContactMinutes::OneHour(_, minutes) = lived.minutes
        && (minutes.count_ones() as usize) < beacon::OCCUPIED_MIN
    {
        // Most are met in a minute or two, and are done with before anything is collected.
        let longest_minutes = stretch::longest_minutes(stretch::set_minutes(minutes), interval_seconds);
        lived.unbroken_minutes = longest_minutes.max(lived.unbroken_minutes);
        return (Some(lived.unbroken_minutes), None);
    }
    stretch::occupied_of_day(lived.minutes.hours(), interval_seconds, intervals);
    let longest_minutes = stretch::longest_run_minutes(intervals.iter().copied(), interval_seconds);
    lived.unbroken_minutes = longest_minutes.max(lived.unbroken_minutes);
    (Some(lived.unbroken_minutes), beacon::of_occupied(intervals, interval_seconds))
}

/// The place of the destination that contributes most of what is above the usual: it speaks for the
/// ENI. Of equals the first.
pub(super) fn speaker(met: &[Met<'_>], days: &DestinationsToday, hour_of_day: usize) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (at, one) in met.iter().enumerate() {
        let app_bytes = one.sums.app_bytes as f64;
        // What is usual is not negative, so that most need not be asked.
        if best.is_some_and(|(most, _)| app_bytes <= most) {
            continue;
        }
        let model = one.known(days).model.as_ref();
        let excess = app_bytes - model.map_or(0.0, |model| model.expected_hour_bytes(hour_of_day));
        if best.is_none_or(|(most, _)| excess > most) {
            best = Some((excess, at));
        }
    }
    best.map(|(_, at)| at)
}
