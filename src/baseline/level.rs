//! Volumes on the scale that detectors compare them on.

/// Bytes of the scale's unit: below it differences do not matter (detection.md B.3).
const UNIT_BYTES: f64 = 1024.0;
/// Steps per doubling: 1/1024 of a doubling is 0.07 %.
const STEPS: f64 = 1024.0;

/// `log2(1 + value / 1 KiB)` in steps of 1/1024: 16 bits instead of a float, exact to store.
/// A value of 2^63 bytes is 53 doublings, so it fits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Level(pub u16);

impl Level {
    /// The level of a number of bytes.
    pub fn of_bytes(bytes: u64) -> Self {
        Self::of(bytes as f64 / UNIT_BYTES)
    }

    /// The level of a count (destinations, ports): `log2(1 + count)`.
    pub fn of_count(count: u64) -> Self {
        Self::of(count as f64)
    }

    fn of(value: f64) -> Self {
        Self::of_log2((1.0 + value).log2())
    }

    /// The level that is this many doublings.
    pub fn of_log2(doublings: f64) -> Self {
        let steps = (doublings * STEPS).clamp(0.0, f64::from(u16::MAX));
        // Rounded by hand: a call of `round` costs as much as all the rest.
        let whole = steps as u16;
        Self(whole + u16::from(steps - f64::from(whole) >= 0.5))
    }

    /// Doublings.
    pub fn log2(self) -> f64 {
        f64::from(self.0) / STEPS
    }
}

/// The bytes that a level in doublings stands for.
pub fn bytes_of(log2: f64) -> f64 {
    (log2.exp2() - 1.0).max(0.0) * UNIT_BYTES
}

/// The count that a level in doublings stands for.
pub fn count_of(log2: f64) -> f64 {
    (log2.exp2() - 1.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_give_back_their_bytes_within_a_step() {
        for bytes in [0, 1024, 1_000_000, 10 << 30, u64::MAX / 2] {
            let back = bytes_of(Level::of_bytes(bytes).log2());
            assert!((back - bytes as f64).abs() <= bytes as f64 * 0.001 + 1.0, "{bytes} {back}");
        }
    }

    #[test]
    fn doublings_round_to_the_nearest_step() {
        for steps in [0.0, 0.2, 0.5, 0.500_001, 1.499_999, 1.5, 40_960.5, 65_534.6, 65_535.0, 65_536.4] {
            let rounded = f64::round(steps).min(65_535.0) as u16;
            assert_eq!(Level::of_log2(steps / STEPS), Level(rounded), "{steps}");
        }
        assert_eq!((Level::of_log2(-0.7), Level::of_log2(f64::INFINITY)), (Level(0), Level(u16::MAX)));
    }

    #[test]
    fn levels_are_monotone_and_never_wrap() {
        assert!(Level::of_bytes(u64::MAX) > Level::of_bytes(u64::MAX / 2));
        assert_eq!(Level::of_bytes(0), Level(0));
    }
}
