//! Destination keys and what an ENI has sent to each.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::level::Level;
use super::robust::{median, spread};
use super::series::own_tail_p;
use crate::limits::HISTORY_DAYS;
use crate::net::Prefix;
use crate::window::{Day, Hour};

/// AWS service names that say who owns the range, not who answers: any customer's instance or
/// load balancer is `EC2` or `AMAZON`, an attacker's too. They roll up by prefix.
const NOT_A_SERVICE: [&str; 2] = ["AMAZON", "EC2"];

/// What destinations are told apart by: addresses of object stores and CDNs change daily, so
/// novelty and identity live at the roll-up (detection.md F.1, F.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// The network around it, /16 or /32: new neighbours of a known network are less surprising
    /// than a new network. A stand-in for the ASN, learned from traffic alone.
    pub fn parent(&self) -> Option<Prefix> {
        match self {
            Self::Network(prefix) => Some(prefix.widen(16, 32)),
            Self::Named(_) | Self::Service(_) => None,
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
        to.collect_str(self)
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
    /// Longest prefix first.
    entries: Vec<(Prefix, Arc<str>)>,
}

impl NamedPrefixes {
    /// A table of (prefix, name).
    pub fn new(mut entries: Vec<(Prefix, Arc<str>)>) -> Self {
        entries.sort_by(|a, b| b.0.len128().cmp(&a.0.len128()).then_with(|| a.cmp(b)));
        Self { entries }
    }

    fn find(&self, peer: Prefix) -> Option<Arc<str>> {
        let holds = |(p, _): &&(Prefix, Arc<str>)| p.len128() <= peer.len128() && p.contains(peer.addr());
        self.entries.iter().find(holds).map(|(_, name)| Arc::clone(name))
    }
}

/// One day of one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationDay {
    /// Which day.
    pub day: u32,
    /// Hours in which something was sent.
    pub hours: u8,
    /// Level of the day's application bytes.
    pub total: Level,
    /// Level of the largest hour.
    pub top: Level,
}

/// What an ENI has sent to one destination in the look-back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationHistory {
    /// First hour of the current acquaintance (a key unseen for the look-back is new again).
    pub first_hour: u32,
    /// Last hour with traffic.
    pub last_hour: u32,
    /// Active days, ascending.
    pub days: VecDeque<DestinationDay>,
}

/// Active hours and days below which a destination's own volume model says nothing
/// (detection.md D3).
const MODEL_HOURS_MIN: u32 = 8;
const MODEL_DAYS_MIN: usize = 3;

/// Expected volume to one destination: by largest hour and by day.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationModel {
    /// Middle of the daily largest hours, doublings.
    pub hour_middle: f64,
    /// Middle of the daily totals, doublings.
    pub day_middle: f64,
    hour_spread: f64,
    day_spread: f64,
    /// Active days behind it.
    pub days: u32,
    hours_per_day: f64,
    hour_top: Vec<f64>,
    day_top: Vec<f64>,
}

impl DestinationHistory {
    /// A destination first met in `hour`.
    pub fn new(hour: Hour) -> Self {
        Self { first_hour: hour.0, last_hour: hour.0, days: VecDeque::new() }
    }

    /// Drops days that have left the look-back before `day`.
    pub fn forget(&mut self, day: Day) {
        while self.days.front().is_some_and(|past| past.day + (HISTORY_DAYS as u32) < day.0) {
            self.days.pop_front();
        }
    }

    /// The model, when there is history enough. `pooled` is the ENI's usual spread within its
    /// destinations, that a few days of one of them are shrunk to.
    pub fn model(&self, pooled_spread: f64) -> Option<DestinationModel> {
        let hours: u32 = self.days.iter().map(|d| u32::from(d.hours)).sum();
        if self.days.len() < MODEL_DAYS_MIN || hours < MODEL_HOURS_MIN {
            return None;
        }
        let mut tops: Vec<f64> = self.days.iter().map(|d| d.top.log2()).collect();
        let mut totals: Vec<f64> = self.days.iter().map(|d| d.total.log2()).collect();
        let (hour_middle, day_middle) = (median(&mut tops)?, median(&mut totals)?);
        let n = tops.len() as f64;
        let of = |values: &[f64], middle: f64| {
            let own = spread(values.iter().map(|v| v - middle));
            super::robust::shrink(own, n, pooled_spread, 4.0).max(super::robust::SPREAD_MIN)
        };
        Some(DestinationModel {
            hour_spread: of(&tops, hour_middle),
            day_spread: of(&totals, day_middle),
            hour_middle,
            day_middle,
            days: self.days.len() as u32,
            hours_per_day: f64::from(hours) / n,
            hour_top: tops.iter().rev().take(5).copied().collect(),
            day_top: totals.iter().rev().take(5).copied().collect(),
        })
    }
}

impl DestinationModel {
    /// Standardised distance of an hour's level from the usual largest hour of a day.
    pub fn hour_z(&self, level: Level) -> f64 {
        (level.log2() - self.hour_middle) / self.hour_spread
    }

    /// Standardised distance of a day's level (or a day so far) from the usual day.
    pub fn day_z(&self, level: Level) -> f64 {
        (level.log2() - self.day_middle) / self.day_spread
    }

    /// Probability of an hour this large by this destination's own past alone: its largest hour
    /// of a day, spread over the hours of a day in which it is active.
    pub fn own_hour_p(&self, level: Level) -> f64 {
        let per_day = own_tail_p(&self.hour_top, self.days, level.log2());
        if per_day >= 1.0 { 1.0 } else { per_day / self.hours_per_day.max(1.0) }
    }

    /// Probability of a day this large by this destination's own past alone.
    pub fn own_day_p(&self, level: Level) -> f64 {
        own_tail_p(&self.day_top, self.days, level.log2())
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

    #[test]
    fn ten_times_the_usual_is_far_and_twice_is_not() {
        let mut history = DestinationHistory::new(Hour(0));
        for day in 0..20 {
            let wobble = (day % 5) * 100_000;
            let top = Level::of_bytes(1_000_000 + u64::from(wobble));
            history.days.push_back(DestinationDay { day, hours: 10, total: Level(top.0 + 3000), top });
        }
        let model = history.model(0.5).unwrap();
        assert!(model.hour_z(Level::of_bytes(12_000_000)) > 6.0);
        assert!(model.hour_z(Level::of_bytes(2_000_000)) < 3.0);
        assert!(model.own_hour_p(Level::of_bytes(1_400_000)) > 1e-3);
        assert!(model.own_hour_p(Level::of_bytes(40_000_000)) < 1e-5);
    }

    #[test]
    fn two_days_are_not_a_model() {
        let mut history = DestinationHistory::new(Hour(0));
        for day in 0..2 {
            history.days.push_back(DestinationDay { day, hours: 24, total: Level(9), top: Level(9) });
        }
        assert!(history.model(0.5).is_none());
    }
}
