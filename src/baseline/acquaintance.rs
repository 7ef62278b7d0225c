//! What midnight knows of one destination of an ENI.
//!
//! Baselines do not change inside a day, so this is looked up once, when the destination is first
//! met on it, and not in each of its hours.

use std::sync::Arc;

use super::destination::{DestinationKey, DestinationModel};
use super::eni::{AGED_HOURS, EniHistory, EniModel, Tier};
use super::fleet::{FleetHistory, FleetModel};
use crate::window::{Day, Hour};

/// What is known of a destination, the same for all hours of a day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acquaintance {
    /// The volume model, when there is history enough.
    pub model: Option<Arc<DestinationModel>>,
    /// Whether the ENI met it in the look-back, past its own first days.
    pub is_young: bool,
    /// Whether several ENIs have lately taken to it; not asked of an old one with a volume model.
    pub is_adopted: bool,
    /// Whether the ENI knows the network around it (/16, /32); not asked of what is familiar all day.
    pub is_in_known_network: bool,
    /// First hour in which the ENI used it, when it is known without a model.
    first_hour: Option<u32>,
    /// First hour in which anyone in the account used it; not asked of what is familiar all day, nor in a
    /// known network past the ENI's first days.
    fleet_first_hour: Option<u32>,
}

impl Acquaintance {
    /// Looks up what an ENI and its account know of `key` on `day`. Histories are absent on a first day.
    pub fn of(
        (key, day): (&DestinationKey, Day),
        (eni, history): (&EniModel, Option<&EniHistory>),
        (fleet, fleet_history): (&FleetModel, Option<&FleetHistory>),
    ) -> Self {
        let known = eni.destinations.get(key);
        let model = known.cloned().flatten();
        let is_young = history.is_some_and(|h| h.young.get(key).is_some());
        let is_adopted = (is_young || model.is_none()) && fleet.adopted.contains(key);
        if model.is_some() {
            return Self { model, is_young, is_adopted, ..Self::default() };
        }
        let first_hour = known.and(history).and_then(|h| h.destinations.get(key)).map(|d| d.first_hour);
        if is_aged(first_hour, day.first_hour()) {
            return Self { is_young, is_adopted, first_hour, ..Self::default() };
        }
        let is_in_known_network = key.parent().is_some_and(|parent| eni.parents.contains(&parent));
        // Past its first days, what is near to what an ENI knows is just that, whoever else uses it.
        let is_learning = |h: &EniHistory| Tier::of_age(h.age_hours(day.first_hour())) == Tier::Learning;
        let of_fleet = fleet_history.filter(|_| !is_in_known_network || history.is_none_or(is_learning));
        Self {
            model,
            is_young,
            is_adopted,
            is_in_known_network,
            first_hour,
            fleet_first_hour: of_fleet.and_then(|f| f.first_use(key)),
        }
    }

    /// Whether the ENI knows it. Without a volume model, one touch a day ahead must not make a
    /// destination familiar.
    pub fn is_familiar(&self, now: Hour) -> bool {
        self.model.is_some() || is_aged(self.first_hour, now)
    }

    /// Whether anyone in the account has used it for at least `AGED_HOURS`.
    pub fn is_known_to_fleet(&self, now: Hour) -> bool {
        is_aged(self.fleet_first_hour, now)
    }
}

fn is_aged(first_hour: Option<u32>, now: Hour) -> bool {
    first_hour.is_some_and(|first| first + AGED_HOURS <= now.0)
}
