//! Objects asked for without the SDK's machinery around a request.
//!
//! The SDK takes 0.17 ms of CPU to ask for one object, of which HTTP needs 0.05 (`a_request_by_itself` in
//! `tests/aws/throughput.rs` measures both), while scanning five minutes of a hundred interfaces takes
//! less than 1 ms. So the regular request is made here: a path, a signature, a pooled connection.
//! Where the bucket is, and for which region it is signed, the SDK says: it presigns one request for
//! each bucket. And only a good answer counts: on any other the SDK asks once more, in its own way, and
//! says what is wrong.
//! Sources: Amazon S3 API Reference, `GetObject` and "Authenticating Requests"; User Guide, "Checking
//! object integrity".

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_checksums::body::validate::ChecksumBody;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use base64::Engine as _;
use tokio::sync::OnceCell;

use super::client::Bucket;
use crate::aws::credentials::{Kept, now};
use crate::aws::rest::encoded;

/// SHA-256 of no bytes, which is the body of a `GET`.
const NOTHING_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// Headers that hold a checksum of the object: `x-amz-checksum-` and one of these.
const CHECKSUMS: [&str; 5] = ["crc64nvme", "crc32", "crc32c", "sha256", "sha1"];
/// A key that needs no encoding, to see what the SDK puts around it.
const PLAIN_KEY: &str = "key";

/// The short way to the objects of one bucket.
pub(crate) struct Direct {
    connector: SharedHttpConnector,
    credentials: Kept,
    /// `None` where only the SDK knows the way.
    way: OnceCell<Option<Way>>,
}

/// Where requests go, and what they are signed for.
#[derive(Debug, PartialEq, Eq)]
struct Way {
    /// All before the key: `https://bucket.s3.eu-west-1.amazonaws.com/`.
    base: String,
    region: String,
}

impl Direct {
    /// Sets it up. Nothing is sent yet.
    pub(super) fn new(connector: SharedHttpConnector, provider: SharedCredentialsProvider) -> Self {
        Self { connector, credentials: Kept::from(provider), way: OnceCell::new() }
    }

    /// Asks for a whole object. `None` when it did not come: the SDK may know why.
    pub(super) async fn get(&self, bucket: &Bucket, key: &str, etag: &str) -> Option<GetObjectOutput> {
        let way = self.way.get_or_init(|| way(bucket)).await.as_ref()?;
        let identity = Identity::from(self.credentials.get().await.ok()?);
        let mut headers = vec![("x-amz-checksum-mode", "ENABLED")];
        let payer = bucket.payer.as_ref().map(aws_sdk_s3::types::RequestPayer::as_str);
        headers.extend(payer.map(|payer| ("x-amz-request-payer", payer)));
        headers.extend(bucket.expected_owner.as_deref().map(|owner| ("x-amz-expected-bucket-owner", owner)));
        headers.extend((!etag.is_empty()).then_some(("if-match", etag)));
        let response = self.connector.call(way.request(key, &headers, &identity)?).await.ok()?;
        (response.status().as_u16() == 200).then(|| output(response))
    }
}

/// The way to a bucket, as the SDK goes it.
async fn way(bucket: &Bucket) -> Option<Way> {
    let minute = PresigningConfig::expires_in(std::time::Duration::from_mins(1)).ok()?;
    let request = bucket.client.get_object().bucket(&bucket.name).key(PLAIN_KEY);
    Way::of(request.presigned(minute).await.ok()?.uri())
}

impl Way {
    /// Reads it from a presigned URL: `None` unless that is signed for S3 in one region (not for an
    /// access point of several, nor for a directory bucket's session).
    fn of(presigned: &str) -> Option<Self> {
        let (place, query) = presigned.split_once('?')?;
        let base = place.strip_suffix(PLAIN_KEY)?;
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let scope: Vec<&str> = value("X-Amz-Credential")?.split("%2F").collect();
        match scope[..] {
            [_, _, region, "s3", "aws4_request"] if value("X-Amz-Algorithm")? == "AWS4-HMAC-SHA256" => {
                Some(Self { base: base.to_owned(), region: region.to_owned() })
            }
            _ => None,
        }
    }

