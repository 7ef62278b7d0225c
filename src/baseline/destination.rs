//! Destination keys and what an ENI has sent to each.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hour_level::{HourLevel, median_level};
use super::hours_text::HoursText;
use super::level::{Level, bytes_of};
use super::own_tail::OwnTail;
use super::robust::{median, shrink};
use super::series::HOUR_WEIGHT;
use crate::limits::HISTORY_DAYS;
use crate::net::{AddrText, Prefix, PrefixTable};
use crate::window::{Day, Hour};

/// AWS service names that say who owns the range, not who answers: any customer's instance or
/// load balancer is `EC2` or `AMAZON`, an attacker's too. They roll up by prefix.
const NOT_A_SERVICE: [&str; 2] = ["AMAZON", "EC2"];

/// What destinations are told apart by: addresses of object stores and CDNs change daily, so
/// novelty and identity live at the roll-up (detection.md F.1, F.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DestinationKey {
    /// A prefix the operator named.
    Named(Arc<str>),
    /// An AWS service (`pkt-dst-aws-service`).
    Service(Arc<str>),
    /// An IPv4 /24 or IPv6 /48, or wider when the ENI-hour was rolled up.
    Network(Prefix),
}

impl DestinationKey {
    /// The key of a peer, given the operator's named prefixes (longest match wins).
    pub fn of(peer: Prefix, service: &Arc<str>, named: &NamedPrefixes) -> Self {
        if let Some(name) = named.find(peer) {
            return Self::Named(name);
        }
        if service.is_empty() || NOT_A_SERVICE.contains(&&**service) {
            Self::Network(peer.widen(24, 48))
        } else {
            Self::Service(Arc::clone(service))
        }
    }

    /// The key as this ENI knows it: the whole network when the ENI is known to rotate through it.
    #[must_use]
    pub fn rolled_into(self, rotating: &BTreeSet<Prefix>) -> Self {
        match self.parent() {
            Some(parent) if rotating.contains(&parent) => Self::Network(parent),
            _ => self,
        }
    }

    /// The network around it, /16 or /32: new neighbours of a known network are less surprising
    /// than a new network. A stand-in for the ASN, learned from traffic alone.
    pub fn parent(&self) -> Option<Prefix> {
        match self {
            Self::Network(prefix) => Some(prefix.widen(16, 32)),
            Self::Named(_) | Self::Service(_) => None,
        }
    }
}

impl Hash for DestinationKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // At once, and the same for networks that begin with the same address: there are next to none.
        match self {
            Self::Named(name) | Self::Service(name) => name.hash(state),
            Self::Network(prefix) => prefix.addr().hash(state),
        }
    }
}

impl fmt::Display for DestinationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "name:{name}"),
            Self::Service(name) => write!(f, "aws:{name}"),
            Self::Network(prefix) => prefix.fmt(f),
        }
    }
}

impl Serialize for DestinationKey {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Network(prefix) => to.serialize_str(AddrText::of_prefix(*prefix).as_str()),
            Self::Named(_) | Self::Service(_) => to.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for DestinationKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if let Some(name) = text.strip_prefix("name:") {
            return Ok(Self::Named(name.into()));
        }
        if let Some(name) = text.strip_prefix("aws:") {
            return Ok(Self::Service(name.into()));
        }
        text.parse().map(Self::Network).map_err(serde::de::Error::custom)
    }
}

/// Prefixes with the operator's names for them.
#[derive(Clone, Debug, Default)]
pub struct NamedPrefixes {
    table: PrefixTable<Arc<str>>,
}

impl NamedPrefixes {
    /// A table of (prefix, name).
    pub fn new(entries: Vec<(Prefix, Arc<str>)>) -> Self {
        Self { table: PrefixTable::new(entries) }
    }

    fn find(&self, peer: Prefix) -> Option<Arc<str>> {
        self.table.find(peer).cloned()
    }
}

const EIGHTHS: f64 = 8.0;

/// How many hours lie how far from the middle of theirs, in eighths of a doubling.
pub(super) struct DistanceCounts([u32; 512]);

impl Default for DistanceCounts {
    fn default() -> Self {
        Self([0; 512])
    }
}

impl DistanceCounts {
    /// The median distance, doublings; `None` of nothing.
    pub(super) fn median(&self) -> Option<f64> {
        let n: u32 = self.0.iter().sum();
        let at = |rank: u32| {
            let mut up_to = 0;
            let found = self.0.iter().position(|count| {
                up_to += count;
                up_to > rank
            });
            found.map(|eighths| eighths as f64 / EIGHTHS)
        };
        Some(f64::midpoint(at(n.checked_sub(1)? / 2)?, at(n / 2)?))
    }
}

