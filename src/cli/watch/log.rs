//! What the engine tells, as log lines and as a summary at the end.

use std::fmt::Write as _;

use crate::cli::term::BOLD;
use crate::cli::text::{bytes, plural, safe};
use crate::state::Reason;
use crate::telemetry::{DeliveryOutcome, MessageOutcome, Metrics, ObjectOutcome, Telemetry};
use crate::watch::{Counts, Event, Observer};

/// Logs, counts, and keeps the metrics.
pub(super) struct Log {
    counts: Counts,
    telemetry: Telemetry,
}

impl Log {
    /// Tells `telemetry` from now on.
    pub(super) fn new(telemetry: Telemetry) -> Self {
        Self { counts: Counts::default(), telemetry }
    }

    /// What it came to.
    pub(super) fn summary(&self) -> String {
        let sums = self.counts.sums();
        let mut out = format!("{BOLD}Watched{BOLD:#}\n");
        let objects = plural(sums.objects, "object");
        let _ = writeln!(
            out,
            "  {objects}, {}, {}; {}",
            bytes(sums.object_bytes),
            plural(sums.records, "record"),
            plural(sums.duplicates, "duplicate")
        );
        let hours = plural(sums.hours, "hour");
        let corrections = plural(sums.corrections, "correction");
        let _ =
            writeln!(out, "  {hours} closed; {corrections}, {} read again", plural(sums.reread, "object"));
        let _ = write!(
            out,
            "  {} told, {} confirmed, {} taken back",
            plural(sums.told, "alert"),
            sums.published,
            sums.withdrawn
        );
        for reason in Reason::ALL {
            let count = sums.refused[reason as usize];
            if count > 0 {
                let _ = write!(out, "\n  {count} refused: {}", reason.as_str());
            }
        }
        out
    }
}

impl Observer for Log {
    fn note(&self, event: &Event<'_>) {
        self.counts.note(event);
        measure(&self.telemetry.metrics, event);
        match event {
            Event::Refused { name, reason, detail } => {
                tracing::warn!(name = %safe(name), reason = reason.as_str(), detail = %safe(detail), "refused");
            }
            Event::Again { name, detail } => {
                tracing::warn!(name = %safe(name), detail = %safe(detail), "to be tried again");
            }
            Event::DayEnded { day, alerts, .. } => {
                let emitted = alerts.iter().filter(|alert| alert.emitted).count();
                tracing::info!(day = %day.date(), emitted, "a day has ended");
            }
            Event::Corrected { from, objects } => {
                tracing::info!(from = %from.date(), objects, "days were lived again");
            }
            Event::Told(alert) => {
                let (id, severity) = (safe(&alert.id), alert.severity.as_str());
                tracing::info!(%id, revision = alert.revision, severity, "an alert");
            }
            Event::Withdrawn { id } => tracing::warn!(id = %safe(id), "no longer an alert"),
            Event::PublishFailed { alerts, detail } => {
                tracing::error!(alerts, detail = %safe(detail), "not published; kept");
            }
            Event::HourClosed(hour) => tracing::debug!(hour = hour.start_second(), "an hour has closed"),
            Event::Checkpoint { bytes, outbox } => tracing::debug!(bytes, outbox, "checkpoint"),
            Event::Counted { .. }
            | Event::Duplicate { .. }
            | Event::Finding
            | Event::Published { .. }
            | Event::QueueLag { .. }
            | Event::Received { .. }
            | Event::Standing(_) => {}
            Event::Deleted { left, .. } => {
                if *left > 0 {
                    tracing::warn!(messages = left, "SQS did not delete them; they will come again");
                }
            }
        }
    }
}

/// The same as metrics.
fn measure(metrics: &Metrics, event: &Event<'_>) {
    match event {
        Event::Counted { report, .. } => metrics.object_read(report),
        Event::Duplicate { .. } => metrics.object_not_read(ObjectOutcome::Duplicate),
        Event::Again { .. } => metrics.object_not_read(ObjectOutcome::Again),
        Event::Refused { reason, .. } => match reason {
            Reason::Foreign => metrics.object_not_read(ObjectOutcome::Foreign),
            Reason::Missing => metrics.object_not_read(ObjectOutcome::Missing),
            Reason::TooLate => metrics.object_not_read(ObjectOutcome::TooLate),
            Reason::NotAnEvent => metrics.messages(MessageOutcome::NotAnEvent, 1),
            Reason::Unpublishable => metrics.delivered(DeliveryOutcome::Refused, 1),
            // It was read, and that says so; a finding is no object.
            Reason::Damaged | Reason::NoRoom => {}
        },
        Event::HourClosed(hour) => metrics.hour_closed(hour.end_second()),
        Event::Standing(standing) => metrics.standing(standing),
        Event::DayEnded { alerts, is_again: false, .. } => {
            metrics.kept_back(alerts.iter().filter(|alert| !alert.emitted).count() as u64);
        }
        Event::DayEnded { .. } => {}
        Event::Corrected { objects, .. } => metrics.corrected(*objects),
        Event::Told(alert) => metrics.told(alert.severity),
        Event::Withdrawn { .. } => metrics.withdrawn(),
        Event::Finding => metrics.finding(),
        Event::Checkpoint { bytes, outbox } => {
            metrics.checkpoint_written(super::now_second() as f64, *bytes);
            metrics.outbox(*outbox);
        }
        Event::Published { alerts } => metrics.delivered(DeliveryOutcome::Published, *alerts),
        Event::PublishFailed { alerts, .. } => metrics.delivered(DeliveryOutcome::Failed, *alerts),
        Event::Received { messages } => metrics.messages(MessageOutcome::Received, *messages),
        Event::QueueLag { lag_seconds } => metrics.queue_lag(*lag_seconds as f64),
        Event::Deleted { messages, left } => {
            metrics.messages(MessageOutcome::Deleted, *messages);
            metrics.messages(MessageOutcome::DeleteFailed, *left);
        }
    }
}
