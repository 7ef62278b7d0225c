//! D6, fan-out: unusually many networks contacted, or refused, in an hour (T1046, T1090, T1071).

use super::evidence::{Detector, Evidence};
use crate::baseline::fleet::{FleetModel, Pool};
use crate::baseline::level::{Level, count_of};
use crate::baseline::series::SeriesModel;

/// Networks below which fan-out raises nothing (detection.md D6).
const FLOOR: u64 = 30;

/// Smallest p believed of a sweep that carries no data. Looking around is not yet leaving: it is kept
/// for who investigates, and speaks up by what follows it (D1, D10).
const WITHOUT_DATA_P_MIN: f64 = 1.0 / 1024.0;

/// Evidence of `count` networks in an hour, which `has_data` when new ones of them got as much as
/// makes a volume; `None` below the floor.
pub fn evidence(
    detector: Detector,
    pool: Pool,
    (count, has_data): (u64, bool),
    hour_of_day: usize,
    model: &SeriesModel,
    fleet: &FleetModel,
) -> Option<Evidence> {
    if count < FLOOR {
        return None;
    }
    let level = Level::of_count(count);
    let p = fleet.per_eni_hour(pool, model.own_bits(hour_of_day, level));
    let p = if has_data { p } else { p.max(WITHOUT_DATA_P_MIN) };
    let expected = count_of(model.middle[hour_of_day]);
    Some(Evidence { detector, p, observed: count as f64, expected, n: u64::from(model.n()) })
}
