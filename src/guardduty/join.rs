//! Which findings are about an activity that the flow logs show, why, and what that is worth.
//!
//! A finding is joined when it is about the same interface (by id, else by VPC and own address,
//! else by instance), about the same remote end when it names one, and lies within a day of the
//! activity. `GuardDuty` repeats a finding every 15 minutes to 6 hours and reports the latest end
//! only, so an exact overlap of times is not to be had.
//!
//! Worth, in bits (detection.md B.5): 12 x 2^(-gap / 24 h) when somebody knows the remote end; 8
//! when other logs speak of the same host; 4 when it was computed from the same flow logs, which
//! repeats our evidence more than it adds. The strongest finding counts; they look at one event.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::finding::{Direction, Finding, Remote};
use super::independence::Independence;
use super::set::FindingSet;
use crate::net::{Addr, Prefix};

/// Farthest in time that a finding may lie from an activity, seconds.
const GAP_SECONDS_MAX: i64 = 86_400;
/// Worth of knowledge of the remote end at no gap, bits, halved for each day of gap.
const KNOWLEDGE_BITS: f64 = 12.0;
/// Worth of other logs of the same host, bits.
const OTHER_LOGS_BITS: f64 = 8.0;
/// Worth of a finding from the same flow logs, bits.
const SAME_LOGS_BITS: f64 = 4.0;
/// Widest networks in which a remote address counts as the same destination: /24 and /48.
const NETWORK_LEN128_MIN: (u8, u8) = (120, 48);

/// One peer and service port of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Address, or prefix where the ENI-hour was rolled up.
    pub peer: Prefix,
    /// IANA protocol number.
    pub protocol: u8,
    /// Service port.
    pub port: u16,
}

/// What happened at one interface, as far as joining needs it.
#[derive(Clone, Debug)]
pub struct Activity<'a> {
    /// ENI id.
    pub eni: &'a str,
    /// VPC id, empty when not known.
    pub vpc: &'a Arc<str>,
    /// Instance id, empty when not known.
    pub instance: &'a str,
    /// Its own addresses.
    pub own: &'a [Addr],
    /// First packet, Unix seconds.
    pub first_second: i64,
    /// Last packet, Unix seconds.
    pub last_second: i64,
    /// Where it went; possibly only the largest.
    pub reached: Vec<Reached>,
    /// The destination's network, where it is one.
    pub network: Option<Prefix>,
}

/// How the interface was recognised, from the weakest to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PlaceMatch {
    /// Same instance.
    Instance,
    /// Same VPC and own address.
    Address,
    /// Same ENI.
    Eni,
}

/// How the remote end was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemoteMatch {
    /// The finding names none.
    NotNamed,
    /// It lies in the destination's network.
    Network,
    /// Same address.
    Address,
}

/// How protocol and port compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceMatch {
    /// One of both sides does not tell, or more was reached than is listed.
    NotTold,
    /// They differ; who knows an address knows it on every port.
    Differs,
    /// They are the same.
    Same,
}

/// Why a finding was joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// How the interface was recognised.
    pub place: PlaceMatch,
    /// How the remote end was recognised.
    pub remote: RemoteMatch,
    /// How protocol and port compare.
    pub service: ServiceMatch,
    /// Time between activity and finding, seconds; 0 when they overlap.
    pub gap_seconds: i64,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            PlaceMatch::Eni => "same ENI",
            PlaceMatch::Address => "same VPC and own address",
            PlaceMatch::Instance => "same instance",
        })?;
        f.write_str(match self.remote {
            RemoteMatch::Address => ", same remote address",
            RemoteMatch::Network => ", remote address in the same network",
            RemoteMatch::NotNamed => ", no remote end named",
        })?;
        f.write_str(match self.service {
            ServiceMatch::Same => ", same port",
            ServiceMatch::Differs => ", another port",
            ServiceMatch::NotTold => "",
        })?;
        match self.gap_seconds {
            0 => f.write_str(", times overlap"),
            gap => write!(f, ", {:.1} h apart", gap as f64 / 3600.0),
        }
    }
}

/// A joined finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The finding's ARN.
    pub arn: Arc<str>,
    /// Its type.
    pub kind: Arc<str>,
    /// Its severity, 0.1 to 10.
    pub severity: f64,
    /// Why it was joined.
    pub reason: Reason,
    /// What it rests on.
    pub independence: Independence,
    /// Put away by a person or a rule: shown, and worth nothing.
    pub is_archived: bool,
    /// What it is worth, bits.
    pub bits: f64,
    /// When it was first seen, Unix seconds.
    pub first_second: i64,
    /// When it was last seen, Unix seconds.
    pub last_second: i64,
}

impl Join {
    /// Whether somebody knows this very destination: enough for HIGH with little data.
    pub fn names_destination(&self) -> bool {
        self.independence == Independence::Knowledge
            && self.reason.remote > RemoteMatch::NotNamed
            && !self.is_archived
    }
}

/// What `GuardDuty` says about an activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// No findings were given: nothing can be said.
    #[default]
    NotGiven,
    /// It cannot speak of it: findings from flow logs do not cover IPv6.
    NotApplicable,
    /// It could, and does not.
    Silent,
    /// It does.
    Agrees,
}

impl Status {
    /// The word on alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotGiven => "not_given",
            Self::NotApplicable => "not_applicable",
            Self::Silent => "silent",
            Self::Agrees => "agrees",
        }
    }
}

/// Status and joined findings, the strongest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Whether it agrees.
    pub status: Status,
    /// With what.
    pub joins: Vec<Join>,
}

