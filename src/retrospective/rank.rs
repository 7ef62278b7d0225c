//! The order of reading: per ENI, the destinations that stand out most first.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clues::{Answer, Clue, Ports, Question, Rest, middle, protocol, rarity, stands_out};
use super::survey::{EniSurvey, Exchange, Survey};
use crate::alert::{human_bytes, rfc3339};
use crate::baseline::counts::{BalanceCounts, producer_consumer_ratio};
use crate::baseline::destination::DestinationKey;
use crate::baseline::level::Level;
use crate::detect::{Evidence, combine};
use crate::window::{EniId, Hour};

/// Version of the JSON rendering. Fields are only added within a version.
pub const SCHEMA: &str = "outflow.retrospective.v1";
/// What a destination keeps of its score when it does not look like a transfer, or like somebody
/// else's: nothing came back over TCP (a scan or a flood: without an answer no data moves), or
/// nothing says that the ENI opened it.
const DOUBTFUL: f64 = 0.5;
/// Largest destinations whose volume is compared with all others: the rest cannot stand out.
const VOLUMES_COMPARED: usize = 24;

/// One outbound destination of one ENI in its order of reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// `outflow.retrospective.v1`.
    pub schema: String,
    /// Place among the destinations of its ENI, from 1.
    pub rank: u32,
    /// How many it is ranked among.
    pub of: u32,
    /// How far it stands out, bits: an order, no probability.
    pub score: f64,
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// ENI id.
    pub eni: String,
    /// Instance id, empty when unknown.
    pub instance: String,
    /// VPC id, empty when unknown.
    pub vpc: String,
    /// Subnet id, empty when unknown.
    pub subnet: String,
    /// The peer with most bytes: address or prefix.
    pub peer: String,
    /// The roll-up key: `aws:S3`, a prefix, or a name.
    pub destination: String,
    /// AWS service of the peers, empty when unknown.
    pub service: String,
    /// IANA protocol number with most bytes.
    pub protocol: u8,
    /// Service port with most bytes.
    pub port: u16,
    /// First packet, RFC 3339 UTC.
    pub first_seen: String,
    /// Last packet, RFC 3339 UTC.
    pub last_seen: String,
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
    /// Bytes sent above the transport layer: IP bytes less headers.
    pub app_bytes: u64,
    /// Packets sent.
    pub egress_packets: u64,
    /// Hours with traffic.
    pub hours: u32,
    /// Why it stands out, strongest first.
    pub clues: Vec<Clue>,
    /// What speaks against a transfer; empty when nothing does.
    pub doubts: Vec<String>,
    /// The largest peers behind it.
    pub peers: Vec<PeerBytes>,
    /// Peers beyond those listed, counted by hour.
    pub peers_more: u64,
    /// Hours in which the ENI could be observed.
    pub observed_hours: u32,
    /// Share of those hours that could be seen, in [0, 1].
    pub seen_share: f64,
    /// One sentence for a person.
    pub sentence: String,
}

/// One peer and port behind a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerBytes {
    /// Address or prefix.
    pub peer: String,
    /// IANA protocol number.
    pub protocol: u8,
    /// Service port.
    pub port: u16,
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// IP bytes received.
    pub ingress_bytes: u64,
}

/// What the fleet as a whole did in the period.
struct Fleet {
    enis: u64,
    /// ENIs by destination.
    users: BTreeMap<DestinationKey, u64>,
    ports: Ports,
    balance: BalanceCounts,
}

impl Survey {
    /// Ranks the destinations of every ENI: the `per_eni` first, by account, region, ENI and rank.
    pub fn rank(self, per_eni: usize) -> Vec<Ranked> {
        let enis: Vec<_> = self.enis.into_iter().map(|(id, eni)| (id, eni.split())).collect();
        let fleet = Fleet::of(enis.iter().map(|(_, (_, destinations))| destinations));
        let mut all = Vec::new();
        for (id, (eni, destinations)) in &enis {
            all.extend(rank_eni(id, eni, destinations, &fleet, per_eni));
        }
        all
    }

