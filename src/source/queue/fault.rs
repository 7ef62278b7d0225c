//! What an error of SQS means for whoever reads the message: one line of cause, one of remedy.
//!
//! Codes: Amazon SQS API Reference, in both spellings: that of the JSON protocol and the older one.

use crate::aws::fault::{self, Fault, Symptom};

/// What goes into an explanation.
pub(super) struct Way<'a> {
    pub(super) url: &'a str,
    /// Where requests go to, when not to AWS.
    pub(super) endpoint_url: Option<&'a str>,
}

/// What the watcher has to be allowed.
const ACTIONS: &str = "sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility";

impl Way<'_> {
    /// What holds for every service.
    pub(super) fn common(&self) -> fault::Way<'_> {
        fault::Way {
            service: "SQS",
            role_arn: None,
            endpoint_url: self.endpoint_url,
            endpoint_kind: "an interface endpoint for SQS",
        }
    }

    /// Explains an error of a request.
    pub(super) fn explain(&self, symptom: &Symptom) -> Fault {
        if let Some(fault) = self.common().explain(symptom) {
            return fault;
        }
        let (url, message) = (self.url, symptom.message.as_str());
        // `com.amazonaws.sqs#QueueDoesNotExist`, `AWS.SimpleQueueService.NonExistentQueue`.
        let code = symptom.code.rsplit(['#', '.']).next().unwrap_or_default();
        match code {
            "QueueDoesNotExist" | "NonExistentQueue" => Fault::new(
                format!("there is no queue {url}"),
                "check name, account and region of --queue-url (aws sqs list-queues)",
            ),
            "InvalidAddress" => Fault::new(
                format!("{url} is no queue's URL"),
                "use the URL that `aws sqs get-queue-url` prints, of the same region",
            ),
            _ if code.starts_with("Kms") || message.contains("kms:") => Fault::new(
                format!("not allowed to use the queue's KMS key: {message}"),
                "allow kms:Decrypt on it, in your policy and in the key's policy",
            ),
            "AccessDenied" | "AccessDeniedException" | "Forbidden" => self.denied(message),
            _ if symptom.status == 403 => self.denied(message),
            "OverLimit" => Fault::new(
                "too many messages of the queue are in hand at once",
                "look for other readers of the queue; one watcher per queue",
            ),
            "RequestThrottled" | "ThrottlingException" | "ServiceUnavailable" | "InternalError" => {
                Fault::new(format!("SQS keeps answering {code}"), "nothing: it is asked again")
            }
            _ => {
                let id = symptom.request_id.as_deref().unwrap_or("none");
                let code = if code.is_empty() { "an error" } else { code };
                Fault::new(
                    format!("SQS answered {code} (HTTP {}): {message}", symptom.status),
                    format!("look the code up in the Amazon SQS API Reference; request id {id}"),
                )
            }
        }
    }

    fn denied(&self, message: &str) -> Fault {
        let url = self.url;
        Fault::new(
            format!("not allowed to read the queue {url}: {message}"),
            format!("allow {ACTIONS} on it, in your policy and, for another account's queue, in the queue's"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_cause_and_its_remedy() {
        let way = Way { url: "https://sqs.eu-west-1.amazonaws.com/1/q", endpoint_url: None };
        for (code, status, message, cause, remedy) in [
            ("QueueDoesNotExist", 400, "", "there is no queue https://sqs", "--queue-url"),
            ("com.amazonaws.sqs#QueueDoesNotExist", 400, "", "there is no queue", "region"),
            ("AWS.SimpleQueueService.NonExistentQueue", 400, "", "there is no queue", "list-queues"),
            ("InvalidAddress", 404, "", "no queue's URL", "get-queue-url"),
            ("AccessDeniedException", 400, "User: x", "not allowed to read the queue", "sqs:ReceiveMessage"),
            ("Odd", 403, "", "not allowed", "sqs:DeleteMessage"),
            ("KmsAccessDenied", 400, "no", "KMS key", "kms:Decrypt"),
            ("OverLimit", 400, "", "in hand", "one watcher"),
            ("RequestThrottled", 400, "", "keeps answering RequestThrottled", "asked again"),
            ("ExpiredToken", 403, "", "expired", "aws sso login"),
            ("", 0, "refused", "cannot reach SQS", "interface endpoint for SQS"),
            ("Odd", 418, "tea", "Odd (HTTP 418): tea", "request id none"),
        ] {
            let symptom =
                Symptom { code: code.into(), status, message: message.into(), ..Symptom::default() };
            let fault = way.explain(&symptom);
            assert!(fault.cause.contains(cause), "{code}: {}", fault.cause);
            assert!(fault.remedy.contains(remedy), "{code}: {}", fault.remedy);
        }
    }
}
