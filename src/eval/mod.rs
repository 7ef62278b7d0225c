//! How good a ranked list is, against labels: recall at budgets, time to detect, false alarms.
//!
//! The list is outflow's alerts or anybody's (`incident`). An attack is found when an incident of
//! one of its ENIs overlaps its time and names one of its peers. A look-alike is hit in the same
//! way. Every other incident is false, but for those that continue one that was told. At a budget of B incidents a day per 1,000 ENIs the threshold is the
//! score at which false incidents reach B: what an operator would have set in hindsight, the same
//! measure for any ranked list. `sent` is what outflow itself told, with a threshold learned from
//! the past (detection.md C.2).

mod incident;
mod labels;

use std::collections::BTreeMap;

use serde::Serialize;

pub use incident::{Listed, read_listed};
pub use labels::{Case, Kind, read_labels};

use crate::alert::Severity;

/// Budgets that recall is stated at, false incidents a day per 1,000 ENIs.
pub const BUDGETS: [f64; 3] = [1.0, 5.0, 20.0];

/// What alerts found of one family of attacks, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recall {
    /// The family; `all` for the sum.
    pub family: String,
    /// Attacks that leave a trace in flow logs.
    pub attacks: u32,
    /// Share found at each of [`BUDGETS`].
    pub found_at_budget: [f64; BUDGETS.len()],
    /// Share that was sent.
    pub sent: f64,
    /// Median time from an attack's begin to its first message, hours; of those sent.
    pub hours_to_detect: Option<f64>,
    /// Median share of an attack's bytes that had left by then, had they left evenly; of those
    /// sent.
    pub share_lost: Option<f64>,
}

/// What became of one attack that leaves a trace in flow logs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Its label.
    pub id: String,
    /// Its family.
    pub family: String,
    /// What is special about it.
    pub variant: String,
    /// IP bytes sent because of it.
    pub egress_bytes: u64,
    /// Largest score of an incident about it, in the list's unit; none when there is none.
    pub best_score: Option<f64>,
    /// Time from its begin to its first message, hours; none when it was not sent.
    pub hours_to_detect: Option<f64>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// By family, in order of name; the last is all.
    pub recall: Vec<Recall>,
    /// Of what lies above the threshold of each budget, the share that is about an attack.
    pub precision_at_budget: [f64; BUDGETS.len()],
    /// Thresholds of the budgets, in the list's unit: bits for alerts.
    pub threshold_at_budget: [f64; BUDGETS.len()],
    /// ENI-days looked at.
    pub eni_days: f64,
    /// False incidents, whatever their score.
    pub false_kept: u32,
    /// False incidents that were sent.
    pub false_sent: u32,
    /// The same, a day per 1,000 ENIs.
    pub false_sent_per_day_per_1000_enis: f64,
    /// Benign changes in the labels.
    pub look_alikes: u32,
    /// Of those, told as HIGH or CRITICAL.
    pub look_alikes_high: u32,
    /// Attack by attack, in order of their ids.
    pub cases: Vec<Outcome>,
}

/// What is known of one attack.
struct Found<'a> {
    case: &'a Case,
    /// Largest score of an incident about it.
    best: Option<f64>,
    /// When it was first told, Unix seconds.
    told_second: Option<i64>,
}

impl Found<'_> {
    fn hours_to_detect(&self) -> Option<f64> {
        Some((self.told_second? - self.case.start_second).max(0) as f64 / 3600.0)
    }

    /// Share of its bytes that had left when it was told, had they left evenly.
    fn share_lost(&self) -> Option<f64> {
        let lasted_seconds = (self.case.end_second - self.case.start_second).max(1);
        Some((self.hours_to_detect()? * 3600.0 / lasted_seconds as f64).min(1.0))
    }
}

