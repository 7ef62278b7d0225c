//! The flags, and setting up what they ask for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::log;
use super::{LogFilter, LogFormat, Metrics, Server};
use crate::error::Error;

/// Flags of a verb that runs on and on.
#[derive(Clone, Debug, clap::Args)]
pub struct TelemetryArgs {
    /// How to log to the standard error
    #[arg(long, env = "OUTFLOW_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// How much to log: off, error, warn, info, debug or trace; or directives such as
    /// `info,aws_config=debug`
    #[arg(long, env = "OUTFLOW_LOG", value_name = "LEVEL", default_value = "info")]
    pub log_level: LogFilter,
    /// Serve `/metrics` (Prometheus) and `/healthz` on this address, e.g. 127.0.0.1:9464;
    /// whoever can reach it can read it [default: do not]
    #[arg(long, env = "OUTFLOW_METRICS_ADDR", value_name = "ADDR:PORT")]
    pub metrics_addr: Option<SocketAddr>,
}

/// Running telemetry. Dropping it ends the server.
#[derive(Debug)]
pub struct Telemetry {
    /// To be told what happens.
    pub metrics: Arc<Metrics>,
    /// The server, when there is to be one.
    pub server: Option<Server>,
}

impl TelemetryArgs {
    /// Sets up logs, metrics and, when asked for, the server, whose `/healthz` says 503 when the
    /// checkpoint is older than `checkpoint_age_max`. Once a process.
    ///
    /// # Errors
    /// When the address cannot be listened on, or logs were set up before.
    pub fn start(&self, checkpoint_age_max: Duration) -> Result<Telemetry, Error> {
        log::init(self.log_format, &self.log_level)?;
        let metrics = Arc::new(Metrics::new(now_second()));
        let serve = |address| Server::start(address, Arc::clone(&metrics), checkpoint_age_max, now_second);
        let server = self.metrics_addr.map(serve).transpose()?;
        if let Some(server) = &server {
            tracing::info!(address = %server.address(), "serving /metrics and /healthz");
        }
        Ok(Telemetry { metrics, server })
    }
}

/// Unix time, seconds.
#[expect(clippy::disallowed_methods, reason = "uptime and ages for operators; no result depends on it")]
fn now_second() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Verb {
        #[command(flatten)]
        telemetry: TelemetryArgs,
    }

    #[test]
    fn mistakes_are_told_by_the_command_line() {
        for bad in [
            ["verb", "--log-level", "degub"],
            ["verb", "--log-format", "xml"],
            ["verb", "--metrics-addr", "9464"],
        ] {
            assert!(Verb::try_parse_from(bad).is_err(), "{bad:?}");
        }
        let verb =
            Verb::try_parse_from(["verb", "--log-level", "debug", "--metrics-addr", "[::1]:0"]).unwrap();
        assert_eq!(verb.telemetry.log_level.to_string(), "warn,outflow=debug");
        assert_eq!(verb.telemetry.metrics_addr.unwrap().port(), 0);
    }
}
