//! Sentences for people. Everything that comes from logs is plain text here; who renders it
//! escapes it.

use super::guardduty;
use super::model::Alert;
use crate::baseline::eni::Novelty;
use crate::detect::{Detector, Evidence, Incident, Subject, UnitKind};

/// Bytes with a binary unit and three digits.
pub(crate) fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = value.max(0.0);
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 100.0 {
        0
    } else {
        usize::from(value >= 10.0) + 2 * usize::from(value < 10.0)
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// One clause on what a detector saw.
pub(super) fn clause(evidence: &Evidence, unit: &UnitKind) -> String {
    let Evidence { detector, observed, expected, n, .. } = *evidence;
    let class = match unit {
        UnitKind::Destination { novelty: Some(class), .. } => class.phrase(),
        _ => Novelty::NewToAll.phrase(),
    };
    let (seen, usual) = (bytes(observed), bytes(expected));
    match detector {
        Detector::NewDestination => {
            format!(
                "{seen} since midnight UTC to a destination {class}; such destinations usually get {usual}"
            )
        }
        Detector::NewDestinations => {
            format!(
                "{observed:.0} or more new destinations of at least this size in a day; {expected:.3} expected"
            )
        }
        Detector::Volume => {
            format!("{seen} left the ENI in the hour; this hour usually sees {usual} (n = {n})")
        }
        Detector::KnownDestinationHour => {
            format!("{seen} in the hour; this hour usually sees {usual} ({n} active hours)")
        }
        Detector::KnownDestinationDay => {
            format!("{seen} since midnight UTC; a day is usually {usual} ({n} days)")
        }
        Detector::KnownDestinationSustained => format!(
            "{seen} an hour to one address, counted by how long it went on without a gap; the most of a day is usually {usual} ({n} days)"
        ),
        Detector::Drip => {
            format!("{seen} since it was met; destinations that were met lately and return get {usual}")
        }
        Detector::Beacon => format!(
            "contacted in {n} intervals of the day, more evenly than chance, every {observed:.0} s (median)"
        ),
        Detector::LongLived => format!(
            "used in {observed:.0} hours since it was met; a new destination is usually used in {expected:.0}"
        ),
        Detector::Unbroken => format!(
            "in use for {observed:.0} min without a gap; a new destination usually is for {expected:.0}"
        ),
        Detector::ProbeThenSuccess => {
            format!("let through after {observed:.0} refused attempts in this hour and the one before")
        }
        Detector::FanOut => format!("{observed:.0} networks contacted in the hour; {expected:.0} usual"),
        Detector::RejectedFanOut => {
            format!("{observed:.0} networks refused in the hour; {expected:.0} usual")
        }
        Detector::Balance => format!(
            "{:.0} % of the exchange was sent; this ENI usually sends {:.0} %",
            share(observed),
            share(expected)
        ),
        Detector::Protocol => {
            let what = match unit {
                UnitKind::Destination { rare: Some((event, _)), .. } => event.phrase(),
                _ => "a protocol used against its nature",
            };
            format!("{what}: {seen} in the hour")
        }
        Detector::Served => {
            format!("{seen} served to one client network in the hour; the largest is usually {usual}")
        }
    }
}

/// Whether all of it went to one address or range.
fn is_one_peer(alert: &Alert) -> bool {
    alert.destinations_more == 0 && alert.destinations.iter().all(|d| d.peer == alert.peer)
}

/// A ratio in [-1, 1] as per cent sent.
fn share(ratio: f64) -> f64 {
    (ratio + 1.0) * 50.0
}

/// The sentence of the whole alert.
pub(super) fn sentence(alert: &Alert, incident: &Incident) -> String {
    let sent = bytes(alert.egress_bytes as f64);
    let hours = incident.hours.len();
    let span = if hours == 1 { "1 h".to_owned() } else { format!("{hours} h") };
    let to = match &incident.subject {
        Subject::Destination(_) if alert.peer == alert.destination => alert.peer.clone(),
        Subject::Destination(_) if is_one_peer(alert) => format!("{} ({})", alert.peer, alert.destination),
        Subject::Destination(_) => format!("several addresses of {}", alert.destination),
        Subject::Served(_) => format!("the client {}", alert.peer),
        Subject::Spread => match &incident.best.unit.kind {
            UnitKind::Spread { met, .. } if !met.is_empty() => format!("{} new destinations", met.len()),
            _ => "many destinations".to_owned(),
        },
    };
    let verb = if matches!(incident.subject, Subject::Served(_)) { "served" } else { "sent" };
    let why = alert.detectors.first().map_or(String::new(), |d| format!(": {}", d.text));
    let fleet = if incident.is_fleet_change {
        format!("; {} ENIs of group {} show the same today", incident.sharing_enis, incident.place.group)
    } else {
        String::new()
    };
    let learning = if alert.baseline.tier == "learning" { "; the ENI is still learning" } else { "" };
    let guardduty = guardduty::clause(incident);
    format!("{} {verb} {sent} to {to} within {span}{why}{fleet}{learning}{guardduty}", alert.eni)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_like_a_person_would_write_them() {
        for (value, text) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (1024.0, "1.00 KiB"),
            (312.0 * 1024.0 * 1024.0, "312 MiB"),
            (41.2 * 1024.0 * 1024.0 * 1024.0, "41.2 GiB"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }
}
