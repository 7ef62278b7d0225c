//! Silent-leak headroom: the most that could have left an ENI on one day without a message.
//!
//! The day is lived again with a transfer added, spread evenly over the hours in which the ENI was
//! seen, which is how a patient thief hides it; bisection finds the largest that raises nothing. It
//! is what the detectors let pass, not what they promise: another hour, port or shape is another
//! number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::baseline::destination::DestinationKey;
use crate::baseline::eni::{EniHistory, EniModel, EniToday, Tier};
use crate::detect::{EniContext, Incidents, Settings, Subject, score_hour};
use crate::net::Prefix;
use crate::pipeline::Standpoint;
use crate::record::Action;
use crate::window::{EniClass, EniHour, EniId, FlowWindow, Role};

/// The most that is tried, bytes a day: 1 TiB.
pub const PROBE_BYTES_MAX: u64 = 1 << 40;
/// Halvings of the range of 40 octaves: to within 1 %.
const STEPS: u32 = 12;
/// IP bytes of a packet of a bulk transfer.
const PACKET_BYTES: u64 = 1_440;
/// The place for something new: documentation addresses (RFC 5737), used by nobody.
const NEW_PEERS: [&str; 3] = ["192.0.2.1/32", "198.51.100.1/32", "203.0.113.1/32"];

/// What could have left one ENI unseen.
#[derive(Clone, Debug, PartialEq)]
pub struct Headroom {
    /// Who.
    pub eni: EniId,
    /// How well it is known.
    pub tier: Tier,
    /// To a destination that is new to it, IP bytes a day; `PROBE_BYTES_MAX`: nothing is noticed.
    pub new_bytes: u64,
    /// To the destination it sends most to, above what it sends anyway, IP bytes a day; `None`: it
    /// has none with a volume model.
    pub known_bytes: Option<u64>,
    /// That destination.
    pub known_destination: Option<String>,
}

/// The headroom of every instance ENI with hours on the day of `standpoint`; `hours` are that
/// day's, in order. Sorted by ENI.
pub fn headroom(standpoint: &Standpoint<'_>, settings: &Settings, hours: Vec<EniHour>) -> Vec<Headroom> {
    let mut by_eni: BTreeMap<EniId, Vec<EniHour>> = BTreeMap::new();
    for hour in hours {
        if hour.class == EniClass::Instance && hour.coverage.is_observed() {
            by_eni.entry(hour.id.clone()).or_default().push(hour);
        }
    }
    let blank = EniHistory::new(standpoint.snapshot.day.first_hour()).model(standpoint.snapshot.day);
    by_eni
        .into_par_iter()
        .map(|(id, hours)| Probe::new(standpoint, settings, &blank, &id, &hours).measure())
        .collect()
}

/// One ENI's day, ready to be lived many times.
struct Probe<'a> {
    standpoint: &'a Standpoint<'a>,
    settings: &'a Settings,
    context: EniContext<'a>,
    id: &'a EniId,
    hours: &'a [EniHour],
}

impl<'a> Probe<'a> {
    fn new(
        standpoint: &'a Standpoint<'a>,
        settings: &'a Settings,
        blank: &'a EniModel,
        id: &'a EniId,
        hours: &'a [EniHour],
    ) -> Self {
        let at = id.place();
        let context = EniContext {
            model: standpoint.snapshot.enis.get(id).unwrap_or(blank),
            history: standpoint.history.enis.get(id),
            fleet: standpoint.snapshot.fleets.get(&at).unwrap_or(standpoint.blank_fleet),
            fleet_history: standpoint.history.fleets.get(&at),
        };
        Self { standpoint, settings, context, id, hours }
    }

    fn measure(&self) -> Headroom {
        let told = self.told(None);
        let most = |flow: &FlowWindow| {
            let quiet = |bytes| self.told(Some((flow, bytes))).is_subset(&told);
            largest(quiet)
        };
        let first_hour = self.context.history.map_or(self.hours[0].hour.0, |h| h.first_hour);
        let known = self.busiest_known();
        Headroom {
            eni: self.id.clone(),
            tier: Tier::of_age(self.hours[0].hour.0.saturating_sub(first_hour)),
            new_bytes: most(&self.new_flow()),
            known_bytes: known.as_ref().map(|(_, flow)| most(flow)),
            known_destination: known.map(|(key, _)| key.to_string()),
        }
    }

    /// Subjects that are told on the day with `bytes` more in the likeness of a flow.
    fn told(&self, more: Option<(&FlowWindow, u64)>) -> BTreeSet<Subject> {
        let mut incidents = Incidents::default();
        let mut today = EniToday::new(self.hours[0].hour);
        if let Some(history) = self.context.history {
            today.group = Arc::clone(&history.group);
        }
        for hour in self.hours {
            let mut lived = hour.clone();
            if let Some((flow, bytes)) = more {
                add(&mut lived, flow, bytes / self.hours.len() as u64);
            }
            let outcome = score_hour(&lived, &self.context, self.settings, &mut today, &|_| false);
            let group = Arc::clone(&today.group);
            incidents.note(&lived, &group, outcome, self.standpoint.threshold);
            incidents.decide(lived.hour, lived.hour.end_second(), &|_, _| 0);
        }
        let ended = incidents.end_day(self.standpoint.snapshot.day);
        ended.into_iter().filter(|i| i.kept.is_sent()).map(|i| i.subject).collect()
    }

