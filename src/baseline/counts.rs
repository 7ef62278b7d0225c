//! Small mergeable distributions: sizes of new destinations and producer/consumer balance.

use serde::{Deserialize, Serialize};

use super::level::Level;

/// Bins of sizes.
const ALL_BINS: usize = 256;
/// Bins per doubling of a size.
const BINS_PER_DOUBLING: f64 = 4.0;
/// Largest sizes that describe the tail's fall, as a share of all and at least.
const TAIL_SHARE: f64 = 0.05;
const TAIL_MIN: u32 = 8;

fn size_bin(size: Level) -> u8 {
    (size.log2() * BINS_PER_DOUBLING).min(255.0) as u8
}

/// How many things had which size, in quarter doublings. Sums merge in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SizeCounts {
    /// (bin, count), sorted by bin. Without room for more: an ENI keeps six of these for each day of
    /// its history, and most are empty.
    bins: Box<[(u8, u32)]>,
}

impl SizeCounts {
    /// Counts one size.
    pub fn add(&mut self, size: Level) {
        self.add_bin(size_bin(size), 1);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (bin, count) in &other.bins {
            self.add_bin(*bin, *count);
        }
    }

    fn add_bin(&mut self, bin: u8, count: u32) {
        match self.bins.binary_search_by_key(&bin, |(b, _)| *b) {
            Ok(at) => self.bins[at].1 = self.bins[at].1.saturating_add(count),
            Err(at) => {
                let mut bins = std::mem::take(&mut self.bins).into_vec();
                bins.reserve_exact(1);
                bins.insert(at, (bin, count));
                self.bins = bins.into_boxed_slice();
            }
        }
    }

    /// How many were counted.
    pub fn n(&self) -> u32 {
        self.bins.iter().map(|(_, count)| count).sum()
    }

    /// Share at least as large as `size`. Beyond the largest it falls off exponentially in
    /// doublings (a Pareto tail in bytes) at the rate of the largest twentieth. 1 of nothing.
    pub fn survival(&self, size: Level) -> f64 {
        self.bin_survival(size_bin(size))
    }

    fn bin_survival(&self, bin: u8) -> f64 {
        let from = self.bins.partition_point(|(b, _)| *b < bin);
        let sum = |bins: &[(u8, u32)]| bins.iter().map(|(_, count)| count).sum::<u32>();
        let (smaller, as_large) = (sum(&self.bins[..from]), sum(&self.bins[from..]));
        let n = f64::from(smaller + as_large);
        if n == 0.0 {
            return 1.0;
        }
        if as_large > 0 {
            return (f64::from(as_large) / n).min(1.0);
        }
        self.beyond(bin, n, self.mean_excess(n))
    }

    /// The first size that half or less are as large as. Zero of nothing.
    pub fn median(&self) -> Level {
        let n = self.n();
        let mut as_large = n;
        let mut at = 0_u16;
        for (bin, count) in &self.bins {
            if 2 * u64::from(as_large) <= u64::from(n) {
                break;
            }
            (at, as_large) = (u16::from(*bin) + 1, as_large - count);
        }
        Level::of_log2(f64::from(at) / BINS_PER_DOUBLING)
    }

    /// Survival of a bin above all that were counted.
    fn beyond(&self, bin: u8, n: f64, mean_excess: f64) -> f64 {
        let (largest, _) = self.bins.last().expect("n > 0, so there is a bin");
        let beyond = f64::from(bin - largest) / BINS_PER_DOUBLING;
        1.0 / (n + 1.0) * (-beyond / mean_excess).exp()
    }

    /// `bin_survival` of every bin, in one pass.
    fn survivals(&self) -> [f64; ALL_BINS] {
        let mut all = [1.0; ALL_BINS];
        let n = f64::from(self.n());
        if n == 0.0 {
            return all;
        }
        let mean_excess = self.mean_excess(n);
        let (mut left, mut as_large) = (&self.bins[..], 0_u32);
        for bin in (0..=u8::MAX).rev() {
            while let [rest @ .., (at, count)] = left
                && *at >= bin
            {
                (left, as_large) = (rest, as_large + count);
            }
            all[usize::from(bin)] = match as_large {
                0 => self.beyond(bin, n, mean_excess),
                some => (f64::from(some) / n).min(1.0),
            };
        }
        all
    }

    /// Mean distance, in doublings, of the largest sizes above the smallest of them.
    fn mean_excess(&self, n: f64) -> f64 {
        let wanted = ((n * TAIL_SHARE) as u32).max(TAIL_MIN);
        let (mut taken, mut sum, mut start) = (0_u32, 0.0, 0.0);
        for (bin, count) in self.bins.iter().rev() {
            taken += count;
            start = f64::from(*bin);
            sum += f64::from(*bin) * f64::from(*count);
            if taken >= wanted {
                break;
            }
        }
        // Web object sizes fall by e every 1 to 1.5 doublings (Crovella & Bestavros 1997, alpha
        // about 1.0 to 1.4): half a doubling is the thinnest tail believed from a small sample.
        ((sum / f64::from(taken) - start) / BINS_PER_DOUBLING).max(0.5)
    }
}

