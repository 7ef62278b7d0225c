//! Everything that goes to AWS, against peers that speak its protocols. One binary, because each
//! more costs seconds to link.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../api_support/mod.rs"]
mod api_support;
#[path = "../benchmark_support/mod.rs"]
mod benchmark_support;
#[path = "../fleet_support/mod.rs"]
mod fleet_support;
mod fleets;
mod guardduty_api;
mod lake_in_s3;
mod parity;
#[path = "../peers/mod.rs"]
mod peers;
mod queue;
mod s3_in;
mod s3_out;
#[path = "../s3_support/mod.rs"]
mod s3_support;
mod security_hub;
mod sns;
#[path = "../sns_support/mod.rs"]
mod sns_support;
mod throughput;
