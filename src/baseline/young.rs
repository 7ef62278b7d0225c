//! Destinations that an ENI has lately begun to use: what they come to since, and how long they
//! stay. Most are met once; the few that stay are either a new service or a leak.
//!
//! Everything counts, also what stood out and is not learned from elsewhere: a slow leak is slow
//! because each of its days is small.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counts::SizeCounts;
use super::destination::DestinationKey;
use super::eni::DestinationToday;
use super::level::Level;
use super::sized_rate::{SizedRate, SizedRatePrior};
use crate::limits::{HISTORY_DAYS, YOUNG_PER_ENI_MAX};
use crate::window::Day;

/// Median of what a returning destination comes to, assumed before there is data, bytes.
const ASSUMED_BYTES: u64 = 1 << 20;
/// Median of the hours in which a new destination is used, assumed before there is data.
const ASSUMED_HOURS: u64 = 2;
/// Median of the longest contact without a gap, assumed before there is data, minutes: two of the
/// longest aggregation intervals, which any short exchange may touch.
const ASSUMED_MINUTES: u64 = 20;

/// One of them. Stored as a tuple in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredYoung", into = "StoredYoung")]
pub struct Young {
    /// Day on which it was met.
    pub first_day: u32,
    /// Days with traffic.
    pub days: u32,
    /// Hours with traffic.
    pub hours: u32,
    /// Application bytes.
    pub app_bytes: u64,
    /// Longest contact without a gap on one of its first days, minutes.
    pub unbroken_minutes: u32,
}

type StoredYoung = (u32, u32, u32, u64, u32);

impl From<StoredYoung> for Young {
    fn from((first_day, days, hours, app_bytes, unbroken_minutes): StoredYoung) -> Self {
        Self { first_day, days, hours, app_bytes, unbroken_minutes }
    }
}

impl From<Young> for StoredYoung {
    fn from(young: Young) -> Self {
        (young.first_day, young.days, young.hours, young.app_bytes, young.unbroken_minutes)
    }
}

/// All of one ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct YoungHistory(BTreeMap<DestinationKey, Young>);

impl YoungHistory {
    /// Adds a day of a destination, which `is_new` when it was met on it.
    pub fn note(&mut self, key: &DestinationKey, day: u32, met: &DestinationToday, is_new: bool) {
        if is_new {
            self.0.entry(key.clone()).or_insert(Young { first_day: day, ..Young::default() });
        }
        if let Some(young) = self.0.get_mut(key) {
            young.days += 1;
            young.hours += met.hours.count_ones();
            young.app_bytes = young.app_bytes.saturating_add(met.app_bytes);
            young.unbroken_minutes = young.unbroken_minutes.max(met.unbroken_minutes);
        }
    }

    /// The destinations.
    pub fn keys(&self) -> impl Iterator<Item = &DestinationKey> {
        self.0.keys()
    }

    /// Drops what has left the look-back before `day`, and the least of what exceeds the bound.
    pub fn forget(&mut self, day: Day) {
        self.0.retain(|_, young| young.first_day + (HISTORY_DAYS as u32) >= day.0);
        let excess = self.0.len().saturating_sub(YOUNG_PER_ENI_MAX);
        if excess > 0 {
            let weight = |y: &Young| (y.days, y.app_bytes, y.hours);
            let mut order: Vec<_> = self.0.iter().map(|(key, young)| (weight(young), key.clone())).collect();
            order.sort_unstable();
            order.into_iter().take(excess).for_each(|(_, key)| {
                self.0.remove(&key);
            });
        }
    }

    /// What is remembered of a destination, when it is young.
    pub fn get(&self, key: &DestinationKey) -> Option<&Young> {
        self.0.get(key)
    }

    /// The model of these destinations, met in `hours` with coverage.
    pub fn model(&self, hours: u32) -> YoungModel {
        let [mut bytes, mut active, mut unbroken] = <[SizeCounts; 3]>::default();
        for young in self.0.values() {
            if young.days >= 2 {
                bytes.add(Level::of_bytes(young.app_bytes));
            }
            active.add(Level::of_count(u64::from(young.hours)));
            unbroken.add(Level::of_count(u64::from(young.unbroken_minutes)));
        }
        let rate = |sizes| SizedRate { hours, sizes };
        YoungModel { bytes: rate(bytes), active: rate(active), unbroken: rate(unbroken) }
    }
}

/// What an ENI's young destinations come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct YoungModel {
    /// Application bytes of those that returned on another day.
    pub bytes: SizedRate,
    /// Active hours of all.
    pub active: SizedRate,
    /// Minutes of the longest contact without a gap of all.
    pub unbroken: SizedRate,
}

/// The same of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct YoungPrior {
    /// Application bytes of those that returned on another day.
    pub bytes: SizedRatePrior,
    /// Active hours of all.
    pub active: SizedRatePrior,
    /// Minutes of the longest contact without a gap of all.
    pub unbroken: SizedRatePrior,
}

impl YoungPrior {
    /// Learns from the members of a group.
    pub fn learn<'a>(enis: &(impl Iterator<Item = &'a YoungModel> + Clone)) -> Self {
        Self {
            bytes: SizedRatePrior::learn(&enis.clone().map(|eni| &eni.bytes), Level::of_bytes(ASSUMED_BYTES)),
            active: SizedRatePrior::learn(
                &enis.clone().map(|eni| &eni.active),
                Level::of_count(ASSUMED_HOURS),
            ),
            unbroken: SizedRatePrior::learn(
                &enis.clone().map(|eni| &eni.unbroken),
                Level::of_count(ASSUMED_MINUTES),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> DestinationKey {
        DestinationKey::Network(format!("203.0.{n}.0/24").parse().unwrap())
    }

    fn met(app_bytes: u64, hours: u32) -> DestinationToday {
        DestinationToday { app_bytes, hours, ..DestinationToday::default() }
    }

    #[test]
    fn only_what_was_met_as_new_is_young_and_only_what_returns_has_a_total() {
        let mut young = YoungHistory::default();
        young.note(&key(1), 10, &met(1000, 0b11), true);
        young.note(&key(2), 10, &met(9000, 0b1), false);
        young.note(&key(1), 11, &met(500, 0b1), false);
        young.note(&key(3), 11, &met(70, 0b1), true);
        let first = Young { first_day: 10, days: 2, hours: 3, app_bytes: 1500, unbroken_minutes: 0 };
        assert_eq!(young.get(&key(1)), Some(&first));
        assert_eq!(young.get(&key(2)), None);
        let model = young.model(100);
        assert_eq!((model.bytes.sizes.n(), model.active.sizes.n()), (1, 2));
    }

    #[test]
    fn youth_ends_after_the_look_back_and_the_least_go_first() {
        let mut young = YoungHistory::default();
        for n in 0..=YOUNG_PER_ENI_MAX as u32 {
            young.note(&key(n), 10, &met(u64::from(n), 1), true);
        }
        young.forget(Day(38));
        assert_eq!((young.0.len(), young.get(&key(0))), (YOUNG_PER_ENI_MAX, None));
        young.forget(Day(39));
        assert!(young.0.is_empty());
    }
}
