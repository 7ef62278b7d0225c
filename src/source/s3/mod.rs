//! Objects in S3: listed by account, region and date, and read while the next ones arrive.
//!
//! Async stays in here. Towards the scan an object is a `Read` like a file: see [`prefetch`] for
//! how downloads run ahead, [`body`] for what survives a bad network.

mod announced;
mod body;
mod client;
mod direct;
mod fault;
mod layout;
mod list;
mod prefetch;

use std::sync::Arc;

use tokio::task::JoinSet;

pub use announced::{Buckets, Head};
pub use client::Bucket;
pub(crate) use client::connect;
pub(crate) use fault::{Doing, fault};
pub(crate) use prefetch::Prefetch;

use super::{Listing, S3Url, SCHEME, newest_end_second};
use crate::aws;
use crate::config;
use crate::error::Error;
use list::{Found, Wanted};

/// Where an object is in S3. Its key is in the object's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Place {
    /// The bucket, and the way to it.
    pub bucket: Arc<Bucket>,
    /// The entity tag that was listed: what is read must still have it.
    pub etag: Box<str>,
}

impl S3Place {
    /// The entity tag that was listed.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// Where the key begins in the object's name, bytes: after `s3://bucket/`.
    fn key_at(&self) -> usize {
        SCHEME.len() + self.bucket.name.len() + 1
    }
}

/// The S3 inputs of a command, ready to be listed.
pub struct S3Inputs {
    inputs: Vec<(Arc<Bucket>, S3Url)>,
}

impl S3Inputs {
    /// Takes the S3 inputs out of `inputs` and sets up the way to their buckets. Sends nothing to
    /// the buckets yet.
    ///
    /// # Errors
    /// When an input is malformed, or no region is known for a bucket.
    pub fn take(inputs: &mut Vec<String>, options: &config::S3) -> Result<Self, Error> {
        let is_s3 = |input: &String| input.starts_with(SCHEME);
        let urls: Vec<S3Url> = inputs
            .iter()
            .filter(|input| is_s3(input))
            .map(|text| S3Url::parse(text))
            .collect::<Result<_, _>>()?;
        inputs.retain(|input| !is_s3(input));
        let mut found: Vec<(Arc<Bucket>, S3Url)> = Vec::new();
        for url in urls {
            let known = found.iter().find(|(_, have)| have.bucket == url.bucket);
            let bucket = match known {
                Some((bucket, _)) => Arc::clone(bucket),
                None => aws::runtime()?.block_on(client::connect(&url.bucket, options))?,
            };
            found.push((bucket, url));
        }
        Ok(Self { inputs: found })
    }

    /// The first second after everything the newest object can hold, Unix seconds; `None` when no
    /// name carries a time. Looks only into the latest folder of each account and region.
    ///
    /// # Errors
    /// When a bucket cannot be listed.
    pub fn newest_end_second(&self) -> Result<Option<i64>, Error> {
        let found = self.walk(Wanted::Newest)?;
        Ok(found.iter().filter_map(|found| newest_end_second(&found.objects)).max())
    }

    /// Adds to `listing` the objects that can hold record ends in `[from, to)`, Unix seconds, and
    /// those whose place says nothing about their time.
    ///
    /// # Errors
    /// When a bucket cannot be listed, or holds nothing below a prefix.
    pub fn list(&self, from: Option<i64>, to: Option<i64>, listing: &mut Listing) -> Result<(), Error> {
        self.add(Wanted::Between(from, to), listing)
    }

    /// Adds to `listing` the objects that `GuardDuty` exported at or after `from`, Unix seconds, and
    /// those whose place says nothing about their time.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn list_findings(&self, from: Option<i64>, listing: &mut Listing) -> Result<(), Error> {
        self.add(Wanted::Findings(from), listing)
    }

    fn add(&self, wanted: Wanted, listing: &mut Listing) -> Result<(), Error> {
        let mut objects = Vec::new();
        for mut found in self.walk(wanted)? {
            objects.append(&mut found.objects);
            listing.folders_of_other_time += found.folders_of_other_time;
            listing.folders_of_other_services += found.folders_of_other_services;
        }
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        let before = objects.len();
        objects.dedup_by(|a, b| a.name == b.name);
        listing.repeated += (before - objects.len()) as u64;
        listing.objects.append(&mut objects);
        Ok(())
    }

    /// Walks all inputs beside each other.
    fn walk(&self, wanted: Wanted) -> Result<Vec<Found>, Error> {
        if self.inputs.is_empty() {
            return Ok(Vec::new());
        }
        aws::runtime()?.block_on(async {
            let mut walks = JoinSet::new();
            for (bucket, url) in &self.inputs {
                let (bucket, url) = (Arc::clone(bucket), url.clone());
                walks.spawn(async move { list::list(&bucket, &url, wanted).await });
            }
            walks.join_all().await.into_iter().collect()
        })
    }
}
