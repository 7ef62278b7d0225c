//! What each role does: which kinds of destination it calls, how often, how much it sends.
//!
//! The numbers are plausible orders of magnitude, chosen so that a fleet writes four to six
//! records per ENI-minute; no measured fleet stands behind them.

use rand::seq::IndexedRandom;

use super::chance::Chance;
use super::connection::{TCP, UDP};
use super::internet::{DELIVERY, GIT, OBJECT_STORE, Org, SAAS, TIME, VENDORS};

/// What an ENI is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SimRole {
    /// Answers internet clients on 443; calls a few services.
    Web,
    /// Runs jobs: bought services, object storage, the database.
    Worker,
    /// Internal only, with a nightly backup to object storage.
    Database,
    /// Builds in bursts: git, package mirrors, artifact uploads.
    Ci,
    /// Sends a steady volume to one vendor.
    LogShipper,
    /// Visits hundreds of new addresses an hour.
    Crawler,
    /// A NAT gateway that carries workers' and builders' traffic.
    NatGateway,
    /// Administrators come in by SSH and browse from it.
    Bastion,
}

impl SimRole {
    /// All of them, in the order in which a fleet is laid out.
    pub const ALL: [SimRole; 8] = [
        Self::NatGateway,
        Self::Web,
        Self::Worker,
        Self::Database,
        Self::Ci,
        Self::LogShipper,
        Self::Crawler,
        Self::Bastion,
    ];

    /// Name in groups and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Worker => "worker",
            Self::Database => "database",
            Self::Ci => "ci",
            Self::LogShipper => "log-shipper",
            Self::Crawler => "crawler",
            Self::NatGateway => "nat-gateway",
            Self::Bastion => "bastion",
        }
    }

    /// Share of the fleet, percent.
    pub(super) fn share_percent(self) -> u32 {
        match self {
            Self::Web => 24,
            Self::Worker => 30,
            Self::Database => 12,
            Self::Ci => 8,
            Self::LogShipper | Self::Bastion => 10,
            Self::Crawler => 4,
            Self::NatGateway => 2,
        }
    }

    /// Whether it reaches the internet through the NAT gateway.
    pub(super) fn behind_nat(self) -> bool {
        matches!(self, Self::Worker | Self::Ci | Self::Database | Self::LogShipper)
    }

    /// Whether the internet can try to reach it.
    pub(super) fn is_public(self) -> bool {
        matches!(self, Self::Web | Self::Bastion | Self::Crawler)
    }

    /// New external destinations an hour in working time, beyond those of its job.
    pub(super) fn new_destinations_per_hour(self) -> f64 {
        match self {
            Self::Web => 0.04,
            Self::Worker => 0.06,
            Self::Ci => 0.5,
            Self::LogShipper => 0.01,
            Self::Crawler => 250.0,
            Self::Bastion => 3.0,
            Self::Database | Self::NatGateway => 0.0,
        }
    }

    /// How busy it is in this hour, about 1 on average. `weekday` counts from Monday, 0.
    pub(super) fn activity(self, weekday: u32, hour_of_day: u32) -> f64 {
        let weekend = weekday >= 5;
        let office = !weekend && (8..18).contains(&hour_of_day);
        let wave = 1.0 + 0.6 * ((f64::from(hour_of_day) - 14.0) * std::f64::consts::PI / 12.0).cos();
        match self {
            Self::Web | Self::Worker if weekend => 0.7 * wave,
            Self::Web | Self::Worker => wave,
            Self::Ci | Self::Bastion if office => 2.0,
            Self::Ci | Self::Bastion if weekend => 0.1,
            Self::Ci | Self::Bastion => 0.3,
            _ => 1.0,
        }
    }
}

/// One kind of call that a group makes again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Habit {
    pub org: Org,
    pub protocol: u8,
    pub port: u16,
    /// Connections an hour at activity 1.
    pub per_hour: f64,
    /// Median payload sent, bytes, and deviation of its logarithm.
    pub sent: (f64, f64),
    /// Median payload received, bytes, and deviation of its logarithm.
    pub received: (f64, f64),
    /// Median duration, seconds.
    pub seconds: f64,
    /// Only in this hour of the day; `None` follows the role's activity.
    pub at_hour: Option<u32>,
    /// Follows the clock, not the work: the same day and night.
    pub steady: bool,
}

