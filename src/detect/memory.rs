//! What incidents leave behind between days, as it is stored: who was told what, what is
//! quarantined, and the scores that the threshold is learned from. Between days nothing is open.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::budget::{self, DayScores, Threshold};
use super::incident::{Incident, Incidents};
use super::told::Recent;
use super::unit::Subject;
use crate::window::{Day, EniId};

/// The memory of [`Incidents`] between two days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentMemory {
    /// A list, because JSON has no maps by anything but text.
    recent: Vec<(EniId, Subject, Recent)>,
    scores: VecDeque<DayScores>,
}

/// One thing that incidents remember, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryPart {
    /// The ENI and the subject that it is about; `None` for the scores of a day.
    pub about: Option<(EniId, Subject)>,
    /// The last day of the subject's incident, or the day of the scores.
    pub day: Day,
    /// All of it, JSON.
    pub state: String,
}

impl IncidentMemory {
    /// All parts: subjects first, then the scores of past days, oldest first.
    pub fn parts(&self) -> Vec<MemoryPart> {
        let told = self.recent.iter().map(|part| MemoryPart {
            about: Some((part.0.clone(), part.1.clone())),
            day: part.2.last_day,
            state: json(part),
        });
        let scores = self.scores.iter().map(|of_day| MemoryPart {
            about: None,
            day: Day(of_day.day),
            state: json(of_day),
        });
        told.chain(scores).collect()
    }

    /// Adds a part that `parts` gave; those of scores in their order.
    ///
    /// # Errors
    /// When its state is none of ours.
    pub fn add_part(&mut self, is_scores: bool, state: &str) -> Result<(), serde_json::Error> {
        if is_scores {
            self.scores.push_back(serde_json::from_str(state)?);
        } else {
            self.recent.push(serde_json::from_str(state)?);
        }
        Ok(())
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("ids, days and finite numbers are JSON")
}

impl Incidents {
    /// The threshold for a day that begins.
    pub fn threshold(&mut self, day: Day, enis: u32, per_day_per_1000_enis: f64) -> Threshold {
        budget::forget(&mut self.scores, day);
        Threshold::learn(&self.scores, enis, per_day_per_1000_enis)
    }

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
