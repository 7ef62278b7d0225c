//! What analysts use: DDL and views, saved queries, exports, tables that name destinations,
//! suppressions, the rules that others would use, and alerts as other systems take them. One binary
//! and one simulated lake for all of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod baselines;
#[path = "../command_support/mod.rs"]
mod command_support;
mod enrich;
mod export;
mod fixture;
mod python;
mod queries;
mod renderings;
mod schema;
mod suppress;
#[path = "../peers/venv.rs"]
mod venv;
