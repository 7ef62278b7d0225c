//! Middle and spread that a few wild values cannot move.

/// Makes the median absolute deviation of a normal sample estimate its standard deviation
/// (Rousseeuw & Croux, JASA 1993: 1 / Phi^-1(3/4)).
pub const MAD_TO_SIGMA: f64 = 1.4826;
/// Smallest spread believed, doublings: a constant series has MAD 0 and would make every change
/// infinitely surprising; a quarter doubling is +19 % (detection.md B.3).
pub const SPREAD_MIN: f64 = 0.25;

/// The median; `None` of nothing. Changes the order of `values`.
pub fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let is_odd = values.len() % 2 == 1;
    let (below, &mut middle, _) = values.select_nth_unstable_by(values.len() / 2, f64::total_cmp);
    if is_odd {
        return Some(middle);
    }
    below.iter().copied().max_by(f64::total_cmp).map(|largest| f64::midpoint(largest, middle))
}

/// Spread of `residuals` (values less their middle), never below `SPREAD_MIN`.
pub fn spread(residuals: impl Iterator<Item = f64>) -> f64 {
    let mut sizes: Vec<f64> = residuals.map(f64::abs).collect();
    median(&mut sizes).map_or(SPREAD_MIN, spread_of)
}

/// Spread whose median absolute deviation is `mad`, never below `SPREAD_MIN`.
pub fn spread_of(mad: f64) -> f64 {
    (MAD_TO_SIGMA * mad).max(SPREAD_MIN)
}

/// Pulls an estimate from `n` samples towards `prior` as if the prior were `weight` samples.
pub fn shrink(estimate: f64, n: f64, prior: f64, weight: f64) -> f64 {
    (n * estimate + weight * prior) / (n + weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted() {
        let mut values = vec![3.0, 9.0, 1.0, 4.0];
        assert_eq!(median(&mut values), Some(3.5));
        values.push(8.0);
        assert_eq!(median(&mut values), Some(4.0));
        assert_eq!(median(&mut [7.0, 7.0]), Some(7.0));
    }

    #[test]
    fn mad_is_zero_then_one_spike_is_still_found() {
        let mut values = vec![5.0; 20];
        values.push(9.0);
        let m = median(&mut values).unwrap();
        let s = spread(values.iter().map(|v| v - m));
        assert_eq!((m, s), (5.0, SPREAD_MIN));
        assert!((9.0 - m) / s > 10.0);
    }

    #[test]
    fn one_sample_and_no_sample_have_a_spread() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert!(spread(std::iter::once(0.0)) >= SPREAD_MIN);
    }

    #[test]
    fn a_quarter_of_wild_values_does_not_move_the_spread_of_the_rest() {
        let tame = (0..300).map(|i| f64::from(i % 7) - 3.0);
        let wild = (0..100).map(|_| 1e6);
        let (calm, stormy) = (spread(tame.clone()), spread(tame.chain(wild)));
        assert!(stormy <= 2.0 * calm, "{calm} {stormy}");
    }
}
