//! What `watch` tells whoever runs it: logs, metrics, and whether it is well.
//!
//! [`TelemetryArgs`] are its flags; [`TelemetryArgs::start`] sets all of it up. [`Metrics`] has one
//! method per event. Labels are closed sets, so that no address, name or other text of a log can
//! become one: the number of series is a constant of the program, and the page may be shown to
//! people who may not see the logs.

mod args;
mod families;
mod health;
mod labels;
mod log;
mod metrics;
mod page;
mod process;
mod server;

pub use args::{Telemetry, TelemetryArgs};
pub use health::Health;
pub use labels::{DeliveryOutcome, MessageOutcome, ObjectOutcome};
pub use log::{LogFilter, LogFormat};
pub use metrics::Metrics;
pub use server::{Clock, Server};