    /// Destination-hours that were left out because their ENI had too many destinations.
    pub fn left_out(&self) -> u64 {
        self.enis.values().map(|eni| eni.left_out).sum()
    }
}

impl Fleet {
    fn of<'a>(enis: impl Iterator<Item = &'a BTreeMap<DestinationKey, Exchange>>) -> Self {
        let mut fleet = Self {
            enis: 0,
            users: BTreeMap::new(),
            ports: Ports::default(),
            balance: BalanceCounts::default(),
        };
        for destinations in enis {
            fleet.enis += 1;
            for (key, exchange) in destinations {
                *fleet.users.entry(key.clone()).or_default() += 1;
                fleet.ports.note(exchange);
            }
            fleet.balance.merge(&balances(destinations));
        }
        fleet
    }
}

/// How much of a push the exchanges of an ENI are.
fn balances(destinations: &BTreeMap<DestinationKey, Exchange>) -> BalanceCounts {
    let mut counts = BalanceCounts::default();
    let answered = destinations.values().map(|e| &e.traffic).filter(|t| t.ingress_packets > 0);
    answered.for_each(|t| counts.add(producer_consumer_ratio(t.app_bytes, t.ingress_app_bytes)));
    counts
}

/// How far the volumes of an ENI's destinations stand out from each other.
fn volumes<'a>(destinations: &'a BTreeMap<DestinationKey, Exchange>) -> BTreeMap<&'a DestinationKey, Answer> {
    let mut sizes: Vec<(Level, &DestinationKey, u64)> = destinations
        .iter()
        .map(|(key, e)| (Level::of_bytes(e.traffic.egress_bytes), key, e.traffic.egress_bytes))
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let expected = middle(sizes.iter().map(|(_, _, bytes)| *bytes as f64));
    let answer = |(level, key, bytes): &(Level, &'a DestinationKey, u64)| {
        let others = sizes.iter().filter(|(_, other, _)| other != key).map(|(level, ..)| *level);
        let bits = stands_out(*level, others);
        let n = sizes.len() as u64 - 1;
        (*key, Answer { question: Question::Volume, bits, observed: *bytes as f64, expected, n })
    };
    sizes.iter().take(VOLUMES_COMPARED).map(answer).collect()
}

fn rank_eni(
    id: &EniId,
    eni: &EniSurvey,
    destinations: &BTreeMap<DestinationKey, Exchange>,
    fleet: &Fleet,
    per_eni: usize,
) -> Vec<Ranked> {
    let volumes = volumes(destinations);
    let mut ports = Ports::default();
    destinations.values().for_each(|exchange| ports.note(exchange));
    let hours: Vec<(Hour, u64)> = eni.hours.iter().map(|(hour, bytes)| (*hour, *bytes)).collect();
    let rest = Rest {
        hours: &hours,
        balance: &balances(destinations),
        fleet_balance: &fleet.balance,
        interval_seconds: eni.interval_seconds,
        ports: &ports,
        fleet_ports: &fleet.ports,
    };
    let mut judged: Vec<(f64, &DestinationKey, &Exchange, Vec<Answer>)> = destinations
        .iter()
        .map(|(key, exchange)| {
            let users = fleet.users.get(key).copied().unwrap_or(1);
            let answers: Vec<Answer> = [
                volumes.get(key).copied(),
                rest.hour(exchange),
                rest.balance(exchange),
                rest.beacon(exchange),
                rest.port(exchange),
                protocol(exchange),
                rarity(users, fleet.enis),
            ]
            .into_iter()
            .flatten()
            .filter(|answer| answer.bits >= 0.5)
            .collect();
            (score(&answers, exchange), key, exchange, answers)
        })
        .collect();
    judged.sort_by(|a, b| {
        let size = |e: &Exchange| e.traffic.app_bytes;
        b.0.total_cmp(&a.0).then_with(|| size(b.2).cmp(&size(a.2))).then_with(|| a.1.cmp(b.1))
    });
    let of = judged.len() as u32;
    let ranked = judged.into_iter().take(per_eni).zip(1..);
    ranked
        .map(|((score, key, exchange, answers), rank)| {
            write_up(Place { id, eni, rank, of }, key, exchange, score, answers)
        })
        .collect()
}

