//! What is remembered of one ENI, and the model of it for one day.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use super::KeyHasher;
use super::acquaintance::Acquaintance;
use super::contacts::ContactMinutes;
use super::counts::{BalanceCounts, SizeCounts};
use super::destination::{DestinationHistory, DestinationKey, DestinationModel, DistanceCounts};
use super::hour_level::HourLevel;
use super::level::Level;
use super::of_day::DestinationsToday;
use super::robust::spread_of;
use super::rotating::RotatingNetwork;
use super::series::{self, DaySamples, SERIES, Series, SeriesModel};
use super::young::{YoungHistory, YoungModel};
use crate::limits::{DESTINATIONS_PER_ENI_MAX, HISTORY_DAYS, PORTS_PER_ENI_MAX};
use crate::net::{Addr, Prefix};
use crate::window::{Day, Hour};

/// How new a destination is, narrowest surprise first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Novelty {
    /// A new /24 or /48 in a network (/16, /32) that the ENI has used before.
    InKnownNetwork,
    /// New to the ENI, used for at least 72 h by others in the account.
    KnownToOthers,
    /// New to the account.
    NewToAll,
}

impl Novelty {
    /// All of them; `as usize` indexes arrays.
    pub const ALL: [Self; 3] = [Self::InKnownNetwork, Self::KnownToOthers, Self::NewToAll];

    /// For the sentence on an alert.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::InKnownNetwork => "in a new address range of a network it already uses",
            Self::KnownToOthers => "new to this ENI, known to others in the account",
            Self::NewToAll => "new to the whole account",
        }
    }
}

/// Hours for which somebody else must have used a destination before it counts as known: many
/// hosts attacked at once earn no credit (detection.md D1).
pub const AGED_HOURS: u32 = 72;

/// How much an ENI's own past can be trusted (detection.md B.3, c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// Seen for less than 3 days.
    Learning,
    /// 3 to 14 days.
    Young,
    /// 14 days and more.
    Mature,
}

impl Tier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Learning, Self::Young, Self::Mature];

    /// The tier of an ENI first seen `age_hours` ago.
    pub fn of_age(age_hours: u32) -> Self {
        match age_hours {
            0..72 => Self::Learning,
            72..336 => Self::Young,
            _ => Self::Mature,
        }
    }

    /// Factor on the evidence.
    pub fn confidence(self) -> f64 {
        match self {
            Self::Learning => 0.4,
            Self::Young => 0.7,
            Self::Mature => 1.0,
        }
    }

    /// The word on alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Young => "young",
            Self::Mature => "mature",
        }
    }
}

/// New destinations of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoveltyDay {
    /// Which day.
    pub day: u32,
    /// Hours with coverage.
    pub active_hours: u8,
    /// New destinations by `Novelty`, and their first-day application bytes.
    pub sizes: [SizeCounts; Novelty::ALL.len()],
    /// Those that stood out and were not learned from: they are part of how often such things
    /// happen in the account, and must not make the next one usual for this ENI.
    pub held: [SizeCounts; Novelty::ALL.len()],
}

/// A (protocol, port) that an ENI has used as a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortUse {
    /// IANA protocol number.
    pub protocol: u8,
    /// Service port.
    pub port: u16,
    /// First and last day of use.
    pub first_day: u32,
    /// Last day of use.
    pub last_day: u32,
}

/// The producer/consumer balance of one day's destination-hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceDay {
    /// Which day.
    pub day: u32,
    /// Counts.
    pub counts: BalanceCounts,
}

