//! Hourly series of an ENI and what the next day's hours should look like.

use std::collections::VecDeque;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::hours_text::HoursText;
use super::level::{Level, bytes_of};
use super::own_tail::OwnTail;
use super::robust::{median, shrink, spread};
use crate::limits::HISTORY_DAYS;
use crate::window::Day;

/// The hourly series kept per ENI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Series {
    /// Application bytes to external destinations in the client role.
    Client,
    /// Application bytes to the external client that was served most.
    ServedTop,
    /// Distinct external prefixes contacted.
    FanOut,
    /// Distinct external prefixes whose contact was rejected.
    RejectedFanOut,
}

impl Series {
    /// All of them; `as usize` indexes arrays.
    pub const ALL: [Self; 4] = [Self::Client, Self::ServedTop, Self::FanOut, Self::RejectedFanOut];
}

/// Number of series.
pub const SERIES: usize = Series::ALL.len();

/// One day of all series. Hours without coverage have no sample. Stored as a tuple in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredSamples", into = "StoredSamples")]
pub struct DaySamples {
    /// Which day.
    pub day: u32,
    /// Hours with records or NODATA, bit 0 is 00:00 UTC.
    pub seen: u32,
    /// Levels by series and hour; 0 where not seen.
    pub levels: [[Level; 24]; SERIES],
}

type StoredSamples = (u32, u32, [HoursText<4>; SERIES]);

impl From<StoredSamples> for DaySamples {
    fn from((day, seen, levels): StoredSamples) -> Self {
        Self { day, seen, levels: levels.map(|HoursText(hours)| hours.map(Level)) }
    }
}

impl From<DaySamples> for StoredSamples {
    fn from(stored: DaySamples) -> Self {
        let hours = |levels: [Level; 24]| HoursText(levels.map(|Level(level)| level));
        (stored.day, stored.seen, stored.levels.map(hours))
    }
}

impl DaySamples {
    /// An empty day.
    pub fn new(day: Day) -> Self {
        Self { day: day.0, seen: 0, levels: [[Level(0); 24]; SERIES] }
    }

    fn samples(&self, series: Series) -> impl Iterator<Item = (usize, f64)> + '_ {
        let levels = &self.levels[series as usize];
        (0..24).filter(|hour| self.seen & (1 << hour) != 0).map(|hour| (hour, levels[hour].log2()))
    }
}

/// Weight of the hour of day's middle against the samples of an hour of the week, of which 28
/// days give four (detection.md B.3).
const CELL_WEIGHT: f64 = 4.0;
/// Weight of the ENI's middle against the samples of an hour of the day. Small: 28 days give 28,
/// and a nightly backup ten doublings above the rest must not be pulled towards it.
pub(super) const HOUR_WEIGHT: f64 = 1.0;
/// Range of the volume histograms: 1 KiB to 2^40 KiB (1 EiB/1024), one significant digit.
/// Fixed bounds: an auto-resizing histogram's bytes depend on merge order.
const HDR_MAX_KIB: u64 = 1 << 40;

/// An empty volume histogram in KiB.
fn volume_histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, HDR_MAX_KIB, 1).expect("1 <= low, 2 * low <= high, 1 digit is in 0..=5")
}

/// What is expected of one series on one day: a pure function of the days before.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesModel {
    /// Expected level by hour of the day, doublings.
    pub middle: [f64; 24],
    /// How far past hours departed from it.
    own: OwnTail,
}

impl SeriesModel {
    /// Learns from `days` what `day` should look like. Hour-of-week cells are shrunk to the hour
    /// of day and that to the ENI's middle: 28 days give four samples a cell, which alone raised
    /// false alerts 4-8x (detection.md B.3).
    pub fn learn(days: &VecDeque<DaySamples>, series: Series, day: Day) -> Self {
        let mut all: Vec<f64> =
            days.iter().flat_map(|past| past.samples(series).map(|(_, level)| level)).collect();
        let overall = median(&mut all).unwrap_or(0.0);
        let mut middle = [0.0; 24];
        let mut residuals = Vec::with_capacity(all.len());
        // Room for the levels of an hour of the day, and of the week.
        let (mut of_day, mut of_week) = (Vec::new(), Vec::new());
        for (hour, middle) in middle.iter_mut().enumerate() {
            of_day.clear();
            of_week.clear();
            for past in days.iter().filter(|past| past.seen & (1 << hour) != 0) {
                let level = past.levels[series as usize][hour].log2();
                of_day.push(level);
                if past.day % 7 == day.0 % 7 {
                    of_week.push(level);
                }
            }
            let n = of_day.len() as f64;
            let day_middle = shrink(median(&mut of_day).unwrap_or(overall), n, overall, HOUR_WEIGHT);
            let n = of_week.len() as f64;
            *middle = shrink(median(&mut of_week).unwrap_or(day_middle), n, day_middle, CELL_WEIGHT);
            residuals.extend(of_day.iter().map(|level| level - day_middle));
        }
        let spread = spread(residuals.iter().copied());
        Self { middle, own: OwnTail::learn(residuals, spread) }
    }

