//! Services that speak JSON over signed requests and whose crates are not worth minutes of
//! building: `GuardDuty` and Security Hub.
//!
//! Credentials, region, endpoints, TLS and proxies are the SDK's, and so is the signature; what is
//! asked and answered stays JSON. Requests are repeated here while an answer may come to another
//! end. Sources: AWS General Reference, "Service endpoints"; Smithy, "AWS restJson1 protocol".

use std::fmt::Write as _;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_s3::primitives::SdkBody;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use super::credentials::{Kept, now};
use super::fault::{self, Fault, Symptom, innermost, of_credentials, one_line};
use crate::config;
use crate::error::Error;
use crate::limits::API_ANSWER_BYTES_MAX;

/// A service and how it is explained.
#[derive(Debug)]
pub(crate) struct Api {
    /// Its name for people.
    pub(crate) name: &'static str,
    /// What endpoints and signatures call it.
    pub(crate) id: &'static str,
    /// What settings call it: `AWS_ENDPOINT_URL_<this, in capitals and with underscores>`.
    pub(crate) setting: &'static str,
    /// What has to be allowed.
    pub(crate) actions: &'static str,
    /// What an isolated VPC needs to get there.
    pub(crate) endpoint_kind: &'static str,
    /// What its own codes mean: a part of the code or of the message, the cause, the remedy.
    pub(crate) own: &'static [(&'static str, &'static str, &'static str)],
}

/// The way to one service in one region.
pub(crate) struct Rest {
    api: &'static Api,
    connector: SharedHttpConnector,
    credentials: Kept,
    region: String,
    /// Without a slash at the end.
    endpoint: String,
    is_own_endpoint: bool,
    attempts: u32,
    timeout: Duration,
}

impl Rest {
    /// Sets up the way, and looks for credentials. Sends nothing to the service.
    ///
    /// # Errors
    /// When there are no credentials, or no region is known.
    pub(crate) async fn connect(
        api: &'static Api,
        region: Option<&str>,
        options: &config::S3,
    ) -> Result<Self, Error> {
        let base = super::load(options, region.or(options.common.region.as_deref())).await?;
        let Some(region) = base.region().map(ToString::to_string) else {
            return Err(Error::usage(
                format!("no region is known for {}", api.name),
                "name it: --region, AWS_REGION, or `region` in the profile",
            ));
        };
        let own = own_endpoint(api, &base);
        let endpoint = own.clone().unwrap_or_else(|| aws_endpoint(api.id, &region, &base));
        let Some(provider) = base.credentials_provider() else {
            let missing =
                Symptom { credentials: Some(fault::CredentialsFault::Missing), ..Symptom::default() };
            return Err(way(api, own.as_deref()).explain(&missing).map_or_else(|| no_word(api), Error::from));
        };
        let rest = Self {
            api,
            connector: super::connector(options, &base)?,
            credentials: Kept::from(provider),
            region,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            is_own_endpoint: own.is_some(),
            attempts: options.attempts,
            timeout: options.timeout,
        };
        rest.credentials().await?;
        Ok(rest)
    }

