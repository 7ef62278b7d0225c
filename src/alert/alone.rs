//! The alert of a finding that is about an interface of ours and that no incident tells: passed
//! through with what the flow logs show around it.

use std::sync::Arc;

use super::build::{Provenance, common, quoted, rfc3339, rounded};
use super::guardduty;
use super::model::{Alert, AlertCoverage, BaselineInfo, Destination, Evidence, Known, SCHEMA};
use super::text;
use crate::baseline::eni::Tier;
use crate::detect::Severity;
use crate::guardduty::{Direction, Finding, PlaceMatch, Sighting};
use crate::limits::OBJECTS_PER_HOUR_NAMED_MAX;
use crate::net::Prefix;

/// Remote ends listed on an alert.
const DESTINATIONS_MAX: usize = 10;

/// Where the interface stood when the finding was passed through.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How far its own past can be trusted.
    pub tier: Tier,
    /// Hours since it was first seen.
    pub age_hours: u32,
    /// Hours with records in the look-back.
    pub active_hours: u32,
    /// Its peer group.
    pub group: Arc<str>,
    /// ENIs in that group.
    pub group_enis: u32,
    /// The emission threshold in force, bits.
    pub threshold: Option<f64>,
    /// How long after its end an hour closes, seconds.
    pub lateness_seconds: i64,
}

/// GuardDuty's own levels: 4, 7 and 9 of 10.
fn severity(finding: &Finding) -> Severity {
    match finding.latest.severity_hundredths {
        900.. => Severity::Critical,
        700..900 => Severity::High,
        400..700 => Severity::Medium,
        _ => Severity::Low,
    }
}

/// Stable over replays and revisions of the finding: a hash of its ARN.
fn id(finding: &Finding) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"GD");
    hasher.update(finding.arn.as_bytes());
    hasher.finalize().to_hex()[..20].to_owned()
}

/// Writes up a finding that speaks alone. What is LOW is kept back, as everywhere.
pub fn build_alone(
    finding: &Finding,
    sighting: &Sighting,
    standing: &Standing,
    provenance: &Provenance,
) -> Alert {
    let bytes = sighting.bytes();
    let severity = severity(finding);
    let (protocol, port) = service(finding, sighting);
    let first_hour = sighting.hours.first().map_or(finding.first_second, |hour| hour.start_second());
    let last_hour = sighting.hours.last().map_or(finding.last_second, |hour| hour.end_second());
    let objects: Vec<Arc<str>> =
        provenance.objects.iter().take(OBJECTS_PER_HOUR_NAMED_MAX).cloned().collect();
    let destinations = destinations(sighting);
    Alert {
        schema: SCHEMA.into(),
        id: id(finding),
        revision: 1,
        continues: None,
        account: sighting.eni.account.to_string(),
        region: sighting.eni.region.to_string(),
        eni: sighting.eni.eni.to_string(),
        enis: sighting.enis.iter().map(ToString::to_string).collect(),
        instance: sighting.instance.to_string(),
        vpc: sighting.vpc.to_string(),
        subnet: sighting.subnet.to_string(),
        peer: peer(finding),
        destination: peer(finding),
        service: String::new(),
        protocol,
        port,
        role: if sighting.is_served { "served" } else { "client" }.into(),
        first_seen: rfc3339(finding.first_second),
        last_seen: rfc3339(finding.last_second),
        window_start: rfc3339(first_hour),
        severity,
        score: rounded(finding.bits()),
        emitted: severity > Severity::Low,
        emitted_reason: if severity > Severity::Low { "guardduty" } else { "guardduty_low" }.into(),
        emitted_at: rfc3339(finding.latest.updated_second.max(last_hour + standing.lateness_seconds)),
        egress_bytes: bytes.egress_bytes,
        ingress_bytes: bytes.ingress_bytes,
        app_bytes: sighting.app_bytes,
        egress_packets: sighting.egress_packets,
        egress_records: sighting.egress_records,
        detectors: vec![evidence(finding, bytes.egress_bytes)],
        counterfactuals: Vec::new(),
        destinations_more: (sighting.ends.len() - destinations.len()) as u64,
        destinations,
        guardduty: guardduty::alone(finding, reason(sighting.place).to_owned()),
        known: Known::default(),
        suppressions: Vec::new(),
        coverage: coverage(sighting),
        baseline: BaselineInfo {
            tier: standing.tier.as_str().into(),
            age_days: rounded(f64::from(standing.age_hours) / 24.0),
            active_hours: standing.active_hours,
            confidence: rounded(standing.tier.confidence()),
            group: standing.group.to_string(),
            group_enis: standing.group_enis,
        },
        attack: Vec::new(),
        threshold: standing.threshold.map(rounded),
        sentence: sentence(finding, sighting),
        snapshot_hash: provenance.snapshot_hash.to_string(),
        config_hash: provenance.config_hash.to_string(),
        tables: Vec::new(),
        version: env!("CARGO_PKG_VERSION").into(),
        objects_more: provenance.objects_more + (provenance.objects.len() - objects.len()) as u64,
        objects,
        query: query(sighting, first_hour, last_hour),
    }
}

