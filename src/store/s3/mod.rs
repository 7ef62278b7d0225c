//! A folder in S3, read and written whole objects at a time.
//!
//! Source: Amazon S3 API Reference, `PutObject`; User Guide, "Conditional writes" and "Protecting
//! data with server-side encryption".

mod lease;
mod upload;

use std::fmt;
use std::sync::Arc;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::ServerSideEncryption;

pub use lease::Lease;

use super::{Condition, Put, Stored};
use crate::aws;
use crate::aws::fault::one_line;
use crate::config;
use crate::error::Error;
use crate::limits::STORED_OBJECT_BYTES_MAX;
use crate::source::{Bucket, Doing, ObjectRef, S3Place, S3Url, SCHEME, Source, connect_bucket, s3_fault};

/// How often a write is tried that met another one in the making.
const CONFLICTS_MAX: u32 = 5;

/// A folder in S3.
pub struct Remote {
    pub(super) bucket: Arc<Bucket>,
    /// Empty, or ends with `/`.
    prefix: String,
    pub(super) encryption: Encryption,
}

/// How what is written is to be encrypted; as the bucket says when nothing is set.
#[derive(Clone, Debug, Default)]
pub(super) struct Encryption {
    pub(super) kind: Option<ServerSideEncryption>,
    pub(super) kms_key_id: Option<String>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name(""))
    }
}

impl Remote {
    /// Sets up the way to the folder that `url` names. Nothing is sent yet.
    ///
    /// # Errors
    /// When no region is known for its bucket.
    pub fn connect(url: &S3Url, options: &config::S3) -> Result<Self, Error> {
        let bucket = aws::runtime()?.block_on(connect_bucket(&url.bucket, options))?;
        let mut prefix = url.prefix.clone();
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        let kms_key_id = options.sse_kms_key_id.clone();
        // A key that is named is meant.
        let kind = options.sse.as_deref().or(kms_key_id.as_ref().map(|_| "aws:kms"));
        let encryption = Encryption { kind: kind.map(ServerSideEncryption::from), kms_key_id };
        Ok(Self { bucket, prefix, encryption })
    }

    /// `s3://bucket/key`.
    pub fn name(&self, key: &str) -> String {
        format!("{SCHEME}{}/{}{key}", self.bucket.name, self.prefix)
    }

    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The object `key` of the folder; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Stored>, Error> {
        aws::runtime()?.block_on(self.get_async(key))
    }

