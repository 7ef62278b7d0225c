//! What an error of S3 means for whoever reads the message: one line of cause, one of remedy.
//!
//! Codes: Amazon S3 API Reference, "Error responses"; AWS KMS and STS name theirs in the message.

use std::error::Error as StdError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::client::Bucket;
use crate::aws::fault::{self, Fault, Symptom, symptom};

/// What was asked of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Listing a bucket.
    List,
    /// Reading an object.
    Get,
    /// Writing an object.
    Put,
    /// Removing an object.
    Remove,
}

/// Explains why `doing` failed.
pub(crate) fn fault<E>(error: &SdkError<E, HttpResponse>, bucket: &Bucket, doing: Doing) -> Fault
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let symptom = symptom(error);
    let way = Way {
        bucket: &bucket.name,
        role_arn: bucket.role_arn.as_deref(),
        expected_owner: bucket.expected_owner.as_deref(),
        endpoint_url: bucket.endpoint_url.as_deref(),
    };
    explain(&symptom, &way, doing)
}

/// What of a bucket's set-up goes into an explanation.
struct Way<'a> {
    bucket: &'a str,
    role_arn: Option<&'a str>,
    expected_owner: Option<&'a str>,
    endpoint_url: Option<&'a str>,
}

fn explain(symptom: &Symptom, way: &Way<'_>, doing: Doing) -> Fault {
    let (bucket, message) = (way.bucket, symptom.message.as_str());
    let common = fault::Way {
        service: "S3",
        role_arn: way.role_arn,
        endpoint_url: way.endpoint_url,
        endpoint_kind: "an S3 gateway endpoint",
    };
    if let Some(fault) = common.explain(symptom) {
        return fault;
    }
    let code = symptom.code.as_str();
    match code {
        _ if let Some(region) = other_region(symptom) => Fault::new(
            format!("bucket {bucket} is in region {region}, not in the one asked"),
            format!("add --region {region}, or `region` for it in [[s3.bucket]]"),
        ),
        _ if is_wrong_region(symptom) => Fault::new(
            format!("bucket {bucket} is in another region"),
            format!("`aws s3api get-bucket-location --bucket {bucket}` names it; add it as --region"),
        ),
        "NoSuchBucket" => {
            Fault::new(format!("there is no bucket {bucket}"), "check the spelling and the account")
        }
        "NoSuchKey" => Fault::new("it is no longer there", "deleted since it was listed; run again"),
        "PreconditionFailed" => {
            Fault::new("it changed since it was listed", "run again to read it as it is now")
        }
        "AccessControlListNotSupported" | "InvalidEncryptionAlgorithmError" | "InvalidArgument"
            if doing == Doing::Put =>
        {
            Fault::new(
                format!("bucket {bucket} does not take it: {message}"),
                "see what its policy asks of encryption: --sse, --sse-kms-key-id",
            )
        }
        "InvalidObjectState" => Fault::new(
            "it is archived in Glacier",
            "restore it first (aws s3api restore-object), or leave its time out with --from",
        ),
        _ if is_kms(symptom) => kms(symptom, message, doing),
        "AccessDenied" | "AllAccessDisabled" | "Forbidden" => denied(message, way, doing),
        _ if symptom.status == 403 => denied(message, way, doing),
        "SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestTimeout" => Fault::new(
            format!("S3 keeps answering {code}"),
            "run again later; `attempts` in [s3] says how often it is asked",
        ),
        _ => other(symptom, message),
    }
}

fn other(symptom: &Symptom, message: &str) -> Fault {
    let code = if symptom.code.is_empty() { "an error" } else { &symptom.code };
    let id = symptom.request_id.as_deref().unwrap_or("none");
    Fault::new(
        format!("S3 answered {code} (HTTP {}): {message}", symptom.status),
        format!("look the code up in the Amazon S3 error list; request id {id}"),
    )
}

/// The region that S3 sends us to, with an answer that only a wrong region gets.
fn other_region(symptom: &Symptom) -> Option<&str> {
    // "... the region 'us-east-1' is wrong; expecting 'eu-west-1'"
    let expecting = || symptom.message.split("expecting '").nth(1)?.split('\'').next();
    symptom.bucket_region.as_deref().or_else(expecting).filter(|_| is_wrong_region(symptom))
}

fn is_wrong_region(symptom: &Symptom) -> bool {
    const CODES: [&str; 4] = [
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    ];
    symptom.status == 301 || CODES.contains(&symptom.code.as_str())
}

fn is_kms(symptom: &Symptom) -> bool {
    symptom.code.starts_with("KMS.")
        || symptom.message.contains("kms:")
        || symptom.message.contains("KMS key")
}

fn kms(symptom: &Symptom, message: &str, doing: Doing) -> Fault {
    if symptom.code.starts_with("KMS.") {
        return Fault::new(
            format!("the KMS key of the object cannot be used: {message}"),
            "enable or restore the key",
        );
    }
    let key = fault::kms_key(message).unwrap_or("the key of the object");
    // A multipart upload reads its own parts.
    let (what, actions) = match doing {
        Doing::Put => ("encrypt", "kms:GenerateDataKey and kms:Decrypt"),
        _ => ("decrypt", "kms:Decrypt"),
    };
    Fault::new(
        format!("not allowed to {what} with KMS: {message}"),
        format!(
            "allow {actions} on {key}, in your policy and, for another account's key, in the key's policy"
        ),
    )
}

