//! Where objects come from: files, folders, globs, the standard input, and S3; and findings from
//! `GuardDuty`.
//!
//! Listing is separate from reading, so that a dry run costs nothing and a missing input is known
//! before any work starts.

pub mod events;
mod gone;
#[cfg(feature = "aws")]
mod guardduty;
#[cfg(not(feature = "aws"))]
#[path = "guardduty_absent.rs"]
mod guardduty;
mod guardduty_url;
mod key;
mod local;
mod open;
mod prune;
#[cfg(feature = "aws")]
pub mod queue;
#[cfg(feature = "aws")]
mod s3;
#[cfg(not(feature = "aws"))]
#[path = "s3_absent.rs"]
mod s3;
mod url;

use std::path::PathBuf;

pub use gone::{Gone, GoneError};
pub use guardduty::GuardDuty;
pub use guardduty_url::{GUARDDUTY_SCHEME, GuardDutyUrl};
pub(crate) use key::file_name;
pub use key::{OBJECT_SECONDS, ObjectKey};
pub use local::{Listing, list};
pub use open::{Open, Opener};
pub use prune::{Pruned, newest_end_second, prune};
#[cfg(feature = "aws")]
pub use s3::{Bucket, Buckets, Head};
#[cfg(feature = "aws")]
pub(crate) use s3::{Doing, connect as connect_bucket, fault as s3_fault};
pub use s3::{S3Inputs, S3Place};
pub use url::{S3Url, SCHEME};

/// How to get at an object's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of this machine.
    File(PathBuf),
    /// The standard input, read once.
    Stdin,
    /// An object in S3.
    S3(S3Place),
}

impl Source {
    /// The entity tag under which it is read; empty when there is none.
    pub fn etag(&self) -> &str {
        match self {
            Self::File(_) | Self::Stdin => "",
            Self::S3(place) => place.etag(),
        }
    }
}

/// One object to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// As shown to people: the path as it was given or found, `-` for the standard input,
    /// `s3://bucket/key`.
    pub name: String,
    /// How to get at its bytes.
    pub path: Source,
    /// Size before inflating, bytes; 0 when it is not known beforehand.
    pub bytes: u64,
    /// What its name says, when it is named the AWS way.
    pub key: Option<ObjectKey>,
}

/// An object for tests, whose name says a time or none.
#[cfg(test)]
pub(crate) fn object_of_time(time_second: Option<i64>) -> ObjectRef {
    let key = time_second.map(|time_second| ObjectKey {
        account: "111111111111".into(),
        region: "eu-west-1".into(),
        flow_log: "fl-0".into(),
        time_second,
    });
    ObjectRef { name: format!("{time_second:?}"), path: Source::Stdin, bytes: 10, key }
}
