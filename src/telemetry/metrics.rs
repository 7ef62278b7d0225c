//! One method per event of the watcher. `families.rs` has the names.

use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::families::{Level, Progress, Reading, State, Told, add};
use super::labels::{DeliveryOutcome, MessageOutcome, ObjectOutcome, RecordStatus};
use super::process::Process;
use crate::baseline::eni::Tier;
use crate::detect::Severity;
use crate::pipeline::Standing;
use crate::record::{ReadReport, SkipReason};

/// Counters and gauges of a watcher. All methods may be called from any thread, and wait for none.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    started_second: Level,
    reading: Reading,
    progress: Progress,
    state: State,
    told: Told,
}

impl Metrics {
    /// All at zero. `now_second` is the Unix time at which the process begins, seconds.
    pub fn new(now_second: f64) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process));
        let start = "When the process began, as Unix time";
        let started_second: Level = add(&mut registry, "process_start_time", Some(Unit::Seconds), start);
        let page = registry.sub_registry_with_prefix("outflow");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        page.register("build", "The program that runs", version);
        let reading = Reading::register(page);
        let progress = Progress::register(page);
        let state = State::register(page);
        let told = Told::register(page);
        started_second.set(now_second);
        state.checkpoint_second.set(now_second);
        progress.closed_until_second.set(now_second);
        Self { registry, started_second, reading, progress, state, told }
    }

    /// An object was opened and read, to its end or to where it is damaged.
    pub fn object_read(&self, report: &ReadReport) {
        let reading = &self.reading;
        let outcome = if report.error.is_none() { ObjectOutcome::Read } else { ObjectOutcome::Damaged };
        reading.objects.of(outcome).inc();
        reading.object_bytes.inc_by(report.object_bytes);
        reading.text_bytes.inc_by(report.text_bytes);
        reading.lines.inc_by(report.lines);
        for (reason, lines) in SkipReason::ALL.into_iter().zip(report.skipped) {
            reading.lines_skipped.of(reason).inc_by(lines);
        }
        reading.records.of(RecordStatus::Ok).inc_by(report.records);
        reading.records.of(RecordStatus::NoData).inc_by(report.no_data);
        reading.records.of(RecordStatus::SkipData).inc_by(report.skip_data);
    }

    /// An object that a message named was not read.
    pub fn object_not_read(&self, outcome: ObjectOutcome) {
        self.reading.objects.of(outcome).inc();
    }

    /// Messages came from the queue, or left it.
    pub fn messages(&self, outcome: MessageOutcome, messages: u64) {
        self.progress.messages.of(outcome).inc_by(messages);
    }

    /// How long ago the oldest message that is not done was sent, seconds; 0 when all are done.
    pub fn queue_lag(&self, lag_seconds: f64) {
        self.progress.queue_lag_seconds.set(lag_seconds);
    }

    /// An hour closed and was scored. `end_second` is its end, Unix seconds.
    pub fn hour_closed(&self, end_second: i64) {
        self.progress.hours_closed.inc();
        self.progress.closed_until_second.set(end_second as f64);
    }

    /// How the day in hand stands: what could be seen of it, whom it is about, and the budget.
    pub fn standing(&self, standing: &Standing) {
        let told = &self.told;
        told.coverage.set(standing.seen_share.unwrap_or(f64::NAN));
        told.budget_spent.set(standing.spent_alerts as f64);
        told.budget_allowed.set(standing.allowed_alerts);
        for (tier, enis) in Tier::ALL.into_iter().zip(standing.tiers) {
            told.enis.of(tier).set(enis);
        }
    }

    /// Days were replayed, once, for objects that came late; `objects` were read again for it.
    pub fn corrected(&self, objects: u64) {
        self.progress.corrections.inc();
        self.progress.objects_reread.inc_by(objects);
    }

    /// A checkpoint of `bytes` is on disk at `now_second`, Unix seconds. A watcher with nothing to do
    /// writes them too, so that an old one always means that something is wrong.
    pub fn checkpoint_written(&self, now_second: f64, bytes: u64) {
        self.state.checkpoints.inc();
        self.state.checkpoint_bytes.set(bytes);
        self.state.checkpoint_second.set(now_second);
    }

    /// An incident is told, or told again with a new revision.
    pub fn told(&self, severity: Severity) {
        self.told.incidents.of(severity).inc();
    }

    /// A day ended with so many `incidents` that were not told.
    pub fn kept_back(&self, incidents: u64) {
        self.told.incidents_kept_back.inc_by(incidents);
    }

    /// An incident that was told is none any more, after a correction.
    pub fn withdrawn(&self) {
        self.told.withdrawn.inc();
    }

    /// A finding of GuardDuty was taken in.
    pub fn finding(&self) {
        self.told.findings.inc();
    }

    /// `alerts` were offered to the topic.
    pub fn delivered(&self, outcome: DeliveryOutcome, alerts: u64) {
        self.told.deliveries.of(outcome).inc_by(alerts);
    }

    /// `alerts` wait for being published.
    pub fn outbox(&self, alerts: u64) {
        self.told.outbox.set(alerts);
    }

    /// When the process began, Unix seconds.
    pub(super) fn started_second(&self) -> f64 {
        self.started_second.get()
    }

    /// When the latest checkpoint was written, Unix seconds; before the first, when the process
    /// began.
    pub(super) fn checkpoint_second(&self) -> f64 {
        self.state.checkpoint_second.get()
    }

    /// Whether a checkpoint was written since the process began.
    pub(super) fn has_checkpoint(&self) -> bool {
        self.state.checkpoints.get() > 0
    }

    /// Age of the oldest message that is not done, seconds.
    pub(super) fn queue_lag_seconds(&self) -> f64 {
        self.progress.queue_lag_seconds.get()
    }

    /// The page in the `OpenMetrics` text format 1.0.0.
    pub fn page(&self) -> String {
        let mut page = String::new();
        text::encode(&mut page, &self.registry).expect("writing into a text cannot fail");
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ObjectError;

    fn value(metrics: &Metrics, series: &str) -> f64 {
        let page = metrics.page();
        let found = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{series} in {page}")).parse().unwrap()
    }

    #[test]
    fn what_was_read_is_counted_by_what_became_of_it() {
        let metrics = Metrics::new(0.0);
        let mut report =
            ReadReport { object_bytes: 10, text_bytes: 100, lines: 7, records: 3, ..Default::default() };
        (report.no_data, report.skip_data) = (1, 2);
        report.skip(SkipReason::BadNumber, 1, 0, None, b"x");
        metrics.object_read(&report);
        report.error = Some(ObjectError::Io("gone".into()));
        metrics.object_read(&report);
        metrics.object_not_read(ObjectOutcome::Foreign);
        for (series, wanted) in [
            ("outflow_objects_total{outcome=\"read\"}", 1.0),
            ("outflow_objects_total{outcome=\"damaged\"}", 1.0),
            ("outflow_objects_total{outcome=\"foreign\"}", 1.0),
            ("outflow_objects_total{outcome=\"missing\"}", 0.0),
            ("outflow_object_bytes_total", 20.0),
            ("outflow_text_bytes_total", 200.0),
            ("outflow_lines_total", 14.0),
            ("outflow_lines_skipped_total{reason=\"bad_number\"}", 2.0),
            ("outflow_lines_skipped_total{reason=\"cut_off\"}", 0.0),
            ("outflow_records_total{status=\"ok\"}", 6.0),
            ("outflow_records_total{status=\"no_data\"}", 2.0),
            ("outflow_records_total{status=\"skip_data\"}", 4.0),
        ] {
            assert!((value(&metrics, series) - wanted).abs() < 1e-9, "{series}");
        }
    }

    #[test]
    fn incidents_are_either_told_or_kept_back() {
        let metrics = Metrics::new(0.0);
        metrics.told(Severity::High);
        metrics.kept_back(1);
        assert!((value(&metrics, "outflow_incidents_total{severity=\"HIGH\"}") - 1.0).abs() < 1e-9);
        assert!((value(&metrics, "outflow_incidents_kept_back_total") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_has_happened_at_the_start() {
        let page = Metrics::new(1_770_000_000.0).page();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let wanted: &[&str] = match series {
                "outflow_coverage_ratio" => &["NaN"],
                "process_start_time_seconds"
                | "outflow_checkpoint_timestamp_seconds"
                | "outflow_closed_until_timestamp_seconds" => &["1770000000.0"],
                _ if series.starts_with("outflow_build_info") => &["1"],
                _ if series.starts_with("process_") => continue,
                _ => &["0", "0.0"],
            };
            assert!(wanted.contains(&value), "{line}");
        }
        assert!(page.ends_with("# EOF\n"), "the format's end");
    }

    /// The number of series is a constant: no label takes text from outside.
    #[test]
    fn events_add_no_series() {
        let series = |metrics: &Metrics| metrics.page().lines().filter(|line| !line.starts_with('#')).count();
        let metrics = Metrics::new(0.0);
        let before = series(&metrics);
        metrics.object_read(&ReadReport::default());
        metrics.messages(MessageOutcome::NotAnEvent, 1);
        metrics.checkpoint_written(1.0, 1);
        metrics.hour_closed(3600);
        metrics.standing(&Standing { tiers: [0, 4, 0], ..Standing::default() });
        metrics.delivered(DeliveryOutcome::Failed, 3);
        assert_eq!(series(&metrics), before);
    }
}
