//! A seeded fleet whose flow logs contain known exfiltration.
//!
//! What is generated, and in this order: a fleet of ENIs by role (`fleet`, `roles`), their
//! benign connections hour by hour (`traffic`), benign changes that look alarming (`drift`),
//! attacks (`attack`), and at last the records (`record_writer`) in objects named as AWS names
//! them (`objects`). Attacks go in as connections, before aggregation, so they have ports,
//! packet sizes, acknowledgements and a copy at the NAT gateway like everything else.
//!
//! Everything is a function of [`SimulateOptions`]: each (ENI, hour) draws from its own stream,
//! so the bytes do not depend on the number of threads.
//!
//! Addresses: private sides are 10.0.0.0/8; the internet is made of 240.0.0.0/4 (reserved,
//! RFC 1112 section 4: the documentation ranges hold too few networks for one /16 for
//! each organisation), 198.18.0.0/15 (RFC 2544), 203.0.113.0/24 (RFC 5737) and `2001:db8::/32`
//! (RFC 3849). See `internet` for who has what.

mod attack;
mod attack_family;
mod chance;
mod connection;
mod drift;
mod findings;
mod fleet;
mod format;
mod internet;
mod labels;
mod objects;
mod record_writer;
mod roles;
mod traffic;

use std::collections::BTreeMap;

pub use attack::{Family, FamilyError};
pub use findings::findings_jsonl;
pub use format::SimFormat;
pub use labels::{Label, LabelKind, labels_csv};
pub use objects::{SimObject, write_objects};
pub use roles::SimRole;

use connection::Connection;
use traffic::World;

/// Which attacks to hide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttackMix {
    /// A clean fleet.
    None,
    /// Every family.
    All,
    /// These families only.
    Families(Vec<Family>),
}

/// What to simulate.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulateOptions {
    /// Everything follows from it.
    pub seed: u64,
    /// Network interfaces, over all accounts, the ones that come and go included.
    pub enis: u32,
    /// First day, UTC.
    pub start: jiff::civil::Date,
    /// Days to write.
    pub days: u32,
    /// Attacks begin on this day of the run or later; the first day is 0.
    pub attack_from_day: u32,
    /// Aggregation interval, seconds: 60 or 600.
    pub interval_seconds: u32,
    /// Columns of the records.
    pub format: SimFormat,
    /// Scale of the number of connections; 1 gives 4 to 6 records per ENI-minute at 60 s.
    pub density: f64,
    /// Attacks to hide.
    pub attacks: AttackMix,
    /// Instances of each attack family; twice as many of `protocol`, which has six variants.
    pub attacks_per_family: u32,
    /// Whether benign changes that look alarming happen.
    pub look_alikes: bool,
    /// Share of ENI-intervals in which half of the records are lost and a SKIPDATA record says
    /// so, in [0, 1].
    pub skip_data_share: f64,
    /// Share of records delivered in a later object, up to two hours late, in [0, 1].
    pub late_share: f64,
    /// First account id, 12 digits; further accounts count up from it.
    pub account: u64,
    /// Accounts the fleet is spread over.
    pub accounts: u32,
    /// Region of all of them.
    pub region: String,
}

impl Default for SimulateOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            enis: 100,
            start: jiff::civil::date(2026, 1, 5),
            days: 42,
            attack_from_day: 28,
            interval_seconds: 60,
            format: SimFormat::V2,
            density: 1.0,
            attacks: AttackMix::All,
            attacks_per_family: 3,
            look_alikes: true,
            skip_data_share: 0.0,
            late_share: 0.0,
            account: 123_456_789_012,
            accounts: 1,
            region: "eu-west-1".to_owned(),
        }
    }
}

/// Options that cannot be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// `interval_seconds` is neither 60 nor 600, the only values AWS has.
    #[error("the aggregation interval is 60 or 600 seconds, not {0}")]
    Interval(u32),
    /// Too few ENIs to have one of each role in each account.
    #[error("{enis} ENIs are too few: at least {needed} are needed for {accounts} account(s)")]
    TooFewEnis {
        /// What was asked for.
        enis: u32,
        /// Eight roles in each account.
        needed: u32,
        /// Accounts asked for.
        accounts: u32,
    },
    /// No accounts or no days.
    #[error("there must be at least one account and between 1 and 3,650 days")]
    Empty,
    /// A share outside [0, 1] or a density that is not positive.
    #[error("`{0}` is out of range")]
    OutOfRange(&'static str),
    /// A column that flow logs do not have.
    #[error("`{0}` is not a flow log field of versions 2 to 11")]
    UnknownField(String),
    /// The start date cannot be turned into seconds.
    #[error("the start date {0} is out of range")]
    Start(jiff::civil::Date),
}

