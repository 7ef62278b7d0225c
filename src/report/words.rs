//! Numbers, times and foreign text as people can safely read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) use crate::alert::human_bytes;
use crate::alert::render::safe;
use crate::limits::REPORT_TEXT_CHARS_MAX;

/// Foreign text as it is shown: what hides or reorders text is spelled out, and what is endless
/// is cut with a mark that says how much is missing.
pub(super) fn shown(text: &str) -> String {
    let safe = safe(text);
    let length = safe.chars().count();
    if length <= REPORT_TEXT_CHARS_MAX {
        return safe;
    }
    let head: String = safe.chars().take(REPORT_TEXT_CHARS_MAX).collect();
    format!("{head}… ({} more characters)", count((length - REPORT_TEXT_CHARS_MAX) as u64))
}

/// A count with thousands separated.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 hour`, `2 hours`.
pub(super) fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `443/tcp`, or the protocol where there are no ports.
pub(super) fn service(port: u16, protocol: u8) -> String {
    match protocol {
        6 => format!("{port}/tcp"),
        17 => format!("{port}/udp"),
        1 => "icmp".to_owned(),
        47 => "gre".to_owned(),
        50 => "esp".to_owned(),
        58 => "icmpv6".to_owned(),
        number => format!("protocol {number}"),
    }
}

/// Unix seconds of an RFC 3339 text; 0 for what is none.
pub(super) fn second(text: &str) -> i64 {
    text.parse::<Timestamp>().map_or(0, Timestamp::as_second)
}

/// `2026-03-01 12:00` in UTC.
pub(super) fn minute(second: i64) -> String {
    formatted(second, "%Y-%m-%d %H:%M")
}

/// `2026-03-01` in UTC.
pub(super) fn date(second: i64) -> String {
    formatted(second, "%Y-%m-%d")
}

fn formatted(second: i64, format: &str) -> String {
    Timestamp::from_second(second)
        .map_or_else(|_| "?".to_owned(), |time| time.to_zoned(TimeZone::UTC).strftime(format).to_string())
}

/// `42 min`, `3.5 h`, `2.1 days`.
pub(super) fn duration(seconds: i64) -> String {
    match seconds.max(0) {
        s if s < 5400 => format!("{} min", (s + 59) / 60),
        s if s < 172_800 => format!("{:.1} h", s as f64 / 3600.0),
        s => format!("{:.1} days", s as f64 / 86_400.0),
    }
}

/// A share as a percentage that never rounds up to a whole it is not.
pub(super) fn percent(share: f64) -> String {
    if share >= 1.0 { "100 %".to_owned() } else { format!("{:.1} %", (share * 1000.0).floor() / 10.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_spelled_out_and_bounded() {
        assert_eq!(shown("a\u{202e}b"), "a\\u{202e}b");
        let long = shown(&"x".repeat(10_000));
        assert!(long.ends_with("… (7,952 more characters)"), "{long}");
        assert_eq!(shown("</script>"), "</script>", "markup is text, and stays it");
    }

    #[test]
    fn times_and_shares_read_as_they_are() {
        assert_eq!(minute(second("2026-03-01T02:00:30+02:00")), "2026-03-01 00:00");
        assert_eq!(date(1_772_323_260), "2026-03-01");
        assert_eq!([0, 61, 5400, 200_000].map(duration), ["0 min", "2 min", "1.5 h", "2.3 days"]);
        assert_eq!([1.0, 0.99999, 0.5].map(percent), ["100 %", "99.9 %", "50.0 %"]);
        assert_eq!([service(443, 6), service(0, 1), service(7, 99)], ["443/tcp", "icmp", "protocol 99"]);
    }
}
