//! What the detectors look at, from one closed ENI-hour.
//!
//! Flows are grouped by destination or client and summed. Few of either stand out in an hour, so
//! what an alert shows of them (`KeyHour`) is put together from their flows when it is asked for.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::grouped::{ByKey, Groups};
use super::protocol::RareEvent;
use super::traffic::KeyHour;
use super::unit::Subject;
use super::{Settings, stretch};
use crate::baseline::destination::DestinationKey;
use crate::limits::PAIRS_PER_ENI_HOUR_MAX;
use crate::net::Prefix;
use crate::record::Action;
use crate::window::{EniHour, FlowWindow, Role};

/// Packets or application bytes below which a flow is a knock, not a transfer (detection.md B.1:
/// one-packet and denied flows are the bulk of published false alarms).
const PACKETS_MIN: u64 = 4;
const APP_BYTES_MIN: u64 = 1024;

/// What detectors compare of one destination or client in one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySums {
    /// Bytes sent above the transport layer.
    pub app_bytes: u64,
    /// Bytes received above the transport layer.
    pub ingress_app_bytes: u64,
    /// Packets received.
    pub ingress_packets: u64,
    /// A protocol used against its nature, with the application bytes of it.
    pub rare: Option<(RareEvent, u64)>,
    /// Minutes of the hour in which an egress record ended, bit 0 is minute 0.
    pub minutes: u64,
    /// Most that one peer and port of a destination got, weighted by the square of the share of
    /// the hour for which it went on without a gap, application bytes.
    pub sustained_bytes: u64,
    /// AWS service of the peers, `None` when unknown.
    pub(super) service: Option<Arc<str>>,
    /// Its flows in [`EniFeatures`].
    pub(super) flows: Range<usize>,
}

impl KeySums {
    pub(super) fn note_service(&mut self, service: &Arc<str>) {
        if **service > *self.service.as_deref().unwrap_or_default() {
            self.service = Some(Arc::clone(service));
        }
    }

    fn add(&mut self, flow: &FlowWindow) {
        self.app_bytes = self.app_bytes.saturating_add(flow.egress_app_bytes());
        self.ingress_app_bytes = self.ingress_app_bytes.saturating_add(flow.ingress_app_bytes());
        self.ingress_packets = self.ingress_packets.saturating_add(flow.ingress_packets);
        self.minutes |= flow.minutes;
    }

    fn add_client(&mut self, flow: &FlowWindow, rare: Option<RareEvent>, interval_seconds: u16) {
        self.add(flow);
        let app_bytes = flow.egress_app_bytes();
        let sustained = stretch::sustained_bytes(app_bytes, flow.minutes, interval_seconds);
        self.sustained_bytes = self.sustained_bytes.max(sustained);
        if let Some(event) = rare
            && self.rare.is_none_or(|(_, have)| have < app_bytes)
        {
            self.rare = Some((event, app_bytes));
        }
    }
}

/// Whether a flow was accepted and is more than a knock.
pub fn is_transfer(flow: &FlowWindow) -> bool {
    flow.action != Some(Action::Reject)
        && (flow.egress_packets >= PACKETS_MIN || flow.egress_app_bytes() >= APP_BYTES_MIN)
}

/// One ENI-hour, external traffic only.
#[derive(Clone, Debug, Default)]
pub struct EniFeatures {
    /// Destinations of the client (or unknown) role.
    pub destinations: ByKey<DestinationKey, KeySums>,
    /// Application bytes to all of them.
    pub client_app_bytes: u64,
    /// Clients served, by /24 or /48.
    pub served: ByKey<Prefix, KeySums>,
    /// Networks (/24, /48) contacted with an answer or data.
    pub fan_out: u64,
    /// Networks whose contact was rejected.
    pub rejected_fan_out: u64,
    /// (peer, protocol, port) whose contact was rejected.
    pub refused: u64,
    /// (protocol, port) it served on, sorted.
    pub listeners: Vec<(u8, u16)>,
    /// Indexes of the hour's flows, those of a destination or client together.
    flows: Vec<u32>,
}

