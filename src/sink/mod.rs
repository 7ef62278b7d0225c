//! Where alerts go besides the standard output and the lake: Amazon SNS, AWS Security Hub.
//!
//! A sink takes alerts and never fails what hands them on: what could not be delivered is kept by
//! cause, and told at the end. Async stays in here.

#[cfg(feature = "aws")]
mod batch;
mod delivery;
#[cfg(feature = "aws")]
mod fault;
#[cfg(feature = "aws")]
mod hub;
#[cfg(not(feature = "aws"))]
#[path = "hub_absent.rs"]
mod hub;
#[cfg(feature = "aws")]
mod sns;
#[cfg(not(feature = "aws"))]
#[path = "sns_absent.rs"]
mod sns;
mod topic;

pub use delivery::{Delivery, Undelivered};
pub use hub::HubSink;
pub use sns::SnsSink;
pub use topic::Topic;
