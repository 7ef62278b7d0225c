//! Several alerts as one message of Amazon SNS: for people a line each, the worst first; for machines
//! a short row each. Of several revisions of an alert the last one is shown.
//!
//! What a filter policy asks for is given as lists: a subscriber gets each digest that holds something
//! for it, and with it what is not.

use serde::Serialize;

use super::sns::{Attribute, Entry, Texts, decimal};
use super::{chat, email, fit, plain};
use crate::alert::Alert;
use crate::limits::{DIGEST_ALERTS_MAX, SNS_MESSAGE_BYTES_MAX, SNS_SUBJECT_CHARS_MAX};

/// Version of the rows. Fields are only added within a version.
const SCHEMA: &str = "outflow.digest.v1";
/// Characters of a text of a row.
const TEXT_CHARS_MAX: usize = 100;
/// Characters of the sentence of a row.
const SENTENCE_CHARS_MAX: usize = 300;

/// What machines get.
#[derive(Serialize)]
struct Rows<'a> {
    schema: &'static str,
    id: &'a str,
    alerts: Vec<Row>,
}

/// An alert in a digest; its fields are called as in `outflow.alert.v1`.
#[derive(Serialize)]
struct Row {
    id: String,
    revision: u32,
    severity: &'static str,
    score: f64,
    account: String,
    region: String,
    eni: String,
    peer: String,
    destination: String,
    egress_bytes: u64,
    first_seen: String,
    last_seen: String,
    guardduty: String,
    sentence: String,
}

/// One message about the first of `alerts`, and about how many of them: as many as it holds, at least
/// one. For a standard topic. `is_chat`: `https` subscribers are chats.
pub fn digest(alerts: &[Alert], is_chat: bool) -> (usize, Entry) {
    let mut count = alerts.len().min(DIGEST_ALERTS_MAX);
    loop {
        let entry = entry(&alerts[..count], is_chat);
        if count <= 1 || entry.bytes() <= SNS_MESSAGE_BYTES_MAX {
            return (count, entry);
        }
        count /= 2;
    }
}

fn entry(alerts: &[Alert], is_chat: bool) -> Entry {
    let mut id = blake3::Hasher::new();
    alerts.iter().for_each(|alert| {
        id.update(format!("{}-{}\n", alert.id, alert.revision).as_bytes());
    });
    let id = id.finalize().to_hex()[..20].to_owned();
    let shown = worst_first(alerts);
    let subject = subject(&shown);
    let rows = Rows { schema: SCHEMA, id: &id, alerts: shown.iter().map(|alert| row(alert)).collect() };
    let json = fit::escaped(&serde_json::to_string(&rows).expect("rows are texts and numbers"));
    let lines: Vec<String> = shown.iter().map(|alert| email::short(alert)).collect();
    let email = format!(
        "{subject}\n\n{}\n\nAll evidence of each:\n  outflow explain ID --lake LAKE\n",
        lines.join("\n\n")
    );
    let chat = is_chat.then(|| chat::digest(&id, &subject, &shown));
    let texts = Texts::new(&subject, &email, &json, chat.as_deref());
    let message = serde_json::to_string(&texts).expect("texts are texts");
    let attributes = attributes(&shown);
    Entry { alert_id: id, subject, message, attributes, group_id: None, deduplication_id: None }
}

/// The last revision of each alert, the worst first, else in their order.
fn worst_first(alerts: &[Alert]) -> Vec<&Alert> {
    let is_last = |at: usize, alert: &Alert| !alerts[at + 1..].iter().any(|later| later.id == alert.id);
    let mut shown: Vec<&Alert> =
        alerts.iter().enumerate().filter(|(at, alert)| is_last(*at, alert)).map(|(_, alert)| alert).collect();
    shown.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
    shown
}

/// `7 alerts: 2 HIGH, 5 LOW`; always within the bound.
fn subject(worst_first: &[&Alert]) -> String {
    let counts = worst_first.chunk_by(|a, b| a.severity == b.severity);
    let counts: Vec<String> =
        counts.map(|same| format!("{} {}", same.len(), same[0].severity.as_str())).collect();
    let plural = if worst_first.len() == 1 { "" } else { "s" };
    let subject = format!("{} alert{plural}: {}", worst_first.len(), counts.join(", "));
    plain::cut(&subject, SNS_SUBJECT_CHARS_MAX)
}

fn row(alert: &Alert) -> Row {
    let text = |text: &str| plain::cut(text, TEXT_CHARS_MAX);
    Row {
        id: text(&alert.id),
        revision: alert.revision,
        severity: alert.severity.as_str(),
        score: alert.score,
        account: text(&alert.account),
        region: text(&alert.region),
        eni: text(&alert.eni),
        peer: text(&alert.peer),
        destination: text(&alert.destination),
        egress_bytes: alert.egress_bytes,
        first_seen: text(&alert.first_seen),
        last_seen: text(&alert.last_seen),
        guardduty: text(&alert.guardduty.status),
        sentence: plain::cut(&alert.sentence, SENTENCE_CHARS_MAX),
    }
}

