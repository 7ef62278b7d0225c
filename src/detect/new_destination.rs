//! D1, new destination weighted by bytes, the core (T1041, T1048, T1567; T1537 for AWS ranges).
//!
//! `p = 1 - exp(-lambda_k S_k(b))`: the probability that this ENI produces in an hour at least
//! one new destination of class k that receives at least b. `lambda_k` is the ENI's own rate of
//! such destinations, shrunk to the median ENI of its group; `S_k` the survival of first-day
//! sizes, its own where it has them, else its group's. An ENI that meets new destinations all
//! day damps itself. Several at once: the j-th largest of the day against a Poisson-gamma count
//! of destinations at least that large, best j of 2, 4, 8, ... corrected for the choice.

use super::evidence::{Detector, Evidence};
use crate::baseline::eni::{Novelty, NoveltyModel};
use crate::baseline::fleet::NoveltyPrior;
use crate::baseline::level::{Level, bytes_of};

/// ENI-hours that the prior rate counts for (detection.md D1).
const RATE_PRIOR_HOURS: f64 = 48.0;
/// New destinations that the group's sizes count for in an ENI's.
const SIZE_PRIOR_EVENTS: f64 = 10.0;
const HOURS_PER_DAY: f64 = 24.0;
/// Variance of a day's mean over the square of the average day's: an ENI that works five days
/// of seven has 7/5 - 1 = 0.4. Without it, every working day of a bastion would be news.
const DAY_VARIANCE: f64 = 0.4;

/// New destinations of a class an hour with at least `size` each.
pub fn rate(class: Novelty, size: Level, own: &NoveltyModel, prior: &NoveltyPrior) -> f64 {
    let sizes = &own.sizes[class as usize];
    let n = f64::from(sizes.n());
    let per_hour =
        (n + RATE_PRIOR_HOURS * prior.per_hour[class as usize]) / (f64::from(own.hours) + RATE_PRIOR_HOURS);
    let own_survival = if n > 0.0 { sizes.survival(size) } else { 0.0 };
    let survival =
        (n * own_survival + SIZE_PRIOR_EVENTS * prior.survival(class, size)) / (n + SIZE_PRIOR_EVENTS);
    per_hour * survival
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
    let survival = |level: Level| {
        if sizes.n() >= 8 { sizes.survival(level) } else { prior.survival(class, level) }
    };
    let middle = (0..160).map(|quarter| Level(quarter * 256)).find(|level| survival(*level) <= 0.5);
    bytes_of(middle.unwrap_or(Level(0)).log2())
}

/// Evidence of several new destinations in a day, given their classes and bytes so far, largest
/// first; `None` for fewer than two.
pub fn several(met: &[(Novelty, u64)], own: &NoveltyModel, prior: &NoveltyPrior) -> Option<Evidence> {
    let counts: Vec<usize> = (1..12).map(|k| 1_usize << k).filter(|&j| j <= met.len()).collect();
    let best = counts
        .iter()
        .map(|&j| {
            let size = Level::of_bytes(met[j - 1].1);
            let expected: f64 =
                HOURS_PER_DAY * Novelty::ALL.iter().map(|&k| rate(k, size, own, prior)).sum::<f64>();
            let seen: u32 = own.sizes.iter().map(|s| s.n()).sum();
            // Relative variances add: of the mean as it is known, and of days around it.
            let shape = 1.0 / (1.0 / (f64::from(seen) + 1.0) + DAY_VARIANCE);
            (poisson_gamma_tail(j, expected, shape), j, expected)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
    let (day_p, j, expected) = best;
    let p = (day_p * counts.len() as f64 / HOURS_PER_DAY).min(1.0);
    let n = u64::from(own.hours);
    Some(Evidence { detector: Detector::NewDestinations, p, observed: j as f64, expected, n })
}

/// P(N >= j) for a Poisson count whose mean is itself uncertain (gamma with `shape`): the
/// negative binomial. With shape 1 it is geometric; a known mean gives Poisson. `j` >= 1.
fn poisson_gamma_tail(j: usize, mean: f64, shape: f64) -> f64 {
    let j_f = j as f64;
    if j_f <= mean {
        // No more than expected is no news. Below the mean the first term of the sum underflows.
        return 1.0;
    }
    let q = mean / (mean + shape);
    // log P(N = j), then the following terms fall by at most r from one to the next.
    let log_term = ln_gamma(j_f + shape) - ln_gamma(shape) - ln_gamma(j_f + 1.0)
        + shape * (1.0 - q).ln()
        + j_f * q.max(1e-300).ln();
    let (mut term, mut sum, mut k) = (log_term.exp(), 0.0, j_f);
    for _ in 0..10_000 {
        sum += term;
        term *= q * (k + shape) / (k + 1.0);
        k += 1.0;
        if term < sum * 1e-12 {
            break;
        }
    }
    sum.clamp(1e-300, 1.0)
}

/// Logarithm of the gamma function (Lanczos 1964, g = 7, n = 9; error below 1e-13). x > 0.
fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let series = C[1..].iter().zip(1_u8..).fold(C[0], |sum, (c, i)| sum + c / (x + f64::from(i)));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
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
        NoveltyPrior { per_hour: [0.01, 0.005, 0.002], sizes }
    }

    fn quiet() -> NoveltyModel {
        NoveltyModel { hours: 600, ..NoveltyModel::default() }
    }

    #[test]
    fn a_gigabyte_to_a_new_place_is_news_and_kilobytes_are_not() {
        let of = |bytes| evidence(Novelty::NewToAll, bytes, &quiet(), &prior()).p;
        assert!(of(1 << 30) < 4e-6, "{}", of(1 << 30));
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
    fn without_any_history_the_prior_speaks_softly() {
        let blank = NoveltyPrior { per_hour: [1.0 / 24.0; 3], sizes: Default::default() };
        let e = evidence(Novelty::NewToAll, 300_000, &NoveltyModel::default(), &blank);
        assert!(e.bits() < 10.0, "{}", e.bits());
    }

    #[test]
    fn the_count_tail_is_geometric_at_shape_one() {
        for (j, mean) in [(1, 0.5), (3, 0.1), (10, 2.0)] {
            let q: f64 = mean / (1.0 + mean);
            let got = poisson_gamma_tail(j, mean, 1.0);
            assert!((got / q.powi(j as i32) - 1.0).abs() < 1e-6, "{j} {mean}");
        }
        assert!((ln_gamma(5.0) - 24.0_f64.ln()).abs() < 1e-10);
    }

    #[test]
    fn fewer_than_expected_is_never_news() {
        // P(N = 32) at a mean of 1,000 is below the smallest double.
        for (j, mean) in [(32, 1000.0), (64, 1616.0), (2, 2.0)] {
            assert!((poisson_gamma_tail(j, mean, 20_000.0) - 1.0).abs() < 1e-12, "{j} {mean}");
        }
        assert!(poisson_gamma_tail(1100, 1000.0, 20_000.0) < 0.01);
    }
}
