//! Signature Version 4 for many requests that are alike: the signing key is kept for its day, and a
//! request is written down once. `aws-sigv4`, which signs everything else, derives the key and sorts
//! a URL's parts anew for each.
//! Source: AWS IAM User Guide, "Create a signed AWS API request".

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

/// SHA-256 of no bytes, which is the body of a `GET`.
pub(crate) const NOTHING_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Signs requests to one service in one region.
pub(crate) struct Signer {
    region: String,
    service: &'static str,
    kept: Mutex<Option<Key>>,
}

/// A signing key and what it was made of.
struct Key {
    day: String,
    secret: String,
    bytes: Vec<u8>,
}

impl Signer {
    /// For `service` in `region`.
    pub(crate) fn new(region: &str, service: &'static str) -> Self {
        Self { region: region.to_owned(), service, kept: Mutex::default() }
    }

    /// Adds what signs a `GET` of `path`, which is encoded and has no query, to `headers`: their
    /// names in small letters, with the `host`, their values without spaces at their ends or twice
    /// in a row. Sorts them.
    pub(crate) fn sign(
        &self,
        path: &str,
        headers: &mut Vec<(&'static str, String)>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Option<()> {
        let time = jiff::Timestamp::try_from(now).ok()?.to_zoned(TimeZone::UTC);
        let time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &time[..8];
        headers.push(("x-amz-content-sha256", NOTHING_SHA256.to_owned()));
        headers.push(("x-amz-date", time.clone()));
        headers.extend(credentials.session_token().map(|token| ("x-amz-security-token", token.to_owned())));
        headers.sort_unstable_by_key(|(name, _)| *name);
        let mut canonical = format!("GET\n{path}\n\n");
        let mut names = String::new();
        for (name, value) in headers.iter() {
            writeln!(canonical, "{name}:{value}").ok()?;
            names.push_str(if names.is_empty() { "" } else { ";" });
            names.push_str(name);
        }
        write!(canonical, "\n{names}\n{NOTHING_SHA256}").ok()?;
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let mut text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n");
        for byte in Sha256::digest(canonical.as_bytes()) {
            write!(text, "{byte:02x}").ok()?;
        }
        let signature = self.with_key(day, credentials.secret_access_key(), now, |key| {
            calculate_signature(key, text.as_bytes())
        });
        let id = credentials.access_key_id();
        let value =
            format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        headers.push(("authorization", value));
        Some(())
    }

    fn with_key(&self, day: &str, secret: &str, now: SystemTime, sign: impl Fn(&[u8]) -> String) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = kept.as_ref().filter(|key| key.day == day && key.secret == secret) {
            return sign(&key.bytes);
        }
        let bytes = generate_signing_key(secret, now, &self.region, self.service).as_ref().to_vec();
        sign(&kept.insert(Key { day: day.to_owned(), secret: secret.to_owned(), bytes }).bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    };
    use aws_sigv4::sign::v4;

    use super::*;

    /// The header that the SDK's signer makes.
    fn by_the_sdk(
        path: &str,
        headers: &[(&str, &str)],
        credentials: &Credentials,
        now: SystemTime,
    ) -> String {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("s3")
            .time(now)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let url = format!("https://logs.s3.eu-west-1.amazonaws.com{path}");
        let body = SignableBody::Precomputed(NOTHING_SHA256.to_owned());
        let signable = SignableRequest::new("GET", &url, headers.iter().copied(), body).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let found = instructions.headers().find(|(name, _)| *name == "authorization");
        found.unwrap().1.to_owned()
    }

    #[test]
    fn signatures_are_those_of_the_sdk_on_every_day_and_for_every_key() {
        let signer = Signer::new("eu-west-1", "s3");
        let conditional: &[(&str, &str)] = &[("if-match", "\"5\""), ("x-amz-checksum-mode", "ENABLED")];
        let day = 86_400;
        for (second, token, path, headers) in [
            (0, None, "/day%3D11/a.log.gz", conditional),
            (5, None, "/a//b%20c", &[][..]),
            (5, Some("token"), "/a", conditional),
            (day + 5, Some("token"), "/a", conditional),
            (5, None, "/a", conditional),
        ] {
            let secret = token.unwrap_or("secret");
            let token = token.map(str::to_owned);
            let credentials = Credentials::new("AKIDEXAMPLE", secret, token, None, "test");
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_000_000 + second);
            let mut ours: Vec<(&str, String)> =
                headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            ours.push(("host", "logs.s3.eu-west-1.amazonaws.com".to_owned()));
            signer.sign(path, &mut ours, &credentials, now).unwrap();
            let (_, value) = ours.iter().find(|(name, _)| *name == "authorization").unwrap();
            assert_eq!(*value, by_the_sdk(path, headers, &credentials, now));
        }
    }
}
