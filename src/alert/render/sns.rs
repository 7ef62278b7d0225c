//! An alert as a message of Amazon SNS: an email for people, JSON for machines, attributes for
//! filter policies.
//!
//! Limits: Amazon SNS API Reference, `PublishBatch` and `Publish`. A message and its attributes
//! have 262,144 bytes, and so has a batch; a subject has fewer than 100 characters in one line.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{chat, email, fit, plain};
use crate::alert::Alert;
use crate::alert::text::bytes;
use crate::limits::{SNS_MESSAGE_BYTES_MAX, SNS_SUBJECT_CHARS_MAX};

/// Characters of a text attribute.
const ATTRIBUTE_CHARS_MAX: usize = 100;
/// Characters that SNS allows in a group's and a deduplication id.
const ID_CHARS_MAX: usize = 128;
/// The largest number that a filter policy can compare.
const NUMBER_MAX: f64 = 1e9;

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// `String`, `Number`, or `String.Array`: a JSON list of texts.
    pub data_type: &'static str,
    /// Its value, never empty.
    pub value: String,
}

/// A message that SNS will take. Its structure is `json`: one text for each kind of subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The alert's id, or that of a digest.
    pub alert_id: String,
    /// The subject of an email: printable ASCII, at most `SNS_SUBJECT_CHARS_MAX` characters.
    pub subject: String,
    /// A JSON object of texts by protocol.
    pub message: String,
    /// What filter policies can ask for.
    pub attributes: Vec<Attribute>,
    /// On a FIFO topic: messages of one ENI stay in order.
    pub group_id: Option<String>,
    /// On a FIFO topic: the same revision of the same alert is delivered once in five minutes.
    pub deduplication_id: Option<String>,
}

/// The message's texts, by the protocol of the subscription.
#[derive(Serialize)]
pub(super) struct Texts<'a> {
    default: &'a str,
    email: &'a str,
    sqs: &'a str,
    lambda: &'a str,
    http: &'a str,
    https: &'a str,
    firehose: &'a str,
}

impl<'a> Texts<'a> {
    /// One line, a text for people, JSON for machines, and what chats get by `https`, if they do.
    pub(super) fn new(default: &'a str, email: &'a str, json: &'a str, chat: Option<&'a str>) -> Self {
        let https = chat.unwrap_or(json);
        Self { default, email, sqs: json, lambda: json, http: json, https, firehose: json }
    }
}

/// What a topic and its subscribers ask of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// The topic is FIFO.
    pub is_fifo: bool,
    /// Its `https` subscribers are chats of Amazon Q Developer (AWS Chatbot), and get their
    /// notification instead of the JSON for machines.
    pub is_chat: bool,
}

/// The message for `alert`, within all limits whatever the alert holds.
pub fn entry(alert: &Alert, form: Form) -> Entry {
    let Form { is_fifo, is_chat } = form;
    let attributes = attributes(alert);
    let room =
        SNS_MESSAGE_BYTES_MAX - attributes.iter().map(Attribute::bytes).sum::<usize>() - ID_CHARS_MAX * 3;
    let revision = format!("{}-{}", alert.id, alert.revision);
    Entry {
        alert_id: alert.id.clone(),
        subject: subject(alert),
        message: message(alert, room, is_chat),
        attributes,
        group_id: is_fifo.then(|| fifo_id(format!("{}/{}", alert.account, alert.eni))),
        deduplication_id: is_fifo.then(|| fifo_id(revision)),
    }
}

impl Attribute {
    fn bytes(&self) -> usize {
        self.name.len() + self.data_type.len() + self.value.len()
    }
}

impl Entry {
    /// What counts against the limit of a batch, bytes.
    pub fn bytes(&self) -> usize {
        let ids = [&self.group_id, &self.deduplication_id].into_iter().flatten().map(String::len);
        let attributes = self.attributes.iter().map(Attribute::bytes);
        self.message.len() + self.subject.len() + attributes.chain(ids).sum::<usize>()
    }

    /// The message as one line of JSON, as `aws sns publish-batch` takes an entry.
    pub fn to_json(&self) -> String {
        let attributes: Map<String, Value> = self
            .attributes
            .iter()
            .map(|a| (a.name.to_owned(), json!({ "DataType": a.data_type, "StringValue": a.value })))
            .collect();
        let mut entry = json!({
            "Id": fifo_id(self.alert_id.clone()),
            "Subject": self.subject,
            "MessageStructure": "json",
            "Message": self.message,
            "MessageAttributes": attributes,
        });
        for (name, id) in
            [("MessageGroupId", &self.group_id), ("MessageDeduplicationId", &self.deduplication_id)]
        {
            if let Some(id) = id {
                entry[name] = json!(id);
            }
        }
        entry.to_string()
    }
}

