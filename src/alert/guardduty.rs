//! What GuardDuty says, as it stands on an alert.

use super::build::{rfc3339, rounded};
use super::model::{GuardDuty, GuardDutyFinding};
use crate::detect::Incident;
use crate::guardduty::{Finding, Join, Status};
use crate::limits::FINDINGS_PER_ALERT_MAX;

/// What it says about an incident.
pub(super) fn of_incident(incident: &Incident) -> GuardDuty {
    let joins = &incident.guardduty.joins;
    let listed = joins.iter().take(FINDINGS_PER_ALERT_MAX).map(of_join);
    GuardDuty {
        status: incident.guardduty.status.as_str().into(),
        bits: rounded(incident.guardduty_bits()),
        findings: listed.collect(),
        findings_more: joins.len().saturating_sub(FINDINGS_PER_ALERT_MAX) as u64,
    }
}

fn of_join(join: &Join) -> GuardDutyFinding {
    GuardDutyFinding {
        id: join.arn.to_string(),
        kind: join.kind.to_string(),
        severity: join.severity,
        reason: join.reason.to_string(),
        independent: join.independence.is_independent(),
        archived: join.is_archived,
        bits: rounded(join.bits),
        first_seen: rfc3339(join.first_second),
        last_seen: rfc3339(join.last_second),
    }
}

/// What it says where nothing of ours does.
pub(super) fn alone(finding: &Finding, reason: String) -> GuardDuty {
    let finding = GuardDutyFinding {
        id: finding.arn.to_string(),
        kind: finding.latest.kind.to_string(),
        severity: finding.severity(),
        reason,
        independent: finding.independence.is_independent(),
        archived: finding.latest.is_archived,
        bits: finding.bits(),
        first_seen: rfc3339(finding.first_second),
        last_seen: rfc3339(finding.last_second),
    };
    GuardDuty { status: "alone".into(), bits: finding.bits, findings: vec![finding], findings_more: 0 }
}

/// A clause for the sentence of an incident, empty unless it agrees.
pub(super) fn clause(incident: &Incident) -> String {
    let strongest = incident.guardduty.joins.first().filter(|_| incident.guardduty.status == Status::Agrees);
    strongest.map_or_else(String::new, |join| {
        let more = match incident.guardduty.joins.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("; GuardDuty agrees: {}{more}", join.kind)
    })
}
