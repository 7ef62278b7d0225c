//! What the page knows: plain values, ready to be shown. Times are Unix seconds, sizes bytes.
//!
//! Everything here that came from logs or from GuardDuty is plain text. The page puts it in as
//! text, never as markup.

use serde::Serialize;

/// Version of the model; the page that reads it is in the same file, so it only names it.
pub const SCHEMA: &str = "outflow.report.v1";

/// Everything on the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Model {
    /// `outflow.report.v1`.
    pub schema: &'static str,
    /// Version of outflow that wrote the page.
    pub version: &'static str,
    /// The report in one sentence.
    pub headline: String,
    /// What to know beside it: the worst incident, GuardDuty, what was kept back.
    pub summary: String,
    /// What was looked at, in one sentence: belongs to every "nothing found".
    pub looked_at: String,
    /// Start of the first hour reported on.
    pub from_second: i64,
    /// End of the last hour reported on.
    pub to_second: i64,
    /// How much could be seen.
    pub coverage: Coverage,
    /// How many incidents there are.
    pub counts: Counts,
    /// The incidents, worst first; at most `limits::REPORT_INCIDENTS_MAX`.
    pub incidents: Vec<Incident>,
    /// The fleet around them.
    pub fleet: Fleet,
}

/// How much could be seen, from the lake's `coverage` and `snapshots`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Coverage {
    /// UTC hours of the range with anything from flow logs.
    pub hours_seen: u64,
    /// UTC hours of the range.
    pub hours: u64,
    /// ENI-hours with anything from flow logs.
    pub eni_hours: u64,
    /// Share of those that could be seen, 0 to 1: less missing objects and SKIPDATA.
    pub seen_share: f64,
    /// Stretches without any flow log of an account and region, longest first; at most
    /// `limits::REPORT_GAPS_MAX`.
    pub gaps: Vec<Gap>,
    /// Gaps beyond those.
    pub gaps_more: u64,
    /// Five-minute objects missing, by account, region and hour.
    pub missing_objects: u64,
    /// Records with status OK.
    pub records: u64,
    /// Intervals in which AWS lost records.
    pub skip_data_records: u64,
    /// Records that came too late for their hour.
    pub late_records: u64,
    /// Records whose direction stayed unknown.
    pub direction_unknown_records: u64,
    /// ENI-hours with more peers than are kept apart; counted by prefix.
    pub rolled_up_eni_hours: u64,
    /// ENIs seen, hosts and relays.
    pub enis: u64,
    /// Relays among them: they carry other people's bytes and are not judged.
    pub relays: u64,
    /// Hosts seen for less than 3 days: only what is HIGH is told of them.
    pub enis_learning: u64,
    /// Hosts seen for 3 to 14 days.
    pub enis_young: u64,
    /// Bytes that hosts sent, inside and outside.
    pub egress_bytes: u64,
}

/// A stretch without any flow log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Start of its first hour.
    pub from_second: i64,
    /// Whole hours.
    pub hours: u64,
}

/// How many incidents there are in the range, listed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Told, by severity: LOW, MEDIUM, HIGH, CRITICAL.
    pub told: [u64; 4],
    /// Kept back.
    pub kept_back: u64,
    /// Not in the list because it is full.
    pub not_listed: u64,
    /// Interfaces with an incident that was told.
    pub told_enis: u64,
    /// Told, and GuardDuty agrees or speaks alone.
    pub with_guardduty: u64,
    /// Whether any scan was given findings.
    pub guardduty_given: bool,
    /// How many incidents have a chart; the worst.
    pub charted: u64,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// Stable id.
    pub id: String,
    /// Raised as it grew.
    pub revision: u32,
    /// The incident it continues.
    pub continues: Option<String>,
    /// `LOW` to `CRITICAL`.
    pub severity: &'static str,
    /// 1 LOW to 4 CRITICAL, for sorting.
    pub rank: u8,
    /// Risk, bits.
    pub score: f64,
    /// Emission threshold in force, bits.
    pub threshold: Option<f64>,
    /// Whether it was told.
    pub told: bool,
    /// Why it was told or kept back, in words.
    pub told_why: String,
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// ENI.
    pub eni: String,
    /// Further ENIs with the same cause.
    pub other_enis: Vec<String>,
    /// Instance, VPC, subnet and group as far as known.
    pub place: Vec<String>,
    /// Destination: address or prefix.
    pub peer: String,
    /// What it is counted as, when that is another text.
    pub destination: String,
    /// `443/tcp`.
    pub service: String,
    /// AWS service of the peer.
    pub aws_service: String,
    /// Who the other end is, by the tables that the scan was given: name, network, country.
    pub known: String,
    /// `client` or `served`.
    pub role: String,
    /// First packet.
    pub first_second: i64,
    /// Last packet.
    pub last_second: i64,
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
    /// Bytes sent, less headers.
    pub app_bytes: u64,
    /// The incident in one sentence.
    pub sentence: String,
    /// Question and answer, for a first-time reader.
    pub answers: Vec<Answer>,
    /// Evidence, strongest first.
    pub evidence: Vec<Evidence>,
    /// What would have kept it quiet.
    pub counterfactuals: Vec<String>,
    /// Where it went.
    pub destinations: Vec<Destination>,
    /// Destinations beyond those.
    pub destinations_more: u64,
    /// What GuardDuty says.
    pub guardduty: GuardDuty,
    /// What it was compared with, and how much of it was seen, in words.
    pub trust: Vec<String>,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<String>,
    /// What to do now.
    pub steps: Vec<Step>,
    /// Queries for the rows behind it.
    pub queries: Vec<Step>,
    /// Egress over time; the worst incidents only.
    pub chart: Option<Chart>,
}

