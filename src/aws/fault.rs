//! What errors that every AWS service can give mean for whoever reads the message: one line of
//! cause, one of remedy.
//!
//! Codes: "Common errors" of each service's API reference; KMS and STS name theirs in the message.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::Error;

/// Characters of a service's message that are kept: enough for two ARNs and the reason.
const MESSAGE_CHARS_MAX: usize = 600;

/// A cause and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) cause: String,
    pub(crate) remedy: String,
}

impl Fault {
    pub(crate) fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { cause: cause.into(), remedy: remedy.into() }
    }

    /// Both in one line, for the list of failed objects.
    pub(crate) fn line(&self) -> String {
        format!("{} ({})", self.cause, self.remedy)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Service { message: fault.cause, hint: fault.remedy }
    }
}

/// What the SDK knows about an error, apart from its types.
#[derive(Debug, Default)]
pub(crate) struct Symptom {
    pub(crate) code: String,
    pub(crate) message: String,
    /// HTTP status; 0 when there was no answer.
    pub(crate) status: u16,
    /// The region the bucket is in, when S3 says so.
    pub(crate) bucket_region: Option<String>,
    pub(crate) request_id: Option<String>,
    /// Why there were no credentials.
    pub(crate) credentials: Option<CredentialsFault>,
}

/// Why there are no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialsFault {
    /// No place that was looked at has any.
    Missing,
    /// A place that should have them does not give them.
    Failed,
}

/// Reads an error of the SDK.
pub(crate) fn symptom<E>(error: &SdkError<E, HttpResponse>) -> Symptom
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let mut symptom = Symptom::default();
    if let Some(response) = error.raw_response() {
        let header = |name: &str| response.headers().get(name).map(one_line);
        symptom.status = response.status().as_u16();
        symptom.bucket_region = header("x-amz-bucket-region");
        symptom.request_id = header("x-amz-request-id").or_else(|| header("x-amzn-requestid"));
    }
    let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
    symptom.code = one_line(meta.and_then(|meta| meta.code()).unwrap_or_default());
    symptom.message = one_line(meta.and_then(|meta| meta.message()).unwrap_or_default());
    if symptom.message.is_empty() {
        symptom.message = one_line(&innermost(error));
    }
    symptom.credentials = credentials(error);
    symptom
}

/// What an error means that credentials could not be had with.
pub(crate) fn of_credentials(error: &CredentialsError, way: &Way<'_>) -> Fault {
    let symptom = Symptom {
        message: one_line(&innermost(error)),
        credentials: credentials(error),
        ..Symptom::default()
    };
    way.explain(&symptom).unwrap_or_else(|| unusable(&symptom.message, way.role_arn))
}

/// The last word of a chain of errors: the others only say that something failed.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The error and what it came from.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn credentials(error: &(dyn StdError + 'static)) -> Option<CredentialsFault> {
    chain(error).find_map(|error| error.downcast_ref::<CredentialsError>()).map(|error| match error {
        CredentialsError::CredentialsNotLoaded(_) => CredentialsFault::Missing,
        _ => CredentialsFault::Failed,
    })
}

/// What of the way to a service goes into an explanation.
pub(crate) struct Way<'a> {
    /// The service's name.
    pub(crate) service: &'static str,
    pub(crate) role_arn: Option<&'a str>,
    /// Where requests go to, when not to AWS.
    pub(crate) endpoint_url: Option<&'a str>,
    /// What an isolated VPC needs to get there.
    pub(crate) endpoint_kind: &'static str,
}

