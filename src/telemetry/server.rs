//! A small HTTP server for `/metrics` and `/healthz`.
//!
//! It gives numbers to whoever can reach it and takes nothing. One request a connection, few
//! connections, little time: a stranger who opens many of them keeps others waiting for some
//! seconds, and costs the watcher nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::Metrics;
use super::page::Pages;
use crate::aws;
use crate::error::Error;
use crate::limits::{
    TELEMETRY_CONNECTION_SECONDS_MAX, TELEMETRY_CONNECTIONS_MAX, TELEMETRY_HEAD_BYTES_MAX,
    TELEMETRY_HEADERS_MAX,
};

/// Wait after a connection could not be taken: there are no file descriptors left, and asking at
/// once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Says what time it is, Unix seconds.
pub type Clock = fn() -> f64;

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves `metrics` at `address`; port 0 is any free one. `/healthz` says 503 when the
    /// checkpoint is older than `checkpoint_age_max` by `clock`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(
        address: SocketAddr,
        metrics: Arc<Metrics>,
        checkpoint_age_max: Duration,
        clock: Clock,
    ) -> Result<Self, Error> {
        let runtime = aws::runtime()?;
        let _entered = runtime.enter();
        let (listener, address) = listen(address).map_err(|error| {
            Error::usage(
                format!("cannot listen on {address}: {error}"),
                "give --metrics-addr an address of this machine and a free port, e.g. 127.0.0.1:9464",
            )
        })?;
        let pages = Arc::new(Pages { metrics, checkpoint_age_max });
        Ok(Self { address, accepting: runtime.spawn(accept(listener, pages, clock)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Connections end with the task that owns them.
        self.accepting.abort();
    }
}

/// Within the runtime, and without waiting in it.
fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn accept(listener: TcpListener, pages: Arc<Pages>, clock: Clock) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= TELEMETRY_CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = serve(stream, Arc::clone(&pages), clock);
                connections.spawn(timeout(TELEMETRY_CONNECTION_SECONDS_MAX, served));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection for metrics");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One request and its answer.
async fn serve(stream: TcpStream, pages: Arc<Pages>, clock: Clock) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = pages.answer(request.method(), request.uri().path(), clock());
        let mut response = Response::new(Full::new(Bytes::from(answer.body)));
        *response.status_mut() = answer.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        async { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        // The whole connection has a time; the head needs none of its own.
        .header_read_timeout(None)
        .max_headers(TELEMETRY_HEADERS_MAX)
        .max_buf_size(TELEMETRY_HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a request for metrics broke off");
    }
}
