//! What the messages in hand ask for: objects to count, findings to take in, or nothing.

use crate::error::Error;
use crate::guardduty::Finding;
use crate::source::Buckets;
use crate::source::events::{Allowed, Announced, Message, read_message};
use crate::source::queue::Received;
use crate::state::Reason;
use crate::watch::{Engine, Item};

/// Characters of a body that nobody understands, for the list.
const BODY_CHARS: usize = 200;

/// Messages, sorted by what they ask for.
#[derive(Default)]
pub(super) struct Inbox {
    /// Each message with the objects that it announces; none when there is nothing to wait for.
    pub(super) messages: Vec<(String, Vec<Item>)>,
    /// Messages that have to come again.
    pub(super) again: Vec<String>,
    pub(super) findings: Vec<Finding>,
}

impl Inbox {
    /// Looks at one message. What is refused is on the engine's list by then.
    pub(super) fn take(
        &mut self,
        message: Received,
        allowed: &Allowed,
        buckets: &Buckets,
        engine: &mut Engine,
    ) {
        let mut items = Vec::new();
        match read_message(&message.body) {
            Message::Objects(objects) => {
                for object in objects {
                    match item(&object, allowed, buckets) {
                        Ok(item) => items.extend(item),
                        Err(Refusal::Listed(reason, detail)) => {
                            engine.refuse(&object.name(), reason, &detail);
                        }
                        Err(Refusal::Passing(error)) => {
                            tracing::warn!(name = %object.name(), detail = %error, "to be tried again");
                            self.again.push(message.id);
                            return;
                        }
                    }
                }
            }
            Message::Findings(findings) => self.findings.extend(findings),
            Message::Nothing(_) => {}
            Message::Unknown(why) => {
                let body: String = message.body.chars().take(BODY_CHARS).collect();
                engine.refuse(&message.id, Reason::NotAnEvent, &format!("{why}: {body}"));
            }
        }
        self.messages.push((message.id, items));
    }
}

/// Why an announced object is not to be read.
enum Refusal {
    Listed(Reason, String),
    Passing(Error),
}

/// The object as the engine takes it; `None` when it is none of ours.
fn item(object: &Announced, allowed: &Allowed, buckets: &Buckets) -> Result<Option<Item>, Refusal> {
    if !allowed.permits(object) {
        return Err(Refusal::Listed(Reason::Foreign, "not below any --allow".to_owned()));
    }
    // Folders are made in consoles, and GuardDuty exports next to flow logs.
    if object.key.ends_with('/') || is_other_service(&object.key) {
        return Ok(None);
    }
    if let (Some(bytes), None) = (object.bytes, &object.other_key)
        && !object.etag.is_empty()
    {
        return Ok(Some(Item { name: object.name(), etag: object.etag.clone(), bytes }));
    }
    let other = object.other_key.iter().map(|key| Announced { key: key.clone(), ..object.clone() });
    for candidate in std::iter::once(object.clone()).chain(other.filter(|other| allowed.permits(other))) {
        match buckets.head(&candidate.bucket, &candidate.key) {
            Ok(Some(head)) => {
                return Ok(Some(Item { name: candidate.name(), etag: head.etag, bytes: head.bytes }));
            }
            Ok(None) => {}
            Err(error) => return Err(Refusal::Passing(error)),
        }
    }
    Err(Refusal::Listed(Reason::Missing, "it was gone before it was read".to_owned()))
}

/// Whether the key is where AWS puts the logs of another service than VPC Flow Logs.
fn is_other_service(key: &str) -> bool {
    ["/GuardDuty/", "/CloudTrail/", "/CloudTrail-Digest/", "/Config/", "/elasticloadbalancing/"]
        .iter()
        .any(|folder| key.contains("AWSLogs/") && key.contains(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_other_services_in_the_same_bucket_are_passed_over() {
        assert!(is_other_service("AWSLogs/1/GuardDuty/eu-west-1/2026/01/01/x.jsonl.gz"));
        assert!(!is_other_service("AWSLogs/1/vpcflowlogs/eu-west-1/2026/01/01/x.log.gz"));
        assert!(!is_other_service("GuardDuty/vpc/x.log.gz"));
    }
}