/// One day of one destination. Stored as a tuple in this order: most of a snapshot are these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredDay", into = "StoredDay")]
pub struct DestinationDay {
    /// Which day.
    pub day: u32,
    /// Level of the day's application bytes.
    pub total: Level,
    /// Levels of its hours.
    pub hours: [HourLevel; 24],
    /// Level of the most that was sustained in one of them (`KeyHour::sustained_bytes`).
    pub sustained: HourLevel,
}

type StoredDay = (u32, Level, HoursText<2>, HourLevel);

impl From<StoredDay> for DestinationDay {
    fn from((day, total, HoursText(hours), sustained): StoredDay) -> Self {
        // Two digits hold no more than a byte.
        Self { day, total, hours: hours.map(|level| HourLevel(level as u8)), sustained }
    }
}

impl From<DestinationDay> for StoredDay {
    fn from(stored: DestinationDay) -> Self {
        (
            stored.day,
            stored.total,
            HoursText(stored.hours.map(|HourLevel(level)| level.into())),
            stored.sustained,
        )
    }
}

/// What an ENI has sent to one destination in the look-back. Stored as a tuple, as its days are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "(u32, u32, VecDeque<DestinationDay>)")]
pub struct DestinationHistory {
    /// First hour of the current acquaintance (a key unseen for the look-back is new again).
    pub first_hour: u32,
    /// Last hour with traffic.
    pub last_hour: u32,
    /// Active days, ascending.
    pub days: VecDeque<DestinationDay>,
}

impl From<(u32, u32, VecDeque<DestinationDay>)> for DestinationHistory {
    fn from((first_hour, last_hour, days): (u32, u32, VecDeque<DestinationDay>)) -> Self {
        Self { first_hour, last_hour, days }
    }
}

impl Serialize for DestinationHistory {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.first_hour, self.last_hour, &self.days).serialize(to)
    }
}

/// Active hours and days below which a destination's own volume model says nothing
/// (detection.md D3).
const MODEL_HOURS_MIN: usize = 8;
const MODEL_DAYS_MIN: usize = 3;

/// Sustained bytes in an hour below which nothing stands out: most destinations never come to
/// as much, and how their kilobytes vary says nothing about an upload of megabytes.
pub const SUSTAINED_BYTES_MIN: u64 = 10 << 20;

/// Expected volume to one destination, by hour of the day and by day.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationModel {
    hour_middle: [f64; 24],
    hour_own: OwnTail,
    day_middle: f64,
    day_own: OwnTail,
    sustained_middle: f64,
    sustained_own: OwnTail,
}

impl DestinationHistory {
    /// A destination first met in `hour`.
    pub fn new(hour: Hour) -> Self {
        Self { first_hour: hour.0, last_hour: hour.0, days: VecDeque::new() }
    }

    /// Adds the history of another key that is now one with this.
    pub fn absorb(&mut self, other: Self) {
        self.first_hour = self.first_hour.min(other.first_hour);
        self.last_hour = self.last_hour.max(other.last_hour);
        let sum = |a: f64, b: f64| (bytes_of(a) + bytes_of(b)) as u64;
        for day in other.days {
            match self.days.binary_search_by_key(&day.day, |d| d.day) {
                Ok(at) => {
                    let to = &mut self.days[at];
                    to.total = Level::of_bytes(sum(to.total.log2(), day.total.log2()));
                    for (to, more) in to.hours.iter_mut().zip(day.hours) {
                        if let Some(more) = more.log2() {
                            *to = HourLevel::of_bytes(sum(to.log2().unwrap_or(0.0), more));
                        }
                    }
                    to.sustained = to.sustained.max(day.sustained);
                }
                Err(at) => self.days.insert(at, day),
            }
        }
    }

    /// Drops days that have left the look-back before `day`.
    pub fn forget(&mut self, day: Day) {
        while self.days.front().is_some_and(|past| past.day + (HISTORY_DAYS as u32) < day.0) {
            self.days.pop_front();
        }
    }

