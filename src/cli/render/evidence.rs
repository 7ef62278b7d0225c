//! Everything one alert knows, for `explain`.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::{WIDTH, service};
use crate::alert::Alert;
use crate::alert::model::Evidence;
use crate::cli::term::{BOLD, severity_style};
use crate::cli::text::{bytes, count, plural, safe, wrap};
use crate::cli::when::minute_of;

/// Columns before the value of a line.
const INDENT: usize = 14;

/// The whole evidence of `alert`.
pub(in crate::cli) fn evidence(alert: &Alert) -> String {
    let mut out = String::new();
    let color = severity_style(alert.severity);
    let word = alert.severity.as_str();
    let _ = writeln!(out, "{color}{word}{color:#}  {:.1} bits  {}", alert.score, safe(&alert.id));
    let _ = writeln!(out, "{}\n", wrap(&safe(&alert.sentence), WIDTH, 0));
    who(&mut out, alert);
    what(&mut out, alert);
    told(&mut out, alert);
    let _ = writeln!(out, "\n{BOLD}Evidence{BOLD:#}, strongest first; bits are -log2 p");
    for detector in &alert.detectors {
        one_detector(&mut out, detector);
    }
    section(&mut out, "What would have kept it quiet", alert.counterfactuals.iter().map(|c| c.text.as_str()));
    guardduty(&mut out, alert);
    destinations(&mut out, alert);
    trust(&mut out, alert);
    out
}

fn field(out: &mut String, name: &str, value: &str) {
    if value.trim().is_empty() {
        return;
    }
    let wrapped = wrap(&safe(value), WIDTH, INDENT);
    let name = format!("{name:<INDENT$}");
    let _ = writeln!(out, "{name}{}", wrapped.trim_start());
}

fn section<'a>(out: &mut String, title: &str, lines: impl Iterator<Item = &'a str>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}{title}{BOLD:#}");
    for line in lines {
        let _ = writeln!(out, "{}", wrap(&safe(line), WIDTH, 2));
    }
}

fn who(out: &mut String, alert: &Alert) {
    field(out, "from", &alert.enis.join(", "));
    let of = [&alert.instance, &alert.subnet, &alert.vpc, &alert.region, &alert.account];
    let of: Vec<&str> = of.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    field(out, "of", &of.join(", "));
    let mut to = format!("{} {}", alert.peer, service(alert.port, alert.protocol));
    if alert.destination != alert.peer {
        let _ = write!(to, ", counted as {}", alert.destination);
    }
    if !alert.service.is_empty() {
        let _ = write!(to, ", AWS service {}", alert.service);
    }
    field(out, "to", &to);
    field(out, "known as", &alert.known.to_string());
    field(out, "role", &alert.role);
}

fn what(out: &mut String, alert: &Alert) {
    let sent = format!(
        "{} in {} and {} ({} above the transport layer)",
        bytes(alert.egress_bytes),
        plural(alert.egress_packets, "packet"),
        plural(alert.egress_records, "record"),
        bytes(alert.app_bytes),
    );
    field(out, "sent", &sent);
    field(out, "received", &bytes(alert.ingress_bytes));
    let when = format!("{} to {} UTC", minute_of(&alert.first_seen), minute_of(&alert.last_seen));
    field(out, "when", &when);
}

fn told(out: &mut String, alert: &Alert) {
    let verb = if alert.emitted { "sent" } else { "kept back" };
    let threshold = alert
        .threshold
        .map_or_else(|| "no threshold yet".to_owned(), |threshold| format!("threshold {threshold:.1} bits"));
    let at = minute_of(&alert.emitted_at);
    field(out, "told", &format!("{verb} at {at} UTC: {} ({threshold})", alert.emitted_reason));
    field(out, "revision", &if alert.revision > 1 { alert.revision.to_string() } else { String::new() });
    field(out, "continues", alert.continues.as_deref().unwrap_or_default());
    field(out, "ATT&CK", &alert.attack.join(", "));
    for matched in &alert.suppressions {
        let text = format!(
            "{} ({}): {}, {}, until {}; {} of {} a day",
            matched.id,
            matched.outcome,
            matched.owner,
            matched.ticket,
            matched.expires,
            bytes(matched.day_bytes),
            bytes(matched.max_bytes_per_day)
        );
        field(out, "suppression", &text);
    }
}

fn one_detector(out: &mut String, detector: &Evidence) {
    let quantity = |value: f64| match detector.unit.strip_prefix("bytes") {
        Some(per) => format!("{}{per}", bytes(value.max(0.0) as u64)),
        None => format!("{value:.3} {}", detector.unit),
    };
    let head = format!("  {:<4}{:>6.1} bits  {}", detector.id, detector.bits, detector.text);
    let _ = writeln!(out, "{}", wrap(&safe(head.trim()), WIDTH, 2));
    let numbers = format!(
        "observed {}, expected {}, p {:.1e}, from {}",
        quantity(detector.observed),
        quantity(detector.expected),
        detector.p,
        plural(detector.n, "sample"),
    );
    let _ = writeln!(out, "{}", wrap(&safe(&numbers), WIDTH, 6));
}

