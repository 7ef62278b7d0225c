//! Egress over time of the interface behind an incident, against what was expected of it on the
//! day it was scored.
//!
//! *Expected* is the middle that the detectors compared with: the interface's own by hour of the
//! week, from the baseline snapshot of that day (`baseline::series`). The *band* is that middle
//! moved by the 2.5th and 97.5th percentile of how far the interface's past hours were from
//! theirs, in doublings: it holds 95 % of its past hours. It is there to be looked at; evidence
//! comes from the detectors.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::model::Chart;
use super::pick::day_of;
use super::stored;
use super::words::second;
use crate::alert::Alert;
use crate::baseline::destination::DestinationKey;
use crate::baseline::eni::EniHistory;
use crate::baseline::level::bytes_of;
use crate::baseline::series::{Series, SeriesModel};
use crate::detect::{EniFeatures, Settings};
use crate::error::Error;
use crate::lake::{HOURLY, Lake, LakeError};
use crate::limits::REPORT_CHART_DAYS_BEFORE;
use crate::net::Prefix;
use crate::window::{Day, EniHour, EniId, Hour};

/// Past hours below which nothing is drawn as expected: two days.
const HISTORY_HOURS_MIN: usize = 48;
/// Share of past hours below the band, and above it.
const OUTSIDE_SHARE: f64 = 0.025;

/// What the lake's history says around one incident.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// Egress over time.
    pub(super) chart: Option<Chart>,
    /// Whether the interface had a baseline on that day.
    pub(super) has_history: bool,
    /// First use of each of the alert's destinations in that baseline, in their order.
    pub(super) first_used: Vec<Option<i64>>,
}

/// The hours to draw and how to count them.
struct Plan {
    first: Hour,
    end: Hour,
    series: Series,
    destination: Option<DestinationKey>,
    rotating: BTreeSet<Prefix>,
}

/// The contexts of `alerts`, in their order. `to_second` is where the data ends.
pub(super) fn contexts(
    lake: &Lake,
    settings: &Settings,
    alerts: &[Alert],
    to_second: i64,
) -> Result<Vec<Context>, Error> {
    let stored = stored(lake);
    let mut found: Vec<Context> = alerts.iter().map(|_| Context::default()).collect();
    let mut plans: Vec<Plan> = alerts.iter().map(|alert| plan(alert, to_second)).collect();
    let mut by_day: BTreeMap<Day, Vec<usize>> = BTreeMap::new();
    for (at, alert) in alerts.iter().enumerate() {
        by_day.entry(day_of(alert)).or_default().push(at);
    }
    for (day, wanted) in by_day {
        let enis: BTreeSet<Arc<str>> = wanted.iter().map(|at| Arc::from(alerts[*at].eni.as_str())).collect();
        let histories = lake.read_histories(day, &Arc::new(enis)).map_err(&stored)?;
        let histories: HashMap<EniId, EniHistory> = histories.into_iter().collect();
        for at in wanted {
            if let Some(history) = histories.get(&eni_of(&alerts[at])) {
                remember(&mut found[at], &mut plans[at], &alerts[at], history, settings);
            } else {
                found[at].first_used = alerts[at].destinations.iter().map(|_| None).collect();
                found[at].chart = Some(empty(&plans[at]));
            }
        }
    }
    fill(lake, settings, alerts, &plans, &mut found).map_err(&stored)?;
    for context in &mut found {
        if context.chart.as_ref().is_some_and(|chart| chart.sent.iter().all(Option::is_none)) {
            context.chart = None;
        }
    }
    Ok(found)
}

fn eni_of(alert: &Alert) -> EniId {
    EniId {
        account: alert.account.as_str().into(),
        region: alert.region.as_str().into(),
        eni: alert.eni.as_str().into(),
    }
}

fn plan(alert: &Alert, to_second: i64) -> Plan {
    let day = day_of(alert);
    let end = Hour::of_second(second(&alert.last_seen)).day().0 + 2;
    let key = alert.destination.strip_prefix("served:").unwrap_or(&alert.destination).to_owned();
    let destination = serde_json::from_value(serde_json::Value::String(key)).ok();
    Plan {
        first: Day(day.0.saturating_sub(REPORT_CHART_DAYS_BEFORE)).first_hour(),
        // An incident is of one day; a damaged time must not ask for years.
        end: Day(end.min(day.0 + 3)).first_hour().min(Hour::of_second(to_second)),
        series: if alert.role == "served" { Series::ServedTop } else { Series::Client },
        destination,
        rotating: BTreeSet::new(),
    }
}

