//! The metric families: names, help and units. Names follow the Prometheus conventions
//! (prometheus.io/docs/practices/naming): `_total` counters, base units last, moments as Unix time
//! instead of ages, so that an age goes on growing when nobody updates it.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::labels::{DeliveryOutcome, MessageOutcome, ObjectOutcome, PerLabel, RecordStatus};
use crate::baseline::eni::Tier;
use crate::detect::Severity;
use crate::record::SkipReason;

/// Only grows.
pub(super) type Count = Counter<u64, AtomicU64>;
/// A whole number that goes up and down.
pub(super) type Amount = Gauge<u64, AtomicU64>;
/// A number with a fraction that goes up and down.
pub(super) type Level = Gauge<f64, AtomicU64>;

/// Makes a metric and puts it on the page.
pub(super) fn add<M>(page: &mut Registry, name: &str, unit: Option<Unit>, help: &str) -> M
where
    M: Metric + Clone + Default,
{
    let metric = M::default();
    match unit {
        Some(unit) => page.register_with_unit(name, help, unit, metric.clone()),
        None => page.register(name, help, metric.clone()),
    }
    metric
}

const BYTES: Option<Unit> = Some(Unit::Bytes);
const SECONDS: Option<Unit> = Some(Unit::Seconds);

/// What came in and was read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) objects: PerLabel<ObjectOutcome, Count>,
    pub(super) object_bytes: Count,
    pub(super) text_bytes: Count,
    pub(super) lines: Count,
    pub(super) lines_skipped: PerLabel<SkipReason, Count>,
    pub(super) records: PerLabel<RecordStatus, Count>,
}

impl Reading {
    pub(super) fn register(page: &mut Registry) -> Self {
        Self {
            objects: add(page, "objects", None, "Objects that messages named, by what became of them"),
            object_bytes: add(page, "object", BYTES, "Bytes of objects before inflating"),
            text_bytes: add(page, "text", BYTES, "Bytes of objects after inflating"),
            lines: add(page, "lines", None, "Lines or rows, without headers and blank lines"),
            lines_skipped: add(page, "lines_skipped", None, "Lines that gave no record, by reason"),
            records: add(page, "records", None, "Flow records, by log status"),
        }
    }
}

/// The queue, and how far event time has come.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) messages: PerLabel<MessageOutcome, Count>,
    pub(super) queue_lag_seconds: Level,
    pub(super) hours_closed: Count,
    pub(super) closed_until_second: Level,
    pub(super) corrections: Count,
    pub(super) objects_reread: Count,
}

impl Progress {
    pub(super) fn register(page: &mut Registry) -> Self {
        let closed = "End of the latest closed hour in event time, as Unix time; until one closes, when the process began";
        let lag = "Age of the oldest message that was received and is not done";
        Self {
            messages: add(page, "messages", None, "Messages of the queue, by what became of them"),
            queue_lag_seconds: add(page, "queue_lag", SECONDS, lag),
            hours_closed: add(page, "hours_closed", None, "Hours of event time that closed and were scored"),
            closed_until_second: add(page, "closed_until_timestamp", SECONDS, closed),
            corrections: add(page, "corrections", None, "Replays of days for objects that came late"),
            objects_reread: add(page, "objects_reread", None, "Objects read again for corrections"),
        }
    }
}

/// What would survive a crash.
#[derive(Debug)]
pub(super) struct State {
    pub(super) checkpoints: Count,
    pub(super) checkpoint_second: Level,
    pub(super) checkpoint_bytes: Amount,
}

impl State {
    pub(super) fn register(page: &mut Registry) -> Self {
        let second =
            "When the latest checkpoint was written, as Unix time; before the first, when the process began";
        Self {
            checkpoints: add(page, "checkpoints", None, "Checkpoints written"),
            checkpoint_second: add(page, "checkpoint_timestamp", SECONDS, second),
            checkpoint_bytes: add(page, "checkpoint", BYTES, "Size of the latest checkpoint"),
        }
    }
}

/// What was found and told, and how much stands behind it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) incidents: PerLabel<Severity, Count>,
    pub(super) incidents_kept_back: Count,
    pub(super) withdrawn: Count,
    pub(super) findings: Count,
    pub(super) deliveries: PerLabel<DeliveryOutcome, Count>,
    pub(super) outbox: Amount,
    pub(super) budget_spent: Level,
    pub(super) budget_allowed: Level,
    pub(super) enis: PerLabel<Tier, Amount>,
    pub(super) coverage: Level,
}

impl Told {
    pub(super) fn register(page: &mut Registry) -> Self {
        let ratio = Some(Unit::Other("ratio".to_owned()));
        let kept_back = "Incidents kept back by the budget or as known";
        let withdrawn = "Incidents that were told and are none after a correction";
        let findings = "Findings of GuardDuty taken in";
        let deliveries = "Attempts to publish an alert, by what became of them";
        let outbox = "Alerts that are decided and not yet published";
        let spent = "Alerts of the current event-time day that were told within the budget";
        let allowed = "Alerts that the budget allows for the current event-time day";
        let coverage =
            "Share of the latest closed hour that could be seen, mean over interfaces; NaN before the first";
        let told = Self {
            incidents: add(
                page,
                "incidents",
                None,
                "Incidents that were told, and told again when they grew, by severity",
            ),
            incidents_kept_back: add(page, "incidents_kept_back", None, kept_back),
            withdrawn: add(page, "incidents_withdrawn", None, withdrawn),
            findings: add(page, "findings", None, findings),
            deliveries: add(page, "deliveries", None, deliveries),
            outbox: add(page, "outbox_alerts", None, outbox),
            budget_spent: add(page, "budget_spent_alerts", None, spent),
            budget_allowed: add(page, "budget_allowed_alerts", None, allowed),
            enis: add(page, "enis", None, "Network interfaces, by how much of their past is known"),
            coverage: add(page, "coverage", ratio, coverage),
        };
        // Not known is neither nothing nor all.
        told.coverage.set(f64::NAN);
        told
    }
}