    /// The level expected at `hour` of the day.
    pub fn expected(&self, hour: usize) -> Level {
        Level::of_log2(self.middle[hour])
    }

    /// Samples behind it.
    pub fn n(&self) -> u32 {
        self.own.n()
    }

    /// How far `level` at `hour` of the day stands out from this ENI's own past, in bits: what
    /// a pool of ENIs turns into a probability.
    pub fn own_bits(&self, hour: usize, level: Level) -> f64 {
        self.own.bits(level.log2() - self.middle[hour])
    }
}

/// The usual upper end of a series of volumes, bytes per hour: 99th percentile of its past hours, to one
/// significant digit; 0 without any.
pub fn usual_max_bytes(days: &VecDeque<DaySamples>, series: Series) -> u64 {
    let mut volumes = volume_histogram();
    for (_, level) in days.iter().flat_map(|past| past.samples(series)) {
        volumes.saturating_record((bytes_of(level) / 1024.0) as u64);
    }
    if volumes.is_empty() { 0 } else { volumes.value_at_quantile(0.99).saturating_mul(1024) }
}

/// Drops days that have left the look-back before `day`.
pub fn forget(days: &mut VecDeque<DaySamples>, day: Day) {
    while days.front().is_some_and(|past| past.day + (HISTORY_DAYS as u32) < day.0) {
        days.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(days: u32, level: impl Fn(u32, usize) -> u64) -> VecDeque<DaySamples> {
        (0..days)
            .map(|day| {
                let mut samples = DaySamples::new(Day(day));
                samples.seen = 0xff_ffff;
                for hour in 0..24 {
                    samples.levels[0][hour] = Level::of_bytes(level(day, hour));
                }
                samples
            })
            .collect()
    }

    #[test]
    fn a_nightly_backup_is_expected_at_its_hour_only() {
        let days = history(28, |_, hour| if hour == 2 { 8 << 30 } else { 1 << 20 });
        let model = SeriesModel::learn(&days, Series::Client, Day(28));
        assert!(model.own_bits(2, Level::of_bytes(9 << 30)) < 8.0);
        assert!(model.own_bits(14, Level::of_bytes(9 << 30)) > 20.0);
    }

    #[test]
    fn an_eni_that_bursts_at_any_hour_is_damped_by_its_own_past() {
        let days = history(
            28,
            |day, hour| if (day * 24 + hour as u32).is_multiple_of(37) { 4 << 30 } else { 1 << 20 },
        );
        let model = SeriesModel::learn(&days, Series::Client, Day(28));
        assert!(model.own_bits(5, Level::of_bytes(4 << 30)) < 1e-9);
    }

    #[test]
    fn weekends_differ_from_weekdays() {
        let days = history(28, |day, _| if day % 7 >= 5 { 1 << 20 } else { 1 << 30 });
        let weekday = SeriesModel::learn(&days, Series::Client, Day(28));
        let weekend = SeriesModel::learn(&days, Series::Client, Day(33));
        assert!(weekend.middle[3] + 3.0 < weekday.middle[3]);
    }

    #[test]
    fn without_history_nothing_is_surprising() {
        let model = SeriesModel::learn(&VecDeque::new(), Series::Client, Day(3));
        assert_eq!(model.n(), 0);
        assert!(model.own_bits(3, Level::of_bytes(1 << 40)) < 1e-9);
        assert_eq!(usual_max_bytes(&VecDeque::new(), Series::Client), 0);
    }

    #[test]
    fn the_look_back_is_28_days() {
        let mut days = history(40, |_, _| 1);
        forget(&mut days, Day(40));
        assert_eq!(days.front().unwrap().day, 12);
        assert_eq!(days.len(), HISTORY_DAYS);
    }
}
