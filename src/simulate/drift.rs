//! Benign changes that look alarming: what a detector must not call an attack.

use std::collections::BTreeSet;

use rand::Rng;

use super::attack::Schedule;
use super::chance::{Chance, count, lognormal, pick, stream};
use super::connection::Connection;
use super::internet::{DELIVERY, FIRST_LATER, Internet, OBJECT_STORE, Org, test_range_host};
use super::labels::{Label, LabelKind};
use super::roles::SimRole;
use super::traffic::{Shift, World};
use super::{Planned, SimulateOptions};

/// Days of the tested part for each time that every kind of change happens; twice at most, and
/// once in a short run, so that room is left for attacks.
const DAYS_PER_REPEAT: u32 = 7;

/// Kinds of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Deploy,
    Onboarding,
    Backup,
    Failover,
    LogLevel,
    DeliveryMove,
    PenetrationTest,
    MonthEnd,
}

impl Change {
    const ALL: [Change; 8] = [
        Self::Deploy,
        Self::Onboarding,
        Self::Backup,
        Self::Failover,
        Self::LogLevel,
        Self::DeliveryMove,
        Self::PenetrationTest,
        Self::MonthEnd,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Onboarding => "saas-onboarding",
            Self::Backup => "backup-enablement",
            Self::Failover => "az-failover",
            Self::LogLevel => "log-level",
            Self::DeliveryMove => "cdn-rotation",
            Self::PenetrationTest => "pen-test",
            Self::MonthEnd => "month-end",
        }
    }

    /// Roles it happens to, and the days during which attacks keep away from it.
    fn suits(self) -> (&'static [SimRole], u32) {
        use SimRole::{Bastion, Ci, Database, LogShipper, Web, Worker};
        match self {
            Self::Onboarding => (&[Worker], 2),
            Self::Backup => (&[Worker, Database], 2),
            Self::Deploy | Self::Failover => (&[Web, Worker], 1),
            Self::LogLevel => (&[LogShipper], 3),
            Self::DeliveryMove => (&[Ci], 1),
            Self::PenetrationTest => (&[Bastion], 1),
            Self::MonthEnd => (&[Worker], 1),
        }
    }
}

/// Adds every kind of change to the world and the plan, with its labels.
pub(super) fn add(
    world: &mut World,
    options: &SimulateOptions,
    schedule: &mut Schedule,
    planned: &mut Planned,
) {
    // Without a tested part the whole run but its first day can change.
    let from = if options.attack_from_day < options.days { options.attack_from_day } else { 1 };
    let repeats = ((options.days.saturating_sub(from)) / DAYS_PER_REPEAT).clamp(1, 2);
    for repeat in 0..repeats {
        for (n, change) in Change::ALL.into_iter().enumerate() {
            let mut rng = stream(&[options.seed, 0xd21f, n as u64, u64::from(repeat)]);
            let (roles, days) = change.suits();
            if from + days > options.days {
                continue;
            }
            let first_day = rng.random_range(from..=options.days - days);
            let groups: Vec<usize> = (0..world.fleet.groups.len())
                .filter(|g| roles.contains(&world.fleet.groups[*g].role))
                .collect();
            let group = *pick(&mut rng, &groups);
            let last_day = first_day + days;
            let mut members = world.fleet.groups[group].members.clone();
            members.retain(|m| {
                world.fleet.alive(*m, first_day..last_day) && schedule.is_free(*m, first_day..last_day)
            });
            if change == Change::PenetrationTest {
                members.truncate(1);
            }
            if members.is_empty() {
                continue;
            }
            for member in &members {
                schedule.take(*member, first_day..last_day);
            }
            let org = FIRST_LATER + (repeat * Change::ALL.len() as u32) as Org + n as Org;
            let mut event = Event { world, planned, rng, members, first_day, days: options.days, org };
            let outcome = event.happen(change);
            let members = std::mem::take(&mut event.members);
            label(world, options, planned, (change, repeat), &members, &outcome);
        }
    }
}