/// The same fusion as of alerts: the strongest family in full, the others by half, harm at most
/// two bits.
fn score(answers: &[Answer], exchange: &Exchange) -> f64 {
    let evidence: Vec<Evidence> = answers
        .iter()
        .map(|answer| Evidence {
            detector: answer.question.detector(),
            p: (-answer.bits).exp2(),
            observed: answer.observed,
            expected: answer.expected,
            n: answer.n,
        })
        .collect();
    let risk = combine(&evidence, 1.0, 1.0, exchange.traffic.app_bytes, false).risk;
    risk * doubts(exchange).iter().map(|_| DOUBTFUL).product::<f64>()
}

fn doubts(exchange: &Exchange) -> Vec<String> {
    let traffic = &exchange.traffic;
    let is_tcp = traffic.reaches.iter().all(|reach| reach.protocol == 6);
    let unanswered = is_tcp && traffic.ingress_packets == 0;
    let doubts = [
        (unanswered, "nothing came back over TCP: a scan or a flood moves no data"),
        (exchange.is_unclear, "nothing says that this interface opened it"),
    ];
    doubts.into_iter().filter(|(is, _)| *is).map(|(_, text)| text.to_owned()).collect()
}

/// Whose destination, and at which place.
#[derive(Clone, Copy)]
struct Place<'a> {
    id: &'a EniId,
    eni: &'a EniSurvey,
    rank: u32,
    of: u32,
}

fn write_up(
    place: Place<'_>,
    key: &DestinationKey,
    exchange: &Exchange,
    score: f64,
    mut answers: Vec<Answer>,
) -> Ranked {
    let Place { id, eni, rank, of } = place;
    let traffic = &exchange.traffic;
    answers.sort_by(|a, b| b.bits.total_cmp(&a.bits).then_with(|| a.question.id().cmp(b.question.id())));
    let clues: Vec<Clue> = answers.iter().map(|answer| answer.clue(exchange)).collect();
    let main = traffic.reaches.first();
    let peer = main.map(|reach| reach.peer.to_string()).unwrap_or_default();
    let text = |name: &Arc<str>| name.to_string();
    let to = if peer == key.to_string() { peer.clone() } else { format!("{peer} ({key})") };
    let why = clues.first().map_or_else(String::new, |clue| format!(": {}", clue.text));
    Ranked {
        schema: SCHEMA.into(),
        rank,
        of,
        score: (score * 1000.0).round() / 1000.0,
        account: text(&id.account),
        region: text(&id.region),
        eni: text(&id.eni),
        instance: text(&eni.instance),
        vpc: text(&eni.vpc),
        subnet: text(&eni.subnet),
        destination: key.to_string(),
        service: text(&traffic.service),
        protocol: main.map_or(0, |reach| reach.protocol),
        port: main.map_or(0, |reach| reach.port),
        first_seen: rfc3339(i64::from(traffic.first_second)),
        last_seen: rfc3339(i64::from(traffic.last_second)),
        egress_bytes: traffic.egress_bytes,
        ingress_bytes: traffic.ingress_bytes,
        app_bytes: traffic.app_bytes,
        egress_packets: traffic.egress_packets,
        hours: exchange.hours.len() as u32,
        sentence: format!(
            "{} sent {} to {to} in {} h{why}",
            id.eni,
            human_bytes(traffic.egress_bytes as f64),
            exchange.hours.len()
        ),
        peer,
        clues,
        doubts: doubts(exchange),
        peers: traffic
            .reaches
            .iter()
            .map(|reach| PeerBytes {
                peer: reach.peer.to_string(),
                protocol: reach.protocol,
                port: reach.port,
                egress_bytes: reach.egress_bytes,
                ingress_bytes: reach.ingress_bytes,
            })
            .collect(),
        peers_more: traffic.reaches_more,
        observed_hours: eni.hours.len() as u32,
        seen_share: (eni.seen_sum / eni.hours.len().max(1) as f64 * 1000.0).round() / 1000.0,
    }
}
