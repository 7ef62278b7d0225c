//! Seeded chance: every draw comes from a stream named by what it is for, so that the result
//! depends neither on the order of the work nor on how many threads do it.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};

/// The generator used everywhere in the simulator.
pub(super) type Chance = ChaCha8Rng;

/// Mixes numbers into one (`SplitMix64` finaliser, Steele, Lea and Flood 2014).
pub(super) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// The stream for one purpose.
pub(super) fn stream(parts: &[u64]) -> Chance {
    ChaCha8Rng::seed_from_u64(mix(parts))
}

/// A log-normal value with this median; `sigma` is the deviation of its natural logarithm.
pub(super) fn lognormal(rng: &mut Chance, median: f64, sigma: f64) -> f64 {
    let z: f64 = StandardNormal.sample(rng);
    median * (sigma * z).exp()
}

/// A Poisson count; zero for a mean that is not positive.
pub(super) fn count(rng: &mut Chance, mean: f64) -> u32 {
    Poisson::new(mean).map_or(0, |poisson| poisson.sample(rng) as u32)
}

/// A value whose logarithm is uniform in `[low, high]`.
pub(super) fn log_uniform(rng: &mut Chance, low: f64, high: f64) -> f64 {
    (low.ln() + rng.random::<f64>() * (high.ln() - low.ln())).exp()
}

/// One of a non-empty slice.
pub(super) fn pick<'a, T>(rng: &mut Chance, of: &'a [T]) -> &'a T {
    &of[rng.random_range(0..of.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_apart_by_every_part() {
        assert_ne!(mix(&[1, 2]), mix(&[2, 1]));
        assert_ne!(mix(&[1]), mix(&[1, 0]));
        assert_eq!(stream(&[7, 1]).random::<u64>(), stream(&[7, 1]).random::<u64>());
    }

    #[test]
    fn the_median_is_the_median() {
        let mut rng = stream(&[3]);
        let above = (0..4000).filter(|_| lognormal(&mut rng, 100.0, 2.0) > 100.0).count();
        assert!((1880..2120).contains(&above), "{above}");
    }

    #[test]
    fn no_mean_no_count() {
        assert_eq!(count(&mut stream(&[1]), 0.0), 0);
    }
}
