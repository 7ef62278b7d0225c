//! Where alerts go besides the standard output and the lake: Amazon SNS.
//!
//! A sink takes alerts and never fails what hands them on: what could not be delivered is kept by
//! cause, and told at the end. Async stays in here.

mod batch;
mod fault;
mod sns;
mod topic;

pub use sns::{Delivery, SnsSink, Undelivered};
pub use topic::Topic;
