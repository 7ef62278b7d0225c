//! D1, new destination weighted by bytes, the core (T1041, T1048, T1567; T1537 for AWS ranges).
//!
//! `p = 1 - exp(-lambda_k S_k(b))`: the probability that this ENI produces in an hour at least
//! one new destination of class k that receives at least b. `lambda_k` is the ENI's own rate of
//! such destinations, shrunk to the median ENI of its group; `S_k` the survival of first-day
//! sizes, its own where it has them, else its group's. An ENI that meets new destinations all
//! day damps itself. Several at once: the j-th largest of the day against a geometric count of
//! destinations at least that large, best j of 2, 4, 8, ... corrected for the choice.

use std::cmp::Ordering;

use super::evidence::{Detector, Evidence};
use crate::baseline::eni::{Novelty, NoveltyModel};
use crate::baseline::fleet::NoveltyPrior;
use crate::baseline::level::{Level, bytes_of};
use crate::baseline::sized_rate::shrunk_per_hour;

const HOURS_PER_DAY: f64 = 24.0;
/// Numbers of new destinations that are asked about are powers of two below 2 to this.
const COUNTS_LOG2_END: u32 = 12;
/// Application bytes of a day below which several new destinations raise nothing.
const SEVERAL_FLOOR_BYTES: u64 = 1 << 20;
/// New destinations of an ENI from which their sizes say what is usual for it.
const OWN_SIZES_MIN: u32 = 8;

/// New destinations of a class an hour with at least `size` each.
pub fn rate(class: Novelty, size: Level, own: &NoveltyModel, prior: &NoveltyPrior) -> f64 {
    let sizes = &own.sizes[class as usize];
    let group = (prior.per_hour(class), prior.survival(class, size));
    shrunk_per_hour(own.hours, sizes.n(), sizes.survival(size), group)
}

/// Evidence of one new destination that received `day_app_bytes` on its first day so far.
pub fn evidence(class: Novelty, day_app_bytes: u64, own: &NoveltyModel, prior: &NoveltyPrior) -> Evidence {
    let p = -(-rate(class, Level::of_bytes(day_app_bytes), own, prior)).exp_m1();
    Evidence {
        detector: Detector::NewDestination,
        p,
        observed: day_app_bytes as f64,
        expected: usual_bytes(class, own, prior),
        n: u64::from(own.hours),
    }
}

/// Median first-day bytes of a new destination of this class, for the alert.
fn usual_bytes(class: Novelty, own: &NoveltyModel, prior: &NoveltyPrior) -> f64 {
    let sizes = &own.sizes[class as usize];
    let middle = if sizes.n() >= OWN_SIZES_MIN { sizes.median() } else { prior.median(class) };
    bytes_of(middle.log2())
}

