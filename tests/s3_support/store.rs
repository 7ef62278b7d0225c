//! Buckets in memory, behind the S3 protocol of the `s3s` crate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use futures_core::Stream as _;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CommonPrefix, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, ETag, ETagCondition, GetObjectInput, GetObjectOutput,
    ListObjectsV2Input, ListObjectsV2Output, Object, PutObjectInput, PutObjectOutput, StreamingBlob,
    Timestamp, UploadPartInput, UploadPartOutput,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

/// The account that all buckets belong to.
pub const OWNER: &str = "111111111111";

struct Stored {
    bytes: Bytes,
    etag: String,
    /// Seconds ago.
    age_seconds: u64,
}

/// What was asked of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub key: String,
    /// Kind and key of the encryption.
    pub encryption: Option<(String, Option<String>)>,
    /// 0: not in parts.
    pub parts: usize,
}

type Uploads = BTreeMap<String, (Written, BTreeMap<i32, Bytes>)>;

/// All buckets.
#[derive(Clone, Default)]
pub struct Store {
    buckets: Arc<RwLock<BTreeMap<String, BTreeMap<String, Stored>>>>,
    /// Parts by upload, and what was asked when it began.
    uploads: Arc<RwLock<Uploads>>,
    written: Arc<RwLock<Vec<Written>>>,
    /// Keys of one answer to a listing; 0: 1,000 as S3.
    page_keys: usize,
}

impl Store {
    pub fn with_pages_of(page_keys: usize) -> Self {
        Self { page_keys, ..Self::default() }
    }

    /// Keeps `bytes` under `key`, under a new entity tag for new bytes.
    pub fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) {
        self.put_aged(bucket, key, bytes, 0);
    }

    /// The same, written so many seconds ago.
    pub fn put_aged(&self, bucket: &str, key: &str, bytes: Vec<u8>, age_seconds: u64) -> String {
        let etag = blake3::hash(&bytes).to_hex()[..32].to_owned();
        let stored = Stored { bytes: bytes.into(), etag: etag.clone(), age_seconds };
        self.buckets.write().unwrap().entry(bucket.to_owned()).or_default().insert(key.to_owned(), stored);
        etag
    }

    pub fn create_bucket(&self, bucket: &str) {
        self.buckets.write().unwrap().entry(bucket.to_owned()).or_default();
    }

    /// Keys and bytes of a bucket.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let buckets = self.buckets.read().unwrap();
        let all = buckets.get(bucket).into_iter().flatten();
        all.map(|(key, stored)| (key.clone(), stored.bytes.to_vec())).collect()
    }

    /// Keys of a bucket, with entity tag and bytes of each.
    pub fn listing(&self, bucket: &str) -> Vec<(String, String, usize)> {
        let buckets = self.buckets.read().unwrap();
        let all = buckets.get(bucket).into_iter().flatten();
        all.map(|(key, stored)| (key.clone(), stored.etag.clone(), stored.bytes.len())).collect()
    }

    /// The writes so far.
    pub fn written(&self) -> Vec<Written> {
        self.written.read().unwrap().clone()
    }

    /// Uploads that were begun and neither completed nor given up.
    pub fn open_uploads(&self) -> usize {
        self.uploads.read().unwrap().len()
    }

    fn etag(&self, bucket: &str, key: &str) -> S3Result<Option<String>> {
        let buckets = self.buckets.read().unwrap();
        let bucket = buckets.get(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        Ok(bucket.get(key).map(|stored| stored.etag.clone()))
    }
}

async fn collected(body: Option<StreamingBlob>) -> S3Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut body) = body {
        while let Some(chunk) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_next(cx)).await {
            bytes.extend_from_slice(&chunk.map_err(|_| s3_error!(IncompleteBody))?);
        }
    }
    Ok(bytes)
}

fn check_owner(expected: Option<&String>) -> S3Result<()> {
    match expected {
        Some(owner) if owner != OWNER => Err(s3_error!(AccessDenied, "Access Denied")),
        _ => Ok(()),
    }
}

