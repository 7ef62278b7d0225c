//! D2, the ENI's hour: all external bytes it sent as a client, against what this hour of the
//! week usually brings (T1048, T1020).
//!
//! The hour is ranked by how far it departs from the shrunk seasonal median, among the ENI's own
//! past departures; `p` is how often hours of the account stood out from their own past by as
//! much. Never below the operator's floor.

use super::evidence::{Detector, Evidence};
use crate::baseline::fleet::{FleetModel, Pool};
use crate::baseline::level::{Level, bytes_of};
use crate::baseline::series::SeriesModel;

/// Evidence of `app_bytes` in an hour; `None` below the floor.
pub fn evidence(
    app_bytes: u64,
    hour_of_day: usize,
    floor_bytes: u64,
    model: &SeriesModel,
    fleet: &FleetModel,
) -> Option<Evidence> {
    series_evidence(Detector::Volume, Pool::Client, app_bytes, hour_of_day, floor_bytes, model, fleet)
}

/// The same test for any volume series.
pub(super) fn series_evidence(
    detector: Detector,
    pool: Pool,
    app_bytes: u64,
    hour_of_day: usize,
    floor_bytes: u64,
    model: &SeriesModel,
    fleet: &FleetModel,
) -> Option<Evidence> {
    if app_bytes < floor_bytes {
        return None;
    }
    let level = Level::of_bytes(app_bytes);
    let p = fleet.per_eni_hour(pool, model.own_bits(hour_of_day, level));
    let expected = bytes_of(model.middle[hour_of_day]);
    Some(Evidence { detector, p, observed: app_bytes as f64, expected, n: u64::from(model.n()) })
}
