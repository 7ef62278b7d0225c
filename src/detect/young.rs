//! D4 and D9, destinations that came to stay.
//!
//! D4, slow drip: what a destination that was met in the last 28 days, and that returns, has
//! received since, against what such destinations come to (T1030, T1029, T1020). Each day of a
//! drip is small; its sum is not. D9, long-lived: in how many hours a new destination has been
//! used, against how long new ones stay; and, from its first hour on, for how long it was in use
//! without a gap, against the longest contacts with new ones (T1071, T1090, T1572).
//!
//! `p = 1 - exp(-lambda S(x))` as in D1: the probability that this ENI meets, in an hour, a
//! destination that ever comes to as much. The ENI's own rate and sizes are shrunk to its group's.

use super::evidence::{Detector, Evidence};
use crate::baseline::level::{Level, bytes_of, count_of};
use crate::baseline::young::{YoungModel, YoungPrior};

/// Application bytes since it was met, below which a drip or a long stay raises nothing.
const FLOOR_BYTES: u64 = 1 << 20;

/// Minutes without a gap below which a contact is not long: what a deploy pulls, and the first
/// hour of a chatty service, fill every interval of ten minutes too.
const UNBROKEN_MINUTES_MIN: u32 = 90;

/// What a young destination has come to, this hour included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Application bytes of earlier days.
    pub earlier_app_bytes: u64,
    /// Days with traffic.
    pub days: u32,
    /// Hours with traffic.
    pub hours: u32,
}

/// Evidence of a stay, with the day's `day_app_bytes` so far; empty below the floor.
pub fn evidence(
    stay: Stay,
    day_app_bytes: u64,
    own: &YoungModel,
    prior: &YoungPrior,
) -> impl Iterator<Item = Evidence> {
    let app_bytes = stay.earlier_app_bytes.saturating_add(day_app_bytes);
    let is_enough = app_bytes >= FLOOR_BYTES;
    let at_least_one = |per_hour: f64| -(-per_hour).exp_m1();
    let n = u64::from(own.active.hours);
    let drip = (is_enough && stay.days >= 2).then(|| Evidence {
        detector: Detector::Drip,
        p: at_least_one(prior.bytes.per_hour(Level::of_bytes(app_bytes), &own.bytes)),
        observed: app_bytes as f64,
        expected: bytes_of(prior.bytes.median().log2()),
        n,
    });
    let hours = Level::of_count(u64::from(stay.hours));
    let long = (is_enough && stay.hours >= 2).then(|| Evidence {
        detector: Detector::LongLived,
        p: at_least_one(prior.active.per_hour(hours, &own.active)),
        observed: f64::from(stay.hours),
        expected: count_of(prior.active.median().log2()),
        n,
    });
    drip.into_iter().chain(long)
}

/// Evidence of a contact of `minutes` without a gap with a new destination; `None` below the floor.
pub fn unbroken(minutes: u32, day_app_bytes: u64, own: &YoungModel, prior: &YoungPrior) -> Option<Evidence> {
    let p = || -(-prior.unbroken.per_hour(Level::of_count(u64::from(minutes)), &own.unbroken)).exp_m1();
    (day_app_bytes >= FLOOR_BYTES && minutes >= UNBROKEN_MINUTES_MIN).then(|| Evidence {
        detector: Detector::Unbroken,
        p: p(),
        observed: f64::from(minutes),
        expected: count_of(prior.unbroken.median().log2()),
        n: u64::from(own.unbroken.hours),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::sized_rate::SizedRate;

    /// Four weeks in which new destinations are met once a day and seldom return.
    fn usual() -> YoungModel {
        let mut model = YoungModel {
            bytes: SizedRate { hours: 600, ..SizedRate::default() },
            active: SizedRate { hours: 600, ..SizedRate::default() },
            unbroken: SizedRate { hours: 600, ..SizedRate::default() },
        };
        (0..28).for_each(|_| model.active.sizes.add(Level::of_count(1)));
        (0..28).for_each(|_| model.unbroken.sizes.add(Level::of_count(10)));
        (0..2).for_each(|_| model.bytes.sizes.add(Level::of_bytes(200 << 10)));
        model
    }

    fn bits(stay: Stay, today: u64, detector: Detector) -> f64 {
        let (own, group) = (usual(), [usual(), usual(), usual(), usual()]);
        let prior = YoungPrior::learn(&group.iter());
        let mut all = evidence(stay, today, &own, &prior);
        all.find(|e| e.detector == detector).map_or(0.0, |e| e.bits())
    }

    #[test]
    fn a_drip_grows_day_by_day_though_its_days_are_alike() {
        let day = 100_u64 << 20;
        let after = |days: u32| {
            let stay = Stay { earlier_app_bytes: day * u64::from(days - 1), days, hours: days };
            bits(stay, day, Detector::Drip)
        };
        assert!(after(1).abs() < 1e-9, "one day is no drip: D1 speaks of it");
        assert!(after(2) > 8.0, "{}", after(2));
        assert!(after(14) > after(7) && after(7) > after(2));
    }

    #[test]
    fn hours_without_a_gap_are_rare_and_the_pull_of_a_deploy_is_not() {
        let (own, group) = (usual(), [usual(), usual(), usual(), usual()]);
        let prior = YoungPrior::learn(&group.iter());
        let of = |minutes, bytes| unbroken(minutes, bytes, &own, &prior).map_or(0.0, |e| e.bits());
        assert!(of(80, 9 << 20).abs() < 1e-9);
        assert!(of(300, 9 << 20) > 12.0, "{}", of(300, 9 << 20));
        assert!(of(600, 9 << 20) > of(120, 9 << 20));
        assert!(of(600, 100 << 10).abs() < 1e-9);
    }

    #[test]
    fn staying_for_many_hours_is_rare_and_a_small_exchange_is_not_news() {
        let stay = |hours| Stay { earlier_app_bytes: 0, days: 1, hours };
        assert!(
            bits(stay(20), 5 << 20, Detector::LongLived) > bits(stay(3), 5 << 20, Detector::LongLived) + 2.0
        );
        assert!(bits(stay(20), 100 << 10, Detector::LongLived).abs() < 1e-9);
    }
}
