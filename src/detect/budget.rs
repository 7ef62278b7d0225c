//! The alert budget: an operator says how many incidents a day he wants to read, and the past
//! says which score that is.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::limits::HISTORY_DAYS;
use crate::window::Day;

/// Scored days that the threshold looks back on (detection.md B.5).
const DAYS: usize = 14;
/// Scored days before there is a threshold at all.
const DAYS_MIN: usize = 7;
/// Fewest alerts a day that a budget may mean, however small the fleet.
const PER_DAY_MIN: f64 = 1.0;
/// Risk below which nothing is worth a message, bits, however quiet the past was. One very strong
/// family (18 bits) of a young ENI (0.7) is above it; on a quiet fleet of 30 the budget of one a
/// day would otherwise be filled with 5 KiB to somewhere new (10 bits).
const FLOOR_BITS: f64 = 12.0;
/// Risks kept of a day: more than any budget reads.
const TOP_MAX: usize = 512;

/// The incident scores of one past day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayScores {
    /// Which day.
    pub day: u32,
    /// Largest risks of incidents that started that day and are not told anyway, descending, bits.
    pub top: Vec<f64>,
}

impl DayScores {
    /// Keeps the largest of `risks`.
    pub fn new(day: u32, mut risks: Vec<f64>) -> Self {
        risks.sort_unstable_by(|a, b| b.total_cmp(a));
        risks.truncate(TOP_MAX);
        Self { day, top: risks }
    }
}

/// The risk from which incidents are sent, bits; `None` while there is too little past.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Threshold(pub Option<f64>);

impl Threshold {
    /// The score that, over the last scored days, as many incidents exceeded as the budget
    /// allows. Fixed for a day: reproducible, and nothing an attacker moves inside it.
    pub fn learn(scores: &VecDeque<DayScores>, enis: u32, per_day_per_1000_enis: f64) -> Self {
        let days = scores.len().min(DAYS);
        if days < DAYS_MIN {
            return Self(None);
        }
        let allowed = (allowed_per_day(enis, per_day_per_1000_enis) * days as f64).round() as usize;
        let mut risks: Vec<f64> =
            scores.iter().rev().take(days).flat_map(|d| d.top.iter().copied()).collect();
        risks.sort_unstable_by(|a, b| b.total_cmp(a));
        let at_budget = risks.get(allowed.saturating_sub(1)).copied().unwrap_or(FLOOR_BITS);
        Self(Some(at_budget.max(FLOOR_BITS)))
    }
}

/// Incidents a day that a budget means for so many ENIs.
pub fn allowed_per_day(enis: u32, per_day_per_1000_enis: f64) -> f64 {
    (per_day_per_1000_enis * f64::from(enis) / 1000.0).max(PER_DAY_MIN)
}

/// Drops days that the threshold no longer looks back on before `day`: the oldest of more than
/// fourteen, and all beyond the look-back of the baselines.
pub fn forget(scores: &mut VecDeque<DayScores>, day: Day) {
    let old = |past: u32| past + (HISTORY_DAYS as u32) < day.0;
    while scores.len() > DAYS || scores.front().is_some_and(|s| old(s.day)) {
        scores.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(days: u32, per_day: u32) -> VecDeque<DayScores> {
        (0..days)
            .map(|day| {
                DayScores::new(day, (0..per_day).map(|i| f64::from(i) + f64::from(day) / 100.0).collect())
            })
            .collect()
    }

    #[test]
    fn as_many_past_incidents_exceed_it_as_the_budget_allows() {
        let past = scores(14, 60);
        let Threshold(Some(tau)) = Threshold::learn(&past, 1000, 5.0) else { panic!("14 days suffice") };
        let above = past.iter().flat_map(|d| &d.top).filter(|r| **r >= tau).count();
        assert_eq!(above, 70);
    }

    #[test]
    fn a_short_past_gives_no_threshold_and_a_quiet_one_the_floor() {
        assert_eq!(Threshold::learn(&scores(6, 50), 1000, 5.0), Threshold(None));
        assert_eq!(Threshold::learn(&scores(14, 3), 1000, 5.0), Threshold(Some(FLOOR_BITS)));
    }

    #[test]
    fn small_fleets_still_get_one_a_day() {
        let past = scores(14, 60);
        assert_eq!(Threshold::learn(&past, 10, 5.0), Threshold::learn(&past, 200, 5.0));
    }
}
