//! What was hidden: the label file of `simulate`, or one with its columns.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;

use super::incident::Listed;
use crate::net::Prefix;

/// How long before its label begins an alert may end and still be about it, seconds.
const BEFORE_SECONDS: i64 = 60;
/// How long after its label ends an alert may begin and still be about it, seconds: one
/// aggregation interval.
const AFTER_SECONDS: i64 = 600;

/// One line of the file.
#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    kind: String,
    family: String,
    variant: String,
    eni: String,
    peers: String,
    start: String,
    end: String,
    egress_bytes: Option<u64>,
    visible: bool,
}

/// What a label stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Data that left and should not have.
    Attack,
    /// The copy of an attack at a relay: neither a second attack nor a false alarm.
    RelayCopy,
    /// A benign change that must not alert.
    LookAlike,
}

/// One ENI's part.
#[derive(Clone, Debug)]
struct Part {
    eni: String,
    /// Empty: any.
    peers: Vec<Prefix>,
    start_second: i64,
    end_second: i64,
}

/// One attack or change, over all its ENIs.
#[derive(Clone, Debug)]
pub struct Case {
    /// The same for all its lines.
    pub id: String,
    /// What it stands for.
    pub kind: Kind,
    /// Its family.
    pub family: String,
    /// What is special about it, by its first line.
    pub variant: String,
    /// Whether flow logs can show it.
    pub is_visible: bool,
    /// First second, Unix.
    pub start_second: i64,
    /// IP bytes sent because of it, by all its ENIs.
    pub egress_bytes: u64,
    /// Last second, Unix.
    pub end_second: i64,
    parts: Vec<Part>,
}

impl Case {
    /// Whether an incident is about it: one of its ENIs, its time, one of its peers.
    pub fn is_hit_by(&self, listed: &Listed) -> bool {
        self.parts.iter().any(|part| {
            part.eni == listed.eni
                && listed.last_second >= part.start_second - BEFORE_SECONDS
                && listed.first_second <= part.end_second + AFTER_SECONDS
                && (part.peers.is_empty()
                    || listed.peers.iter().any(|one| part.peers.iter().any(|two| overlap(*one, *two))))
        })
    }

    /// Its ENIs.
    pub fn enis(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.eni.as_str())
    }
}

/// Reads a label file, lines of one id and kind together, in order of (kind, id).
///
/// # Errors
/// Says which line is not a label.
pub fn read_labels(file: impl Read) -> Result<Vec<Case>, String> {
    let mut cases: BTreeMap<(Kind, String), Case> = BTreeMap::new();
    for (at, line) in csv::Reader::from_reader(file).into_deserialize().enumerate() {
        // The first line is the header.
        let located = |problem: String| format!("line {}: {problem}", at + 2);
        let line: Line = line.map_err(|error| located(error.to_string()))?;
        let kind = match line.kind.as_str() {
            "attack" => Kind::Attack,
            "relay_copy" => Kind::RelayCopy,
            "look_alike" => Kind::LookAlike,
            other => {
                return Err(located(format!("kind is {other:?}: attack, relay_copy or look_alike")));
            }
        };
        let peers = line.peers.split_whitespace().map(|peer| {
            peer.parse::<Prefix>().map_err(|_| located(format!("{peer:?} is no address or prefix")))
        });
        let second = |text: &str| {
            let parsed = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second);
            parsed.map_err(|_| located(format!("{text:?} is no RFC 3339 time")))
        };
        let part = Part {
            eni: line.eni,
            peers: peers.collect::<Result<_, _>>()?,
            start_second: second(&line.start)?,
            end_second: second(&line.end)?,
        };
        let case = cases.entry((kind, line.id.clone())).or_insert_with(|| Case {
            id: line.id,
            kind,
            family: line.family,
            variant: line.variant,
            is_visible: false,
            start_second: i64::MAX,
            end_second: i64::MIN,
            egress_bytes: 0,
            parts: Vec::new(),
        });
        case.is_visible |= line.visible;
        case.start_second = case.start_second.min(part.start_second);
        case.end_second = case.end_second.max(part.end_second);
        case.egress_bytes = case.egress_bytes.saturating_add(line.egress_bytes.unwrap_or(0));
        case.parts.push(part);
    }
    Ok(cases.into_values().collect())
}

fn overlap(one: Prefix, two: Prefix) -> bool {
    one.contains(two.addr()) || two.contains(one.addr())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "id,kind,family,variant,account,region,eni,peers,start,end,egress_bytes,visible,note\n";

    fn read(lines: &str) -> Result<Vec<Case>, String> {
        read_labels(format!("{HEADER}{lines}").as_bytes())
    }

    #[test]
    fn lines_of_one_id_are_one_case() {
        let cases = read(
            "split-1,attack,split,x,111111111111,r,eni-1,203.0.113.9,2026-03-01T10:00:00Z,2026-03-01T11:00:00Z,5,true,\n\
             split-1,attack,split,x,111111111111,r,eni-2,203.0.113.9,2026-03-01T09:00:00Z,2026-03-01T10:30:00Z,7,false,\n\
             deploy-1,look_alike,deploy,x,111111111111,r,eni-2,,2026-03-01T09:00:00Z,2026-03-01T10:30:00Z,,true,\n",
        )
        .unwrap();
        assert_eq!(cases.len(), 2);
        let split = &cases[0];
        assert_eq!((split.kind, split.egress_bytes, split.is_visible), (Kind::Attack, 12, true));
        assert_eq!(split.enis().collect::<Vec<_>>(), ["eni-1", "eni-2"]);
        assert_eq!((split.end_second - split.start_second), 7200);
    }

    #[test]
    fn mistakes_are_located() {
        let bad = |line: &str| read(line).unwrap_err();
        let line = |kind, peers| {
            format!("a,{kind},f,v,1,r,eni-1,{peers},2026-03-01T10:00:00Z,2026-03-01T11:00:00Z,5,true,\n")
        };
        assert!(bad(&line("theft", "")).starts_with("line 2: kind is"));
        assert!(bad(&line("attack", "203.0.113.9 nowhere")).contains("\"nowhere\" is no address"));
        assert!(bad("a,attack\n").starts_with("line 2:"));
    }
}
