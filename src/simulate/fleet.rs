//! The fleet: accounts, groups of ENIs with a common job, and the ENIs.

use rand::Rng;

use super::chance::{lognormal, mix, stream};
use super::roles::{Habit, SimRole, habits};
use super::{SimEni, SimulateOptions};
use crate::net::Addr;

/// ENIs that do the same: one auto-scaling group in one subnet.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub account: u32,
    pub role: SimRole,
    /// `asg-tag` value.
    pub name: String,
    pub habits: Vec<Habit>,
    /// Indices of its ENIs.
    pub members: Vec<u32>,
    /// Index of the group it calls inside the VPC.
    pub calls: Option<usize>,
}

/// One interface.
#[derive(Clone, Debug)]
pub(super) struct Eni {
    pub group: usize,
    pub address: Addr,
    pub v6: Option<Addr>,
    /// How much more it does than its group's average.
    pub scale: f64,
    /// Hours of the run in which it exists, end exclusive.
    pub alive_hours: (u32, u32),
    /// Index of the NAT gateway it leaves through.
    pub nat: Option<u32>,
    pub ids: Ids,
}

/// Texts of an ENI's columns.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    pub account: String,
    pub eni: String,
    pub vpc: String,
    pub subnet: String,
    /// `-` for a NAT gateway.
    pub instance: String,
    pub az: &'static str,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    pub groups: Vec<Group>,
    pub enis: Vec<Eni>,
}

/// Most ENIs in one group.
const GROUP_SIZE_MAX: u32 = 12;
/// Share of scalable ENIs that are replaced once in the run.
const CHURN_SHARE: f64 = 0.08;

impl Fleet {
    /// Lays the fleet out. ENIs are numbered account by account, role by role.
    pub(super) fn new(options: &SimulateOptions) -> Self {
        let mut fleet = Self { groups: Vec::new(), enis: Vec::new() };
        for account in 0..options.accounts {
            let share =
                options.enis / options.accounts + u32::from(account < options.enis % options.accounts);
            for (role, size) in sizes(share) {
                fleet.add_role(options, account, role, size);
            }
        }
        fleet.link();
        fleet.churn(options);
        fleet
    }

    fn add_role(&mut self, options: &SimulateOptions, account: u32, role: SimRole, size: u32) {
        let parts = size.div_ceil(GROUP_SIZE_MAX);
        for part in 0..parts {
            let index = self.groups.len();
            let mut rng = stream(&[options.seed, 0x6702, index as u64]);
            let count = size / parts + u32::from(part < size % parts);
            let members = (0..count).map(|n| self.add_eni(options, account, role, index, n)).collect();
            let letter = char::from(b'a' + (part % 26) as u8);
            self.groups.push(Group {
                account,
                role,
                name: format!("{}-{letter}", role.as_str()),
                habits: habits(role, &mut rng),
                members,
                calls: None,
            });
        }
    }

    fn add_eni(
        &mut self,
        options: &SimulateOptions,
        account: u32,
        role: SimRole,
        group: usize,
        n: u32,
    ) -> u32 {
        let index = self.enis.len() as u32;
        let id = |purpose: u64, of: u64| mix(&[options.seed, purpose, of]);
        let mut rng = stream(&[options.seed, 0xe21, u64::from(index)]);
        let subnet = (group as u32) & 0xff;
        let host = 10 + n;
        let address = Addr::from_v4((10 << 24) | ((account & 0xff) << 16) | (subnet << 8) | host);
        let has_v6 =
            matches!(role, SimRole::Web | SimRole::Crawler | SimRole::Bastion) && rng.random_bool(0.3);
        let v6 = (0x2001_0db8_fff0_u128 << 80) | (u128::from(subnet) << 64) | u128::from(index + 1);
        let nat = role == SimRole::NatGateway;
        self.enis.push(Eni {
            group,
            address,
            v6: has_v6.then(|| Addr::from_bits(v6)).flatten(),
            scale: if nat { 1.0 } else { lognormal(&mut rng, 1.0, 0.4).clamp(0.3, 3.0) },
            alive_hours: (0, options.days * 24),
            nat: None,
            ids: Ids {
                account: format!("{:012}", options.account + u64::from(account)),
                eni: format!("eni-0{:016x}", id(1, u64::from(index))),
                vpc: format!("vpc-0{:016x}", id(2, u64::from(account))),
                subnet: format!("subnet-0{:016x}", id(3, group as u64)),
                instance: if nat { "-".to_owned() } else { format!("i-0{:016x}", id(4, u64::from(index))) },
                az: ["euw1-az1", "euw1-az2", "euw1-az3"][n as usize % 3],
            },
        });
        index
    }

