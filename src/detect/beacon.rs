//! D5, beaconing: contacts that come more evenly than chance (T1071, T1571, T1029).
//!
//! Flow logs know a contact by its aggregation interval, not by its second: whatever measures the
//! evenness of snapped times calls every steady client periodic. So the question is asked of
//! intervals: given that n of them were occupied, from the first to the last of a span, how evenly
//! do they lie if every placement were as likely? Greenwood's statistic (JRSS A 1946) is the sum
//! of the squared gaps over the squared span: small when even. A Poisson client occupies
//! intervals independently, so this null holds for it exactly, whatever its rate and whatever the
//! interval (detection.md D5). Traffic that comes in bursts, or by day only, has uneven gaps and
//! is never even by this measure.

use super::evidence::{Detector, Evidence};
use super::stretch;
use crate::baseline::fleet::{FleetModel, Pool};

/// Occupied intervals below which nothing is said (detection.md D5).
pub const OCCUPIED_MIN: usize = 12;
/// Share of intervals occupied from which a contact is persistent, not periodic.
const OCCUPIED_SHARE_MAX: f64 = 0.9;
/// Smallest p believed: the fit of the null is checked down to 1e-4 only, and periodic agents are
/// common (detection.md D5).
const P_MIN: f64 = 1e-6;
/// Gaps below this many intervals are counted one by one.
const SMALL_GAPS: usize = 32;

/// How evenly contacts came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evenness {
    /// Probability that as many intervals, placed at random, lie at least as evenly.
    pub p: f64,
    /// Median gap, seconds.
    pub period_seconds: u32,
    /// Occupied intervals.
    pub occupied: u32,
}

/// The evenness of the minutes in which contacts ended, ascending, in logs of
/// `interval_seconds`; `None` when there are too few, or so many that the contact is persistent.
pub fn evenness(minutes: impl Iterator<Item = u32>, interval_seconds: u16) -> Option<Evenness> {
    let mut intervals = Vec::new();
    stretch::occupied(minutes, interval_seconds, &mut intervals);
    of_occupied(&intervals, interval_seconds)
}

/// The same of the intervals in which contacts ended, ascending.
pub fn of_occupied(intervals: &[u32], interval_seconds: u16) -> Option<Evenness> {
    let (p, period) = of_intervals(intervals)?;
    let period_seconds = period * u32::from(interval_seconds / 60).max(1) * 60;
    Some(Evenness { p, period_seconds, occupied: intervals.len() as u32 })
}

/// p, and the median gap, of distinct intervals in ascending order.
fn of_intervals(occupied: &[u32]) -> Option<(f64, u32)> {
    let (first, last) = (*occupied.first()?, *occupied.last()?);
    let span = last.saturating_sub(first);
    let n = occupied.len();
    if n < OCCUPIED_MIN || n as f64 > OCCUPIED_SHARE_MAX * (f64::from(span) + 1.0) {
        return None;
    }
    let sum_of_squares = gaps(occupied).map(|gap| u64::from(gap).pow(2)).sum::<u64>() as f64;
    let (mean, sd) = null_moments(n - 1, span)?;
    // Of equal moments, a logarithmic normal: its lower tail is heavier than the statistic's, so
    // that p errs to the safe side.
    let log_variance = (sd / mean).powi(2).ln_1p();
    let z = (sum_of_squares.ln() - (mean.ln() - log_variance / 2.0)) / log_variance.sqrt();
    Some((normal_below(z).clamp(P_MIN, 1.0), median_gap(occupied)))
}

fn gaps(occupied: &[u32]) -> impl Iterator<Item = u32> {
    occupied.windows(2).map(|pair| pair[1] - pair[0])
}

