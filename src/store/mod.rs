//! Objects that we keep in S3: parts of a lake, reports, the state of a watcher.
//!
//! A write is whole or not at all, as S3 promises for every object, multipart uploads included. Who
//! may write is settled by conditional writes: a lease says who does, and gives up by itself when
//! its holder dies. Async stays in here.

#[cfg(feature = "aws")]
mod s3;
#[cfg(not(feature = "aws"))]
#[path = "s3_absent.rs"]
mod s3;

pub use s3::{Lease, Remote};

use std::path::Path;

use crate::config;
use crate::error::Error;
use crate::source::{S3Url, SCHEME};

/// Under which condition an object is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Under any.
    Always,
    /// There is none.
    Absent,
    /// The one there has this entity tag.
    Tag(String),
}

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its entity tag.
    pub etag: String,
    /// When it was written, Unix seconds by the clock of S3, when told.
    pub written_second: Option<i64>,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is written, and has this entity tag.
    Done(String),
    /// The condition did not hold; the time of the answer, Unix seconds by the clock of S3, when told.
    Refused(Option<i64>),
}

/// Whether `path` is a place in S3 rather than on this machine.
pub fn is_remote(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.starts_with(SCHEME))
}

/// The way to the folder in S3 that `path` names; `None` when it is on this machine.
///
/// # Errors
/// When the name is malformed, or no region is known for the bucket.
pub fn remote(path: &Path, options: &config::S3) -> Result<Option<Remote>, Error> {
    match path.to_str().filter(|text| text.starts_with(SCHEME)) {
        Some(text) => Remote::connect(&S3Url::parse(text)?, options).map(Some),
        None => Ok(None),
    }
}
