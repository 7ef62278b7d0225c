//! What was told, and what makes two incidents one event.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::incident::{Incident, IncidentId};
use super::score::Severity;
use super::unit::Subject;
use crate::window::Day;

/// What was sent of a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) id: IncidentId,
    pub(super) last_day: Day,
    pub(super) app_bytes: u64,
    pub(super) families: u8,
    pub(super) severity: Severity,
    /// Independent findings that were told with it.
    pub(super) findings: BTreeSet<Arc<str>>,
}

impl Told {
    pub(super) fn of(incident: &Incident, day: Day) -> Self {
        Self {
            id: incident.id.clone(),
            last_day: day,
            app_bytes: incident.traffic.app_bytes,
            families: incident.families(),
            severity: incident.rule_severity(),
            findings: incident.independent_findings().cloned().collect(),
        }
    }
}

/// What is remembered of a subject after its day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Recent {
    pub(super) last_day: Day,
    /// What was sent of it, by this ENI or another that showed it on the same day.
    pub(super) told: Option<Told>,
    /// First and last day of the quarantine.
    pub(super) quarantined: Option<(Day, Day)>,
}

/// A subject in a peer group: what makes incidents of several ENIs one event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cause {
    pub(super) account: Arc<str>,
    pub(super) region: Arc<str>,
    pub(super) group: Arc<str>,
    pub(super) subject: Subject,
}

impl Cause {
    /// New destinations are one event whatever the groups; a change of the fleet is its group's.
    pub(super) fn of(incident: &Incident) -> Self {
        let is_new = incident.is_new_destination();
        Self {
            account: Arc::clone(&incident.eni.account),
            region: Arc::clone(&incident.eni.region),
            group: if is_new && !incident.is_fleet_change {
                "".into()
            } else {
                Arc::clone(&incident.place.group)
            },
            subject: incident.subject.clone(),
        }
    }
}
