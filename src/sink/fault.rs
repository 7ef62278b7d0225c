//! What an error of SNS means for whoever reads the message: one line of cause, one of remedy.
//!
//! Codes: Amazon SNS API Reference, `PublishBatch`; throttling is not modelled there and comes as
//! a code like any other.

use crate::aws::fault::{self, Fault, Symptom};

use super::topic::Topic;

/// What goes into an explanation.
pub(super) struct Way<'a> {
    pub(super) topic: &'a Topic,
    /// Where requests go to, when not to AWS.
    pub(super) endpoint_url: Option<&'a str>,
}

impl Way<'_> {
    /// What holds for every service.
    pub(super) fn common(&self) -> fault::Way<'_> {
        fault::Way {
            service: "SNS",
            role_arn: None,
            endpoint_url: self.endpoint_url,
            endpoint_kind: "an interface endpoint for SNS",
        }
    }

    /// Explains an error of a request, or of one message of a batch.
    pub(super) fn explain(&self, symptom: &Symptom) -> Fault {
        if let Some(fault) = self.common().explain(symptom) {
            return fault;
        }
        let (arn, message, code) = (self.topic.arn(), symptom.message.as_str(), symptom.code.as_str());
        match code {
            "NotFound" | "NotFoundException" | "ResourceNotFoundException" => Fault::new(
                format!("there is no topic {arn}"),
                "check name, account and region of --sns-topic-arn (aws sns list-topics)",
            ),
            _ if code.starts_with("KMS") || message.contains("kms:") || message.contains("KMS key") => {
                kms(symptom)
            }
            "AuthorizationError"
            | "AuthorizationErrorException"
            | "AccessDenied"
            | "AccessDeniedException"
            | "Forbidden" => self.denied(message),
            _ if symptom.status == 403 => self.denied(message),
            _ if !code.is_empty() && is_passing(code) => Fault::new(
                format!("SNS keeps answering {code}"),
                "publish again later; `attempts` in [s3] says how often it is asked",
            ),
            _ => {
                let id = symptom.request_id.as_deref().unwrap_or("none");
                let code = if code.is_empty() { "an error" } else { code };
                Fault::new(
                    format!("SNS answered {code} (HTTP {}): {message}", symptom.status),
                    format!("look the code up in the Amazon SNS API Reference; request id {id}"),
                )
            }
        }
    }

    fn denied(&self, message: &str) -> Fault {
        let arn = self.topic.arn();
        let place = match (message.contains("VPC endpoint policy"), message.contains("explicit deny")) {
            (true, _) => "in the VPC endpoint's policy",
            (_, true) => "where an explicit deny stands: topic policy, service control policy or yours",
            _ => "in your policy and, for another account's topic, in the topic's policy",
        };
        Fault::new(
            format!("not allowed to publish to {arn}: {message}"),
            format!("allow sns:Publish on {arn}, {place}"),
        )
    }
}

fn kms(symptom: &Symptom) -> Fault {
    let message = &symptom.message;
    let key = fault::kms_key(message).unwrap_or("the topic's key");
    if symptom.code.contains("Disabled") || symptom.code.contains("InvalidState") {
        return Fault::new(
            format!("the topic's KMS key cannot be used: {message}"),
            format!("enable or restore {key}"),
        );
    }
    Fault::new(
        format!("not allowed to use the topic's KMS key: {message}"),
        format!("allow kms:GenerateDataKey* and kms:Decrypt on {key}, in your policy and in the key's"),
    )
}

/// Whether what `code` says may be gone the next time; no code is no word, which may come then.
pub(super) fn is_passing(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code,
            "" | "TooManyRequestsException"
                | "RequestLimitExceeded"
                | "SlowDown"
                | "InternalError"
                | "InternalErrorException"
                | "InternalFailure"
                | "ServiceUnavailable"
                | "RequestTimeout"
        )
}

/// Whether `code` refuses what is in a request, so that a part of it may still be taken.
pub(super) fn is_about_content(code: &str) -> bool {
    code.starts_with("InvalidParameter")
        || matches!(
            code,
            "ValidationException" | "ValidationError" | "BatchRequestTooLong" | "InvalidSecurity"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_cause_and_its_remedy() {
        let topic: Topic = "arn:aws:sns:eu-west-1:111111111111:outflow".parse().unwrap();
        let way = Way { topic: &topic, endpoint_url: None };
        for (code, status, message, cause, remedy) in [
            ("NotFound", 404, "", "no topic arn:aws:sns:", "list-topics"),
            ("AuthorizationError", 403, "User: x", "not allowed to publish", "sns:Publish on arn:aws:sns:"),
            ("Odd", 403, "", "not allowed to publish", "sns:Publish"),
            ("AccessDenied", 403, "explicit deny", "not allowed", "explicit deny stands"),
            (
                "KMSAccessDenied",
                400,
                "no",
                "topic's KMS key",
                "kms:GenerateDataKey* and kms:Decrypt on the topic's key",
            ),
            (
                "AccessDenied",
                403,
                "not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:222222222222:key/abc because",
                "KMS",
                "on arn:aws:kms:eu-west-1:222222222222:key/abc,",
            ),
            ("KMSDisabled", 400, "disabled", "cannot be used", "enable"),
            ("ThrottlingException", 400, "Rate exceeded", "keeps answering ThrottlingException", "later"),
            ("ExpiredToken", 403, "", "expired", "aws sso login"),
            ("InvalidClientTokenId", 403, "bad", "does not accept", "get-caller-identity"),
            ("Odd", 418, "tea", "Odd (HTTP 418): tea", "request id none"),
            ("", 0, "refused", "cannot reach SNS", "interface endpoint for SNS"),
        ] {
            let symptom =
                Symptom { code: code.into(), status, message: message.into(), ..Symptom::default() };
            let fault = way.explain(&symptom);
            assert!(fault.cause.contains(cause), "{code}: {}", fault.cause);
            assert!(fault.remedy.contains(remedy), "{code}: {}", fault.remedy);
            assert!(!fault.line().contains('\n'));
        }
    }
}
