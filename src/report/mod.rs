//! The investigation report: one HTML file that tells, from a lake alone, what left, from where,
//! to whom, since when, whether that is normal, what `GuardDuty` says and what to do now.
//!
//! [`gather`] reads the lake into a [`Model`] of plain values, all words included, so what the
//! page says is tested here; [`html`] puts the model into the page as data. The page shows every
//! text as text. The file loads nothing, and its policy forbids it to.
//!
//! This is an edge: it reads files through `lake`. It reads no clock: "now" is the end of the data.

mod advice;
mod chart;
mod coverage;
mod fleet;
mod headline;
mod incident;
mod model;
mod page;
mod pick;
mod words;

pub use model::*;
pub use page::html;

use crate::detect::Settings;
use crate::error::Error;
use crate::lake::{Lake, LakeError};
use crate::limits::REPORT_CHARTS_MAX;

/// What to report on.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// First event second that counts, Unix seconds; `None`: from the start.
    pub from_second: Option<i64>,
    /// First event second that no longer counts, Unix seconds; `None`: to the end.
    pub to_second: Option<i64>,
    /// Only the incident with this id, or with the only id that starts so.
    pub incident: Option<String>,
}

impl ReportOptions {
    /// Whether an event second counts.
    fn holds(&self, second: i64) -> bool {
        self.from_second.is_none_or(|from| second >= from) && self.to_second.is_none_or(|to| second < to)
    }
}

/// Reads the lake into what the page shows.
///
/// # Errors
/// When the lake cannot be read, holds no hours in the range, or has no such incident.
pub fn gather(lake: &Lake, settings: &Settings, options: &ReportOptions) -> Result<Model, Error> {
    let seen = coverage::look(lake, options)?;
    if seen.coverage.eni_hours == 0 {
        let root = lake.root().display();
        return Err(if options.from_second.or(options.to_second).is_some() {
            let message = format!("{root} holds no hours of the time asked for");
            Error::usage(message, "leave out --from and --to to report on all of it")
        } else {
            let hint =
                "give the scan whose --lake this is inputs with records: its summary says what it read";
            Error::usage(format!("{root} holds no hours"), hint)
        });
    }
    let picked = pick::pick(lake, options)?;
    let charted = picked.alerts.len().min(REPORT_CHARTS_MAX);
    let contexts = chart::contexts(lake, settings, &picked.alerts[..charted], seen.to_second)?;
    let mut contexts: Vec<Option<chart::Context>> = contexts.into_iter().map(Some).collect();
    contexts.resize_with(picked.alerts.len(), || None);
    let mut counts = picked.counts;
    counts.charted = contexts.iter().flatten().filter(|context| context.chart.is_some()).count() as u64;
    let incidents: Vec<Incident> = picked
        .alerts
        .iter()
        .zip(contexts)
        .map(|(alert, context)| incident::incident(alert, context))
        .collect();
    let fleet = fleet::fleet(lake, &seen, &picked.told_by_eni)?;
    Ok(Model {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        headline: headline::headline(&counts, &incidents, options.incident.is_some()),
        summary: headline::summary(&counts, &incidents),
        looked_at: headline::looked_at(&seen.coverage, seen.from_second, seen.to_second),
        from_second: seen.from_second,
        to_second: seen.to_second,
        coverage: seen.coverage,
        counts,
        incidents,
        fleet,
    })
}

/// A lake's error with its place.
fn stored(lake: &Lake) -> impl Fn(LakeError) -> Error {
    let path = lake.root().display().to_string();
    move |error| Error::Stored { path: path.clone(), detail: error.to_string() }
}