impl Agreement {
    /// What all findings together are worth, bits: the strongest.
    pub fn bits(&self) -> f64 {
        self.joins.iter().map(|join| join.bits).fold(0.0, f64::max)
    }

    /// What those that are independent of the flow logs are worth, bits.
    pub fn independent_bits(&self) -> f64 {
        let independent = self.joins.iter().filter(|join| join.independence.is_independent());
        independent.map(|join| join.bits).fold(0.0, f64::max)
    }

    /// Whether somebody knows this very destination.
    pub fn names_destination(&self) -> bool {
        self.joins.iter().any(Join::names_destination)
    }
}

impl FindingSet {
    /// What the findings say about `activity`: a pure function of both.
    pub fn agreement(&self, activity: &Activity<'_>) -> Agreement {
        let about = self.about(activity.eni, activity.vpc, activity.own, activity.instance);
        let mut joins: Vec<Join> =
            about.into_iter().filter_map(|(finding, place)| joined(finding, place, activity)).collect();
        joins.sort_by(|a, b| b.bits.total_cmp(&a.bits).then_with(|| a.arn.cmp(&b.arn)));
        let status = if !joins.is_empty() {
            Status::Agrees
        } else if is_all_v6(activity) {
            Status::NotApplicable
        } else {
            Status::Silent
        };
        Agreement { status, joins }
    }
}

fn is_all_v6(activity: &Activity<'_>) -> bool {
    let mut peers = activity.reached.iter().map(|r| r.peer).chain(activity.network).peekable();
    peers.peek().is_some() && peers.all(|peer| !peer.addr().is_v4())
}

fn joined(finding: &Finding, place: PlaceMatch, activity: &Activity<'_>) -> Option<Join> {
    let before = activity.first_second.saturating_sub(finding.last_second);
    let after = finding.first_second.saturating_sub(activity.last_second);
    let gap_seconds = before.max(after).max(0);
    if gap_seconds > GAP_SECONDS_MAX {
        return None;
    }
    let (remote, service) = if finding.remotes.is_empty() {
        (RemoteMatch::NotNamed, ServiceMatch::NotTold)
    } else {
        finding.remotes.iter().filter_map(|remote| met(remote, activity)).max()?
    };
    // Who computed it from ports and volumes means that port; who knows the address does not.
    if service == ServiceMatch::Differs && finding.independence == Independence::SameLogs {
        return None;
    }
    let reason = Reason { place, remote, service, gap_seconds };
    let is_archived = finding.latest.is_archived;
    Some(Join {
        arn: Arc::clone(&finding.arn),
        kind: Arc::clone(&finding.latest.kind),
        severity: finding.severity(),
        bits: if is_archived { 0.0 } else { worth(finding.independence, &reason) },
        reason,
        independence: finding.independence,
        is_archived,
        first_second: finding.first_second,
        last_second: finding.last_second,
    })
}

/// Bits of a finding that is joined for `reason`.
fn worth(independence: Independence, reason: &Reason) -> f64 {
    let decay = (-(reason.gap_seconds as f64) / GAP_SECONDS_MAX as f64).exp2();
    match independence {
        Independence::Knowledge if reason.remote > RemoteMatch::NotNamed => KNOWLEDGE_BITS * decay,
        Independence::Knowledge | Independence::OtherLogs => OTHER_LOGS_BITS,
        Independence::SameLogs => SAME_LOGS_BITS,
    }
}

impl Finding {
    /// What it is worth to whatever it fits best and overlaps, bits.
    pub fn bits(&self) -> f64 {
        match self.independence {
            Independence::Knowledge if !self.remotes.is_empty() => KNOWLEDGE_BITS,
            Independence::Knowledge | Independence::OtherLogs => OTHER_LOGS_BITS,
            Independence::SameLogs => SAME_LOGS_BITS,
        }
    }
}

/// How well a remote end fits where the activity went, `None` when it does not.
fn met(remote: &Remote, activity: &Activity<'_>) -> Option<(RemoteMatch, ServiceMatch)> {
    let is_near = |prefix: &Prefix| {
        let (v4, v6) = NETWORK_LEN128_MIN;
        let least = if prefix.addr().is_v4() { v4 } else { v6 };
        prefix.len128() >= least && prefix.contains(remote.address)
    };
    let of_reached = activity.reached.iter().filter(|reached| is_near(&reached.peer)).map(|reached| {
        let by = if reached.peer.is_host() { RemoteMatch::Address } else { RemoteMatch::Network };
        (by, service(remote, reached))
    });
    let of_network = activity.network.filter(is_near).map(|_| (RemoteMatch::Network, ServiceMatch::NotTold));
    of_reached.max().or(of_network)
}

/// Compares protocol and service port. The service port is the remote one of connections that we
/// opened and ours of those that were opened to us.
fn service(remote: &Remote, reached: &Reached) -> ServiceMatch {
    if remote.protocol.is_some_and(|protocol| protocol != reached.protocol) {
        return ServiceMatch::Differs;
    }
    let ports: Vec<u16> = match remote.direction {
        Direction::Outbound => remote.port.into_iter().collect(),
        Direction::Inbound => remote.local_port.into_iter().collect(),
        Direction::Unknown => remote.port.into_iter().chain(remote.local_port).collect(),
    };
    match (reached.port, ports.as_slice()) {
        (0, _) | (_, []) => ServiceMatch::NotTold,
        (port, known) if known.contains(&port) => ServiceMatch::Same,
        _ => ServiceMatch::Differs,
    }
}