/// Things of one ENI that count in a mean over ENIs: a crawler must not speak for all.
const PER_ENI_MAX: u32 = 8;
/// Things that what is assumed before there is data counts for: none is below a size and each
/// doubling beyond halves what is left.
const ASSUMED: f64 = 4.0;

/// Survival of sizes over ENIs, by quarter doublings: each ENI's own, averaged, so that it is
/// what a member is like and not what most things are like.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeSurvival(Vec<f64>);

impl SizeSurvival {
    /// The mean of ENIs, each weighted by how much it has met, up to `PER_ENI_MAX`, and of what is
    /// assumed: nothing below `assumed_least`, and each doubling beyond halves what is left.
    pub fn mean<'a>(of_enis: &(impl Iterator<Item = &'a SizeCounts> + Clone), assumed_least: Level) -> Self {
        let weight = |counts: &SizeCounts| f64::from(counts.n().min(PER_ENI_MAX));
        let (mut all, mut seen) = (ASSUMED, [0.0; ALL_BINS]);
        for counts in of_enis.clone().filter(|counts| !counts.bins.is_empty()) {
            let weight = weight(counts);
            all += weight;
            seen.iter_mut().zip(counts.survivals()).for_each(|(sum, of_eni)| *sum += weight * of_eni);
        }
        let at_bin = |(bin, seen): (usize, f64)| {
            let assumed = (assumed_least.log2() - bin as f64 / BINS_PER_DOUBLING).exp2().min(1.0);
            (seen + ASSUMED * assumed) / all
        };
        Self(seen.into_iter().enumerate().map(at_bin).collect())
    }

    /// The size that half are below.
    pub fn median(&self) -> Level {
        // Survival never rises with the size.
        let at = self.0.partition_point(|survival| *survival > 0.5);
        Level::of_log2(at as f64 / BINS_PER_DOUBLING)
    }

    /// Share at least as large as `size`.
    pub fn at(&self, size: Level) -> f64 {
        self.0[usize::from(size_bin(size))]
    }
}

/// Bins of the producer/consumer balance.
pub const BALANCE_BINS: usize = 32;
/// Clip of the ratio before atanh.
const BALANCE_CLIP: f64 = 0.99;

/// Counts of hours by producer/consumer ratio. Sums merge in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BalanceCounts {
    bins: BalanceBins,
}

/// Counts by bin; none of nothing, as on most days of an ENI, which are all kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; BALANCE_BINS]", into = "[u32; BALANCE_BINS]")]
struct BalanceBins(Option<Box<[u32; BALANCE_BINS]>>);

impl BalanceBins {
    fn all(&self) -> &[u32; BALANCE_BINS] {
        self.0.as_deref().unwrap_or(&[0; BALANCE_BINS])
    }
}

impl From<[u32; BALANCE_BINS]> for BalanceBins {
    fn from(bins: [u32; BALANCE_BINS]) -> Self {
        Self(bins.iter().any(|count| *count > 0).then(|| Box::new(bins)))
    }
}

impl From<BalanceBins> for [u32; BALANCE_BINS] {
    fn from(bins: BalanceBins) -> Self {
        *bins.all()
    }
}

/// The producer/consumer ratio (Bullard & Gerth, `FloCon` 2014): 1 pure push, 0 balanced, -1 pull.
pub fn producer_consumer_ratio(out_bytes: u64, in_bytes: u64) -> f64 {
    let (sent, received) = (out_bytes as f64, in_bytes as f64);
    if sent + received == 0.0 { 0.0 } else { (sent - received) / (sent + received) }
}

fn balance_bin(ratio: f64) -> usize {
    let edge = BALANCE_CLIP.atanh();
    let at = (ratio.clamp(-BALANCE_CLIP, BALANCE_CLIP).atanh() + edge) / (2.0 * edge);
    ((at * BALANCE_BINS as f64) as usize).min(BALANCE_BINS - 1)
}

impl BalanceCounts {
    /// Counts one ratio.
    pub fn add(&mut self, ratio: f64) {
        self.bins.0.get_or_insert_default()[balance_bin(ratio)] += 1;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        let Some(other) = &other.bins.0 else { return };
        for (to, from) in self.bins.0.get_or_insert_default().iter_mut().zip(&**other) {
            *to = to.saturating_add(*from);
        }
    }

    /// How many were counted.
    pub fn n(&self) -> u32 {
        self.bins.all().iter().sum()
    }

    /// How many were at least as much of a producer as `ratio`.
    pub fn as_much(&self, ratio: f64) -> u32 {
        self.bins.all()[balance_bin(ratio)..].iter().sum()
    }

