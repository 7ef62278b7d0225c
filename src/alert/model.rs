//! The alert: versioned, self-explaining, stable under replay.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detect::Severity;

/// Version of the JSON rendering. Fields are only added within a version.
pub const SCHEMA: &str = "outflow.alert.v1";

/// What one detector saw, and what it would have expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Detector id, `D1`..`D8` or `S1`, see the table in `detect`; `GD` for GuardDuty alone.
    pub id: String,
    /// Evidence in bits, -log2 p after the family correction's inputs.
    pub bits: f64,
    /// What was seen, in the detector's unit.
    pub observed: f64,
    /// The baseline's middle, in the same unit.
    pub expected: f64,
    /// The unit of both, e.g. `bytes/hour`.
    pub unit: String,
    /// Probability of at least this much under the baseline.
    pub p: f64,
    /// Samples behind the baseline.
    pub n: u64,
    /// One clause for a person.
    pub text: String,
}

/// What would have kept this quiet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counterfactual {
    /// `egress_bytes_below` or a named change.
    pub kind: String,
    /// The largest value that raises nothing, in the kind's unit.
    pub value: f64,
    /// One clause for a person.
    pub text: String,
}

/// Coverage of the windows behind an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertCoverage {
    /// Hours behind the incident.
    pub hours: u32,
    /// Five-minute objects missing in them.
    pub missing_objects: u32,
    /// SKIPDATA records in them.
    pub skip_data_records: u64,
    /// Records that came too late for them.
    pub late_records: u64,
    /// Share of the incident's hours that could be seen, in [0, 1].
    pub seen_share: f64,
}

/// What the baseline was when the alert was scored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineInfo {
    /// `learning`, `young` or `mature`.
    pub tier: String,
    /// Days since the ENI was first seen.
    pub age_days: f64,
    /// Hours with records in the look-back.
    pub active_hours: u32,
    /// Confidence factor applied to the bits, in [0, 1].
    pub confidence: f64,
    /// The group whose prior was used.
    pub group: String,
    /// ENIs in that group.
    pub group_enis: u32,
}

/// One of the destinations behind an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// Address or prefix.
    pub peer: String,
    /// IANA protocol number.
    pub protocol: u8,
    /// Service port.
    pub port: u16,
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
}

/// What GuardDuty says about an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GuardDuty {
    /// `agrees`, `silent`, `not_applicable` (IPv6: its findings from flow logs do not cover it),
    /// `not_given` (no findings were read), or `alone` (it speaks, and nothing of ours does).
    pub status: String,
    /// What it adds to the score, bits.
    pub bits: f64,
    /// The findings, the strongest first; at most `limits::FINDINGS_PER_ALERT_MAX`.
    pub findings: Vec<GuardDutyFinding>,
    /// How many findings there are beyond those listed.
    pub findings_more: u64,
}

impl Default for GuardDuty {
    fn default() -> Self {
        Self { status: "not_given".into(), bits: 0.0, findings: Vec::new(), findings_more: 0 }
    }
}

/// A finding that is about an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GuardDutyFinding {
    /// Its ARN.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its severity, 0.1 to 10.
    pub severity: f64,
    /// Why it was joined, one clause.
    pub reason: String,
    /// Whether it says anything that the flow logs do not.
    pub independent: bool,
    /// Put away in GuardDuty: shown, and worth nothing.
    pub archived: bool,
    /// What it is worth, bits.
    pub bits: f64,
    /// First seen, RFC 3339 UTC.
    pub first_seen: String,
    /// Last seen, RFC 3339 UTC.
    pub last_seen: String,
}

/// What tables that were given say about the other end. Empty texts and absent numbers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// The operator's name of its prefix.
    pub name: String,
    /// AWS service, by AWS's list of ranges.
    pub service: String,
    /// Region of that service's range.
    pub service_region: String,
    /// Autonomous system.
    pub asn: Option<u32>,
    /// Who runs it.
    pub as_name: String,
    /// Country, ISO 3166 alpha-2.
    pub country: String,
}

impl Known {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Known {
    /// `backup-partner, AWS S3 of eu-west-1, AS64500 Example Hosting (NL)`; empty when nothing is said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.name.is_empty() {
            parts.push(self.name.clone());
        }
        if !self.service.is_empty() {
            parts.push(format!("AWS {} of {}", self.service, self.service_region));
        }
        let system = self.asn.map(|asn| format!("AS{asn} {}", self.as_name).trim_end().to_owned());
        match (system, self.country.as_str()) {
            (Some(system), "") => parts.push(system),
            (Some(system), country) => parts.push(format!("{system} ({country})")),
            (None, "") => {}
            (None, country) => parts.push(country.to_owned()),
        }
        f.write_str(&parts.join(", "))
    }
}

/// A file beside the logs that the alert depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableVersion {
    /// `ip_ranges`, `asn_db`, `country_db`, `names` or `suppressions`.
    pub kind: String,
    /// BLAKE3 of its bytes, the first 16 hex digits.
    pub blake3: String,
}

