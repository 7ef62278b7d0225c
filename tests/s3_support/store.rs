//! Buckets in memory, behind the S3 protocol of the `s3s` crate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use s3s::dto::{
    CommonPrefix, ETag, ETagCondition, GetObjectInput, GetObjectOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, StreamingBlob,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

/// The account that all buckets belong to.
pub const OWNER: &str = "111111111111";

struct Stored {
    bytes: Bytes,
    etag: String,
}

/// All buckets.
#[derive(Clone, Default)]
pub struct Store {
    buckets: Arc<RwLock<BTreeMap<String, BTreeMap<String, Stored>>>>,
    /// Keys of one answer to a listing; 0: 1,000 as S3.
    page_keys: usize,
}

impl Store {
    pub fn with_pages_of(page_keys: usize) -> Self {
        Self { page_keys, ..Self::default() }
    }

    /// Keeps `bytes` under `key`, under a new entity tag for new bytes.
    pub fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) {
        let etag = blake3::hash(&bytes).to_hex()[..32].to_owned();
        let stored = Stored { bytes: bytes.into(), etag };
        self.buckets.write().unwrap().entry(bucket.to_owned()).or_default().insert(key.to_owned(), stored);
    }
}

fn check_owner(expected: Option<&String>) -> S3Result<()> {
    match expected {
        Some(owner) if owner != OWNER => Err(s3_error!(AccessDenied, "Access Denied")),
        _ => Ok(()),
    }
}

#[async_trait::async_trait]
impl S3 for Store {
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
