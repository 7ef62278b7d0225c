//! How much could be seen, from the lake's `coverage`: "nothing found" is only said together
//! with this. One pass over few columns; memory follows the number of interfaces, not of days.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array as _, Float64Array, Int32Array, Int64Array, StringArray, TimestampMillisecondArray,
};

use super::model::{Coverage, Gap};
use super::{ReportOptions, stored};
use crate::baseline::eni::Tier;
use crate::error::Error;
use crate::lake::{COVERAGE, Columns, Lake, LakeError, Partition, SNAPSHOTS};
use crate::limits::{REPORT_GAPS_MAX, REPORT_HEAT_HOURS_MAX};
use crate::window::{Day, EniId, Hour, Place};

const INT64S: [&str; 6] = [
    "records",
    "no_data_records",
    "skip_data_records",
    "late_records",
    "direction_unknown_records",
    "egress_bytes",
];
const INT32S: [&str; 2] = ["missing_slots", "rollup_level"];
const OTHERS: [&str; 4] = ["hour", "eni", "class", "seen_share"];

/// What was seen, and of each host what the heat map needs.
pub(super) struct Seen {
    pub(super) coverage: Coverage,
    /// Start of the first hour with anything.
    pub(super) from_second: i64,
    /// End of the last one.
    pub(super) to_second: i64,
    /// First hour of the heat map.
    pub(super) heat_first: Hour,
    pub(super) hosts: HashMap<EniId, Host>,
    /// The last day of the range with a snapshot.
    pub(super) snapshot_day: Option<Day>,
}

/// One host, hours and bytes.
#[derive(Default)]
pub(super) struct Host {
    first_hour: u32,
    pub(super) egress_bytes: u64,
    /// Bytes sent in the last hours that were seen, by hour.
    sent: BTreeMap<u32, u64>,
}

/// Looks over the hours of the range.
pub(super) fn look(lake: &Lake, options: &ReportOptions) -> Result<Seen, Error> {
    let stored = stored(lake);
    let partitions: Vec<Partition> = lake.partitions(&COVERAGE).map_err(&stored)?;
    let inside = |day: Day| {
        let start = day.first_hour().start_second();
        options.from_second.is_none_or(|from| start + 86_400 > from)
            && options.to_second.is_none_or(|to| start < to)
    };
    let partitions: Vec<Partition> = partitions.into_iter().filter(|p| inside(p.day)).collect();
    let mut pass = Pass {
        options,
        coverage: Coverage::default(),
        share_sum: 0.0,
        hours: BTreeMap::new(),
        hosts: HashMap::new(),
        relays: std::collections::BTreeSet::new(),
    };
    for partition in &partitions {
        pass.partition(lake, partition).map_err(&stored)?;
    }
    let days = lake.snapshot_days().map_err(&stored)?;
    let snapshot_day = days.into_iter().rfind(|day| inside(*day));
    let first_seen = snapshot_day.map_or_else(|| Ok(HashMap::new()), |day| first_seen(lake, day));
    Ok(pass.finish(&first_seen.map_err(&stored)?, snapshot_day))
}

struct Pass<'a> {
    options: &'a ReportOptions,
    coverage: Coverage,
    share_sum: f64,
    /// Hours with anything, by account and region, with the five-minute objects missing.
    hours: BTreeMap<Place, BTreeMap<u32, u32>>,
    hosts: HashMap<EniId, Host>,
    relays: std::collections::BTreeSet<EniId>,
}

/// The columns of some rows.
struct Rows {
    hour: TimestampMillisecondArray,
    eni: StringArray,
    class: StringArray,
    seen_share: Float64Array,
    int64s: [Int64Array; INT64S.len()],
    int32s: [Int32Array; INT32S.len()],
}

impl Rows {
    fn new(columns: &Columns) -> Result<Self, LakeError> {
        let [records, no_data, skip_data, late, no_direction, egress] =
            INT64S.map(|name| columns.int64(name));
        let [missing, rollup] = INT32S.map(|name| columns.int32(name));
        Ok(Self {
            hour: columns.timestamp_ms("hour")?,
            eni: columns.text("eni")?,
            class: columns.text("class")?,
            seen_share: columns.double("seen_share")?,
            int64s: [records?, no_data?, skip_data?, late?, no_direction?, egress?],
            int32s: [missing?, rollup?],
        })
    }
}

