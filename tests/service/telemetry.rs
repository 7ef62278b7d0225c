//! `/metrics` and `/healthz` over a real socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::peers::http::{get, post};
use outflow::telemetry::{Metrics, ObjectOutcome, Server};
use serde_json::Value;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn serve(now: fn() -> f64) -> (Arc<Metrics>, Server, String) {
    let metrics = Arc::new(Metrics::new(1000.0));
    let server = Server::start(ANY_PORT, Arc::clone(&metrics), Duration::from_mins(1), now).unwrap();
    let url = format!("http://{}", server.address());
    (metrics, server, url)
}

#[test]
fn what_happened_is_on_the_page() {
    let (metrics, _server, url) = serve(|| 1000.0);
    metrics.object_not_read(ObjectOutcome::Foreign);
    let (status, page) = get(&url, "/metrics").unwrap();
    assert_eq!(status, 200);
    assert!(page.contains("outflow_objects_total{outcome=\"foreign\"} 1\n"), "{page}");
    let memory = page.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    if cfg!(target_os = "linux") {
        assert!(memory.unwrap().parse::<u64>().unwrap() > 1 << 20, "a process needs more than 1 MiB: {page}");
    }
}

#[test]
fn a_supervisor_sees_from_the_status_whether_it_is_well() {
    let (metrics, _server, url) = serve(|| 1061.0);
    let asked = || {
        let (status, body) = get(&url, "/healthz").unwrap();
        let health: Value = serde_json::from_str(&body).unwrap();
        (status, health["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(asked(), (200, "starting".to_owned()));
    metrics.checkpoint_written(1000.0, 10);
    assert_eq!(asked(), (503, "stale".to_owned()));
    metrics.checkpoint_written(1060.0, 10);
    assert_eq!(asked(), (200, "ok".to_owned()));
}

#[test]
fn requests_that_are_none_are_refused_and_the_next_is_answered() {
    let (_metrics, _server, url) = serve(|| 1000.0);
    assert_eq!(post(&url, &[], b"x").0, 405);
    assert_eq!(get(&url, "/").unwrap().0, 404);
    for hostile in [b"\x16\x03\x01\x02\x00".to_vec(), long_head()] {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        // It may hang up before all is written.
        let _ = stream.write_all(&hostile);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(get(&url, "/metrics").unwrap().0, 200);
}

fn long_head() -> Vec<u8> {
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    format!("GET /metrics HTTP/1.1\r\n{}\r\n", line.repeat(40)).into_bytes()
}

#[test]
fn a_connection_takes_one_request() {
    let (_metrics, _server, url) = serve(|| 1000.0);
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.repeat(2).as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
}

#[test]
fn an_address_that_is_taken_is_told_with_what_to_do() {
    let (metrics, server, url) = serve(|| 1000.0);
    let taken = server.address();
    let error = Server::start(taken, Arc::clone(&metrics), Duration::from_mins(1), || 0.0).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {taken}")), "{error}");
    assert!(error.hint().unwrap().contains("--metrics-addr"));
    assert_eq!(get(&url, "/metrics").unwrap().0, 200, "the first goes on");
}