impl Habit {
    const HTTPS: Self = Self {
        org: 0,
        protocol: TCP,
        port: 443,
        per_hour: 1.0,
        sent: (2_000.0, 1.0),
        received: (10_000.0, 1.2),
        seconds: 4.0,
        at_hour: None,
        steady: false,
    };

    /// Expected payload sent in an hour at activity 1, bytes (mean of a log-normal).
    pub(super) fn mean_sent_per_hour(&self) -> f64 {
        self.per_hour * self.sent.0 * (self.sent.1 * self.sent.1 / 2.0).exp()
    }
}

/// The habits that one group of a role shares.
pub(super) fn habits(role: SimRole, rng: &mut Chance) -> Vec<Habit> {
    let apis: Vec<Org> = SAAS.collect();
    let vendors: Vec<Org> = VENDORS.collect();
    let saas = |rng: &mut Chance, count: usize, per_hour: f64, sent: f64| -> Vec<Habit> {
        apis.choose_multiple(rng, count)
            .map(|org| Habit { org: *org, per_hour, sent: (sent, 1.1), ..Habit::HTTPS })
            .collect()
    };
    let time = Habit {
        org: TIME,
        protocol: UDP,
        port: 123,
        per_hour: 3.5,
        steady: true,
        seconds: 1.0,
        ..Habit::HTTPS
    };
    let store = |per_hour, sent| Habit { org: OBJECT_STORE, per_hour, sent, seconds: 8.0, ..Habit::HTTPS };
    let mut list = match role {
        SimRole::Web => {
            let mut list = saas(rng, 3, 6.0, 3_000.0);
            list.push(store(4.0, (20_000.0, 1.5)));
            list
        }
        SimRole::Worker => {
            let mut list = saas(rng, 4, 9.0, 6_000.0);
            list.push(store(16.0, (120_000.0, 1.6)));
            list
        }
        SimRole::Database => {
            let backup = Habit {
                at_hour: Some(2),
                seconds: 900.0,
                received: (100_000.0, 0.3),
                ..store(4.0, (3e8, 0.5))
            };
            return vec![backup];
        }
        SimRole::Ci => ci_habits(store(2.0, (3e7, 1.3))),
        SimRole::LogShipper => {
            let org = vendors.choose(rng).copied().unwrap_or(VENDORS.start);
            vec![Habit {
                org,
                per_hour: 30.0,
                sent: (900_000.0, 0.5),
                received: (3_000.0, 0.4),
                seconds: 100.0,
                steady: true,
                ..Habit::HTTPS
            }]
        }
        SimRole::Crawler => vec![store(6.0, (800_000.0, 0.8))],
        SimRole::NatGateway => return Vec::new(),
        SimRole::Bastion => saas(rng, 5, 6.0, 8_000.0),
    };
    list.push(time);
    list
}

/// Builds fetch sources and packages from rotating addresses and upload what they made.
fn ci_habits(artifacts: Habit) -> Vec<Habit> {
    let mirror = |org| Habit {
        org,
        per_hour: 15.0,
        sent: (1_500.0, 0.8),
        received: (900_000.0, 1.8),
        seconds: 6.0,
        ..Habit::HTTPS
    };
    let git = Habit { org: GIT, port: 22, per_hour: 6.0, received: (300_000.0, 1.6), ..Habit::HTTPS };
    let mut list: Vec<Habit> = DELIVERY.into_iter().map(mirror).collect();
    list.extend([git, artifacts]);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::chance::stream;

    #[test]
    fn shares_are_the_whole_fleet() {
        assert_eq!(SimRole::ALL.iter().map(|role| role.share_percent()).sum::<u32>(), 100);
    }

    #[test]
    fn a_database_leaves_only_for_its_backup() {
        let habits = habits(SimRole::Database, &mut stream(&[1]));
        assert_eq!(habits.len(), 1);
        assert_eq!((habits[0].org, habits[0].at_hour), (OBJECT_STORE, Some(2)));
        assert!(SimRole::Database.new_destinations_per_hour().abs() < f64::EPSILON);
    }

    #[test]
    fn builders_rest_at_the_weekend() {
        assert!(SimRole::Ci.activity(6, 12) < 0.2 && SimRole::Ci.activity(2, 12) > 1.5);
    }
}
