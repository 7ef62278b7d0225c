//! `alerts/`: one row per incident, also those that were kept back. The flat columns are for
//! queries; `json` is the whole alert, byte for byte the line of the JSONL contract.

use crate::alert::Alert;

use super::error::LakeError;
use super::rows::{Row, RowError};
use super::table::{Column, Kind, Table};

/// The `alerts` data set.
pub static ALERTS: Table = Table {
    name: "alerts",
    partitions: &["account", "region", "date"],
    columns: &[
        Column::new("id", Kind::Text, "", "stable id of the incident").varied(),
        Column::new("revision", Kind::Int64, "", "1 when first scored, raised as it grew"),
        Column::nullable("continues", Kind::Text, "", "id of the incident it continues"),
        Column::new("eni", Kind::Text, "", "ENI"),
        Column::new("enis", Kind::TextList, "", "all ENIs of the incident"),
        Column::nullable("instance", Kind::Text, "", "instance id"),
        Column::nullable("vpc", Kind::Text, "", "VPC id"),
        Column::nullable("subnet", Kind::Text, "", "subnet id"),
        Column::new("peer", Kind::Text, "", "destination address or prefix"),
        Column::new("destination", Kind::Text, "", "roll-up key of the destination"),
        Column::nullable("service", Kind::Text, "", "AWS service of the peer"),
        Column::new("protocol", Kind::Int32, "", "IANA protocol number with most bytes"),
        Column::new("port", Kind::Int32, "", "service port with most bytes"),
        Column::new("role", Kind::Text, "", "client, served or unknown"),
        Column::new("first_seen", Kind::TimestampMs, "", "first packet"),
        Column::new("last_seen", Kind::TimestampMs, "", "last packet"),
        Column::new("window_start", Kind::TimestampMs, "", "start of the first hour scored"),
        Column::new("severity", Kind::Text, "", "LOW, MEDIUM, HIGH or CRITICAL"),
        Column::new("score", Kind::Double, "bits", "risk score"),
        Column::nullable(
            "threshold",
            Kind::Double,
            "bits",
            "emission threshold in force; NULL while learning",
        ),
        Column::new("emitted", Kind::Bool, "", "whether it is sent"),
        Column::new("emitted_reason", Kind::Text, "", "why it is sent or kept back"),
        Column::new("emitted_at", Kind::TimestampMs, "", "event time at which it is sent or was kept back"),
        Column::new("egress_bytes", Kind::Int64, "bytes", "sent in the incident, IP layer"),
        Column::new("ingress_bytes", Kind::Int64, "bytes", "received in the incident, IP layer"),
        Column::new("app_bytes", Kind::Int64, "bytes", "sent, less IP and transport headers"),
        Column::new("egress_packets", Kind::Int64, "packets", "sent in the incident"),
        Column::new("egress_records", Kind::Int64, "records", "flow records of the egress direction"),
        Column::new("detectors", Kind::TextList, "", "detectors with evidence, strongest first"),
        Column::new("attack", Kind::TextList, "", "MITRE ATT&CK technique ids"),
        Column::new("seen_share", Kind::Double, "share", "share of the incident's hours that could be seen"),
        Column::new("guardduty", Kind::Text, "", "agrees, silent, not_applicable, not_given or alone"),
        Column::new("guardduty_bits", Kind::Double, "bits", "what GuardDuty adds to the score"),
        Column::new("guardduty_findings", Kind::TextList, "", "ARNs of its findings, strongest first"),
        Column::new("sentence", Kind::Text, "", "the incident in one sentence").varied(),
        Column::new("snapshot_hash", Kind::Text, "", "hash of the baseline snapshot"),
        Column::new("config_hash", Kind::Text, "", "hash of the configuration behind the score"),
        Column::new("version", Kind::Text, "", "version of outflow"),
        Column::new("json", Kind::Text, "", "the whole alert, one line of the JSONL contract").varied(),
    ],
    doc: "One row per incident, sent or kept back, with the reason.",
};

/// An alert with its times and its JSON made ready, so that filling a row cannot fail on them.
pub(super) struct Prepared<'a> {
    pub(super) alert: &'a Alert,
    pub(super) first_seen_ms: i64,
    pub(super) last_seen_ms: i64,
    pub(super) window_start_ms: i64,
    pub(super) emitted_at_ms: i64,
    json: String,
}

impl<'a> Prepared<'a> {
    /// Parses the times, renders the JSON, and makes sure that it reads back: an alert that
    /// cannot be read is better refused now than found out months later.
    pub(super) fn new(alert: &'a Alert) -> Result<Self, LakeError> {
        let refuse = |detail: String| LakeError::Alert { id: alert.id.clone(), detail };
        let time = |name: &str, text: &str| {
            let parsed: Result<jiff::Timestamp, _> = text.parse();
            parsed.map(jiff::Timestamp::as_millisecond).map_err(|error| refuse(format!("{name}: {error}")))
        };
        let json = serde_json::to_string(alert).map_err(|error| refuse(error.to_string()))?;
        serde_json::from_str::<Alert>(&json).map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            alert,
            first_seen_ms: time("first_seen", &alert.first_seen)?,
            last_seen_ms: time("last_seen", &alert.last_seen)?,
            window_start_ms: time("window_start", &alert.window_start)?,
            emitted_at_ms: time("emitted_at", &alert.emitted_at)?,
            json,
        })
    }

    /// Order of rows within a partition.
    pub(super) fn order(&self) -> (i64, &str, u32) {
        (self.window_start_ms, &self.alert.id, self.alert.revision)
    }

    /// One row.
    pub(super) fn fill(&self, row: Row<'_>) -> Result<(), RowError> {
        let alert = self.alert;
        row.text("id", &alert.id)
            .int64("revision", i64::from(alert.revision))
            .text_or_null("continues", alert.continues.as_deref().unwrap_or_default())
            .text("eni", &alert.eni)
            .list("enis", &alert.enis)
            .text_or_null("instance", &alert.instance)
            .text_or_null("vpc", &alert.vpc)
            .text_or_null("subnet", &alert.subnet)
            .text("peer", &alert.peer)
            .text("destination", &alert.destination)
            .text_or_null("service", &alert.service)
            .int32("protocol", alert.protocol)
            .int32("port", alert.port)
            .text("role", &alert.role)
            .timestamp_ms("first_seen", self.first_seen_ms)
            .timestamp_ms("last_seen", self.last_seen_ms)
            .timestamp_ms("window_start", self.window_start_ms)
            .text("severity", alert.severity.as_str())
            .double("score", alert.score)
            .double("threshold", alert.threshold)
            .bool("emitted", alert.emitted)
            .text("emitted_reason", &alert.emitted_reason)
            .timestamp_ms("emitted_at", self.emitted_at_ms)
            .count("egress_bytes", alert.egress_bytes)
            .count("ingress_bytes", alert.ingress_bytes)
            .count("app_bytes", alert.app_bytes)
            .count("egress_packets", alert.egress_packets)
            .count("egress_records", alert.egress_records)
            .list("detectors", alert.detectors.iter().map(|evidence| &evidence.id))
            .list("attack", &alert.attack)
            .double("seen_share", alert.coverage.seen_share)
            .text("guardduty", &alert.guardduty.status)
            .double("guardduty_bits", alert.guardduty.bits)
            .list("guardduty_findings", alert.guardduty.findings.iter().map(|finding| &finding.id))
            .text("sentence", &alert.sentence)
            .text("snapshot_hash", &alert.snapshot_hash)
            .text("config_hash", &alert.config_hash)
            .text("version", &alert.version)
            .text("json", &self.json)
            .end()
    }
}