/// Everything remembered of one ENI between days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EniHistory {
    /// First hour with coverage.
    pub first_hour: u32,
    /// Last hour with coverage.
    pub last_hour: u32,
    /// Peer group.
    pub group: Arc<str>,
    /// Own addresses, as text; sorted.
    pub own: Vec<String>,
    /// (protocol, port) it was seen to listen on, sorted.
    pub listeners: Vec<(u8, u16)>,
    /// Hourly series.
    pub days: VecDeque<DaySamples>,
    /// Destinations by key.
    pub destinations: BTreeMap<DestinationKey, DestinationHistory>,
    /// New destinations by day.
    pub novelty: VecDeque<NoveltyDay>,
    /// Producer/consumer balance by day.
    pub balance: VecDeque<BalanceDay>,
    /// Client ports, sorted by (protocol, port).
    pub ports: Vec<PortUse>,
    /// Networks (/16, /32) that the ENI rotates through: object stores and CDNs answer from
    /// another /24 every day. They are one destination each (detection.md F.2).
    pub rotating: BTreeSet<RotatingNetwork>,
    /// Destinations met in the look-back.
    pub young: YoungHistory,
}

impl EniHistory {
    /// An ENI first seen in `hour`.
    pub fn new(hour: Hour) -> Self {
        Self {
            first_hour: hour.0,
            last_hour: hour.0,
            group: "".into(),
            own: Vec::new(),
            listeners: Vec::new(),
            days: VecDeque::new(),
            destinations: BTreeMap::new(),
            novelty: VecDeque::new(),
            balance: VecDeque::new(),
            ports: Vec::new(),
            rotating: BTreeSet::new(),
            young: YoungHistory::default(),
        }
    }

    /// Drops what has left the look-back before `day`, and the least of what exceeds a bound:
    /// an order on values, so it does not matter what came first.
    pub fn forget(&mut self, day: Day) {
        series::forget(&mut self.days, day);
        let old = |past: u32| past + (HISTORY_DAYS as u32) < day.0;
        while self.novelty.front().is_some_and(|n| old(n.day)) {
            self.novelty.pop_front();
        }
        while self.balance.front().is_some_and(|b| old(b.day)) {
            self.balance.pop_front();
        }
        self.ports.retain(|p| !old(p.last_day));
        if self.ports.len() > PORTS_PER_ENI_MAX {
            self.ports
                .sort_unstable_by_key(|p| (std::cmp::Reverse(p.last_day), p.first_day, p.protocol, p.port));
            self.ports.truncate(PORTS_PER_ENI_MAX);
            self.ports.sort_unstable();
        }
        for destination in self.destinations.values_mut() {
            destination.forget(day);
        }
        self.destinations.retain(|_, d| !old(Hour(d.last_hour).day().0));
        self.young.forget(day);
        self.merge_rotating();
        self.evict_destinations();
    }

    fn evict_destinations(&mut self) {
        let excess = self.destinations.len().saturating_sub(DESTINATIONS_PER_ENI_MAX);
        if excess == 0 {
            return;
        }
        let weight =
            |d: &DestinationHistory| (d.days.iter().map(|x| u64::from(x.total.0)).sum::<u64>(), d.last_hour);
        let mut order: Vec<_> = self.destinations.iter().map(|(k, d)| (weight(d), k.clone())).collect();
        order.sort_unstable();
        for (_, key) in order.into_iter().take(excess) {
            self.destinations.remove(&key);
        }
    }

    /// Hours since it was first seen.
    pub fn age_hours(&self, now: Hour) -> u32 {
        now.0.saturating_sub(self.first_hour)
    }

    /// Hours with coverage in the look-back.
    pub fn active_hours(&self) -> u32 {
        self.days.iter().map(|d| d.seen.count_ones()).sum()
    }

    /// Usual upper end of its hourly client egress, bytes.
    pub fn usual_max_bytes(&self) -> u64 {
        series::usual_max_bytes(&self.days, Series::Client)
    }

    /// Its own addresses.
    pub fn own_addresses(&self) -> Vec<Addr> {
        self.own.iter().filter_map(|text| text.parse::<Prefix>().ok()).map(Prefix::addr).collect()
    }

