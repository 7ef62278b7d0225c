//! One row per ENI: what was seen of it, what it sent, and what was told.

use std::collections::BTreeMap;

use super::super::hourly::class_text;
use super::super::rows::{Row, RowError};
use super::super::table::{Column, Kind, Table};
use super::{ExportScope, alerts, filled, hours};
use crate::alert::Severity;
use crate::baseline::destination::DestinationKey;
use crate::detect::is_transfer;
use crate::lake::{Lake, LakeError};
use crate::limits::EXPORT_DESTINATIONS_MAX;
use crate::window::{EniClass, EniHour, EniId, Role};

/// The roll-up by ENI.
pub static ENI_SUMMARY: Table = Table {
    name: "eni_summary",
    partitions: &[],
    columns: &[
        Column::new("account", Kind::Text, "", "account id"),
        Column::new("region", Kind::Text, "", "region"),
        Column::new("eni", Kind::Text, "", "ENI, TGW attachment or NAT gateway").varied(),
        Column::new("class", Kind::Text, "", "instance or relay; never sum the two"),
        Column::nullable("vpc", Kind::Text, "", "VPC id, the latest seen"),
        Column::nullable("subnet", Kind::Text, "", "subnet id, the latest seen"),
        Column::nullable("instance", Kind::Text, "", "instance id, the latest seen"),
        Column::nullable("eni_group", Kind::Text, "", "peer group, the latest seen"),
        Column::new("first_hour", Kind::TimestampMs, "", "start of the first hour with coverage"),
        Column::new("last_hour", Kind::TimestampMs, "", "start of the last hour with coverage"),
        Column::new("hours", Kind::Int64, "hours", "with coverage"),
        Column::new("seen_share", Kind::Double, "share", "mean share of those hours that could be seen"),
        Column::new("missing_objects", Kind::Int64, "objects", "five-minute objects missing in them"),
        Column::new("skip_data_records", Kind::Int64, "records", "SKIPDATA in them"),
        Column::new("egress_bytes", Kind::Int64, "bytes", "all bytes sent, also rejected and internal"),
        Column::new("ingress_bytes", Kind::Int64, "bytes", "all bytes received"),
        Column::new(
            "external_bytes",
            Kind::Int64,
            "bytes",
            "sent to the outside where the ENI was the client",
        ),
        Column::new("served_bytes", Kind::Int64, "bytes", "sent to the outside where the ENI answered"),
        Column::new("destinations", Kind::Int64, "", "destinations outside, as detectors count them"),
        Column::nullable("top_destination", Kind::Text, "", "the one that got most bytes"),
        Column::new("top_destination_bytes", Kind::Int64, "bytes", "sent to it"),
        Column::new("incidents", Kind::Int64, "", "incidents, told or kept back"),
        Column::new("told", Kind::Int64, "", "incidents told"),
        Column::nullable("severity", Kind::Text, "", "the highest severity told"),
    ],
    doc: "One row per ENI over the time asked for.",
};

#[derive(Default)]
struct Sums {
    latest: Option<EniHour>,
    first_hour: u32,
    hours: u64,
    seen_sum: f64,
    missing_objects: u64,
    skip_data_records: u64,
    egress_bytes: u64,
    ingress_bytes: u64,
    external_bytes: u64,
    served_bytes: u64,
    destinations: BTreeMap<DestinationKey, u64>,
    incidents: u64,
    told: u64,
    severity: Option<Severity>,
}