    /// The model, when there is history enough. `pooled_spread` is the ENI's usual spread within
    /// its destinations, doublings, that the tail of a few days of one of them is shrunk to.
    pub fn model(&self, pooled_spread: f64) -> Option<DestinationModel> {
        let mut all = self.active_hours();
        if self.days.len() < MODEL_DAYS_MIN || all.len() < MODEL_HOURS_MIN {
            return None;
        }
        let overall = median_level(&mut all)?;
        let mut hour_middle = [0.0; 24];
        let mut hour_residuals = Vec::with_capacity(all.len());
        for (hour, middle) in hour_middle.iter_mut().enumerate() {
            // The room of all, whose middle is known.
            all.clear();
            all.extend(self.days.iter().map(|day| day.hours[hour]).filter(|level| level.is_active()));
            let own = median_level(&mut all).unwrap_or(overall);
            *middle = shrink(own, all.len() as f64, overall, HOUR_WEIGHT);
            hour_residuals.extend(all.iter().map(|level| level.doublings() - *middle));
        }
        let mut totals: Vec<f64> = self.days.iter().map(|d| d.total.log2()).collect();
        let day_middle = median(&mut totals)?;
        let day_residuals: Vec<f64> = totals.iter().map(|y| y - day_middle).collect();
        // The most of each day: hours of it would cost 24 times the memory and say no more.
        let mut most: Vec<f64> = self.days.iter().map(|d| d.sustained.log2().unwrap_or(0.0)).collect();
        let sustained_middle = median(&mut most)?;
        let sustained_residuals: Vec<f64> = most.iter().map(|y| y - sustained_middle).collect();
        Some(DestinationModel {
            hour_own: OwnTail::learn(hour_residuals, pooled_spread),
            day_own: OwnTail::learn(day_residuals, pooled_spread),
            sustained_own: OwnTail::learn(sustained_residuals, pooled_spread),
            hour_middle,
            day_middle,
            sustained_middle,
        })
    }

    /// Levels of the active hours in the look-back.
    fn active_hours(&self) -> Vec<HourLevel> {
        let mut all = Vec::with_capacity(24 * self.days.len());
        all.extend(self.days.iter().flat_map(|day| day.hours).filter(|level| level.is_active()));
        all
    }

    /// Counts active hours in the look-back by their distance from the middle of this destination's
    /// hours.
    pub(super) fn count_distances(&self, counts: &mut DistanceCounts) {
        let mut all = self.active_hours();
        let Some(middle) = median_level(&mut all) else { return };
        for level in all {
            // Levels are quarters and the middle of two of them eighths, both exact.
            counts.0[((level.doublings() - middle).abs() * EIGHTHS) as usize] += 1;
        }
    }
}

impl DestinationModel {
    /// Expected application bytes in an hour of the day.
    pub fn expected_hour_bytes(&self, hour: usize) -> f64 {
        bytes_of(self.hour_middle[hour])
    }

    /// Expected application bytes in a day.
    pub fn expected_day_bytes(&self) -> f64 {
        bytes_of(self.day_middle)
    }

    /// The most that is usually sustained in an hour of a day, bytes.
    pub fn expected_sustained_bytes(&self) -> f64 {
        bytes_of(self.sustained_middle)
    }

    /// Active hours behind it.
    pub fn hours(&self) -> u32 {
        self.hour_own.n()
    }

    /// Active days behind it.
    pub fn days(&self) -> u32 {
        self.day_own.n()
    }

    /// How far an hour's level stands out from what this hour of the day usually brings, bits.
    pub fn own_hour_bits(&self, hour: usize, level: Level) -> f64 {
        self.hour_own.bits(level.log2() - self.hour_middle[hour])
    }

    /// How far a day's level (or a day so far) stands out from the usual day, bits.
    pub fn own_day_bits(&self, level: Level) -> f64 {
        self.day_own.bits(level.log2() - self.day_middle)
    }

    /// How far what an hour sustained stands out from the most of earlier days, bits; 0 below what
    /// is asked about at all.
    pub fn sustained_bits(&self, level: Level) -> f64 {
        if level < Level::of_bytes(SUSTAINED_BYTES_MIN) {
            return 0.0;
        }
        self.sustained_own.bits(level.log2() - self.sustained_middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn keys_roll_up_by_name_then_service_then_network() {
        let named = NamedPrefixes::new(vec![
            (prefix("203.0.0.0/8"), "wide".into()),
            (prefix("203.0.113.0/24"), "backup vendor".into()),
        ]);
        let key = |peer, service: &str| DestinationKey::of(prefix(peer), &service.into(), &named).to_string();
        assert_eq!(key("203.0.113.9", "S3"), "name:backup vendor");
        assert_eq!(key("203.1.2.3", ""), "name:wide");
        assert_eq!(key("198.51.100.7", "S3"), "aws:S3");
        assert_eq!(key("198.51.100.7", "EC2"), "198.51.100.0/24");
        assert_eq!(key("2001:db8:1:2::3", ""), "2001:db8:1::/48");
        assert_eq!(key("198.51.0.0/16", ""), "198.51.0.0/16");
    }

    #[test]
    fn keys_survive_their_text() {
        for text in ["name:a b", "aws:S3", "198.51.100.0/24", "2001:db8:1::/48"] {
            let json = format!("\"{text}\"");
            let key: DestinationKey = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&key).unwrap(), json);
        }
    }