    /// The middle ratio; `None` of nothing.
    pub fn median(&self) -> Option<f64> {
        let half = self.n().div_ceil(2);
        let mut sum = 0;
        let at = self.bins.all().iter().position(|count| {
            sum += count;
            sum >= half && half > 0
        })?;
        let edge = BALANCE_CLIP.atanh();
        Some((((at as f64 + 0.5) / BALANCE_BINS as f64) * 2.0 * edge - edge).tanh())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survival_falls_and_reaches_beyond_the_largest() {
        let mut sizes = SizeCounts::default();
        (0..1000_u64).for_each(|i| sizes.add(Level::of_bytes(1000 * (i + 1))));
        let at = |bytes| sizes.survival(Level::of_bytes(bytes));
        assert!(at(1) > 0.99 && at(500_000) > 0.3 && at(500_000) < 0.7);
        assert!(at(1 << 30) < 1e-3 && at(1 << 34) < at(1 << 30) && at(1 << 34) > 0.0);
        assert!((SizeCounts::default().survival(Level(1)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_median_is_the_first_size_that_half_survive() {
        let mut sizes = SizeCounts::default();
        for (n, bytes) in [5000, 5000, 9 << 20, 5, 50_000, 1 << 40, 700, 3 << 30].into_iter().enumerate() {
            sizes.add(Level::of_bytes(bytes));
            let first = (0..=u8::MAX).find(|bin| sizes.bin_survival(*bin) <= 0.5).unwrap();
            let found = sizes.median().log2() * BINS_PER_DOUBLING;
            assert!((found - f64::from(first)).abs() < 1e-9, "{n}: {found} for {first}");
        }
        assert_eq!(SizeCounts::default().median(), Level(0));
    }

    #[test]
    fn the_survival_of_all_bins_is_that_of_each() {
        let mut sizes = SizeCounts::default();
        assert!(sizes.survivals().iter().all(|survival| (survival - 1.0).abs() < 1e-12));
        [5, 5000, 5000, 50_000, 9 << 20].iter().for_each(|&x| sizes.add(Level::of_bytes(x)));
        for (bin, survival) in (0..=u8::MAX).zip(sizes.survivals()) {
            assert_eq!(survival.to_bits(), sizes.bin_survival(bin).to_bits(), "{bin}");
        }
    }

    #[test]
    fn a_crawler_does_not_speak_for_all() {
        let (mut crawler, mut calm) = (SizeCounts::default(), SizeCounts::default());
        (0..5_000).for_each(|_| crawler.add(Level::of_bytes(2_000)));
        (0..8).for_each(|_| calm.add(Level::of_bytes(50 << 20)));
        let large = Level::of_bytes(40 << 20);
        let mut pooled = crawler.clone();
        pooled.merge(&calm);
        let mean = SizeSurvival::mean(&[crawler, calm].iter(), Level::of_bytes(16 << 10)).at(large);
        assert!(mean > 0.35 && pooled.survival(large) < 0.01, "{mean}");
    }

    #[test]
    fn sizes_merge_in_any_order() {
        let (mut a, mut b) = (SizeCounts::default(), SizeCounts::default());
        [5, 5000, 50_000].iter().for_each(|&x| a.add(Level::of_bytes(x)));
        [7, 5000, 1 << 33].iter().for_each(|&x| b.add(Level::of_bytes(x)));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        assert_eq!((&ab, ab.n()), (&ba, 6));
    }

    #[test]
    fn uploads_and_downloads_lie_at_opposite_ends() {
        assert!((producer_consumer_ratio(100, 0) - 1.0).abs() < 1e-12);
        assert!((producer_consumer_ratio(0, 0)).abs() < 1e-12);
        let mut balance = BalanceCounts::default();
        (0..99).for_each(|_| balance.add(-0.8));
        assert_eq!((balance.as_much(0.9), balance.as_much(-0.95)), (0, 99));
        assert!((balance.median().unwrap() + 0.8).abs() < 0.1);
        assert_eq!(BalanceCounts::default().median(), None);
    }

    #[test]
    fn counts_are_kept_as_they_were_written_and_nothing_takes_no_room() {
        let nothing = format!("[{}]", ["0"; BALANCE_BINS].join(","));
        let (mut balance, mut sum) = (BalanceCounts::default(), BalanceCounts::default());
        sum.merge(&balance);
        assert_eq!((sum.bins.0.is_none(), serde_json::to_string(&sum).unwrap()), (true, nothing.clone()));
        assert!(serde_json::from_str::<BalanceCounts>(&nothing).unwrap().bins.0.is_none());
        balance.add(0.5);
        sum.merge(&balance);
        let text = serde_json::to_string(&sum).unwrap();
        assert_eq!((serde_json::from_str(&text).ok(), sum.n()), (Some(balance), 1));
        assert!(text.starts_with("[0,0,") && text.contains(",1,"));

        let mut sizes = SizeCounts::default();
        assert_eq!(serde_json::to_string(&sizes).unwrap(), "[]");
        [1 << 20, 1 << 10, 1 << 20].iter().for_each(|&bytes| sizes.add(Level::of_bytes(bytes)));
        assert_eq!(serde_json::to_string(&sizes).unwrap(), "[[4,1],[40,2]]");
    }
}
