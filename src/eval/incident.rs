//! What is judged: one line of a ranked list, whoever made it. Alerts of ours are such lines, and so
//! is anything with an ENI, an address, times and a score, so one matcher serves all of them.

use std::io::BufRead;

use serde::Deserialize;

use crate::alert::{Alert, Severity};
use crate::net::Prefix;

/// One incident of a ranked list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Who sent.
    pub eni: String,
    /// Where to: the address or prefix named first, and the others that are listed.
    pub peers: Vec<Prefix>,
    /// First packet, Unix seconds.
    pub first_second: i64,
    /// Last packet, Unix seconds.
    pub last_second: i64,
    /// When it began to be looked at, Unix seconds; decides whether it counts at all.
    pub window_second: i64,
    /// When it was told or kept back, Unix seconds.
    pub decided_second: i64,
    /// What it is ranked by, in any unit; more is worse.
    pub score: f64,
    /// Whether it was told.
    pub emitted: bool,
    /// Whether it only goes on with what was told before: no false alarm of its own.
    pub continues: bool,
    /// How it was called.
    pub severity: Severity,
}

/// The fields of an alert's JSON that are read; the others are whatever they are.
#[derive(Deserialize)]
struct Line {
    eni: String,
    #[serde(default)]
    peer: String,
    #[serde(default)]
    destinations: Vec<Place>,
    first_seen: String,
    last_seen: String,
    window_start: Option<String>,
    score: f64,
    #[serde(default)]
    emitted: bool,
    #[serde(default)]
    emitted_reason: String,
    emitted_at: Option<String>,
    severity: Option<Severity>,
}

#[derive(Deserialize)]
struct Place {
    peer: String,
}

impl From<&Alert> for Listed {
    fn from(alert: &Alert) -> Self {
        // What has no time overlaps nothing.
        let (first_second, last_second) =
            (second(&alert.first_seen).unwrap_or(i64::MAX), second(&alert.last_seen).unwrap_or(i64::MIN));
        Self {
            eni: alert.eni.clone(),
            peers: peers(&alert.peer, alert.destinations.iter().map(|place| place.peer.as_str())),
            first_second,
            last_second,
            window_second: second(&alert.window_start).unwrap_or(i64::MIN),
            decided_second: second(&alert.emitted_at).unwrap_or(i64::MIN),
            score: alert.score,
            emitted: alert.emitted,
            continues: alert.emitted_reason == "continues",
            severity: alert.severity,
        }
    }
}

/// Reads a ranked list: JSON lines with `eni`, `peer` or `destinations`, `first_seen`, `last_seen`
/// and `score`. Absent are: `emitted` no, `emitted_at` when the last packet was, `window_start` when
/// the first was, `severity` LOW.
///
/// # Errors
/// Says which line is not one of such a list.
pub fn read_listed(lines: impl BufRead) -> Result<Vec<Listed>, String> {
    let mut listed = Vec::new();
    for (at, line) in lines.lines().enumerate() {
        let located = |problem: String| format!("line {}: {problem}", at + 1);
        let line = line.map_err(|error| located(error.to_string()))?;
        if !line.trim().is_empty() {
            listed.push(one(&line).map_err(located)?);
        }
    }
    Ok(listed)
}

fn one(line: &str) -> Result<Listed, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let time = |text: &str| second(text).ok_or_else(|| format!("{text:?} is no RFC 3339 time"));
    let (first_second, last_second) = (time(&line.first_seen)?, time(&line.last_seen)?);
    if !line.score.is_finite() {
        return Err("the score is no number".to_owned());
    }
    Ok(Listed {
        peers: peers(&line.peer, line.destinations.iter().map(|place| place.peer.as_str())),
        eni: line.eni,
        first_second,
        last_second,
        window_second: line.window_start.as_deref().map_or(Ok(first_second), time)?,
        decided_second: line.emitted_at.as_deref().map_or(Ok(last_second), time)?,
        score: line.score,
        emitted: line.emitted,
        continues: line.emitted_reason == "continues",
        severity: line.severity.unwrap_or(Severity::Low),
    })
}

fn peers<'a>(first: &'a str, others: impl Iterator<Item = &'a str>) -> Vec<Prefix> {
    std::iter::once(first).chain(others).filter_map(|peer| peer.parse().ok()).collect()
}

fn second(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::render::tests::alert;

    #[test]
    fn an_alert_and_its_line_are_judged_alike() {
        let mut alert = alert();
        alert.emitted_reason = "continues".into();
        let line = serde_json::to_string(&alert).unwrap();
        assert_eq!(read_listed(line.as_bytes()).unwrap(), [Listed::from(&alert)]);
        assert!(Listed::from(&alert).continues);
    }

    #[test]
    fn a_list_of_somebody_else_needs_five_fields() {
        let line = r#"{"eni": "eni-1", "peer": "203.0.113.0/24", "first_seen": "2026-03-01T10:00:00Z",
            "last_seen": "2026-03-01T11:00:00Z", "score": 2}"#
            .replace('\n', " ");
        let listed = &read_listed(format!("{line}\n\n").as_bytes()).unwrap()[0];
        assert_eq!((listed.score, listed.emitted, listed.severity), (2.0, false, Severity::Low));
        assert_eq!(listed.window_second, listed.first_second);
        assert_eq!(listed.decided_second, listed.last_second);
        assert_eq!(listed.peers, ["203.0.113.0/24".parse().unwrap()]);
    }

    #[test]
    fn mistakes_are_located() {
        let bad = |line: &str| read_listed(format!("\n{line}").as_bytes()).unwrap_err();
        assert!(bad("{}").starts_with("line 2: missing field"));
        let line =
            r#"{"eni": "eni-1", "first_seen": "yesterday", "last_seen": "2026-03-01T11:00:00Z", "score": 1}"#;
        assert!(bad(line).contains("\"yesterday\" is no RFC 3339 time"));
    }
}
