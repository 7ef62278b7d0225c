//! What hours that are still open show already: alerts that would be HIGH if nothing more came.
//!
//! Only what can grow while an hour goes on counts (sums of bytes, of flows whose role is proven), so
//! that the closed hour says it too, at least as strongly. Nothing is remembered of it here: the hour
//! closes, is scored and is learned from as if nobody had looked.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Living, Pipeline};
use crate::alert::Alert;
use crate::detect::{HourOutcome, Kept, Severity, Subject, against, score_hour};
use crate::window::{ClosedHour, EniClass, EniHour, EniId, Hour, OpenHours, Role};

/// The word on alerts that are told before their hour has closed.
const EARLY: &str = "early";
/// Seconds of one slot of an hour's coverage.
const SLOT_SECONDS: i64 = 300;

impl Pipeline {
    /// The alerts that open hours of the day in hand would give, HIGH by bytes alone, and that no
    /// closed hour has given. `seen_second` is how far the objects reach that are in, Unix seconds: it
    /// is when they are told, and what comes later is not missing.
    pub fn early(&self, open: &OpenHours, seen_second: i64) -> Vec<Alert> {
        let Some(living) = &self.living else { return Vec::new() };
        let day = living.snapshot.day;
        let is_begun = |hour: &Hour| hour.day() == day && hour.start_second() < seen_second;
        let hours = open.due(Hour(u32::MAX)).into_iter().filter(is_begun);
        hours.flat_map(|hour| self.early_of(&self.so_far(open, hour, seen_second), seen_second)).collect()
    }

    /// An open hour as if it had closed, as far as it is proven.
    fn so_far(&self, open: &OpenHours, hour: Hour, seen_second: i64) -> ClosedHour {
        let mut closed = open.peek(hour, |id| self.history.known(id));
        let to_come =
            (seen_second.clamp(hour.start_second(), hour.end_second()) - hour.start_second()) / SLOT_SECONDS;
        for eni in &mut closed.enis {
            // A role that nothing proves may be decided by what is still to come.
            eni.flows.retain(|flow| flow.role != Role::Unknown);
            if eni.coverage.slots != 0 {
                eni.coverage.slots |= (to_come..12).fold(0, |slots, slot| slots | 1 << slot);
            }
        }
        closed
    }

    fn early_of(&self, hour: &ClosedHour, seen_second: i64) -> Vec<Alert> {
        let Some(living) = &self.living else { return Vec::new() };
        let found: Vec<(&EniHour, Arc<str>, HourOutcome)> = hour
            .enis
            .par_iter()
            .filter(|eni| eni.class == EniClass::Instance && eni.coverage.is_observed())
            .filter_map(|eni| self.loud(eni, living))
            .collect();
        if found.is_empty() {
            return Vec::new();
        }
        let told: BTreeSet<&str> =
            self.incidents.sent_so_far().map(|incident| incident.id.0.as_str()).collect();
        let mut incidents = self.incidents.clone();
        let mut about: BTreeSet<(EniId, Subject)> = BTreeSet::new();
        for (eni, group, outcome) in found {
            about.extend(outcome.scored.iter().map(|scored| (eni.id.clone(), scored.unit.subject.clone())));
            incidents.note(eni, &group, outcome, living.threshold);
        }
        if let Some(beside) = &self.guardduty {
            incidents.join(hour.hour, beside.correlation.findings());
        }
        incidents.decide(hour.hour, seen_second, &|id: &EniId, group: &str| living.group_enis(id, group));
        let is_new = |incident: &&crate::detect::Incident| {
            matches!(incident.kept, Kept::SentHigh | Kept::SentFleetChange)
                && about.contains(&(incident.eni.clone(), incident.subject.clone()))
                && !told.contains(incident.id.0.as_str())
        };
        let mut alerts: Vec<Alert> =
            incidents.sent_so_far().filter(is_new).map(|incident| self.write_up(incident, living)).collect();
        for alert in &mut alerts {
            name_objects(alert, hour);
            EARLY.clone_into(&mut alert.emitted_reason);
            alert.sentence = format!("Hour still open, so far: {}", alert.sentence);
        }
        self.tell_tables(&mut alerts);
        alerts
    }

    /// What one ENI's open hour is worth by what only grows, when that is HIGH.
    fn loud<'a>(&self, eni: &'a EniHour, living: &Living) -> Option<(&'a EniHour, Arc<str>, HourOutcome)> {
        let lived = living.today.enis.get(&eni.id).cloned();
        let mut lived = lived.unwrap_or_else(|| self.new_today(&eni.id, eni.hour));
        let context = self.context(&eni.id, living);
        let mut outcome = score_hour(eni, &context, &self.settings, &mut lived, &|_| false);
        let against = against(&context, &lived.group, &self.settings);
        outcome.scored.retain_mut(|scored| {
            (scored.evidence, scored.score) = scored.unit.score_so_far(&against);
            scored.score.severity >= Severity::High
        });
        (!outcome.scored.is_empty()).then_some((eni, lived.group, outcome))
    }
}

/// Adds the objects of the open hour to those of closed ones.
fn name_objects(alert: &mut Alert, hour: &ClosedHour) {
    let at = (Arc::from(alert.account.as_str()), Arc::from(alert.region.as_str()));
    if let Some(objects) = hour.objects.get(&at) {
        let named: BTreeSet<Arc<str>> =
            alert.objects.drain(..).chain(objects.names.iter().cloned()).collect();
        let excess = named.len().saturating_sub(crate::limits::OBJECTS_PER_HOUR_NAMED_MAX);
        alert.objects_more += objects.more + excess as u64;
        alert.objects = named.into_iter().take(crate::limits::OBJECTS_PER_HOUR_NAMED_MAX).collect();
    }
}
