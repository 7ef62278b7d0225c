//! The engine over files on disk: what it reads, what it makes of it, and that it makes the same again.
//! One binary, because each more costs seconds to link.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod backtest;
mod benchmark;
#[path = "../benchmark_support/mod.rs"]
mod benchmark_support;
#[path = "../command_support/mod.rs"]
mod command_support;
mod equality;
mod events;
#[path = "../fleet_support/mod.rs"]
mod fleet_support;
mod found;
mod guardduty;
mod lake;
mod lake_kept;
#[path = "../lake_support/mod.rs"]
mod lake_support;
mod lake_thread;
mod replay;
mod retrospective;
mod samples;
mod scan;