fn empty(plan: &Plan) -> Chart {
    let hours = plan.end.0.saturating_sub(plan.first.0) as usize;
    Chart {
        what: match plan.series {
            Series::ServedTop => "served to the client network that got most",
            _ => "sent to all destinations outside",
        },
        first_second: plan.first.start_second(),
        sent: vec![None; hours],
        to_destination: if plan.destination.is_some() { vec![0; hours] } else { Vec::new() },
        expected: Vec::new(),
        low: Vec::new(),
        high: Vec::new(),
        week: Vec::new(),
        history_hours: 0,
    }
}

/// Takes what the page needs of a baseline.
fn remember(
    context: &mut Context,
    plan: &mut Plan,
    alert: &Alert,
    history: &EniHistory,
    settings: &Settings,
) {
    plan.rotating = history.rotating_networks();
    context.has_history = true;
    let service: Arc<str> = alert.service.as_str().into();
    let first_used = |peer: &str| {
        let key = DestinationKey::of(peer.parse().ok()?, &service, &settings.named);
        let known = history.destinations.get(&key.rolled_into(&plan.rotating))?;
        Some(Hour(known.first_hour).start_second())
    };
    context.first_used = alert.destinations.iter().map(|to| first_used(&to.peer)).collect();
    let mut chart = empty(plan);
    draw_expected(&mut chart, plan, history);
    context.chart = Some(chart);
}

/// Fills in what was expected, when there is history enough.
fn draw_expected(chart: &mut Chart, plan: &Plan, history: &EniHistory) {
    // A model depends on the day of the week alone.
    let models: [SeriesModel; 7] =
        std::array::from_fn(|day| SeriesModel::learn(&history.days, plan.series, Day(day as u32)));
    let middle = |hour: Hour| models[(hour.day().0 % 7) as usize].middle[hour.of_day()];
    let mut residuals: Vec<f64> = Vec::new();
    for day in &history.days {
        for (at, level) in day.levels[plan.series as usize].iter().enumerate() {
            if day.seen & (1 << at) != 0 {
                residuals.push(level.log2() - middle(Hour(Day(day.day).first_hour().0 + at as u32)));
            }
        }
    }
    chart.history_hours = residuals.len() as u32;
    if residuals.len() < HISTORY_HOURS_MIN {
        return;
    }
    residuals.sort_unstable_by(f64::total_cmp);
    let last = (residuals.len() - 1) as f64;
    let at_share = |share: f64| residuals[(last * share).round() as usize];
    let (down, up) = (at_share(OUTSIDE_SHARE).min(0.0), at_share(1.0 - OUTSIDE_SHARE).max(0.0));
    let hours = || (plan.first.0..plan.end.0).map(Hour);
    chart.expected = hours().map(|hour| bytes_of(middle(hour)) as u64).collect();
    chart.low = hours().map(|hour| bytes_of(middle(hour) + down) as u64).collect();
    chart.high = hours().map(|hour| bytes_of(middle(hour) + up) as u64).collect();
    // Day 4 since the epoch was a Monday.
    chart.week = (0..168).map(|hour| bytes_of(middle(Hour(4 * 24 + hour))) as u64).collect();
}

