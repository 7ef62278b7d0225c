//! What the account as a whole has done: who else knows a destination, how often rare things
//! happen, how often series have stood out from their own past.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use super::KeyHasher;
use super::counts::{BalanceCounts, SizeCounts, SizeSurvival};
use super::destination::DestinationKey;
use super::eni::{AGED_HOURS, EniModel, Novelty};
use super::level::Level;
use super::robust::median;
use super::tail::{OwnBitsCounts, Tail};
use super::uses::{Used, Uses};
use super::young::YoungPrior;
use crate::limits::{DESTINATIONS_PER_ACCOUNT_MAX, HISTORY_DAYS};
use crate::window::{Day, Hour};

/// Own bits that are pooled over ENIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Pool {
    /// `Series::Client`, per hour.
    Client,
    /// `Series::ServedTop`, per hour.
    ServedTop,
    /// `Series::FanOut`, per hour.
    FanOut,
    /// `Series::RejectedFanOut`, per hour.
    RejectedFanOut,
    /// Volume to a known destination, per active hour.
    DestinationHour,
    /// Volume to a known destination, per active day.
    DestinationDay,
    /// Evenness of contacts with a new destination, per active hour.
    Beacon,
    /// The most that was sustained to one address of a known destination, per active day; what
    /// most of a group does on one day is one event.
    Sustained,
}

/// Number of pools.
pub const POOLS: usize = 8;

/// Rare events whose rate is learned by counting ENI-hours (detectors D8, and D10 as the last).
pub const RARE_EVENTS: usize = 5;
/// The rare event of detector D10.
pub const PROBE_THEN_SUCCESS: usize = RARE_EVENTS - 1;

/// One day of pooled counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetDay {
    /// Which day.
    pub day: u32,
    /// ENI-hours scored.
    pub eni_hours: u64,
    /// ENI-hours in which each rare event happened.
    pub rare: [u64; RARE_EVENTS],
    /// Own bits by `Pool`.
    pub pools: [OwnBitsCounts; POOLS],
}

/// Everything remembered of an account between days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetHistory {
    /// First hour with coverage.
    pub first_hour: Option<u32>,
    /// Use of destinations by group. Stored beside the rest, in pieces (`History::rows`).
    #[serde(skip)]
    pub destinations: BTreeMap<DestinationKey, Uses>,
    /// First and last use of client ports: (protocol, port, use), sorted.
    pub ports: Vec<(u8, u16, Used)>,
    /// Pooled counts by day.
    pub days: VecDeque<FleetDay>,
}

impl FleetHistory {
    /// Notes that `group` used a destination between two hours.
    pub fn note_destination(&mut self, key: &DestinationKey, group: &Arc<str>, first: u32, last: u32) {
        match self.destinations.get_mut(key) {
            Some(uses) => uses.note(group, first, last),
            None => self.destinations.entry(key.clone()).or_default().note(group, first, last),
        }
    }

    /// Notes the use of a client port on `day`.
    pub fn note_port(&mut self, protocol: u8, port: u16, day: Day) {
        let (first_hour, last_hour) = (day.first_hour().0, day.first_hour().0 + 23);
        match self.ports.binary_search_by_key(&(protocol, port), |p| (p.0, p.1)) {
            Ok(at) => self.ports[at].2.last_hour = last_hour,
            Err(at) => self.ports.insert(at, (protocol, port, Used { first_hour, last_hour })),
        }
    }

    fn evict_destinations(&mut self) {
        let excess = self.destinations.len().saturating_sub(DESTINATIONS_PER_ACCOUNT_MAX);
        if excess > 0 {
            let last = |uses: &Uses| uses.all().map(|u| u.last_hour).max();
            let mut oldest: Vec<_> =
                self.destinations.iter().map(|(k, uses)| (last(uses), k.clone())).collect();
            oldest.sort_unstable();
            for (_, key) in oldest.into_iter().take(excess) {
                self.destinations.remove(&key);
            }
        }
    }

    /// Drops what has left the look-back before `day`.
    pub fn forget(&mut self, day: Day) {
        let old = |last_hour: u32| Hour(last_hour).day().0 + (HISTORY_DAYS as u32) < day.0;
        self.destinations.retain(|_, uses| {
            uses.retain(|used| !old(used.last_hour));
            !uses.is_empty()
        });
        self.evict_destinations();
        self.ports.retain(|(_, _, used)| !old(used.last_hour));
        while self.days.front().is_some_and(|d| d.day + (HISTORY_DAYS as u32) < day.0) {
            self.days.pop_front();
        }
    }
}

