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
            for (key, sums) in features.destinations.iter() {
                eni.add(part, key, hour.hour, &features.traffic_of(&hour, sums));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Action;
    use crate::retrospective::Ranked;
    use crate::window::{Coverage, FlowWindow, Totals};

    fn flow(role: Role, peer: &str, port: u16, egress_bytes: u64, ingress_bytes: u64) -> FlowWindow {
        let packets = |bytes: u64| bytes.div_ceil(1400);
        FlowWindow {
            role,
            peer: peer.parse().unwrap(),
            protocol: 6,
            port,
            action: Some(Action::Accept),
            service: "".into(),
            egress_bytes,
            egress_packets: packets(egress_bytes),
            egress_records: 3,
            ingress_bytes,
            ingress_packets: packets(ingress_bytes),
            ingress_records: 3,
            first_second: 1_771_200_000,
            last_second: 1_771_200_600,
            egress_flags: 0,
            ingress_flags: 0,
            traffic_paths: 0,
            minutes: 1,
        }
    }

    fn hour(number: u32, flows: Vec<FlowWindow>) -> EniHour {
        EniHour {
            id: EniId { account: "111111111111".into(), region: "eu-west-1".into(), eni: "eni-0".into() },
            hour: Hour(492_000 + number),
            class: EniClass::Instance,
            vpc: "".into(),
            subnet: "".into(),
            instance: "".into(),
            group: "".into(),
            own: Vec::new(),
            coverage: Coverage { records: 12, interval_seconds: 60, slots: 0xfff, ..Coverage::default() },
            totals: Totals::default(),
            rollup_level: 0,
            flows,
        }
    }

    fn ranked(hours: &[EniHour]) -> Vec<Ranked> {
        let mut survey = Survey::new(Settings::default());
        hours.iter().for_each(|hour| survey.note(hour));
        survey.rank(100)
    }

    #[test]
    fn relays_repeat_bytes_and_are_not_ranked() {
        let at_host = hour(0, vec![flow(Role::Client, "192.0.2.66", 443, 1 << 30, 1 << 20)]);
        assert!(ranked(&[EniHour { class: EniClass::Relay, ..at_host.clone() }]).is_empty());
        assert_eq!(ranked(&[at_host]).len(), 1);
    }

    #[test]
    fn answers_from_a_port_that_listened_in_any_hour_are_not_outbound() {
        let early = hour(0, vec![flow(Role::Unknown, "192.0.2.66", 8443, 1 << 20, 1 << 10)]);
        let listened = hour(5, vec![flow(Role::Served, "198.51.100.7", 8443, 1 << 20, 1 << 10)]);
        assert!(ranked(&[early.clone(), listened]).is_empty());
        let alone = ranked(&[early]);
        assert_eq!((alone.len(), alone[0].doubts.len()), (1, 1), "{alone:?}");
    }

    #[test]
    fn a_flood_that_nothing_answered_does_not_come_before_a_transfer() {
        let usual = (0..20).map(|n| flow(Role::Client, &format!("198.51.{n}.7"), 443, 20 << 10, 300 << 10));
        let mut flows: Vec<FlowWindow> = usual.collect();
        flows.push(flow(Role::Client, "192.0.2.66", 443, 30 << 20, 1 << 20));
        flows.push(flow(Role::Client, "203.0.113.9", 443, 60 << 20, 0));
        let rows = ranked(&[hour(0, flows)]);
        assert_eq!(rows.len(), 22);
        assert_eq!((&*rows[0].peer, rows[0].rank, rows[0].of), ("192.0.2.66", 1, 22), "{:?}", rows[0]);
        assert_eq!(rows[1].peer, "203.0.113.9");
        assert!(rows[1].doubts[0].starts_with("nothing came back"));
    }

    #[test]
    fn hours_in_any_order_give_the_same_ranks() {
        let hours: Vec<EniHour> = (0..6)
            .map(|n| {
                hour(n, vec![flow(Role::Client, &format!("192.0.{}.66", n % 3), 443, 1 << (14 + n), 9_000)])
            })
            .collect();
        let mut turned = hours.clone();
        turned.reverse();
        assert_eq!(ranked(&hours), ranked(&turned));
    }
}
