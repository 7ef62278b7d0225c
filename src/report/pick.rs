//! Which incidents are on the page: the last revision of each, the worst first, told before kept
//! back. A lake may hold any number of them; what is beyond the list is counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::Counts;
use super::words::second;
use super::{ReportOptions, stored};
use crate::alert::Alert;
use crate::error::Error;
use crate::lake::{ALERTS, Lake};
use crate::limits::REPORT_INCIDENTS_MAX;
use crate::window::{EniId, Hour};

/// The incidents of the page.
pub(super) struct Picked {
    /// The worst first; at most `REPORT_INCIDENTS_MAX`.
    pub(super) alerts: Vec<Alert>,
    /// Over all of them, listed or not.
    pub(super) counts: Counts,
    /// Incidents told, by interface.
    pub(super) told_by_eni: BTreeMap<EniId, u64>,
}

/// Reads the alerts of the range.
pub(super) fn pick(lake: &Lake, options: &ReportOptions) -> Result<Picked, Error> {
    let id = options.incident.as_deref().map(|id| find(lake, id)).transpose()?;
    let mut picked = Picked { alerts: Vec::new(), counts: Counts::default(), told_by_eni: BTreeMap::new() };
    for partition in lake.partitions(&ALERTS).map_err(stored(lake))? {
        let day = partition.day.first_hour().start_second();
        if options.from_second.is_some_and(|from| day + 86_400 <= from)
            || options.to_second.is_some_and(|to| day >= to)
        {
            continue;
        }
        let alerts = lake.read_partition_alerts(&partition).map_err(stored(lake))?;
        for alert in last_revisions(alerts) {
            let wanted = id.as_ref().is_none_or(|id| *id == alert.id);
            if wanted && options.holds(second(&alert.window_start)) {
                picked.take(alert);
            }
        }
    }
    picked.keep_the_worst();
    let total = picked.counts.told.iter().sum::<u64>() + picked.counts.kept_back;
    picked.counts.not_listed = total - picked.alerts.len() as u64;
    picked.counts.told_enis = picked.told_by_eni.len() as u64;
    if let Some(id) = id.filter(|_| picked.alerts.is_empty()) {
        return Err(Error::usage(format!("incident {id} is not within --from and --to"), "leave them out"));
    }
    Ok(picked)
}

/// The whole id of the incident meant.
fn find(lake: &Lake, id: &str) -> Result<String, Error> {
    let found = lake.find_alert(id).map_err(stored(lake))?;
    found.map(|alert| alert.id).ok_or_else(|| {
        Error::usage(
            format!("no incident of {} has an id that begins with {id}", lake.root().display()),
            "`outflow report LAKE` lists all of them",
        )
    })
}

/// An incident is told anew as it grows; all its revisions are of one day.
fn last_revisions(alerts: Vec<Alert>) -> impl Iterator<Item = Alert> {
    let mut last: BTreeMap<String, Alert> = BTreeMap::new();
    for alert in alerts {
        let known = last.get(&alert.id).map_or(0, |known| known.revision);
        if alert.revision >= known {
            last.insert(alert.id.clone(), alert);
        }
    }
    last.into_values()
}

impl Picked {
    fn take(&mut self, alert: Alert) {
        let counts = &mut self.counts;
        counts.guardduty_given |= alert.guardduty.status != "not_given";
        if alert.emitted {
            counts.told[alert.severity as usize] += 1;
            counts.with_guardduty += u64::from(matches!(alert.guardduty.status.as_str(), "agrees" | "alone"));
            for eni in &alert.enis {
                let (account, region) = (alert.account.as_str().into(), alert.region.as_str().into());
                let id = EniId { account, region, eni: Arc::from(eni.as_str()) };
                *self.told_by_eni.entry(id).or_default() += 1;
            }
        } else {
            counts.kept_back += 1;
        }
        self.alerts.push(alert);
        // Never more in memory than twice the list, however many the lake holds.
        if self.alerts.len() >= 2 * REPORT_INCIDENTS_MAX {
            self.keep_the_worst();
        }
    }

    fn keep_the_worst(&mut self) {
        self.alerts.sort_by(|a, b| {
            let order = |alert: &Alert| (alert.emitted, alert.severity);
            order(b)
                .cmp(&order(a))
                .then_with(|| b.score.total_cmp(&a.score))
                .then_with(|| (Reverse(&a.window_start), &a.id).cmp(&(Reverse(&b.window_start), &b.id)))
        });
        self.alerts.truncate(REPORT_INCIDENTS_MAX);
    }
}

/// The day an incident belongs to: its units were compared with the snapshot of that day.
pub(super) fn day_of(alert: &Alert) -> crate::window::Day {
    Hour::of_second(second(&alert.window_start)).day()
}
