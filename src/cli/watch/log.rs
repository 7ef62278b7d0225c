//! What the engine tells, as log lines and as a summary at the end.

use std::fmt::Write as _;

use crate::cli::term::{BOLD, Term};
use crate::cli::text::{bytes, plural, safe};
use crate::state::Reason;
use crate::watch::{Counts, Event, Observer};

/// Logs and counts.
pub(super) struct Log {
    counts: Counts,
}

impl Log {
    /// Lines go to the standard error, unless somebody has set up another place before.
    pub(super) fn start(term: Term) -> Self {
        let level = if term.quiet { tracing::Level::ERROR } else { tracing::Level::INFO };
        let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level);
        // It fails only when there is a place already.
        let _ = lines.with_ansi(false).with_target(false).try_init();
        Self { counts: Counts::default() }
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
        match event {
            Event::Refused { name, reason, detail } => {
                tracing::warn!(name = %safe(name), reason = reason.as_str(), detail = %safe(detail), "refused");
            }
            Event::Again { name, detail } => {
                tracing::warn!(name = %safe(name), detail = %safe(detail), "to be tried again");
            }
            Event::DayEnded(day, alerts) => {
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
            Event::Checkpoint { bytes } => tracing::debug!(bytes, "checkpoint"),
            Event::Counted { .. }
            | Event::Duplicate { .. }
            | Event::Finding
            | Event::Published { .. }
            | Event::QueueLag(_) => {}
        }
    }
}
