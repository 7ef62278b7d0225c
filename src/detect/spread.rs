//! D6, fan-out: unusually many networks contacted, or refused, in an hour (T1046, T1090, T1071).

use super::evidence::{Detector, Evidence};
use crate::baseline::fleet::{FleetModel, Pool};
use crate::baseline::level::{Level, count_of};
use crate::baseline::series::SeriesModel;

/// Networks below which fan-out raises nothing (detection.md D6).
const FLOOR: u64 = 30;

/// Evidence of `count` networks in an hour; `None` below the floor.
pub fn evidence(
    detector: Detector,
    pool: Pool,
    count: u64,
    hour_of_day: usize,
    model: &SeriesModel,
    fleet: &FleetModel,
) -> Option<Evidence> {
    if count < FLOOR {
        return None;
    }
    let level = Level::of_count(count);
    let p = fleet.per_eni_hour(pool, model.own_bits(hour_of_day, level));
    let expected = count_of(model.middle[hour_of_day]);
    Some(Evidence { detector, p, observed: count as f64, expected, n: u64::from(model.n()) })
}