/// One line for the list of an inbox.
pub(super) fn subject(alert: &Alert) -> String {
    let update = if alert.revision > 1 { format!(" (update {})", alert.revision) } else { String::new() };
    let verb = if alert.role == "served" { "served" } else { "sent" };
    let to = if alert.peer.is_empty() { &alert.destination } else { &alert.peer };
    let severity = alert.severity.as_str();
    let text = match alert.guardduty.findings.first() {
        Some(finding) if alert.guardduty.status == "alone" => {
            format!("{severity}{update}: {}: GuardDuty {}", alert.eni, finding.kind)
        }
        _ => {
            let sent = bytes(alert.egress_bytes as f64);
            format!("{severity}{update}: {} {verb} {sent} to {to}", alert.eni)
        }
    };
    let plain = text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' });
    let mut plain: String = plain.collect();
    if plain.len() > SNS_SUBJECT_CHARS_MAX {
        plain.truncate(SNS_SUBJECT_CHARS_MAX - 2);
        plain.push_str("..");
    }
    plain
}

/// The texts for all protocols, in at most `room` bytes: the least measure always fits.
fn message(alert: &Alert, room: usize, is_chat: bool) -> String {
    let (short, email) = (email::short(alert), email::text(alert));
    let chat = is_chat.then(|| chat::alert(alert));
    let mut message = String::new();
    for measure in fit::MEASURES {
        let json = fit::json(alert, measure);
        if json.len() > room && measure != fit::LEAST {
            continue;
        }
        let texts = Texts::new(&short, &email, &json, chat.as_deref());
        message = serde_json::to_string(&texts).expect("texts are texts");
        if message.len() <= room {
            break;
        }
    }
    message
}

fn attributes(alert: &Alert) -> Vec<Attribute> {
    let text = |name, text: &str| Attribute {
        name,
        data_type: "String",
        value: plain::cut(&plain::safe(text), ATTRIBUTE_CHARS_MAX),
    };
    let number = |name, value: f64| Attribute { name, data_type: "Number", value: decimal(value) };
    let detector = alert.detectors.first().map_or("", |strongest| strongest.id.as_str());
    let all = [
        text("severity", alert.severity.as_str()),
        number("severity_number", f64::from(alert.severity as u8 + 1)),
        number("score", alert.score),
        text("account", &alert.account),
        text("region", &alert.region),
        text("eni", &alert.eni),
        text("detector", detector),
        text("guardduty", &alert.guardduty.status),
    ];
    // SNS refuses an attribute without a value.
    all.into_iter().filter(|attribute| !attribute.value.is_empty()).collect()
}

/// A number that filter policies can compare: at most 1e9, at most four decimals.
pub(super) fn decimal(value: f64) -> String {
    let bounded = if value.is_nan() { 0.0 } else { value.clamp(-NUMBER_MAX, NUMBER_MAX) };
    ((bounded * 10_000.0).round() / 10_000.0).to_string()
}

