//! Whether the watcher is well: a pure function of what it last said and of now.

use std::time::Duration;

use serde::Serialize;

use super::Metrics;

const STALE: &str = "stale";

/// The body of `/healthz`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// `starting`: there was no checkpoint yet, and catching up with a history may take long;
    /// `ok`; or `stale`: what was done since the last checkpoint has grown too old.
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// Time since the process began, seconds.
    pub uptime_seconds: f64,
    /// Time since the latest checkpoint was written, seconds; before the first, since the process
    /// began.
    pub checkpoint_age_seconds: f64,
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
        let status = match () {
            () if !metrics.has_checkpoint() => "starting",
            () if checkpoint_age_seconds <= checkpoint_age_max_seconds => "ok",
            () => STALE,
        };
        Self {
            status,
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: since(metrics.started_second()),
            checkpoint_age_seconds,
            checkpoint_age_max_seconds,
            queue_lag_seconds: metrics.queue_lag_seconds(),
        }
    }

    /// Whether a supervisor should leave the process alone.
    pub fn is_ok(&self) -> bool {
        self.status != STALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_mins(5);

    fn at(metrics: &Metrics, now_second: f64) -> Health {
        Health::of(metrics, now_second, MAX)
    }

    /// A supervisor that ended it for that would never let it catch up.
    #[test]
    fn a_process_has_all_the_time_it_needs_for_its_first_checkpoint() {
        let health = at(&Metrics::new(1000.0), 90_000.0);
        assert!(health.is_ok());
        assert_eq!(health.status, "starting");
        assert!((health.checkpoint_age_seconds - 89_000.0).abs() < 1e-9);
    }

    #[test]
    fn a_checkpoint_makes_it_well_until_it_has_grown_old() {
        let metrics = Metrics::new(1000.0);
        metrics.checkpoint_written(2000.0, 10);
        let health = at(&metrics, 2300.0);
        assert_eq!(health.status, "ok");
        assert!((health.checkpoint_age_seconds - 300.0).abs() < 1e-9);
        assert!((health.uptime_seconds - 1300.0).abs() < 1e-9);
        let health = at(&metrics, 2300.5);
        assert_eq!(health.status, "stale");
        assert!(!health.is_ok());
        metrics.checkpoint_written(2301.0, 10);
        assert!(at(&metrics, 2302.0).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_is_no_reason_to_be_ended() {
        let metrics = Metrics::new(1000.0);
        metrics.checkpoint_written(2000.0, 10);
        assert_eq!(at(&metrics, 0.0).status, "ok");
        assert!(at(&metrics, 0.0).uptime_seconds.abs() < 1e-9);
    }
}
