//! What one destination shows against the rest of the period, in bits.
//!
//! A clue is a rank: one of n + 1 that stand out as much is worth log2(n + 1) bits, and what lies
//! far beyond the largest of the rest is worth more, as the tail of the rest falls (`OwnTail`).

use std::collections::{BTreeMap, BTreeSet};

use super::survey::{Exchange, Port};
use crate::alert::human_bytes;
use crate::baseline::counts::{BalanceCounts, producer_consumer_ratio};
use crate::baseline::level::Level;
use crate::baseline::own_tail::OwnTail;
use crate::baseline::robust::median;
use crate::detect::beacon::evenness;
use crate::detect::{BITS_MAX, Detector, bits};
use crate::window::Hour;

/// Doublings in which volumes of unlike destinations fall by e, assumed of a few.
const USUAL_FALL: f64 = 1.0;
/// Application bytes sent from which a balance says something.
const BALANCE_FLOOR_BYTES: u64 = 64 << 10;
/// Destinations that the fleet's balance counts for in an ENI's.
const FLEET_WEIGHT: f64 = 8.0;
/// IP bytes sent from which a port says something.
const PORT_FLOOR_BYTES: u64 = 16 << 10;
/// Most that evenness is worth: agents that report periodically are everywhere.
const BEACON_BITS_MAX: f64 = 8.0;
/// Bits of data in a protocol that is not for data: what a rare event in 1,000 is worth.
const RARE_EVENT_BITS: f64 = 10.0;

/// One reason to look at a destination.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Clue {
    /// The detector whose question it asks of the period: `D2`, `D3`, `D5`, `D7`, `D8`, `D11`.
    pub id: String,
    /// How far it stands out, bits.
    pub bits: f64,
    /// What was seen, in `unit`.
    pub observed: f64,
    /// The middle of what it is compared with, in `unit`.
    pub expected: f64,
    /// The unit of both.
    pub unit: String,
    /// How many it is compared with.
    pub n: u64,
    /// One clause for a person.
    pub text: String,
}

/// The question a clue answers, and the kind of evidence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// More than to the ENI's other destinations?
    Volume,
    /// In an hour that stands out from the ENI's other hours?
    Hour,
    /// More of a push than its other exchanges?
    Balance,
    /// Known to other ENIs?
    Rarity,
    /// Contacted evenly?
    Beacon,
    /// A port that others do not use?
    Port,
    /// A protocol carrying what it is not for?
    Protocol,
}

impl Question {
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Hour => "D2",
            Self::Volume => "D3",
            Self::Beacon => "D5",
            Self::Balance => "D7",
            Self::Port | Self::Protocol => "D8",
            Self::Rarity => "D11",
        }
    }

    /// The detector that asks this of a baseline; it says which family it is, and how many of the
    /// family can speak at once.
    pub(super) fn detector(self) -> Detector {
        match self {
            Self::Hour => Detector::Volume,
            Self::Volume => Detector::KnownDestinationDay,
            Self::Beacon => Detector::LongLived,
            Self::Balance => Detector::Balance,
            Self::Port | Self::Protocol => Detector::Protocol,
            Self::Rarity => Detector::NewDestination,
        }
    }

    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Volume | Self::Protocol => "bytes",
            Self::Hour => "bytes/hour",
            Self::Beacon => "seconds",
            Self::Balance => "ratio",
            Self::Port => "destinations",
            Self::Rarity => "ENIs",
        }
    }
}

/// A measured answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) question: Question,
    pub(super) bits: f64,
    pub(super) observed: f64,
    pub(super) expected: f64,
    pub(super) n: u64,
}

/// How far `value` stands out from `others` (all but itself), doublings.
pub(super) fn stands_out(value: Level, others: impl Iterator<Item = Level>) -> f64 {
    OwnTail::learn(others.map(Level::log2).collect(), USUAL_FALL).bits(value.log2()).min(BITS_MAX)
}

/// What an ENI's destinations are compared with beside each other.
pub(super) struct Rest<'a> {
    /// Application bytes of its observed hours.
    pub(super) hours: &'a [(Hour, u64)],
    /// Its exchanges' balances.
    pub(super) balance: &'a BalanceCounts,
    /// Balances of all ENIs.
    pub(super) fleet_balance: &'a BalanceCounts,
    /// Aggregation interval, seconds.
    pub(super) interval_seconds: u16,
    /// Ports of its destinations.
    pub(super) ports: &'a Ports,
    /// Ports of the destinations of all ENIs.
    pub(super) fleet_ports: &'a Ports,
}