    /// The region that is asked.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Asks, again while that may help, and gives the body of the answer. `path` begins with `/`
    /// and is encoded.
    ///
    /// # Errors
    /// When the service refuses or does not answer.
    pub(crate) async fn call(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, Fault> {
        let mut attempt = 1;
        loop {
            match self.once(method, path, body).await? {
                Ok(answer) => return Ok(answer),
                Err(symptom) if attempt < self.attempts && is_passing(&symptom) => {
                    tokio::time::sleep(super::backoff(self.timeout, attempt)).await;
                    attempt += 1;
                }
                Err(symptom) => return Err(self.explain(&symptom)),
            }
        }
    }

    /// One request. The outer error is about credentials.
    async fn once(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Result<Bytes, Symptom>, Fault> {
        let credentials = self.credentials().await?;
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = self.signed(method, &format!("{}{path}", self.endpoint), body, credentials);
        let request = match request {
            Ok(request) => request,
            Err(detail) => return Ok(Err(Symptom { message: detail, ..Symptom::default() })),
        };
        let unanswered = |detail: &str| Err(Symptom { message: one_line(detail), ..Symptom::default() });
        let response = match self.connector.call(request).await {
            Ok(response) => response,
            Err(error) => return Ok(unanswered(&innermost(&error))),
        };
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).map(one_line);
        let (kind, request_id) = (header("x-amzn-errortype"), header("x-amzn-requestid"));
        let limited = Limited::new(response.into_body(), API_ANSWER_BYTES_MAX).collect();
        let answer = match tokio::time::timeout(self.timeout, limited).await {
            Ok(Ok(answer)) => answer.to_bytes(),
            Ok(Err(error)) => return Ok(unanswered(&error.to_string())),
            Err(_) => return Ok(unanswered("the answer stood still")),
        };
        if (200..300).contains(&status) {
            return Ok(Ok(answer));
        }
        Ok(Err(Symptom { status, request_id, ..refusal(kind.as_deref(), &answer) }))
    }

    /// The request with its signature.
    fn signed(
        &self,
        method: &'static str,
        url: &str,
        body: Vec<u8>,
        credentials: Credentials,
    ) -> Result<HttpRequest, String> {
        const JSON: (&str, &str) = ("content-type", "application/json");
        let identity = Identity::from(credentials);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.api.id)
            .time(now())
            .settings(SigningSettings::default())
            .build()
            .expect("all of it was given")
            .into();
        let signable = SignableRequest::new(method, url, std::iter::once(JSON), SignableBody::Bytes(&body));
        let signed = signable.and_then(|signable| sign(signable, &params));
        let (instructions, _) = signed.map_err(|error| innermost(&error))?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        let shaped = request.set_method(method).and_then(|()| request.set_uri(url));
        shaped.map_err(|error| innermost(&error))?;
        request.headers_mut().insert(JSON.0, JSON.1);
        for (name, value) in instructions.headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }

    async fn credentials(&self) -> Result<Credentials, Fault> {
        self.credentials.get().await.map_err(|error| of_credentials(&error, &self.way()))
    }

    fn way(&self) -> fault::Way<'_> {
        way(self.api, Some(self.endpoint.as_str()).filter(|_| self.is_own_endpoint))
    }

    /// What a refusal means.
    pub(crate) fn explain(&self, symptom: &Symptom) -> Fault {
        if let Some(fault) = self.way().explain(symptom) {
            return fault;
        }
        let Api { name, actions, own, .. } = self.api;
        let (code, message) = (symptom.code.as_str(), symptom.message.as_str());
        let told = own.iter().find(|(part, ..)| code.contains(part) || message.contains(part));
        if let Some((_, cause, remedy)) = told {
            return Fault::new(format!("{cause} (region {}): {message}", self.region), *remedy);
        }
        if symptom.status == 403 || code.contains("AccessDenied") {
            let place = match (message.contains("VPC endpoint policy"), message.contains("explicit deny")) {
                (true, _) => "in the VPC endpoint's policy",
                (_, true) => "where an explicit deny stands: service control policy or yours",
                _ => "in your policy",
            };
            return Fault::new(
                format!("not allowed to use {name}: {message}"),
                format!("allow {actions}, {place}"),
            );
        }
        let code = if code.is_empty() { "an error" } else { code };
        if is_passing(symptom) {
            return Fault::new(
                format!("{name} keeps answering {code} (HTTP {})", symptom.status),
                "run again later; `attempts` in [s3] says how often it is asked",
            );
        }
        let id = symptom.request_id.as_deref().unwrap_or("none");
        Fault::new(
            format!("{name} answered {code} (HTTP {}): {message}", symptom.status),
            format!("look the code up in the {name} API Reference; request id {id}"),
        )
    }

    /// An answer that is not what the service's reference says.
    pub(crate) fn odd(&self, detail: &str) -> Fault {
        let (name, endpoint) = (self.api.name, &self.endpoint);
        Fault::new(
            format!("{name} gave an answer that nobody understands: {}", one_line(detail)),
            format!("check that {endpoint} is {name}"),
        )
    }
}

fn way<'a>(api: &Api, endpoint_url: Option<&'a str>) -> fault::Way<'a> {
    fault::Way { service: api.name, role_arn: None, endpoint_url, endpoint_kind: api.endpoint_kind }
}

