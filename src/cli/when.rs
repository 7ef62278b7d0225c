//! Times and spans as people type them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A point in event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When {
    /// Unix seconds.
    pub(super) second: i64,
}

impl When {
    /// `2026-03-01T12:00:00Z` (any offset) or `2026-03-01` (UTC midnight).
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self { second: time.as_second() });
        }
        Self::parse_date(text)
            .map_err(|_| "use RFC 3339 such as 2026-03-01T12:00:00Z, or a date such as 2026-03-01".to_owned())
    }

    /// `2026-03-01`, UTC midnight.
    pub(super) fn parse_date(text: &str) -> Result<Self, String> {
        let refuse = || "use a date such as 2026-03-01".to_owned();
        if text.len() != 10 {
            return Err(refuse());
        }
        let date: Date = text.parse().map_err(|_| refuse())?;
        let midnight = date.to_zoned(TimeZone::UTC).map_err(|_| refuse())?;
        Ok(Self { second: midnight.timestamp().as_second() })
    }
}

/// `90m`, `12h`, `7d`, `2w` or `30s` to seconds, above 0.
pub(super) fn span_seconds(text: &str) -> Result<i64, String> {
    let refuse = || "use a number and a unit: 30m, 12h, 7d, 2w".to_owned();
    let unit = text.chars().last().filter(char::is_ascii).ok_or_else(refuse)?;
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(refuse()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| refuse())?;
    if number == 0 { Err(refuse()) } else { Ok(i64::from(number) * scale) }
}

/// A lateness in whole minutes, at most a day.
pub(super) fn lateness_minutes(text: &str) -> Result<u32, String> {
    let seconds = if text == "0" { 0 } else { span_seconds(text)? };
    if seconds % 60 != 0 || seconds > 86_400 {
        return Err("use whole minutes, at most 24h".to_owned());
    }
    Ok((seconds / 60) as u32)
}

/// `2026-03-01 12:00` in UTC.
pub(super) fn minute(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(
        |_| "?".to_owned(),
        |time| time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// An RFC 3339 text as `2026-03-01 12:00`; what cannot be read stays as it is.
pub(super) fn minute_of(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |time| minute(time.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_offsets_and_as_dates() {
        let second = |text| When::parse(text).map(|when| when.second);
        assert_eq!(second("2026-03-01"), Ok(1_772_323_200));
        assert_eq!(second("2026-03-01T00:00:00Z"), Ok(1_772_323_200));
        assert_eq!(second("2026-03-01T02:00:00+02:00"), Ok(1_772_323_200));
        for bad in ["", "yesterday", "2026-13-01", "2026-03-01T00:00:00", "20260301"] {
            assert!(second(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_have_units() {
        assert_eq!(span_seconds("90m"), Ok(5400));
        assert_eq!(span_seconds("7d"), Ok(604_800));
        for bad in ["", "7", "d", "0d", "-1d", "1.5h", "7é", "99999999999d"] {
            assert!(span_seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lateness_is_whole_minutes_of_at_most_a_day() {
        assert_eq!(lateness_minutes("30m"), Ok(30));
        assert_eq!(lateness_minutes("0"), Ok(0));
        assert!(lateness_minutes("90s").is_err());
        assert!(lateness_minutes("2d").is_err());
    }

    #[test]
    fn minutes_print_in_utc() {
        assert_eq!(minute(1_772_323_260), "2026-03-01 00:01");
        assert_eq!(minute_of("2026-03-01T02:00:00+02:00"), "2026-03-01 00:00");
        assert_eq!(minute_of("x"), "x");
    }
}