fn guardduty(out: &mut String, alert: &Alert) {
    let says = match alert.guardduty.status.as_str() {
        "agrees" => format!("agrees, {:.1} bits of the score", alert.guardduty.bits),
        "alone" => "speaks alone".to_owned(),
        "silent" => "silent: none of its findings is about this".to_owned(),
        "not_applicable" => "cannot speak of IPv6: its findings from flow logs do not cover it".to_owned(),
        _ => "not asked: no findings were given".to_owned(),
    };
    let _ = writeln!(out, "\n{BOLD}GuardDuty{BOLD:#} {says}");
    for finding in &alert.guardduty.findings {
        let head =
            format!("  {:>6.1} bits  {}, severity {:.1}", finding.bits, finding.kind, finding.severity);
        let _ = writeln!(out, "{}", wrap(&safe(head.trim()), WIDTH, 2));
        let independent = match (finding.archived, finding.independent) {
            (true, _) => "archived",
            (_, true) => "independent of the flow logs",
            (_, false) => "not independent: from the same flow logs",
        };
        let (first, last) = (minute_of(&finding.first_seen), minute_of(&finding.last_seen));
        let text = format!("{}; {independent}; {first} to {last} UTC; {}", finding.reason, finding.id);
        let _ = writeln!(out, "{}", wrap(&safe(&text), WIDTH, 6));
    }
    if alert.guardduty.findings_more > 0 {
        let _ = writeln!(out, "  and {} more", count(alert.guardduty.findings_more));
    }
}

fn destinations(out: &mut String, alert: &Alert) {
    if alert.destinations.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}Destinations{BOLD:#}");
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    table.force_no_tty().set_header(["peer", "service", "sent", "received"]);
    for peer in &alert.destinations {
        let place = service(peer.port, peer.protocol);
        table.add_row([safe(&peer.peer), place, bytes(peer.egress_bytes), bytes(peer.ingress_bytes)]);
    }
    for number in [2, 3] {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let _ = writeln!(out, "{}", table.trim_fmt());
    if alert.destinations_more > 0 {
        let _ = writeln!(out, "  and {} more", count(alert.destinations_more));
    }
}

/// How far the alert can be trusted and recomputed.
fn trust(out: &mut String, alert: &Alert) {
    let _ = writeln!(out, "\n{BOLD}How it was seen{BOLD:#}");
    let (base, seen) = (&alert.baseline, &alert.coverage);
    let baseline = format!(
        "{}, {:.0} days old, {} with records, confidence {:.2}, group {} of {}",
        base.tier,
        base.age_days,
        plural(u64::from(base.active_hours), "hour"),
        base.confidence,
        if base.group.is_empty() { "-" } else { &base.group },
        plural(u64::from(base.group_enis), "ENI"),
    );
    field(out, "baseline", &baseline);
    let coverage = format!(
        "{:.0} % of {} seen; {} missing, {} SKIPDATA, {} late",
        seen.seen_share * 100.0,
        plural(u64::from(seen.hours), "hour"),
        plural(u64::from(seen.missing_objects), "object"),
        count(seen.skip_data_records),
        plural(seen.late_records, "record"),
    );
    field(out, "coverage", &coverage);
    field(out, "objects", &alert.objects.join(" "));
    if alert.objects_more > 0 {
        field(out, "", &format!("and {} more", count(alert.objects_more)));
    }
    let hashes = format!(
        "snapshot {}, configuration {}, outflow {}",
        alert.snapshot_hash, alert.config_hash, alert.version
    );
    field(out, "recompute", &hashes);
    if !alert.query.is_empty() {
        // Not wrapped: it is there to be copied.
        let _ = writeln!(out, "\n{BOLD}The hourly rows behind it{BOLD:#}");
        for line in alert.query.lines() {
            let _ = writeln!(out, "{}", safe(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::alert;
    use super::*;
    use crate::alert::Severity;

    #[test]
    fn all_evidence_is_told_within_eighty_columns() {
        let alert = alert("9f2c41d0aa", Severity::High, true);
        let text = anstream::adapter::strip_str(&evidence(&alert)).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn hostile_text_is_escaped_everywhere() {
        let mut hostile = alert("9f2c41d0aa", Severity::High, true);
        let bad = "\x1b[31m\u{202e}";
        for text in [
            &mut hostile.eni,
            &mut hostile.instance,
            &mut hostile.vpc,
            &mut hostile.subnet,
            &mut hostile.account,
            &mut hostile.region,
            &mut hostile.peer,
            &mut hostile.destination,
            &mut hostile.service,
            &mut hostile.role,
            &mut hostile.first_seen,
            &mut hostile.sentence,
            &mut hostile.query,
            &mut hostile.id,
            &mut hostile.emitted_reason,
            &mut hostile.snapshot_hash,
        ] {
            text.push_str(bad);
        }
        hostile.objects = vec![bad.into()];
        hostile.enis = vec![bad.into()];
        hostile.detectors[0].text = bad.into();
        hostile.counterfactuals[0].text = bad.into();
        hostile.destinations[0].peer = bad.into();
        let finding = &mut hostile.guardduty.findings[0];
        for text in [&mut finding.id, &mut finding.kind, &mut finding.reason, &mut finding.first_seen] {
            *text = bad.into();
        }
        hostile.baseline.group = bad.into();
        let text = evidence(&hostile);
        assert!(!text.contains(['\u{202e}']), "{text}");
        assert!(!text.contains("\x1b[31m\\u"), "{text}");
    }
}
