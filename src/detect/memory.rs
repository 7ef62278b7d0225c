//! What incidents leave behind between days, as it is stored: who was told what, what is
//! quarantined, and the scores that the threshold is learned from. Between days nothing is open.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::budget::DayScores;
use super::incident::{Incident, Incidents};
use super::told::Recent;
use super::unit::Subject;
use crate::window::EniId;

/// The memory of [`Incidents`] between two days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentMemory {
    /// A list, because JSON has no maps by anything but text.
    recent: Vec<(EniId, Subject, Recent)>,
    scores: VecDeque<DayScores>,
}

impl Incidents {
    /// What later days need. Only between days: what is open is not part of it.
    pub fn memory(&self) -> IncidentMemory {
        let recent = self.recent.iter().map(|((eni, subject), r)| (eni.clone(), subject.clone(), r.clone()));
        IncidentMemory { recent: recent.collect(), scores: self.scores.clone() }
    }

    /// The incidents of the days after those that `memory` is of.
    pub fn remembering(memory: IncidentMemory) -> Self {
        let recent = memory.recent.into_iter().map(|(eni, subject, recent)| ((eni, subject), recent));
        Self { recent: recent.collect(), scores: memory.scores, ..Self::default() }
    }

    /// Incidents of the day so far that were sent, in order.
    pub fn sent_so_far(&self) -> impl Iterator<Item = &Incident> {
        self.open.values().filter(|incident| incident.kept.is_sent())
    }
}
