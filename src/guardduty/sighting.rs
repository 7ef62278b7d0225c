//! What the flow logs show around each finding while hours close, so that a finding that joins no
//! incident can still be told with its context.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::join::{Agreement, PlaceMatch};
use super::set::FindingSet;
use crate::limits::FINDING_ENDS_MAX;
use crate::net::Prefix;
use crate::window::{Day, EniHour, EniId, FlowWindow, Hour, Role};

/// Time before and after a finding that still belongs to it, seconds: flow records are aggregated
/// and stamped late.
const SLACK_SECONDS: i64 = 15 * 60;

/// Bytes to one remote end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenEnd {
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
}

/// What was seen of a finding's host while the finding lasted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The interface that fits best.
    pub eni: EniId,
    /// How it was recognised.
    pub place: PlaceMatch,
    /// All interfaces that fit.
    pub enis: BTreeSet<Arc<str>>,
    /// Its instance id.
    pub instance: Arc<str>,
    /// VPC id.
    pub vpc: Arc<str>,
    /// Subnet id.
    pub subnet: Arc<str>,
    /// Hours of them that were looked at.
    pub hours: BTreeSet<Hour>,
    /// Sum of the seen shares of ENI-hours, and their number.
    pub seen: SeenHours,
    /// What went to the finding's remote ends and came from them, by peer, protocol and service
    /// port.
    #[serde(with = "super::memory::ends")]
    pub ends: BTreeMap<(Prefix, u8, u16), SeenEnd>,
    /// Sent above the transport layer, bytes.
    pub app_bytes: u64,
    /// Packets sent.
    pub egress_packets: u64,
    /// Records of the egress direction.
    pub egress_records: u64,
    /// Whether what was sent were replies.
    pub is_served: bool,
}

/// Coverage of the ENI-hours of a sighting, in integers so that it adds up alike in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenHours {
    /// ENI-hours.
    pub eni_hours: u32,
    /// Seen shares, in millionths.
    pub share_millionths: u64,
    /// Five-minute objects missing.
    pub missing_objects: u32,
    /// SKIPDATA records.
    pub skip_data_records: u64,
    /// Late records.
    pub late_records: u64,
}

/// Findings beside a run of closed hours: where each was sighted and which incidents it joined.
#[derive(Clone, Debug, Default)]
pub struct Correlation {
    pub(super) findings: FindingSet,
    pub(super) sightings: BTreeMap<Arc<str>, Sighting>,
    pub(super) joined: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Findings that somebody hears of through an incident.
    pub(super) told: BTreeSet<Arc<str>>,
}

/// A finding and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlated {
    /// The finding.
    pub finding: Finding,
    /// Ids of the alerts that it is part of.
    pub alerts: BTreeSet<Arc<str>>,
}

impl Correlated {
    /// The day on which the finding was last seen.
    pub fn day(&self) -> Day {
        Hour::of_second(self.finding.last_second).day()
    }
}

impl Correlation {
    /// Beside these findings.
    pub fn new(findings: FindingSet) -> Self {
        Self { findings, ..Self::default() }
    }

    /// The findings.
    pub fn findings(&self) -> &FindingSet {
        &self.findings
    }

    /// All findings, by ARN, with the ids of the alerts that each is part of.
    pub fn into_findings(mut self) -> Vec<Correlated> {
        let correlated = |finding: Finding| {
            let alerts = self.joined.remove(&finding.arn).unwrap_or_default();
            Correlated { finding, alerts }
        };
        self.findings.into_findings().map(correlated).collect()
    }

    /// Notes a closed hour of an interface.
    pub fn note_hour(&mut self, hour: &EniHour) {
        if !hour.coverage.is_observed() {
            return;
        }
        for (finding, place) in self.findings.about(&hour.id.eni, &hour.vpc, &hour.own, &hour.instance) {
            if finding.last_second + SLACK_SECONDS < hour.hour.start_second()
                || finding.first_second - SLACK_SECONDS >= hour.hour.end_second()
            {
                continue;
            }
            let at = self.sightings.entry(Arc::clone(&finding.arn));
            at.or_insert_with(|| Sighting::new(hour, place)).add(finding, hour, place);
        }
    }

    /// Notes the findings that the incident `id` was joined with, and whether it is, or was, told.
    pub fn note_joined(&mut self, agreement: &Agreement, id: &str, is_told: bool) {
        for join in &agreement.joins {
            self.note_alert(&join.arn, id);
            if is_told {
                self.told.insert(Arc::clone(&join.arn));
            }
        }
    }

