//! What the pipeline carries from one day to the next, as a value: whoever keeps it can go on from
//! there, as often as needed, and gets the same.
//!
//! Between days nothing is open, so this is small: histories, who was told what, the scores behind
//! the threshold, and where findings were sighted. Inside a day there is much more, and that is
//! not stored: it is a function of this and the objects of the day.

use serde::{Deserialize, Serialize};

use super::{Beside, Output, Pipeline};
use crate::alert::Alert;
use crate::baseline::{History, SnapshotRow};
use crate::detect::{IncidentMemory, Incidents, Settings};
use crate::guardduty::{Correlated, Correlation, CorrelationMemory, FindingSet};
use crate::window::Day;

/// The state of a pipeline between two days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    pub(super) rows: Vec<SnapshotRow>,
    pub(super) incidents: IncidentMemory,
    /// With findings: the incidents as they would be without any, and the correlation.
    pub(super) beside: Option<(IncidentMemory, CorrelationMemory)>,
}

impl Pipeline {
    /// The state after the days lived so far; between days only, see [`Self::end_day`].
    pub fn carried(&self) -> Carried {
        let beside = self.guardduty.as_ref();
        Carried {
            rows: self.history.rows().flatten().collect(),
            incidents: self.incidents.memory(),
            beside: beside.map(|beside| (beside.unaided.memory(), beside.correlation.memory())),
        }
    }

    /// A pipeline that goes on from `carried`, as [`Self::new`] begins. `findings` are all that are
    /// known now; `None` when none are given at all.
    ///
    /// # Errors
    /// When `carried` holds a history that is none of ours.
    pub fn resume(
        settings: Settings,
        config_hash: &str,
        lateness_seconds: i64,
        carried: Carried,
        findings: Option<FindingSet>,
    ) -> Result<Self, serde_json::Error> {
        let fresh = Self::new(settings, config_hash, lateness_seconds);
        let guardduty = findings.map(|findings| {
            // Without findings until now, what was told is what would have been told.
            let (unaided, memory) =
                carried.beside.unwrap_or_else(|| (carried.incidents.clone(), CorrelationMemory::default()));
            Beside {
                correlation: Correlation::remembering(memory, findings),
                unaided: Incidents::remembering(unaided),
            }
        });
        Ok(Self {
            history: History::from_rows(&carried.rows)?.into(),
            incidents: Incidents::remembering(carried.incidents),
            guardduty,
            ..fresh
        })
    }

    /// The day that is being lived.
    pub fn day(&self) -> Option<Day> {
        self.living.as_ref().map(|living| living.snapshot.day)
    }

    /// Ends the day that is being lived, if any. Days end by themselves when an hour of another day
    /// closes; whoever wants the state between them ends them first.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn end_day<O: Output>(&mut self, output: &mut O) -> Result<(), O::Error> {
        self.leave_day(false, output)
    }

    /// The alerts of the day so far that are sent, as they would be told now. After the last hour of
    /// the day they are those of the day's end, except for findings told alone, which wait for it.
    pub fn alerts_so_far(&self) -> Vec<Alert> {
        let Some(living) = &self.living else { return Vec::new() };
        let sent = self.incidents.sent_so_far();
        let mut alerts: Vec<Alert> = sent.map(|incident| self.write_up(incident, living)).collect();
        self.tell_tables(&mut alerts);
        alerts
    }

    /// Takes the findings known now: they count from the next hour on.
    pub fn replace_findings(&mut self, findings: FindingSet) {
        if let Some(beside) = &mut self.guardduty {
            beside.correlation.replace_findings(findings);
        }
    }

    /// The findings so far, by ARN, with the alerts that each is part of; `None` when none are
    /// given at all.
    pub fn correlated(&self) -> Option<Vec<Correlated>> {
        self.guardduty.as_ref().map(|beside| beside.correlation.correlated())
    }
}
