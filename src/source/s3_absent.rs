//! Stands in for `s3` in a build without the feature `aws`: what is in S3 is refused by name.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use super::{Listing, ObjectRef, S3Url, SCHEME};
use crate::config;
use crate::error::Error;

/// Where an object is in S3. There is none in this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S3Place {}

impl S3Place {
    /// The entity tag that was listed.
    pub fn etag(&self) -> &str {
        match *self {}
    }
}

/// The S3 inputs of a command: none.
pub struct S3Inputs(());

impl S3Inputs {
    /// Refuses S3 inputs; leaves the others.
    ///
    /// # Errors
    /// When there is one.
    #[expect(clippy::ptr_arg, reason = "as in a build with S3")]
    pub fn take(inputs: &mut Vec<String>, _: &config::S3) -> Result<Self, Error> {
        match inputs.iter().find(|input| input.starts_with(SCHEME)) {
            None => Ok(Self(())),
            Some(text) => {
                S3Url::parse(text)?;
                Err(crate::error::without_aws(&format!("cannot read {text}")))
            }
        }
    }

    /// `None`: nothing is there.
    ///
    /// # Errors
    /// Never.
    pub fn newest_end_second(&self) -> Result<Option<i64>, Error> {
        Ok(None)
    }

    /// Adds nothing.
    ///
    /// # Errors
    /// Never.
    pub fn list(&self, _: Option<i64>, _: Option<i64>, _: &mut Listing) -> Result<(), Error> {
        Ok(())
    }

    /// Adds nothing.
    ///
    /// # Errors
    /// Never.
    pub fn list_findings(&self, _: Option<i64>, _: &mut Listing) -> Result<(), Error> {
        Ok(())
    }
}

/// Downloads ahead of the workers: never any.
pub(crate) struct Prefetch(Infallible);

impl Prefetch {
    pub(crate) fn start(_: Arc<[ObjectRef]>) -> Result<Self, Error> {
        Err(crate::error::without_aws("cannot read from S3"))
    }

    pub(crate) fn take(&self, _: usize) -> io::Result<io::Empty> {
        match self.0 {}
    }
}