fn reason(place: PlaceMatch) -> &'static str {
    match place {
        PlaceMatch::Eni => "same ENI; no incident of ours is told",
        PlaceMatch::Address => "same VPC and own address; no incident of ours is told",
        PlaceMatch::Instance => "same instance; no incident of ours is told",
    }
}

/// Protocol and service port with most bytes, else those that the finding tells.
fn service(finding: &Finding, sighting: &Sighting) -> (u8, u16) {
    let most = sighting.ends.iter().max_by_key(|(_, end)| end.egress_bytes);
    if let Some(((_, protocol, port), _)) = most {
        return (*protocol, *port);
    }
    finding.remotes.first().map_or((0, 0), |remote| {
        let inbound = remote.direction == Direction::Inbound;
        let port = if inbound { remote.local_port } else { remote.port };
        (remote.protocol.unwrap_or(0), port.unwrap_or(0))
    })
}

/// The remote end, the smallest prefix that holds several, `*` when none is named.
fn peer(finding: &Finding) -> String {
    let mut ends = finding.remotes.iter().map(|remote| Prefix::host(remote.address));
    ends.next().map_or_else(|| "*".to_owned(), |first| common(ends, first))
}

fn destinations(sighting: &Sighting) -> Vec<Destination> {
    let mut all: Vec<Destination> = sighting
        .ends
        .iter()
        .map(|((peer, protocol, port), end)| Destination {
            peer: peer.to_string(),
            protocol: *protocol,
            port: *port,
            egress_bytes: end.egress_bytes,
            ingress_bytes: end.ingress_bytes,
        })
        .collect();
    all.sort_by_key(|end| std::cmp::Reverse(end.egress_bytes));
    all.truncate(DESTINATIONS_MAX);
    all
}

fn evidence(finding: &Finding, egress_bytes: u64) -> Evidence {
    let times =
        if finding.latest.count == 1 { "once".to_owned() } else { format!("{} times", finding.latest.count) };
    Evidence {
        id: "GD".into(),
        bits: finding.bits(),
        observed: egress_bytes as f64,
        expected: 0.0,
        unit: "bytes".into(),
        p: (-finding.bits()).exp2(),
        n: finding.latest.count,
        text: format!(
            "GuardDuty: {}, severity {:.1}, seen {times}; no incident of ours is told",
            finding.latest.kind,
            finding.severity()
        ),
    }
}

fn coverage(sighting: &Sighting) -> AlertCoverage {
    let seen = &sighting.seen;
    AlertCoverage {
        hours: sighting.hours.len() as u32,
        missing_objects: seen.missing_objects,
        skip_data_records: seen.skip_data_records,
        late_records: seen.late_records,
        seen_share: rounded(seen.share_millionths as f64 / 1e6 / f64::from(seen.eni_hours.max(1))),
    }
}

fn sentence(finding: &Finding, sighting: &Sighting) -> String {
    let kind = &finding.latest.kind;
    let eni = &sighting.eni.eni;
    let hours = sighting.hours.len();
    if finding.remotes.is_empty() {
        return format!(
            "GuardDuty reports {kind} for {eni}; outflow tells no incident of it in those {hours} h"
        );
    }
    let sent = sighting.bytes().egress_bytes;
    let saw = if sent == 0 { "nothing".to_owned() } else { text::bytes(sent as f64) };
    let verb = if sighting.is_served { "served to" } else { "leave for" };
    let tail = if sent == 0 { "" } else { " and tells no incident of it" };
    format!(
        "GuardDuty reports {kind} between {eni} and {}; outflow saw {saw} {verb} it within {hours} h{tail}",
        peer(finding)
    )
}

/// The hourly rows of the interface in those hours, for DuckDB on the lake's directory.
fn query(sighting: &Sighting, first_hour: i64, last_hour_end: i64) -> String {
    format!(
        "SELECT * FROM read_parquet('hourly/*/*/*/*.parquet', hive_partitioning = true) WHERE account = {} AND eni = {} AND hour >= TIMESTAMPTZ '{}' AND hour < TIMESTAMPTZ '{}' ORDER BY egress_bytes DESC",
        quoted(&sighting.eni.account),
        quoted(&sighting.eni.eni),
        rfc3339(first_hour),
        rfc3339(last_hour_end),
    )
}
