//! From incidents, and findings told alone, to alerts: with what was expected, what they were computed
//! from, and the words of tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Living, Pipeline};
use crate::alert::{self, Alert, Provenance, Standing};
use crate::baseline::eni::Tier;
use crate::detect::{EniContext, Incident, Subject, against};
use crate::guardduty::{Finding, Sighting};
use crate::window::{EniId, Hour};

impl Pipeline {
    /// Adds what tables say, and which versions of files were in force.
    pub(super) fn tell_tables(&self, alerts: &mut [Alert]) {
        for alert in alerts {
            alert.tables.extend(self.suppressions.clone());
            if let Some(tables) = &self.tables {
                tables.tell(alert);
            }
        }
    }

    pub(super) fn write_up(&self, incident: &Incident, living: &Living) -> Alert {
        let context = self.context(&incident.eni, living);
        let against = against(&context, &incident.place.group, &self.settings);
        let provenance = self.provenance(&incident.eni, &incident.hours, living);
        let (age_hours, active_hours) =
            context.history.map_or((0, 0), |h| (h.age_hours(incident.best_hour), h.active_hours()));
        let group_enis = context.fleet.group_enis.get(&incident.place.group).copied().unwrap_or(0);
        let mut alert = alert::build(incident, &against, age_hours, active_hours, group_enis, &provenance);
        if incident.kept.is_sent() {
            alert.detectors.extend(self.annotations(incident, &context, living));
        }
        alert
    }

    /// What a reader wants to know besides. It asks all peers, so only what is sent has it.
    fn annotations(
        &self,
        incident: &Incident,
        context: &EniContext<'_>,
        living: &Living,
    ) -> impl Iterator<Item = alert::model::Evidence> {
        let group = &incident.place.group;
        let is_peer = |id: &EniId| {
            *id != incident.eni
                && id.place() == incident.eni.place()
                && (group.is_empty() || self.history.enis.get(id).is_some_and(|eni| eni.group == *group))
        };
        let peers = living.snapshot.enis.iter().filter(|(id, _)| is_peer(id)).map(|(_, model)| model);
        let rarity = match &incident.subject {
            Subject::Destination(key) => alert::annotation::peer_rarity(key, peers),
            Subject::Served(_) | Subject::Spread => None,
        };
        let off_hours = context.history.and_then(|h| alert::annotation::off_hours(h, incident.best_hour));
        rarity.into_iter().chain(off_hours)
    }

    pub(super) fn write_up_alone(&self, finding: &Finding, sighting: &Sighting, living: &Living) -> Alert {
        let context = self.context(&sighting.eni, living);
        let hours: Vec<Hour> = sighting.hours.iter().copied().collect();
        let last = hours.last().copied().unwrap_or_default();
        let (age_hours, active_hours) =
            context.history.map_or((0, 0), |h| (h.age_hours(last), h.active_hours()));
        let group = living.today.enis.get(&sighting.eni).map(|today| Arc::clone(&today.group));
        let group = group.or_else(|| context.history.map(|h| Arc::clone(&h.group))).unwrap_or_default();
        let standing = Standing {
            tier: Tier::of_age(age_hours),
            age_hours,
            active_hours,
            group_enis: context.fleet.group_enis.get(&group).copied().unwrap_or(0),
            group,
            threshold: living.threshold.0,
            lateness_seconds: self.lateness_seconds,
        };
        alert::build_alone(finding, sighting, &standing, &self.provenance(&sighting.eni, &hours, living))
    }

    /// What an alert of the day about `hours` of `eni` was computed from. Of earlier days the
    /// objects are no longer known.
    fn provenance(&self, eni: &EniId, hours: &[Hour], living: &Living) -> Provenance {
        let mut provenance = Provenance {
            snapshot_hash: living.snapshot.hash.as_str().into(),
            config_hash: Arc::clone(&self.config_hash),
            objects: BTreeSet::new(),
            objects_more: 0,
        };
        for hour in hours {
            if let Some(objects) = living.objects.get(&(*hour, eni.place())) {
                provenance.objects.extend(objects.names.iter().cloned());
                provenance.objects_more += objects.more;
            }
        }
        provenance
    }
}
