//! One risk score per unit, in bits, and how severe it is.
//!
//! Inside a family the strongest evidence counts, corrected for how many could have
//! spoken (Bonferroni: valid under any dependence; a constant, so that a score never falls when
//! bytes rise past another detector's floor). The strongest family counts in full and the others
//! by half: they look at the same bytes and are not independent. On three simulated fleets kept
//! for tuning that found 59 % of the attacks at 5 false incidents a day per 1,000 ENIs; adding
//! in full 49 %, the strongest alone 41 %. Harm is bounded to break ties: leading with bytes put
//! 16 GB backups above 50 MB leaks (detection.md F.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::{Detector, Evidence, Family, bits};

/// Weight of families beside the strongest.
const OTHERS_WEIGHT: f64 = 0.5;
/// Bits from which harm is added: ordinary big talkers do not rank.
const HARM_FROM_BITS: f64 = 3.0;
/// Most that harm adds, bits; reached at 10 MiB x 2^8.
const HARM_BITS_MAX: f64 = 2.0;
const HARM_UNIT_BYTES: f64 = 10.0 * 1024.0 * 1024.0;
/// HIGH: two families this strong with this much data ... (detection.md B.5 rule 5)
const TWO_FAMILIES_BITS: f64 = 10.0;
const TWO_FAMILIES_BYTES: u64 = 10 << 20;
/// ... or one this strong with this much.
const ONE_FAMILY_BITS: f64 = 18.0;
const ONE_FAMILY_BYTES: u64 = 100 << 20;
/// CRITICAL: what HIGH asks for, times this.
const CRITICAL_FACTOR: u64 = 10;
/// MEDIUM: this many bits in all.
pub(super) const MEDIUM_BITS: f64 = 15.0;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Weak evidence or little data.
    Low,
    /// Worth a look within the budget.
    Medium,
    /// Two strong kinds of evidence, or one very strong with much data.
    High,
    /// HIGH with at least ten times the data that HIGH asks for.
    Critical,
}

impl Severity {
    /// The word in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

/// The score of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Bits by `Family`, after correction and confidence.
    pub families: [f64; Family::ALL.len()],
    /// Risk, bits.
    pub risk: f64,
    /// Severity by rule.
    pub severity: Severity,
}

/// Combines evidence, discounted by `confidence` in [0, 1] for a short past, and the risk by
/// `seen` in [0, 1] for what could not be seen.
pub fn combine(
    evidence: &[Evidence],
    confidence: f64,
    seen: f64,
    app_bytes: u64,
    over_ceiling: bool,
) -> Score {
    let [mut leading, mut corroborating, mut independent] = [[0.0_f64; Family::ALL.len()]; 3];
    for e in evidence {
        let bits = confidence * bits(e.detector.alternatives() * e.p);
        let of_family = |all: &mut [f64; Family::ALL.len()]| {
            let strongest = &mut all[e.detector.family() as usize];
            *strongest = strongest.max(bits);
        };
        of_family(if e.detector.corroborates() { &mut corroborating } else { &mut leading });
        // Of HIGH only what looks at other bytes than the rest: an hour that is large and long is one.
        if e.detector != Detector::KnownDestinationSustained {
            of_family(&mut independent);
        }
    }
    // What only corroborates is worth no more than the strongest of the rest.
    let lead = leading.iter().copied().fold(0.0, f64::max);
    let families: [f64; Family::ALL.len()] =
        std::array::from_fn(|f| leading[f].max(corroborating[f].min(lead)));
    let independent: [f64; Family::ALL.len()] = std::array::from_fn(|f| independent[f].min(families[f]));
    let best = families.iter().copied().fold(0.0, f64::max);
    let sum = best + OTHERS_WEIGHT * (families.iter().sum::<f64>() - best);
    let harm = if sum >= HARM_FROM_BITS {
        ((1.0 + app_bytes as f64 / HARM_UNIT_BYTES).log2() / 4.0).min(HARM_BITS_MAX)
    } else {
        0.0
    };
    let severity = severity(&independent, sum, app_bytes, over_ceiling);
    Score { families, risk: seen * (sum + harm), severity }
}

