//! `watch` as a service: metrics and health, the dashboards over them, and what deploys it. One binary,
//! because each more costs seconds to link.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod dashboards;
#[path = "../dashboards_support/mod.rs"]
mod dashboards_support;
mod deploy;
#[path = "../peers/mod.rs"]
mod peers;
#[path = "../prometheus_support/mod.rs"]
mod prometheus_support;
mod telemetry;
