//! The report in words. "Nothing to report" never stands without how much was looked at.

use super::model::{Coverage, Counts, Incident};
use super::words::{count, human_bytes, minute, percent, plural};

/// The report in one sentence.
pub(super) fn headline(counts: &Counts, incidents: &[Incident], is_one: bool) -> String {
    let told: u64 = counts.told.iter().sum();
    if is_one && let Some(incident) = incidents.first() {
        return incident.sentence.clone();
    }
    let kept = if counts.kept_back == 0 {
        String::new()
    } else {
        format!("; {} kept back", plural(counts.kept_back, "weaker incident"))
    };
    if told == 0 {
        return format!("Nothing to report{kept}.");
    }
    let by: Vec<String> = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
        .iter()
        .zip(counts.told)
        .rev()
        .filter(|(_, number)| *number > 0)
        .map(|(word, number)| format!("{} {word}", count(number)))
        .collect();
    let worst = incidents.first().map_or_else(String::new, |worst| {
        format!(
            " The worst: {} {} {} to {}.",
            worst.eni,
            if worst.role == "served" { "served" } else { "sent" },
            human_bytes(worst.egress_bytes as f64),
            worst.peer
        )
    });
    let guardduty = match (counts.guardduty_given, counts.with_guardduty) {
        (false, _) => " GuardDuty was not asked.".to_owned(),
        (true, 0) => " GuardDuty is silent on all of them.".to_owned(),
        (true, with) => format!(" GuardDuty speaks of {}.", count(with)),
    };
    format!(
        "{} on {}: {}{kept}.{worst}{guardduty}",
        plural(told, "incident"),
        plural(counts.told_enis, "interface"),
        by.join(", ")
    )
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
        text += &format!(
            " {} still {}: of these only HIGH is told.",
            plural(seen.enis_learning, "interface"),
            if seen.enis_learning == 1 { "learns" } else { "learn" }
        );
    }
    let gaps = seen.gaps.len() as u64 + seen.gaps_more;
    if gaps > 0 {
        text += &format!(" {} in the logs.", plural(gaps, "gap"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_only_said_with_how_much_was_seen() {
        let counts = Counts { kept_back: 3, ..Counts::default() };
        assert_eq!(headline(&counts, &[], false), "Nothing to report; 3 weaker incidents kept back.");
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
        let counts = Counts { told: [1, 0, 2, 0], told_enis: 2, guardduty_given: true, ..Counts::default() };
        assert_eq!(
            headline(&counts, &[], false),
            "3 incidents on 2 interfaces: 2 HIGH, 1 LOW. GuardDuty is silent on all of them."
        );
    }
}
