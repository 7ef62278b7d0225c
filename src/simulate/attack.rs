//! Which attacks happen, to whom and when, so that none touches another on the same ENI-day.

use std::collections::BTreeSet;
use std::str::FromStr;

use rand::Rng;

use super::attack_family::Job;
use super::chance::{Chance, pick, stream};
use super::labels::{Label, LabelKind};
use super::record_writer::is_private;
use super::roles::SimRole;
use super::traffic::World;
use super::{AttackMix, Planned, SimulateOptions};

/// How data is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// 50 MB to 20 GB in 5 to 60 minutes.
    Burst,
    /// For hours at one to three times the ENI's own hourly median.
    Throttled,
    /// 10 MB to 2 GB a day for 7 to 13 days.
    Drip,
    /// Over many destinations, or over many ENIs to one destination.
    Split,
    /// Regular check-ins with a slow leak beside them.
    BeaconDrip,
    /// Ten times the usual hour to a destination in daily use.
    Familiar,
    /// ICMP, DNS, DNS over TLS, odd ports, GRE, and the resolver tunnel that nobody can see.
    Protocol,
    /// A client of a served role downloads a dump.
    PullStyle,
    /// Blocked attempts, then one that works.
    Probing,
    /// Stays under the ENI's own 95th percentile, or grows slowly.
    Mimicry,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 10] = [
        Self::Burst,
        Self::Throttled,
        Self::Drip,
        Self::Split,
        Self::BeaconDrip,
        Self::Familiar,
        Self::Protocol,
        Self::PullStyle,
        Self::Probing,
        Self::Mimicry,
    ];

    /// Name in label files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Throttled => "throttled",
            Self::Drip => "drip",
            Self::Split => "split",
            Self::BeaconDrip => "beacon-drip",
            Self::Familiar => "familiar",
            Self::Protocol => "protocol",
            Self::PullStyle => "pull-style",
            Self::Probing => "probing",
            Self::Mimicry => "mimicry",
        }
    }

    /// Days one instance may take.
    fn days(self, n: u32, rng: &mut Chance) -> u32 {
        match self {
            Self::Drip => rng.random_range(7..=13),
            Self::BeaconDrip => rng.random_range(2..=5),
            Self::Mimicry => 5 + n % 2 * 5,
            _ => 1,
        }
    }

    /// Roles it suits.
    fn roles(self) -> &'static [SimRole] {
        use SimRole::{Bastion, Ci, Database, LogShipper, Web, Worker};
        match self {
            Self::PullStyle => &[Web],
            // The others send so little to any one service that ten times it is still nothing.
            Self::Familiar => &[Worker, LogShipper, Ci],
            Self::Mimicry => &[Worker, Ci, Bastion, LogShipper],
            Self::Split | Self::Protocol => &[Web, Worker, Ci, Bastion],
            _ => &[Web, Worker, Database, Ci, LogShipper, Bastion],
        }
    }

    /// ENIs that take part in the `n`th instance.
    fn enis(self, n: u32) -> usize {
        if self == Self::Split && n % 3 == 2 { 5 } else { 1 }
    }
}

/// The text is no family name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an attack family")]
pub struct FamilyError(String);

impl FromStr for Family {
    type Err = FamilyError;

    fn from_str(text: &str) -> Result<Self, FamilyError> {
        let found = Self::ALL.into_iter().find(|family| family.as_str() == text);
        found.ok_or_else(|| FamilyError(text.to_owned()))
    }
}

impl FromStr for AttackMix {
    type Err = FamilyError;

    /// `none`, `all`, or family names separated by commas.
    fn from_str(text: &str) -> Result<Self, FamilyError> {
        match text {
            "none" => Ok(Self::None),
            "all" => Ok(Self::All),
            names => {
                names.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>().map(Self::Families)
            }
        }
    }
}

/// ENI-days already taken by an attack or a change.
pub(super) struct Schedule {
    /// Days of the run.
    days: u32,
    taken: BTreeSet<(u32, u32)>,
}

impl Schedule {
    pub(super) fn new(days: u32) -> Self {
        Self { days, taken: BTreeSet::new() }
    }

    pub(super) fn take(&mut self, eni: u32, days: std::ops::Range<u32>) {
        self.taken.extend(days.map(|day| (eni, day)));
    }

    pub(super) fn is_free(&self, eni: u32, mut days: std::ops::Range<u32>) -> bool {
        !days.any(|day| self.taken.contains(&(eni, day)))
    }

    /// Finds `count` free ENIs of one group and a first day for a job of so many days, at random.
    fn place(
        &self,
        world: &World,
        (family, count): (Family, usize),
        from_day: u32,
        days: u32,
        rng: &mut Chance,
    ) -> Option<(Vec<u32>, u32)> {
        for _ in 0..400 {
            let role = *pick(rng, family.roles());
            let first = rng.random_range(from_day..=self.days - days);
            let eni = *pick(rng, &world.fleet.of_role(role));
            let span = first..first + days;
            let free = |e: &u32| world.fleet.alive(*e, span.clone()) && self.is_free(*e, span.clone());
            let mates = world.fleet.group(eni).members.iter().copied().filter(|m| *m != eni);
            let team: Vec<u32> = std::iter::once(eni).chain(mates).filter(free).take(count).collect();
            if team.len() == count && team[0] == eni {
                return Some((team, first));
            }
        }
        None
    }
}

