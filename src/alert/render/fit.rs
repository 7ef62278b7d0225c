//! An alert as JSON that fits: first as it is, then with ever shorter lists and texts.
//!
//! Ordinary alerts are a few kilobytes. Those that are not have many ENIs, objects or destinations,
//! or texts that somebody made long on purpose.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::plain::{cut, hides};
use crate::alert::Alert;

/// How much is left of lists and texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    /// Elements of a list.
    items: usize,
    /// Characters of a text.
    chars: usize,
}

/// The least that still says what happened.
pub(super) const LEAST: Measure = Measure { items: 1, chars: 60 };
/// From all of it to the least.
pub(super) const MEASURES: [Measure; 5] = [
    Measure { items: usize::MAX, chars: usize::MAX },
    Measure { items: 64, chars: 2_000 },
    Measure { items: 16, chars: 500 },
    Measure { items: 4, chars: 120 },
    LEAST,
];

/// The alert as one line of JSON, by `measure`. Where something was cut there is one more field,
/// `cut`: how many elements each list lost, and where to find the whole. The counts of objects and
/// destinations that are not listed include them.
pub(super) fn json(alert: &Alert, measure: Measure) -> String {
    let text = if measure.items == usize::MAX {
        serde_json::to_string(alert).expect("an alert has only text keys")
    } else {
        shortened(alert, measure).to_string()
    };
    escaped(&text)
}

fn shortened(alert: &Alert, measure: Measure) -> Value {
    let mut lost = Map::new();
    let mut value = serde_json::to_value(alert).expect("an alert has only text keys");
    let Some(fields) = value.as_object_mut() else { return value };
    truncate(fields, "", measure.items, &mut lost);
    fields.values_mut().for_each(|field| shorten(field, measure.chars));
    let whole = format!("outflow explain {} --lake LAKE", cut(&alert.id, measure.chars));
    fields.insert("cut".to_owned(), json!({ "lists": lost, "whole": whole }));
    value
}

/// Cuts all lists of an object and of the objects in it, and notes in `lost` how much went. What
/// is beyond the list `x` is counted in `x_more`, where that is.
fn truncate(fields: &mut Map<String, Value>, within: &str, items_max: usize, lost: &mut Map<String, Value>) {
    let mut more = Vec::new();
    for (name, field) in fields.iter_mut() {
        match field {
            Value::Array(items) if items.len() > items_max => {
                let gone = items.len() - items_max;
                items.truncate(items_max);
                lost.insert(format!("{within}{name}"), json!(gone));
                more.push((format!("{name}_more"), gone as u64));
            }
            Value::Object(inner) => truncate(inner, &format!("{within}{name}."), items_max, lost),
            _ => {}
        }
    }
    for (name, gone) in more {
        if let Some(counter) = fields.get_mut(&name) {
            *counter = json!(counter.as_u64().unwrap_or(0).saturating_add(gone));
        }
    }
}

/// Cuts all texts in `value`.
fn shorten(value: &mut Value, chars: usize) {
    match value {
        Value::String(text) => *text = cut(text, chars),
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, chars)),
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, chars)),
        _ => {}
    }
}

/// JSON with those characters as escapes that JSON allows bare and a terminal or SNS does not bear.
/// They can only stand in strings, so this changes no meaning.
pub(super) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || hides(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::alert;
    use super::*;

    #[test]
    fn what_fits_is_the_line_of_the_contract() {
        assert_eq!(json(&alert(), MEASURES[0]), serde_json::to_string(&alert()).unwrap());
    }

    #[test]
    fn what_was_cut_is_counted_and_still_an_alert() {
        let mut alert = alert();
        alert.enis = (0..30).map(|n| format!("eni-{n:017x}")).collect();
        alert.objects = (0..64).map(|n| format!("{n}.log.gz").into()).collect();
        alert.objects_more = 7;
        alert.sentence = "x".repeat(10_000);
        alert.guardduty.findings = vec![alert.guardduty.findings[0].clone(); 20];
        let text = json(&alert, MEASURES[2]);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["cut"]["lists"], json!({ "enis": 14, "objects": 48, "guardduty.findings": 4 }));
        assert_eq!(value["cut"]["whole"], format!("outflow explain {} --lake LAKE", alert.id));
        let back: Alert = serde_json::from_str(&text).unwrap();
        assert_eq!((back.enis.len(), back.objects.len(), back.objects_more), (16, 16, 55));
        assert_eq!(back.guardduty.findings_more, 4);
        assert_eq!(back.sentence.chars().count(), 500);
    }

    #[test]
    fn escapes_change_no_meaning() {
        let mut alert = alert();
        alert.sentence = "a\u{7f}\u{9b}31m\u{202e}\u{e0041}\u{ffff}\u{1b}\"\\ü".into();
        let text = json(&alert, MEASURES[0]);
        assert!(!text.chars().any(|c| c.is_control() || hides(c)), "{text}");
        assert_eq!(serde_json::from_str::<Alert>(&text).unwrap(), alert);
    }
}
