//! Closed sets of labels, and a metric that has exactly one value for each of them.
//!
//! All values exist from the start: a rate over a counter that appears with its first event misses
//! that event, and an alert on something that is absent does not fire.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};

use crate::baseline::eni::Tier;
use crate::detect::Severity;
use crate::record::SkipReason;

/// A label with a closed set of values.
pub(super) trait Label: Copy + PartialEq + Send + Sync + fmt::Debug + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// All values, in display order.
    const VALUES: &'static [Self];
    /// The value's text.
    fn text(self) -> &'static str;
}

/// One metric for each value of a label.
#[derive(Clone, Debug)]
pub(super) struct PerLabel<L, M>(Vec<(L, M)>);

impl<L: Label, M: Default> Default for PerLabel<L, M> {
    fn default() -> Self {
        Self(L::VALUES.iter().map(|value| (*value, M::default())).collect())
    }
}

impl<L: Label, M> PerLabel<L, M> {
    /// The metric of one value.
    pub(super) fn of(&self, value: L) -> &M {
        let found = self.0.iter().find(|(of, _)| *of == value);
        &found.expect("every value of a closed set is there").1
    }
}

impl<L: Label, M: EncodeMetric + TypedMetric> EncodeMetric for PerLabel<L, M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (label, metric) in &self.0 {
            metric.encode(encoder.encode_family(&[(L::NAME, label.text())])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

/// What became of an object that a message named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectOutcome {
    /// Read to its end and counted.
    Read,
    /// Damaged; what came before the damage counts.
    Damaged,
    /// Counted before: a message came twice.
    Duplicate,
    /// Could not be had for now; it comes again.
    Again,
    /// Its day can no longer be replayed; `scan` can still read it.
    TooLate,
    /// Not there, or no longer.
    Missing,
    /// Outside the buckets and prefixes that may be read.
    Foreign,
}

impl Label for ObjectOutcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [Self] = &[
        Self::Read,
        Self::Damaged,
        Self::Duplicate,
        Self::Again,
        Self::TooLate,
        Self::Missing,
        Self::Foreign,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Damaged => "damaged",
            Self::Duplicate => "duplicate",
            Self::Again => "again",
            Self::TooLate => "too_late",
            Self::Missing => "missing",
            Self::Foreign => "foreign",
        }
    }
}

/// What became of a message of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    /// Taken from the queue.
    Received,
    /// Deleted: all that it led to is in a checkpoint.
    Deleted,
    /// The queue refused to delete it; it comes again and is a duplicate then.
    DeleteFailed,
    /// Nothing that we know.
    NotAnEvent,
}

impl Label for MessageOutcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [Self] = &[Self::Received, Self::Deleted, Self::DeleteFailed, Self::NotAnEvent];

    fn text(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Deleted => "deleted",
            Self::DeleteFailed => "delete_failed",
            Self::NotAnEvent => "not_an_event",
        }
    }
}

/// What became of an alert on its way to the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The topic took it.
    Published,
    /// The topic did not take it; it is tried again.
    Failed,
    /// The topic refuses it for good; it is in the lake.
    Refused,
}

impl Label for DeliveryOutcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [Self] = &[Self::Published, Self::Failed, Self::Refused];

    fn text(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// What a record says about its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordStatus {
    /// A flow.
    Ok,
    /// Nothing was sent or received.
    NoData,
    /// AWS lost records.
    SkipData,
}

impl Label for RecordStatus {
    const NAME: &'static str = "status";
    const VALUES: &'static [Self] = &[Self::Ok, Self::NoData, Self::SkipData];

    fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NoData => "no_data",
            Self::SkipData => "skip_data",
        }
    }
}

impl Label for SkipReason {
    const NAME: &'static str = "reason";
    const VALUES: &'static [Self] = &Self::ALL;

    fn text(self) -> &'static str {
        self.as_str()
    }
}

impl Label for Severity {
    const NAME: &'static str = "severity";
    const VALUES: &'static [Self] = &[Self::Low, Self::Medium, Self::High, Self::Critical];

    fn text(self) -> &'static str {
        self.as_str()
    }
}

impl Label for Tier {
    const NAME: &'static str = "tier";
    const VALUES: &'static [Self] = &Self::ALL;

    fn text(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Young => "young",
            Self::Mature => "mature",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<L: Label>() -> Vec<&'static str> {
        L::VALUES.iter().map(|value| value.text()).collect()
    }

    /// A variant that is missing from `VALUES` would panic when it is counted.
    #[test]
    fn severities_and_reasons_are_complete() {
        assert_eq!(Severity::VALUES.len(), Severity::Critical as usize + 1);
        assert_eq!(SkipReason::VALUES.len(), SkipReason::ALL.len());
        assert_eq!(Tier::VALUES.len(), Tier::Mature as usize + 1);
        assert_eq!(ObjectOutcome::VALUES.len(), ObjectOutcome::Foreign as usize + 1);
        assert_eq!(MessageOutcome::VALUES.len(), MessageOutcome::NotAnEvent as usize + 1);
        assert_eq!(DeliveryOutcome::VALUES.len(), DeliveryOutcome::Refused as usize + 1);
        assert_eq!(RecordStatus::VALUES.len(), RecordStatus::SkipData as usize + 1);
    }

    #[test]
    fn texts_are_words_of_which_none_comes_twice() {
        for texts in [
            texts::<ObjectOutcome>(),
            texts::<MessageOutcome>(),
            texts::<DeliveryOutcome>(),
            texts::<RecordStatus>(),
            texts::<SkipReason>(),
            texts::<Severity>(),
            texts::<Tier>(),
        ] {
            assert!(texts.iter().all(|text| text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')));
            let mut once = texts.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), texts.len());
        }
    }
}
