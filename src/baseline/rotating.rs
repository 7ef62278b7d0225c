//! Networks (/16, /32) that an ENI rotates through, as one destination each: object stores and CDNs
//! answer from another range every day (detection.md F.2).

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use super::destination::{DestinationHistory, DestinationKey};
use super::eni::EniHistory;
use crate::net::Prefix;
use crate::window::Hour;

/// A network that is one destination, as text so that it can be stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RotatingNetwork(DestinationKey);

/// Ranges of one network known to an ENI from which the network is one destination.
const ROTATING_MIN: usize = 4;
/// Distinct days on which they were first met: four touched in an hour are a scan, not a CDN.
const ROTATING_DAYS_MIN: usize = 3;

impl EniHistory {
    /// The networks that are one destination each.
    pub fn rotating_networks(&self) -> BTreeSet<Prefix> {
        self.rotating.iter().filter_map(|r| r.0.parent()).collect()
    }

    /// Merges the ranges of networks that the ENI rotates through into one destination each.
    pub(super) fn merge_rotating(&mut self) {
        let day_met = |known: &DestinationHistory| Hour(known.first_hour).day().0;
        let of_networks =
            self.destinations.iter().filter_map(|(key, known)| Some((key.parent()?, day_met(known))));
        // In the order of keys, so those of one network stand side by side.
        let mut met: Vec<(Prefix, u32)> = of_networks.collect();
        for ranges in
            met.chunk_by_mut(|one, next| one.0 == next.0).filter(|ranges| ranges.len() >= ROTATING_MIN)
        {
            ranges.sort_unstable();
            if ranges.chunk_by(|one, next| one == next).count() >= ROTATING_DAYS_MIN {
                self.rotating.insert(RotatingNetwork(DestinationKey::Network(ranges[0].0)));
            }
        }
        if self.rotating.is_empty() {
            return;
        }
        let rotating = self.rotating_networks();
        let inside = |key: &DestinationKey| key.parent().is_some_and(|p| rotating.contains(&p));
        let ranges: Vec<DestinationKey> = self
            .destinations
            .keys()
            .filter(|key| inside(key) && key.parent().map(DestinationKey::Network).as_ref() != Some(*key))
            .cloned()
            .collect();
        for key in ranges {
            let whole = key.clone().rolled_into(&rotating);
            let Some(history) = self.destinations.remove(&key) else { continue };
            match self.destinations.entry(whole) {
                Entry::Occupied(mut entry) => entry.get_mut().absorb(history),
                Entry::Vacant(entry) => {
                    entry.insert(history);
                }
            }
        }
        // A network that is no longer used is forgotten with its destination.
        let destinations = &self.destinations;
        self.rotating.retain(|r| destinations.contains_key(&r.0));
    }
}
