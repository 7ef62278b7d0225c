//! How the day in hand stands, for whoever watches the watcher. Nothing depends on it.

use super::{Living, Pipeline};
use crate::baseline::eni::Tier;
use crate::detect::{Kept, allowed_per_day};
use crate::window::ClosedHour;

/// How the day that is being lived stands after its last closed hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Share of the latest closed hour that could be seen, 0 to 1, mean over its ENIs
    /// (`Coverage::seen_share`); `None` when it had none.
    pub seen_share: Option<f64>,
    /// Instance ENIs that are known, by `Tier as usize`.
    pub tiers: [u64; Tier::ALL.len()],
    /// Incidents of the day that were sent within the budget.
    pub spent_alerts: u64,
    /// Incidents that the budget allows for the day.
    pub allowed_alerts: f64,
}

impl Pipeline {
    /// How the day in hand stands; `None` before the first.
    pub fn standing(&self) -> Option<Standing> {
        let living = self.living.as_ref()?;
        let is_within = |incident: &&crate::detect::Incident| incident.kept == Kept::SentBudget;
        Some(Standing {
            seen_share: living.seen_share,
            tiers: self.tiers(living),
            spent_alerts: self.incidents.sent_so_far().filter(is_within).count() as u64,
            allowed_alerts: allowed_per_day(living.enis(), self.settings.budget_per_day_per_1000_enis),
        })
    }

    /// ENIs with a past, and those that the day has brought.
    fn tiers(&self, living: &Living) -> [u64; Tier::ALL.len()] {
        let today = &living.today.enis;
        let now = today.values().map(|eni| eni.last_hour).max().unwrap_or(living.snapshot.day.first_hour());
        let tier_since = |first_hour: u32| Tier::of_age(now.0.saturating_sub(first_hour));
        let known = self.history.enis.values().map(|eni| tier_since(eni.first_hour));
        let new = today.iter().filter(|(id, _)| !self.history.enis.contains_key(*id));
        let mut tiers = [0; Tier::ALL.len()];
        known
            .chain(new.map(|(_, eni)| tier_since(eni.first_hour.0)))
            .for_each(|tier| tiers[tier as usize] += 1);
        tiers
    }
}

/// The mean share of an hour that could be seen, over its ENIs.
pub(super) fn seen_share(closed: &ClosedHour) -> Option<f64> {
    let enis = closed.enis.len();
    let sum: f64 = closed.enis.iter().map(|eni| eni.coverage.seen_share()).sum();
    (enis > 0).then(|| sum / enis as f64)
}
