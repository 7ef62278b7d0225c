//! D3, volume to a known destination: an hour against what this hour of the
//! day usually brings, and the day so far against the usual day (T1030, T1041, T1567.002). Catches "use a service that is
//! already familiar".

use super::evidence::{Detector, Evidence};
use crate::baseline::destination::DestinationModel;
use crate::baseline::fleet::{FleetModel, Pool};
use crate::baseline::level::Level;

/// Application bytes in an hour below which a known destination raises nothing.
const FLOOR_BYTES: u64 = 1 << 20;

/// Evidence of an hour and of the day so far, both per ENI-hour; empty below the floor.
pub fn evidence(
    hour_app_bytes: u64,
    day_app_bytes: u64,
    hour_of_day: usize,
    model: &DestinationModel,
    fleet: &FleetModel,
) -> Vec<Evidence> {
    if hour_app_bytes < FLOOR_BYTES {
        return Vec::new();
    }
    let (hour, day) = (Level::of_bytes(hour_app_bytes), Level::of_bytes(day_app_bytes));
    let hour_p = fleet.per_eni_hour(Pool::DestinationHour, model.own_hour_bits(hour_of_day, hour));
    let day_p = fleet.per_eni_hour(Pool::DestinationDay, model.own_day_bits(day));
    vec![
        Evidence {
            detector: Detector::KnownDestinationHour,
            p: hour_p,
            observed: hour_app_bytes as f64,
            expected: model.expected_hour_bytes(hour_of_day),
            n: u64::from(model.hours()),
        },
        Evidence {
            detector: Detector::KnownDestinationDay,
            p: day_p,
            observed: day_app_bytes as f64,
            expected: model.expected_day_bytes(),
            n: u64::from(model.days()),
        },
    ]
}
