//! Stands in for `guardduty` in a build without the feature `aws`: the service is refused by name.

use std::convert::Infallible;

use super::{GUARDDUTY_SCHEME, GuardDutyUrl};
use crate::config;
use crate::error::Error;

/// The way to the findings of a region. There is none in this build.
pub struct GuardDuty(Infallible);

impl GuardDuty {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn connect(_: &GuardDutyUrl, _: &config::S3) -> Result<Self, Error> {
        Err(crate::error::without_aws(&format!("cannot ask {GUARDDUTY_SCHEME}")))
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn findings(&self, _: Option<i64>, _: &mut dyn FnMut(&str, &[u8])) -> Result<(), Error> {
        match self.0 {}
    }
}