/// One interface of the fleet, for people and for evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimEni {
    /// ENI id.
    pub eni: String,
    /// Account id.
    pub account: String,
    /// What it does.
    pub role: SimRole,
    /// The role's peer group, as in `asg-tag` of format v11.
    pub group: String,
    /// Its private IPv4 address.
    pub address: crate::net::Addr,
    /// Seconds in which it exists, Unix, first inclusive and last exclusive.
    pub alive: (i64, i64),
}

/// Everything decided before the first record is written.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What was asked for.
    pub options: SimulateOptions,
    /// What was hidden, and what only looks like it, sorted by start.
    pub labels: Vec<Label>,
    /// Attacks that found no free ENI-days.
    pub unplaced_attacks: u32,
    world: World,
    /// Connections of attacks and look-alikes by (ENI index, hour of the run).
    planned: BTreeMap<(u32, u32), Vec<Connection>>,
}

impl Plan {
    /// The interfaces, in the order in which they are written.
    pub fn enis(&self) -> Vec<SimEni> {
        self.world.fleet.describe(self.world.start_second)
    }

    /// Prefixes with the AWS service that owns them, as AWS's ip-ranges file would list them.
    pub fn aws_prefixes(&self) -> Vec<(crate::net::Prefix, &'static str)> {
        vec![(internet::Internet::network(internet::OBJECT_STORE), "S3")]
    }
}

/// Decides fleet, changes, attacks and labels.
///
/// # Errors
/// When the options contradict themselves or flow logs cannot be like that.
pub fn plan(options: &SimulateOptions) -> Result<Plan, SimulateError> {
    check(options)?;
    let start_second = options
        .start
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_err(|_| SimulateError::Start(options.start))?
        .timestamp()
        .as_second();
    let mut world = World::new(options, start_second);
    let mut schedule = attack::Schedule::new(options.days);
    let mut planned = Planned { start_second, ..Planned::default() };
    if options.look_alikes {
        drift::add(&mut world, options, &mut schedule, &mut planned);
    }
    let unplaced_attacks = attack::add(&world, options, &mut schedule, &mut planned);
    planned.labels.sort_by(|a, b| (a.start_second, &a.id, &a.eni).cmp(&(b.start_second, &b.id, &b.eni)));
    Ok(Plan {
        options: options.clone(),
        labels: planned.labels,
        unplaced_attacks,
        world,
        planned: planned.connections,
    })
}

fn check(options: &SimulateOptions) -> Result<(), SimulateError> {
    if ![60, 600].contains(&options.interval_seconds) {
        return Err(SimulateError::Interval(options.interval_seconds));
    }
    if options.accounts == 0 || !(1..=3650).contains(&options.days) {
        return Err(SimulateError::Empty);
    }
    let needed = SimRole::ALL.len() as u32 * options.accounts;
    if options.enis < needed {
        return Err(SimulateError::TooFewEnis { enis: options.enis, needed, accounts: options.accounts });
    }
    for (name, share) in [("skip_data_share", options.skip_data_share), ("late_share", options.late_share)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(SimulateError::OutOfRange(name));
        }
    }
    if !(options.density > 0.0 && options.density <= 1000.0) {
        return Err(SimulateError::OutOfRange("density"));
    }
    if options.account > 999_999_999_999 - u64::from(options.accounts) {
        return Err(SimulateError::OutOfRange("account"));
    }
    options.format.columns().map(|_| ())
}

/// What drift and attacks add to the benign traffic.
#[derive(Debug, Default)]
struct Planned {
    start_second: i64,
    connections: BTreeMap<(u32, u32), Vec<Connection>>,
    labels: Vec<Label>,
}

impl Planned {
    /// Adds a connection of the ENI with this index.
    fn push(&mut self, eni: u32, connection: Connection) {
        let hour = ((connection.first_second - self.start_second) / 3600) as u32;
        self.connections.entry((eni, hour)).or_default().push(connection);
    }
}

#[cfg(test)]
mod tests;
