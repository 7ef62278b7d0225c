//! Objects asked for without the SDK's machinery around a request.
//!
//! The SDK takes 0.17 ms of CPU to ask for one object, of which HTTP needs 0.05 (`a_request_by_itself` in
//! `tests/aws/throughput.rs` measures both), while scanning five minutes of a hundred interfaces takes
//! less than 1 ms. So the regular request is made here: a path, a signature, a connection that is kept.
//! Where the bucket is, and for which region it is signed, the SDK says: it presigns one request for
//! each bucket. And only a good answer counts: on any other the SDK asks once more, in its own way, and
//! says what is wrong.
//! Sources: Amazon S3 API Reference, `GetObject` and "Authenticating Requests"; User Guide, "Checking
//! object integrity".

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_checksums::body::validate::ChecksumBody;
use base64::Engine as _;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{CONTENT_LENGTH, ETAG};
use hyper::{Request, Response, StatusCode, Uri};
use tokio::sync::OnceCell;

use super::body::Answer;
use super::client::Bucket;
use crate::aws::connections::{Connections, Lease};
use crate::aws::credentials::{Kept, now};
use crate::aws::rest::encoded_path;
use crate::aws::signature::Signer;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What signatures call S3.
const SERVICE: &str = "s3";
/// Headers that hold a checksum of the object: `x-amz-checksum-` and one of these.
const CHECKSUMS: [&str; 5] = ["crc64nvme", "crc32", "crc32c", "sha256", "sha1"];
/// A key that needs no encoding, to see what the SDK puts around it.
const PLAIN_KEY: &str = "key";

/// The short way to the objects of one bucket.
pub(crate) struct Direct {
    credentials: Kept,
    /// `None` where only the SDK knows the way.
    way: OnceCell<Option<Way>>,
}

impl Direct {
    /// Sets it up. Nothing is sent yet.
    pub(super) fn new(provider: SharedCredentialsProvider) -> Self {
        Self { credentials: Kept::from(provider), way: OnceCell::new() }
    }

    /// Asks for a whole object. `None` when it did not come: the SDK may know why.
    pub(super) async fn get(&self, bucket: &Bucket, key: &str, etag: &str) -> Option<Answer> {
        let way = self.way.get_or_init(|| Way::to(bucket)).await.as_ref()?;
        let mut headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
        let payer = bucket.payer.as_ref().map(|payer| payer.as_str().to_owned());
        headers.extend(payer.map(|payer| ("x-amz-request-payer", payer)));
        headers.extend(bucket.expected_owner.clone().map(|owner| ("x-amz-expected-bucket-owner", owner)));
        headers.extend((!etag.is_empty()).then(|| ("if-match", etag.to_owned())));
        let request = way.request(key, headers, &self.credentials.get().await.ok()?)?;
        let sent = tokio::time::timeout(bucket.stall, way.connections.send(request)).await;
        let (response, lease) = sent.ok()??;
        (response.status() == StatusCode::OK).then(|| answer(response, Some(lease)))
    }
}

/// Where requests go, and how they are signed for it.
struct Way {
    host: String,
    /// The path before the key: `/`, or `/bucket/`.
    root: String,
    signer: Signer,
    connections: Arc<Connections>,
}

impl Way {
    /// The way to a bucket, as the SDK goes it.
    async fn to(bucket: &Bucket) -> Option<Self> {
        let minute = PresigningConfig::expires_in(Duration::from_mins(1)).ok()?;
        let request = bucket.client.get_object().bucket(&bucket.name).key(PLAIN_KEY);
        let presigned = request.presigned(minute).await.ok()?;
        let (base, region) = place_and_region(presigned.uri())?;
        Self::at(base, region, bucket.stall)
    }

    fn at(base: &str, region: &str, timeout: Duration) -> Option<Self> {
        let place: Uri = base.parse().ok()?;
        Some(Self {
            host: place.authority()?.to_string(),
            root: place.path().to_owned(),
            signer: Signer::new(region, SERVICE),
            connections: Connections::to(place, timeout)?,
        })
    }