/// Measures the incidents that begin at or after `from_second`, of `enis` ENIs over `days` days.
pub fn measure(listed: &[Listed], cases: &[Case], from_second: i64, enis: u32, days: f64) -> Measured {
    let mut by_eni: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, case) in cases.iter().enumerate() {
        case.enis().for_each(|eni| by_eni.entry(eni).or_default().push(at));
    }
    by_eni.values_mut().for_each(Vec::dedup);
    let mut found: Vec<Found<'_>> =
        cases.iter().map(|case| Found { case, best: None, told_second: None }).collect();
    let mut high = vec![false; cases.len()];
    let (mut false_scores, mut false_sent) = (Vec::new(), 0);
    let mut true_scores = Vec::new();
    for one in listed.iter().filter(|one| one.window_second >= from_second) {
        let places = by_eni.get(one.eni.as_str()).map_or(&[][..], Vec::as_slice);
        // What leaves no trace raised nothing: an incident beside it is about something else.
        let can_hit = |case: &Case| case.kind != Kind::Attack || case.is_visible;
        let is_hit = |at: &usize| can_hit(&cases[*at]) && cases[*at].is_hit_by(one);
        let hit: Vec<usize> = places.iter().copied().filter(is_hit).collect();
        let is_true = hit.iter().any(|at| cases[*at].kind != Kind::LookAlike);
        for at in hit {
            let found = &mut found[at];
            found.best = Some(found.best.map_or(one.score, |best| best.max(one.score)));
            if one.emitted {
                let told = one.decided_second;
                found.told_second = Some(found.told_second.map_or(told, |first| first.min(told)));
            }
            high[at] |= !is_true && one.emitted && one.severity >= Severity::High;
        }
        if is_true {
            true_scores.push(one.score);
        } else if !one.continues {
            false_scores.push(one.score);
            false_sent += u32::from(one.emitted);
        }
    }
    false_scores.sort_unstable_by(|a, b| b.total_cmp(a));
    let threshold_at_budget = BUDGETS.map(|budget| {
        let allowed = (budget * f64::from(enis) / 1000.0 * days) as usize;
        false_scores.get(allowed).copied().unwrap_or(0.0)
    });
    let precision_at_budget = threshold_at_budget.map(|threshold| {
        let above = |scores: &[f64]| scores.iter().filter(|score| **score > threshold).count() as f64;
        let all = above(&true_scores) + above(&false_scores);
        if all > 0.0 { above(&true_scores) / all } else { 1.0 }
    });
    let eni_days = f64::from(enis) * days;
    let alike = |case: &Case| case.kind == Kind::LookAlike;
    let high = cases.iter().zip(high).filter(|(case, high)| alike(case) && *high).count();
    Measured {
        recall: recall(&found, threshold_at_budget),
        precision_at_budget,
        threshold_at_budget,
        eni_days,
        false_kept: false_scores.len() as u32,
        false_sent,
        false_sent_per_day_per_1000_enis: f64::from(false_sent) / eni_days.max(1e-9) * 1000.0,
        look_alikes: cases.iter().filter(|case| alike(case)).count() as u32,
        look_alikes_high: high as u32,
        cases: asked(&found).map(outcome).collect(),
    }
}

/// The attacks that a list can be asked for.
fn asked<'a>(found: &'a [Found<'a>]) -> impl Iterator<Item = &'a Found<'a>> {
    found.iter().filter(|found| found.case.kind == Kind::Attack && found.case.is_visible)
}

fn outcome(found: &Found<'_>) -> Outcome {
    let case = found.case;
    Outcome {
        id: case.id.clone(),
        family: case.family.clone(),
        variant: case.variant.clone(),
        egress_bytes: case.egress_bytes,
        best_score: found.best,
        hours_to_detect: found.hours_to_detect(),
    }
}

