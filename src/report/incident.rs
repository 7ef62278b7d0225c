//! One incident in the page's words: the answers a first-time reader looks for, then the evidence.

use std::fmt::Write as _;

use super::advice;
use super::chart::Context;
use super::model::{Answer, Destination, Evidence, Finding, GuardDuty, Incident};
use super::words::{count, duration, human_bytes, minute, percent, plural, second, service, shown};
use crate::alert::{Alert, model};

/// `context` is what the lake's history says around it; `None` beyond the incidents with a chart.
pub(super) fn incident(alert: &Alert, context: Option<Context>) -> Incident {
    let context_of = context.as_ref();
    Incident {
        id: shown(&alert.id),
        revision: alert.revision,
        continues: alert.continues.as_deref().map(shown),
        severity: alert.severity.as_str(),
        rank: alert.severity as u8 + 1,
        score: alert.score,
        threshold: alert.threshold,
        told: alert.emitted,
        told_why: told_why(alert),
        account: shown(&alert.account),
        region: shown(&alert.region),
        eni: shown(&alert.eni),
        other_enis: alert.enis.iter().filter(|eni| **eni != alert.eni).map(|eni| shown(eni)).collect(),
        place: place(alert),
        peer: shown(&alert.peer),
        destination: if key_of(alert) == alert.peer { String::new() } else { shown(key_of(alert)) },
        service: service(alert.port, alert.protocol),
        aws_service: shown(&alert.service),
        known: shown(&alert.known.to_string()),
        role: shown(&alert.role),
        first_second: first_second(alert),
        last_second: second(&alert.last_seen),
        egress_bytes: alert.egress_bytes,
        ingress_bytes: alert.ingress_bytes,
        app_bytes: alert.app_bytes,
        sentence: shown(&alert.sentence),
        answers: answers(alert),
        evidence: alert.detectors.iter().map(evidence).collect(),
        counterfactuals: alert.counterfactuals.iter().map(|would| shown(&would.text)).collect(),
        destinations: destinations(alert, context_of),
        destinations_more: alert.destinations_more,
        guardduty: guardduty(&alert.guardduty),
        trust: trust(alert),
        attack: alert.attack.iter().map(|id| shown(id)).collect(),
        steps: advice::steps(alert),
        queries: advice::queries(alert),
        chart: context.and_then(|context| context.chart),
    }
}

/// What the destination is counted as; the role is told apart from it.
pub(super) fn key_of(alert: &Alert) -> &str {
    alert.destination.strip_prefix("served:").unwrap_or(&alert.destination)
}

/// The first packet. A record may begin before the hour it ends in, but by less than an hour: what
/// is earlier is no time of the incident.
fn first_second(alert: &Alert) -> i64 {
    let (first, window) = (second(&alert.first_seen), second(&alert.window_start));
    if first < window - 3600 { window } else { first }
}

fn told_why(alert: &Alert) -> String {
    match alert.emitted_reason.as_str() {
        "budget" => "within the alert budget".to_owned(),
        "high" => "HIGH is always told".to_owned(),
        "fleet_change" => "told for one of the interfaces that show the same".to_owned(),
        "guardduty" => "GuardDuty's finding is passed on".to_owned(),
        "below_threshold" => "below the threshold of the alert budget".to_owned(),
        "learning" => "the interface still learns".to_owned(),
        "continues" => "continues an incident that was told".to_owned(),
        "guardduty_low" => "GuardDuty's finding is LOW".to_owned(),
        "suppressed" => "a suppression holds".to_owned(),
        other => shown(other),
    }
}

fn place(alert: &Alert) -> Vec<String> {
    let group = &alert.baseline.group;
    // Where records name no group, the subnet stands in for one.
    let group =
        if group.is_empty() || *group == alert.subnet { String::new() } else { format!("group {group}") };
    let parts = [&alert.instance, &alert.subnet, &alert.vpc, &group];
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| shown(part)).collect()
}