    /// The model of `day`.
    pub fn model(&self, day: Day) -> EniModel {
        let pooled_spread = self.pooled_spread();
        let destinations = self
            .destinations
            .iter()
            .map(|(key, history)| (key.clone(), history.model(pooled_spread).map(Arc::new)))
            .collect();
        let aged = self.first_hour + AGED_HOURS;
        let mut novelty = NoveltyModel::default();
        for past in self.novelty.iter().filter(|n| n.day * 24 >= aged) {
            novelty.hours += u32::from(past.active_hours);
            for class in Novelty::ALL.map(|class| class as usize) {
                novelty.sizes[class].merge(&past.sizes[class]);
                novelty.all_sizes[class].merge(&past.sizes[class]);
                novelty.all_sizes[class].merge(&past.held[class]);
            }
        }
        let mut balance = BalanceCounts::default();
        self.balance.iter().for_each(|b| balance.merge(&b.counts));
        EniModel {
            series: Series::ALL.map(|s| SeriesModel::learn(&self.days, s, day)),
            parents: self.destinations.keys().filter_map(DestinationKey::parent).collect(),
            rotating: self.rotating_networks(),
            destinations,
            young: self.young.model(novelty.hours),
            novelty,
            balance,
            ports: self.ports.iter().map(|p| (p.protocol, p.port)).collect(),
        }
    }

    /// Usual spread, in doublings, of the hours of a destination of this ENI.
    fn pooled_spread(&self) -> f64 {
        let mut distances = DistanceCounts::default();
        let lasting = self.destinations.values().filter(|d| d.days.len() >= 3);
        lasting.for_each(|destination| destination.count_distances(&mut distances));
        // No destination with history: one doubling, the usual hour-to-hour spread of a service.
        distances.median().map_or(1.0, spread_of)
    }
}

/// New destinations of an ENI over the look-back, past its first three days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoveltyModel {
    /// Hours with coverage.
    pub hours: u32,
    /// New destinations by `Novelty`.
    pub sizes: [SizeCounts; Novelty::ALL.len()],
    /// Also those that stood out: what the account learns from.
    pub all_sizes: [SizeCounts; Novelty::ALL.len()],
}

/// The model of one ENI for one day: derived from its history, never stored.
#[derive(Clone, Debug)]
pub struct EniModel {
    /// Hourly series, by `Series`.
    pub series: [SeriesModel; SERIES],
    /// Networks (/16, /32) used.
    pub parents: HashSet<Prefix, KeyHasher>,
    /// Networks that are one destination each.
    pub rotating: BTreeSet<Prefix>,
    /// Known destinations; with a volume model, shared by the day's hours, where there is history
    /// enough.
    pub destinations: BTreeMap<DestinationKey, Option<Arc<DestinationModel>>>,
    /// Rate and sizes of new destinations.
    pub novelty: NoveltyModel,
    /// What destinations that came to stay come to.
    pub young: YoungModel,
    /// Producer/consumer balance.
    pub balance: BalanceCounts,
    /// Client (protocol, port) used before.
    pub ports: BTreeSet<(u8, u16)>,
}

/// One destination on the day being lived.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DestinationToday {
    /// What is known of it, from midnight on.
    pub known: Acquaintance,
    /// Application bytes so far.
    pub app_bytes: u64,
    /// How new it was when first met today; `None` when known.
    pub novelty: Option<Novelty>,
    /// First and last hour of the day with traffic.
    pub first_hour: u32,
    /// Last hour with traffic.
    pub last_hour: u32,
    /// Hours of the day with traffic, bit 0 is 00:00 UTC.
    pub hours: u32,
    /// Minutes of each hour in which an egress record ended, while it is new.
    pub minutes: ContactMinutes,
    /// Longest contact without a gap since midnight, minutes, while it is new.
    pub unbroken_minutes: u32,
    /// The most that was sustained in an hour.
    pub sustained: Level,
    /// Application bytes that may be learned (quarantined hours are left out).
    pub learned_bytes: u64,
    /// Levels of the hours that may be learned.
    pub learned_hours: [HourLevel; 24],
    /// Level of the most that was sustained in one of them.
    pub learned_sustained: HourLevel,
}

impl DestinationToday {
    /// Whether any of it may be learned.
    pub fn is_learned(&self) -> bool {
        self.learned_hours.iter().any(|h| h.log2().is_some())
    }
}

