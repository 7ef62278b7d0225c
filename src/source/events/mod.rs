//! What a message of the queue says: objects to read, findings, or nothing for us.
//!
//! Four ways lead from S3 to a queue, and the body tells which: S3 itself, a topic around it (with
//! or without its envelope), `EventBridge`, and Security Lake, which notifies in the shape of
//! `EventBridge`. Findings of `GuardDuty` come on the same queue. Content decides, never where a
//! message came from. Sources: S3 User Guide, "Event message structure" and "`EventBridge`
//! event message structure"; SNS Developer Guide, "Parsing message formats".
//!
//! Pure. A body may be anything: it is cut before it is read, depth is `serde_json`'s 128, and one
//! envelope is opened.

mod allow;
mod key;

use serde::Deserialize;
use serde_json::Value;

pub use allow::Allowed;

use crate::guardduty::{Finding, read_findings};
use crate::limits::{EVENT_BYTES_MAX, EVENT_RECORDS_MAX};

/// An object that a message announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// What the key would be were it encoded after all: `EventBridge` does not encode keys, as far as
    /// is known, and no page of AWS says so.
    pub other_key: Option<String>,
    /// Entity tag without quotes, empty when not told.
    pub etag: String,
    /// Size, bytes, when told.
    pub bytes: Option<u64>,
}

impl Announced {
    /// Its name, as `scan` writes it.
    pub fn name(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Objects were written.
    Objects(Vec<Announced>),
    /// Findings of `GuardDuty`.
    Findings(Vec<Finding>),
    /// Nothing to do, and why: it may go.
    Nothing(Idle),
    /// Nothing that we know, and why: nobody can do anything with it.
    Unknown(String),
}

/// Why there is nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// S3 tried the way to the queue.
    Test,
    /// Objects were removed, restored or tagged.
    NotWritten,
}

/// Reads the body of a message.
pub fn read_message(body: &str) -> Message {
    if body.len() > EVENT_BYTES_MAX {
        return Message::Unknown(format!("larger than {EVENT_BYTES_MAX} bytes"));
    }
    match serde_json::from_str(body.trim_start_matches('\u{feff}')) {
        Ok(value) => dispatch(&value, body, true),
        Err(error) => Message::Unknown(format!("no JSON: {error}")),
    }
}

fn dispatch(value: &Value, body: &str, may_unwrap: bool) -> Message {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let Some(records) = value.get("Records").and_then(Value::as_array) {
        return of_records(records);
    }
    if text("Event") == Some("s3:TestEvent") {
        return Message::Nothing(Idle::Test);
    }
    if let (Some("Notification"), Some(_), Some(inner)) = (text("Type"), text("TopicArn"), text("Message"))
        && may_unwrap
    {
        return match serde_json::from_str(inner) {
            Ok(value) => dispatch(&value, inner, false),
            Err(error) => Message::Unknown(format!("a notification around no JSON: {error}")),
        };
    }
    match text("detail-type") {
        Some("GuardDuty Finding") => findings(body),
        Some(kind) if kind.starts_with("Object ") && kind != "Object Created" => {
            Message::Nothing(Idle::NotWritten)
        }
        kind if value.pointer("/detail/object/key").is_some() => of_event_bridge(value, kind),
        Some(kind) => Message::Unknown(format!("an event of the kind `{}`", short(kind))),
        None => Message::Unknown("neither an S3 event nor a finding".to_owned()),
    }
}

/// One entry of `Records`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Record {
    event_version: String,
    event_name: String,
    s3: S3Part,
}

#[derive(Deserialize)]
struct S3Part {
    bucket: S3Bucket,
    object: S3Object,
}

#[derive(Deserialize)]
struct S3Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    key: String,
    #[serde(default, alias = "etag")]
    e_tag: String,
    size: Option<u64>,
}

fn of_records(records: &[Value]) -> Message {
    if records.len() > EVENT_RECORDS_MAX {
        return Message::Unknown(format!("more than {EVENT_RECORDS_MAX} records"));
    }
    let mut objects = Vec::new();
    for value in records {
        // One record that is wrong makes the whole message wrong: part of it must not be lost quietly.
        let record = match S3Record::deserialize(value) {
            Ok(record) => record,
            Err(error) => return Message::Unknown(format!("a record that is no S3 event: {error}")),
        };
        if record.event_version.split('.').next() != Some("2") {
            return Message::Unknown(format!("an S3 event of version {}", short(&record.event_version)));
        }
        let name = record.event_name.trim_start_matches("s3:");
        if !name.starts_with("ObjectCreated:") {
            continue;
        }
        let S3Part { bucket, object } = record.s3;
        let Some(key) = key::decode(&object.key) else {
            return Message::Unknown("a key that decodes to no text".to_owned());
        };
        let etag = object.e_tag.trim_matches('"').to_owned();
        objects.push(Announced { bucket: bucket.name, key, other_key: None, etag, bytes: object.size });
    }
    if objects.is_empty() { Message::Nothing(Idle::NotWritten) } else { Message::Objects(objects) }
}