fn answers(alert: &Alert) -> Vec<Answer> {
    let is_served = alert.role == "served";
    let sent = human_bytes(alert.egress_bytes as f64);
    let mut from = alert.eni.clone();
    let place = place(alert);
    if !place.is_empty() {
        let _ = write!(from, " ({})", place.join(", "));
    }
    if alert.enis.len() > 1 {
        let _ = write!(from, " and {} with the same cause", plural(alert.enis.len() as u64 - 1, "interface"));
    }
    let _ = write!(from, ", account {}, {}", alert.account, alert.region);
    [
        (
            "What left?",
            format!(
                "{sent} in {}{}; {} came back",
                plural(alert.egress_packets, "packet"),
                if is_served { ", as replies to a client outside" } else { "" },
                human_bytes(alert.ingress_bytes as f64)
            ),
        ),
        ("From where?", from),
        ("To whom?", to_whom(alert)),
        ("Since when?", since(alert)),
        ("Is it normal?", normal(alert)),
        ("What does GuardDuty say?", guardduty_says(&alert.guardduty)),
    ]
    .map(|(question, answer)| Answer { question, answer: shown(&answer) })
    .into()
}

fn to_whom(alert: &Alert) -> String {
    let mut to = format!("{}, {}", alert.peer, service(alert.port, alert.protocol));
    if !alert.service.is_empty() {
        let _ = write!(to, ", AWS service {}", alert.service);
    }
    if key_of(alert) != alert.peer {
        let as_what = match key_of(alert) {
            "*" => "one of many destinations".to_owned(),
            key => format!("counted as {key}"),
        };
        let _ = write!(to, "; {as_what}");
    }
    if !alert.known.is_empty() {
        let _ = write!(to, "; known as {}", alert.known);
    }
    let more = alert.destinations.len().saturating_sub(1) as u64 + alert.destinations_more;
    if more > 0 {
        let _ = write!(to, ", and {}", plural(more, "more peer"));
    }
    to
}

fn since(alert: &Alert) -> String {
    let (first, last) = (first_second(alert), second(&alert.last_seen));
    let mut since = format!("{} to {} UTC, {}", minute(first), minute(last), duration(last - first));
    if let Some(earlier) = &alert.continues {
        let _ = write!(since, "; it continues incident {earlier} of an earlier day");
    }
    since
}

fn normal(alert: &Alert) -> String {
    let strongest = alert.detectors.first().map_or("nothing stood out by itself", |e| e.text.as_str());
    let base = &alert.baseline;
    let of = format!("{:.0} days of its own past", base.age_days);
    match base.tier.as_str() {
        "learning" => format!(
            "Not known yet: the interface has only {:.1} days of history. What stands out: {strongest}",
            base.age_days
        ),
        tier if alert.emitted => format!("No: {strongest}. Compared with {of} ({tier})"),
        tier => format!("Hardly unusual: {strongest}. Compared with {of} ({tier})"),
    }
}

fn guardduty_says(said: &model::GuardDuty) -> String {
    let strongest = said
        .findings
        .first()
        .map_or_else(String::new, |f| format!("{} (severity {:.1})", f.kind, f.severity));
    match said.status.as_str() {
        "agrees" => {
            format!("It agrees: {strongest}, {}", said.findings.first().map_or("", |f| f.reason.as_str()))
        }
        "alone" => format!("It alone speaks: {strongest}; nothing in the flow logs stands out"),
        "silent" => "Silent: findings were given, and none is about this".to_owned(),
        "not_applicable" => "It cannot say: its findings from flow logs do not cover IPv6".to_owned(),
        _ => "Not asked: no findings were given to the scan (--guardduty)".to_owned(),
    }
}