/// Plans every attack asked for; returns how many found no place.
pub(super) fn add(
    world: &World,
    options: &SimulateOptions,
    schedule: &mut Schedule,
    planned: &mut Planned,
) -> u32 {
    let mut unplaced = 0;
    for (serial, (n, family)) in (1..).zip(turns(options)) {
        let mut rng = stream(&[options.seed, 0xa77, family as u64, u64::from(n)]);
        let room = options.days.saturating_sub(options.attack_from_day);
        let days = family.days(n, &mut rng).min(room);
        let place = (days > 0)
            .then(|| schedule.place(world, (family, family.enis(n)), options.attack_from_day, days, &mut rng))
            .flatten();
        let Some((team, first_day)) = place else {
            unplaced += 1;
            continue;
        };
        for eni in &team {
            schedule.take(*eni, first_day..first_day + days);
        }
        let mut job = Job::new(world, rng, (n, serial), team, (first_day, days));
        job.run(family);
        record(world, options, planned, &job, &format!("{}-{}", family.as_str(), n + 1), family);
    }
    unplaced
}

/// The attacks asked for, as (instance, family), in the order in which they get a place.
fn turns(options: &SimulateOptions) -> Vec<(u32, Family)> {
    let families: &[Family] = match &options.attacks {
        AttackMix::None => &[],
        AttackMix::All => &Family::ALL,
        AttackMix::Families(families) => families,
    };
    // One of each family before the second of any, so that a small fleet has a bit of all; among
    // equals the long ones first, because they need the most room.
    let mut order: Vec<(u32, bool, Family)> = Vec::new();
    for family in families {
        let short = !matches!(family, Family::Drip | Family::Mimicry | Family::BeaconDrip);
        // Protocol has six variants, twice as many as others.
        let instances = options.attacks_per_family * if *family == Family::Protocol { 2 } else { 1 };
        order.extend((0..instances).map(|n| (n, short, *family)));
    }
    order.sort_unstable();
    order.dedup();
    order.into_iter().map(|(n, _, family)| (n, family)).collect()
}

/// Puts a job's connections into the plan and writes its labels.
fn record(
    world: &World,
    options: &SimulateOptions,
    planned: &mut Planned,
    job: &Job<'_>,
    id: &str,
    family: Family,
) {
    for eni in &job.team {
        let mine: Vec<_> = job.connections.iter().filter(|(e, _)| e == eni).map(|(_, c)| *c).collect();
        let me = &world.fleet.enis[*eni as usize];
        let (first, last) =
            (mine.iter().map(|c| c.first_second).min(), mine.iter().map(|c| c.last_second).max());
        let accepted = |c: &&super::Connection| !c.rejected;
        let mut peers: Vec<_> = mine.iter().filter(accepted).map(|c| c.peer).collect();
        peers.sort_unstable();
        peers.dedup();
        let label = Label {
            id: id.to_owned(),
            kind: LabelKind::Attack,
            family: family.as_str().to_owned(),
            variant: job.variant.clone(),
            account: me.ids.account.clone(),
            region: options.region.clone(),
            eni: me.ids.eni.clone(),
            peers: peers.iter().map(ToString::to_string).collect(),
            start_second: first.unwrap_or(job.first_second),
            end_second: last.unwrap_or(job.first_second + 3599),
            egress_bytes: Some(mine.iter().map(|c| c.egress_bytes).sum()),
            visible: !mine.is_empty(),
            note: job.note.clone(),
        };
        let relayed: u64 = mine
            .iter()
            .filter(|c| c.client && !c.rejected && !is_private(c.peer))
            .map(|c| c.egress_bytes)
            .sum();
        if let (Some(nat), true) = (me.nat, relayed > 0) {
            planned.labels.push(Label {
                kind: LabelKind::RelayCopy,
                eni: world.fleet.enis[nat as usize].ids.eni.clone(),
                egress_bytes: Some(relayed),
                note: format!("carried for {}", me.ids.eni),
                ..label.clone()
            });
        }
        planned.labels.push(label);
        for connection in mine {
            planned.push(*eni, connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for family in Family::ALL {
            assert_eq!(family.as_str().parse::<Family>().unwrap(), family);
        }
        assert!("bursts".parse::<Family>().is_err());
        let two = AttackMix::Families(vec![Family::Burst, Family::Drip]);
        assert_eq!("burst, drip".parse::<AttackMix>().unwrap(), two);
        assert_eq!("none".parse::<AttackMix>().unwrap(), AttackMix::None);
        assert!("".parse::<AttackMix>().is_err());
    }

    #[test]
    fn taken_days_are_not_free() {
        let mut schedule = Schedule::new(10);
        schedule.take(1, 3..5);
        assert!(schedule.is_free(0, 0..10) && schedule.is_free(1, 0..3) && schedule.is_free(1, 5..10));
        assert!(!schedule.is_free(1, 4..6));
    }
}
