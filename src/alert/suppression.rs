//! Suppressions as alerts show them, and stored alerts as suppressions see them.

use std::collections::BTreeMap;

use super::model::{Alert, MatchedSuppression};
use crate::detect::suppress::{Matched, Suppression, Target, Verdict};
use crate::detect::{Incident, Kept};
use crate::window::Hour;

/// The word on alerts for what hid one.
const HIDDEN: &str = "hidden";

/// The suppressions that are about an incident.
pub(super) fn of_incident(incident: &Incident) -> Vec<MatchedSuppression> {
    let is_hidden = incident.kept == Kept::Suppressed;
    incident.suppressions.iter().map(|matched| written(matched, is_hidden)).collect()
}

fn written(matched: &Matched, is_hidden: bool) -> MatchedSuppression {
    let outcome = match matched.verdict {
        Verdict::Hidden if is_hidden => HIDDEN,
        Verdict::Hidden => "not_needed",
        Verdict::OverCap => "over_cap",
        Verdict::Expired => "expired",
        Verdict::IndependentFinding => "independent_finding",
    };
    let Suppression { id, owner, ticket, expires, max_bytes_per_day, .. } = &*matched.suppression;
    MatchedSuppression {
        id: id.clone(),
        outcome: outcome.into(),
        owner: owner.clone(),
        ticket: ticket.clone(),
        expires: expires.date().to_string(),
        max_bytes_per_day: *max_bytes_per_day,
        day_bytes: matched.day_bytes,
    }
}

impl Alert {
    /// What suppressions look at; `None` when its texts cannot be read.
    pub fn suppression_target(&self) -> Option<Target<'_>> {
        let start: jiff::Timestamp = self.window_start.parse().ok()?;
        let network = self.destination.strip_prefix("served:").unwrap_or(&self.destination);
        let reaches: Result<Vec<_>, _> =
            self.destinations.iter().map(|d| d.peer.parse().map(|peer| (peer, d.port))).collect();
        Some(Target {
            account: &self.account,
            eni: &self.eni,
            group: &self.baseline.group,
            day: Hour::of_second(start.as_second()).day(),
            key: self.destination.clone(),
            network: network.parse().ok(),
            reaches: reaches.ok()?,
            has_more_reaches: self.destinations_more > 0,
            egress_bytes: self.egress_bytes,
            has_independent_finding: self.guardduty.findings.iter().any(|f| f.independent && !f.archived),
        })
    }
}

/// How many of `alerts` each suppression hid, by its id.
pub fn count_hidden<'a>(alerts: impl IntoIterator<Item = &'a Alert>) -> BTreeMap<String, u64> {
    let mut hits = BTreeMap::new();
    for matched in alerts.into_iter().flat_map(|alert| &alert.suppressions) {
        if matched.outcome == HIDDEN {
            *hits.entry(matched.id.clone()).or_default() += 1;
        }
    }
    hits
}