impl Rest<'_> {
    /// D2: the destination's largest hour, when most of the ENI's hour went there, against the
    /// ENI's other hours.
    pub(super) fn hour(&self, exchange: &Exchange) -> Option<Answer> {
        let (hour, at) = exchange.hours.iter().max_by_key(|(hour, at)| (at.app_bytes, **hour))?;
        let (_, all) = self.hours.iter().find(|(h, _)| h == hour)?;
        if at.app_bytes.saturating_mul(2) <= *all {
            return None;
        }
        let others = || self.hours.iter().filter(|(h, _)| h != hour).map(|(_, bytes)| *bytes);
        let bits = stands_out(Level::of_bytes(*all), others().map(Level::of_bytes));
        let expected = middle(others().map(|bytes| bytes as f64));
        Some(Answer {
            question: Question::Hour,
            bits,
            observed: *all as f64,
            expected,
            n: others().count() as u64,
        })
    }

    /// D7: share of exchanges that are as much of a push, the ENI's own shrunk to the fleet's.
    pub(super) fn balance(&self, exchange: &Exchange) -> Option<Answer> {
        let traffic = &exchange.traffic;
        if traffic.app_bytes < BALANCE_FLOOR_BYTES || traffic.ingress_packets == 0 {
            return None;
        }
        let ratio = producer_consumer_ratio(traffic.app_bytes, traffic.ingress_app_bytes);
        let fleet = f64::from(self.fleet_balance.as_much(ratio)) / f64::from(self.fleet_balance.n().max(1));
        let n = f64::from(self.balance.n());
        let p = (f64::from(self.balance.as_much(ratio)) + FLEET_WEIGHT * fleet) / (n + FLEET_WEIGHT);
        Some(Answer {
            question: Question::Balance,
            bits: bits(p),
            observed: ratio,
            expected: self.balance.median().unwrap_or(0.0),
            n: u64::from(self.balance.n()),
        })
    }

    /// D5: how evenly its intervals lie.
    pub(super) fn beacon(&self, exchange: &Exchange) -> Option<Answer> {
        let minutes = exchange.hours.iter().flat_map(|(hour, at)| {
            (0..60_u32).filter(|minute| at.minutes >> minute & 1 == 1).map(|minute| hour.0 * 60 + minute)
        });
        let found = evenness(minutes, self.interval_seconds)?;
        Some(Answer {
            question: Question::Beacon,
            bits: bits(found.p).min(BEACON_BITS_MAX),
            observed: f64::from(found.period_seconds),
            expected: 0.0,
            n: u64::from(found.occupied),
        })
    }

    /// D8: share of the ENI's other destinations on its port, shrunk to the fleet's.
    pub(super) fn port(&self, exchange: &Exchange) -> Option<Answer> {
        let main = exchange.traffic.reaches.first()?;
        if exchange.traffic.egress_bytes < PORT_FLOOR_BYTES {
            return None;
        }
        let own = self.ports.of(main.protocol, main.port);
        let fleet = self.fleet_ports.of(main.protocol, main.port);
        let share = fleet.max(1) as f64 / self.fleet_ports.destinations.max(1) as f64;
        let others = self.ports.destinations.saturating_sub(1) as f64;
        let p = (own.saturating_sub(1) as f64 + FLEET_WEIGHT * share) / (others + FLEET_WEIGHT);
        Some(Answer {
            question: Question::Port,
            bits: bits(p),
            observed: own as f64,
            expected: share * self.ports.destinations as f64,
            n: self.ports.destinations,
        })
    }
}

/// Destinations by port; one with several ports counts for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    by_port: BTreeMap<Port, u64>,
    destinations: u64,
}

impl Ports {
    pub(super) fn note(&mut self, exchange: &Exchange) {
        self.destinations += 1;
        let ports: BTreeSet<Port> = exchange.traffic.reaches.iter().map(|r| (r.protocol, r.port)).collect();
        ports.into_iter().for_each(|port| *self.by_port.entry(port).or_default() += 1);
    }

    fn of(&self, protocol: u8, port: u16) -> u64 {
        self.by_port.get(&(protocol, port)).copied().unwrap_or(0)
    }
}

/// D8: a protocol that carries what it is not for.
pub(super) fn protocol(exchange: &Exchange) -> Option<Answer> {
    let (_, app_bytes) = exchange.rare?;
    let observed = app_bytes as f64;
    Some(Answer { question: Question::Protocol, bits: RARE_EVENT_BITS, observed, expected: 0.0, n: 0 })
}

/// D11: share of the other ENIs that sent anything there.
pub(super) fn rarity(with: u64, enis: u64) -> Option<Answer> {
    let others = enis.saturating_sub(1);
    if others == 0 {
        return None;
    }
    let bits = ((others as f64 + 1.0) / with.max(1) as f64).log2();
    Some(Answer { question: Question::Rarity, bits, observed: with as f64, expected: 0.0, n: others })
}

/// The median.
pub(super) fn middle(values: impl Iterator<Item = f64>) -> f64 {
    median(&mut values.collect::<Vec<_>>()).unwrap_or(0.0)
}

impl Answer {
    /// As it is written.
    pub(super) fn clue(&self, exchange: &Exchange) -> Clue {
        Clue {
            id: self.question.id().into(),
            bits: (self.bits * 100.0).round() / 100.0,
            observed: self.observed,
            expected: (self.expected * 1000.0).round() / 1000.0,
            unit: self.question.unit().into(),
            n: self.n,
            text: self.text(exchange),
        }
    }

    /// One clause for a person.
    fn text(&self, exchange: &Exchange) -> String {
        let Self { observed, expected, n, .. } = *self;
        let bytes = human_bytes;
        match self.question {
            Question::Volume => {
                format!(
                    "{} sent; its other {n} destinations got {} each (median)",
                    bytes(observed),
                    bytes(expected)
                )
            }
            Question::Hour => format!(
                "most of an hour of {}; its other {n} hours sent {} each (median)",
                bytes(observed),
                bytes(expected)
            ),
            Question::Balance => format!(
                "{:.0} % of the exchange was sent; usually {:.0} % (n = {n})",
                (observed + 1.0) * 50.0,
                (expected + 1.0) * 50.0
            ),
            Question::Rarity => format!("{observed:.0} of {} interfaces sent anything there", n + 1),
            Question::Beacon => {
                format!("contacted in {n} intervals, more evenly than chance, every {observed:.0} s (median)")
            }
            Question::Port => format!("{observed:.0} of its {n} destinations are reached on this port"),
            Question::Protocol => {
                let what =
                    exchange.rare.map_or("a protocol used against its nature", |(event, _)| event.phrase());
                format!("{what}: {} in an hour", bytes(observed))
            }
        }
    }
}
