//! What would have kept an incident quiet, by bisection on the score itself.

use super::model::Counterfactual;
use crate::detect::{Against, Incident, KEEP_BITS, Severity, UnitKind};

/// Halvings: 2^-30 of any volume is below a byte of what matters.
const STEPS: u32 = 30;

/// The largest volume of the strongest hour that would not have been sent (or, for an incident
/// that was not sent, not have been kept). The score never rises when bytes fall, so bisection
/// finds it.
pub(super) fn counterfactuals(incident: &Incident, against: &Against<'_>) -> Vec<Counterfactual> {
    let line = match incident.threshold.0 {
        Some(tau) if incident.kept.is_sent() => tau,
        _ => KEEP_BITS,
    };
    let unit = &incident.best.unit;
    let guardduty_bits = if incident.kept.is_sent() { incident.guardduty_bits() } else { 0.0 };
    let speaks = |factor: f64| {
        let (_, score) = unit.scaled(factor).score(against);
        let app_bytes = incident.traffic.app_bytes as f64 * factor;
        score.risk + guardduty_bits >= line
            || score.severity >= Severity::High
            || incident.is_known_bad(app_bytes as u64)
    };
    let mut found = Vec::new();
    let volume = if speaks(0.0) { None } else { Some(bisect(speaks)) };
    if let Some(factor) = volume {
        let whole = volume_of(&unit.kind);
        let bytes = (whole as f64 * factor).floor();
        let verb = if incident.kept.is_sent() { "sent" } else { "kept" };
        let hour = incident.best_hour.of_day();
        let (least, was) = (super::text::bytes(bytes), super::text::bytes(whole as f64));
        found.push(Counterfactual {
            kind: "egress_bytes_below".into(),
            value: bytes,
            text: format!("would not have been {verb} for {least} instead of {was} by the end of its hour {hour:02}:00 UTC"),
        });
    }
    let own = incident.own_risk();
    if guardduty_bits > 0.0 && own < line && incident.best.score.severity < Severity::High {
        found.push(Counterfactual {
            kind: "without_guardduty".into(),
            value: super::build::rounded(own),
            text: format!(
                "would not have been sent without GuardDuty: {own:.1} bits of its own, {line:.1} needed"
            ),
        });
    }
    if let UnitKind::Destination { novelty: Some(_), .. } = unit.kind {
        found.push(Counterfactual {
            kind: "first_used_hours_earlier".into(),
            value: f64::from(crate::baseline::eni::AGED_HOURS),
            text: "would not have been new had this ENI first used the destination three days earlier".into(),
        });
    }
    found
}

/// The bytes that a unit's evidence is about: of the day so far for destinations.
fn volume_of(kind: &UnitKind) -> u64 {
    match kind {
        UnitKind::Destination { day_app_bytes, .. } => *day_app_bytes,
        UnitKind::Served { app_bytes } => *app_bytes,
        UnitKind::Spread { met, .. } => met.iter().map(|(_, bytes)| bytes).sum(),
    }
}

/// The largest factor in [0, 1] for which `speaks` is false, given that it is false at 0.
fn bisect(speaks: impl Fn(f64) -> bool) -> f64 {
    let (mut quiet, mut loud) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(quiet, loud);
        if speaks(middle) { loud = middle } else { quiet = middle }
    }
    quiet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_finds_the_edge_from_below() {
        let edge = bisect(|x| x >= 0.3);
        assert!(edge < 0.3 && edge > 0.3 - 1e-6);
    }
}
