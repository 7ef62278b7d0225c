//! One row per destination and account: who sends to it, how much and how often.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::rows::{Row, RowError};
use super::super::table::{Column, Kind, Table};
use super::{ExportScope, alerts, filled, hours};
use crate::baseline::destination::DestinationKey;
use crate::detect::is_transfer;
use crate::lake::{Lake, LakeError};
use crate::limits::EXPORT_DESTINATIONS_MAX;
use crate::window::{Day, EniClass, FlowWindow, Role};

/// Ports listed of a destination.
const PORTS_MAX: usize = 5;

/// The roll-up by destination.
pub static DESTINATION_SUMMARY: Table = Table {
    name: "destination_summary",
    partitions: &[],
    columns: &[
        Column::new("account", Kind::Text, "", "account id"),
        Column::new("region", Kind::Text, "", "region"),
        Column::new(
            "destination",
            Kind::Text,
            "",
            "network, AWS service or named prefix, as detectors count it",
        )
        .varied(),
        Column::new("egress_bytes", Kind::Int64, "bytes", "sent by instances as clients, IP layer").varied(),
        Column::new("ingress_bytes", Kind::Int64, "bytes", "received from it").varied(),
        Column::new("app_bytes", Kind::Int64, "bytes", "sent, less IP and transport headers").varied(),
        Column::new("enis", Kind::Int64, "", "ENIs that sent to it"),
        Column::new("days", Kind::Int64, "days", "on which something was sent"),
        Column::new("first_seen", Kind::TimestampMs, "", "first packet").varied(),
        Column::new("last_seen", Kind::TimestampMs, "", "last packet").varied(),
        Column::new("top_eni", Kind::Text, "", "the ENI that sent most"),
        Column::new("top_eni_bytes", Kind::Int64, "bytes", "sent by it").varied(),
        Column::new("ports", Kind::TextList, "", "protocol and port with most bytes, at most five"),
        Column::new("incidents", Kind::Int64, "", "incidents about exactly it, told or kept back"),
        Column::new("told", Kind::Int64, "", "of those, told"),
    ],
    doc: "One row per destination outside, account and region over the time asked for; relays are left out.",
};

type Key = (Arc<str>, Arc<str>, DestinationKey);

#[derive(Default)]
struct Sums {
    egress_bytes: u64,
    ingress_bytes: u64,
    app_bytes: u64,
    first_second: u32,
    last_second: u32,
    days: BTreeSet<Day>,
    enis: BTreeMap<Arc<str>, u64>,
    ports: BTreeMap<(u8, u16), u64>,
}

/// The rows, those that got most first.
pub(super) fn rows(lake: &Lake, scope: &ExportScope<'_>) -> Result<Vec<u8>, LakeError> {
    let mut all: BTreeMap<Key, Sums> = BTreeMap::new();
    hours(lake, scope, |hour| {
        if hour.class != EniClass::Instance {
            return Ok(());
        }
        let transfers = hour.flows.iter().filter(|f| scope.internal.is_external(f.peer) && is_transfer(f));
        for flow in transfers.filter(|flow| flow.role != Role::Served) {
            let key = DestinationKey::of(flow.peer, &flow.service, scope.named);
            let key = (Arc::clone(&hour.id.account), Arc::clone(&hour.id.region), key);
            all.entry(key).or_default().add(flow, &hour.id.eni, hour.hour.day());
        }
        if all.len() > EXPORT_DESTINATIONS_MAX {
            return Err(LakeError::TooMany { what: "destinations", max: EXPORT_DESTINATIONS_MAX });
        }
        Ok(())
    })?;
    let mut incidents: BTreeMap<(String, String, String), (u64, u64)> = BTreeMap::new();
    for alert in alerts(lake, scope)? {
        let counts = incidents.entry((alert.account, alert.region, alert.destination)).or_default();
        counts.0 += 1;
        counts.1 += u64::from(alert.emitted);
    }
    let mut sorted: Vec<(Key, Sums)> = all.into_iter().collect();
    sorted.sort_by(|a, b| b.1.egress_bytes.cmp(&a.1.egress_bytes).then_with(|| a.0.cmp(&b.0)));
    filled(&DESTINATION_SUMMARY, sorted, |row, (key, sums)| {
        let name = (key.0.to_string(), key.1.to_string(), key.2.to_string());
        let counts = incidents.get(&name).copied().unwrap_or_default();
        fill(row, &name, &sums, counts)
    })
}

impl Sums {
    fn add(&mut self, flow: &FlowWindow, eni: &Arc<str>, day: Day) {
        self.first_second =
            if self.days.is_empty() { flow.first_second } else { self.first_second.min(flow.first_second) };
        self.last_second = self.last_second.max(flow.last_second);
        self.egress_bytes = self.egress_bytes.saturating_add(flow.egress_bytes);
        self.ingress_bytes = self.ingress_bytes.saturating_add(flow.ingress_bytes);
        self.app_bytes = self.app_bytes.saturating_add(flow.egress_app_bytes());
        self.days.insert(day);
        let sums = [
            self.enis.entry(Arc::clone(eni)).or_default(),
            self.ports.entry((flow.protocol, flow.port)).or_default(),
        ];
        sums.into_iter().for_each(|sum| *sum = sum.saturating_add(flow.egress_bytes));
    }
}

fn fill(
    row: Row<'_>,
    (account, region, destination): &(String, String, String),
    sums: &Sums,
    (incidents, told): (u64, u64),
) -> Result<(), RowError> {
    let top = sums.enis.iter().max_by_key(|(eni, bytes)| (**bytes, Reverse(*eni)));
    let mut ports: Vec<_> = sums.ports.iter().collect();
    ports.sort_by_key(|(port, bytes)| (Reverse(**bytes), **port));
    let ports = ports.into_iter().take(PORTS_MAX).map(|((protocol, port), _)| port_text(*protocol, *port));
    row.text("account", account)
        .text("region", region)
        .text("destination", destination)
        .count("egress_bytes", sums.egress_bytes)
        .count("ingress_bytes", sums.ingress_bytes)
        .count("app_bytes", sums.app_bytes)
        .count("enis", sums.enis.len() as u64)
        .count("days", sums.days.len() as u64)
        .timestamp_ms("first_seen", i64::from(sums.first_second) * 1000)
        .timestamp_ms("last_seen", i64::from(sums.last_second) * 1000)
        .text("top_eni", top.map_or("", |(eni, _)| eni))
        .count("top_eni_bytes", top.map_or(0, |(_, bytes)| *bytes))
        .list("ports", ports)
        .count("incidents", incidents)
        .count("told", told)
        .end()
}

/// `443/tcp`, `icmp`, `protocol 47`.
fn port_text(protocol: u8, port: u16) -> String {
    match protocol {
        1 => "icmp".to_owned(),
        6 => format!("{port}/tcp"),
        17 => format!("{port}/udp"),
        58 => "icmp6".to_owned(),
        other => format!("protocol {other}"),
    }
}
