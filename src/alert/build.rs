//! From an incident of the detectors to the alert that is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::counterfactual::counterfactuals;
use super::guardduty;
use super::model::{Alert, AlertCoverage, BaselineInfo, Destination, Evidence, Known, SCHEMA};
use super::{suppression, text};
use crate::detect::{Against, Incident, Subject, UnitKind};
use crate::limits::OBJECTS_PER_HOUR_NAMED_MAX;
use crate::net::Prefix;

/// What ties an alert to what it was computed from.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// Hash of the snapshot.
    pub snapshot_hash: Arc<str>,
    /// Hash of the configuration that scoring depends on.
    pub config_hash: Arc<str>,
    /// Objects that held records of the incident's hours, sorted.
    pub objects: BTreeSet<Arc<str>>,
    /// Objects beyond those.
    pub objects_more: u64,
}

/// Writes up an incident. `against` is what its units were compared with; `age_hours` and
/// `active_hours` describe the ENI's history.
pub fn build(
    incident: &Incident,
    against: &Against<'_>,
    age_hours: u32,
    active_hours: u32,
    group_enis: u32,
    provenance: &Provenance,
) -> Alert {
    let best = &incident.best;
    let traffic = &incident.traffic;
    let (protocol, port) = traffic.reaches.first().map_or((0, 0), |r| (r.protocol, r.port));
    let mut evidence: Vec<_> = best.evidence.clone();
    evidence.sort_by(|a, b| a.p.total_cmp(&b.p).then_with(|| a.detector.cmp(&b.detector)));
    let attack: BTreeSet<&str> = evidence
        .iter()
        .filter(|e| e.bits() >= 3.0)
        .flat_map(|e| e.detector.attack().iter().copied())
        .chain((!traffic.service.is_empty() && is_new(&best.unit.kind)).then_some("T1537"))
        .collect();
    // Names are shared: the alerts of an hour all came from the same objects.
    let objects: Vec<Arc<str>> =
        provenance.objects.iter().take(OBJECTS_PER_HOUR_NAMED_MAX).cloned().collect();
    let (first_second, last_second) = match traffic.last_second {
        // All of it was refused: nothing went, so its hours say when.
        0 => (incident.first_hour.start_second(), incident.best_hour.end_second()),
        last => (i64::from(traffic.first_second), i64::from(last)),
    };
    let mut alert = Alert {
        schema: SCHEMA.into(),
        id: incident.id.0.clone(),
        revision: incident.revision,
        continues: incident.continues.as_ref().map(|id| id.0.clone()),
        account: incident.eni.account.to_string(),
        region: incident.eni.region.to_string(),
        eni: incident.eni.eni.to_string(),
        enis: incident.enis.iter().map(ToString::to_string).collect(),
        instance: incident.place.instance.to_string(),
        vpc: incident.place.vpc.to_string(),
        subnet: incident.place.subnet.to_string(),
        peer: peer(incident),
        destination: incident.subject.to_string(),
        service: traffic.service.to_string(),
        protocol,
        port,
        role: if matches!(incident.subject, Subject::Served(_)) { "served" } else { "client" }.into(),
        first_seen: rfc3339(first_second),
        last_seen: rfc3339(last_second),
        window_start: rfc3339(incident.first_hour.start_second()),
        severity: incident.severity(),
        score: rounded(incident.risk()),
        emitted: incident.kept.is_sent(),
        emitted_reason: incident.kept.as_str().into(),
        emitted_at: rfc3339(incident.decided_second),
        egress_bytes: traffic.egress_bytes,
        ingress_bytes: traffic.ingress_bytes,
        app_bytes: traffic.app_bytes,
        egress_packets: traffic.egress_packets,
        egress_records: traffic.egress_records,
        detectors: evidence.iter().map(|e| written(e, &best.unit.kind)).collect(),
        counterfactuals: counterfactuals(incident, against),
        destinations: traffic.reaches.iter().map(destination).collect(),
        destinations_more: traffic.reaches_more,
        guardduty: guardduty::of_incident(incident),
        known: Known::default(),
        suppressions: suppression::of_incident(incident),
        coverage: coverage(incident),
        baseline: BaselineInfo {
            tier: best.tier.as_str().into(),
            age_days: rounded(f64::from(age_hours) / 24.0),
            active_hours,
            confidence: rounded(best.tier.confidence() * best.unit.seen),
            group: incident.place.group.to_string(),
            group_enis,
        },
        attack: attack.into_iter().map(str::to_owned).collect(),
        threshold: incident.threshold.0.map(rounded),
        sentence: String::new(),
        snapshot_hash: provenance.snapshot_hash.to_string(),
        config_hash: provenance.config_hash.to_string(),
        tables: Vec::new(),
        version: env!("CARGO_PKG_VERSION").into(),
        objects_more: provenance.objects_more + (provenance.objects.len() - objects.len()) as u64,
        objects,
        query: String::new(),
    };
    alert.sentence = text::sentence(&alert, incident);
    alert.query = query(&alert, incident);
    alert
}