fn attributes(alerts: &[&Alert]) -> Vec<Attribute> {
    let list = |name, of: &dyn Fn(&Alert) -> &str| {
        let texts = alerts.iter().map(|alert| plain::cut(&plain::safe(of(alert)), TEXT_CHARS_MAX));
        let texts: std::collections::BTreeSet<String> = texts.filter(|text| !text.is_empty()).collect();
        let value = serde_json::to_string(&texts).expect("texts are JSON");
        (!texts.is_empty()).then_some(Attribute { name, data_type: "String.Array", value })
    };
    let number = |name, value: f64| Some(Attribute { name, data_type: "Number", value: decimal(value) });
    let worst = alerts.iter().map(|alert| alert.severity as u8 + 1).max().unwrap_or(1);
    let score = alerts.iter().map(|alert| alert.score).fold(f64::NEG_INFINITY, f64::max);
    let all = [
        list("severity", &|alert| alert.severity.as_str()),
        number("severity_number", f64::from(worst)),
        number("score", score),
        list("account", &|alert| &alert.account),
        list("region", &|alert| &alert.region),
        list("eni", &|alert| &alert.eni),
        list("detector", &|alert| alert.detectors.first().map_or("", |strongest| &strongest.id)),
        list("guardduty", &|alert| &alert.guardduty.status),
        number("alerts", alerts.len() as f64),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::tests::{alert, hostile};
    use super::*;
    use crate::alert::Severity;

    fn three() -> Vec<Alert> {
        let of = |id: &str, severity, revision| Alert { id: id.into(), severity, revision, ..alert() };
        let other = Alert { account: "222222222222".into(), ..of("b", Severity::High, 1) };
        vec![of("a", Severity::Low, 1), other, of("a", Severity::Medium, 2)]
    }

    #[test]
    fn people_read_the_worst_first_and_each_alert_once() {
        let (count, entry) = digest(&three(), false);
        assert_eq!((count, entry.subject.as_str()), (3, "2 alerts: 1 HIGH, 1 MEDIUM"));
        let texts: Value = serde_json::from_str(&entry.message).unwrap();
        let email = texts["email"].as_str().unwrap();
        assert!(email.find("HIGH: sent").unwrap() < email.find("MEDIUM: sent").unwrap(), "{email}");
        assert!(!email.contains("LOW: sent"), "{email}");
        for protocol in ["sqs", "lambda", "http", "https", "firehose"] {
            let rows: Value = serde_json::from_str(texts[protocol].as_str().unwrap()).unwrap();
            assert_eq!(rows["schema"], SCHEMA);
            assert_eq!((&rows["alerts"][1]["id"], &rows["alerts"][1]["revision"]), (&"a".into(), &2.into()));
        }
    }

    #[test]
    fn filter_policies_find_what_any_alert_of_it_has() {
        let (_, entry) = digest(&three(), false);
        let value = |name: &str| {
            let found = entry.attributes.iter().find(|attribute| attribute.name == name).unwrap();
            (found.data_type, found.value.as_str())
        };
        assert_eq!(value("account"), ("String.Array", r#"["111111111111","222222222222"]"#));
        assert_eq!(value("severity"), ("String.Array", r#"["HIGH","MEDIUM"]"#));
        assert_eq!(value("severity_number"), ("Number", "3"));
    }

    #[test]
    fn a_chat_gets_a_notification_where_machines_get_rows() {
        let (_, entry) = digest(&three(), true);
        let texts: Value = serde_json::from_str(&entry.message).unwrap();
        let chat: Value = serde_json::from_str(texts["https"].as_str().unwrap()).unwrap();
        assert_eq!(chat["content"]["title"], entry.subject);
        assert_eq!(chat["content"]["description"].as_str().unwrap().lines().count(), 2);
        assert_ne!(texts["https"], texts["sqs"]);
    }

    fn check(alerts: &[Alert]) {
        let mut rest = alerts;
        while !rest.is_empty() {
            let (count, entry) = digest(rest, true);
            assert!(entry.bytes() <= SNS_MESSAGE_BYTES_MAX, "{} bytes for {count}", entry.bytes());
            assert!(entry.subject.len() <= SNS_SUBJECT_CHARS_MAX && entry.subject.is_ascii());
            assert!(!entry.message.chars().any(|c| c.is_control() || plain::hides(c)));
            assert!(entry.attributes.len() <= 10, "raw delivery to SQS takes no more");
            rest = &rest[count..];
        }
    }

    #[test]
    fn the_worst_texts_fit_in_as_many_messages_as_they_need() {
        for text in ["\u{e0041}", "\u{1b}", "\"", "\\", "\u{10fffd}", "\n"] {
            let alerts: Vec<Alert> =
                (0..30).map(|n| Alert { id: format!("{n}"), ..hostile(&text.repeat(200), 3) }).collect();
            check(&alerts);
        }
        check(&[hostile("", 0)]);
        let ordinary: Vec<Alert> = (0..40).map(|n| Alert { id: format!("{n}"), ..alert() }).collect();
        assert_eq!(digest(&ordinary, true).0, 40, "ordinary alerts fit in one");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_alerts_fit(text in "(?s).{0,40}", repeat in 0_usize..50, count in 1_usize..20) {
            let alerts: Vec<Alert> =
                (0..count).map(|n| Alert { id: format!("{n}"), ..hostile(&text.repeat(repeat), 2) }).collect();
            check(&alerts);
        }
    }
}
