//! The report in words. "Nothing to report" never stands without how much was looked at.

use std::fmt::Write as _;

use super::model::{Counts, Coverage, Incident};
use super::words::{count, human_bytes, minute, percent, plural};

/// The report in one sentence.
pub(super) fn headline(counts: &Counts, incidents: &[Incident], is_one: bool) -> String {
    if is_one && let Some(only) = incidents.first() {
        return format!("{}.", deed(only));
    }
    let told: u64 = counts.told.iter().sum();
    if told == 0 {
        return "Nothing to report.".to_owned();
    }
    let by: Vec<String> = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
        .iter()
        .zip(counts.told)
        .rev()
        .filter(|(_, number)| *number > 0)
        .map(|(word, number)| format!("{} {word}", count(number)))
        .collect();
    format!("{} on {}: {}.", plural(told, "incident"), plural(counts.told_enis, "interface"), by.join(", "))
}

/// What to know beside it: the worst incident, `GuardDuty`, and what was kept back.
pub(super) fn summary(counts: &Counts, incidents: &[Incident]) -> String {
    let mut parts = Vec::new();
    let worst = incidents.first().filter(|worst| worst.told);
    if let Some(worst) = worst {
        let normal = worst.evidence.first().map_or_else(String::new, |e| format!(": {}", e.text));
        parts.push(format!("The worst: {}{normal}.", deed(worst)));
        parts.push(match (counts.guardduty_given, counts.with_guardduty) {
            (false, _) => "GuardDuty was not asked.".to_owned(),
            (true, 0) => "GuardDuty is silent on all of them.".to_owned(),
            (true, with) => format!("GuardDuty speaks of {}.", plural(with, "incident")),
        });
    }
    if counts.kept_back > 0 {
        let verb = if counts.kept_back == 1 { "was" } else { "were" };
        parts.push(format!("{} {verb} kept back.", plural(counts.kept_back, "weaker incident")));
    }
    parts.join(" ")
}

/// Who sent what to whom.
fn deed(incident: &Incident) -> String {
    let verb = if incident.role == "served" { "served" } else { "sent" };
    let sent = human_bytes(incident.egress_bytes as f64);
    format!("{} {verb} {sent} to {}", incident.eni, incident.peer)
}

/// What was looked at.
pub(super) fn looked_at(seen: &Coverage, from_second: i64, to_second: i64) -> String {
    let mut text = format!(
        "Looked at {} of {} with flow logs from {} to {} UTC: {}, {} of what they hold could be seen.",
        count(seen.hours_seen),
        plural(seen.hours, "hour"),
        minute(from_second),
        minute(to_second),
        plural(seen.enis, "interface"),
        percent(seen.seen_share),
    );
    if seen.enis_learning > 0 {
        let _ = write!(
            text,
            " {} still {}: of these only HIGH is told.",
            plural(seen.enis_learning, "interface"),
            if seen.enis_learning == 1 { "learns" } else { "learn" }
        );
    }
    let gaps = seen.gaps.len() as u64 + seen.gaps_more;
    if gaps > 0 {
        let _ = write!(text, " {} in the logs.", plural(gaps, "gap"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_only_said_with_how_much_was_seen() {
        let counts = Counts { kept_back: 3, ..Counts::default() };
        assert_eq!(headline(&counts, &[], false), "Nothing to report.");
        assert_eq!(summary(&counts, &[]), "3 weaker incidents were kept back.");
        let seen = Coverage {
            hours_seen: 23,
            hours: 24,
            enis: 10,
            enis_learning: 1,
            seen_share: 0.97,
            gaps_more: 1,
            ..Coverage::default()
        };
        assert_eq!(
            looked_at(&seen, 0, 86_400),
            "Looked at 23 of 24 hours with flow logs from 1970-01-01 00:00 to 1970-01-02 00:00 UTC: \
             10 interfaces, 97.0 % of what they hold could be seen. 1 interface still learns: of these \
             only HIGH is told. 1 gap in the logs."
        );
    }

    #[test]
    fn incidents_are_counted_worst_first() {
        let counts = Counts { told: [1, 0, 2, 0], told_enis: 2, ..Counts::default() };
        assert_eq!(headline(&counts, &[], false), "3 incidents on 2 interfaces: 2 HIGH, 1 LOW.");
    }
}
