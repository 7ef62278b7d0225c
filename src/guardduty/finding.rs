//! One finding, whatever rendering it came in, and how two renderings of it become one.
//!
//! `GuardDuty` emits the same finding again with a higher count and a later time, and puts the
//! latest remote end over the earlier one. So scalars follow the newest rendering, and ends are
//! kept as the union of all that were seen.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::independence::Independence;
use crate::limits::FINDING_ENDS_MAX;
use crate::net::Addr;

/// Who opened the connection, seen from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Ours did.
    Outbound,
    /// The remote end did.
    Inbound,
    /// It is not told.
    Unknown,
}

impl Direction {
    /// The word in data sets, as `GuardDuty` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "OUTBOUND",
            Self::Inbound => "INBOUND",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A remote end, with what was said together with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Remote {
    /// Its address.
    pub address: Addr,
    /// Its port, when told.
    pub port: Option<u16>,
    /// Our port, when told.
    pub local_port: Option<u16>,
    /// IANA protocol number, when told.
    pub protocol: Option<u8>,
    /// Who opened the connection.
    pub direction: Direction,
}

/// A network interface that a finding names. Texts are empty when not told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Interface {
    /// ENI id.
    pub eni: Arc<str>,
    /// VPC id.
    pub vpc: Arc<str>,
    /// Subnet id.
    pub subnet: Arc<str>,
    /// Its private and IPv6 addresses.
    pub addresses: BTreeSet<Addr>,
}

/// What only the newest rendering tells. The order of fields is the order of precedence: of two
/// renderings the larger one counts, whoever came first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Latest {
    /// `updatedAt`, Unix seconds.
    pub updated_second: i64,
    /// How often it was seen.
    pub count: u64,
    /// Severity x 100: 870 is 8.7.
    pub severity_hundredths: u32,
    /// Put away by a person or a suppression rule.
    pub is_archived: bool,
    /// Finding id.
    pub id: Arc<str>,
    /// The account it is about.
    pub account: Arc<str>,
    /// Region.
    pub region: Arc<str>,
    /// Type, e.g. `Backdoor:EC2/C&CActivity.B`.
    pub kind: Arc<str>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Identity: its ARN, or (account, region, id) where there is none.
    pub arn: Arc<str>,
    /// What the newest rendering tells.
    pub latest: Latest,
    /// Interfaces named; those of a host with several are all listed.
    pub interfaces: BTreeSet<Interface>,
    /// The interfaces that the packets were seen at, where that is told.
    pub local_enis: BTreeSet<Arc<str>>,
    /// Instances named.
    pub instances: BTreeSet<Arc<str>>,
    /// Remote ends seen so far. Empty for findings from DNS, API calls and processes.
    pub remotes: BTreeSet<Remote>,
    /// Earliest `eventFirstSeen`, Unix seconds.
    pub first_second: i64,
    /// Latest `eventLastSeen`, Unix seconds.
    pub last_second: i64,
    /// What it rests on.
    pub independence: Independence,
    /// Made by "generate sample findings": about nothing that happened.
    pub is_sample: bool,
}

impl Finding {
    /// Takes in another rendering of the same finding. Commutative, associative, idempotent.
    pub fn merge(&mut self, other: Self) {
        if other.latest > self.latest {
            self.latest = other.latest;
        }
        union(&mut self.interfaces, other.interfaces);
        union(&mut self.local_enis, other.local_enis);
        union(&mut self.instances, other.instances);
        union(&mut self.remotes, other.remotes);
        self.first_second = self.first_second.min(other.first_second);
        self.last_second = self.last_second.max(other.last_second);
        self.independence = self.independence.max(other.independence);
        self.is_sample |= other.is_sample;
    }

    /// Severity, 0.1 to 10.
    pub fn severity(&self) -> f64 {
        f64::from(self.latest.severity_hundredths) / 100.0
    }

    /// The interfaces it is about: where the packets were seen, else all of the host.
    pub fn enis(&self) -> impl Iterator<Item = &Arc<str>> {
        let named = self.interfaces.iter().map(|i| &i.eni).filter(|eni| !eni.is_empty());
        let named = named.filter(|_| self.local_enis.is_empty());
        self.local_enis.iter().chain(named)
    }

    /// VPCs and own addresses, where both are told.
    pub fn own(&self) -> impl Iterator<Item = (&Arc<str>, Addr)> {
        let placed = self.interfaces.iter().filter(|i| !i.vpc.is_empty());
        placed.flat_map(|i| i.addresses.iter().map(move |address| (&i.vpc, *address)))
    }

    /// Whether it names a host or an interface that flow logs can show.
    pub fn has_place(&self) -> bool {
        self.enis().next().is_some() || self.own().next().is_some() || !self.instances.is_empty()
    }
}

/// The union, cut to its smallest: the result depends on the set alone.
fn union<T: Ord>(set: &mut BTreeSet<T>, other: BTreeSet<T>) {
    set.extend(other);
    while set.len() > FINDING_ENDS_MAX {
        set.pop_last();
    }
}
