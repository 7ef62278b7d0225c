//! Two sets of incidents of the same days, laid side by side.

use std::collections::BTreeMap;

use crate::alert::{Alert, Severity};

/// How one incident differs between the two.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'a> {
    /// As it was; `None` when there was none.
    pub before: Option<&'a Alert>,
    /// As it would be; `None` when there would be none.
    pub after: Option<&'a Alert>,
}

impl<'a> Change<'a> {
    /// The later of the two, for its words.
    pub fn alert(&self) -> &'a Alert {
        self.after.or(self.before).expect("a change has a side")
    }
}

/// What would be told otherwise, strongest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison<'a> {
    /// Told only now.
    pub gained: Vec<Change<'a>>,
    /// Told only before.
    pub lost: Vec<Change<'a>>,
    /// Told in both, with another severity.
    pub moved: Vec<Change<'a>>,
    /// Told in both, with the same severity.
    pub same: usize,
}

/// Compares what is told. An incident is the same when its id is: account, ENI, destination, day.
pub fn compare<'a>(before: &'a [Alert], after: &'a [Alert]) -> Comparison<'a> {
    let mut sides: BTreeMap<&str, Change<'a>> = BTreeMap::new();
    let none = || Change { before: None, after: None };
    for alert in before {
        sides.entry(&alert.id).or_insert_with(none).before = Some(alert);
    }
    for alert in after {
        sides.entry(&alert.id).or_insert_with(none).after = Some(alert);
    }
    let mut comparison = Comparison::default();
    for change in sides.into_values() {
        let told = |side: Option<&Alert>| side.is_some_and(|alert| alert.emitted);
        let severity = |side: Option<&Alert>| side.map(|alert| alert.severity);
        match (told(change.before), told(change.after)) {
            (false, true) => comparison.gained.push(change),
            (true, false) => comparison.lost.push(change),
            (true, true) if severity(change.before) != severity(change.after) => {
                comparison.moved.push(change);
            }
            (true, true) => comparison.same += 1,
            (false, false) => {}
        }
    }
    for changes in [&mut comparison.gained, &mut comparison.lost, &mut comparison.moved] {
        changes.sort_by(|a, b| b.alert().score.total_cmp(&a.alert().score));
    }
    comparison
}

/// How much is told a day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Told a day, by severity from LOW to CRITICAL.
    pub per_day: [f64; 4],
    /// Told because the budget allows it, a day.
    pub budget_per_day: f64,
    /// Kept as an incident and not told, a day.
    pub kept_back_per_day: f64,
}

impl Rates {
    /// Of the incidents of `days` days.
    pub fn of(alerts: &[Alert], days: u32) -> Self {
        let mut rates = Self::default();
        let share = 1.0 / f64::from(days.max(1));
        for alert in alerts {
            if !alert.emitted {
                rates.kept_back_per_day += share;
                continue;
            }
            rates.per_day[Self::SEVERITIES.iter().position(|s| *s == alert.severity).unwrap_or(0)] += share;
            if alert.emitted_reason == "budget" {
                rates.budget_per_day += share;
            }
        }
        rates
    }

    /// The order of `per_day`.
    pub const SEVERITIES: [Severity; 4] =
        [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// Told a day in all.
    pub fn told_per_day(&self) -> f64 {
        self.per_day.iter().sum()
    }
}
