//! An alert as an email: what happened, who, where, why it is told, what would have kept it quiet,
//! and how to see the rest.

use std::fmt::Write as _;

use super::plain::{cut, safe};
use super::service;
use crate::alert::Alert;
use crate::alert::text::bytes;

/// Elements of a list that are named.
const LISTED_MAX: usize = 5;
/// Characters of one line's value.
const VALUE_CHARS_MAX: usize = 300;

/// One line: who sent how much where, and why that is told. At most about 400 characters.
pub(super) fn short(alert: &Alert) -> String {
    format!(
        "{}: {} (alert {}, account {}, {})",
        alert.severity.as_str(),
        value(&alert.sentence),
        cut(&safe(&alert.id), 40),
        cut(&safe(&alert.account), 20),
        cut(&safe(&alert.region), 30)
    )
}

/// The text of the email.
pub(super) fn text(alert: &Alert) -> String {
    let mut out = format!("{}: {}\n\n", alert.severity.as_str(), value(&alert.sentence));
    line(&mut out, "What", &what(alert));
    line(&mut out, "When", &format!("{} to {}", alert.first_seen, alert.last_seen));
    line(&mut out, "From", &from(alert));
    if alert.enis.len() > 1 {
        listed(&mut out, "ENIs", alert.enis.iter().cloned(), 0);
    }
    let to = alert.destinations.iter().map(|d| {
        format!("{} {}: {} sent", d.peer, service(d.port, d.protocol), bytes(d.egress_bytes as f64))
    });
    if alert.role != "served" {
        line(&mut out, "To", &alert.destination);
    }
    listed(&mut out, "Peers", to, alert.destinations_more);
    line(&mut out, "Score", &score(alert));
    let evidence = alert.detectors.iter().map(|d| format!("{} ({:.1} bits): {}", d.id, d.bits, d.text));
    listed(&mut out, "Evidence", evidence, 0);
    listed(&mut out, "Quiet if", alert.counterfactuals.iter().map(|c| c.text.clone()), 0);
    line(&mut out, "GuardDuty", &alert.guardduty.status.replace('_', " "));
    let findings = alert.guardduty.findings.iter();
    let findings = findings.map(|f| format!("{} (severity {:.1}): {}", f.kind, f.severity, f.reason));
    listed(&mut out, "", findings, alert.guardduty.findings_more);
    line(&mut out, "Baseline", &baseline(alert));
    line(&mut out, "Coverage", &coverage(alert));
    if !alert.attack.is_empty() {
        line(&mut out, "ATT&CK", &alert.attack.join(", "));
    }
    line(&mut out, "Alert", &identity(alert));
    let id = cut(&safe(&alert.id), 40);
    let _ = write!(
        out,
        "\nAll evidence, objects and the query for the rows:\n  outflow explain {id} --lake LAKE\n"
    );
    out
}

pub(super) fn what(alert: &Alert) -> String {
    format!(
        "{} sent, {} received; {} flow records",
        bytes(alert.egress_bytes as f64),
        bytes(alert.ingress_bytes as f64),
        alert.egress_records
    )
}

pub(super) fn from(alert: &Alert) -> String {
    let mut text = alert.eni.clone();
    let known = [&alert.instance, &alert.vpc, &alert.subnet].map(String::as_str);
    for part in known.into_iter().filter(|part| !part.is_empty()) {
        let _ = write!(text, ", {}", cut(part, 60));
    }
    let _ = write!(text, "; account {}, {}", cut(&alert.account, 60), cut(&alert.region, 60));
    text
}

pub(super) fn score(alert: &Alert) -> String {
    let line = alert.threshold.map(|bits| format!("; the budget's threshold is {bits:.1}"));
    format!("{:.1} bits; told by: {}{}", alert.score, alert.emitted_reason, line.unwrap_or_default())
}

fn baseline(alert: &Alert) -> String {
    let baseline = &alert.baseline;
    format!(
        "{}, {:.0} days old; group {} of {} ENIs",
        baseline.tier, baseline.age_days, baseline.group, baseline.group_enis
    )
}

pub(super) fn coverage(alert: &Alert) -> String {
    let coverage = &alert.coverage;
    format!(
        "{:.0} % of {} h seen; {} five-minute objects missing, {} SKIPDATA records, {} late",
        coverage.seen_share * 100.0,
        coverage.hours,
        coverage.missing_objects,
        coverage.skip_data_records,
        coverage.late_records
    )
}

fn identity(alert: &Alert) -> String {
    let continues = alert.continues.as_ref().map(|id| format!(", continues {id}"));
    format!("{}, revision {}{}", alert.id, alert.revision, continues.unwrap_or_default())
}

/// Foreign text in one line of bounded length.
fn value(text: &str) -> String {
    cut(&safe(text), VALUE_CHARS_MAX)
}

fn line(out: &mut String, name: &str, text: &str) {
    let _ = writeln!(out, "{name:<9} {}", value(text));
}

/// The first of a list, and how many more there are: in it, and `beyond` it.
fn listed(out: &mut String, name: &str, items: impl ExactSizeIterator<Item = String>, beyond: u64) {
    let more = (items.len().saturating_sub(LISTED_MAX) as u64).saturating_add(beyond);
    for (at, item) in items.take(LISTED_MAX).enumerate() {
        line(out, if at == 0 { name } else { "" }, &item);
    }
    if more > 0 {
        line(out, "", &format!("+{more} more"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::alert;
    use super::*;

    #[test]
    fn the_email_says_what_a_person_needs() {
        insta::assert_snapshot!(text(&alert()));
    }

    #[test]
    fn lists_end_with_how_many_more_there_are() {
        let mut alert = alert();
        alert.enis = (0..30).map(|n| format!("eni-{n}")).collect();
        let text = text(&alert);
        assert!(text.contains("eni-4\n          +25 more\n"), "{text}");
        assert!(text.contains("+2 more"), "destinations beyond those listed: {text}");
    }

    #[test]
    fn a_log_adds_no_line_of_its_own() {
        let mut alert = alert();
        alert.eni = "eni-1\nFrom      somebody else\u{202e}".into();
        alert.sentence = "a\r\n\r\nb".into();
        let text = text(&alert);
        assert!(!text.lines().any(|line| line.starts_with("From      somebody")), "{text}");
        assert!(text.starts_with("HIGH: a\\u{d}\\u{a}"), "{text}");
        assert!(!short(&alert).contains('\n'));
    }
}
