//! What is answered to a request: pure, so that it is tested without a socket.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};

use super::{Health, Metrics};

/// `OpenMetrics` 1.0, section "Overall structure"; Prometheus reads it since 2.5.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What can be asked for.
pub(super) struct Pages {
    pub(super) metrics: Arc<Metrics>,
    /// Oldest checkpoint of a watcher that is well.
    pub(super) checkpoint_age_max: Duration,
}

/// An answer before it becomes bytes on a wire.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Pages {
    /// The answer to a request at `now_second`, Unix seconds.
    pub(super) fn answer(&self, method: &Method, path: &str, now_second: f64) -> Answer {
        let text = |status, body: &str| Answer { status, content_type: TEXT, body: body.to_owned() };
        if method != Method::GET && method != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
        }
        match path {
            "/metrics" => {
                Answer { status: StatusCode::OK, content_type: OPEN_METRICS, body: self.metrics.page() }
            }
            "/healthz" => {
                let health = Health::of(&self.metrics, now_second, self.checkpoint_age_max);
                let status = if health.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                let body = serde_json::to_string(&health).expect("numbers and words are JSON");
                Answer { status, content_type: JSON, body: body + "\n" }
            }
            _ => text(StatusCode::NOT_FOUND, "/metrics or /healthz\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn ask(method: &Method, path: &str, now_second: f64) -> Answer {
        let metrics = Arc::new(Metrics::new(1000.0));
        metrics.queue_lag(12.5);
        metrics.checkpoint_written(1000.0, 10);
        Pages { metrics, checkpoint_age_max: Duration::from_mins(1) }.answer(method, path, now_second)
    }

    #[test]
    fn the_metrics_say_in_which_format_they_are() {
        let answer = ask(&Method::GET, "/metrics", 1000.0);
        assert_eq!((answer.status, answer.content_type), (StatusCode::OK, OPEN_METRICS));
        assert!(answer.body.contains("\noutflow_queue_lag_seconds 12.5\n"), "{}", answer.body);
    }

    #[test]
    fn health_is_told_in_words_and_in_the_status() {
        let well = ask(&Method::GET, "/healthz", 1059.0);
        assert_eq!((well.status, well.content_type), (StatusCode::OK, JSON));
        let body: Value = serde_json::from_str(&well.body).unwrap();
        assert_eq!((&body["status"], &body["queue_lag_seconds"]), (&"ok".into(), &12.5.into()));
        let stale = ask(&Method::GET, "/healthz", 1061.0);
        assert_eq!(stale.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(stale.body.contains(r#""status":"stale""#), "{}", stale.body);
    }

    #[test]
    fn there_is_nothing_else_and_nothing_to_be_changed() {
        assert_eq!(ask(&Method::GET, "/", 0.0).status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&Method::GET, "/metrics/../etc/passwd", 0.0).status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&Method::POST, "/metrics", 0.0).status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(ask(&Method::HEAD, "/healthz", 1000.0).status, StatusCode::OK);
    }
}