/// A suppression that is about the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchedSuppression {
    /// Its id.
    pub id: String,
    /// What it did: `hidden`, `not_needed` (it would not have been told anyway), `over_cap`, `expired`
    /// or `independent_finding` (GuardDuty knows something that whoever granted it did not).
    pub outcome: String,
    /// Who answers for it.
    pub owner: String,
    /// The ticket in which it was granted.
    pub ticket: String,
    /// First day on which it holds no more, `YYYY-MM-DD`.
    pub expires: String,
    /// Most bytes a day that it covers.
    pub max_bytes_per_day: u64,
    /// IP bytes sent on the day in all incidents that it is about.
    pub day_bytes: u64,
}

/// An incident. One line of the JSONL contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// `outflow.alert.v1`.
    pub schema: String,
    /// Hash of (account, ENI, destination key, UTC day), of the ARN where GuardDuty alone speaks:
    /// stable over replays.
    pub id: String,
    /// 1 when first scored; raised each time the incident grew by x4 bytes or a new family.
    pub revision: u32,
    /// The id this incident continues, when the same cause was told on an earlier day.
    pub continues: Option<String>,
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// ENI id.
    pub eni: String,
    /// All ENIs, when one cause was seen at several; else just `eni`.
    pub enis: Vec<String>,
    /// Instance id, empty when unknown.
    pub instance: String,
    /// VPC id, empty when unknown.
    pub vpc: String,
    /// Subnet id, empty when unknown.
    pub subnet: String,
    /// Address or prefix: the destination, at the narrowest level that covers the incident.
    pub peer: String,
    /// The roll-up key that identifies the destination: `aws:S3`, a prefix, or `*`.
    pub destination: String,
    /// AWS service of the peer, empty when unknown.
    pub service: String,
    /// IANA protocol number with most bytes.
    pub protocol: u8,
    /// Service port with most bytes.
    pub port: u16,
    /// `client` (a role that nothing proves counts as client) or `served`.
    pub role: String,
    /// First packet, RFC 3339 UTC.
    pub first_seen: String,
    /// Last packet, RFC 3339 UTC.
    pub last_seen: String,
    /// Start of the first hour scored, RFC 3339 UTC.
    pub window_start: String,
    /// Severity.
    pub severity: Severity,
    /// Risk score, bits.
    pub score: f64,
    /// Whether `watch` sends it.
    pub emitted: bool,
    /// `budget`, `high`, `fleet_change`, `guardduty`, `early` (HIGH, told by `watch` before its hour
    /// had closed, with what was in by then; never in the lake), or why it was kept back: `below_threshold`,
    /// `learning`, `continues`, `guardduty_low`, `suppressed`.
    pub emitted_reason: String,
    /// Event time at which `watch` would have sent it, RFC 3339 UTC; the time it was kept back
    /// when it was not sent.
    pub emitted_at: String,
    /// IP bytes sent in the incident.
    pub egress_bytes: u64,
    /// IP bytes received in the incident.
    pub ingress_bytes: u64,
    /// Bytes sent above the transport layer: IP bytes less headers.
    pub app_bytes: u64,
    /// Packets sent.
    pub egress_packets: u64,
    /// Records of the egress direction.
    pub egress_records: u64,
    /// Per-detector evidence, strongest first.
    pub detectors: Vec<Evidence>,
    /// What would have kept it quiet.
    pub counterfactuals: Vec<Counterfactual>,
    /// The largest destinations behind it.
    pub destinations: Vec<Destination>,
    /// How many destinations there are beyond those listed.
    pub destinations_more: u64,
    /// What GuardDuty says about it.
    #[serde(default)]
    pub guardduty: GuardDuty,
    /// What tables that were given say about the destination.
    #[serde(default, skip_serializing_if = "Known::is_empty")]
    pub known: Known,
    /// Suppressions that are about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressions: Vec<MatchedSuppression>,
    /// Coverage of its windows.
    pub coverage: AlertCoverage,
    /// The baseline it was scored against.
    pub baseline: BaselineInfo,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    /// The emission threshold in force, bits; absent while learning.
    pub threshold: Option<f64>,
    /// One sentence for a person.
    pub sentence: String,
    /// Hash of the baseline snapshot.
    pub snapshot_hash: String,
    /// Hash of the configuration that scoring depends on.
    pub config_hash: String,
    /// Files beside the logs that it depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableVersion>,
    /// Version of outflow.
    pub version: String,
    /// Input objects of its windows, sorted; at most `limits::OBJECTS_PER_HOUR_NAMED_MAX`.
    pub objects: Vec<Arc<str>>,
    /// How many input objects there are beyond those listed.
    pub objects_more: u64,
    /// A DuckDB query, run in the lake's directory, for the ENI's hourly rows of those hours.
    pub query: String,
}

impl Alert {
    /// What tells messages apart: whoever has seen both may drop the alert.
    pub fn name_and_revision(&self) -> (String, u32) {
        (self.id.clone(), self.revision)
    }
}
