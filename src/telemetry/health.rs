//! Whether the watcher is well: a pure function of what it last said and of now.

use std::time::Duration;

use serde::Serialize;

use super::Metrics;

/// The body of `/healthz`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// `ok`; or `stale`: what was done since the last checkpoint has grown too old.
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// Time since the process began, seconds.
    pub uptime_seconds: f64,
    /// Time since the latest checkpoint was written, seconds; before the first, since the process
    /// began.
    pub checkpoint_age_seconds: f64,
    /// Whether a checkpoint was written since the process began.
    pub checkpointed: bool,
    /// Greatest age that is still `ok`, seconds.
    pub checkpoint_age_max_seconds: f64,
    /// Age of the oldest message that was received and is not done, seconds.
    pub queue_lag_seconds: f64,
}

impl Health {
    /// How it is at `now_second`, Unix seconds, where a checkpoint may be `checkpoint_age_max` old.
    pub fn of(metrics: &Metrics, now_second: f64, checkpoint_age_max: Duration) -> Self {
        // A clock that is set back gives no age below zero.
        let since = |second: f64| (now_second - second).max(0.0);
        let checkpoint_age_seconds = since(metrics.checkpoint_second());
        let checkpoint_age_max_seconds = checkpoint_age_max.as_secs_f64();
        let fresh = checkpoint_age_seconds <= checkpoint_age_max_seconds;
        Self {
            status: if fresh { "ok" } else { "stale" },
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: since(metrics.started_second()),
            checkpoint_age_seconds,
            checkpointed: metrics.has_checkpoint(),
            checkpoint_age_max_seconds,
            queue_lag_seconds: metrics.queue_lag_seconds(),
        }
    }

    /// Whether a supervisor should leave the process alone.
    pub fn is_ok(&self) -> bool {
        self.status == "ok"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_mins(5);

    fn at(metrics: &Metrics, now_second: f64) -> Health {
        Health::of(metrics, now_second, MAX)
    }

    #[test]
    fn a_process_has_as_long_for_its_first_checkpoint_as_for_any() {
        let metrics = Metrics::new(1000.0);
        assert!(at(&metrics, 1300.0).is_ok());
        assert!(!at(&metrics, 1300.5).is_ok());
        assert!(!at(&metrics, 1300.5).checkpointed);
    }

    #[test]
    fn a_checkpoint_makes_it_well_until_it_has_grown_old() {
        let metrics = Metrics::new(1000.0);
        metrics.checkpoint_written(2000.0, 10);
        let health = at(&metrics, 2299.0);
        assert!(health.is_ok() && health.checkpointed);
        assert!((health.checkpoint_age_seconds - 299.0).abs() < 1e-9);
        assert!((health.uptime_seconds - 1299.0).abs() < 1e-9);
        assert_eq!(at(&metrics, 2301.0).status, "stale");
        metrics.checkpoint_written(2301.0, 10);
        assert!(at(&metrics, 2302.0).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_is_no_reason_to_be_ended() {
        assert!(at(&Metrics::new(1000.0), 0.0).is_ok());
        assert!(at(&Metrics::new(1000.0), 0.0).uptime_seconds.abs() < 1e-9);
    }
}
