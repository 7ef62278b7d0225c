//! Series on which a scale is zero or there is none: where others divide by it and fire always, or
//! never.

use super::*;

/// The hour's largest risk, with every piece of evidence finite.
fn risk(lab: &Lab, flows: Vec<FlowWindow>) -> f64 {
    let outcome = lab.clone().score(flows);
    for scored in &outcome.scored {
        assert!(scored.score.risk.is_finite(), "{:?}", scored.score);
        for found in &scored.evidence {
            assert!(found.p > 0.0 && found.p <= 1.0 && found.expected.is_finite(), "{found:?}");
        }
    }
    outcome.scored.iter().map(|scored| scored.score.risk).fold(0.0, f64::max)
}

fn sends(bytes: u64) -> Vec<FlowWindow> {
    vec![flow(KNOWN, bytes, 10 * bytes)]
}

#[test]
fn a_constant_series_neither_sleeps_nor_screams() {
    let lab = Lab::after(DAYS, |_, _| sends(20 * MIB));
    for bytes in [20 * MIB, 22 * MIB] {
        assert!(risk(&lab, sends(bytes)) < QUIET_BITS, "{bytes}");
    }
    assert!(risk(&lab, sends(2000 * MIB)) > QUIET_BITS);
}

#[test]
fn a_series_whose_mad_is_zero_neither_sleeps_nor_screams() {
    // One hour in ten is larger: the median of deviations is zero and the spread is not.
    let spiky = |_: usize, hour: Hour| sends(if hour.0.is_multiple_of(10) { 60 * MIB } else { 20 * MIB });
    let lab = Lab::after(DAYS, spiky);
    for bytes in [20 * MIB, 22 * MIB, 60 * MIB] {
        assert!(risk(&lab, sends(bytes)) < QUIET_BITS, "{bytes}: {}", risk(&lab, sends(bytes)));
    }
    assert!(risk(&lab, sends(6000 * MIB)) > QUIET_BITS);
}

#[test]
fn an_all_zero_series_gives_finite_evidence() {
    let lab = Lab::after(DAYS, |_, _| Vec::new());
    assert!(risk(&lab, Vec::new()) < KEEP_BITS, "silence after silence");
    assert!(risk(&lab, sends(20 * MIB)) > KEEP_BITS);
}

#[test]
fn a_series_of_one_sample_says_little() {
    // A destination that was used in one hour, two weeks ago: known, without a spread of its own.
    let once = |eni: usize, hour: Hour| {
        let mut flows = usual(eni, hour);
        if hour.0 == FIRST.first_hour().0 + 5 * 24 + 12 {
            flows.push(flow("192.88.2.66", 2 * MIB, 20 * MIB));
        }
        flows
    };
    let lab = Lab::after(DAYS, once);
    let again = |bytes| usual_and(&lab, vec![flow("192.88.2.66", bytes, 20 * MIB)]);
    assert!(risk(&lab, again(2 * MIB)) < QUIET_BITS, "{}", risk(&lab, again(2 * MIB)));
    let much = risk(&lab, again(5 * GIB));
    assert!(much > QUIET_BITS, "the interface's own volume speaks: {much}");
}
