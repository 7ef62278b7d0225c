//! What is remembered of a period: per ENI its destinations, their hours, and who opened.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::baseline::destination::DestinationKey;
use crate::detect::{EniFeatures, KeyHour, RareEvent, Settings};
use crate::limits::RETROSPECTIVE_DESTINATIONS_PER_ENI_MAX;
use crate::window::{EniClass, EniHour, EniId, Hour, Role};

/// (protocol, port).
pub(super) type Port = (u8, u16);

/// Collects the closed hours of a period.
#[derive(Clone, Debug)]
pub struct Survey {
    settings: Settings,
    pub(super) enis: BTreeMap<EniId, EniSurvey>,
}

/// One ENI over the period.
#[derive(Clone, Debug, Default)]
pub(super) struct EniSurvey {
    pub(super) instance: Arc<str>,
    pub(super) vpc: Arc<str>,
    pub(super) subnet: Arc<str>,
    /// Application bytes to external destinations by observed hour.
    pub(super) hours: BTreeMap<Hour, u64>,
    /// Sum of the seen shares of those hours.
    pub(super) seen_sum: f64,
    /// Longest aggregation interval, seconds.
    pub(super) interval_seconds: u16,
    /// Destinations that it opened connections to.
    pub(super) clients: BTreeMap<DestinationKey, Exchange>,
    /// Exchanges that nothing says who opened, by the lower port: replies, when it turns out to
    /// listen there.
    pub(super) unclear: BTreeMap<Port, BTreeMap<DestinationKey, Exchange>>,
    /// Where it was seen to listen.
    pub(super) listeners: BTreeSet<Port>,
    /// Destination-hours beyond the bound.
    pub(super) left_out: u64,
}

/// What went to and fro between an ENI and a destination.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    pub(super) traffic: KeyHour,
    pub(super) hours: BTreeMap<Hour, ExchangeHour>,
    /// A protocol used against its nature, and the application bytes of the largest such hour.
    pub(super) rare: Option<(RareEvent, u64)>,
    /// Nothing says who opened it.
    pub(super) is_unclear: bool,
}

/// One hour of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExchangeHour {
    /// Application bytes sent.
    pub(super) app_bytes: u64,
    /// Minutes in which an egress record ended.
    pub(super) minutes: u64,
}

impl Exchange {
    fn add(&mut self, hour: Hour, traffic: &KeyHour) {
        self.traffic.merge(traffic);
        let at = self.hours.entry(hour).or_default();
        at.app_bytes = at.app_bytes.saturating_add(traffic.app_bytes);
        at.minutes |= traffic.minutes;
        self.note_rare(traffic.rare);
    }

    /// Adds another exchange with the same destination.
    pub(super) fn merge(&mut self, other: &Self) {
        self.traffic.merge(&other.traffic);
        for (hour, more) in &other.hours {
            let at = self.hours.entry(*hour).or_default();
            at.app_bytes = at.app_bytes.saturating_add(more.app_bytes);
            at.minutes |= more.minutes;
        }
        self.note_rare(other.rare);
    }

    fn note_rare(&mut self, rare: Option<(RareEvent, u64)>) {
        self.rare = [self.rare, rare].into_iter().flatten().max_by_key(|(event, bytes)| (*bytes, *event));
    }
}

impl Survey {
    /// A survey that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, enis: BTreeMap::new() }
    }

    /// Takes in one closed ENI-hour. Relays carry bytes that were seen at an instance already.
    pub fn note(&mut self, hour: &EniHour) {
        if hour.class == EniClass::Relay || !hour.coverage.is_observed() {
            return;
        }
        let eni = self.enis.entry(hour.id.clone()).or_default();
        for (to, from) in
            [(&mut eni.instance, &hour.instance), (&mut eni.vpc, &hour.vpc), (&mut eni.subnet, &hour.subnet)]
        {
            if **from > **to {
                *to = Arc::clone(from);
            }
        }
        eni.seen_sum += hour.coverage.seen_share();
        eni.interval_seconds = eni.interval_seconds.max(hour.coverage.interval_seconds);
        let mut parts: BTreeMap<Option<Port>, EniHour> = BTreeMap::new();
        for flow in &hour.flows {
            let part = (flow.role == Role::Unknown).then_some((flow.protocol, flow.port));
            let empty = || EniHour { flows: Vec::new(), ..hour.clone() };
            parts.entry(part).or_insert_with(empty).flows.push(flow.clone());
        }
        let mut app_bytes = 0_u64;
        for (part, hour) in parts {
            let features = EniFeatures::of(&hour, &self.settings, &BTreeSet::new(), |_, _| true);
            eni.listeners.extend(&features.listeners);
            if part.is_none() {
                app_bytes = app_bytes.saturating_add(features.client_app_bytes);
            }
            for (key, traffic) in &features.destinations {
                eni.add(part, key, hour.hour, traffic);
            }
        }
        eni.hours.insert(hour.hour, app_bytes);
    }
}

impl EniSurvey {
    fn add(&mut self, part: Option<Port>, key: &DestinationKey, hour: Hour, traffic: &KeyHour) {
        let destinations = match part {
            None => &mut self.clients,
            Some(port) => self.unclear.entry(port).or_default(),
        };
        if destinations.len() >= RETROSPECTIVE_DESTINATIONS_PER_ENI_MAX && !destinations.contains_key(key) {
            self.left_out += 1;
            return;
        }
        destinations.entry(key.clone()).or_default().add(hour, traffic);
    }

    /// Takes its outbound destinations out: those it opened, and those that nothing says who opened and
    /// that are not answers from a port on which it was seen to listen.
    pub(super) fn split(mut self) -> (Self, BTreeMap<DestinationKey, Exchange>) {
        let mut destinations = std::mem::take(&mut self.clients);
        for (port, exchanges) in std::mem::take(&mut self.unclear) {
            if self.listeners.contains(&port) {
                continue;
            }
            for (key, exchange) in exchanges {
                match destinations.entry(key) {
                    Entry::Occupied(mut known) => {
                        known.get_mut().merge(&exchange);
                    }
                    Entry::Vacant(new) => {
                        new.insert(Exchange { is_unclear: true, ..exchange });
                    }
                }
            }
        }
        (self, destinations)
    }
}
