//! `watch` as people run it, against peers that speak S3, SQS and SNS: what is uploaded is announced,
//! read, told and read back; and when the process is killed at any time, in the end there are the
//! alerts and the lake of one that was not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a long run says how far it is")]
#![allow(clippy::disallowed_methods, reason = "waiting for a process is bounded by the clock")]

#[path = "../command_support/mod.rs"]
mod command_support;
mod digest;
#[path = "../fleet_support/mod.rs"]
mod fleet_support;
mod kept;
mod killed;
#[path = "../peers/mod.rs"]
mod peers;
mod proxy;
mod soak;
mod told;
mod world;
