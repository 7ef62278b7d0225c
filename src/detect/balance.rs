//! D7, producer/consumer flip: an exchange that sends more of its bytes than this ENI's usually
//! do (PCR: Bullard & Gerth, `FloCon` 2014; T1048, T1020). Tells upload from download.

use super::evidence::{Detector, Evidence};
use crate::baseline::counts::{BalanceCounts, producer_consumer_ratio};

/// Application bytes sent from which the balance is looked at.
pub const FLOOR_BYTES: u64 = 1 << 20;
/// Destination-hours with less than this sent teach nothing about the balance: uploads are compared
/// with uploads. Any large one sends more of its bytes than small talk does; that it is large is what
/// others say already.
pub const LEARN_BYTES: u64 = FLOOR_BYTES;
/// Hours that the account's balance counts for in an ENI's.
const FLEET_WEIGHT: f64 = 20.0;

/// Evidence of the balance of a destination-hour; `None` when little was sent.
pub fn evidence(
    app_bytes: u64,
    ingress_app_bytes: u64,
    own: &BalanceCounts,
    fleet: &BalanceCounts,
) -> Option<Evidence> {
    if app_bytes < FLOOR_BYTES {
        return None;
    }
    let ratio = producer_consumer_ratio(app_bytes, ingress_app_bytes);
    let (n, all) = (f64::from(own.n()), f64::from(fleet.n()));
    let fleet_p = (f64::from(fleet.as_much(ratio)) + 1.0) / (all + 1.0);
    let p = (f64::from(own.as_much(ratio)) + FLEET_WEIGHT * fleet_p) / (n + FLEET_WEIGHT);
    let expected = own.median().or_else(|| fleet.median()).unwrap_or(0.0);
    Some(Evidence {
        detector: Detector::Balance,
        p: p.min(1.0),
        observed: ratio,
        expected,
        n: u64::from(own.n()),
    })
}