fn no_word(api: &Api) -> Error {
    Error::usage(format!("no credentials for {}", api.name), "set AWS_PROFILE or --profile")
}

/// What the environment and the profile say about where the service is.
fn own_endpoint(api: &Api, base: &SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id(api.setting).env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let key = key.build().expect("all of it was given");
    let own = base.service_config().and_then(|settings| settings.load_config(key));
    own.or_else(|| base.endpoint_url().map(str::to_owned))
}

/// Where AWS has the service.
fn aws_endpoint(id: &str, region: &str, base: &SdkConfig) -> String {
    let is_china = region.starts_with("cn-");
    let is_dual = base.use_dual_stack().unwrap_or_default();
    let fips = if base.use_fips().unwrap_or_default() { "-fips" } else { "" };
    let domain = match (is_dual, is_china) {
        (false, false) => "amazonaws.com",
        (false, true) => "amazonaws.com.cn",
        (true, false) => "api.aws",
        (true, true) => "api.amazonwebservices.com.cn",
    };
    format!("https://{id}{fips}.{region}.{domain}")
}

/// The code and the message of a refusal.
fn refusal(kind: Option<&str>, answer: &[u8]) -> Symptom {
    let body: Value = serde_json::from_slice(answer).unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
    let code = kind.or_else(|| text(&["__type", "code", "Code"])).unwrap_or_default();
    // `AccessDeniedException:http://…` and `com.amazonaws.guardduty#AccessDeniedException`.
    let code = code.split(':').next().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    let message = text(&["message", "Message"]).unwrap_or_default();
    Symptom { code: one_line(code), message: one_line(message), ..Symptom::default() }
}

/// Whether the same request may be answered otherwise the next time.
fn is_passing(symptom: &Symptom) -> bool {
    let code = symptom.code.as_str();
    matches!(symptom.status, 0 | 429 | 500..)
        || code.contains("Throttl")
        || code.contains("TooManyRequests")
        || code.contains("LimitExceeded") && symptom.status != 403
}

/// `text` as a part of a URL.
pub(crate) fn encoded(text: &str) -> String {
    encoded_but(text, b"-_.~")
}

/// `text` as the path of a URL, whose slashes stay.
pub(crate) fn encoded_path(text: &str) -> String {
    encoded_but(text, b"-_.~/")
}

fn encoded_but(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a text takes all");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_in_every_spelling() {
        for (kind, body, code, message) in [
            (Some("BadRequestException:http://internal"), r#"{"message":"no"}"#, "BadRequestException", "no"),
            (
                None,
                r#"{"__type":"com.amazonaws.guardduty#AccessDeniedException","Message":"you"}"#,
                "AccessDeniedException",
                "you",
            ),
            (None, "<html>", "", ""),
        ] {
            let symptom = refusal(kind, body.as_bytes());
            assert_eq!((symptom.code.as_str(), symptom.message.as_str()), (code, message));
        }
    }

    #[test]
    fn what_passes_is_asked_again_and_what_does_not_is_not() {
        let is =
            |status, code: &str| is_passing(&Symptom { status, code: code.into(), ..Symptom::default() });
        assert!(is(0, "") && is(429, "") && is(503, "") && is(400, "ThrottlingException"));
        assert!(
            is(400, "TooManyRequestsException")
                && !is(403, "AccessDeniedException")
                && !is(400, "BadRequestException")
        );
    }

    #[test]
    fn endpoints_are_those_of_the_partition() {
        let base = |fips, dual| SdkConfig::builder().use_fips(fips).use_dual_stack(dual).build();
        let at = |region, fips, dual| aws_endpoint("guardduty", region, &base(fips, dual));
        assert_eq!(at("eu-west-1", false, false), "https://guardduty.eu-west-1.amazonaws.com");
        assert_eq!(at("us-gov-west-1", true, false), "https://guardduty-fips.us-gov-west-1.amazonaws.com");
        assert_eq!(at("cn-north-1", false, false), "https://guardduty.cn-north-1.amazonaws.com.cn");
        assert_eq!(at("eu-west-1", true, true), "https://guardduty-fips.eu-west-1.api.aws");
        assert_eq!(encoded("a+b/ c=é"), "a%2Bb%2F%20c%3D%C3%A9");
    }
}