fn evidence(evidence: &model::Evidence) -> Evidence {
    let quantity = |value: f64| match evidence.unit.strip_prefix("bytes") {
        Some(per) => format!("{}{per}", human_bytes(value)),
        None if value.fract().abs() < 1e-9 => format!("{} {}", count(value.max(0.0) as u64), evidence.unit),
        None => format!("{value:.2} {}", evidence.unit),
    };
    Evidence {
        id: shown(&evidence.id),
        name: match evidence.id.as_str() {
            "D1" => "New destination",
            "D2" => "Volume of the interface",
            "D3" => "Volume to a known destination",
            "D4" => "Slow drip",
            "D5" => "Beaconing",
            "D6" => "Fan-out",
            "D7" => "Producer/consumer flip",
            "D8" => "Protocol misuse",
            "D9" => "Long-lived",
            "D10" => "Probe, then success",
            "D11" => "Rare among peers",
            "D12" => "Off-hours",
            "S1" => "Volume served to one client",
            "GD" => "GuardDuty",
            _ => "",
        },
        bits: evidence.bits,
        observed: shown(&quantity(evidence.observed)),
        expected: shown(&quantity(evidence.expected)),
        p: evidence.p,
        n: evidence.n,
        text: shown(&evidence.text),
    }
}

fn destinations(alert: &Alert, context: Option<&Context>) -> Vec<Destination> {
    let first = |at: usize| context.and_then(|context| *context.first_used.get(at)?);
    let note = match context {
        _ if alert.role == "served" => "not kept for clients",
        Some(context) if context.has_history => "new",
        Some(_) => "no history yet",
        None => "not looked up",
    };
    let shown_of = |(at, to): (usize, &model::Destination)| Destination {
        peer: shown(&to.peer),
        service: service(to.port, to.protocol),
        role: shown(&alert.role),
        first_second: first(at),
        first_note: if first(at).is_some() { "" } else { note },
        egress_bytes: to.egress_bytes,
        ingress_bytes: to.ingress_bytes,
    };
    alert.destinations.iter().enumerate().map(shown_of).collect()
}

fn guardduty(said: &model::GuardDuty) -> GuardDuty {
    let finding = |finding: &model::GuardDutyFinding| {
        let worth = match (finding.archived, finding.independent) {
            (true, _) => "archived, so it adds nothing",
            (_, true) => "independent of the flow logs",
            (_, false) => "not independent: computed from the same flow logs",
        };
        Finding {
            arn: shown(&finding.id),
            kind: shown(&finding.kind),
            severity: finding.severity,
            reason: shown(&format!("{}; {worth}", finding.reason)),
            bits: finding.bits,
            first_second: second(&finding.first_seen),
            last_second: second(&finding.last_seen),
        }
    };
    GuardDuty {
        status: shown(&said.status),
        bits: said.bits,
        findings: said.findings.iter().map(finding).collect(),
        findings_more: said.findings_more,
    }
}

/// How far it can be trusted and recomputed.
fn trust(alert: &Alert) -> Vec<String> {
    let (base, seen) = (&alert.baseline, &alert.coverage);
    let mut group = String::new();
    if !base.group.is_empty() {
        group = format!(", group {} of {}", base.group, plural(u64::from(base.group_enis), "interface"));
    }
    let lines = [
        format!(
            "Baseline: {}, {:.0} days old, {} with records, confidence {:.2}{group}",
            base.tier,
            base.age_days,
            plural(u64::from(base.active_hours), "hour"),
            base.confidence
        ),
        format!(
            "Seen: {} of {}; {} missing, {} SKIPDATA, {} late",
            percent(seen.seen_share),
            plural(u64::from(seen.hours), "hour"),
            plural(u64::from(seen.missing_objects), "object"),
            count(seen.skip_data_records),
            plural(seen.late_records, "record")
        ),
        format!(
            "Recompute: snapshot {}, configuration {}, outflow {}",
            alert.snapshot_hash, alert.config_hash, alert.version
        ),
        format!("Evidence in the terminal: outflow explain {} --lake LAKE", alert.id),
    ];
    let suppressions = alert.suppressions.iter().map(|by| {
        format!(
            "Suppression {}: {}, granted by {} in {}, until {}",
            by.id,
            by.outcome.replace('_', " "),
            by.owner,
            by.ticket,
            by.expires
        )
    });
    lines.into_iter().chain(suppressions).map(|line| shown(&line)).collect()
}