    /// Notes that the finding is part of an alert.
    pub fn note_alert(&mut self, arn: &Arc<str>, id: &str) {
        self.joined.entry(Arc::clone(arn)).or_default().insert(id.into());
    }

    /// Sighted findings that no incident tells and that ended on `day` or before: to be told
    /// alone, once. `is_end`: nothing more will come, so those that still last are told too.
    /// Archived ones were dealt with.
    pub fn take_alone(&mut self, day: Day, is_end: bool) -> Vec<(Finding, Sighting)> {
        let end_second = Day(day.0 + 1).first_hour().start_second();
        let over = |finding: &Finding| is_end || finding.last_second < end_second;
        let due: Vec<Arc<str>> =
            self.sightings.keys().filter(|arn| self.findings.get(arn).is_none_or(over)).cloned().collect();
        let mut alone = Vec::new();
        for arn in due {
            let sighting = self.sightings.remove(&arn);
            let finding = self.findings.get(&arn).filter(|finding| !finding.latest.is_archived);
            if let (Some(sighting), Some(finding)) = (sighting, finding)
                && !self.told.contains(&arn)
            {
                alone.push((finding.clone(), sighting));
            }
        }
        alone
    }
}

impl Sighting {
    fn new(hour: &EniHour, place: PlaceMatch) -> Self {
        Self {
            eni: hour.id.clone(),
            place,
            enis: BTreeSet::new(),
            instance: Arc::clone(&hour.instance),
            vpc: Arc::clone(&hour.vpc),
            subnet: Arc::clone(&hour.subnet),
            hours: BTreeSet::new(),
            seen: SeenHours::default(),
            ends: BTreeMap::new(),
            app_bytes: 0,
            egress_packets: 0,
            egress_records: 0,
            is_served: false,
        }
    }

    fn add(&mut self, finding: &Finding, hour: &EniHour, place: PlaceMatch) {
        // The best match speaks; of equals the smallest id, so that no order matters.
        if (self.place, std::cmp::Reverse(&self.eni)) < (place, std::cmp::Reverse(&hour.id)) {
            let Self { eni, instance, vpc, subnet, .. } = Self::new(hour, place);
            (self.place, self.eni, self.instance, self.vpc, self.subnet) =
                (place, eni, instance, vpc, subnet);
        }
        self.enis.insert(Arc::clone(&hour.id.eni));
        self.hours.insert(hour.hour);
        let (seen, coverage) = (&mut self.seen, &hour.coverage);
        seen.eni_hours += 1;
        seen.share_millionths += (coverage.seen_share() * 1e6).round() as u64;
        seen.missing_objects += coverage.missing_slots();
        seen.skip_data_records = seen.skip_data_records.saturating_add(coverage.skip_data_records);
        seen.late_records = seen.late_records.saturating_add(coverage.late_records);
        for flow in hour.flows.iter().filter(|flow| is_of(finding, flow)) {
            self.add_flow(flow);
        }
    }

    fn add_flow(&mut self, flow: &FlowWindow) {
        let key = (flow.peer, flow.protocol, flow.port);
        if self.ends.len() < FINDING_ENDS_MAX || self.ends.contains_key(&key) {
            let end = self.ends.entry(key).or_default();
            end.egress_bytes = end.egress_bytes.saturating_add(flow.egress_bytes);
            end.ingress_bytes = end.ingress_bytes.saturating_add(flow.ingress_bytes);
        }
        self.app_bytes = self.app_bytes.saturating_add(flow.egress_app_bytes());
        self.egress_packets = self.egress_packets.saturating_add(flow.egress_packets);
        self.egress_records = self.egress_records.saturating_add(u64::from(flow.egress_records));
        self.is_served |= flow.role == Role::Served;
    }

    /// IP bytes sent to the finding's remote ends, and received from them.
    pub fn bytes(&self) -> SeenEnd {
        self.ends.values().fold(SeenEnd::default(), |sum, end| SeenEnd {
            egress_bytes: sum.egress_bytes.saturating_add(end.egress_bytes),
            ingress_bytes: sum.ingress_bytes.saturating_add(end.ingress_bytes),
        })
    }
}

/// Whether a flow was with one of the finding's remote ends: by address, as far as the hour was
/// not rolled up to wider than a /24 or /48.
fn is_of(finding: &Finding, flow: &FlowWindow) -> bool {
    let least = if flow.peer.addr().is_v4() { 120 } else { 48 };
    flow.peer.len128() >= least && finding.remotes.iter().any(|remote| flow.peer.contains(remote.address))
}