#[allow(clippy::disallowed_methods, reason = "as S3, the server says when")]
fn ago(seconds: u64) -> Timestamp {
    (std::time::SystemTime::now() - std::time::Duration::from_secs(seconds)).into()
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        check_owner(input.expected_bucket_owner.as_ref())?;
        let there = self.etag(&input.bucket, &input.key)?;
        let is_refused = match (&input.if_none_match, &input.if_match) {
            (Some(ETagCondition::Any), _) => there.is_some(),
            (_, Some(ETagCondition::ETag(wanted))) => there.as_deref() != Some(wanted.value()),
            _ => false,
        };
        if is_refused {
            return Err(s3_error!(PreconditionFailed));
        }
        let encryption = input.server_side_encryption.map(|kind| kind.as_str().to_owned());
        let written = Written {
            key: input.key.clone(),
            encryption: encryption.map(|kind| (kind, input.ssekms_key_id)),
            parts: 0,
        };
        let bytes = collected(input.body).await?;
        self.written.write().unwrap().push(written);
        let etag = self.put_aged(&input.bucket, &input.key, bytes, 0);
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(ETag::Strong(etag)), ..PutObjectOutput::default() }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        let encryption = input.server_side_encryption.map(|kind| kind.as_str().to_owned());
        let written = Written {
            key: input.key.clone(),
            encryption: encryption.map(|kind| (kind, input.ssekms_key_id)),
            parts: 0,
        };
        let id = format!("upload of {}", input.key);
        self.uploads.write().unwrap().insert(id.clone(), (written, BTreeMap::new()));
        Ok(S3Response::new(CreateMultipartUploadOutput {
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = req.input;
        let bytes = Bytes::from(collected(input.body).await?);
        let etag = blake3::hash(&bytes).to_hex()[..32].to_owned();
        let mut uploads = self.uploads.write().unwrap();
        let (_, parts) = uploads.get_mut(&input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        parts.insert(input.part_number, bytes);
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..UploadPartOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let upload = self.uploads.write().unwrap().remove(&input.upload_id);
        let (mut written, parts) = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let bytes = named.iter().flat_map(|part| parts[&part.part_number.unwrap()].to_vec()).collect();
        written.parts = named.len();
        self.written.write().unwrap().push(written);
        let etag = self.put_aged(&input.bucket, &input.key, bytes, 0);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.uploads.write().unwrap().remove(&req.input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let mut buckets = self.buckets.write().unwrap();
        let bucket = buckets.get_mut(&req.input.bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        bucket.remove(&req.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        check_owner(input.expected_bucket_owner.as_ref())?;
        let buckets = self.buckets.read().unwrap();
        let bucket = buckets.get(&input.bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        let stored = bucket.get(&input.key).ok_or_else(|| s3_error!(NoSuchKey))?;
        if let Some(ETagCondition::ETag(wanted)) = &input.if_match
            && wanted.value() != stored.etag
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let whole = stored.bytes.len() as u64;
        let range = input.range.map(|range| range.check(whole)).transpose()?;
        let content_range = range.as_ref().map(|r| format!("bytes {}-{}/{whole}", r.start, r.end - 1));
        let bytes = range.map_or_else(
            || stored.bytes.clone(),
            |range| stored.bytes.slice(range.start as usize..range.end as usize),
        );
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(bytes.len() as i64),
            content_range,
            e_tag: Some(ETag::Strong(stored.etag.clone())),
            last_modified: Some(ago(stored.age_seconds)),
            body: Some(StreamingBlob::from(Body::from(bytes))),
            ..GetObjectOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        check_owner(input.expected_bucket_owner.as_ref())?;
        let buckets = self.buckets.read().unwrap();
        let bucket = buckets.get(&input.bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        let prefix = input.prefix.unwrap_or_default();
        let page = if self.page_keys == 0 { 1000 } else { self.page_keys };
        let page = page.min(input.max_keys.map_or(1000, |keys| keys as usize));
        let after = input.continuation_token.or(input.start_after).unwrap_or_default();
        let (mut contents, mut folders, mut last, mut is_truncated) =
            (Vec::new(), BTreeSet::new(), None, false);
        for (key, stored) in bucket.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
            let cut = input.delimiter.as_ref().and_then(|delimiter| {
                key[prefix.len()..]
                    .find(delimiter.as_str())
                    .map(|at| &key[..prefix.len() + at + delimiter.len()])
            });
            let name = cut.unwrap_or(key);
            if (!after.is_empty() && name <= after.as_str()) || folders.contains(name) {
                continue;
            }
            if contents.len() + folders.len() == page {
                is_truncated = true;
                break;
            }
            last = Some(name.to_owned());
            if cut.is_some() {
                folders.insert(name.to_owned());
                continue;
            }
            contents.push(Object {
                key: Some(key.clone()),
                size: Some(stored.bytes.len() as i64),
                e_tag: Some(ETag::Strong(stored.etag.clone())),
                ..Object::default()
            });
        }
        let folder = |prefix| CommonPrefix { prefix: Some(prefix) };
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: Some((contents.len() + folders.len()) as i32),
            contents: Some(contents),
            common_prefixes: Some(folders.into_iter().map(folder).collect()),
            is_truncated: Some(is_truncated),
            next_continuation_token: last.filter(|_| is_truncated),
            ..ListObjectsV2Output::default()
        }))
    }
}
