//! Stands in for `s3` in a build without the feature `aws`: places in S3 are refused by name.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Condition, Put, Stored};
use crate::config;
use crate::error::Error;
use crate::source::{ObjectRef, S3Url, SCHEME};

/// A folder in S3. There is none in this build.
#[derive(Debug)]
pub struct Remote(Infallible);

impl Remote {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn connect(url: &S3Url, _: &config::S3) -> Result<Self, Error> {
        Err(crate::error::without_aws(&format!("cannot use {SCHEME}{}", url.bucket)))
    }

    /// Never called.
    pub fn name(&self, _: &str) -> String {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn get(&self, _: &str) -> Result<Option<Stored>, Error> {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn put(&self, _: &str, _: &[u8], _: &Condition) -> Result<Put, Error> {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn put_page(&self, _: &str, _: &str, _: &Condition) -> Result<Put, Error> {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn put_files(self: &Arc<Self>, _: Vec<(String, PathBuf)>) -> Result<(), Error> {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn list(&self) -> Result<Vec<String>, Error> {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn objects(&self) -> Result<Vec<ObjectRef>, Error> {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn remove(&self, _: &str) -> Result<(), Error> {
        match self.0 {}
    }
}

/// The right to write. There is none in this build.
#[derive(Debug)]
pub struct Lease(Infallible);

impl Lease {
    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn take(remote: &Arc<Remote>, _: &str, _: &str) -> Result<Self, Error> {
        match remote.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn check(&self) -> Result<(), Error> {
        match self.0 {}
    }
}
