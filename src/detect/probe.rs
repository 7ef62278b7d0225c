//! D10, probe then success: refused here and there, then let through to a destination that is new
//! (T1571, T1048, T1046).
//!
//! Refusals are counted in the hour of the success and the hour before it. As for protocols, how
//! surprising that is, is learned: `p` is the share of the account's ENI-hours in which it
//! happened.

use super::evidence::{Detector, Evidence};
use super::protocol::rare_event_p;
use crate::baseline::fleet::{FleetModel, PROBE_THEN_SUCCESS};

/// Distinct (peer, protocol, port) refused from which it is a probe: a wrong security group refuses
/// the same few.
pub const REFUSED_MIN: u64 = 12;
/// Application bytes of the success from which it matters.
pub const SUCCESS_BYTES: u64 = 1 << 20;

/// Whether `refused` attempts before `app_bytes` to a destination that `is_new` are a probe.
pub fn is_probe(refused: u64, app_bytes: u64, is_new: bool) -> bool {
    is_new && refused >= REFUSED_MIN && app_bytes >= SUCCESS_BYTES
}

/// Evidence of a probe that succeeded.
pub fn evidence(refused: u64, fleet: &FleetModel) -> Evidence {
    Evidence {
        detector: Detector::ProbeThenSuccess,
        p: rare_event_p(PROBE_THEN_SUCCESS, fleet),
        observed: refused as f64,
        expected: 0.0,
        n: fleet.eni_hours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::fleet::FleetHistory;

    #[test]
    fn only_many_refusals_before_data_to_a_new_place_are_a_probe() {
        assert!(is_probe(40, 1 << 20, true));
        assert!(!is_probe(40, 1 << 20, false), "a known place was let through before");
        assert!(!is_probe(3, 1 << 20, true) && !is_probe(40, 900, true));
    }

    #[test]
    fn an_account_in_which_it_happens_all_day_is_not_surprised() {
        let mut fleet = FleetModel::learn(&FleetHistory::default(), &[], 0);
        fleet.eni_hours = 50_000;
        let rare = evidence(40, &fleet).bits();
        fleet.rare[PROBE_THEN_SUCCESS] = 5_000;
        assert!(rare > 15.0 && evidence(40, &fleet).bits() < 4.0);
    }
}
