//! The fleet around the incidents: who sent when, and how much was new.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use arrow::array::Array as _;
use serde::Deserialize;

use super::coverage::Seen;
use super::model::{Fleet, Headroom, HeadroomRow, HeatRow, NewDestinations};
use super::stored;
use super::words::shown;
use crate::baseline::eni::{Novelty, NoveltyDay};
use crate::error::Error;
use crate::lake::{HEADROOM, Lake, LakeError, SNAPSHOTS};
use crate::limits::{REPORT_HEADROOM_ENIS_MAX, REPORT_HEAT_ENIS_MAX};
use crate::window::{Day, EniId, Hour};

/// Heat map and new destinations.
pub(super) fn fleet(lake: &Lake, seen: &Seen, told: &BTreeMap<EniId, u64>) -> Result<Fleet, Error> {
    let heat_hours = (Hour::of_second(seen.to_second).0 - seen.heat_first.0) as usize;
    let told_of = |id: &EniId| told.get(id).copied().unwrap_or(0);
    let mut hosts: Vec<_> = seen.hosts.iter().collect();
    hosts.sort_by_key(|(id, host)| (Reverse(told_of(id)), Reverse(host.egress_bytes), *id));
    let heat: Vec<HeatRow> = hosts
        .iter()
        .take(REPORT_HEAT_ENIS_MAX)
        .map(|(id, host)| HeatRow {
            eni: shown(&id.eni),
            account: shown(&id.account),
            told: told_of(id),
            egress_bytes: host.egress_bytes,
            sent: host.sent(seen.heat_first, heat_hours),
        })
        .collect();
    let new_destinations = seen.snapshot_day.map_or_else(|| Ok(Vec::new()), |day| new_by_day(lake, day));
    Ok(Fleet {
        heat_first_second: seen.heat_first.start_second(),
        heat_hours,
        heat_more: hosts.len().saturating_sub(heat.len()) as u64,
        heat,
        new_destinations: new_destinations.map_err(stored(lake))?,
        headroom: headroom(lake, seen).map_err(stored(lake))?,
    })
}

/// The headroom of the last day in the range that it was measured for.
fn headroom(lake: &Lake, seen: &Seen) -> Result<Option<Headroom>, LakeError> {
    let inside = |day: Day| (seen.from_second..seen.to_second).contains(&day.first_hour().start_second());
    let measured: Vec<_> = lake.partitions(&HEADROOM)?.into_iter().filter(|p| inside(p.day)).collect();
    let Some(day) = measured.last().map(|partition| partition.day) else { return Ok(None) };
    let mut rows = Vec::new();
    for partition in measured.iter().filter(|partition| partition.day == day) {
        let values = partition.values();
        let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
        for columns in lake.read_table(&HEADROOM, &values)?.into_iter().flatten() {
            let columns = columns?;
            let (eni, tier, known_to) =
                (columns.text("eni")?, columns.text("tier")?, columns.text("known_destination")?);
            let (new, known) = (columns.int64("new_bytes")?, columns.int64("known_bytes")?);
            rows.extend((0..columns.len()).map(|row| HeadroomRow {
                eni: shown(eni.value(row)),
                tier: shown(tier.value(row)),
                new_bytes: new.value(row).max(0).cast_unsigned(),
                known_bytes: known.is_valid(row).then(|| known.value(row).max(0).cast_unsigned()),
                known_destination: if known_to.is_valid(row) {
                    shown(known_to.value(row))
                } else {
                    String::new()
                },
            }));
        }
    }
    rows.sort_by(|a, b| (Reverse(a.new_bytes), &a.eni).cmp(&(Reverse(b.new_bytes), &b.eni)));
    // Descending: what nine of ten stay below is a tenth from the top.
    let at_share = |share: f64| rows.get((rows.len() as f64 * share) as usize).map_or(0, |row| row.new_bytes);
    let (median_new_bytes, p90_new_bytes) = (at_share(0.5), at_share(0.1));
    let hosts = rows.len() as u64;
    rows.truncate(REPORT_HEADROOM_ENIS_MAX);
    let day_second = day.first_hour().start_second();
    Ok(Some(Headroom { day_second, hosts, median_new_bytes, p90_new_bytes, most: rows }))
}

/// The part of a stored history that is needed here.
#[derive(Deserialize)]
struct Novelties {
    novelty: VecDeque<NoveltyDay>,
}

/// New destinations by day, as the baselines of `day` remember them: also those that stood out
/// and were not learned.
fn new_by_day(lake: &Lake, day: Day) -> Result<Vec<NewDestinations>, LakeError> {
    let date = day.date().to_string();
    let mut days: BTreeMap<u32, [u64; Novelty::ALL.len()]> = BTreeMap::new();
    let Some(reader) = lake.read_columns(&SNAPSHOTS, &[("date", &date)], &["scope", "state"])? else {
        return Ok(Vec::new());
    };
    for columns in reader {
        let columns = columns?;
        let (scope, state) = (columns.text("scope")?, columns.text("state")?);
        for row in (0..columns.len()).filter(|row| scope.value(*row) == "eni") {
            let history: Novelties =
                serde_json::from_str(state.value(row)).map_err(|error| columns.damaged(error.to_string()))?;
            for met in &history.novelty {
                let sums = days.entry(met.day).or_default();
                for class in Novelty::ALL.map(|class| class as usize) {
                    sums[class] += u64::from(met.sizes[class].n()) + u64::from(met.held[class].n());
                }
            }
        }
    }
    let of_day = |(day, sums): (u32, [u64; Novelty::ALL.len()])| NewDestinations {
        day_second: Day(day).first_hour().start_second(),
        to_all: sums[Novelty::NewToAll as usize],
        to_eni: sums[Novelty::KnownToOthers as usize],
        in_known_network: sums[Novelty::InKnownNetwork as usize],
    };
    Ok(days.into_iter().map(of_day).collect())
}
