//! Stands in for `sns` in a build without the feature `aws`: topics are refused by name.

use std::convert::Infallible;

use super::delivery::Delivery;
use super::topic::Topic;
use crate::alert::Alert;
use crate::config;
use crate::error::Error;

/// Publishes to one topic. There is none in this build.
pub struct SnsSink(Infallible);

impl SnsSink {
    /// Refuses `topic`.
    ///
    /// # Errors
    /// Always.
    #[expect(clippy::needless_pass_by_value, reason = "as in a build with SNS")]
    pub fn connect(topic: Topic, _: bool, _: &config::S3) -> Result<Self, Error> {
        Err(crate::error::without_aws(&format!("cannot publish to {}", topic.arn())))
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
