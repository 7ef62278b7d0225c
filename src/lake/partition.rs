//! Partition paths. Account and region come out of logs that an attacker may have shaped, so a
//! value can never leave its directory: everything but `[A-Za-z0-9_-]` is percent-encoded, as
//! Hive does (`FileUtils.escapePathName`) for a smaller set.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::window::Day;

/// Hive's name for an empty or NULL partition value.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// Longest encoded value that is kept readable, bytes: file systems take 255 for `key=value`.
const VALUE_BYTES_MAX: usize = 200;
/// Marks a value that was too long and stands as its hash. Never occurs in an encoded value.
const HASH_MARK: char = '~';
/// Hexadecimal digits of that hash.
const HASH_DIGITS: usize = 64;

/// One partition of `hourly/`, `coverage/` or `alerts/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    /// Account id as in the logs.
    pub account: Arc<str>,
    /// Region as in the logs.
    pub region: Arc<str>,
    /// UTC day of event time.
    pub day: Day,
}

impl Partition {
    /// Its keys and values in path order.
    pub fn values(&self) -> [(&'static str, String); 3] {
        let date = self.day.date().to_string();
        [("account", self.account.to_string()), ("region", self.region.to_string()), ("date", date)]
    }

    /// By day first: the order in which history is replayed.
    pub(super) fn order(&self) -> (Day, &str, &str) {
        (self.day, &self.account, &self.region)
    }
}

/// A partition value as a safe file name.
pub(super) fn encode(value: &str) -> String {
    if value.is_empty() {
        return HIVE_NULL.to_owned();
    }
    if is_hashed(value) {
        return value.to_owned();
    }
    let mut name = String::with_capacity(value.len());
    for (at, byte) in value.bytes().enumerate() {
        // A value that spells Hive's NULL must not be read back as empty.
        let safe = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if safe && !(at == 0 && value == HIVE_NULL) {
            name.push(char::from(byte));
        } else {
            write!(name, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    if name.len() > VALUE_BYTES_MAX {
        return format!("{HASH_MARK}{}", blake3::hash(value.as_bytes()).to_hex());
    }
    name
}

/// Whether this is the stand-in of a value that was too long.
fn is_hashed(value: &str) -> bool {
    value.strip_prefix(HASH_MARK).is_some_and(|hex| {
        hex.len() == HASH_DIGITS && hex.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
    })
}

/// The value of a file name; `None` when it was not made by `encode`.
pub(super) fn decode(name: &str) -> Option<String> {
    if name == HIVE_NULL {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let value = String::from_utf8(bytes).ok()?;
    (encode(&value) == name).then_some(value)
}

/// The day a `date=` value names.
pub(super) fn parse_date(text: &str) -> Option<Day> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let day = Day(u32::try_from(start.as_second().div_euclid(86_400)).ok()?);
    (day.date().to_string() == text).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_stay_one_harmless_file_name() {
        let long = "x".repeat(5000);
        let all = [
            "..",
            ".",
            "",
            "/",
            "../../etc",
            "a/b",
            "a\\b",
            "a%2Fb",
            "a=b",
            "\0",
            "é",
            " ",
            HIVE_NULL,
            &long,
        ];
        let mut seen = std::collections::BTreeSet::new();
        for value in all {
            let name = encode(value);
            let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_%~".contains(&b);
            assert!(name.bytes().all(safe), "{value:?} gave {name:?}");
            assert!((1..=VALUE_BYTES_MAX).contains(&name.len()));
            assert!(seen.insert(name.clone()), "{value:?} collides as {name:?}");
            let back = decode(&name).unwrap();
            assert_eq!(encode(&back), name);
            if value.len() < VALUE_BYTES_MAX {
                assert_eq!(back, value);
            }
        }
        assert_eq!(encode("123456789012"), "123456789012");
        assert_eq!(encode("eu-central-1"), "eu-central-1");
        assert_eq!(encode("../x"), "%2E%2E%2Fx");
    }

    #[test]
    fn names_that_were_not_made_here_are_not_read() {
        for name in ["a%2", "a%zz", "a.b", "%61", "%ff", "..", "%2f"] {
            assert_eq!(decode(name), None, "{name}");
        }
    }

    #[test]
    fn dates_read_back() {
        for day in [0, 19_000, 20_500, 47_846] {
            assert_eq!(parse_date(&Day(day).date().to_string()), Some(Day(day)));
        }
        for text in ["", "2026-13-01", "2026-1-1", "1969-12-31", "x", "2026-01-01T00"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
