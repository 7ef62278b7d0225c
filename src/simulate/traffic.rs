//! Benign connections of one ENI in one hour.

use rand::Rng;

use super::SimulateOptions;
use super::chance::{Chance, count, lognormal, mix, pick, stream};
use super::connection::{Connection, Ends, UDP};
use super::fleet::Fleet;
use super::internet::{Internet, OBJECT_STORE, Org, client_host, crawled_host, rare_host, stranger_in};
use super::record_writer::is_private;
use super::roles::{Habit, SimRole};
use crate::net::Addr;

/// Longest benign connection, seconds.
const DURATION_SECONDS_MAX: f64 = 3.0 * 3600.0;
/// Largest benign transfer of one connection, bytes.
const TRANSFER_BYTES_MAX: f64 = 20e9;

/// A change of how much some ENIs do.
#[derive(Clone, Debug)]
pub(super) struct Shift {
    /// Indices, sorted.
    pub members: Vec<u32>,
    /// Hours of the run, end exclusive.
    pub hours: (u32, u32),
    /// Factor on the number of connections.
    pub rate: f64,
    /// Factor on the bytes sent.
    pub bytes: f64,
}

/// Everything that benign traffic depends on.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub seed: u64,
    pub start_second: i64,
    /// Day of the week on which the run starts, Monday is 0.
    pub start_weekday: u32,
    pub density: f64,
    pub fleet: Fleet,
    pub internet: Internet,
    pub shifts: Vec<Shift>,
}

impl World {
    pub(super) fn new(options: &SimulateOptions, start_second: i64) -> Self {
        Self {
            seed: options.seed,
            start_second,
            start_weekday: options.start.weekday().to_monday_zero_offset() as u32,
            density: options.density,
            fleet: Fleet::new(options),
            internet: Internet { seed: options.seed, moves: Vec::new() },
            shifts: Vec::new(),
        }
    }

    /// Unix second at which an hour of the run starts.
    pub(super) fn second(&self, hour: u32) -> i64 {
        self.start_second + i64::from(hour) * 3600
    }

    /// Ends of a connection that an ENI opens.
    pub(super) fn opens(&self, eni: u32, peer: Addr, peer_port: u16, rng: &mut Chance) -> Ends {
        let me = &self.fleet.enis[eni as usize];
        let local = if peer.is_v4() { me.address } else { me.v6.unwrap_or(me.address) };
        Ends { local, peer, local_port: ephemeral(rng), peer_port, client: true }
    }

    /// What an ENI usually sends to the internet on its own account, bytes by hour, sorted, over
    /// the week before `hour` (or as much of it as there is).
    pub(super) fn usual_hours(&self, eni: u32, hour: u32) -> Vec<u64> {
        let week = hour.saturating_sub(7 * 24)..hour.max(1);
        let sent = |hour| {
            let external = |c: &Connection| c.client && !c.rejected && !is_private(c.peer);
            let all = self.connections(eni, hour);
            all.iter().filter(|(at, c)| *at == eni && external(c)).map(|(_, c)| c.egress_bytes).sum()
        };
        let mut hours: Vec<u64> = week.map(sent).collect();
        hours.sort_unstable();
        hours
    }

    /// Benign connections that start in this hour, each with the ENI it is recorded at: the ENI
    /// itself, or the other end of an internal one.
    pub(super) fn connections(&self, eni: u32, hour: u32) -> Vec<(u32, Connection)> {
        let me = &self.fleet.enis[eni as usize];
        if !(me.alive_hours.0..me.alive_hours.1).contains(&hour) {
            return Vec::new();
        }
        let mut draw = Draw::new(self, eni, hour);
        for habit in &self.fleet.group(eni).habits {
            draw.habit(habit);
        }
        draw.served();
        draw.internal();
        draw.new_destinations();
        draw.scanners();
        draw.out
    }
}

/// One ENI-hour while it is drawn.
struct Draw<'a> {
    world: &'a World,
    eni: u32,
    hour: u32,
    role: SimRole,
    rng: Chance,
    /// Connections relative to the group's average hour.
    activity: f64,
    rate: f64,
    bytes: f64,
    out: Vec<(u32, Connection)>,
}