    /// The signed request for an object. `None` when something about it cannot be signed or sent.
    fn request(&self, key: &str, headers: &[(&str, &str)], identity: &Identity) -> Option<HttpRequest> {
        let url = format!("{}{}", self.base, encoded(key).replace("%2F", "/"));
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name("s3")
            .time(now())
            .settings(settings)
            .build()
            .expect("all of it was given")
            .into();
        let body = SignableBody::Precomputed(NOTHING_SHA256.to_owned());
        let signable = SignableRequest::new("GET", &url, headers.iter().copied(), body).ok()?;
        let (instructions, _) = sign(signable, &params).ok()?.into_parts();
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method("GET").ok()?;
        request.set_uri(url).ok()?;
        for (name, value) in headers {
            request.headers_mut().insert((*name).to_owned(), (*value).to_owned());
        }
        for (name, value) in instructions.headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Some(request)
    }
}

/// The answer as the SDK gives it: its body ends with an error when it has another checksum than the
/// object was stored with.
fn output(response: HttpResponse) -> GetObjectOutput {
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    let etag = header("etag");
    let length = header("content-length").and_then(|length| length.parse().ok());
    let checksum = CHECKSUMS.into_iter().find_map(|name| {
        let algorithm: ChecksumAlgorithm = name.parse().ok()?;
        // Of parts it is followed by their number, and no sum of these bytes.
        let sum =
            base64::engine::general_purpose::STANDARD.decode(header(&format!("x-amz-checksum-{name}"))?);
        Some((algorithm, sum.ok()?))
    });
    let body = response.into_body();
    let body = match checksum {
        Some((algorithm, sum)) => {
            SdkBody::from_body_1_x(ChecksumBody::new(body, algorithm.into_impl(), sum.into()))
        }
        None => body,
    };
    let output = GetObjectOutput::builder().set_e_tag(etag).set_content_length(length);
    output.body(ByteStream::new(body)).build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::AggregatedBytes;

    use super::*;

    #[test]
    fn the_way_is_read_from_what_the_sdk_presigned() {
        let signed = |base: &str, algorithm: &str, scope: &str| {
            format!(
                "{base}key?x-id=GetObject&X-Amz-Algorithm={algorithm}&X-Amz-Credential=AKIDEXAMPLE%2F{scope}"
            )
        };
        let v4 = "AWS4-HMAC-SHA256";
        let base = "https://logs.s3.eu-west-1.amazonaws.com/";
        let way = Way { base: base.to_owned(), region: "eu-west-1".to_owned() };
        let of = |algorithm, scope| Way::of(&signed(base, algorithm, scope));
        assert_eq!(of(v4, "20260111%2Feu-west-1%2Fs3%2Faws4_request"), Some(way));
        assert_eq!(of(v4, "20260111%2Feu-west-1%2Fs3express%2Faws4_request"), None);
        assert_eq!(of("AWS4-ECDSA-P256-SHA256", "20260111%2Fs3%2Faws4_request"), None);
    }

    #[test]
    fn a_body_of_another_checksum_ends_with_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = |name: &'static str, sum: &'static str| {
            let mut response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from("203.0.113.9"));
            response.headers_mut().insert(name, sum);
            response.headers_mut().insert("etag", "\"5\"");
            let output = output(response);
            assert_eq!(output.e_tag(), Some("\"5\""));
            runtime.block_on(output.body.collect()).map(AggregatedBytes::to_vec).ok()
        };
        let whole = Some(b"203.0.113.9".to_vec());
        assert_eq!(read("x-amz-checksum-crc32", "uw5YcQ=="), whole);
        assert_eq!(read("x-amz-checksum-crc32", "AAAAAA=="), None);
        assert_eq!(read("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="), None);
        assert_eq!(read("x-amz-checksum-crc32", "AAAAAA==-2"), whole, "of parts, not of these bytes");
        assert_eq!(read("x-amz-checksum-new", "AAAAAA=="), whole);
    }

    #[test]
    fn keys_are_encoded_once_and_their_slashes_stay() {
        let way = Way { base: "http://127.0.0.1:9000/logs/".to_owned(), region: "eu-west-1".to_owned() };
        let identity = Identity::from(aws_credential_types::Credentials::new(
            "AKIDEXAMPLE",
            "secret",
            None,
            None,
            "test",
        ));
        let headers = [("if-match", "\"5\"")];
        let request = way.request("a//b c/day=11/é+%.log.gz", &headers, &identity).unwrap();
        assert_eq!(request.uri(), "http://127.0.0.1:9000/logs/a//b%20c/day%3D11/%C3%A9%2B%25.log.gz");
        assert_eq!(request.headers().get("if-match"), Some("\"5\""));
        let authorization = request.headers().get("authorization").unwrap();
        assert!(authorization.contains("SignedHeaders=host;if-match;x-amz-content-sha256;x-amz-date"));
    }
}
