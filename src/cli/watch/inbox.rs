//! What the messages in hand ask for: objects to count, findings to take in, or nothing.

use crate::error::Error;
use crate::guardduty::Finding;
use crate::record::ObjectError;
use crate::scan::read_finding_objects;
use crate::source::events::{Allowed, Announced, Message, read_message};
use crate::source::queue::Received;
use crate::source::{Buckets, ObjectRef};
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
                    match item(&object, allowed, buckets, engine.takes_findings()) {
                        Ok(Wanted::Logs(item)) => items.push(item),
                        Ok(Wanted::Findings(item)) => {
                            if let Err(error) = self.take_findings(&item, buckets, engine) {
                                tracing::warn!(name = %item.name, detail = %error, "to be tried again");
                                self.again.push(message.id);
                                return;
                            }
                        }
                        Ok(Wanted::Nothing) => {}
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

    /// Takes the findings of an object in. An error when it cannot be had for now.
    fn take_findings(&mut self, item: &Item, buckets: &Buckets, engine: &mut Engine) -> Result<(), Error> {
        let object = ObjectRef {
            name: item.name.clone(),
            path: buckets.source(&item.name, &item.etag)?,
            bytes: item.bytes,
            key: None,
        };
        let read = read_finding_objects(&[object]);
        let failed = read.failed.into_iter().next().map(|(_, error)| error);
        let detail = match (failed, &read.first_skipped) {
            (Some(ObjectError::Io(detail)), _) => {
                let hint = "the message comes again".to_owned();
                return Err(Error::Service { message: detail, hint });
            }
            (Some(damage), _) => Some(damage.to_string()),
            (None, Some((_, skipped))) => Some(format!("line {}: {}", skipped.line, skipped.detail)),
            (None, None) if read.foreign_objects > 0 => Some("no findings".to_owned()),
            (None, None) => None,
        };
        // What could be read counts all the same.
        if let Some(detail) = detail {
            engine.refuse(&item.name, Reason::Damaged, &detail);
        }
        self.findings.extend(read.set.into_findings());
        Ok(())
    }
}

/// What an announced object is to us.
enum Wanted {
    /// Flow logs.
    Logs(Item),
    /// What GuardDuty exported.
    Findings(Item),
    /// None of ours.
    Nothing,
}

/// Why an announced object is not to be read.
enum Refusal {
    Listed(Reason, String),
    Passing(Error),
}

/// The object as it is to be read.
fn item(
    object: &Announced,
    allowed: &Allowed,
    buckets: &Buckets,
    with_findings: bool,
) -> Result<Wanted, Refusal> {
    if !allowed.permits(object) {
        return Err(Refusal::Listed(Reason::Foreign, "not below any --allow".to_owned()));
    }
    // Folders are made in consoles.
    if object.key.ends_with('/') || is_other_service(&object.key) {
        return Ok(Wanted::Nothing);
    }
    // GuardDuty exports next to flow logs.
    let is_export = is_export_of_findings(&object.key);
    if is_export && !with_findings {
        return Ok(Wanted::Nothing);
    }
    let wanted = if is_export { Wanted::Findings } else { Wanted::Logs };
    if let (Some(bytes), None, false) = (object.bytes, &object.other_key, is_export)
        && !object.etag.is_empty()
    {
        return Ok(wanted(Item { name: object.name(), etag: object.etag.clone(), bytes }));
    }
    let other = object.other_key.iter().map(|key| Announced { key: key.clone(), ..object.clone() });
    for candidate in std::iter::once(object.clone()).chain(other.filter(|other| allowed.permits(other))) {
        match buckets.head(&candidate.bucket, &candidate.key) {
            Ok(Some(head)) => {
                return Ok(wanted(Item { name: candidate.name(), etag: head.etag, bytes: head.bytes }));
            }
            Ok(None) => {}
            Err(error) => return Err(Refusal::Passing(error)),
        }
    }
    Err(Refusal::Listed(Reason::Missing, "it was gone before it was read".to_owned()))
}

/// Whether the key is where GuardDuty exports its findings.
pub(super) fn is_export_of_findings(key: &str) -> bool {
    key.split_once("AWSLogs/").is_some_and(|(_, below)| below.contains("/GuardDuty/"))
}

/// Services whose logs AWS puts beside flow logs.
const OTHER_SERVICES: [&str; 4] = ["CloudTrail", "CloudTrail-Digest", "Config", "elasticloadbalancing"];

/// Whether the key is where AWS puts the logs of yet another service: below `AWSLogs/`, the folder
/// after the account, or after organisation and account. Prefixes before it are the customer's own words.
fn is_other_service(key: &str) -> bool {
    let Some((_, below)) = key.rsplit_once("AWSLogs/") else { return false };
    below.split('/').skip(1).take(2).any(|folder| OTHER_SERVICES.contains(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_other_services_in_the_same_bucket_are_passed_over() {
        assert!(is_other_service("AWSLogs/1/CloudTrail/eu-west-1/2026/01/01/x.json.gz"));
        assert!(is_other_service("AWSLogs/o-1/1/Config/eu-west-1/2026/1/1/ConfigHistory/x.json.gz"));
        assert!(!is_other_service("AWSLogs/1/vpcflowlogs/eu-west-1/2026/01/01/x.log.gz"));
        assert!(!is_other_service("team/Config/AWSLogs/1/vpcflowlogs/eu-west-1/2026/01/01/x.log.gz"));
        assert!(!is_other_service("Config/x.log.gz"));
    }

    #[test]
    fn what_guardduty_exports_is_told_from_flow_logs() {
        assert!(is_export_of_findings("a/AWSLogs/1/GuardDuty/eu-west-1/2026/01/01/x.jsonl.gz"));
        assert!(!is_export_of_findings("AWSLogs/1/vpcflowlogs/eu-west-1/2026/01/01/x.log.gz"));
        assert!(!is_export_of_findings("GuardDuty/vpc/x.log.gz"));
        assert!(!is_export_of_findings("x/GuardDuty/AWSLogs/1/vpcflowlogs/x.log.gz"));
    }
}