impl Pass<'_> {
    fn partition(&mut self, lake: &Lake, partition: &Partition) -> Result<(), LakeError> {
        let values = partition.values();
        let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let only: Vec<&str> = INT64S.into_iter().chain(INT32S).chain(OTHERS).collect();
        let Some(reader) = lake.read_columns(&COVERAGE, &values, &only)? else { return Ok(()) };
        for columns in reader {
            let columns = columns?;
            let rows = Rows::new(&columns)?;
            for row in 0..columns.len() {
                let second = rows.hour.value(row).div_euclid(1000);
                if Hour::of_second(second).day() != partition.day {
                    return Err(columns.damaged("an hour is of another day"));
                }
                self.row(partition, &rows, row, second);
            }
        }
        Ok(())
    }

    fn row(&mut self, partition: &Partition, rows: &Rows, row: usize, second: i64) {
        let counts = rows.int64s.each_ref().map(|column| column.value(row).max(0).cast_unsigned());
        let [records, no_data, skip_data, late, no_direction, egress_bytes] = counts;
        let [missing, rollup] = rows.int32s.each_ref().map(|column| column.value(row).max(0).cast_unsigned());
        // Late records speak of other hours.
        if !self.options.holds(second) || records + no_data + skip_data == 0 {
            return;
        }
        let hour = Hour::of_second(second);
        let (account, region) = (partition.account.clone(), partition.region.clone());
        let hours = self.hours.entry((account.clone(), region.clone())).or_default();
        let most = hours.entry(hour.0).or_default();
        *most = (*most).max(missing);
        let sums = &mut self.coverage;
        sums.eni_hours += 1;
        sums.records += records;
        sums.skip_data_records += skip_data;
        sums.late_records += late;
        sums.direction_unknown_records += no_direction;
        sums.rolled_up_eni_hours += u64::from(rollup > 0);
        self.share_sum += rows.seen_share.value(row);
        let id = EniId { account, region, eni: Arc::from(rows.eni.value(row)) };
        if rows.class.value(row) == "relay" {
            self.relays.insert(id);
            return;
        }
        sums.egress_bytes = sums.egress_bytes.saturating_add(egress_bytes);
        let host = self.hosts.entry(id).or_insert_with(|| Host { first_hour: hour.0, ..Host::default() });
        host.egress_bytes = host.egress_bytes.saturating_add(egress_bytes);
        host.sent.insert(hour.0, egress_bytes);
        let is_old = |first: u32, last: u32| (last - first) as usize >= REPORT_HEAT_HOURS_MAX;
        while let (Some((first, _)), Some((last, _))) =
            (host.sent.first_key_value(), host.sent.last_key_value())
            && is_old(*first, *last)
        {
            host.sent.pop_first();
        }
    }

    fn finish(mut self, first_seen: &HashMap<EniId, Hour>, snapshot_day: Option<Day>) -> Seen {
        let all = || self.hours.values().flat_map(|hours| hours.keys().copied());
        let (first, last) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
        let union: std::collections::BTreeSet<u32> = all().collect();
        let sums = &mut self.coverage;
        sums.hours_seen = union.len() as u64;
        sums.hours = if union.is_empty() { 0 } else { u64::from(last - first) + 1 };
        sums.seen_share = self.share_sum / sums.eni_hours.max(1) as f64;
        sums.missing_objects = self.hours.values().flat_map(BTreeMap::values).map(|n| u64::from(*n)).sum();
        let mut gaps: Vec<Gap> =
            self.hours.iter().flat_map(|(place, hours)| gaps(place, hours, first, last)).collect();
        gaps.sort_by(|a, b| {
            (b.hours, a.from_second, &a.account, &a.region).cmp(&(
                a.hours,
                b.from_second,
                &b.account,
                &b.region,
            ))
        });
        sums.gaps_more = gaps.len().saturating_sub(REPORT_GAPS_MAX) as u64;
        gaps.truncate(REPORT_GAPS_MAX);
        sums.gaps = gaps;
        sums.relays = self.relays.len() as u64;
        sums.enis = self.hosts.len() as u64 + sums.relays;
        for (id, host) in &self.hosts {
            let since = first_seen.get(id).map_or(host.first_hour, |hour| hour.0);
            match Tier::of_age((last + 1).saturating_sub(since)) {
                Tier::Learning => sums.enis_learning += 1,
                Tier::Young => sums.enis_young += 1,
                Tier::Mature => {}
            }
        }
        Seen {
            coverage: self.coverage,
            from_second: Hour(first).start_second(),
            to_second: Hour(last).end_second(),
            heat_first: Hour(first.max((last + 1).saturating_sub(REPORT_HEAT_HOURS_MAX as u32))),
            hosts: self.hosts,
            snapshot_day,
        }
    }
}

impl Host {
    /// Bytes sent in each of `hours` from `first` on; `None` where nothing was seen.
    pub(super) fn sent(&self, first: Hour, hours: usize) -> Vec<Option<u64>> {
        (first.0..).take(hours).map(|hour| self.sent.get(&hour).copied()).collect()
    }
}

/// The stretches between `first` and `last` without any record.
fn gaps(place: &Place, hours: &BTreeMap<u32, u32>, first: u32, last: u32) -> Vec<Gap> {
    let mut found = Vec::new();
    let mut next = first;
    for hour in hours.keys().copied().chain([last + 1]) {
        if hour > next {
            found.push(Gap {
                account: super::words::shown(&place.0),
                region: super::words::shown(&place.1),
                from_second: Hour(next).start_second(),
                hours: u64::from(hour - next),
            });
        }
        next = hour + 1;
    }
    found
}

/// When each ENI was first seen, as its baseline of `day` has it.
fn first_seen(lake: &Lake, day: Day) -> Result<HashMap<EniId, Hour>, LakeError> {
    let date = day.date().to_string();
    let only = ["account", "region", "eni", "first_seen"];
    let mut found = HashMap::new();
    let Some(reader) = lake.read_columns(&SNAPSHOTS, &[("date", &date)], &only)? else { return Ok(found) };
    for columns in reader {
        let columns = columns?;
        let (account, region) = (columns.text("account")?, columns.text("region")?);
        let (eni, first) = (columns.text("eni")?, columns.timestamp_ms("first_seen")?);
        for row in (0..columns.len()).filter(|row| !eni.is_null(*row)) {
            let (account, region) = (account.value(row).into(), region.value(row).into());
            let id = EniId { account, region, eni: eni.value(row).into() };
            found.insert(id, Hour::of_second(first.value(row).div_euclid(1000)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_lies_between() {
        let place = ("1".into(), "r".into());
        let hours: BTreeMap<u32, u32> = [(3, 0), (4, 1), (8, 0)].into();
        let found: Vec<_> =
            gaps(&place, &hours, 1, 9).into_iter().map(|gap| (gap.from_second / 3600, gap.hours)).collect();
        assert_eq!(found, [(1, 2), (5, 3), (9, 1)]);
    }
}
