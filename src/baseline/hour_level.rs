//! The level of an hour to one destination, in a byte.

use serde::{Deserialize, Serialize};

use super::level::Level;

/// Steps of a [`Level`] in a quarter doubling.
const STEPS_PER_QUARTER: u32 = 256;

/// The level of an hour in quarter doublings: 0 for none, so that a day of hours is 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HourLevel(pub(super) u8);

impl HourLevel {
    /// The level of an hour in which `app_bytes` were sent; never 0.
    pub fn of_bytes(app_bytes: u64) -> Self {
        Self::of_level(Level::of_bytes(app_bytes))
    }

    /// The same, of the level of these bytes.
    pub fn of_level(level: Level) -> Self {
        let quarters = (u32::from(level.0) + STEPS_PER_QUARTER / 2) / STEPS_PER_QUARTER;
        Self(quarters.clamp(1, 255) as u8)
    }

    /// Doublings, `None` when nothing was sent.
    pub fn log2(self) -> Option<f64> {
        self.is_active().then_some(self.doublings())
    }

    pub(super) fn is_active(self) -> bool {
        self.0 > 0
    }

    pub(super) fn doublings(self) -> f64 {
        f64::from(self.0) / 4.0
    }
}

/// The median, doublings; `None` of nothing. Changes the order of `levels`.
pub(super) fn median_level(levels: &mut [HourLevel]) -> Option<f64> {
    if levels.is_empty() {
        return None;
    }
    let is_odd = levels.len() % 2 == 1;
    let (below, &mut middle, _) = levels.select_nth_unstable(levels.len() / 2);
    if is_odd {
        return Some(middle.doublings());
    }
    below.iter().max().map(|largest| f64::midpoint(largest.doublings(), middle.doublings()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_the_nearest_quarter_doubling() {
        for steps in (0..=u16::MAX).step_by(64) {
            let nearest = (Level(steps).log2() * 4.0).round().clamp(1.0, 255.0);
            assert_eq!(HourLevel::of_level(Level(steps)), HourLevel(nearest as u8), "{steps}");
        }
    }
}