impl<'a> Draw<'a> {
    fn new(world: &'a World, eni: u32, hour: u32) -> Self {
        let role = world.fleet.role(eni);
        let (mut rate, mut bytes) = (world.fleet.enis[eni as usize].scale * world.density, 1.0);
        for shift in &world.shifts {
            if (shift.hours.0..shift.hours.1).contains(&hour) && shift.members.binary_search(&eni).is_ok() {
                rate *= shift.rate;
                bytes *= shift.bytes;
            }
        }
        let mut rng = stream(&[world.seed, 0x7af, u64::from(eni), u64::from(hour)]);
        let weekday = (world.start_weekday + hour / 24) % 7;
        let activity = role.activity(weekday, hour % 24) * lognormal(&mut rng, 1.0, 0.2);
        Self { world, eni, hour, role, rng, activity, rate, bytes, out: Vec::with_capacity(256) }
    }

    fn start(&mut self) -> i64 {
        self.world.second(self.hour) + self.rng.random_range(0..3600)
    }

    /// Ends of a connection that this ENI opens.
    fn opened(&mut self, peer: Addr, peer_port: u16) -> Ends {
        self.world.opens(self.eni, peer, peer_port, &mut self.rng)
    }

    fn wants_v6(&mut self) -> bool {
        self.world.fleet.enis[self.eni as usize].v6.is_some() && self.rng.random_bool(0.3)
    }

    fn size(&mut self, (median, sigma): (f64, f64)) -> u64 {
        lognormal(&mut self.rng, median, sigma).min(TRANSFER_BYTES_MAX) as u64
    }

    fn habit(&mut self, habit: &Habit) {
        let mean = match habit.at_hour {
            Some(at) if at == self.hour % 24 => habit.per_hour,
            Some(_) => return,
            None if habit.steady => habit.per_hour * self.rate,
            None => habit.per_hour * self.rate * self.activity,
        };
        // A job that must run every night runs every night, whatever the density.
        let calls = if habit.at_hour.is_some() { mean as u32 } else { count(&mut self.rng, mean) };
        for _ in 0..calls {
            let v6 = habit.org != OBJECT_STORE && self.wants_v6();
            let peer = self.world.internet.address(habit.org, self.hour, v6, &mut self.rng);
            let ends = self.opened(peer, habit.port);
            let start = self.start();
            if habit.protocol == UDP {
                self.push(Connection::packets(ends, UDP, (start, 1), (1, 76), (1, 76)));
                continue;
            }
            let sent = (self.size(habit.sent) as f64 * self.bytes) as u64;
            let received = self.size(habit.received);
            let seconds = lognormal(&mut self.rng, habit.seconds, 0.8).clamp(1.0, DURATION_SECONDS_MAX);
            self.push(Connection::tcp(ends, start, seconds as i64, sent, received));
        }
    }

    /// Clients from outside, and the load balancer's health checks.
    fn served(&mut self) {
        let (clients, port, sent, received, seconds) = match self.role {
            SimRole::Web => (60.0, 443, (14_000.0, 1.4), (1_500.0, 0.8), 5.0),
            SimRole::Bastion => (2.0, 22, (60_000.0, 1.2), (30_000.0, 1.2), 900.0),
            _ => return,
        };
        let group = mix(&[self.world.seed, self.world.fleet.enis[self.eni as usize].group as u64]);
        for _ in 0..count(&mut self.rng, clients * self.rate * self.activity) {
            let v6 = self.wants_v6();
            // Few people administer: their addresses come back.
            let peer = if self.role == SimRole::Bastion {
                client_host(&mut stream(&[group, self.rng.random_range(0..6)]), false, group)
            } else {
                client_host(&mut self.rng, v6, group)
            };
            let ends = self.answered(peer, port);
            let start = self.start();
            let (sent, received) = (self.size(sent), self.size(received));
            let seconds = lognormal(&mut self.rng, seconds, 0.9).clamp(1.0, DURATION_SECONDS_MAX);
            self.push(Connection::tcp(ends, start, seconds as i64, sent, received));
        }
        if self.role == SimRole::Web {
            let me = &self.world.fleet.enis[self.eni as usize];
            let balancer = Addr::from_v4(me.address.bits() as u32 & !0xff | 4);
            let phase = i64::from(self.eni % 60);
            for minute in 0..60 {
                let start = self.world.second(self.hour) + minute * 60 + phase;
                let ends = self.answered(balancer, 8080);
                self.push(Connection::tcp(ends, start, 1, 180, 120));
            }
        }
    }

