//! What analysts use: DDL and views, saved queries, exports, tables that name destinations,
//! suppressions, and the rules that others would use. One binary and one simulated lake for all of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "a test that did not run says so")]

mod baselines;
#[path = "../command_support/mod.rs"]
mod command_support;
mod enrich;
mod export;
mod fixture;
mod python;
mod queries;
mod schema;
mod suppress;
