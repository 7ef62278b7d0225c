//! Suppressions: promises, by a named person and for a limited time, that some traffic is known. They
//! are applied after scoring and hide an incident, never its evidence: it is written with the id of what
//! hid it.
//!
//! - The cap holds for a day and for everything a suppression is about on it: forty destinations in one
//!   prefix, or fifty ENIs of one group, share it. Above it all of them are told.
//! - Event time decides whether one is in force, so that a scan of last month says what `watch` said.
//! - What baselines learn and what is quarantined does not depend on them. The budget's threshold does:
//!   what is hidden is not read, so its risk takes no place among those of the past. Left in, a single
//!   noisy job that is hidden every day would raise the threshold above what should be read.
//! - Knowledge from outside (GuardDuty's findings that do not come from the same logs) is told
//!   nevertheless: whoever granted the suppression did not have it.

mod file;

use std::sync::Arc;

use super::incident::{Incident, Incidents, Kept};
use super::unit::Subject;
use crate::baseline::destination::DestinationKey;
use crate::net::Prefix;
use crate::window::Day;
pub use file::{FileProblem, entry, id_of, parse_day, read};

/// Whose traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One ENI.
    Eni(String),
    /// A peer group, as on alerts.
    Group(String),
}

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covered {
    /// Everything in a prefix.
    Network(Prefix),
    /// A destination key that is no prefix: `aws:S3`, `name:backup-partner`.
    Key(String),
}

/// One suppression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Unique in its file.
    pub id: String,
    /// Whose traffic.
    pub scope: Scope,
    /// Only in this account, when set.
    pub account: Option<String>,
    /// Where to.
    pub destination: Covered,
    /// Only on this service port, when set.
    pub port: Option<u16>,
    /// Most IP bytes a day, all that it is about together.
    pub max_bytes_per_day: u64,
    /// Who answers for it.
    pub owner: String,
    /// Where it was granted.
    pub ticket: String,
    /// Why.
    pub reason: String,
    /// First day of event time on which it holds.
    pub from: Day,
    /// First day on which it holds no more.
    pub expires: Day,
}

/// What a suppression did to an incident that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It hides it.
    Hidden,
    /// More was sent than it covers.
    OverCap,
    /// It held until before.
    Expired,
    /// GuardDuty knows something independent.
    IndependentFinding,
}

/// One match of a suppression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Which.
    pub suppression: Arc<Suppression>,
    /// What came of it.
    pub verdict: Verdict,
    /// IP bytes of the day that it is about.
    pub day_bytes: u64,
}

/// What suppressions look at of an incident or of a stored alert.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// Account id.
    pub account: &'a str,
    /// ENI id.
    pub eni: &'a str,
    /// Peer group of the ENI.
    pub group: &'a str,
    /// Day of event time.
    pub day: Day,
    /// The destination key, as on alerts.
    pub key: String,
    /// The network that it is, when it is one.
    pub network: Option<Prefix>,
    /// Peers and service ports behind it.
    pub reaches: Vec<(Prefix, u16)>,
    /// Whether there are more than those listed.
    pub has_more_reaches: bool,
    /// IP bytes sent.
    pub egress_bytes: u64,
    /// Whether GuardDuty knows something that is not from the same flow logs.
    pub has_independent_finding: bool,
}

/// The suppressions of a file.
#[derive(Clone, Debug, Default)]
pub struct Suppressions {
    list: Vec<Arc<Suppression>>,
    /// Tests ask what would be hidden if each held on every day.
    holds_always: bool,
}

impl Suppressions {
    /// Those of a file.
    pub fn new(list: Vec<Suppression>) -> Self {
        Self { list: list.into_iter().map(Arc::new).collect(), holds_always: false }
    }

    /// The same, each in force on every day.
    #[must_use]
    pub fn holding_always(self) -> Self {
        Self { holds_always: true, ..self }
    }