/// Reads the hours that the charts show and fills them in.
fn fill(
    lake: &Lake,
    settings: &Settings,
    alerts: &[Alert],
    plans: &[Plan],
    found: &mut [Context],
) -> Result<(), LakeError> {
    let mut of_eni: HashMap<EniId, Vec<usize>> = HashMap::new();
    let mut of_day: BTreeMap<Day, BTreeSet<Arc<str>>> = BTreeMap::new();
    for (at, alert) in alerts.iter().enumerate() {
        let id = eni_of(alert);
        for day in plans[at].first.day().0..=plans[at].end.day().0 {
            of_day.entry(Day(day)).or_default().insert(Arc::clone(&id.eni));
        }
        of_eni.entry(id).or_default().push(at);
    }
    let of_day: BTreeMap<Day, Arc<BTreeSet<Arc<str>>>> =
        of_day.into_iter().map(|(day, enis)| (day, Arc::new(enis))).collect();
    for partition in lake.partitions(&HOURLY)? {
        let Some(enis) = of_day.get(&partition.day) else { continue };
        for hour in lake.read_hours_of(&partition, enis)? {
            let hour = hour?;
            for at in of_eni.get(&hour.id).into_iter().flatten() {
                if let Some(chart) = &mut found[*at].chart {
                    fill_hour(chart, &plans[*at], &hour, settings);
                }
            }
        }
    }
    Ok(())
}

fn fill_hour(chart: &mut Chart, plan: &Plan, hour: &EniHour, settings: &Settings) {
    let at = hour.hour.0.checked_sub(plan.first.0).map(|at| at as usize);
    let Some(at) = at.filter(|at| *at < chart.sent.len() && hour.coverage.is_observed()) else { return };
    let features = EniFeatures::of(hour, settings, &plan.rotating, |_, _| true);
    chart.sent[at] = Some(match plan.series {
        Series::ServedTop => features.served.values().map(|to| to.app_bytes).max().unwrap_or(0),
        _ => features.client_app_bytes,
    });
    let to_it = match (&plan.destination, plan.series) {
        (Some(DestinationKey::Network(prefix)), Series::ServedTop) => {
            features.served.get(prefix).map(|to| to.app_bytes)
        }
        (Some(key), _) => features.destinations.get(key).map(|to| to.app_bytes),
        (None, _) => None,
    };
    if let Some(place) = chart.to_destination.get_mut(at) {
        *place = to_it.unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::level::Level;
    use crate::baseline::series::DaySamples;

    /// 1 MiB an hour by night and 64 MiB by day, on workdays only.
    fn history(days: u32) -> EniHistory {
        let mut history = EniHistory::new(Hour(0));
        for day in 0..days {
            let mut samples = DaySamples::new(Day(day));
            samples.seen = 0xff_ffff;
            for (hour, level) in samples.levels[Series::Client as usize].iter_mut().enumerate() {
                // The epoch was a Thursday: days 2 and 3 are a weekend.
                let works = (8..18).contains(&hour) && !matches!(day % 7, 2 | 3);
                *level = Level::of_bytes(if works { 64 << 20 } else { 1 << 20 });
            }
            history.days.push_back(samples);
        }
        history
    }

    fn chart_of(history: &EniHistory) -> Chart {
        let plan = Plan {
            first: Day(28).first_hour(),
            end: Day(30).first_hour(),
            series: Series::Client,
            destination: None,
            rotating: BTreeSet::new(),
        };
        let mut chart = empty(&plan);
        draw_expected(&mut chart, &plan, history);
        chart
    }

    #[test]
    fn the_week_begins_on_monday_and_its_pattern_is_the_interfaces_own() {
        let chart = chart_of(&history(28));
        assert_eq!(chart.week.len(), 168);
        let near = |a: u64, b: u64| (a as f64 / b as f64).log2().abs() < 1.0;
        let (monday_noon, saturday_noon) = (chart.week[12], chart.week[5 * 24 + 12]);
        assert!(near(monday_noon, 64 << 20), "{monday_noon}");
        assert!(saturday_noon < monday_noon / 4, "{saturday_noon}");
        // Day 28 is a Thursday.
        assert!(near(chart.expected[3], 1 << 20) && near(chart.expected[12], 64 << 20));
    }

    #[test]
    fn the_band_holds_the_expected() {
        let chart = chart_of(&history(28));
        assert_eq!(chart.expected.len(), 48);
        for at in 0..48 {
            assert!(chart.low[at] <= chart.expected[at] && chart.expected[at] <= chart.high[at]);
        }
    }

    #[test]
    fn a_day_of_history_is_not_drawn_as_expectation() {
        let chart = chart_of(&history(1));
        assert_eq!((chart.history_hours, chart.expected.len(), chart.week.len()), (24, 0, 0));
    }
}
