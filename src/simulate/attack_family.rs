//! What the instances of each attack family do, connection by connection.

use rand::Rng;

use super::attack::Family;
use super::chance::{Chance, log_uniform, pick};
use super::connection::{Connection, GRE, ICMP, UDP};
use super::internet::{Internet, OBJECT_STORE, client_host, drop_host, stranger_in};
use super::traffic::{World, ephemeral};
use crate::net::Addr;

const MB: f64 = 1e6;
const GB: f64 = 1e9;

/// One attack while it is planned.
pub(super) struct Job<'a> {
    world: &'a World,
    rng: Chance,
    /// Which instance of its family: chooses the variant.
    n: u32,
    /// Which attack of the run: chooses the network that receives.
    serial: u32,
    /// ENIs taking part.
    pub team: Vec<u32>,
    first_day: u32,
    days: u32,
    /// First second of the first day.
    pub first_second: i64,
    pub connections: Vec<(u32, Connection)>,
    pub variant: String,
    pub note: String,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        world: &'a World,
        rng: Chance,
        (n, serial): (u32, u32),
        team: Vec<u32>,
        (first_day, days): (u32, u32),
    ) -> Self {
        Self {
            world,
            rng,
            n,
            serial,
            team,
            first_day,
            days,
            first_second: world.second(first_day * 24),
            connections: Vec::new(),
            variant: String::new(),
            note: String::new(),
        }
    }

    pub(super) fn run(&mut self, family: Family) {
        match family {
            Family::Burst => self.burst(),
            Family::Throttled => self.throttled(),
            Family::Drip => self.drip(),
            Family::Split => self.split(),
            Family::BeaconDrip => self.beacon_drip(),
            Family::Familiar => self.familiar(),
            Family::Protocol => self.protocol(),
            Family::PullStyle => self.pull_style(),
            Family::Probing => self.probing(),
            Family::Mimicry => self.mimicry(),
        }
    }

    /// Some second of the first day that leaves `room_seconds` before the last day ends.
    fn moment(&mut self, room_seconds: i64) -> i64 {
        let latest = (i64::from(self.days) * 86_400 - room_seconds).clamp(1, 86_400);
        self.first_second + self.rng.random_range(0..latest)
    }

    fn drop_host(&mut self) -> Addr {
        drop_host(self.serial, self.rng.random())
    }

    fn upload(&mut self, eni: u32, peer: Addr, port: u16, (start, seconds): (i64, i64), bytes: f64) {
        let ends = self.world.opens(eni, peer, port, &mut self.rng);
        let bytes = bytes.max(1.0) as u64;
        let connection = Connection::tcp(ends, start, seconds.max(1), bytes, 3_000 + bytes / 500);
        self.connections.push((eni, connection));
    }

    fn burst(&mut self) {
        // A coarse grid of sizes, so that any three instances are far apart.
        let centre = [300.0 * MB, 3.0 * GB, 60.0 * MB, 15.0 * GB, 100.0 * MB, 1.0 * GB][self.n as usize % 6];
        let bytes = centre * self.rng.random_range(0.85..1.3);
        let seconds = self.rng.random_range(300..=3600);
        let eni = self.team[0];
        let habits = &self.world.fleet.group(eni).habits;
        let (peer, place) = match self.n % 3 {
            0 => (self.drop_host(), "new network"),
            1 => {
                let hour = self.first_day * 24;
                (self.world.internet.address(OBJECT_STORE, hour, false, &mut self.rng), "object storage")
            }
            _ => {
                let org = pick(&mut self.rng, habits).org;
                (stranger_in(org, &mut self.rng), "new address in a used /16")
            }
        };
        let streams = self.rng.random_range(1..=4);
        let start = self.moment(seconds);
        for _ in 0..streams {
            self.upload(eni, peer, 443, (start, seconds), bytes / f64::from(streams));
        }
        self.variant = format!("{place} {:.0} MB in {} min", bytes / MB, seconds / 60);
    }

    fn throttled(&mut self) {
        let eni = self.team[0];
        let usual = self.world.usual_hours(eni, self.first_day * 24);
        let median = percentile(&usual, 50).max(MB);
        let hours = self.rng.random_range(2..=10);
        let factor = self.rng.random_range(1.0..3.0);
        let (peer, start) = (self.drop_host(), self.moment(hours * 3600));
        self.upload(eni, peer, 443, (start, hours * 3600), median * factor * hours as f64);
        self.variant = format!("{factor:.1} x hourly median for {hours} h");
    }

    fn drip(&mut self) {
        let eni = self.team[0];
        let daily = [100.0 * MB, 15.0 * MB, 1.0 * GB][self.n as usize % 3] * self.rng.random_range(0.7..1.6);
        let (cadence, hours): (_, Vec<u32>) = match self.n % 3 {
            0 => ("hourly", (0..24).collect()),
            1 => ("daily", vec![self.rng.random_range(0..24)]),
            _ => ("business hours", (9..17).collect()),
        };
        let peer = self.drop_host();
        for day in 0..self.days {
            for hour in &hours {
                let start = self.first_second + i64::from(day * 24 + hour) * 3600;
                let start = start + self.rng.random_range(0..2400);
                let bytes = daily / hours.len() as f64 * self.rng.random_range(0.8..1.2);
                let seconds = self.rng.random_range(20..1200);
                self.upload(eni, peer, 443, (start, seconds), bytes);
            }
        }
        self.variant = format!("{cadence} {:.0} MB a day for {} d", daily / MB, self.days);
    }

    fn split(&mut self) {
        if self.team.len() > 1 {
            let total = log_uniform(&mut self.rng, 100.0 * MB, 500.0 * MB);
            let (peer, start) = (self.drop_host(), self.moment(4 * 3600));
            for eni in self.team.clone() {
                let at = start + self.rng.random_range(0..3 * 3600);
                let seconds = self.rng.random_range(120..1800);
                self.upload(eni, peer, 443, (at, seconds), total / self.team.len() as f64);
            }
            self.variant = format!("{:.0} MB over {} ENIs", total / MB, self.team.len());
            return;
        }
        let destinations = self.rng.random_range(8..=40_u32);
        let each = log_uniform(&mut self.rng, 5.0 * MB, 50.0 * MB);
        let one_network = self.n.is_multiple_of(2);
        let start = self.moment(4 * 3600);
        for n in 0..destinations {
            let network = if one_network { self.serial } else { self.serial + 7 * n };
            let peer = drop_host(network, self.rng.random());
            let at = start + self.rng.random_range(0..3 * 3600);
            let (seconds, bytes) = (self.rng.random_range(30..600), each * self.rng.random_range(0.8..1.2));
            self.upload(self.team[0], peer, 443, (at, seconds), bytes);
        }
        let networks = if one_network { "one network" } else { "many networks" };
        self.variant = format!("{destinations} destinations in {networks}, {:.0} MB each", each / MB);
    }

    fn beacon_drip(&mut self) {
        let eni = self.team[0];
        let period = log_uniform(&mut self.rng, 60.0, 3600.0);
        let jitter = self.rng.random_range(0.0..0.3);
        let check_in = log_uniform(&mut self.rng, 1_000.0, 20_000.0);
        let daily = log_uniform(&mut self.rng, 20.0 * MB, 200.0 * MB);
        let peer = self.drop_host();
        let end = self.first_second + i64::from(self.days) * 86_400 - 4_000;
        let mut at = self.first_second as f64;
        while (at as i64) < end {
            let bytes = check_in * self.rng.random_range(0.95..1.05);
            self.upload(eni, peer, 443, (at as i64, 2), bytes);
            at += period * (1.0 + jitter * self.rng.random_range(-1.0..1.0));
        }
        for day in 0..self.days {
            let start = self.first_second + i64::from(day) * 86_400 + self.rng.random_range(0..60_000);
            let seconds = self.rng.random_range(600..7200);
            self.upload(eni, peer, 443, (start, seconds), daily);
        }
        self.variant = format!(
            "every {period:.0} s, jitter {:.0} %, {:.0} MB a day for {} d",
            jitter * 100.0,
            daily / MB,
            self.days
        );
    }

    fn familiar(&mut self) {
        let eni = self.team[0];
        let me = &self.world.fleet.enis[eni as usize];
        let habits = &self.world.fleet.group(eni).habits;
        let volume = |habit: &super::roles::Habit| habit.mean_sent_per_hour();
        let habit = habits.iter().max_by(|a, b| volume(a).total_cmp(&volume(b))).copied();
        let habit = habit.expect("roles that suit this family have habits");
        let usual = habit.mean_sent_per_hour() * me.scale * self.world.density;
        let factor = self.rng.random_range(10.0..14.0);
        let start = self.moment(3600);
        let hour = ((start - self.world.start_second) / 3600) as u32;
        let peer = self.world.internet.address(habit.org, hour, false, &mut self.rng);
        for quarter in 0..4 {
            let at = start + quarter * 800;
            self.upload(eni, peer, habit.port, (at, 780), usual * factor / 4.0);
        }
        self.variant = format!("{factor:.0} x the usual hour to {}", Internet::network(habit.org));
        "the same address also gets benign traffic".clone_into(&mut self.note);
    }

    fn protocol(&mut self) {
        let (eni, peer) = (self.team[0], self.drop_host());
        let seconds = self.rng.random_range(1800..7200);
        let start = self.moment(seconds);
        let bytes = log_uniform(&mut self.rng, 10.0 * MB, 200.0 * MB);
        let rng = &mut self.rng;
        let datagrams = |size: f64| (bytes / size) as u64 + 1;
        let mut plain = self.world.opens(eni, peer, 0, rng);
        plain.local_port = 0;
        let when = (start, seconds);
        let (variant, connection) = match self.n % 6 {
            0 => {
                let n = datagrams(1050.0);
                ("ICMP tunnel", Connection::packets(plain, ICMP, when, (n, 1050), (n, 84)))
            }
            1 => {
                let (n, ends) = (datagrams(240.0), self.world.opens(eni, peer, 53, rng));
                ("DNS to a foreign resolver", Connection::packets(ends, UDP, when, (n, 240), (n, 130)))
            }
            2 => {
                "goes through the VPC resolver: flow logs never show it".clone_into(&mut self.note);
                "resolver tunnel".clone_into(&mut self.variant);
                self.first_second = start;
                return;
            }
            3 => {
                let ends = self.world.opens(eni, peer, 853, rng);
                ("DNS over TLS", Connection::tcp(ends, start, seconds, bytes as u64, bytes as u64 / 3))
            }
            4 => {
                let port = *pick(rng, &[4444, 6667, 8081, 9001, 31337]);
                let ends = self.world.opens(eni, peer, port, rng);
                ("odd port", Connection::tcp(ends, start, seconds, bytes as u64, 5_000))
            }
            _ => {
                let n = datagrams(1400.0);
                ("GRE", Connection::packets(plain, GRE, when, (n, 1400), (n / 10 + 1, 100)))
            }
        };
        self.variant = format!("{variant} {:.0} MB in {} min", bytes / MB, seconds / 60);
        self.connections.push((eni, connection));
    }

    fn pull_style(&mut self) {
        let eni = self.team[0];
        let bytes = log_uniform(&mut self.rng, 0.5 * GB, 8.0 * GB);
        let seconds = self.rng.random_range(600..3000);
        let start = self.moment(seconds);
        let peer = client_host(&mut self.rng, false, u64::from(self.serial) << 32);
        let peer_port = ephemeral(&mut self.rng);
        let opened = self.world.opens(eni, peer, peer_port, &mut self.rng);
        let ends = super::connection::Ends { local_port: 443, client: false, ..opened };
        self.connections.push((eni, Connection::tcp(ends, start, seconds, bytes as u64, 4_000)));
        self.variant = format!("{:.0} MB downloaded in {} min", bytes / MB, seconds / 60);
    }

    fn probing(&mut self) {
        let (eni, peer) = (self.team[0], self.drop_host());
        let attempts = self.rng.random_range(30..200);
        let seconds = self.rng.random_range(600..2400);
        let start = self.moment(seconds + 4000);
        for n in 0..attempts {
            let port = 1 + (n * 211 + self.rng.random_range(0..200)) as u16 % 40_000;
            let ends = self.world.opens(eni, peer, port, &mut self.rng);
            let at = start + self.rng.random_range(0..seconds);
            self.connections.push((eni, Connection::rejected(ends, at, 2)));
        }
        let bytes = log_uniform(&mut self.rng, 20.0 * MB, GB);
        let port = *pick(&mut self.rng, &[443, 8443, 2222]);
        let length = self.rng.random_range(120..2400);
        self.upload(eni, peer, port, (start + seconds + 60, length), bytes);
        self.variant = format!("{attempts} blocked attempts, then {:.0} MB", bytes / MB);
    }

    fn mimicry(&mut self) {
        let eni = self.team[0];
        let usual = self.world.usual_hours(eni, self.first_day * 24);
        let (median, high) = (percentile(&usual, 50), percentile(&usual, 95));
        let peer = self.drop_host();
        let gradual = self.n % 2 == 1;
        for day in 0..self.days {
            for hour in 0..24 {
                let bytes = if gradual {
                    MB / 24.0 * 1.6_f64.powi(day as i32)
                } else {
                    0.4 * (high - median).max(0.2 * MB)
                };
                let at =
                    self.first_second + i64::from(day * 24 + hour) * 3600 + self.rng.random_range(0..2400);
                let seconds = self.rng.random_range(30..1100);
                self.upload(eni, peer, 443, (at, seconds), bytes);
            }
        }
        self.variant = if gradual {
            format!("from 1 MB a day, x1.6 daily for {} d", self.days)
        } else {
            format!("under the ENI's own 95th percentile for {} d", self.days)
        };
    }
}

/// Percentile of sorted values by the nearest-rank method; 0 for none.
fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |value| *value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        assert!((percentile(&[1, 2, 3, 4], 50) - 2.0).abs() < f64::EPSILON);
        assert!((percentile(&[1, 2, 3, 4], 95) - 4.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 50).abs() < f64::EPSILON);
    }
}
