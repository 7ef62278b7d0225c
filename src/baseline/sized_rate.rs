//! Things that happen at a rate and have a size: how many an hour, at least this large?

use super::counts::{SizeCounts, SizeSurvival};
use super::level::Level;
use super::robust::median;

/// ENI-hours that the prior rate counts for (detection.md D1).
const RATE_PRIOR_HOURS: f64 = 48.0;
/// Things assumed besides: a past without one does not say never (Jeffreys).
const RATE_PRIOR_EVENTS: f64 = 0.5;
/// Things that the group's sizes count for in an ENI's.
const SIZE_PRIOR_EVENTS: f64 = 10.0;
/// Things an hour assumed when no ENI has history: one a day.
const PRIOR_PER_HOUR: f64 = 1.0 / 24.0;
/// Hours with coverage that make an ENI's own rate part of its group's.
const GROUP_HOURS_MIN: u32 = 24;

/// What one ENI has met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SizedRate {
    /// Hours with coverage.
    pub hours: u32,
    /// Sizes of what it met in them.
    pub sizes: SizeCounts,
}

/// What its group has met, by ENI.
#[derive(Clone, Debug, PartialEq)]
pub struct SizedRatePrior {
    per_hour: f64,
    sizes: SizeSurvival,
}

impl SizedRatePrior {
    /// The median ENI's rate and the mean ENI's sizes. Before there are any, half are assumed
    /// above `assumed_median`.
    pub fn learn<'a>(enis: &(impl Iterator<Item = &'a SizedRate> + Clone), assumed_median: Level) -> Self {
        let known = enis.clone().filter(|eni| eni.hours >= GROUP_HOURS_MIN);
        let mut rates: Vec<f64> =
            known.map(|eni| (f64::from(eni.sizes.n()) + RATE_PRIOR_EVENTS) / f64::from(eni.hours)).collect();
        Self {
            per_hour: median(&mut rates).unwrap_or(PRIOR_PER_HOUR),
            sizes: SizeSurvival::mean(&enis.clone().map(|eni| &eni.sizes), assumed_median),
        }
    }

    /// The middle size.
    pub fn median(&self) -> Level {
        self.sizes.median()
    }

    /// Things an hour, of at least `size`, that an ENI of this group meets whose own past is
    /// `own`.
    pub fn per_hour(&self, size: Level, own: &SizedRate) -> f64 {
        let own_survival = own.sizes.survival(size);
        shrunk_per_hour(own.hours, own.sizes.n(), own_survival, (self.per_hour, self.sizes.at(size)))
    }
}

/// Things an hour above a size: an ENI's own `n` in `hours`, of which a share `own_survival` is
/// above it, shrunk to its group's rate and survival.
pub fn shrunk_per_hour(hours: u32, n: u32, own_survival: f64, (rate, survival): (f64, f64)) -> f64 {
    let n = f64::from(n);
    let per_hour = (n + RATE_PRIOR_EVENTS + RATE_PRIOR_HOURS * rate) / (f64::from(hours) + RATE_PRIOR_HOURS);
    let own_survival = if n > 0.0 { own_survival } else { 0.0 };
    let survival = (n * own_survival + SIZE_PRIOR_EVENTS * survival) / (n + SIZE_PRIOR_EVENTS);
    per_hour * survival
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eni_without_a_past_is_like_its_group_and_one_with_a_past_like_itself() {
        let mut busy = SizedRate { hours: 600, ..SizedRate::default() };
        (0..300).for_each(|_| busy.sizes.add(Level::of_bytes(50 << 20)));
        let calm = SizedRate { hours: 600, ..SizedRate::default() };
        let group = [calm.clone(), calm.clone(), calm.clone()];
        let prior = SizedRatePrior::learn(&group.iter(), Level::of_bytes(16 << 10));
        let size = Level::of_bytes(10 << 20);
        let blank = prior.per_hour(size, &SizedRate::default());
        assert!(prior.per_hour(size, &calm) < blank);
        assert!(prior.per_hour(size, &busy) > 100.0 * blank);
    }
}