impl EniFeatures {
    /// Reads them off a closed hour. `rotating` are the networks that are one destination each
    /// for this ENI; `is_port_known` says whether the ENI or the account has
    /// used a client port before.
    pub fn of(
        hour: &EniHour,
        settings: &Settings,
        rotating: &BTreeSet<Prefix>,
        is_port_known: impl Fn(u8, u16) -> bool,
    ) -> Self {
        let mut features = Self { flows: Vec::with_capacity(hour.flows.len()), ..Self::default() };
        let (mut clients, mut served) = (Groups::of_at_most(hour.flows.len()), Groups::default());
        let (mut reached, mut refused) = (Vec::with_capacity(hour.flows.len()), Vec::new());
        // Flows come by peer, so most ask what the one before has asked.
        let mut last_peer: Option<(Prefix, bool)> = None;
        let mut last_client: Option<(Prefix, &Arc<str>)> = None;
        for (flow, at) in hour.flows.iter().zip(0_u32..) {
            let listener = (flow.protocol, flow.port);
            if flow.role == Role::Served && features.listeners.last() != Some(&listener) {
                features.listeners.push(listener);
            }
            let is_external = match last_peer {
                Some((peer, is_external)) if peer == flow.peer => is_external,
                _ => settings.internal.is_external(flow.peer),
            };
            last_peer = Some((flow.peer, is_external));
            if !is_external {
                continue;
            }
            if flow.action == Some(Action::Reject) {
                if flow.role != Role::Served && flow.egress_records > 0 {
                    refused.push(flow.peer.widen(24, 48));
                    features.refused += 1;
                }
                continue;
            }
            if !is_transfer(flow) {
                continue;
            }
            if flow.role == Role::Served {
                served.add(flow.peer.widen(24, 48), &flow.service, at);
                continue;
            }
            if matches!(flow.protocol, 1 | 58) && RareEvent::of(flow, settings, &is_port_known).is_none() {
                // Pings of ours, and echoes to strangers who ping: nobody's destination.
                continue;
            }
            if last_client == Some((flow.peer, &flow.service)) {
                clients.add_to_last(at);
                continue;
            }
            last_client = Some((flow.peer, &flow.service));
            reached.push(flow.peer.widen(24, 48));
            let listed = settings.services.find(flow.peer).filter(|_| flow.service.is_empty());
            let service = listed.unwrap_or(&flow.service);
            let key = DestinationKey::of(flow.peer, service, &settings.named).rolled_into(rotating);
            clients.add(key, service, at);
        }
        // Rolled up beyond ranges, there were at least as many as the cap lets through.
        let floor = if hour.rollup_level >= 2 { PAIRS_PER_ENI_HOUR_MAX as u64 } else { 0 };
        features.fan_out = floor.max(distinct(reached));
        features.rejected_fan_out = distinct(refused);
        features.listeners.sort_unstable();
        features.listeners.dedup();
        features.destinations = clients.into_keyed(&mut features.flows);
        features.served = served.into_keyed(&mut features.flows);
        features.sum(hour, |flow| RareEvent::of(flow, settings, &is_port_known));
        features
    }

    /// Adds up the flows of each destination and client.
    fn sum(&mut self, hour: &EniHour, rare: impl Fn(&FlowWindow) -> Option<RareEvent>) {
        let interval_seconds = hour.coverage.interval_seconds;
        for sums in self.destinations.values_mut() {
            for flow in flows_of(hour, &self.flows, sums.flows.clone()) {
                sums.add_client(flow, rare(flow), interval_seconds);
                self.client_app_bytes = self.client_app_bytes.saturating_add(flow.egress_app_bytes());
            }
        }
        for sums in self.served.values_mut() {
            flows_of(hour, &self.flows, sums.flows.clone()).for_each(|flow| sums.add(flow));
        }
    }

    /// What was exchanged with one destination or client in `hour`, which these are the features of.
    pub fn traffic(&self, hour: &EniHour, subject: &Subject) -> Option<KeyHour> {
        let sums = match subject {
            Subject::Destination(key) => self.destinations.get(key),
            Subject::Served(prefix) => self.served.get(prefix),
            Subject::Spread => None,
        };
        sums.map(|sums| self.traffic_of(hour, sums))
    }

    /// What was exchanged with the destination or client of `sums`.
    pub fn traffic_of(&self, hour: &EniHour, sums: &KeySums) -> KeyHour {
        KeyHour::of(sums, flows_of(hour, &self.flows, sums.flows.clone()))
    }

    /// The (protocol, port) of a destination that were used as a proven client, sorted, into `ports`.
    /// A role that nothing proves teaches no port: it may be a reply from a high port.
    pub(super) fn ports_of(&self, hour: &EniHour, sums: &KeySums, ports: &mut Vec<(u8, u16)>) {
        let flows = flows_of(hour, &self.flows, sums.flows.clone());
        ports.clear();
        ports.extend(flows.filter(|flow| flow.role == Role::Client).map(|flow| (flow.protocol, flow.port)));
        ports.sort_unstable();
        ports.dedup();
    }
}

/// The flows of an hour with these places in an order of them.
fn flows_of<'a>(
    hour: &'a EniHour,
    order: &'a [u32],
    range: Range<usize>,
) -> impl Iterator<Item = &'a FlowWindow> {
    order[range].iter().map(|at| &hour.flows[*at as usize])
}

/// How many different networks there are.
fn distinct(mut networks: Vec<Prefix>) -> u64 {
    networks.sort_unstable();
    networks.dedup();
    networks.len() as u64
}
