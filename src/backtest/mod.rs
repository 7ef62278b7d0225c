//! Scores a lake's hours again, under the configuration at hand: what would have been told, what
//! would not, and how much could leave unseen. No raw log is read, because a stored hour holds all
//! that scoring asks for.
//!
//! Baselines are learned from the lake alone, from its first day on. So a lake that one `scan`
//! wrote gives that scan's incidents; the lake of scans that began at different times gives what
//! one scan over all of them would have.

mod compare;
mod headroom;
mod save;

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::RangeInclusive;
use std::sync::Arc;

pub use compare::{Change, Comparison, Rates, compare};
pub use headroom::{Headroom, PROBE_BYTES_MAX, headroom};
pub use save::save;

use crate::alert::Alert;
use crate::baseline::SnapshotRow;
use crate::config::Config;
use crate::detect::{Settings, Threshold};
use crate::lake::{COVERAGE, Lake, LakeError, Partition};
use crate::pipeline::{DayStart, Output, Pipeline};
use crate::scan::Beside;
use crate::window::{ClosedHour, Day, EniClass, EniHour, Hour};

/// What scoring the lake again gave.
#[derive(Debug)]
pub struct Rescored {
    /// All incidents, emitted or not, in event order, of the days asked for.
    pub alerts: Vec<Alert>,
    /// The emission threshold by day, bits.
    pub thresholds: BTreeMap<Day, Threshold>,
    /// Instance ENIs with at least one hour on the days asked for.
    pub enis: u32,
    /// Days of the lake among the days asked for.
    pub days: u32,
    /// How much could leave unseen, when it was asked for: by ENI of the last day.
    pub headroom: Vec<Headroom>,
}

/// Scores the hours of `lake`. All its days up to the last of `days` are lived, so that baselines
/// are what they were; only incidents of `days` are given.
///
/// # Errors
/// When the lake cannot be read.
pub fn rescore(
    lake: &Lake,
    config: &Config,
    beside: &Beside,
    settings: &Settings,
    days: &RangeInclusive<Day>,
    with_headroom: bool,
) -> Result<Rescored, LakeError> {
    let mut by_day: BTreeMap<Day, Vec<Partition>> = BTreeMap::new();
    for partition in lake.partitions(&COVERAGE)? {
        if partition.day <= *days.end() {
            by_day.entry(partition.day).or_default().push(partition);
        }
    }
    let lateness_seconds = i64::from(config.input.lateness_minutes) * 60;
    let pipeline = Pipeline::new(settings.clone(), &beside.config_hash(config), lateness_seconds);
    let mut pipeline = beside.clone().into_pipeline(pipeline);
    let mut taken = Taken { days: days.clone(), alerts: Vec::new() };
    let mut rescored =
        Rescored { alerts: Vec::new(), thresholds: BTreeMap::new(), enis: 0, days: 0, headroom: Vec::new() };
    let mut enis = std::collections::BTreeSet::new();
    let last = by_day.keys().next_back().copied();
    for (day, partitions) in by_day {
        let keeps = with_headroom && last == Some(day);
        let mut kept = Vec::new();
        for closed in hours(lake, &partitions)? {
            let closed = Arc::new(closed?);
            let Ok(()) = pipeline.take_closed(&closed, &mut taken);
            if days.contains(&day) {
                let hosts = closed.enis.iter().filter(|eni| eni.class == EniClass::Instance);
                enis.extend(hosts.map(|eni| eni.id.clone()));
            }
            if keeps {
                kept.extend(Arc::unwrap_or_clone(closed).enis);
            }
        }
        if let Some(standpoint) = pipeline.standpoint().filter(|_| days.contains(&day)) {
            rescored.days += 1;
            rescored.thresholds.insert(day, standpoint.threshold);
            if keeps {
                rescored.headroom = headroom(&standpoint, settings, kept);
            }
        }
    }
    let Ok(_) = pipeline.finish(&mut taken);
    rescored.alerts = taken.alerts;
    rescored.enis = enis.len() as u32;
    Ok(rescored)
}

/// Keeps the alerts of the days asked for.
struct Taken {
    days: RangeInclusive<Day>,
    alerts: Vec<Alert>,
}

impl Output for Taken {
    type Error = std::convert::Infallible;

    fn snapshot_rows(&mut self, _: Day, _: Vec<SnapshotRow>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn day_begins(&mut self, _: Day, _: &DayStart<'_>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn hour_closed(&mut self, _: &Arc<ClosedHour>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn day_ends(&mut self, day: Day, alerts: Vec<Alert>) -> Result<(), Self::Error> {
        if self.days.contains(&day) {
            self.alerts.extend(alerts);
        }
        Ok(())
    }
}

/// The hours of one day, ascending, all accounts and regions together, one hour in memory.
fn hours(
    lake: &Lake,
    partitions: &[Partition],
) -> Result<impl Iterator<Item = Result<ClosedHour, LakeError>> + use<>, LakeError> {
    let mut readers = partitions
        .iter()
        .map(|partition| Ok(lake.read_hours(partition)?.peekable()))
        .collect::<Result<Vec<_>, LakeError>>()?;
    Ok(std::iter::from_fn(move || {
        let hour = readers.iter_mut().filter_map(next_hour).min()?;
        let mut enis = Vec::new();
        for reader in &mut readers {
            while let Some(eni) = reader.next_if(|eni| eni.as_ref().map_or(true, |eni| eni.hour == hour)) {
                match eni {
                    Ok(eni) => enis.push(eni),
                    Err(error) => {
                        readers.clear();
                        return Some(Err(error));
                    }
                }
            }
        }
        Some(Ok(ClosedHour { hour, enis, objects: hashbrown::HashMap::default() }))
    }))
}

/// The hour a reader stands at; the first of all when it stands at an error, which is then told.
fn next_hour(reader: &mut Peekable<impl Iterator<Item = Result<EniHour, LakeError>>>) -> Option<Hour> {
    reader.peek().map(|eni| eni.as_ref().map_or(Hour(0), |eni| eni.hour))
}