/// Rates and sizes of new destinations that an ENI's own are shrunk to.
#[derive(Clone, Debug, PartialEq)]
pub struct NoveltyPrior {
    per_hour: [f64; Novelty::ALL.len()],
    sizes: [SizeSurvival; Novelty::ALL.len()],
}

/// First-day bytes that a new destination is assumed to get at least, before there are any.
const ASSUMED_LEAST_BYTES: u64 = 16 << 20;
/// New destinations an hour assumed of an ENI when no ENI has history, by `Novelty`: one a day.
const PRIOR_PER_HOUR: f64 = 1.0 / 24.0;
/// ENI-hours that `PRIOR_PER_HOUR` counts for in an ENI's rate: half an event in four weeks.
const RATE_FLOOR_EVENTS: f64 = 0.5;

impl NoveltyPrior {
    /// New destinations per active hour, and the sizes that each ENI has met, by `Novelty`.
    pub fn new<'a>(
        per_hour: [f64; Novelty::ALL.len()],
        sizes: [impl Iterator<Item = &'a SizeCounts> + Clone; Novelty::ALL.len()],
    ) -> Self {
        let assumed_least = Level::of_bytes(ASSUMED_LEAST_BYTES);
        Self { per_hour, sizes: sizes.map(|of_enis| SizeSurvival::mean(&of_enis, assumed_least)) }
    }

    fn learn<'a>(enis: &(impl Iterator<Item = &'a EniModel> + Clone)) -> Self {
        let per_hour = Novelty::ALL.map(|class| {
            let mut rates: Vec<f64> = enis
                .clone()
                .filter(|e| e.novelty.hours >= 24)
                .map(|e| {
                    (f64::from(e.novelty.all_sizes[class as usize].n()) + RATE_FLOOR_EVENTS)
                        / f64::from(e.novelty.hours)
                })
                .collect();
            median(&mut rates).unwrap_or(PRIOR_PER_HOUR)
        });
        Self::new(
            per_hour,
            Novelty::ALL.map(|class| enis.clone().map(move |e| &e.novelty.all_sizes[class as usize])),
        )
    }

    /// New destinations of a class per active hour: the median ENI's.
    pub fn per_hour(&self, class: Novelty) -> f64 {
        self.per_hour[class as usize]
    }

    /// The middle of first-day sizes of new destinations of a class: the mean ENI's.
    pub fn median(&self, class: Novelty) -> Level {
        self.sizes[class as usize].median()
    }

    /// Survival of a first-day size among new destinations of a class: the mean ENI's.
    pub fn survival(&self, class: Novelty, size: Level) -> f64 {
        self.sizes[class as usize].at(size)
    }
}

/// The model of an account for one day.
#[derive(Clone, Debug)]
pub struct FleetModel {
    /// Priors by group; the account's own under the empty name.
    pub novelty: BTreeMap<Arc<str>, NoveltyPrior>,
    /// Priors of destinations that came to stay, likewise.
    pub young: BTreeMap<Arc<str>, YoungPrior>,
    /// Producer/consumer balance of all.
    pub balance: BalanceCounts,
    /// ENIs with a model, by group.
    pub group_enis: BTreeMap<Arc<str>, u32>,
    /// Tails by `Pool`.
    pub tails: [Tail; POOLS],
    /// Days with scored hours in the look-back.
    pub days: u32,
    /// ENI-hours scored in the look-back.
    pub eni_hours: u64,
    /// ENI-hours with each rare event.
    pub rare: [u64; RARE_EVENTS],
    /// ENIs active in the last day.
    pub enis: u32,
    /// Destinations that several ENIs have met lately and that are still young to them: adopted by
    /// the fleet, so staying says nothing about one ENI.
    pub adopted: HashSet<DestinationKey, KeyHasher>,
}

/// ENIs that make a destination adopted: as many as make a change of the fleet where records name
/// no group.
pub(super) const ADOPTING_ENIS_MIN: u32 = 5;

/// Members that a group needs before its own prior is used instead of the account's.
const GROUP_ENIS_MIN: u32 = 4;

