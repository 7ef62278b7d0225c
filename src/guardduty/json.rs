//! Reads leaves out of JSON whose types and spelling vary.
//!
//! Public samples show numbers as texts and texts as numbers, times as ISO 8601 with and without
//! zone and as epoch seconds or milliseconds, `null` for objects, and all keys in camelCase or
//! `PascalCase`. A leaf that cannot be understood is absent; it never costs the finding.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use crate::limits::FINDING_TEXT_BYTES_MAX;
use crate::net::Addr;

/// Epoch numbers from here on are milliseconds: as seconds they would lie beyond the year 5000.
const MILLISECONDS_FROM: f64 = 1e11;

/// The member `key` (camelCase) in either spelling; `None` when absent or `null`.
pub(super) fn get<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    let found = object.get(key).or_else(|| {
        let same = |(name, _): &(&String, &Value)| name.eq_ignore_ascii_case(key);
        object.iter().find(same).map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

/// The member at the end of a path of keys.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| get(value, key))
}

/// The elements of an array member; a single object counts as one element.
pub(super) fn each<'v>(value: &'v Value, path: &[&str]) -> impl Iterator<Item = &'v Value> {
    let found = at(value, path);
    let (many, one) = match found {
        Some(Value::Array(items)) => (items.as_slice(), None),
        other => (&[][..], other),
    };
    many.iter().chain(one)
}

/// A text that is not empty; numbers are taken as they print.
pub(super) fn text(value: &Value, path: &[&str]) -> Option<Arc<str>> {
    let text = match at(value, path)? {
        Value::String(text) => text.trim().into(),
        Value::Number(number) => Arc::<str>::from(number.to_string()),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= FINDING_TEXT_BYTES_MAX).then_some(text)
}

/// A number, also when it is spelled as a text.
pub(super) fn number(value: &Value, path: &[&str]) -> Option<f64> {
    let number = match at(value, path)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// A truth value, also as a text.
pub(super) fn truth(value: &Value, path: &[&str]) -> bool {
    match at(value, path) {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// A port of 1 to 65535; 0 stands for "none" where protocols have no ports.
pub(super) fn port(value: &Value, path: &[&str]) -> Option<u16> {
    number(value, path).filter(|n| n.fract() == 0.0 && (1.0..=65_535.0).contains(n)).map(|n| n as u16)
}

/// An address that traffic can have; the unspecified ones are placeholders.
pub(super) fn address(value: &Value, path: &[&str]) -> Option<Addr> {
    let ip: IpAddr = text(value, path)?.parse().ok()?;
    let ip = ip.to_canonical();
    (!ip.is_unspecified()).then(|| Addr::from(ip))
}

/// An IANA protocol number from a name or a number.
pub(super) fn protocol(value: &Value, path: &[&str]) -> Option<u8> {
    let text = text(value, path)?;
    match text.to_ascii_uppercase().as_str() {
        "ICMP" => Some(1),
        "TCP" => Some(6),
        "UDP" => Some(17),
        "GRE" => Some(47),
        "ESP" => Some(50),
        "ICMPV6" | "IPV6-ICMP" => Some(58),
        "SCTP" => Some(132),
        // 0 is what DNS findings carry for "none".
        other => other.parse().ok().filter(|number| *number != 0),
    }
}

/// A time as Unix seconds, within what an unsigned 32-bit second can hold.
pub(super) fn second(value: &Value, path: &[&str]) -> Option<i64> {
    let found = at(value, path)?;
    let second = match found {
        Value::String(text) => parse_time(text.trim()),
        Value::Number(number) => number.as_f64().map(epoch),
        _ => None,
    };
    second.filter(|second| (0..=i64::from(u32::MAX)).contains(second))
}

fn parse_time(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_second());
    }
    if let Ok(number) = text.parse::<f64>() {
        return Some(epoch(number));
    }
    // Without a zone it is UTC, as everything of GuardDuty.
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

fn epoch(number: f64) -> i64 {
    let seconds = if number.abs() >= MILLISECONDS_FROM { number / 1000.0 } else { number };
    seconds.floor() as i64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_found_in_both_spellings_and_null_is_absent() {
        for value in [json!({"accountId": "1"}), json!({"AccountId": "1"}), json!({"AccountId": 1})] {
            assert_eq!(text(&value, &["accountId"]).as_deref(), Some("1"));
        }
        assert_eq!(get(&json!({"a": null}), "a"), None);
        assert_eq!(at(&json!({"a": [1]}), &["a", "b"]), None);
    }

    #[test]
    fn numbers_and_texts_stand_for_each_other() {
        for value in [json!({"n": 443}), json!({"n": "443"}), json!({"n": 443.0})] {
            assert_eq!(port(&value, &["n"]), Some(443));
        }
        for value in
            [json!({"n": 0}), json!({"n": -1}), json!({"n": 65_536}), json!({"n": 1.5}), json!({"n": []})]
        {
            assert_eq!(port(&value, &["n"]), None, "{value}");
        }
        assert_eq!(number(&json!({"n": "NaN"}), &["n"]), None);
        assert!(truth(&json!({"t": "True"}), &["t"]) && !truth(&json!({"t": 1}), &["t"]));
    }

    #[test]
    fn times_are_read_in_every_spelling() {
        for value in [
            json!("2025-02-25T20:40:06.721Z"),
            json!("2025-02-25 20:40:06.721"),
            json!("2025-02-25 20:40:06.000000000"),
            json!("2025-02-25T22:40:06+02:00"),
            json!(1_740_516_006),
            json!(1_740_516_006.551),
            json!(1_740_516_006_000_i64),
            json!("1740516006"),
        ] {
            let value = json!({ "t": value });
            assert_eq!(second(&value, &["t"]), Some(1_740_516_006), "{value}");
        }
        for value in [json!("soon"), json!(-5), json!(1e300), json!(true), json!("9999-12-31T00:00:00Z")] {
            let value = json!({ "t": value });
            assert_eq!(second(&value, &["t"]), None, "{value}");
        }
    }

    #[test]
    fn placeholders_are_no_addresses() {
        for text in ["0.0.0.0", "::", "", "203.0.113.300", "GeneratedFinding"] {
            assert_eq!(address(&json!({ "a": text }), &["a"]), None, "{text}");
        }
        let mapped = address(&json!({"a": "::ffff:203.0.113.9"}), &["a"]).unwrap();
        assert!(mapped.is_v4());
    }
}