fn severity(families: &[f64], sum: f64, app_bytes: u64, over_ceiling: bool) -> Severity {
    let strong = families.iter().filter(|b| **b >= TWO_FAMILIES_BITS).count();
    let very = families.iter().any(|b| *b >= ONE_FAMILY_BITS);
    let high = |factor: u64| {
        (strong >= 2 && app_bytes >= factor * TWO_FAMILIES_BYTES)
            || (very && app_bytes >= factor * ONE_FAMILY_BYTES)
    };
    if high(CRITICAL_FACTOR) {
        Severity::Critical
    } else if high(1) || over_ceiling {
        Severity::High
    } else if sum >= MEDIUM_BITS {
        Severity::Medium
    } else {
        Severity::Low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detector;

    fn evidence(detector: Detector, bits: f64) -> Evidence {
        Evidence { detector, p: (-bits).exp2(), observed: 0.0, expected: 0.0, n: 1 }
    }

    #[test]
    fn families_add_by_half_and_members_of_one_do_not() {
        let one = combine(&[evidence(Detector::NewDestination, 12.0)], 1.0, 1.0, 0, false);
        let two = combine(
            &[evidence(Detector::NewDestination, 12.0), evidence(Detector::Volume, 9.0)],
            1.0,
            1.0,
            0,
            false,
        );
        assert!((two.risk - one.risk - (9.0 - 4_f64.log2()) / 2.0).abs() < 1e-9);
        let same = [evidence(Detector::Volume, 9.0), evidence(Detector::KnownDestinationHour, 9.0)];
        assert!((combine(&same, 1.0, 1.0, 0, false).risk - (9.0 - 4_f64.log2())).abs() < 1e-9);
    }

    #[test]
    fn evenness_corroborates_and_never_leads() {
        let risk = |evidence: &[Evidence]| combine(evidence, 1.0, 1.0, 0, false).risk;
        let (beacon, new) = (evidence(Detector::Beacon, 18.0), evidence(Detector::NewDestination, 6.0));
        assert!(risk(&[beacon]) < 1e-9);
        assert!((risk(&[new, beacon]) - 9.0).abs() < 1e-9, "half of what the other says, at most");
    }

    #[test]
    fn harm_breaks_ties_and_never_leads() {
        let weak_but_huge = combine(&[evidence(Detector::Volume, 8.0)], 1.0, 1.0, 1 << 44, false);
        let strong_but_small =
            combine(&[evidence(Detector::NewDestination, 14.0)], 1.0, 1.0, 50 << 20, false);
        assert!(strong_but_small.risk > weak_but_huge.risk);
        let silent = combine(&[evidence(Detector::Volume, 2.0)], 1.0, 1.0, 1 << 44, false);
        assert!(silent.risk < 2.0 + 1e-9);
    }

    #[test]
    fn high_needs_evidence_and_data() {
        let two = [evidence(Detector::NewDestination, 12.0), evidence(Detector::Balance, 12.0)];
        assert_eq!(combine(&two, 1.0, 1.0, 1 << 20, false).severity, Severity::Medium);
        assert_eq!(combine(&two, 1.0, 1.0, 11 << 20, false).severity, Severity::High);
        assert_eq!(combine(&two, 1.0, 1.0, 200 << 20, false).severity, Severity::Critical);
        assert_eq!(combine(&two, 0.4, 1.0, 200 << 20, false).severity, Severity::Low);
        let one = [evidence(Detector::NewDestination, 19.0)];
        assert_eq!(combine(&one, 1.0, 1.0, 50 << 20, false).severity, Severity::Medium);
        assert_eq!(combine(&one, 1.0, 1.0, 101 << 20, false).severity, Severity::High);
        assert_eq!(combine(&[], 1.0, 1.0, 1 << 40, true).severity, Severity::High);
    }

    #[test]
    fn an_hour_that_is_large_and_long_is_one_reason() {
        let hour = evidence(Detector::KnownDestinationHour, 13.0);
        let both = [hour, evidence(Detector::KnownDestinationSustained, 14.0)];
        let with = combine(&both, 1.0, 1.0, 200 << 20, false);
        assert_eq!(with.severity, Severity::Medium);
        assert!(with.risk > combine(&[hour], 1.0, 1.0, 200 << 20, false).risk + 4.0);
    }
}