impl FleetModel {
    /// Derives the model from the history and its ENIs (each with its group).
    pub fn learn(history: &FleetHistory, enis: &[(Arc<str>, &EniModel)], active: u32) -> Self {
        // Once for all: to look for the members of each group among all ENIs is quadratic in a fleet.
        let mut groups: BTreeMap<&Arc<str>, Vec<&EniModel>> = BTreeMap::new();
        for (group, eni) in enis {
            groups.entry(group).or_default().push(eni);
        }
        let group_enis = groups.iter().map(|(group, of)| (Arc::clone(group), of.len() as u32)).collect();
        let large = || groups.iter().filter(|(_, of)| of.len() as u32 >= GROUP_ENIS_MIN);
        let mut novelty: BTreeMap<Arc<str>, NoveltyPrior> = large()
            .map(|(group, of)| (Arc::clone(group), NoveltyPrior::learn(&of.iter().copied())))
            .collect();
        novelty.insert("".into(), NoveltyPrior::learn(&enis.iter().map(|(_, e)| *e)));
        let mut young: BTreeMap<Arc<str>, YoungPrior> = large()
            .map(|(group, of)| (Arc::clone(group), YoungPrior::learn(&of.iter().map(|e| &e.young))))
            .collect();
        young.insert("".into(), YoungPrior::learn(&enis.iter().map(|(_, e)| &e.young)));
        let mut balance = BalanceCounts::default();
        enis.iter().for_each(|(_, e)| balance.merge(&e.balance));
        let mut pools: [OwnBitsCounts; POOLS] = Default::default();
        let mut rare = [0; RARE_EVENTS];
        for day in &history.days {
            pools.iter_mut().zip(&day.pools).for_each(|(to, from)| to.merge(from));
            rare.iter_mut().zip(&day.rare).for_each(|(to, from)| *to += from);
        }
        Self {
            novelty,
            young,
            balance,
            group_enis,
            tails: pools.map(|p| p.tail()),
            days: history.days.len() as u32,
            eni_hours: history.days.iter().map(|d| d.eni_hours).sum(),
            rare,
            enis: active,
            adopted: HashSet::default(),
        }
    }

    /// How many things this unusual an ENI-hour brings: the chances that a pool gives an ENI-hour
    /// (an ENI has many destinations), times the probability of each. Chances count as at least
    /// one: that a kind of thing is rare does not make an ordinary one surprising.
    pub fn per_eni_hour(&self, pool: Pool, own_bits: f64) -> f64 {
        let tail = &self.tails[pool as usize];
        let chances = tail.n() as f64 / self.eni_hours.max(1) as f64;
        // An ordinary day has nothing that was sustained, so that one has is rare by itself.
        let least = if pool == Pool::Sustained && tail.n() > 0 { 0.0 } else { 1.0 };
        (chances.max(least) * tail.p(own_bits)).min(1.0)
    }

    /// The prior of a group, or the account's when the group is small.
    pub fn prior(&self, group: &str) -> &NoveltyPrior {
        self.novelty.get(group).unwrap_or_else(|| &self.novelty[""])
    }

    /// The same of destinations that came to stay.
    pub fn young_prior(&self, group: &str) -> &YoungPrior {
        self.young.get(group).unwrap_or_else(|| &self.young[""])
    }
}

impl FleetHistory {
    /// First hour in which anyone used a destination; `None` when it is not known.
    pub fn first_use(&self, key: &DestinationKey) -> Option<u32> {
        self.destinations.get(key)?.all().map(|used| used.first_hour).min()
    }

    /// Whether a destination has been used for at least `AGED_HOURS` by a member of `group`.
    pub fn is_known_to(&self, key: &DestinationKey, group: &str, now: Hour) -> bool {
        let uses = self.destinations.get(key).and_then(|uses| uses.by(group));
        uses.is_some_and(|u| u.first_hour + AGED_HOURS <= now.0)
    }

    /// Whether a client port has been used for at least `AGED_HOURS` by anyone.
    pub fn is_port_known(&self, protocol: u8, port: u16, now: Hour) -> bool {
        let at = self.ports.binary_search_by_key(&(protocol, port), |p| (p.0, p.1));
        at.is_ok_and(|at| self.ports[at].2.first_hour + AGED_HOURS <= now.0)
    }
}