/// The rows, by account, region and ENI.
pub(super) fn rows(lake: &Lake, scope: &ExportScope<'_>) -> Result<Vec<u8>, LakeError> {
    let mut enis: BTreeMap<EniId, Sums> = BTreeMap::new();
    let mut kept = 0;
    hours(lake, scope, |hour| {
        let sums = enis.entry(hour.id.clone()).or_default();
        let before = sums.destinations.len();
        sums.add(hour, scope);
        kept += sums.destinations.len() - before;
        if kept > EXPORT_DESTINATIONS_MAX {
            return Err(LakeError::TooMany { what: "destinations of ENIs", max: EXPORT_DESTINATIONS_MAX });
        }
        Ok(())
    })?;
    for alert in alerts(lake, scope)? {
        let id = EniId {
            account: alert.account.as_str().into(),
            region: alert.region.as_str().into(),
            eni: alert.eni.as_str().into(),
        };
        let Some(sums) = enis.get_mut(&id) else { continue };
        sums.incidents += 1;
        if alert.emitted {
            sums.told += 1;
            sums.severity = sums.severity.max(Some(alert.severity));
        }
    }
    let rows = enis.into_iter().filter_map(|(id, sums)| Some((id, sums.latest.clone()?, sums)));
    filled(&ENI_SUMMARY, rows, |row, (id, latest, sums)| fill(row, &id, &latest, &sums))
}

impl Sums {
    fn add(&mut self, hour: &EniHour, scope: &ExportScope<'_>) {
        if self.hours == 0 || hour.hour.0 < self.first_hour {
            self.first_hour = hour.hour.0;
        }
        if self.latest.as_ref().is_none_or(|latest| latest.hour <= hour.hour) {
            self.latest = Some(EniHour { flows: Vec::new(), own: Vec::new(), ..hour.clone() });
        }
        self.hours += 1;
        self.seen_sum += hour.coverage.seen_share();
        self.missing_objects += u64::from(hour.coverage.missing_slots());
        self.skip_data_records += hour.coverage.skip_data_records;
        self.egress_bytes = self.egress_bytes.saturating_add(hour.totals.egress_bytes);
        self.ingress_bytes = self.ingress_bytes.saturating_add(hour.totals.ingress_bytes);
        let transfers = hour.flows.iter().filter(|f| scope.internal.is_external(f.peer) && is_transfer(f));
        for flow in transfers {
            if flow.role == Role::Served {
                self.served_bytes = self.served_bytes.saturating_add(flow.egress_bytes);
                continue;
            }
            self.external_bytes = self.external_bytes.saturating_add(flow.egress_bytes);
            // A relay's destinations are those of the instances behind it.
            if hour.class == EniClass::Instance {
                let key = DestinationKey::of(flow.peer, &flow.service, scope.named);
                let sum = self.destinations.entry(key).or_default();
                *sum = sum.saturating_add(flow.egress_bytes);
            }
        }
    }
}

fn fill(row: Row<'_>, id: &EniId, latest: &EniHour, sums: &Sums) -> Result<(), RowError> {
    let top = sums.destinations.iter().max_by_key(|(key, bytes)| (**bytes, std::cmp::Reverse(*key)));
    row.text("account", &id.account)
        .text("region", &id.region)
        .text("eni", &id.eni)
        .text("class", class_text(latest.class))
        .text_or_null("vpc", &latest.vpc)
        .text_or_null("subnet", &latest.subnet)
        .text_or_null("instance", &latest.instance)
        .text_or_null("eni_group", &latest.group)
        .timestamp_ms("first_hour", i64::from(sums.first_hour) * 3_600_000)
        .timestamp_ms("last_hour", latest.hour.start_second() * 1000)
        .count("hours", sums.hours)
        .double("seen_share", (sums.seen_sum / sums.hours as f64 * 1e4).round() / 1e4)
        .count("missing_objects", sums.missing_objects)
        .count("skip_data_records", sums.skip_data_records)
        .count("egress_bytes", sums.egress_bytes)
        .count("ingress_bytes", sums.ingress_bytes)
        .count("external_bytes", sums.external_bytes)
        .count("served_bytes", sums.served_bytes)
        .count("destinations", sums.destinations.len() as u64)
        .text_or_null("top_destination", &top.map(|(key, _)| key.to_string()).unwrap_or_default())
        .count("top_destination_bytes", top.map_or(0, |(_, bytes)| *bytes))
        .count("incidents", sums.incidents)
        .count("told", sums.told)
        .text_or_null("severity", sums.severity.map_or("", Severity::as_str))
        .end()
}
