//! What GuardDuty adds to an incident.
//!
//! It is applied when an incident is decided, as a pure function of the incident and the findings:
//! whoever learns of a finding later joins again and gets the same. It changes how an incident
//! ranks and whether it is told; never what is quarantined or learned, nor the budget's
//! threshold, which stay functions of the windows alone.

use std::sync::Arc;

use super::incident::{Incident, Incidents};
use super::score::{MEDIUM_BITS, Severity};
use super::unit::Subject;
use crate::baseline::destination::DestinationKey;
use crate::guardduty::{Activity, FindingSet, Reached};
use crate::window::Hour;

/// HIGH: this much data to a destination that somebody knows to be bad (detection.md B.5 rule 5).
const KNOWN_BAD_BYTES: u64 = 1 << 20;

impl Incidents {
    /// Joins the findings to the incidents that had traffic in `hour`, before they are decided.
    pub fn join(&mut self, hour: Hour, findings: &FindingSet) {
        for incident in self.open.values_mut().filter(|i| i.hours.last() == Some(&hour)) {
            incident.join(findings);
        }
    }
}

impl Incident {
    /// Asks the findings about this incident.
    pub fn join(&mut self, findings: &FindingSet) {
        let network = match &self.subject {
            Subject::Destination(DestinationKey::Network(prefix)) | Subject::Served(prefix) => Some(*prefix),
            Subject::Destination(_) | Subject::Spread => None,
        };
        let reached = self.traffic.reaches.iter();
        self.guardduty = findings.agreement(&Activity {
            eni: &self.eni.eni,
            vpc: &self.place.vpc,
            instance: &self.place.instance,
            own: &self.place.own,
            first_second: i64::from(self.traffic.first_second),
            last_second: i64::from(self.traffic.last_second),
            reached: reached.map(|r| Reached { peer: r.peer, protocol: r.protocol, port: r.port }).collect(),
            network,
        });
    }

    /// What it adds to the risk, bits. Where the whole fleet changed, findings that were computed
    /// from the same flow logs are the same event as ours, at every ENI of it.
    pub fn guardduty_bits(&self) -> f64 {
        if self.is_fleet_change { self.guardduty.independent_bits() } else { self.guardduty.bits() }
    }

    /// Whether `app_bytes` to this destination are HIGH because somebody knows it.
    pub fn is_known_bad(&self, app_bytes: u64) -> bool {
        self.guardduty.names_destination() && app_bytes >= KNOWN_BAD_BYTES
    }

    /// Severity that independent findings give: HIGH for a destination known to be bad, MEDIUM when
    /// they and our own evidence come to what MEDIUM asks for.
    pub(super) fn agreed_severity(&self) -> Severity {
        let independent_bits = self.guardduty.independent_bits();
        if self.is_known_bad(self.traffic.app_bytes) {
            Severity::High
        } else if independent_bits > 0.0 && self.own_risk() + independent_bits >= MEDIUM_BITS {
            Severity::Medium
        } else {
            Severity::Low
        }
    }

    /// Joined findings that are news beside what was told: independent and not put away.
    pub(super) fn independent_findings(&self) -> impl Iterator<Item = &Arc<str>> {
        let joins = self.guardduty.joins.iter();
        joins.filter(|join| join.independence.is_independent() && !join.is_archived).map(|join| &join.arn)
    }
}