/// `id` where SNS allows it, else its hash.
fn fifo_id(id: String) -> String {
    let allowed =
        !id.is_empty() && id.len() <= ID_CHARS_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
    if allowed { id } else { blake3::hash(id.as_bytes()).to_hex().to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{alert, hostile};
    use super::*;

    const FIFO: Form = Form { is_fifo: true, is_chat: false };

    fn texts(entry: &Entry) -> Map<String, Value> {
        serde_json::from_str(&entry.message).unwrap()
    }

    #[test]
    fn people_get_text_and_machines_the_line_of_the_contract() {
        let alert = alert();
        let entry = entry(&alert, Form::default());
        let texts = texts(&entry);
        let line = serde_json::to_string(&alert).unwrap();
        for protocol in ["sqs", "lambda", "http", "https", "firehose"] {
            assert_eq!(texts[protocol], Value::from(line.as_str()), "{protocol}");
        }
        assert!(texts["email"].as_str().unwrap().lines().count() > 10);
        assert!(texts["default"].as_str().unwrap().len() < 500);
        assert_eq!(entry.subject, "HIGH: eni-0123456789abcdef0 sent 1.21 GiB to 203.0.113.9");
        assert_eq!((entry.group_id, entry.deduplication_id), (None, None));
    }

    #[test]
    fn a_chat_gets_its_notification_and_the_others_what_they_get_without() {
        let form = Form { is_fifo: false, is_chat: true };
        let (mut with, without) = (texts(&entry(&alert(), form)), texts(&entry(&alert(), Form::default())));
        let chat: Value = serde_json::from_str(with["https"].as_str().unwrap()).unwrap();
        assert_eq!(chat["metadata"]["threadId"], "b36282999835f4de9c08");
        with["https"] = without["https"].clone();
        assert_eq!(with, without);
    }

    #[test]
    fn attributes_are_what_filter_policies_ask_for() {
        let entry = entry(&alert(), Form::default());
        let got: Vec<_> = entry.attributes.iter().map(|a| (a.name, a.data_type, a.value.as_str())).collect();
        assert_eq!(
            got,
            [
                ("severity", "String", "HIGH"),
                ("severity_number", "Number", "3"),
                ("score", "Number", "41.25"),
                ("account", "String", "111111111111"),
                ("region", "String", "eu-west-1"),
                ("eni", "String", "eni-0123456789abcdef0"),
                ("detector", "String", "D1"),
                ("guardduty", "String", "agrees"),
            ]
        );
    }

    #[test]
    fn a_fifo_topic_orders_by_eni_and_drops_repeats_of_a_revision() {
        let mut alert = alert();
        let first = entry(&alert, FIFO);
        assert_eq!(first.group_id.as_deref(), Some("111111111111/eni-0123456789abcdef0"));
        alert.revision = 2;
        let second = entry(&alert, FIFO);
        assert_eq!(first.group_id, second.group_id);
        assert_ne!(first.deduplication_id, second.deduplication_id);
        assert!(second.subject.starts_with("HIGH (update 2): eni-"), "{}", second.subject);
    }

    #[test]
    fn what_guardduty_alone_says_is_not_called_a_transfer() {
        let mut alert = alert();
        alert.guardduty.status = "alone".into();
        let subject = entry(&alert, Form::default()).subject;
        assert_eq!(subject, "HIGH: eni-0123456789abcdef0: GuardDuty Backdoor:EC2/C&CActivity.B");
    }

    #[test]
    fn an_entry_is_what_the_aws_cli_takes() {
        let value: Value = serde_json::from_str(&entry(&alert(), FIFO).to_json()).unwrap();
        assert_eq!(value["MessageAttributes"]["severity_number"]["StringValue"], "3");
        assert_eq!(value["MessageStructure"], "json");
        assert_eq!(value["MessageGroupId"], "111111111111/eni-0123456789abcdef0");
    }

    fn check(alert: &Alert) {
        let entry = entry(alert, Form { is_fifo: true, is_chat: true });
        assert!(entry.bytes() <= SNS_MESSAGE_BYTES_MAX, "{} bytes", entry.bytes());
        let subject = &entry.subject;
        assert!(subject.len() <= SNS_SUBJECT_CHARS_MAX, "{subject}");
        assert!(subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{subject}");
        assert!(subject.starts_with(|c: char| c.is_ascii_alphanumeric()), "{subject}");
        assert!(!entry.message.chars().any(|c| c.is_control() || plain::hides(c)));
        let texts = texts(&entry);
        let machine = texts["sqs"].as_str().unwrap();
        assert!(!machine.chars().any(|c| c.is_control() || plain::hides(c)));
        let back: Alert = serde_json::from_str(machine).unwrap();
        assert_eq!(
            (&back.schema, back.severity, back.revision),
            (&alert.schema, alert.severity, alert.revision)
        );
        for text in ["default", "email"] {
            let shown = texts[text].as_str().unwrap();
            assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || plain::hides(c)), "{shown}");
        }
        assert!(entry.attributes.len() <= 10, "raw delivery to SQS takes no more");
        for attribute in &entry.attributes {
            assert!(!attribute.value.is_empty() && !attribute.value.chars().any(char::is_control));
            if attribute.data_type == "Number" {
                assert!(attribute.value.parse::<f64>().unwrap().abs() <= NUMBER_MAX);
            }
        }
        for id in [entry.group_id, entry.deduplication_id].into_iter().flatten() {
            assert!(id.len() <= ID_CHARS_MAX && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id}");
        }
    }

    #[test]
    fn the_worst_text_everywhere_still_fits() {
        // The longest escapes there are, and the longest characters.
        for text in ["\u{e0041}", "\u{1b}", "\"", "\\", "\u{10fffd}", "\n"] {
            check(&hostile(&text.repeat(600), 70));
            check(&hostile(&text.repeat(20_000), 1));
        }
        check(&hostile("", 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_alert_fits(text in "(?s).{0,40}", repeat in 0_usize..100, items in 0_usize..20) {
            check(&hostile(&text.repeat(repeat), items));
        }
    }
}
