//! D3, volume to a known destination: an hour against what this hour of the day usually brings,
//! the day so far against the usual day, and what one address got for how long without a gap
//! against the most of earlier days (T1030, T1041, T1567.002). Catches "use a service that is
//! already familiar": ten times the usual hour is inside what bursty hosts do, an hour of it to
//! one address is not.

use super::evidence::{Detector, Evidence};
use crate::baseline::destination::{DestinationModel, SUSTAINED_BYTES_MIN};
use crate::baseline::fleet::{FleetModel, Pool};
use crate::baseline::level::Level;

/// Application bytes in an hour, also sustained ones, below which a known destination raises
/// nothing.
pub(super) const FLOOR_BYTES: u64 = 1 << 20;

/// Smallest p believed of what was sustained: a pool of days says little of the rarest, and a job
/// that begins to send more does it every day.
const SUSTAINED_P_MIN: f64 = 1.0 / 32_768.0;

/// Evidence of an hour, of the day so far and of what was sustained, all per ENI-hour; empty
/// below the floor.
pub fn evidence(
    hour_app_bytes: u64,
    day_app_bytes: u64,
    sustained_bytes: u64,
    hour_of_day: usize,
    model: &DestinationModel,
    fleet: &FleetModel,
) -> impl Iterator<Item = Evidence> {
    let is_enough = hour_app_bytes >= FLOOR_BYTES;
    let spoken = is_enough.then(|| {
        let (hour, day) = (Level::of_bytes(hour_app_bytes), Level::of_bytes(day_app_bytes));
        let hour_p = fleet.per_eni_hour(Pool::DestinationHour, model.own_hour_bits(hour_of_day, hour));
        let day_p = fleet.per_eni_hour(Pool::DestinationDay, model.own_day_bits(day));
        let of_hour = Evidence {
            detector: Detector::KnownDestinationHour,
            p: hour_p,
            observed: hour_app_bytes as f64,
            expected: model.expected_hour_bytes(hour_of_day),
            n: u64::from(model.hours()),
        };
        let of_day = Evidence {
            detector: Detector::KnownDestinationDay,
            p: day_p,
            observed: day_app_bytes as f64,
            expected: model.expected_day_bytes(),
            n: u64::from(model.days()),
        };
        let sustained = (sustained_bytes >= SUSTAINED_BYTES_MIN).then(|| Evidence {
            detector: Detector::KnownDestinationSustained,
            p: fleet
                .per_eni_hour(Pool::Sustained, model.sustained_bits(Level::of_bytes(sustained_bytes)))
                .max(SUSTAINED_P_MIN),
            observed: sustained_bytes as f64,
            expected: model.expected_sustained_bytes(),
            n: u64::from(model.days()),
        });
        [Some(of_hour), Some(of_day), sustained]
    });
    spoken.into_iter().flatten().flatten()
}
