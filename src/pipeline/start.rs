//! What a day begins with, as it is stored beside the day's snapshot: who was told what, the scores
//! behind the threshold, and where findings were sighted. A day can be recomputed from a snapshot,
//! this, and the objects of the day.

use serde::Serialize;

use super::{Beside, Carried};
use crate::baseline::SnapshotRow;
use crate::detect::{IncidentMemory, Incidents, Threshold};
use crate::guardduty::CorrelationMemory;
use crate::window::Day;

/// What a row of a stored memory is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryKind {
    /// A subject that stood out: whether it was told, and is quarantined.
    Subject,
    /// The incident scores of a past day, from which the threshold is learned.
    Scores,
    /// The threshold of the day that begins.
    Threshold,
    /// Where findings of `GuardDuty` were sighted; one row when any were given.
    Findings,
}

impl MemoryKind {
    const ALL: [Self; 4] = [Self::Subject, Self::Scores, Self::Threshold, Self::Findings];

    /// The word in the lake.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Scores => "scores",
            Self::Threshold => "threshold",
            Self::Findings => "findings",
        }
    }

    /// The kind with that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One row of a stored memory.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryRow {
    /// What it is about.
    pub kind: MemoryKind,
    /// As it would be without any finding of `GuardDuty`: kept beside when findings are given.
    pub is_unaided: bool,
    /// Account of a subject, else empty.
    pub account: String,
    /// Region of a subject, else empty.
    pub region: String,
    /// ENI of a subject, else empty.
    pub eni: String,
    /// The subject, else empty.
    pub subject: String,
    /// The last day of the subject's incident, or the day of the scores.
    pub day: Option<Day>,
    /// The threshold, bits; `None` while there is none.
    pub bits: Option<f64>,
    /// All of it, JSON; empty for a threshold.
    pub state: String,
}

/// What a day begins with.
pub struct DayStart<'a> {
    /// Hash of the snapshot that its hours are compared with, as on alerts.
    pub snapshot_hash: &'a str,
    /// Risk from which its incidents are sent.
    pub threshold: Threshold,
    incidents: &'a Incidents,
    beside: Option<&'a Beside>,
}

impl<'a> DayStart<'a> {
    pub(super) fn new(
        snapshot_hash: &'a str,
        threshold: Threshold,
        incidents: &'a Incidents,
        beside: Option<&'a Beside>,
    ) -> Self {
        Self { snapshot_hash, threshold, incidents, beside }
    }

    /// The memory as rows, the threshold first.
    pub fn memory(&self) -> Vec<MemoryRow> {
        let mut rows =
            vec![MemoryRow { bits: self.threshold.0, ..row(MemoryKind::Threshold, String::new()) }];
        rows.extend(rows_of(&self.incidents.memory(), false));
        if let Some(beside) = self.beside {
            rows.extend(rows_of(&beside.unaided.memory(), true));
            rows.push(row(MemoryKind::Findings, json(&beside.correlation.memory())));
        }
        rows
    }
}

fn row(kind: MemoryKind, state: String) -> MemoryRow {
    let empty = String::new;
    MemoryRow {
        kind,
        is_unaided: false,
        account: empty(),
        region: empty(),
        eni: empty(),
        subject: empty(),
        day: None,
        bits: None,
        state,
    }
}

fn rows_of(memory: &IncidentMemory, is_unaided: bool) -> impl Iterator<Item = MemoryRow> + use<> {
    memory.parts().into_iter().map(move |part| match part.about {
        Some((eni, subject)) => MemoryRow {
            is_unaided,
            account: eni.account.to_string(),
            region: eni.region.to_string(),
            eni: eni.eni.to_string(),
            subject: subject.to_string(),
            day: Some(part.day),
            ..row(MemoryKind::Subject, part.state)
        },
        None => MemoryRow { is_unaided, day: Some(part.day), ..row(MemoryKind::Scores, part.state) },
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what a correlation remembers is texts and numbers")
}

impl Carried {
    /// The state before a day, from the snapshot and the memory that were stored as it began. An
    /// empty memory is that of a first day.
    ///
    /// # Errors
    /// When a row's state is none of ours.
    pub fn of_stored(snapshot: Vec<SnapshotRow>, memory: &[MemoryRow]) -> Result<Self, serde_json::Error> {
        let (mut incidents, mut unaided) = (IncidentMemory::default(), IncidentMemory::default());
        let mut findings: Option<CorrelationMemory> = None;
        for row in memory {
            let of = if row.is_unaided { &mut unaided } else { &mut incidents };
            match row.kind {
                MemoryKind::Subject => of.add_part(false, &row.state)?,
                MemoryKind::Scores => of.add_part(true, &row.state)?,
                MemoryKind::Threshold => {}
                MemoryKind::Findings => findings = Some(serde_json::from_str(&row.state)?),
            }
        }
        Ok(Self { rows: snapshot, incidents, beside: findings.map(|findings| (unaided, findings)) })
    }
}