impl Way<'_> {
    /// Explains what can go wrong with every service; `None` for what only the service can tell.
    pub(crate) fn explain(&self, symptom: &Symptom) -> Option<Fault> {
        let message = symptom.message.as_str();
        match symptom.credentials {
            Some(CredentialsFault::Missing) => {
                return Some(Fault::new(
                    "no AWS credentials found",
                    "set AWS_PROFILE or --profile (`aws sso login` for SSO), AWS_ACCESS_KEY_ID with its secret, or \
                     run with an instance or task role",
                ));
            }
            Some(CredentialsFault::Failed) => return Some(unusable(message, self.role_arn)),
            None => {}
        }
        Some(match symptom.code.as_str() {
            "RequestTimeTooSkewed" => {
                Fault::new("the clock of this machine is wrong", "set it; AWS allows 15 minutes")
            }
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => {
                Fault::new(
                    "the AWS credentials have expired",
                    "sign in again (`aws sso login`), or renew the session",
                )
            }
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignature" => Fault::new(
                format!("AWS does not accept the credentials: {message}"),
                "`aws sts get-caller-identity` shows which ones are used; AWS_* variables win over profiles",
            ),
            "" if symptom.status == 0 => self.unreachable(message),
            _ => return None,
        })
    }

    fn unreachable(&self, message: &str) -> Fault {
        let Self { service, endpoint_kind, .. } = self;
        match self.endpoint_url {
            Some(url) => Fault::new(
                format!("cannot reach {url}: {message}"),
                "check the endpoint's address and that it is up",
            ),
            None => Fault::new(
                format!("cannot reach {service}: {message}"),
                format!(
                    "check the region's spelling and the way out: an isolated VPC needs {endpoint_kind}, others \
                     perhaps HTTPS_PROXY"
                ),
            ),
        }
    }
}

fn unusable(message: &str, role_arn: Option<&str>) -> Fault {
    match role_arn {
        Some(role) => Fault::new(
            format!("cannot assume {role}: {message}"),
            "allow sts:AssumeRole on it in your policy, and your principal (and external id) in its trust policy",
        ),
        None => Fault::new(
            format!("the AWS credentials cannot be loaded: {message}"),
            "`aws sts get-caller-identity` with the same profile says more; for SSO run `aws sso login`",
        ),
    }
}

/// The ARN of the KMS key that `message` names.
pub(crate) fn kms_key(message: &str) -> Option<&str> {
    let key = message.split(|c: char| c.is_whitespace() || c == '"').find(|word| word.contains(":kms:"));
    key.map(|arn| arn.trim_end_matches(['.', ',']))
}

/// Foreign text in one line that a terminal can be shown, at most `MESSAGE_CHARS_MAX` characters.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Way<'static> =
        Way { service: "S3", role_arn: None, endpoint_url: None, endpoint_kind: "an S3 gateway endpoint" };

    fn explained(code: &str, status: u16, message: &str) -> Option<Fault> {
        WAY.explain(&Symptom { code: code.into(), status, message: message.into(), ..Symptom::default() })
    }

    #[test]
    fn what_every_service_can_say_has_its_cause_and_its_remedy() {
        for (code, status, message, cause, remedy) in [
            ("ExpiredToken", 400, "", "expired", "aws sso login"),
            ("InvalidAccessKeyId", 403, "unknown", "does not accept", "get-caller-identity"),
            ("RequestTimeTooSkewed", 403, "", "clock", "15 minutes"),
            ("", 0, "connection refused", "cannot reach S3: connection refused", "gateway endpoint"),
        ] {
            let fault = explained(code, status, message).unwrap();
            assert!(fault.cause.contains(cause), "{code}: {}", fault.cause);
            assert!(fault.remedy.contains(remedy), "{code}: {}", fault.remedy);
        }
        assert_eq!(explained("NoSuchBucket", 404, ""), None);
        assert_eq!(explained("", 500, ""), None, "there was an answer");
    }

    #[test]
    fn a_role_that_cannot_be_assumed_is_named() {
        let failed = Symptom { credentials: Some(CredentialsFault::Failed), ..Symptom::default() };
        let fault = Way { role_arn: Some("arn:r"), ..WAY }.explain(&failed).unwrap();
        assert!(fault.cause.contains("cannot assume arn:r") && fault.remedy.contains("trust policy"));
    }

    #[test]
    fn foreign_text_does_nothing_to_a_terminal() {
        assert_eq!(one_line("a\u{1b}[31m\nb\t c\u{7}"), "a[31m b c");
        assert_eq!(one_line(&"x".repeat(10_000)).len(), MESSAGE_CHARS_MAX);
    }
}
