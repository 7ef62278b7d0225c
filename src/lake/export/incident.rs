//! One row per incident, its last revision, without what only machines read.

use super::super::alerts::Prepared;
use super::super::rows::{Row, RowError};
use super::super::table::{Column, Kind, Table};
use super::{ExportScope, alerts, filled};
use crate::lake::{Lake, LakeError};

/// The roll-up by incident.
pub static INCIDENT_SUMMARY: Table = Table {
    name: "incident_summary",
    partitions: &[],
    columns: &[
        Column::new("id", Kind::Text, "", "stable id of the incident").varied(),
        Column::new("severity", Kind::Text, "", "LOW, MEDIUM, HIGH or CRITICAL"),
        Column::new("score", Kind::Double, "bits", "risk score"),
        Column::new("told", Kind::Bool, "", "whether it was sent"),
        Column::new("reason", Kind::Text, "", "why it was sent or kept back"),
        Column::new("window_start", Kind::TimestampMs, "", "start of the first hour scored"),
        Column::new("first_seen", Kind::TimestampMs, "", "first packet"),
        Column::new("last_seen", Kind::TimestampMs, "", "last packet"),
        Column::new("told_at", Kind::TimestampMs, "", "event time at which it was sent or kept back"),
        Column::new("account", Kind::Text, "", "account id"),
        Column::new("region", Kind::Text, "", "region"),
        Column::new("eni", Kind::Text, "", "ENI"),
        Column::new("enis", Kind::TextList, "", "all ENIs of the incident"),
        Column::nullable("instance", Kind::Text, "", "instance id"),
        Column::nullable("vpc", Kind::Text, "", "VPC id"),
        Column::nullable("subnet", Kind::Text, "", "subnet id"),
        Column::nullable("eni_group", Kind::Text, "", "peer group of the ENI"),
        Column::new("peer", Kind::Text, "", "destination address or prefix"),
        Column::new("destination", Kind::Text, "", "roll-up key of the destination"),
        Column::nullable("known_as", Kind::Text, "", "what the tables given say about it"),
        Column::nullable("service", Kind::Text, "", "AWS service of the peer"),
        Column::new("protocol", Kind::Int32, "", "IANA protocol number with most bytes"),
        Column::new("port", Kind::Int32, "", "service port with most bytes"),
        Column::new("role", Kind::Text, "", "client or served"),
        Column::new("egress_bytes", Kind::Int64, "bytes", "sent in the incident, IP layer"),
        Column::new("ingress_bytes", Kind::Int64, "bytes", "received in the incident, IP layer"),
        Column::new("detectors", Kind::TextList, "", "detectors with evidence, strongest first"),
        Column::new("attack", Kind::TextList, "", "MITRE ATT&CK technique ids"),
        Column::new("seen_share", Kind::Double, "share", "share of the incident's hours that could be seen"),
        Column::new("guardduty", Kind::Text, "", "agrees, silent, not_applicable, not_given or alone"),
        Column::new("suppressions", Kind::TextList, "", "suppressions that are about it, with what they did"),
        Column::nullable("continues", Kind::Text, "", "id of the incident it continues"),
        Column::new("sentence", Kind::Text, "", "the incident in one sentence").varied(),
    ],
    doc: "One row per incident that began in the time asked for, told or kept back.",
};

/// The rows, by day, account, region and start.
pub(super) fn rows(lake: &Lake, scope: &ExportScope<'_>) -> Result<Vec<u8>, LakeError> {
    let alerts = alerts(lake, scope)?;
    let prepared: Result<Vec<Prepared<'_>>, LakeError> = alerts.iter().map(Prepared::new).collect();
    filled(&INCIDENT_SUMMARY, prepared?, |row, prepared| fill(row, &prepared))
}

fn fill(row: Row<'_>, prepared: &Prepared<'_>) -> Result<(), RowError> {
    let alert = prepared.alert;
    row.text("id", &alert.id)
        .text("severity", alert.severity.as_str())
        .double("score", alert.score)
        .bool("told", alert.emitted)
        .text("reason", &alert.emitted_reason)
        .timestamp_ms("window_start", prepared.window_start_ms)
        .timestamp_ms("first_seen", prepared.first_seen_ms)
        .timestamp_ms("last_seen", prepared.last_seen_ms)
        .timestamp_ms("told_at", prepared.emitted_at_ms)
        .text("account", &alert.account)
        .text("region", &alert.region)
        .text("eni", &alert.eni)
        .list("enis", &alert.enis)
        .text_or_null("instance", &alert.instance)
        .text_or_null("vpc", &alert.vpc)
        .text_or_null("subnet", &alert.subnet)
        .text_or_null("eni_group", &alert.baseline.group)
        .text("peer", &alert.peer)
        .text("destination", &alert.destination)
        .text_or_null("known_as", &alert.known.to_string())
        .text_or_null("service", &alert.service)
        .int32("protocol", alert.protocol)
        .int32("port", alert.port)
        .text("role", &alert.role)
        .count("egress_bytes", alert.egress_bytes)
        .count("ingress_bytes", alert.ingress_bytes)
        .list("detectors", alert.detectors.iter().map(|evidence| &evidence.id))
        .list("attack", &alert.attack)
        .double("seen_share", alert.coverage.seen_share)
        .text("guardduty", &alert.guardduty.status)
        .list("suppressions", alert.suppressions.iter().map(|s| format!("{}:{}", s.id, s.outcome)))
        .text_or_null("continues", alert.continues.as_deref().unwrap_or_default())
        .text("sentence", &alert.sentence)
        .end()
}
