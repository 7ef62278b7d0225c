//! How often series stand out from their own past by so much: pooled over ENIs, with a fitted tail.
//!
//! An ENI's own past is too short to say what happens once in ten thousand hours, and the pool
//! alone would be ruled by a few noisy ENIs. So each value is first ranked by its own series
//! (`OwnTail`, in bits), and the pool says how often so many bits have come up out of sample.

use serde::{Deserialize, Serialize};

/// Bins per bit.
const BINS_PER_BIT: f64 = 8.0;
/// Most own bits told apart.
pub const OWN_BITS_MAX: f64 = 64.0;
/// Number of bins.
const BINS: usize = 512;
/// Share of values above the tail's start.
const TAIL_SHARE: f64 = 0.02;
/// Values above the tail's start where that share is less (detection.md B.3: pool to at least 50).
const EXCEEDANCES_MAX_OF_FEW: u64 = 50;
/// Exceedances that a fit needs. With fewer the counts speak for themselves.
const EXCEEDANCES_MIN: u64 = 25;
/// Past values that the prior counts for until there are enough of our own.
const PRIOR_WEIGHT: f64 = 200.0;

const _: () = assert!(BINS == (OWN_BITS_MAX * BINS_PER_BIT) as usize);

/// Counts of past out-of-sample own bits. Sums merge in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnBitsCounts {
    /// Sparse: (bin, count), sorted by bin.
    bins: Vec<(u16, u64)>,
}

impl OwnBitsCounts {
    /// Counts one value.
    pub fn add(&mut self, own_bits: f64) {
        self.add_bin(bin(own_bits), 1);
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (bin, count) in &other.bins {
            self.add_bin(*bin, *count);
        }
    }

    fn add_bin(&mut self, bin: u16, count: u64) {
        match self.bins.binary_search_by_key(&bin, |(b, _)| *b) {
            Ok(at) => self.bins[at].1 += count,
            Err(at) => self.bins.insert(at, (bin, count)),
        }
    }

    /// Fits the tail of these counts.
    pub fn tail(&self) -> Tail {
        Tail::fit(self)
    }
}

fn bin(own_bits: f64) -> u16 {
    (own_bits.clamp(0.0, OWN_BITS_MAX - 1e-9) * BINS_PER_BIT) as u16
}

/// P(own bits >= b) from pooled past values: empirical in the body, generalised Pareto above the 98th
/// percentile (Siffer et al., "Anomaly detection in streams with extreme value theory", KDD
/// 2017), with probability-weighted moments (Hosking & Wallis 1987), which need no iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Tail {
    /// Values at or above each bin.
    above: Vec<u64>,
    /// All values.
    n: u64,
    fit: Option<Pareto>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Pareto {
    start: f64,
    share: f64,
    shape: f64,
    scale: f64,
}

impl Tail {
    fn fit(counts: &OwnBitsCounts) -> Self {
        let mut above = vec![0_u64; BINS + 1];
        for (bin, count) in &counts.bins {
            above[*bin as usize] += count;
        }
        for at in (0..BINS).rev() {
            above[at] += above[at + 1];
        }
        let n = above[0];
        let fit = Self::pareto(counts, &above, n);
        Self { above, n, fit }
    }

    /// Hosking & Wallis: with a0 = mean excess and a1 = mean of excess x (1 - rank/n),
    /// shape = a0 / (a0 - 2 a1) - 2 (sign as in xi), scale = 2 a0 a1 / (a0 - 2 a1).
    fn pareto(counts: &OwnBitsCounts, above: &[u64], n: u64) -> Option<Pareto> {
        let most = ((n as f64 * TAIL_SHARE) as u64).max(EXCEEDANCES_MAX_OF_FEW);
        // The smallest value that no more than so many reach. Not the largest that as many reach:
        // most values are 0 bits, and once the rest are fewer than that the tail would begin there.
        let start_bin = counts.bins.iter().map(|(bin, _)| usize::from(*bin)).find(|at| above[*at] <= most)?;
        let start = start_bin as f64 / BINS_PER_BIT;
        let exceedances = above[start_bin];
        if exceedances < EXCEEDANCES_MIN {
            return None;
        }
        let (mut rank, mut a0, mut a1) = (0_u64, 0.0, 0.0);
        for (bin, count) in counts.bins.iter().filter(|(b, _)| *b as usize >= start_bin) {
            let excess = (f64::from(*bin) + 0.5) / BINS_PER_BIT - start;
            // Mean of (n - rank - 1/2) / n over the equal values of this bin.
            let middle = rank as f64 + *count as f64 / 2.0;
            a0 += excess * *count as f64;
            a1 += excess * *count as f64 * (1.0 - middle / exceedances as f64);
            rank += count;
        }
        let (a0, a1) = (a0 / exceedances as f64, a1 / exceedances as f64);
        let denominator = a0 - 2.0 * a1;
        if a0 <= 0.0 || denominator.abs() < 1e-12 {
            return None;
        }
        let shape = (2.0 - a0 / denominator).clamp(-0.5, 0.5);
        // With the shape held, the scale that keeps the mean excess.
        let scale = (a0 * (1.0 - shape)).max(0.05);
        Some(Pareto { start, share: exceedances as f64 / n as f64, shape, scale })
    }