/// The gap in the middle of those between at least two intervals. Most are small, so they are
/// counted; only where most are not, they are put in order.
fn median_gap(occupied: &[u32]) -> u32 {
    let middle = (occupied.len() - 1) / 2;
    let mut counts = [0_usize; SMALL_GAPS];
    gaps(occupied).filter(|gap| (*gap as usize) < SMALL_GAPS).for_each(|gap| counts[gap as usize] += 1);
    let mut up_to = 0;
    let small = counts.iter().position(|count| {
        up_to += count;
        up_to > middle
    });
    small.map_or_else(
        || {
            let mut all: Vec<u32> = gaps(occupied).collect();
            *all.select_nth_unstable(middle).1
        },
        |gap| gap as u32,
    )
}

/// Mean and standard deviation of the sum of squared gaps when `gaps` of at least 1 add up to
/// `span` and all such placements are as likely. What exceeds 1 is spread over the gaps as by
/// Bose and Einstein (a Dirichlet-multinomial with unit weights), whose factorial moments are
/// `E[(h_i)_r (h_j)_s] = (m)_(r+s) r! s! / k^(r+s)`, falling above and rising below.
/// `None` when there is no freedom.
fn null_moments(gaps: usize, span: u32) -> Option<(f64, f64)> {
    let k = gaps as f64;
    let m = f64::from(span) - k;
    if m < 2.0 || gaps < 2 {
        return None;
    }
    let ratio = |order: i32| (0..order).map(|i| (m - f64::from(i)) / (k + f64::from(i))).product::<f64>();
    let (one, two, three, four) = (ratio(1), ratio(2), ratio(3), ratio(4));
    // Powers of one surplus h from its factorial moments r! * ratio(r).
    let h1 = one;
    let h2 = 2.0 * two + one;
    let h3 = 6.0 * three + 6.0 * two + one;
    let h4 = 24.0 * four + 36.0 * three + 14.0 * two + one;
    // Products of the surpluses of two gaps.
    let h1h1 = two;
    let h2h1 = 2.0 * three + two;
    let h2h2 = 4.0 * four + 4.0 * three + two;
    // A gap is g = 1 + h.
    let g2 = 1.0 + 2.0 * h1 + h2;
    let g4 = 1.0 + 4.0 * h1 + 6.0 * h2 + 4.0 * h3 + h4;
    let g2g2 = 1.0 + 4.0 * h1 + 2.0 * h2 + 4.0 * h1h1 + 4.0 * h2h1 + h2h2;
    let mean = k * g2;
    let variance = k * g4 + k * (k - 1.0) * g2g2 - mean * mean;
    (variance > 0.0).then(|| (mean, variance.sqrt()))
}

/// P(Z <= z) of a standard normal (Abramowitz & Stegun 7.1.26; absolute error below 1.5e-7, in
/// the tail below 1e-6 the caller believes nothing anyway).
fn normal_below(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let above = 0.5 * poly * (-x * x).exp();
    if z <= 0.0 { above } else { 1.0 - above }
}

/// How far an evenness stands out, bits: what the account's pool turns into a probability.
pub fn own_bits(found: Evenness) -> f64 {
    -found.p.log2()
}