    /// Each of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Suppression> {
        self.list.iter().map(|suppression| &**suppression)
    }

    /// What they are to all incidents of one day, in the order given. The cap looks at all of the day
    /// together, so this is a function of the set.
    pub fn judge(&self, targets: &[Target<'_>]) -> Vec<Vec<Matched>> {
        let mut matched: Vec<Vec<Matched>> = vec![Vec::new(); targets.len()];
        for suppression in &self.list {
            let about: Vec<usize> = (0..targets.len())
                .filter(|at| {
                    let target = &targets[*at];
                    suppression.covers(target) && (self.holds_always || target.day >= suppression.from)
                })
                .collect();
            let day_bytes = about.iter().fold(0_u64, |sum, at| sum.saturating_add(targets[*at].egress_bytes));
            for at in about {
                let target = &targets[at];
                let verdict = if !self.holds_always && target.day >= suppression.expires {
                    Verdict::Expired
                } else if target.has_independent_finding {
                    Verdict::IndependentFinding
                } else if day_bytes > suppression.max_bytes_per_day {
                    Verdict::OverCap
                } else {
                    Verdict::Hidden
                };
                matched[at].push(Matched { suppression: Arc::clone(suppression), verdict, day_bytes });
            }
        }
        matched
    }
}

/// Whether one of them hides it.
pub fn is_hidden(matched: &[Matched]) -> bool {
    matched.iter().any(|m| m.verdict == Verdict::Hidden)
}

impl Suppression {
    /// Whether it is about the target, its time apart.
    fn covers(&self, target: &Target<'_>) -> bool {
        let whose = match &self.scope {
            Scope::Eni(eni) => eni == target.eni,
            Scope::Group(group) => group == target.group,
        };
        let reaches_all = |holds: &dyn Fn(&(Prefix, u16)) -> bool| {
            !target.has_more_reaches && !target.reaches.is_empty() && target.reaches.iter().all(holds)
        };
        let inside =
            |outer: Prefix, inner: Prefix| outer.len128() <= inner.len128() && outer.contains(inner.addr());
        let whereto = match &self.destination {
            Covered::Key(key) => *key == target.key,
            Covered::Network(prefix) => {
                target.network.is_some_and(|network| inside(*prefix, network))
                    || reaches_all(&|(peer, _)| inside(*prefix, *peer))
            }
        };
        whose
            && whereto
            && self.account.as_ref().is_none_or(|account| account == target.account)
            && self.port.is_none_or(|port| reaches_all(&|(_, used)| *used == port))
    }
}

impl<'a> Target<'a> {
    /// Of an incident as it stands.
    fn of_incident(incident: &'a Incident) -> Self {
        let network = match &incident.subject {
            Subject::Destination(DestinationKey::Network(prefix)) | Subject::Served(prefix) => Some(*prefix),
            Subject::Destination(_) | Subject::Spread => None,
        };
        let traffic = &incident.traffic;
        Self {
            account: &incident.eni.account,
            eni: &incident.eni.eni,
            group: &incident.place.group,
            day: incident.first_hour.day(),
            key: incident.subject.to_string(),
            network,
            reaches: traffic.reaches.iter().map(|reach| (reach.peer, reach.port)).collect(),
            has_more_reaches: traffic.reaches_more > 0,
            egress_bytes: traffic.egress_bytes,
            has_independent_finding: incident.independent_findings().next().is_some(),
        }
    }
}

impl Incidents {
    /// The same under these suppressions.
    #[must_use]
    pub fn under(mut self, suppressions: Suppressions) -> Self {
        self.suppressions = suppressions;
        self
    }

    /// Notes which suppressions are about each open incident, before they are decided.
    pub(super) fn mark_suppressed(&mut self) {
        if self.suppressions.list.is_empty() {
            return;
        }
        let targets: Vec<Target<'_>> = self.open.values().map(Target::of_incident).collect();
        let matched = self.suppressions.judge(&targets);
        for (incident, matched) in self.open.values_mut().zip(matched) {
            incident.suppressions = matched;
        }
    }
}

impl Incident {
    /// Whether a suppression hides it.
    pub fn is_suppressed(&self) -> bool {
        is_hidden(&self.suppressions)
    }

    /// Whether it was hidden and is no more: others of its day went over the cap they share.
    pub(super) fn has_lost_cover(&self) -> bool {
        self.kept == Kept::Suppressed && !self.is_suppressed()
    }
}

#[cfg(test)]
mod tests;