    /// Past values behind it.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Probability that a series stands out by at least this much; never below 1 / (10 n): no
    /// more evidence than the data can bear. Non-increasing. Before there is data the bits are
    /// taken at their word.
    pub fn p(&self, own_bits: f64) -> f64 {
        let n = self.n as f64;
        let pooled = if self.n == 0 { 0.0 } else { self.pooled(own_bits) };
        let p = (n * pooled + PRIOR_WEIGHT * (-own_bits).exp2()) / (n + PRIOR_WEIGHT);
        p.clamp(1.0 / (10.0 * (n + PRIOR_WEIGHT)), 1.0)
    }

    fn pooled(&self, own_bits: f64) -> f64 {
        match self.fit {
            Some(tail) if own_bits >= tail.start => {
                let x = (own_bits - tail.start) / tail.scale;
                let survival = if tail.shape.abs() < 1e-9 {
                    (-x).exp()
                } else {
                    (1.0 + tail.shape * x).max(0.0).powf(-1.0 / tail.shape)
                };
                tail.share * survival
            }
            _ => (self.above[bin(own_bits) as usize] as f64 + 1.0) / (self.n as f64 + 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of an exponential with the given mean in bits: a sample without chance.
    fn exponential(n: u32, mean: f64) -> OwnBitsCounts {
        let mut counts = OwnBitsCounts::default();
        for i in 0..n {
            counts.add(-mean * (1.0 - (f64::from(i) + 0.5) / f64::from(n)).ln());
        }
        counts
    }

    #[test]
    fn an_exponential_sample_gives_back_its_tail() {
        let tail = exponential(100_000, 1.0).tail();
        for (b, p) in [(2.0, 0.135), (5.0, 6.7e-3), (8.0, 3.4e-4), (10.0, 4.5e-5)] {
            let got = tail.p(b);
            assert!((got / p).log2().abs() < 1.0, "{b} bits: {got} for {p}");
        }
    }

    #[test]
    fn p_never_rises_with_the_bits_and_never_reaches_zero() {
        for counts in [OwnBitsCounts::default(), exponential(300, 1.0), exponential(50_000, 0.7)] {
            let tail = counts.tail();
            let ps: Vec<f64> = (0..640).map(|b| tail.p(f64::from(b) / 10.0)).collect();
            assert!(ps.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-9)), "{:?}", counts.bins.len());
            assert!(*ps.last().unwrap() >= 1.0 / (10.0 * (tail.n() as f64 + PRIOR_WEIGHT)));
        }
    }

    #[test]
    fn without_data_bits_are_taken_at_their_word() {
        let p = Tail::fit(&OwnBitsCounts::default()).p(8.0);
        assert!((p - 1.0 / 256.0).abs() < 1e-12, "{p}");
    }

    #[test]
    fn series_that_stand_out_too_often_are_believed_less() {
        // Own tails that promise 2^-b and keep 2^-(b/2).
        let mut counts = OwnBitsCounts::default();
        for i in 0..50_000_u32 {
            counts.add(-2.0 * (1.0 - (f64::from(i) + 0.5) / 50_000.0).log2());
        }
        let p = counts.tail().p(20.0);
        assert!((p.log2() + 10.0).abs() < 1.0, "{p}");
    }

    /// Four weeks of hours: a dozen of 672 values have a rank, 1.8 %, and the others none.
    #[test]
    fn a_tail_does_not_begin_among_values_without_a_rank() {
        let mut counts = OwnBitsCounts::default();
        for _ in 0..100 {
            (12..672).for_each(|_| counts.add(0.0));
            (0..12).for_each(|larger| counts.add((673.0 / (f64::from(larger) + 1.0)).log2()));
        }
        let tail = counts.tail();
        for larger in [2.0, 5.0, 11.0] {
            let (p, truth) = (tail.p((673.0_f64 / (larger + 1.0)).log2()), (larger + 1.0) / 672.0);
            assert!((p / truth).log2().abs() < 0.5, "{p} for {truth}");
        }
    }

    #[test]
    fn constant_and_all_zero_series_have_a_tail() {
        let mut counts = OwnBitsCounts::default();
        (0..10_000).for_each(|_| counts.add(0.0));
        let tail = counts.tail();
        assert!(tail.p(0.0) > 0.9);
        assert!(tail.p(20.0) < 1e-3);
    }

    #[test]
    fn merged_counts_are_the_counts_of_both() {
        let (mut a, b) = (exponential(100, 1.0), exponential(77, 2.0));
        let mut swapped = b.clone();
        swapped.merge(&a);
        a.merge(&b);
        assert_eq!(a, swapped);
        assert_eq!(a.tail().n(), 177);
    }
}