fn is_new(kind: &UnitKind) -> bool {
    matches!(kind, UnitKind::Destination { novelty: Some(_), .. })
}

/// The narrowest text that covers the incident: the one peer when there is one, else the
/// prefix, else the widest of what was reached.
fn peer(incident: &Incident) -> String {
    let reaches = &incident.traffic.reaches;
    let one = reaches
        .first()
        .filter(|first| incident.traffic.reaches_more == 0 && reaches.iter().all(|r| r.peer == first.peer));
    match (&incident.subject, one) {
        (_, Some(only)) => only.peer.to_string(),
        (Subject::Served(prefix), None) => prefix.to_string(),
        (Subject::Destination(key), None) => match key {
            crate::baseline::destination::DestinationKey::Network(prefix) => prefix.to_string(),
            _ => reaches.first().map_or_else(String::new, |r| r.peer.to_string()),
        },
        (Subject::Spread, None) => {
            reaches.first().map_or_else(String::new, |r| common(reaches.iter().map(|r| r.peer), r.peer))
        }
    }
}

/// The smallest prefix that holds all `peers` of `first`'s family.
pub(super) fn common(peers: impl Iterator<Item = Prefix>, first: Prefix) -> String {
    let mut len = first.len128();
    for peer in peers.filter(|p| p.addr().is_v4() == first.addr().is_v4()) {
        let differ = (peer.addr().bits() ^ first.addr().bits()).leading_zeros() as u8;
        len = len.min(differ).min(peer.len128());
    }
    Prefix::from_parts(first.addr(), len).to_string()
}

fn written(evidence: &crate::detect::Evidence, unit: &UnitKind) -> Evidence {
    Evidence {
        id: evidence.detector.id().into(),
        bits: rounded(evidence.bits()),
        observed: rounded(evidence.observed),
        expected: rounded(evidence.expected),
        unit: evidence.detector.unit().into(),
        p: evidence.p,
        n: evidence.n,
        text: text::clause(evidence, unit),
    }
}

fn destination(reach: &crate::detect::Reach) -> Destination {
    Destination {
        peer: reach.peer.to_string(),
        protocol: reach.protocol,
        port: reach.port,
        egress_bytes: reach.egress_bytes,
        ingress_bytes: reach.ingress_bytes,
    }
}

fn coverage(incident: &Incident) -> AlertCoverage {
    let hours = incident.hours.len().max(1);
    AlertCoverage {
        hours: incident.hours.len() as u32,
        missing_objects: incident.coverage.missing_objects,
        skip_data_records: incident.coverage.skip_data_records,
        late_records: incident.coverage.late_records,
        seen_share: rounded(incident.coverage.seen_sum / hours as f64),
    }
}

/// Four decimals: enough for people, and the same text on every run.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// RFC 3339, UTC, whole seconds.
pub(crate) fn rfc3339(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| "1970-01-01T00:00:00Z".into(), |t| t.to_string())
}

/// The hourly rows behind the alert, for DuckDB on the lake's directory.
fn query(alert: &Alert, incident: &Incident) -> String {
    let (first, last) = (incident.hours.first(), incident.hours.last());
    let at = |hour: Option<&crate::window::Hour>| rfc3339(hour.map_or(0, |h| h.start_second()));
    let role = if alert.role == "served" { "role = 'served'" } else { "role <> 'served'" };
    format!(
        "SELECT * FROM read_parquet('hourly/*/*/*/*.parquet', hive_partitioning = true) WHERE account = {} AND eni = {} AND {role} AND hour BETWEEN TIMESTAMPTZ '{}' AND TIMESTAMPTZ '{}' ORDER BY egress_bytes DESC",
        quoted(&alert.account),
        quoted(&alert.eni),
        at(first),
        at(last),
    )
}

/// A SQL string literal: log content must not end it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_prefix_holds_every_peer() {
        let peers: Vec<Prefix> =
            ["198.51.100.7", "198.51.103.9"].iter().map(|t| t.parse().unwrap()).collect();
        assert_eq!(common(peers.iter().copied(), peers[0]), "198.51.100.0/22");
        assert_eq!(common(peers[..1].iter().copied(), peers[0]), "198.51.100.7");
    }

    #[test]
    fn log_content_cannot_leave_its_literal() {
        assert_eq!(quoted("eni-0'; DROP"), "'eni-0''; DROP'");
    }
}