    /// A destination with the same hours every day.
    fn steady(days: u32, hour_bytes: impl Fn(u32, usize) -> u64) -> DestinationHistory {
        let mut history = DestinationHistory::new(Hour(0));
        for day in 0..days {
            let bytes: Vec<u64> = (0..24).map(|hour| hour_bytes(day, hour)).collect();
            history.days.push_back(DestinationDay {
                day,
                total: Level::of_bytes(bytes.iter().sum()),
                hours: std::array::from_fn(|hour| HourLevel::of_bytes(bytes[hour])),
                sustained: HourLevel::of_bytes(bytes.iter().copied().max().unwrap_or(0) / 36),
            });
        }
        history
    }

    #[test]
    fn ten_times_the_usual_is_far_and_twice_is_not() {
        let history = steady(20, |day, hour| 1_000_000 + u64::from(day % 5) * 100_000 + hour as u64 * 9_000);
        let model = history.model(0.5).unwrap();
        assert!(model.own_hour_bits(3, Level::of_bytes(12_000_000)) > 15.0);
        assert!(model.own_hour_bits(3, Level::of_bytes(1_400_000)) < 8.0);
        assert!(model.own_day_bits(Level::of_bytes(240_000_000)) > 8.0);
    }

    #[test]
    fn an_hour_without_a_gap_is_far_where_bursts_are_as_large() {
        // 36 GB once a day, in one interval of six: a thirty-sixth counts.
        let history =
            steady(
                20,
                |day, hour| {
                    if hour == 9 { 36_000_000_000 + u64::from(day % 7) * 900_000_000 } else { 2_000_000 }
                },
            );
        let model = history.model(0.5).unwrap();
        assert!(model.sustained_bits(Level::of_bytes(1_000_000_000)) < 5.0);
        assert!(model.sustained_bits(Level::of_bytes(36_000_000_000)) > 12.0);
        assert!((model.expected_sustained_bytes() / 1.1e9).log2().abs() < 0.3);
    }

    #[test]
    fn a_nightly_peak_does_not_hide_the_same_volume_at_noon() {
        let history = steady(20, |_, hour| if hour == 2 { 5_000_000_000 } else { 2_000_000 });
        let model = history.model(0.5).unwrap();
        assert!(model.own_hour_bits(2, Level::of_bytes(5_000_000_000)) < 6.0);
        assert!(model.own_hour_bits(12, Level::of_bytes(1_000_000_000)) > 20.0);
    }

    #[test]
    fn ranges_merged_into_their_network_add_their_hours() {
        let mut one = steady(3, |_, _| 1_000_000);
        one.absorb(steady(5, |_, _| 3_000_000));
        assert_eq!(one.days.len(), 5);
        let first = one.days[0].hours[7].log2().unwrap();
        assert!((bytes_of(first) / 4_000_000.0).log2().abs() < 0.2);
    }

    #[test]
    fn the_median_distance_is_that_of_the_sorted() {
        let mut history = DestinationHistory::new(Hour(0));
        let levels = [9, 0, 4, 30, 11, 12, 200, 3, 8];
        let hours = std::array::from_fn(|hour| HourLevel(*levels.get(hour).unwrap_or(&0)));
        history.days.push_back(DestinationDay { day: 0, total: Level(0), hours, sustained: HourLevel(0) });
        let mut counts = DistanceCounts::default();
        assert_eq!(counts.median(), None);
        history.count_distances(&mut counts);
        // 3 4 8 9 11 12 30 200 quarters: the middle is 10, the distances 7 6 2 1 1 2 20 190.
        assert_eq!(counts.median(), Some(1.0));
    }

    #[test]
    fn two_days_are_not_a_model() {
        assert!(steady(2, |_, _| 9_000).model(0.5).is_none());
    }
}