/// What an ENI did so far on the day being lived.
#[derive(Clone, Debug)]
pub struct EniToday {
    /// Hourly series.
    pub samples: DaySamples,
    /// First and last hour with coverage.
    pub first_hour: Hour,
    /// Last hour with coverage.
    pub last_hour: Hour,
    /// Peer group.
    pub group: Arc<str>,
    /// Own addresses.
    pub own: BTreeSet<Addr>,
    /// (protocol, port) seen listening.
    pub listeners: BTreeSet<(u8, u16)>,
    /// External destinations.
    pub destinations: DestinationsToday,
    /// Producer/consumer balance.
    pub balance: BalanceCounts,
    /// Client (protocol, port).
    pub ports: BTreeSet<(u8, u16)>,
    /// The last hour with refused attempts, and how many (peer, protocol, port) were refused in it.
    pub refused: (u32, u64),
}

impl EniToday {
    /// Nothing yet.
    pub fn new(hour: Hour) -> Self {
        Self {
            samples: DaySamples::new(hour.day()),
            first_hour: hour,
            last_hour: hour,
            group: "".into(),
            own: BTreeSet::new(),
            listeners: BTreeSet::new(),
            destinations: DestinationsToday::default(),
            balance: BalanceCounts::default(),
            ports: BTreeSet::new(),
            refused: (0, 0),
        }
    }
}

/// Folds a day that has ended into the history.
pub fn fold(history: &mut EniHistory, today: EniToday) {
    let day = today.samples.day;
    history.last_hour = history.last_hour.max(today.last_hour.0);
    if !today.group.is_empty() {
        history.group = today.group;
    }
    let mut own: BTreeSet<Addr> = history.own_addresses().into_iter().collect();
    own.extend(today.own);
    history.own = own.iter().take(crate::limits::OWN_ADDRESSES_MAX).map(ToString::to_string).collect();
    let mut listeners: BTreeSet<(u8, u16)> = history.listeners.iter().copied().collect();
    listeners.extend(today.listeners);
    history.listeners = listeners.into_iter().take(PORTS_PER_ENI_MAX).collect();
    let active_hours = today.samples.seen.count_ones() as u8;
    let mut novelty = NoveltyDay { day, active_hours, ..NoveltyDay::default() };
    for (key, met) in today.destinations.into_all() {
        // In its first days an ENI meets all it knows: none of that came to stay.
        let is_aged = day * 24 >= history.first_hour + AGED_HOURS;
        let is_new = is_aged && met.novelty.is_some() && !history.destinations.contains_key(&key);
        history.young.note(&key, day, &met, is_new);
        if let Some(class) = met.novelty.filter(|_| !history.destinations.contains_key(&key)) {
            let sizes = if met.is_learned() { &mut novelty.sizes } else { &mut novelty.held };
            sizes[class as usize].add(Level::of_bytes(met.app_bytes));
        }
        if !met.is_learned() {
            continue;
        }
        let known =
            history.destinations.entry(key).or_insert_with(|| DestinationHistory::new(Hour(met.first_hour)));
        known.last_hour = met.last_hour;
        // Exactly: days of destinations are most of what is remembered, and room for more a quarter of it.
        known.days.reserve_exact(1);
        known.days.push_back(super::destination::DestinationDay {
            day,
            total: Level::of_bytes(met.learned_bytes),
            hours: met.learned_hours,
            sustained: met.learned_sustained,
        });
    }
    // Exactly: room for days to come would be an eighth of what an ENI with few destinations takes.
    history.novelty.reserve_exact(1);
    history.novelty.push_back(novelty);
    history.balance.reserve_exact(1);
    history.balance.push_back(BalanceDay { day, counts: today.balance });
    for (protocol, port) in today.ports {
        match history.ports.binary_search_by_key(&(protocol, port), |p| (p.protocol, p.port)) {
            Ok(at) => history.ports[at].last_day = day,
            Err(at) => history.ports.insert(at, PortUse { protocol, port, first_day: day, last_day: day }),
        }
    }
    history.days.reserve_exact(1);
    history.days.push_back(today.samples);
}
