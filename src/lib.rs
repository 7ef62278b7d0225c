//! `outflow`: reads AWS VPC Flow Logs, learns what each network interface normally sends out,
//! and says, with evidence that can be recomputed, when data leaves for somewhere it should not.

pub mod alert;
#[cfg(feature = "aws")]
mod aws;
pub mod backtest;
pub mod baseline;
pub mod cli;
pub mod config;
pub mod detect;
pub mod enrich;
pub mod error;
pub mod eval;
pub mod guardduty;
pub mod gunzip;
pub mod lake;
pub mod limits;
pub mod net;
pub mod pipeline;
pub mod record;
pub mod replay;
pub mod report;
pub mod retrospective;
pub mod scan;
pub mod schema;
pub mod simulate;
pub mod sink;
pub mod source;
pub mod state;
pub mod store;
#[cfg(feature = "aws")]
pub mod telemetry;
pub mod watch;
pub mod window;
