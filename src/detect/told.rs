//! What was told, and what makes two incidents one event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::incident::{Incident, IncidentId, Incidents, Kept};
use super::score::Severity;
use super::unit::Subject;
use crate::baseline::destination::DestinationKey;
use crate::window::{Day, EniId, Hour};

/// ENIs of one group, and their share of it, that make a change of the fleet.
const FLEET_ENIS_MIN: usize = 3;
/// ENIs that make one where records name no group (format v2) and nobody configured any: half of
/// a whole account never changes at once.
const FLEET_ENIS_UNGROUPED: usize = 5;
/// Share of an ENI's risk that others must show for it to be the same change ...
const FLEET_RISK_SHARE: f64 = 1.0 / 3.0;
/// ... and where no group is named: of all the ENIs that use a service, some have ten bits to it
/// on any day, and a leak must not pass as one of them.
const FLEET_RISK_SHARE_UNGROUPED: f64 = 0.6;
/// Risk from which an ENI counts as showing the change, bits.
const FLEET_BITS_MIN: f64 = 10.0;

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

/// What was sent of a cause today, for the others that show it.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    pub(super) told: Told,
    /// When it began to be scored.
    pub(super) first_hour: Hour,
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
            subject: if is_new { incident.subject.clone() } else { whole(&incident.subject) },
        }
    }
}

/// The network around a known destination: some ENIs of a group know it by its ranges and some,
/// that met more of them, as one.
fn whole(subject: &Subject) -> Subject {
    match subject {
        Subject::Destination(key) => {
            let parent = key.parent().map(DestinationKey::Network);
            Subject::Destination(parent.unwrap_or_else(|| key.clone()))
        }
        other => other.clone(),
    }
}

/// What shows a cause: subjects and their risk, by ENI.
type Shown = BTreeMap<EniId, Vec<(Subject, f64)>>;

impl Incidents {
    /// Marks subjects that most of a peer group shows on the same day, about as strongly: a
    /// deploy, a batch, a failover. One ENI that stands out from its group is not marked.
    pub(super) fn mark_fleet_changes(&mut self, group_enis: &dyn Fn(&EniId, &str) -> u32) {
        let mut by_cause: BTreeMap<(Cause, bool), Shown> = BTreeMap::new();
        for incident in self.open.values() {
            let cause = (Cause::of(incident), incident.is_new_destination());
            let of_eni = by_cause.entry(cause).or_default().entry(incident.eni.clone()).or_default();
            of_eni.push((incident.subject.clone(), incident.best.score.risk));
        }
        for ((cause, is_new), shown) in by_cause {
            let Some(first) = shown.keys().next() else { continue };
            let members = group_enis(first, &cause.group) as usize;
            if shown.len().min(members) < FLEET_ENIS_MIN {
                continue;
            }
            let half = members.div_ceil(2).max(FLEET_ENIS_MIN);
            let ungrouped = cause.group.is_empty() && !is_new;
            let enough = if ungrouped { half.min(FLEET_ENIS_UNGROUPED) } else { half };
            let strongest =
                |of_eni: &Vec<(Subject, f64)>| of_eni.iter().map(|(_, risk)| *risk).fold(0.0, f64::max);
            let risks: Vec<f64> = shown.values().map(strongest).collect();
            for (eni, of_eni) in shown {
                for (subject, risk) in of_eni {
                    let as_strong = if ungrouped { FLEET_RISK_SHARE_UNGROUPED } else { FLEET_RISK_SHARE };
                    let alike = |other: &&f64| **other >= FLEET_BITS_MIN && **other >= risk * as_strong;
                    let sharing = risks.iter().filter(alike).count();
                    if sharing >= enough
                        && let Some(incident) = self.open.get_mut(&(eni.clone(), subject))
                        && !incident.kept.is_sent()
                    {
                        incident.is_fleet_change = true;
                        incident.sharing_enis = sharing as u32;
                    }
                }
            }
        }
    }
}

/// What was told of an incident by the one that it goes on with: the whole day of it, as is
/// remembered of those that were sent, or the next day would be growth.
pub(super) fn of_leader(incident: &Incident, ended: &[Incident], day: Day) -> Option<Told> {
    let leader = ended.iter().find(|leader| Some(&leader.id) == incident.continues.as_ref())?;
    let told = Told::of(leader, day);
    Some(Told { app_bytes: told.app_bytes.max(incident.traffic.app_bytes), ..told })
}

/// A change of the fleet is one event also where it is worth no message: of those that show it on a
/// day, what is not sent goes on with the one that was, else with the strongest.
pub(super) fn fold_fleet_changes(ended: &mut [Incident]) {
    let mut leaders: BTreeMap<Cause, usize> = BTreeMap::new();
    let rank = |incident: &Incident| (incident.kept.is_sent(), incident.best.score.risk.to_bits());
    for (at, incident) in ended.iter().enumerate().filter(|(_, incident)| incident.is_fleet_change) {
        let leader = leaders.entry(Cause::of(incident)).or_insert(at);
        if rank(incident) > rank(&ended[*leader]) {
            *leader = at;
        }
    }
    for at in 0..ended.len() {
        let incident = &ended[at];
        let leader = leaders.get(&Cause::of(incident)).copied().filter(|leader| *leader != at);
        if let Some(leader) =
            leader.filter(|_| incident.is_fleet_change && incident.kept == Kept::BelowThreshold)
        {
            let eni = Arc::clone(&incident.eni.eni);
            let id = ended[leader].id.clone();
            ended[leader].enis.insert(eni);
            (ended[at].kept, ended[at].continues) = (Kept::Continues, Some(id));
        }
    }
}