/// The order of new destinations: the most application bytes first.
pub fn largest_first(a: &(Novelty, u64), b: &(Novelty, u64)) -> Ordering {
    b.1.cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Puts the 2nd, 4th, 8th, ... largest of new destinations in their places, which is all that
/// [`several`] asks; a crawler meets thousands.
pub fn rank(met: &mut [(Novelty, u64)]) {
    let mut rest = met;
    for count in (1..COUNTS_LOG2_END).rev().map(|k| 1_usize << k) {
        if count <= rest.len() {
            (rest, _, _) = rest.select_nth_unstable_by(count - 1, largest_first);
        }
    }
}

/// Evidence of several new destinations in a day, given their classes and bytes so far, in the order
/// of [`rank`] or all in order; `None` for fewer than two.
pub fn several(met: &[(Novelty, u64)], own: &NoveltyModel, prior: &NoveltyPrior) -> Option<Evidence> {
    if met.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes)) < SEVERAL_FLOOR_BYTES {
        return None;
    }
    let counts: Vec<usize> = (1..COUNTS_LOG2_END).map(|k| 1_usize << k).filter(|&j| j <= met.len()).collect();
    let best = counts
        .iter()
        .map(|&j| {
            let size = Level::of_bytes(met[j - 1].1);
            let expected: f64 =
                HOURS_PER_DAY * Novelty::ALL.iter().map(|&k| rate(k, size, own, prior)).sum::<f64>();
            (geometric_tail(j, expected), j, expected)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
    let (day_p, j, expected) = best;
    // Once a day, while the others speak of hours: counted as if of an hour, which is less.
    let p = (day_p * counts.len() as f64).min(1.0);
    let n = u64::from(own.hours);
    Some(Evidence { detector: Detector::NewDestinations, p, observed: j as f64, expected, n })
}

/// P(N >= j) for a geometric count with this mean: a Poisson count whose rate is itself
/// exponential. New destinations come in bursts (a deploy brings ten at once), for which a plain
/// Poisson count would be surprised without end.
fn geometric_tail(j: usize, mean: f64) -> f64 {
    (mean / (1.0 + mean)).powi(j as i32).clamp(1e-300, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::counts::SizeCounts;

    fn prior() -> NoveltyPrior {
        let mut sizes: [SizeCounts; 3] = Default::default();
        for i in 0..500_u64 {
            sizes.iter_mut().for_each(|s| s.add(Level::of_bytes(2_000 * (1 + i % 50))));
        }
        NoveltyPrior::new([0.01, 0.005, 0.002], sizes.each_ref().map(std::iter::once))
    }

    fn quiet() -> NoveltyModel {
        NoveltyModel { hours: 600, ..NoveltyModel::default() }
    }

    #[test]
    fn a_gigabyte_to_a_new_place_is_news_and_kilobytes_are_not() {
        let of = |bytes| evidence(Novelty::NewToAll, bytes, &quiet(), &prior()).p;
        assert!(of(1 << 30) < 8e-6, "{}", of(1 << 30));
        assert!(of(4 << 10) > 1e-4);
        assert!(of(1 << 30) < of(100 << 20) && of(100 << 20) < of(1 << 20));
    }

    #[test]
    fn an_eni_that_meets_new_places_all_day_damps_itself() {
        let mut crawler = quiet();
        (0..5000_u64).for_each(|i| crawler.sizes[2].add(Level::of_bytes(1000 * (1 + i % 900))));
        let of = |own: &NoveltyModel| evidence(Novelty::NewToAll, 500_000, own, &prior()).bits();
        let (noisy, silent) = (of(&crawler), of(&quiet()));
        assert!(noisy < 1.0 && silent > 9.0, "{noisy} {silent}");
    }

    #[test]
    fn the_closer_the_network_the_smaller_the_surprise() {
        let of = |class| evidence(class, 1 << 20, &quiet(), &prior()).p;
        assert!(of(Novelty::NewToAll) < of(Novelty::KnownToOthers));
        assert!(of(Novelty::KnownToOthers) < of(Novelty::InKnownNetwork));
    }

    #[test]
    fn a_leak_split_over_forty_destinations_is_seen_as_one() {
        let forty = vec![(Novelty::NewToAll, 5_u64 << 20); 40];
        let one = evidence(Novelty::NewToAll, 5 << 20, &quiet(), &prior()).p;
        let all = several(&forty, &quiet(), &prior()).unwrap().p;
        assert!(all < one / 1000.0, "{one} {all}");
        assert!(several(&forty[..1], &quiet(), &prior()).is_none());
    }

    #[test]
    fn ranked_destinations_are_those_of_the_sorted_at_powers_of_two() {
        for n in [0_u64, 1, 2, 3, 9, 100, 5000] {
            let class = |at: u64| Novelty::ALL[at as usize % 3];
            let mut met: Vec<_> = (0..n).map(|at| (class(at), (at * 7919 % 1009) << 12)).collect();
            let mut sorted = met.clone();
            sorted.sort_unstable_by(largest_first);
            rank(&mut met);
            for at in (1..12).map(|k| (1 << k) - 1).filter(|at| *at < met.len()) {
                assert_eq!(met[at], sorted[at], "{n} {at}");
            }
            let p = |met: &[_]| several(met, &quiet(), &prior()).map(|found| found.p.to_bits());
            assert_eq!(p(&met), p(&sorted));
        }
    }

    #[test]
    fn without_any_history_the_prior_speaks_softly() {
        let blank = NoveltyPrior::new([1.0 / 24.0; 3], [(); 3].map(|()| std::iter::empty()));
        let e = evidence(Novelty::NewToAll, 300_000, &NoveltyModel::default(), &blank);
        assert!(e.bits() < 10.0, "{}", e.bits());
    }

    #[test]
    fn bursts_of_small_new_destinations_are_less_surprising_than_a_poisson_count_says() {
        // Ten when 0.24 are expected: 1e-13 by Poisson.
        let p = geometric_tail(10, 0.24);
        assert!((1e-8..1e-6).contains(&p), "{p}");
        assert!((geometric_tail(1, 0.5) - 1.0 / 3.0).abs() < 1e-12);
    }
}
