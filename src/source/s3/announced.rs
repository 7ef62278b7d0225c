//! The ways to the buckets that a watcher may read, and what an event does not say of an object.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_s3::error::ProvideErrorMetadata as _;

use super::S3Place;
use super::client::{self, Bucket};
use super::fault::{Doing, fault};
use crate::aws;
use crate::config;
use crate::error::Error;
use crate::source::Source;

/// What S3 says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Entity tag, without quotes.
    pub etag: String,
    /// Size, bytes.
    pub bytes: u64,
}

/// Buckets by name, ready to be read.
pub struct Buckets(BTreeMap<String, Arc<Bucket>>);

impl Buckets {
    /// Sets up the ways. Nothing is sent yet.
    ///
    /// # Errors
    /// When no region is known for a bucket.
    pub fn connect<'a>(
        names: impl IntoIterator<Item = &'a str>,
        options: &config::S3,
    ) -> Result<Self, Error> {
        let runtime = aws::runtime()?;
        let connect = |name: &str| Ok((name.to_owned(), runtime.block_on(client::connect(name, options))?));
        names.into_iter().map(connect).collect::<Result<_, Error>>().map(Self)
    }

    /// How to read the object called `name`, as long as it has this entity tag.
    ///
    /// # Errors
    /// When it is in none of the buckets.
    pub fn source(&self, name: &str, etag: &str) -> Result<Source, Error> {
        let bucket = name.strip_prefix(super::SCHEME).and_then(|rest| rest.split('/').next());
        let Some(bucket) = bucket.and_then(|bucket| self.0.get(bucket)) else {
            return Err(Error::usage(
                format!("{name} was counted before, and its bucket may no longer be read"),
                "keep its bucket in --allow until the days it belongs to are done, or start with a new --state",
            ));
        };
        let etag = if etag.is_empty() { String::new() } else { format!("\"{etag}\"") };
        Ok(Source::S3(S3Place { bucket: Arc::clone(bucket), etag: etag.into() }))
    }

    /// Asks S3 about an object; `None` when it is not there.
    ///
    /// # Errors
    /// When S3 does not answer, or does not allow it.
    pub fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, Error> {
        let Some(bucket) = self.0.get(bucket) else { return Ok(None) };
        let request = bucket
            .client
            .head_object()
            .bucket(&bucket.name)
            .key(key)
            .set_expected_bucket_owner(bucket.expected_owner.clone())
            .set_request_payer(bucket.payer.clone());
        match aws::runtime()?.block_on(request.send()) {
            Ok(head) => Ok(Some(Head {
                etag: head.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
                bytes: head.content_length().and_then(|len| u64::try_from(len).ok()).unwrap_or(0),
            })),
            // A HEAD has no body, so S3 cannot say more than this.
            Err(error) if matches!(error.code(), Some("NotFound" | "NoSuchKey")) => Ok(None),
            Err(error) => Err(fault(&error, bucket, Doing::Get).into()),
        }
    }
}
