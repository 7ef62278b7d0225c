//! How far a value stands out from the past of its own series, in bits.
//!
//! Inside the past the rank counts: what has happened here before is not news. Beyond the largest
//! the tail falls off exponentially in doublings, a Pareto tail in bytes (Hill 1975), at the rate
//! of the largest values. From a few dozen values this is a rank more than a probability: `Tail`
//! says how often series stood out by as much, over all ENIs, and that is the probability.

use super::robust::{SPREAD_MIN, shrink};
use super::tail::OWN_BITS_MAX;

/// Largest past values that describe the tail.
const TOP: usize = 12;
/// Largest values that the fall assumed of a short past counts for.
const FALL_WEIGHT: f64 = 4.0;
/// A little below still counts as the same size, doublings: half of the half doubling (+41 %)
/// that repeated transfers of the same thing differ by.
const SAME_SIZE: f64 = 0.25;

/// The upper tail of the past of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnTail {
    /// The largest past residuals, descending, doublings: a slice of its own, because a vector would
    /// keep the room of all residuals.
    top: Box<[f64]>,
    /// All past residuals.
    n: u32,
    /// Not above the smallest of `top`: most hours end here and need not fetch those.
    ordinary: f32,
    /// Doublings in which the tail falls by e.
    fall: f64,
}

impl OwnTail {
    /// Learns from past residuals (values less their middle, doublings). `usual_fall` is what a
    /// past of a few values is shrunk to, doublings.
    pub fn learn(mut residuals: Vec<f64>, usual_fall: f64) -> Self {
        let n = residuals.len() as u32;
        if residuals.len() > TOP {
            residuals.select_nth_unstable_by(TOP, |a, b| b.total_cmp(a));
            residuals.truncate(TOP);
        }
        residuals.sort_unstable_by(|a, b| b.total_cmp(a));
        let smallest = residuals.last().copied().unwrap_or(0.0);
        let len = residuals.len() as f64;
        let mean_excess = residuals.iter().map(|t| t - smallest).sum::<f64>() / len.max(1.0);
        let fall = shrink(mean_excess, len, usual_fall, FALL_WEIGHT).max(SPREAD_MIN);
        let ordinary = (smallest as f32).next_down();
        Self { top: residuals.into_boxed_slice(), n, ordinary, fall }
    }

    /// Past values behind it.
    pub fn n(&self) -> u32 {
        self.n
    }

    /// How far `residual` (doublings) stands out, in bits: 0 for what is no rarer than the
    /// largest dozen, at most `OWN_BITS_MAX`. Non-decreasing in `residual`.
    pub fn bits(&self, residual: f64) -> f64 {
        if f64::from(self.ordinary) + SAME_SIZE >= residual {
            return 0.0;
        }
        let (Some(&largest), Some(&smallest)) = (self.top.first(), self.top.last()) else { return 0.0 };
        if smallest + SAME_SIZE >= residual {
            return 0.0;
        }
        let n = f64::from(self.n) + 1.0;
        let as_large = self.top.iter().filter(|&&t| t + SAME_SIZE >= residual).count();
        let bits = match as_large {
            0 => n.log2() + (residual - largest) / self.fall * std::f64::consts::LOG2_E,
            some => (n / (some as f64 + 1.0)).log2(),
        };
        bits.clamp(0.0, OWN_BITS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_happened_before_is_no_news() {
        let mut past = vec![0.0; 660];
        past.extend([10.0; 12]);
        let tail = OwnTail::learn(past, 0.5);
        assert!(tail.bits(10.0) < 1e-9);
        assert!(tail.bits(0.0) < 1e-9);
        assert!(tail.bits(14.0) > 15.0);
    }

    #[test]
    fn a_series_without_a_past_or_without_change_is_never_surprised_by_itself() {
        assert!(OwnTail::default().bits(40.0) < 1e-9);
        assert!(OwnTail::learn(vec![0.0; 500], 0.25).bits(0.0) < 1e-9);
    }

    #[test]
    fn an_exponential_past_gives_back_its_own_probabilities() {
        // Quantiles of an exponential that falls by e in 0.8 doublings.
        let past = (0..672).map(|i| -0.8 * (1.0 - (f64::from(i) + 0.5) / 672.0).ln()).collect();
        let tail = OwnTail::learn(past, 0.8);
        for p in [5e-3, 1e-3, 1e-5, 1e-7_f64] {
            let got = tail.bits(-0.8 * p.ln());
            assert!((got + p.log2()).abs() < 2.0, "{p}: {got}");
        }
    }

    proptest! {
        #[test]
        fn more_never_stands_out_less(past in prop::collection::vec(-5.0..9.0_f64, 0..60), a in -6.0..20.0_f64, more in 0.0..9.0_f64) {
            let tail = OwnTail::learn(past, 0.7);
            prop_assert!(tail.bits(a + more) >= tail.bits(a));
        }
    }
}
