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

/// The levels of a day's hours. Stored as text, two hexadecimal digits an hour.
pub(super) struct HourLevels(pub(super) [HourLevel; 24]);

impl Serialize for HourLevels {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 48];
        for (digits, HourLevel(level)) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *digits = [DIGITS[usize::from(level >> 4)], DIGITS[usize::from(level & 15)]];
        }
        to.serialize_str(str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for HourLevels {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let level = |digits: &[u8; 2]| Some(HourLevel(digit(digits[0])? << 4 | digit(digits[1])?));
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let levels: Option<Vec<HourLevel>> = pairs.iter().map(level).collect();
        let levels = levels.filter(|_| rest.is_empty()).and_then(|levels| levels.try_into().ok());
        levels
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a day has 24 hours of two hexadecimal digits"))
    }
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

    #[test]
    fn a_day_of_hours_reads_back_from_its_text() {
        let hours = HourLevels(std::array::from_fn(|hour| HourLevel(hour as u8 * 11)));
        let text = serde_json::to_string(&hours).unwrap();
        assert_eq!(text, r#""000b16212c37424d58636e79848f9aa5b0bbc6d1dce7f2fd""#);
        assert_eq!(serde_json::from_str::<HourLevels>(&text).unwrap().0, hours.0);
        for bad in
            [r#""""#, &text.replace("fd", "f"), &text.replace("fd", "fdfd"), &text.replace("fd", "fx"), "7"]
        {
            assert!(serde_json::from_str::<HourLevels>(bad).is_err(), "{bad}");
        }
    }
}
