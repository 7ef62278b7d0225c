//! How far back the past of each account and region reaches that a day was scored against: what a
//! snapshot says by its ENIs' first hours.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::limits::HISTORY_DAYS;
use crate::window::Day;

use super::error::LakeError;
use super::partition::Partition;
use super::reader::Lake;
use super::snapshots::{OF_ENI, OTHERS, SNAPSHOTS};

/// By account and region, the first second of the ENI that was seen first; `None` without an ENI.
#[derive(Debug, Default)]
pub(super) struct Pasts(BTreeMap<(Arc<str>, Arc<str>), Option<i64>>);

impl Pasts {
    /// Notes a row of a snapshot.
    pub(super) fn note(&mut self, scope: &str, account: &str, region: &str, first_seen_second: i64) {
        if scope == OTHERS {
            return;
        }
        let first = self.0.entry((account.into(), region.into())).or_default();
        if scope == OF_ENI {
            *first = Some(first.map_or(first_seen_second, |known| known.min(first_seen_second)));
        }
    }

    /// Whether the snapshot has any row of the partition's account and region.
    pub(super) fn know(&self, of: &Partition) -> bool {
        self.0.contains_key(&(Arc::clone(&of.account), Arc::clone(&of.region)))
    }

    /// The partitions of `day` of all accounts and regions.
    pub(super) fn partitions(&self, day: Day) -> impl Iterator<Item = Partition> {
        self.0.keys().map(move |(account, region)| Partition {
            account: Arc::clone(account),
            region: Arc::clone(region),
            day,
        })
    }

    /// Seconds from the first hour of the partition's account and region to its day, at most
    /// [`REACH_SECONDS_MAX`]; 0 without a past.
    pub(super) fn reach_seconds(&self, of: &Partition) -> i64 {
        let first = self.0.get(&(Arc::clone(&of.account), Arc::clone(&of.region))).copied().flatten();
        let start = of.day.first_hour().start_second();
        first.map_or(0, |first| start.saturating_sub(first).clamp(0, REACH_SECONDS_MAX))
    }
}

/// What lies before is forgotten, so it makes no day richer.
pub(super) const REACH_SECONDS_MAX: i64 = HISTORY_DAYS as i64 * 86_400;

impl Lake {
    /// The pasts that a day was scored against; `None` when it has no snapshot.
    pub(super) fn read_pasts(&self, day: Day) -> Result<Option<Pasts>, LakeError> {
        let only = ["scope", "account", "region", "first_seen"];
        let Some(reader) = self.read_columns(&SNAPSHOTS, &[("date", &day.date().to_string())], &only)? else {
            return Ok(None);
        };
        let mut pasts = Pasts::default();
        for columns in reader {
            let columns = columns?;
            let [scope, account, region] = ["scope", "account", "region"].map(|name| columns.text(name));
            let (scope, account, region) = (scope?, account?, region?);
            let first_seen = columns.timestamp_ms("first_seen")?;
            for row in 0..columns.len() {
                let first_second = first_seen.value(row).div_euclid(1000);
                pasts.note(scope.value(row), account.value(row), region.value(row), first_second);
            }
        }
        Ok(Some(pasts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Day = Day(20_500);

    #[test]
    fn a_past_is_that_of_the_first_eni_and_has_an_end() {
        let mut pasts = Pasts::default();
        let days_before = |days: i64| DAY.first_hour().start_second() - days * 86_400;
        pasts.note("fleet", "1", "r", 0);
        pasts.note("eni", "1", "r", days_before(3));
        pasts.note("eni", "1", "r", days_before(5));
        pasts.note("eni", "1", "s", days_before(300));
        pasts.note("fleet", "2", "r", 0);
        pasts.note(OTHERS, "", "", 0);
        let of = |account: &str, region: &str| Partition {
            account: account.into(),
            region: region.into(),
            day: DAY,
        };
        let reach = |account, region| pasts.reach_seconds(&of(account, region));
        assert_eq!([reach("1", "r"), reach("1", "s")], [5 * 86_400, REACH_SECONDS_MAX]);
        assert_eq!([reach("2", "r"), reach("3", "r")], [0, 0], "without an ENI, and unknown");
        assert_eq!([pasts.know(&of("2", "r")), pasts.know(&of("3", "r"))], [true, false]);
        assert_eq!(pasts.partitions(DAY).count(), 3);
    }
}