fn of_event_bridge(value: &Value, kind: Option<&str>) -> Message {
    #[derive(Deserialize)]
    struct Detail {
        bucket: S3Bucket,
        object: S3Object,
    }
    // Security Lake has its own words for the kind; what it announces has been written.
    match value.get("detail").map(Detail::deserialize) {
        Some(Ok(Detail { bucket, object })) => {
            let other_key = key::decode(&object.key).filter(|other| *other != object.key);
            let etag = object.e_tag.trim_matches('"').to_owned();
            Message::Objects(vec![Announced {
                bucket: bucket.name,
                key: object.key,
                other_key,
                etag,
                bytes: object.size,
            }])
        }
        _ => {
            Message::Unknown(format!("an event `{}` without bucket and key", short(kind.unwrap_or_default())))
        }
    }
}

fn findings(body: &str) -> Message {
    let mut found = Vec::new();
    let tally = read_findings(body.as_bytes(), &mut |finding| found.push(finding));
    match tally.first_skipped {
        Some(skipped) => Message::Unknown(format!("a finding with {}", short(&skipped.detail))),
        None => Message::Findings(found),
    }
}

/// Foreign text for a list.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(crate::limits::SKIP_SAMPLE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, key: &str) -> String {
        format!(
            r#"{{"eventVersion":"2.3","eventName":"{name}","s3":{{"bucket":{{"name":"logs"}},"object":{{"key":"{key}","size":7,"eTag":"e","more":[]}}}}}}"#
        )
    }

    fn keys(message: Message) -> Vec<String> {
        match message {
            Message::Objects(objects) => objects.iter().map(Announced::name).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_records_count_and_removals_do_not() {
        let body = format!(
            r#"{{"Records":[{},{},{}]}}"#,
            record("ObjectCreated:Put", "a+b%2Bc%3D%C3%A9"),
            record("ObjectRemoved:Delete", "gone"),
            record("ObjectCreated:CompleteMultipartUpload", "b")
        );
        assert_eq!(keys(read_message(&body)), ["s3://logs/a b+c=é", "s3://logs/b"]);
        let wrapped = serde_json::json!({"Type": "Notification", "TopicArn": "arn", "Message": body});
        assert_eq!(keys(read_message(&wrapped.to_string())).len(), 2);
        let twice =
            serde_json::json!({"Type": "Notification", "TopicArn": "arn", "Message": wrapped.to_string()});
        assert!(matches!(read_message(&twice.to_string()), Message::Unknown(_)));
        let removed = format!(r#"{{"Records":[{}]}}"#, record("ObjectRemoved:Delete", "gone"));
        assert_eq!(read_message(&removed), Message::Nothing(Idle::NotWritten));
    }

    #[test]
    fn what_is_wrong_is_never_half_taken() {
        let good = record("ObjectCreated:Put", "a");
        for bad in [
            good.replace("2.3", "3.0"),
            good.replace("\"key\":\"a\"", "\"key\":7"),
            good.replace("\"key\":\"a\"", "\"key\":\"%FF\""),
            "{}".to_owned(),
        ] {
            let body = format!(r#"{{"Records":[{good},{bad}]}}"#);
            assert!(matches!(read_message(&body), Message::Unknown(_)), "{bad}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(read_message(&deep), Message::Unknown(_)));
        assert!(matches!(read_message(""), Message::Unknown(_)));
        assert!(matches!(read_message(&" ".repeat(EVENT_BYTES_MAX + 1)), Message::Unknown(_)));
    }

    #[test]
    fn keys_of_event_bridge_are_as_they_are_and_may_be_otherwise() {
        let body = r#"{"detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":"a+b%3D","etag":"x","size":1}}}"#;
        let Message::Objects(objects) = read_message(body) else { panic!("objects") };
        assert_eq!((objects[0].key.as_str(), objects[0].other_key.as_deref()), ("a+b%3D", Some("a b=")));
    }
}