/// What a change did, for its labels.
struct Outcome {
    hours: (u32, u32),
    peers: Vec<String>,
    note: &'static str,
    /// Bytes sent by each member, in their order; `None` when other traffic was scaled.
    bytes: Option<Vec<u64>>,
}

struct Event<'a> {
    world: &'a mut World,
    planned: &'a mut Planned,
    rng: Chance,
    members: Vec<u32>,
    first_day: u32,
    /// Days of the run.
    days: u32,
    /// An organisation nobody has used before.
    org: Org,
}

impl Event<'_> {
    fn happen(&mut self, change: Change) -> Outcome {
        let day = self.first_day * 24;
        let office = day + self.rng.random_range(9..16);
        let end = self.days * 24;
        match change {
            Change::Deploy => self.deploy(office),
            Change::Onboarding => self.onboarding(office, end),
            Change::Backup => self.backup(end),
            Change::Failover => {
                let half = self.members.len() / 2;
                let (down, up) = (self.members[..half].to_vec(), self.members[half..].to_vec());
                let hours = (office, (office + 6).min(end));
                self.shift(down, hours, 0.1, 1.0);
                self.shift(up, hours, 2.0, 1.0);
                self.scaled(hours, "half of the group takes over the load of the other half")
            }
            Change::LogLevel => {
                let hours = (office, (office + 72).min(end));
                self.shift(self.members.clone(), hours, 1.0, 4.0);
                self.scaled(hours, "four times the volume to the known vendor")
            }
            Change::DeliveryMove => {
                let moved = *pick(&mut self.rng, &DELIVERY);
                self.world.internet.moves.push((moved, office));
                let peers = vec![Internet::network(moved).to_string()];
                Outcome { peers, ..self.scaled((office, (office + 24).min(end)), "new /24s in the same /16") }
            }
            Change::PenetrationTest => self.penetration_test(office),
            Change::MonthEnd => {
                let hours = (day, day + 24);
                self.shift(self.members.clone(), hours, 5.0, 1.0);
                self.scaled(hours, "five times the usual jobs for a day")
            }
        }
    }

    fn shift(&mut self, members: Vec<u32>, hours: (u32, u32), rate: f64, bytes: f64) {
        self.world.shifts.push(Shift { members, hours, rate, bytes });
    }

    /// What to tell about a change that scales what the group does anyway.
    fn scaled(&self, hours: (u32, u32), note: &'static str) -> Outcome {
        let habits = &self.world.fleet.group(self.members[0]).habits;
        let networks: BTreeSet<_> = habits.iter().map(|habit| Internet::network(habit.org)).collect();
        let peers = networks.iter().map(ToString::to_string).collect();
        Outcome { hours, peers, note, bytes: None }
    }

    /// Connections of one member to one organisation; returns the bytes it sends.
    fn call(&mut self, member: u32, org: Org, at: i64, seconds: i64, (sent, received): (f64, f64)) -> u64 {
        let hour = ((at - self.world.start_second) / 3600) as u32;
        let peer = self.world.internet.address(org, hour, false, &mut self.rng);
        let ends = self.world.opens(member, peer, 443, &mut self.rng);
        let connection = Connection::tcp(ends, at, seconds, sent as u64, received as u64);
        self.planned.push(member, connection);
        connection.egress_bytes
    }

    fn deploy(&mut self, hour: u32) -> Outcome {
        let start = self.world.second(hour);
        let mut bytes = Vec::new();
        for member in self.members.clone() {
            let mut sum = 0;
            for _ in 0..20 {
                let at = start + self.rng.random_range(0..3000);
                let received = lognormal(&mut self.rng, 4e7, 0.7);
                sum += self.call(member, self.org, at, 30, (6_000.0, received));
            }
            bytes.push(sum);
        }
        let peers = vec![Internet::network(self.org).to_string()];
        let note = "the whole group pulls images from a new registry";
        Outcome { hours: (hour, hour + 1), peers, note, bytes: Some(bytes) }
    }

    fn onboarding(&mut self, from: u32, end: u32) -> Outcome {
        let mut bytes = Vec::new();
        for member in self.members.clone() {
            let mut sum = 0;
            for hour in from..end.min(self.world.fleet.enis[member as usize].alive_hours.1) {
                for _ in 0..count(&mut self.rng, 8.0 * self.world.density) {
                    let at = self.world.second(hour) + self.rng.random_range(0..3600);
                    let sent = lognormal(&mut self.rng, 15_000.0, 1.1);
                    sum += self.call(member, self.org, at, 4, (sent, 9_000.0));
                }
            }
            bytes.push(sum);
        }
        let peers = vec![Internet::network(self.org).to_string()];
        let note = "the whole group starts to use a new service and keeps using it";
        Outcome { hours: (from, end), peers, note, bytes: Some(bytes) }
    }

    fn backup(&mut self, end: u32) -> Outcome {
        let mut bytes = Vec::new();
        for member in self.members.clone() {
            let nightly = lognormal(&mut self.rng, 3e9, 0.4);
            let mut sum = 0;
            for day in self.first_day..end / 24 {
                if !self.world.fleet.alive(member, day..day + 1) {
                    continue;
                }
                let at = self.world.second(day * 24 + 3) + self.rng.random_range(0..600);
                for _ in 0..3 {
                    let part = nightly / 3.0 * self.rng.random_range(0.9..1.1);
                    sum += self.call(member, OBJECT_STORE, at, 1500, (part, 50_000.0));
                }
            }
            bytes.push(sum);
        }
        let peers = vec![Internet::network(OBJECT_STORE).to_string()];
        let note = "nightly backups to object storage start and stay";
        Outcome { hours: (self.first_day * 24 + 3, end), peers, note, bytes: Some(bytes) }
    }

    fn penetration_test(&mut self, hour: u32) -> Outcome {
        let (start, member) = (self.world.second(hour), self.members[0]);
        let mut sum = 0;
        for host in 1..=254_u8 {
            for port in [22, 80, 443, 445, 3389, 8080] {
                let at = start + self.rng.random_range(0..7000);
                let ends = self.world.opens(member, test_range_host(host), port, &mut self.rng);
                let open = self.rng.random_bool(0.15);
                let probe = if open {
                    Connection::tcp(ends, at, 1, 300, 900)
                } else {
                    Connection::rejected(ends, at, 1)
                };
                sum += probe.egress_bytes;
                self.planned.push(member, probe);
            }
        }
        let peers = vec!["203.0.113.0/24".to_owned()];
        let note = "declared window and target range";
        Outcome { hours: (hour, hour + 2), peers, note, bytes: Some(vec![sum]) }
    }
}

fn label(
    world: &World,
    options: &SimulateOptions,
    planned: &mut Planned,
    (change, repeat): (Change, u32),
    members: &[u32],
    outcome: &Outcome,
) {
    for (n, member) in members.iter().enumerate() {
        let ids = &world.fleet.enis[*member as usize].ids;
        planned.labels.push(Label {
            id: format!("{}-{}", change.as_str(), repeat + 1),
            kind: LabelKind::LookAlike,
            family: change.as_str().to_owned(),
            variant: String::new(),
            account: ids.account.clone(),
            region: options.region.clone(),
            eni: ids.eni.clone(),
            peers: outcome.peers.clone(),
            start_second: world.second(outcome.hours.0),
            end_second: world.second(outcome.hours.1) - 1,
            egress_bytes: outcome.bytes.as_ref().and_then(|bytes| bytes.get(n).copied()),
            visible: true,
            note: outcome.note.to_owned(),
        });
    }
}
