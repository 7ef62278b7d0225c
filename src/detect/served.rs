//! S1, served volume: the most that one client network took in an hour, against the usual
//! largest client-hour of this ENI (pull-style exfiltration through a server: T1190 -> T1048).
//!
//! Replies have their own model: in the client one they would be the largest source of false
//! "new destination" alerts.

use super::evidence::{Detector, Evidence};
use super::volume::series_evidence;
use crate::baseline::fleet::{FleetModel, Pool};
use crate::baseline::series::SeriesModel;

/// Evidence of `app_bytes` served to one client network in an hour; `None` below the floor.
pub fn evidence(
    app_bytes: u64,
    hour_of_day: usize,
    floor_bytes: u64,
    model: &SeriesModel,
    fleet: &FleetModel,
) -> Option<Evidence> {
    series_evidence(Detector::Served, Pool::ServedTop, app_bytes, hour_of_day, floor_bytes, model, fleet)
}