fn denied(message: &str, way: &Way<'_>, doing: Doing) -> Fault {
    let bucket = way.bucket;
    let owner = way.expected_owner.map(|id| format!("; it must also belong to account {id}, as expected"));
    let owner = owner.unwrap_or_default();
    let (what, allow) = match doing {
        Doing::List => ("list the bucket", format!("s3:ListBucket on arn:aws:s3:::{bucket}")),
        Doing::Get => ("read objects of the bucket", format!("s3:GetObject on arn:aws:s3:::{bucket}/*")),
        Doing::Put => ("write to the bucket", format!("s3:PutObject on arn:aws:s3:::{bucket}/*")),
        Doing::Remove => ("remove from the bucket", format!("s3:DeleteObject on arn:aws:s3:::{bucket}/*")),
    };
    let place = match (message.contains("VPC endpoint policy"), message.contains("explicit deny")) {
        (true, _) => "in the VPC endpoint's policy",
        (_, true) => "where an explicit deny stands: bucket policy, service control policy or yours",
        _ => "in your policy and, for another account's bucket, in the bucket's policy",
    };
    Fault::new(format!("not allowed to {what} {bucket}: {message}"), format!("allow {allow}, {place}{owner}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> Way<'static> {
        Way { bucket: "logs", role_arn: None, expected_owner: None, endpoint_url: None }
    }

    fn explained(code: &str, status: u16, message: &str, doing: Doing) -> (String, String) {
        let symptom = Symptom { code: code.into(), status, message: message.into(), ..Symptom::default() };
        let fault = explain(&symptom, &way(), doing);
        assert!(!fault.cause.contains('\n') && !fault.remedy.contains('\n'));
        (fault.cause, fault.remedy)
    }

    #[test]
    fn every_code_has_its_cause_and_its_remedy() {
        for (code, status, message, cause, remedy) in [
            ("NoSuchBucket", 404, "", "no bucket logs", "spelling"),
            (
                "AccessDenied",
                403,
                "Access Denied",
                "not allowed to list",
                "s3:ListBucket on arn:aws:s3:::logs,",
            ),
            ("ExpiredToken", 400, "", "expired", "aws sso login"),
            ("InvalidAccessKeyId", 403, "unknown", "does not accept", "get-caller-identity"),
            ("RequestTimeTooSkewed", 403, "", "clock", "15 minutes"),
            ("SlowDown", 503, "", "keeps answering SlowDown", "later"),
            ("", 0, "connection refused", "cannot reach S3: connection refused", "gateway endpoint"),
            ("Odd", 418, "tea", "Odd (HTTP 418): tea", "request id none"),
            (
                "AccessDenied",
                403,
                "with an explicit deny in a VPC endpoint policy",
                "VPC endpoint",
                "endpoint's policy",
            ),
        ] {
            let got = explained(code, status, message, Doing::List);
            assert!(got.0.contains(cause), "{code}: {}", got.0);
            assert!(got.1.contains(remedy), "{code}: {}", got.1);
        }
    }

    #[test]
    fn a_wrong_region_names_the_right_one() {
        let header = Symptom {
            code: "PermanentRedirect".into(),
            status: 301,
            bucket_region: Some("eu-west-1".into()),
            ..Symptom::default()
        };
        assert!(explain(&header, &way(), Doing::List).remedy.contains("--region eu-west-1"));
        let text = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'";
        assert!(
            explained("AuthorizationHeaderMalformed", 400, text, Doing::List)
                .1
                .contains("--region eu-central-1")
        );
        let got = explained("PermanentRedirect", 301, "", Doing::List);
        assert!(got.1.contains("get-bucket-location"), "{got:?}");
    }

    #[test]
    fn a_denied_key_is_told_from_a_denied_object() {
        let text = "User: arn:aws:sts::111111111111:assumed-role/x/y is not authorized to perform: kms:Decrypt on \
                    resource: arn:aws:kms:eu-west-1:222222222222:key/abc because no identity-based policy allows it";
        let got = explained("AccessDenied", 403, text, Doing::Get);
        assert!(got.1.contains("kms:Decrypt on arn:aws:kms:eu-west-1:222222222222:key/abc,"), "{}", got.1);
        assert!(explained("KMS.DisabledException", 400, "is disabled", Doing::Get).1.contains("enable"));
        assert!(explained("AccessDenied", 403, "Access Denied", Doing::Get).1.contains("s3:GetObject on"));
        assert!(explained("AccessDenied", 403, "Access Denied", Doing::Put).1.contains("s3:PutObject on"));
        assert!(
            explained("AccessDenied", 403, text, Doing::Put)
                .1
                .contains("kms:GenerateDataKey and kms:Decrypt")
        );
    }

    #[test]
    fn an_expected_owner_and_a_role_are_named() {
        let way = Way { expected_owner: Some("111111111111"), role_arn: Some("arn:r"), ..way() };
        let denied = Symptom { code: "AccessDenied".into(), status: 403, ..Symptom::default() };
        assert!(explain(&denied, &way, Doing::List).remedy.contains("belong to account 111111111111"));
        let failed = Symptom { credentials: Some(fault::CredentialsFault::Failed), ..Symptom::default() };
        let fault = explain(&failed, &way, Doing::List);
        assert!(fault.cause.contains("cannot assume arn:r") && fault.remedy.contains("trust policy"));
    }
}
