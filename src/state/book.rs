//! What a checkpoint holds: everything that is not a function of the objects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Severity};
use crate::guardduty::FindingSet;
use crate::window::{Day, Hour};

/// The books of a watcher.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Book {
    /// The states between days from which days can be lived again, ascending.
    pub days: Vec<DayState>,
    /// An older state was dropped: days before the first of `days` cannot be lived again.
    pub has_forgotten: bool,
    /// The last hour that was closed.
    pub closed: Option<Hour>,
    /// The newest time in the name of an object, Unix seconds.
    pub newest_named_second: Option<i64>,
    /// The first day that has to be lived again because of what came after its hours had closed.
    pub dirty_from: Option<Day>,
    /// The first day for which a finding became known anew after its hours had closed: lived again
    /// when the day in hand ends.
    pub stale_from: Option<Day>,
    /// Objects counted, by name, of the days that can be lived again.
    pub ledger: BTreeMap<String, Entry>,
    /// What was handed to the outbox, by day and alert id.
    pub told: BTreeMap<u32, BTreeMap<String, Told>>,
    /// What was told before its hour had closed, by alert id; until the hour closes.
    #[serde(default)]
    pub early: BTreeMap<String, Early>,
    /// Alerts that nobody has confirmed yet, in order.
    pub outbox: Vec<Alert>,
    /// `GuardDuty`'s findings; `None` when none are given.
    pub findings: Option<FindingSet>,
    /// What was refused, the latest `limits::QUARANTINED_NAMED_MAX`.
    pub quarantine: Vec<Quarantined>,
    /// How many were refused beyond those.
    pub quarantined_more: u64,
}

/// A stored state between two days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayState {
    /// The last day lived.
    pub after: Day,
    /// Its file; the name holds the hash.
    pub file: String,
}

/// An object that was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Entity tag, empty when there is none.
    pub etag: String,
    /// Size before inflating, bytes.
    pub bytes: u64,
    /// The first day that it is part of, by its records or its name.
    pub first_day: Day,
    /// The last one.
    pub last_day: Day,
}

/// What was told of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The alert's own revision then.
    pub revision: u32,
    /// The revision it was sent under: higher when corrections were told too.
    pub sent_revision: u32,
    /// Hash of what matters of it, as last seen; empty when it was taken back.
    pub gist: String,
}

/// What was told of an alert before its hour had closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Early {
    /// Its day.
    pub day: Day,
    /// Account, region and destination: one early message is enough for a cause.
    pub cause: (String, String, String),
    /// The severity that was told.
    pub severity: Severity,
    /// Application bytes that were told.
    pub app_bytes: u64,
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Outside the buckets and prefixes that may be read.
    Foreign,
    /// It was gone before it was read.
    Missing,
    /// It could not be read to its end; what came before the damage counts.
    Damaged,
    /// It belongs to days that can no longer be lived again: `scan` counts it.
    TooLate,
    /// A message that is nothing we know.
    NotAnEvent,
    /// An alert that SNS refuses for good; it is in the lake.
    Unpublishable,
    /// A finding beyond as many as are held.
    NoRoom,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Foreign,
        Self::Missing,
        Self::Damaged,
        Self::TooLate,
        Self::NotAnEvent,
        Self::Unpublishable,
        Self::NoRoom,
    ];

    /// The word in lists and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::TooLate => "too_late",
            Self::NotAnEvent => "not_an_event",
            Self::Unpublishable => "unpublishable",
            Self::NoRoom => "no_room",
        }
    }
}

/// Something that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// What: an object's name, or the id of a message or an alert.
    pub name: String,
    /// Why.
    pub reason: Reason,
    /// More about it, one line.
    pub detail: String,
}