    fn answered(&mut self, peer: Addr, local_port: u16) -> Ends {
        let peer_port = ephemeral(&mut self.rng);
        let opened = self.opened(peer, peer_port);
        Ends { local_port, client: false, ..opened }
    }

    /// Calls inside the VPC, recorded at both ends.
    fn internal(&mut self) {
        let Some(callee) = self.world.fleet.group(self.eni).calls else { return };
        let fleet = &self.world.fleet;
        let alive: Vec<u32> = fleet.groups[callee]
            .members
            .iter()
            .copied()
            .filter(|m| {
                let (from, to) = fleet.enis[*m as usize].alive_hours;
                (from..to).contains(&self.hour)
            })
            .collect();
        if alive.is_empty() {
            return;
        }
        let (calls, port) = if self.role == SimRole::Web { (20.0, 8443) } else { (30.0, 5432) };
        for _ in 0..count(&mut self.rng, calls * self.rate * self.activity) {
            let target = *pick(&mut self.rng, &alive);
            let ends = self.opened(fleet.enis[target as usize].address, port);
            let start = self.start();
            let (sent, received) = (self.size((3_000.0, 1.0)), self.size((25_000.0, 1.5)));
            let seconds = self.size((3.0, 1.0)).clamp(1, 3000);
            let call = Connection::tcp(ends, start, seconds as i64, sent, received);
            self.out.push((self.eni, call));
            self.out.push((target, call.mirrored()));
        }
    }

    /// Destinations outside the habits: mostly tiny, seldom large, often in a known network.
    fn new_destinations(&mut self) {
        let crawler = self.role == SimRole::Crawler;
        let activity = if crawler { 1.0 } else { self.activity };
        // Rates of the rare ones do not follow density: a thin log has as many new destinations.
        let scale = if crawler { self.rate } else { 1.0 };
        let visits = count(&mut self.rng, self.role.new_destinations_per_hour() * activity * scale);
        for _ in 0..visits {
            let v6 = self.wants_v6();
            let habits = &self.world.fleet.group(self.eni).habits;
            let peer = if crawler {
                crawled_host(&mut self.rng, v6)
            } else if !habits.is_empty() && self.rng.random_bool(0.5) {
                let orgs: Vec<Org> = habits.iter().map(|habit| habit.org).collect();
                stranger_in(*pick(&mut self.rng, &orgs), &mut self.rng)
            } else {
                rare_host(&mut self.rng, v6)
            };
            let large = !crawler && self.rng.random_bool(0.02);
            let sent = self.size(match (crawler, large) {
                (true, _) => (900.0, 0.6),
                (false, false) => (4_000.0, 1.6),
                (false, true) => (1_500_000.0, 1.6),
            });
            let received = self.size((40_000.0, 1.4));
            let ends = self.opened(peer, 443);
            let start = self.start();
            let seconds = 1 + self.size((4.0, 1.0)).min(600) + sent / 2_000_000;
            self.push(Connection::tcp(ends, start, seconds as i64, sent, received));
        }
    }

    /// Background noise of the internet: blocked probes, and some that get an answer.
    fn scanners(&mut self) {
        if !self.role.is_public() {
            return;
        }
        for _ in 0..count(&mut self.rng, 8.0 * self.world.density) {
            let peer = client_host(&mut self.rng, false, 0);
            let port = *pick(&mut self.rng, &[22, 23, 80, 445, 1433, 3306, 3389, 5900, 6379, 8080, 9200]);
            let open = if self.role == SimRole::Web { 443 } else { 22 };
            let start = self.start();
            if self.rng.random_bool(0.1) && self.role != SimRole::Crawler {
                let ends = self.answered(peer, open);
                self.push(Connection::tcp(ends, start, 1, 300, 200));
            } else {
                let ends = self.answered(peer, port);
                self.push(Connection::rejected(ends, start, 1));
            }
        }
    }

    fn push(&mut self, connection: Connection) {
        self.out.push((self.eni, connection));
    }
}

/// A client port of Linux's default range.
pub(super) fn ephemeral(rng: &mut Chance) -> u16 {
    rng.random_range(32_768..61_000)
}
