//! What a scan came to: counts of what was seen and of what was found, nothing that grows with
//! the length of the history.

use std::collections::BTreeMap;

use super::delivered::Delivered;
use super::findings::FindingObjects;
use crate::alert::{Alert, Severity};
use crate::baseline::eni::Tier;
use crate::guardduty::{FindingTally, Skipped};
use crate::limits::FAILED_OBJECTS_NAMED_MAX;
use crate::pipeline::Tally;
use crate::record::{ObjectError, SkipReason, SkipSample};
use crate::window::Day;

/// What was seen, counted over all objects.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Objects read to their end.
    pub objects: u64,
    /// Objects that could not be read to their end.
    pub objects_failed: u64,
    /// Objects not read because their names say that they are of another time.
    pub objects_of_other_time: u64,
    /// Bytes before inflating.
    pub object_bytes: u64,
    /// Bytes of text (or Parquet) after inflating.
    pub text_bytes: u64,
    /// Non-blank lines or rows, without headers.
    pub lines: u64,
    /// Records with status OK.
    pub records: u64,
    /// NODATA records.
    pub no_data: u64,
    /// SKIPDATA records.
    pub skip_data: u64,
    /// Skipped lines, by `SkipReason as usize`.
    pub skipped: [u64; SkipReason::ALL.len()],
    /// The first skipped line of each reason, with the object it is in.
    pub skip_samples: Vec<(String, SkipSample)>,
    /// Records that came too late for their hour.
    pub late_records: u64,
    /// Earliest event second, Unix seconds.
    pub first_second: Option<i64>,
    /// Latest event second, Unix seconds.
    pub last_second: Option<i64>,
    /// Distinct UTC hours with records.
    pub hours: u64,
    /// ENI-hours with records.
    pub eni_hours: u64,
    /// Distinct ENIs.
    pub enis: u64,
    /// ENIs whose baseline is still too small to score alone.
    pub enis_learning: u64,
    /// ENIs with a young baseline.
    pub enis_young: u64,
    /// ENIs with a mature baseline.
    pub enis_mature: u64,
    /// ENIs that relay others' traffic and are not baselined.
    pub relays: u64,
    /// Five-minute objects missing between the first and the last, where names carry the time.
    pub missing_objects: u64,
    /// ENI-hours whose destinations were rolled up at their limit.
    pub rolled_up_eni_hours: u64,
    /// Windows that were scored.
    pub scored_windows: u64,
    /// The first objects that failed, in event order, with the reason: at most
    /// `limits::FAILED_OBJECTS_NAMED_MAX` of the `objects_failed`.
    pub failed: Vec<(String, ObjectError)>,
    /// Column names no table of ours knows, sorted.
    pub unknown_columns: Vec<String>,
    /// IP bytes sent by instances.
    pub egress_bytes: u64,
    /// IP bytes received by instances.
    pub ingress_bytes: u64,
    /// Whether the work was stopped before all objects were read.
    pub stopped: bool,
    /// What became of GuardDuty's findings; `None` when none were given.
    pub findings: Option<SeenFindings>,
}

/// What became of GuardDuty's findings.
#[derive(Clone, Debug, Default)]
pub struct SeenFindings {
    /// Objects read, and not read because they hold something else.
    pub objects: u64,
    /// Objects that hold something else.
    pub foreign_objects: u64,
    /// What the objects held, as counts of renderings.
    pub tally: FindingTally,
    /// Findings, each once, without samples.
    pub distinct: u64,
    /// Of those, the ones that are part of an alert.
    pub in_alerts: u64,
    /// Findings left out because there were too many.
    pub over_limit: u64,
    /// The first entry that could not be taken, with its object.
    pub first_skipped: Option<(String, Skipped)>,
}

/// How many incidents were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Emitted, by `Severity as usize`.
    by_severity: [u64; Severity::Critical as usize + 1],
    /// Found and kept back by our own rules.
    pub kept_back: u64,
    /// Hidden by a suppression.
    pub suppressed: u64,
    /// Emitted, and decided before the time of which alerts were asked for; counted nowhere else.
    pub earlier: u64,
}

impl Found {
    /// Counts one incident.
    pub fn note(&mut self, alert: &Alert) {
        if alert.emitted {
            self.by_severity[alert.severity as usize] += 1;
        } else if alert.emitted_reason == "suppressed" {
            self.suppressed += 1;
        } else {
            self.kept_back += 1;
        }
    }

    /// Emitted incidents of all severities.
    pub fn emitted(&self) -> u64 {
        self.by_severity.iter().sum()
    }

    /// Emitted incidents of one severity.
    pub fn emitted_as(&self, severity: Severity) -> u64 {
        self.by_severity[severity as usize]
    }

    /// Whether an incident at least as severe was emitted.
    pub fn reaches(&self, least: Severity) -> bool {
        self.by_severity[least as usize..].iter().any(|count| *count > 0)
    }
}

/// What a scan came to.
#[derive(Clone, Debug, Default)]
pub struct ScanReport {
    /// What was seen.
    pub seen: Seen,
    /// What was found.
    pub found: Found,
    /// How many incidents each suppression hid, by id.
    pub suppressed: BTreeMap<String, u64>,
    /// Days that the lake keeps as it held them, ascending: it has more of them than this scan.
    pub kept_days: Vec<Day>,
}

impl Seen {
    pub(super) fn note_failed(&mut self, name: String, error: ObjectError) {
        self.objects_failed += 1;
        if self.failed.len() < FAILED_OBJECTS_NAMED_MAX {
            self.failed.push((name, error));
        }
    }

    pub(super) fn take_findings(&mut self, read: &FindingObjects, tally: &Tally) {
        for (name, error) in &read.failed {
            self.note_failed(name.clone(), error.clone());
        }
        self.findings = Some(SeenFindings {
            objects: read.objects,
            foreign_objects: read.foreign_objects,
            tally: read.tally.clone(),
            distinct: tally.findings.len() as u64,
            in_alerts: tally.findings.iter().filter(|given| !given.alerts.is_empty()).count() as u64,
            over_limit: read.over_limit,
            first_skipped: read.first_skipped.clone(),
        });
    }

    pub(super) fn take_tally(&mut self, tally: &Tally, seconds: Option<(i64, i64)>, delivered: &Delivered) {
        let of = |tier| tally.tiers.values().filter(|t| **t == tier).count() as u64;
        self.first_second = seconds.map(|(first, _)| first);
        self.last_second = seconds.map(|(_, last)| last);
        self.hours = tally.hours;
        self.eni_hours = tally.eni_hours;
        self.enis = (tally.tiers.len() + tally.relays.len()) as u64;
        self.enis_learning = of(Tier::Learning);
        self.enis_young = of(Tier::Young);
        self.enis_mature = of(Tier::Mature);
        self.relays = tally.relays.len() as u64;
        self.missing_objects = delivered.missing();
        self.rolled_up_eni_hours = tally.rolled_up_eni_hours;
        self.scored_windows = tally.scored_units;
        self.late_records = tally.late_records;
        self.egress_bytes = tally.egress_bytes;
        self.ingress_bytes = tally.ingress_bytes;
    }
}
