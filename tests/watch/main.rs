//! The engine of `watch` without AWS: it ends where `scan` does, whatever the order, the crash, the
//! finding that comes later and the message that leaves early.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod early;
mod faults;
mod findings;
#[path = "../fleet_support/mod.rs"]
mod fleet_support;
mod points;
mod same_as_scan;
#[path = "../watch_support/mod.rs"]
mod watch_support;