/// Evidence of even contacts: how often new destinations of the account were as even.
pub fn evidence(found: Evenness, fleet: &FleetModel) -> Evidence {
    Evidence {
        detector: Detector::Beacon,
        p: fleet.per_eni_hour(Pool::Beacon, own_bits(found)),
        observed: f64::from(found.period_seconds),
        expected: 0.0,
        n: u64::from(found.occupied),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform numbers in [0, 1) that are the same every time (Knuth's MMIX generator).
    struct Chance(u64);

    impl Chance {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// A day of contacts at `seconds`, as occupied intervals.
    fn occupied(mut seconds: impl FnMut() -> f64, interval_seconds: f64) -> Vec<u32> {
        let mut at = seconds();
        let mut all = Vec::new();
        while at < 86_400.0 {
            all.push((at / interval_seconds) as u32);
            at += seconds();
        }
        all.dedup();
        all
    }

    #[test]
    fn poisson_clients_on_60_and_600_second_windows_do_not_beacon() {
        let mut chance = Chance(1);
        let (mut asked, mut at_100, mut at_1000, mut at_10000) = (0.0, 0.0, 0.0, 0.0);
        for (interval_seconds, per_hour) in [1.0, 2.0, 6.0, 12.0, 20.0, 40.0]
            .map(|r| (60.0, r))
            .into_iter()
            .chain([1.0, 2.0, 4.0, 8.0].map(|r| (600.0, r)))
        {
            for _ in 0..2_000 {
                let gap = || -(1.0 - chance.next()).ln() * 3600.0 / per_hour;
                let Some(found) = of_intervals(&occupied(gap, interval_seconds)) else { continue };
                asked += 1.0;
                at_100 += f64::from(found.0 <= 1e-2);
                at_1000 += f64::from(found.0 <= 1e-3);
                at_10000 += f64::from(found.0 <= 1e-4);
            }
        }
        assert!(asked > 10_000.0, "{asked}");
        assert!(at_100 <= asked * 1.2e-2, "{at_100} of {asked}");
        assert!(at_1000 <= asked * 2e-3, "{at_1000} of {asked}");
        assert!(at_10000 <= asked * 4e-4, "{at_10000} of {asked}");
    }

    #[test]
    fn beacons_are_even_on_both_windows() {
        let mut chance = Chance(7);
        for (interval_seconds, period, jitter) in [
            (60.0, 120.0, 0.2),
            (60.0, 300.0, 0.2),
            (60.0, 300.0, 0.5),
            (60.0, 1800.0, 0.2),
            (600.0, 1800.0, 0.2),
        ] {
            let gap = || period * (1.0 + jitter * (2.0 * chance.next() - 1.0));
            let found = of_intervals(&occupied(gap, interval_seconds)).unwrap();
            assert!(found.0 < 1e-3, "{interval_seconds} {period} {jitter}: {found:?}");
            let period_seconds = f64::from(found.1) * interval_seconds;
            assert!((period_seconds - period).abs() <= interval_seconds.max(period * jitter), "{found:?}");
        }
    }

    #[test]
    fn a_keep_alive_fills_every_window_and_is_not_a_beacon() {
        assert_eq!(of_intervals(&(0..1440).collect::<Vec<_>>()), None);
        assert_eq!(of_intervals(&[]), None);
        assert_eq!(of_intervals(&[5, 9, 13]), None);
    }

    #[test]
    fn the_median_gap_is_the_middle_of_the_sorted() {
        for steps in [&[1, 1, 2, 9][..], &[40, 3, 90, 50], &[31, 32, 33], &[5], &[900, 700]] {
            let mut occupied = vec![7_u32];
            occupied.extend(steps.iter().scan(7, |at, step| {
                *at += step;
                Some(*at)
            }));
            let mut sorted = steps.to_vec();
            sorted.sort_unstable();
            assert_eq!(median_gap(&occupied), sorted[sorted.len() / 2], "{steps:?}");
        }
    }

    #[test]
    fn office_hours_are_not_even() {
        let days = (0..3).flat_map(|day| (0..20).map(move |i| day * 1440 + 540 + i * 24));
        let found = of_intervals(&days.collect::<Vec<_>>()).unwrap();
        assert!(found.0 > 0.5, "{found:?}");
    }

    #[test]
    fn the_moments_are_those_of_all_placements() {
        // 3 gaps that add up to 7: 15 placements.
        let mut sums = Vec::new();
        for a in 1..=5_u32 {
            for b in 1..=(6 - a) {
                sums.push(f64::from(a * a + b * b + (7 - a - b).pow(2)));
            }
        }
        let n = sums.len() as f64;
        let mean = sums.iter().sum::<f64>() / n;
        let sd = (sums.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n).sqrt();
        let (got_mean, got_sd) = null_moments(3, 7).unwrap();
        assert!(
            (got_mean - mean).abs() < 1e-9 && (got_sd - sd).abs() < 1e-9,
            "{got_mean} {mean} {got_sd} {sd}"
        );
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        for (z, p) in [(0.0, 0.5), (-1.0, 0.158_655), (-3.0, 0.001_350), (2.0, 0.977_250)] {
            assert!((normal_below(z) - p).abs() < 1e-6, "{z}");
        }
    }
}