/// A question of a first-time reader, answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Such as `Is it normal?`.
    pub question: &'static str,
    /// In a sentence.
    pub answer: String,
}

/// What one detector says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// Its id.
    pub id: String,
    /// What it looks at, in words.
    pub name: &'static str,
    /// Its evidence, bits.
    pub bits: f64,
    /// What was seen, with its unit.
    pub observed: String,
    /// What is usual, with its unit.
    pub expected: String,
    /// Chance of at least this much by the baseline.
    pub p: f64,
    /// Past values behind it.
    pub n: u64,
    /// One clause.
    pub text: String,
}

/// One peer behind an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Destination {
    /// Address or prefix.
    pub peer: String,
    /// `443/tcp`.
    pub service: String,
    /// `client` or `served`.
    pub role: String,
    /// First use of its network by this interface before the incident's day; `None` when new or not known.
    pub first_second: Option<i64>,
    /// Says what `first_second` cannot.
    pub first_note: &'static str,
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
}

/// What GuardDuty says of an incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuardDuty {
    /// `agrees`, `silent`, `not_applicable`, `not_given`, `alone`.
    pub status: String,
    /// What it adds to the risk, bits.
    pub bits: f64,
    /// Its findings.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub findings_more: u64,
}

/// A finding of GuardDuty.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its ARN.
    pub arn: String,
    /// Its type.
    pub kind: String,
    /// 0.1 to 10.
    pub severity: f64,
    /// Why it was joined, and what it is worth.
    pub reason: String,
    /// What it adds, bits.
    pub bits: f64,
    /// First seen.
    pub first_second: i64,
    /// Last seen.
    pub last_second: i64,
}

/// Something to do or to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What and why.
    pub text: String,
    /// What to paste; empty when there is nothing.
    pub command: String,
}

/// Egress over time against what was expected of it, hour by hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// What the bytes are.
    pub what: &'static str,
    /// Start of the first hour.
    pub first_second: i64,
    /// Bytes above the transport layer by hour; `None` where nothing could be seen.
    pub sent: Vec<Option<u64>>,
    /// Those to the incident's destination; empty when it has no single one.
    pub to_destination: Vec<u64>,
    /// Expected, by hour; empty without history.
    pub expected: Vec<u64>,
    /// Lower edge of the band that holds most past hours.
    pub low: Vec<u64>,
    /// Its upper edge.
    pub high: Vec<u64>,
    /// Expected by hour of the week, Monday 00:00 UTC first; empty without history.
    pub week: Vec<u64>,
    /// Hours of history behind it.
    pub history_hours: u32,
}

/// The fleet around the incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fleet {
    /// Start of the first hour of the heat map.
    pub heat_first_second: i64,
    /// Hours of the heat map.
    pub heat_hours: usize,
    /// ENIs with incidents first, then the largest senders; at most `limits::REPORT_HEAT_ENIS_MAX`.
    pub heat: Vec<HeatRow>,
    /// Hosts beyond those.
    pub heat_more: u64,
    /// New destinations by day.
    pub new_destinations: Vec<NewDestinations>,
    /// What could have left without a message, when a backtest has measured it.
    pub headroom: Option<Headroom>,
}

/// Silent-leak headroom of the fleet on the last day that it was measured for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Headroom {
    /// Start of that day.
    pub day_second: i64,
    /// Hosts measured.
    pub hosts: u64,
    /// Bytes a day to a new destination, the middle of the hosts.
    pub median_new_bytes: u64,
    /// Nine of ten hosts could lose no more than this to a new destination, bytes a day.
    pub p90_new_bytes: u64,
    /// Those that could lose most; at most `limits::REPORT_HEADROOM_ENIS_MAX`.
    pub most: Vec<HeadroomRow>,
}

/// What could have left one host on a day without a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeadroomRow {
    /// ENI.
    pub eni: String,
    /// `learning`, `young` or `mature`.
    pub tier: String,
    /// Bytes a day, to a destination new to it.
    pub new_bytes: u64,
    /// Bytes a day, to the destination it sends most to; `None` when it has none.
    pub known_bytes: Option<u64>,
    /// That destination.
    pub known_destination: String,
}

/// One ENI of the heat map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeatRow {
    /// ENI.
    pub eni: String,
    /// Account id.
    pub account: String,
    /// Incidents told of it.
    pub told: u64,
    /// Bytes sent in the whole range.
    pub egress_bytes: u64,
    /// Bytes sent by hour; `None` where nothing was seen.
    pub sent: Vec<Option<u64>>,
}

/// Destinations that interfaces met for the first time on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NewDestinations {
    /// Start of the day.
    pub day_second: i64,
    /// New to the whole account.
    pub to_all: u64,
    /// New to the interface, known to others.
    pub to_eni: u64,
    /// In a new range of a network that the interface uses.
    pub in_known_network: u64,
}