    /// Web calls workers, workers call databases, and private roles leave through a NAT gateway.
    fn link(&mut self) {
        for index in 0..self.groups.len() {
            let (account, role) = (self.groups[index].account, self.groups[index].role);
            let callee = match role {
                SimRole::Web => SimRole::Worker,
                SimRole::Worker => SimRole::Database,
                _ => continue,
            };
            let targets: Vec<usize> = (0..self.groups.len())
                .filter(|g| self.groups[*g].account == account && self.groups[*g].role == callee)
                .collect();
            self.groups[index].calls = targets.get(index % targets.len().max(1)).copied();
        }
        for index in 0..self.enis.len() {
            let (account, role) = {
                let group = &self.groups[self.enis[index].group];
                (group.account, group.role)
            };
            if role.behind_nat() {
                let nats: Vec<u32> = self
                    .groups
                    .iter()
                    .filter(|g| g.account == account && g.role == SimRole::NatGateway)
                    .flat_map(|g| g.members.iter().copied())
                    .collect();
                self.enis[index].nat = nats.get(index % nats.len().max(1)).copied();
            }
        }
    }

    /// Auto-scaling: an ENI goes, and later another member of its group comes.
    fn churn(&mut self, options: &SimulateOptions) {
        let end = options.days * 24;
        let mut rng = stream(&[options.seed, 0xc4u64]);
        for group in &self.groups {
            if !matches!(group.role, SimRole::Web | SimRole::Worker | SimRole::Ci) || group.members.len() < 4
            {
                continue;
            }
            for pair in group.members.chunks_exact(2) {
                if rng.random_bool(CHURN_SHARE * 2.0) {
                    let at = rng.random_range(end / 4..=end * 3 / 4);
                    self.enis[pair[0] as usize].alive_hours.1 = at + 1;
                    self.enis[pair[1] as usize].alive_hours.0 = at;
                }
            }
        }
    }

    pub(super) fn role(&self, eni: u32) -> SimRole {
        self.group(eni).role
    }

    pub(super) fn group(&self, eni: u32) -> &Group {
        &self.groups[self.enis[eni as usize].group]
    }

    /// The ENIs of a role; a fleet has at least one of each.
    pub(super) fn of_role(&self, role: SimRole) -> Vec<u32> {
        let groups = self.groups.iter().filter(|group| group.role == role);
        groups.flat_map(|group| group.members.iter().copied()).collect()
    }

    /// Whether it exists through all of these days of the run.
    pub(super) fn alive(&self, eni: u32, days: std::ops::Range<u32>) -> bool {
        let (from, to) = self.enis[eni as usize].alive_hours;
        from <= days.start * 24 && to >= days.end * 24
    }

    pub(super) fn describe(&self, start_second: i64) -> Vec<SimEni> {
        let second = |hour: u32| start_second + i64::from(hour) * 3600;
        self.enis
            .iter()
            .map(|eni| SimEni {
                eni: eni.ids.eni.clone(),
                account: eni.ids.account.clone(),
                role: self.groups[eni.group].role,
                group: self.groups[eni.group].name.clone(),
                address: eni.address,
                alive: (second(eni.alive_hours.0), second(eni.alive_hours.1)),
            })
            .collect()
    }
}

/// ENIs per role: the shares, at least one each, and workers take up the rounding.
fn sizes(enis: u32) -> Vec<(SimRole, u32)> {
    let mut sizes: Vec<(SimRole, u32)> =
        SimRole::ALL.into_iter().map(|role| (role, (enis * role.share_percent() / 100).max(1))).collect();
    let mut sum: u32 = sizes.iter().map(|(_, size)| size).sum();
    while sum > enis {
        let largest = sizes.iter_mut().max_by_key(|(_, size)| *size).expect("there are eight roles");
        largest.1 -= 1;
        sum -= 1;
    }
    sizes[2].1 += enis - sum;
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_has_every_role_and_the_sum_is_right() {
        for enis in [8, 9, 25, 100, 333] {
            let sizes = sizes(enis);
            assert_eq!(sizes.iter().map(|(_, size)| size).sum::<u32>(), enis);
            assert!(sizes.iter().all(|(_, size)| *size >= 1), "{enis}");
        }
    }

    #[test]
    fn ids_and_addresses_are_unique_and_links_stay_in_the_account() {
        let options = SimulateOptions { enis: 200, accounts: 2, ..SimulateOptions::default() };
        let fleet = Fleet::new(&options);
        let distinct = |of: Vec<String>| of.into_iter().collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!(distinct(fleet.enis.iter().map(|e| e.ids.eni.clone()).collect()), 200);
        assert_eq!(distinct(fleet.enis.iter().map(|e| e.address.to_string()).collect()), 200);
        for (index, eni) in fleet.enis.iter().enumerate() {
            assert_eq!(eni.nat.is_some(), fleet.role(index as u32).behind_nat());
            if let Some(nat) = eni.nat {
                assert_eq!(fleet.enis[nat as usize].ids.account, eni.ids.account);
                assert_eq!(fleet.enis[nat as usize].ids.instance, "-");
            }
        }
    }

    #[test]
    fn some_enis_come_and_go() {
        let fleet = Fleet::new(&SimulateOptions { enis: 300, ..SimulateOptions::default() });
        let gone = fleet.enis.iter().filter(|e| e.alive_hours.1 < 42 * 24).count();
        let came = fleet.enis.iter().filter(|e| e.alive_hours.0 > 0).count();
        assert!(gone >= 3 && gone == came, "{gone} {came}");
    }
}