    async fn get_async(&self, key: &str) -> Result<Option<Stored>, Error> {
        let bucket = &self.bucket;
        let request = bucket
            .client
            .get_object()
            .bucket(&bucket.name)
            .key(self.key(key))
            .set_expected_bucket_owner(bucket.expected_owner.clone());
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(s3_fault(&error, bucket, Doing::Get).into()),
        };
        let broken = |detail: &str| Error::Service {
            message: format!("cannot read {}: {}", self.name(key), one_line(detail)),
            hint: "run again".to_owned(),
        };
        if output.content_length().is_some_and(|bytes| bytes > STORED_OBJECT_BYTES_MAX) {
            return Err(broken(&format!("it has more than {STORED_OBJECT_BYTES_MAX} bytes")));
        }
        let etag = output.e_tag().unwrap_or_default().to_owned();
        let written_second = output.last_modified().map(DateTime::secs);
        let body = tokio::time::timeout(bucket.stall * bucket.attempts, output.body.collect()).await;
        let body = body.map_err(|_| broken("the body stood still"))?;
        let bytes = body.map_err(|error| broken(&error.to_string()))?.to_vec();
        Ok(Some(Stored { bytes, etag, written_second }))
    }

    /// Writes the object `key` of the folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, key: &str, bytes: &[u8], condition: &Condition) -> Result<Put, Error> {
        aws::runtime()?.block_on(self.put_async(key, bytes, "application/octet-stream", condition))
    }

    /// The same, of a content type that browsers are told.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_page(&self, key: &str, page: &str, condition: &Condition) -> Result<Put, Error> {
        aws::runtime()?.block_on(self.put_async(key, page.as_bytes(), "text/html; charset=utf-8", condition))
    }

    pub(super) async fn put_async(
        &self,
        key: &str,
        bytes: &[u8],
        content_type: &str,
        condition: &Condition,
    ) -> Result<Put, Error> {
        let bucket = &self.bucket;
        let mut attempt = 1;
        loop {
            let (absent, tag) = match condition {
                Condition::Always => (None, None),
                Condition::Absent => (Some("*".to_owned()), None),
                Condition::Tag(tag) => (None, Some(tag.clone())),
            };
            let request = bucket
                .client
                .put_object()
                .bucket(&bucket.name)
                .key(self.key(key))
                .body(bytes.to_vec().into())
                .content_type(content_type)
                .set_if_none_match(absent)
                .set_if_match(tag)
                .set_server_side_encryption(self.encryption.kind.clone())
                .set_ssekms_key_id(self.encryption.kms_key_id.clone())
                .set_expected_bucket_owner(bucket.expected_owner.clone());
            let error = match request.send().await {
                Ok(output) => return Ok(Put::Done(output.e_tag().unwrap_or_default().to_owned())),
                Err(error) => error,
            };
            match error.code() {
                Some("ConditionalRequestConflict") if attempt < CONFLICTS_MAX => {
                    tokio::time::sleep(bucket.backoff(attempt)).await;
                    attempt += 1;
                }
                // The one that the condition speaks of is not there.
                Some("PreconditionFailed" | "NoSuchKey") if *condition != Condition::Always => {
                    let date = error.raw_response().and_then(|raw| raw.headers().get("date"));
                    let second =
                        date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
                    return self.refused(key, bytes, second.map(|time| time.secs())).await;
                }
                _ => return Err(s3_fault(&error, bucket, Doing::Put).into()),
            }
        }
    }

    /// A write may be refused because it was done before: when its answer was lost, the SDK sent it
    /// again.
    async fn refused(&self, key: &str, bytes: &[u8], second: Option<i64>) -> Result<Put, Error> {
        let there = self.get_async(key).await?.filter(|there| there.bytes == bytes);
        Ok(there.map_or(Put::Refused(second), |there| Put::Done(there.etag)))
    }

    /// The keys of all objects of the folder, relative to it.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn list(&self) -> Result<Vec<String>, Error> {
        let top = self.name("");
        let keys =
            self.objects()?.into_iter().filter_map(|object| Some(object.name.strip_prefix(&top)?.to_owned()));
        Ok(keys.collect())
    }

    /// All objects of the folder, to be read as they were listed.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn objects(&self) -> Result<Vec<ObjectRef>, Error> {
        aws::runtime()?.block_on(self.list_async())
    }

    async fn list_async(&self) -> Result<Vec<ObjectRef>, Error> {
        let bucket = &self.bucket;
        let mut pages = bucket
            .client
            .list_objects_v2()
            .bucket(&bucket.name)
            .prefix(&self.prefix)
            .set_expected_bucket_owner(bucket.expected_owner.clone())
            .into_paginator()
            .send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| s3_fault(&error, bucket, Doing::List))?;
            objects.extend(page.contents().iter().filter_map(|object| {
                let etag = object.e_tag().unwrap_or_default().into();
                Some(ObjectRef {
                    name: format!("{SCHEME}{}/{}", bucket.name, object.key()?),
                    path: Source::S3(S3Place { bucket: Arc::clone(bucket), etag }),
                    bytes: object.size().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
                    key: None,
                })
            }));
        }
        Ok(objects)
    }

    /// Removes the object `key` of the folder, if it is there.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        let bucket = &self.bucket;
        let request = bucket
            .client
            .delete_object()
            .bucket(&bucket.name)
            .key(self.key(key))
            .set_expected_bucket_owner(bucket.expected_owner.clone());
        let removed = aws::runtime()?.block_on(request.send());
        removed.map(drop).map_err(|error| s3_fault(&error, bucket, Doing::Remove).into())
    }
}
