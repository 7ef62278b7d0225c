//! Stands in for `hub` in a build without the feature `aws`: Security Hub is refused by name.

use std::convert::Infallible;

use super::delivery::Delivery;
use crate::alert::Alert;
use crate::config;
use crate::error::Error;

/// Imports into Security Hub. There is none in this build.
pub struct HubSink(Infallible);

impl HubSink {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn connect(_: &config::S3) -> Result<Self, Error> {
        Err(crate::error::without_aws("cannot import into Security Hub"))
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn publish(&mut self, _: &[Alert]) -> Result<(), Error> {
        match self.0 {}
    }

    /// Never called.
    pub fn delivery(&self) -> &Delivery {
        match self.0 {}
    }
}