    fn new_flow(&self) -> FlowWindow {
        let prefixes = NEW_PEERS.map(|text| text.parse::<Prefix>().expect("a constant prefix"));
        let is_new = |peer: &Prefix| {
            let key = DestinationKey::of(*peer, &"".into(), &self.settings.named);
            !self.context.model.destinations.contains_key(&key)
        };
        let peer = prefixes.into_iter().find(is_new).unwrap_or(prefixes[0]);
        FlowWindow {
            role: Role::Client,
            peer,
            protocol: 6,
            port: 443,
            action: Some(Action::Accept),
            service: "".into(),
            egress_bytes: 0,
            egress_packets: 0,
            egress_records: 0,
            ingress_bytes: 0,
            ingress_packets: 0,
            ingress_records: 0,
            first_second: 0,
            last_second: 0,
            egress_flags: 0,
            ingress_flags: 0,
            traffic_paths: 0,
            minutes: 0,
        }
    }

    /// The destination with a volume model that most was sent to on the day, and its largest flow.
    fn busiest_known(&self) -> Option<(DestinationKey, FlowWindow)> {
        let rotating = &self.context.model.rotating;
        let mut sent: BTreeMap<DestinationKey, (u64, &FlowWindow)> = BTreeMap::new();
        for flow in self.hours.iter().flat_map(|hour| &hour.flows) {
            let is_client = flow.role == Role::Client && flow.action != Some(Action::Reject);
            if !is_client || !self.settings.internal.is_external(flow.peer) {
                continue;
            }
            let key =
                DestinationKey::of(flow.peer, &flow.service, &self.settings.named).rolled_into(rotating);
            if matches!(self.context.model.destinations.get(&key), Some(Some(_))) {
                let (bytes, largest) = sent.entry(key).or_insert((0, flow));
                *bytes += flow.egress_bytes;
                if flow.egress_bytes > largest.egress_bytes {
                    *largest = flow;
                }
            }
        }
        let (key, (_, flow)) = sent.into_iter().max_by_key(|(_, (bytes, _))| *bytes)?;
        Some((key, flow.clone()))
    }
}

/// Adds a transfer of `bytes` IP bytes in the likeness of `like` to an hour.
fn add(hour: &mut EniHour, like: &FlowWindow, bytes: u64) {
    let packets = bytes.div_ceil(PACKET_BYTES);
    let order = |flow: &FlowWindow| (flow.role, flow.peer, flow.protocol, flow.port, flow.action);
    let at = hour.flows.binary_search_by(|flow| order(flow).cmp(&order(like)));
    let at = at.unwrap_or_else(|at| {
        let start_second = hour.hour.start_second() as u32;
        let fresh = FlowWindow {
            egress_bytes: 0,
            egress_packets: 0,
            egress_records: 0,
            ingress_bytes: 0,
            ingress_packets: 0,
            ingress_records: 0,
            first_second: start_second,
            last_second: start_second + 3599,
            ..like.clone()
        };
        hour.flows.insert(at, fresh);
        at
    });
    let flow = &mut hour.flows[at];
    flow.egress_bytes = flow.egress_bytes.saturating_add(bytes);
    flow.egress_packets = flow.egress_packets.saturating_add(packets);
    flow.egress_records = flow.egress_records.saturating_add(1);
    // An acknowledgement for every second packet, 52 bytes with timestamps.
    flow.ingress_packets = flow.ingress_packets.saturating_add(packets.div_ceil(2));
    flow.ingress_bytes = flow.ingress_bytes.saturating_add(packets.div_ceil(2) * 52);
    flow.ingress_records = flow.ingress_records.saturating_add(1);
    hour.totals.egress_bytes = hour.totals.egress_bytes.saturating_add(bytes);
}

/// The largest number of bytes, to within 1 %, for which `quiet` holds; bisected by octaves.
fn largest(quiet: impl Fn(u64) -> bool) -> u64 {
    if quiet(PROBE_BYTES_MAX) {
        return PROBE_BYTES_MAX;
    }
    let (mut below, mut above) = (0.0_f64, (PROBE_BYTES_MAX as f64).log2());
    for _ in 0..STEPS {
        let middle = f64::midpoint(below, above);
        if quiet(middle.exp2() as u64) { below = middle } else { above = middle }
    }
    if below == 0.0 { 0 } else { below.exp2() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_ends_within_a_percent_below_the_edge() {
        for edge in [1_500_u64, 123_456_789, 900_000_000_000] {
            let found = largest(|bytes| bytes <= edge);
            assert!(found <= edge && found as f64 > edge as f64 * 0.99, "{found} for {edge}");
        }
        assert_eq!(largest(|_| true), PROBE_BYTES_MAX);
        assert_eq!(largest(|_| false), 0);
    }

    #[test]
    fn the_words_of_a_rate_are_exact_at_both_ends() {
        let steps = (PROBE_BYTES_MAX as f64).log2() / f64::from(1_u32 << STEPS);
        assert!(steps.exp2() < 1.01, "the grid is finer than the percent that is promised");
    }
}