fn recall(found: &[Found<'_>], thresholds: [f64; BUDGETS.len()]) -> Vec<Recall> {
    let mut families: BTreeMap<&str, Vec<&Found<'_>>> = BTreeMap::new();
    for found in asked(found) {
        families.entry(&found.case.family).or_default().push(found);
    }
    let mut lines: Vec<Recall> =
        families.iter().map(|(family, found)| line(family, found, thresholds)).collect();
    lines.push(line("all", &asked(found).collect::<Vec<_>>(), thresholds));
    lines
}

fn line(family: &str, found: &[&Found<'_>], thresholds: [f64; BUDGETS.len()]) -> Recall {
    let share = |count: usize| count as f64 / (found.len().max(1)) as f64;
    let above = |threshold: f64| found.iter().filter(|f| f.best.is_some_and(|best| best > threshold)).count();
    Recall {
        family: family.to_owned(),
        attacks: found.len() as u32,
        found_at_budget: thresholds.map(|threshold| share(above(threshold))),
        sent: share(found.iter().filter(|f| f.told_second.is_some()).count()),
        hours_to_detect: median(found.iter().filter_map(|f| f.hours_to_detect())),
        share_lost: median(found.iter().filter_map(|f| f.share_lost())),
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "shares of small counts are exact")]
mod tests {
    use super::*;
    use crate::alert::render::tests::alert;

    fn cases() -> Vec<Case> {
        read_labels(
            "id,kind,family,variant,account,region,eni,peers,start,end,egress_bytes,visible,note\n\
             a,attack,burst,,1,r,eni-1,203.0.113.9,2026-03-01T10:00:00Z,2026-03-01T14:00:00Z,100,true,\n\
             b,attack,drip,,1,r,eni-1,198.51.100.7,2026-03-01T10:00:00Z,2026-03-01T14:00:00Z,100,true,\n\
             hidden,attack,dns,,1,r,eni-1,,2026-03-01T10:00:00Z,2026-03-01T14:00:00Z,100,false,\n\
             c,look_alike,deploy,,1,r,eni-2,,2026-03-01T10:00:00Z,2026-03-01T14:00:00Z,,true,\n"
                .as_bytes(),
        )
        .unwrap()
    }

    fn told(eni: &str, peer: &str, score: f64, emitted: bool) -> Listed {
        let mut alert = alert();
        alert.eni = eni.into();
        alert.peer = peer.into();
        alert.destinations.clear();
        (alert.score, alert.emitted) = (score, emitted);
        Listed::from(&alert)
    }

    #[test]
    fn found_false_and_look_alike_are_told_apart() {
        let alerts = [
            told("eni-1", "203.0.113.9", 30.0, true),
            told("eni-1", "192.0.2.0/24", 20.0, true),
            told("eni-1", "198.51.100.0/24", 10.0, false),
            told("eni-2", "192.0.2.1", 25.0, true),
        ];
        let measured = measure(&alerts, &cases(), 0, 1000, 1.0);
        let all = measured.recall.last().unwrap();
        assert_eq!((all.attacks, all.sent), (2, 0.5), "the hidden one leaves no trace");
        // One false incident a day may be read: 25 bits is that one, and what is above 20 counts.
        assert_eq!(measured.threshold_at_budget, [20.0, 0.0, 0.0]);
        assert_eq!(all.found_at_budget, [0.5, 1.0, 1.0]);
        assert_eq!(measured.precision_at_budget, [0.5, 0.5, 0.5]);
        assert_eq!((measured.false_sent, measured.false_kept), (2, 2));
        assert_eq!((measured.look_alikes, measured.look_alikes_high), (1, 1));
        assert_eq!((all.hours_to_detect, all.share_lost), (Some(1.5), Some(0.375)));
        let cases: Vec<_> = measured.cases.iter().map(|c| (c.id.as_str(), c.best_score)).collect();
        assert_eq!(cases, [("a", Some(30.0)), ("b", Some(10.0))]);
        assert_eq!((measured.cases[0].hours_to_detect, measured.cases[1].hours_to_detect), (Some(1.5), None));
    }

    #[test]
    fn what_continues_is_not_counted_twice_and_what_was_before_not_at_all() {
        let mut again = told("eni-1", "192.0.2.1", 20.0, false);
        again.continues = true;
        let alerts = [again, told("eni-1", "192.0.2.1", 20.0, true)];
        assert_eq!(measure(&alerts, &cases(), 0, 1000, 1.0).false_kept, 1);
        assert_eq!(measure(&alerts, &cases(), 2_000_000_000, 1000, 1.0).false_kept, 0);
    }
}
