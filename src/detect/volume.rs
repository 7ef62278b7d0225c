//! D2, the ENI's hour: all external bytes it sent as a client, against what this hour of the
//! week usually brings (T1048, T1020).
//!
//! `z` is the distance from the shrunk seasonal median in robust spreads; `p` is the larger of
//! two: the pooled tail of past z over the account, and the ENI's own past sizes, so that what
//! has happened here before is not news. Never below the operator's floor.

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
    let p = fleet.tails[pool as usize].p(model.z(hour_of_day, level)).max(model.own_p(hour_of_day, level));
    let expected = bytes_of(model.middle[hour_of_day]);
    Some(Evidence { detector, p, observed: app_bytes as f64, expected, n: u64::from(model.n) })
}