    /// The signed request for an object. `None` when something about it cannot be signed or sent.
    fn request(
        &self,
        key: &str,
        mut headers: Vec<(&'static str, String)>,
        credentials: &Credentials,
    ) -> Option<Request<Empty<Bytes>>> {
        let path = format!("{}{}", self.root, encoded_path(key));
        headers.push(("host", self.host.clone()));
        self.signer.sign(&path, &mut headers, credentials, now())?;
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(Empty::new()).ok()
    }
}

/// What a presigned URL of [`PLAIN_KEY`] says: all before the key, and the region it is signed for.
/// `None` unless that is S3 in one region (not an access point of several, nor a directory bucket's
/// session).
fn place_and_region(presigned: &str) -> Option<(&str, &str)> {
    let (place, query) = presigned.split_once('?')?;
    let base = place.strip_suffix(PLAIN_KEY)?;
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let scope: Vec<&str> = value("X-Amz-Credential")?.split("%2F").collect();
    match scope[..] {
        [_, _, region, SERVICE, "aws4_request"] if value("X-Amz-Algorithm")? == "AWS4-HMAC-SHA256" => {
            Some((base, region))
        }
        _ => None,
    }
}

/// What was answered. The body ends with an error when it has another checksum than the object was
/// stored with.
fn answer<B>(response: Response<B>, lease: Option<Lease>) -> Answer
where
    B: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static,
{
    let header = |name: &str| response.headers().get(name)?.to_str().ok();
    let etag = header(ETAG.as_str()).map(str::to_owned);
    let length_bytes = header(CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    let checksum = CHECKSUMS.into_iter().find_map(|name| {
        let algorithm: ChecksumAlgorithm = name.parse().ok()?;
        // Of parts it is followed by their number, and no sum of these bytes.
        let sum =
            base64::engine::general_purpose::STANDARD.decode(header(&format!("x-amz-checksum-{name}"))?);
        Some((algorithm, sum.ok()?))
    });
    let body = SdkBody::from_body_1_x(response.into_body());
    let body = match checksum {
        Some((algorithm, sum)) => {
            SdkBody::from_body_1_x(ChecksumBody::new(body, algorithm.into_impl(), sum.into()))
        }
        None => body,
    };
    Answer { etag, length_bytes, body: ByteStream::new(body), _lease: lease }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::AggregatedBytes;
    use http_body_util::Full;

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
        let of = |algorithm, scope| {
            let signed = signed(base, algorithm, scope);
            place_and_region(&signed).map(|(base, region)| (base.to_owned(), region.to_owned()))
        };
        let way = (base.to_owned(), "eu-west-1".to_owned());
        assert_eq!(of(v4, "20260111%2Feu-west-1%2Fs3%2Faws4_request"), Some(way));
        assert_eq!(of(v4, "20260111%2Feu-west-1%2Fs3express%2Faws4_request"), None);
        assert_eq!(of("AWS4-ECDSA-P256-SHA256", "20260111%2Fs3%2Faws4_request"), None);
    }

    #[test]
    fn a_body_of_another_checksum_ends_with_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = |name: &'static str, sum: &'static str| {
            let response = Response::builder().header(name, sum).header("etag", "\"5\"");
            let answer = answer(response.body(Full::from("203.0.113.9")).unwrap(), None);
            assert_eq!(answer.etag.as_deref(), Some("\"5\""));
            runtime.block_on(answer.body.collect()).map(AggregatedBytes::to_vec).ok()
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
        let way = Way::at("http://127.0.0.1:9000/logs/", "eu-west-1", Duration::from_secs(1)).unwrap();
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let headers = vec![("if-match", "\"5\"".to_owned())];
        let request = way.request("a//b c/day=11/é+%.log.gz", headers, &credentials).unwrap();
        assert_eq!(request.uri(), "/logs/a//b%20c/day%3D11/%C3%A9%2B%25.log.gz");
        assert_eq!(request.headers()["host"], "127.0.0.1:9000");
        assert_eq!(request.headers()["if-match"], "\"5\"");
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(authorization.contains("SignedHeaders=host;if-match;x-amz-content-sha256;x-amz-date"));
    }
}
