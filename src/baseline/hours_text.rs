//! The values of a day's hours as one text: most of a stored baseline are these, and most destinations
//! are used in one hour of their day.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const HOURS: usize = 24;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// Longest text: the hour, and all hours of the widest values.
const TEXT_BYTES_MAX: usize = 2 + HOURS * 4;

/// Values of the hours of a day. As text: two digits for the first hour that is not 0, then `DIGITS`
/// hexadecimal digits for each hour from it up to the last that is not 0; nothing for no such hour.
pub(super) struct HoursText<const DIGITS: usize>(pub(super) [u16; HOURS]);

impl<const DIGITS: usize> Serialize for HoursText<DIGITS> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(first) = self.0.iter().position(|value| *value > 0) else { return to.serialize_str("") };
        let last = self.0.iter().rposition(|value| *value > 0).unwrap_or(first);
        let mut text = [0; TEXT_BYTES_MAX];
        let length = 2 + (last + 1 - first) * DIGITS;
        text[0] = HEX[first / 10];
        text[1] = HEX[first % 10];
        for (digits, value) in text[2..length].chunks_exact_mut(DIGITS).zip(&self.0[first..=last]) {
            let value = usize::from(*value);
            digits
                .iter_mut()
                .rev()
                .enumerate()
                .for_each(|(place, digit)| *digit = HEX[value >> (4 * place) & 15]);
        }
        to.serialize_str(str::from_utf8(&text[..length]).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de, const DIGITS: usize> Deserialize<'de> for HoursText<DIGITS> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        parse::<DIGITS>(text.as_bytes()).map(Self).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is not an hour and {DIGITS} digits for each hour from it"))
        })
    }
}

fn parse<const DIGITS: usize>(text: &[u8]) -> Option<[u16; HOURS]> {
    let mut values = [0; HOURS];
    let Some((first, digits)) = text.split_first_chunk::<2>() else {
        return text.is_empty().then_some(values);
    };
    let first = usize::try_from(number(first, 10)?).ok()?;
    let (hours, rest) = digits.as_chunks::<DIGITS>();
    let to = values.get_mut(first..first + hours.len()).filter(|_| rest.is_empty())?;
    for (value, digits) in to.iter_mut().zip(hours) {
        *value = u16::try_from(number(digits, 16)?).ok()?;
    }
    Some(values)
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number * base + char::from(*digit).to_digit(base)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text<const DIGITS: usize>(values: [u16; HOURS]) -> String {
        serde_json::to_string(&HoursText::<DIGITS>(values)).unwrap()
    }

    fn read<const DIGITS: usize>(text: &str) -> Result<[u16; HOURS], serde_json::Error> {
        serde_json::from_str::<HoursText<DIGITS>>(text).map(|hours| hours.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn hours_read_back_from_their_text(values: [u16; HOURS], used: u32) {
            let hours = |most: u16| std::array::from_fn(|hour| if used >> hour & 1 == 1 { values[hour] & most } else { 0 });
            prop_assert_eq!(read::<4>(&text::<4>(hours(u16::MAX))).unwrap(), hours(u16::MAX));
            prop_assert_eq!(read::<2>(&text::<2>(hours(0xff))).unwrap(), hours(0xff));
        }
    }

    #[test]
    fn only_hours_between_the_first_and_the_last_are_written() {
        assert_eq!(text::<2>([0; HOURS]), r#""""#);
        let one = std::array::from_fn(|hour| if hour == 13 { 12 } else { 0 });
        assert_eq!((text::<2>(one), text::<4>(one)), (r#""130c""#.to_owned(), r#""13000c""#.to_owned()));
        let two = std::array::from_fn(|hour| if hour == 0 || hour == 2 { 0xff } else { 0 });
        assert_eq!(text::<2>(two), r#""00ff00ff""#);
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in
            [r#""1""#, r#""13c""#, r#""13xx""#, r#""240c""#, r#""230c0c""#, r#""1a0c""#, "7", r#""éé""#]
        {
            assert!(read::<2>(bad).is_err(), "{bad}");
        }
    }
}
