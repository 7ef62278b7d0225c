//! Connections to one place that are kept between requests, for requests that are made without the
//! SDK. TLS, trust and addresses are handled as the SDK does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service as _;

use super::CONNECT_TIMEOUT_MAX;

type Sender = SendRequest<Empty<Bytes>>;

/// Connections to one place.
pub(crate) struct Connections {
    place: Uri,
    dialer: HttpsConnector<HttpConnector>,
    idle: Mutex<Vec<Sender>>,
}

/// A connection that is used. Dropped, it may be used again: after the body, or broken.
pub(crate) struct Lease {
    of: Arc<Connections>,
    sender: Option<Sender>,
}

impl Connections {
    /// Connections to where `place` says, opened as they are needed within `timeout`. `None` where
    /// a proxy stands before it, or nothing can be trusted: there the SDK is asked.
    pub(crate) fn to(place: Uri, timeout: Duration) -> Option<Arc<Self>> {
        if Matcher::from_env().intercept(&place).is_some() {
            return None;
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeout.min(CONNECT_TIMEOUT_MAX)));
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(trusted(&place)?)
            .with_no_client_auth();
        let dialer = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        Some(Arc::new(Self { place, dialer: dialer.wrap_connector(tcp), idle: Mutex::default() }))
    }

    /// Sends `request`, which names the host, and gives what was answered. `None` when nothing was.
    pub(crate) async fn send(
        self: &Arc<Self>,
        request: Request<Empty<Bytes>>,
    ) -> Option<(Response<Incoming>, Lease)> {
        let mut sender = self.connected().await?;
        let response = sender.send_request(request).await.ok()?;
        Some((response, Lease { of: Arc::clone(self), sender: Some(sender) }))
    }

    async fn connected(&self) -> Option<Sender> {
        loop {
            let Some(mut kept) = self.idle().pop() else { break };
            if kept.ready().await.is_ok() {
                return Some(kept);
            }
        }
        let stream = self.dialer.clone().call(self.place.clone()).await.ok()?;
        let (sender, connection) = handshake(stream).await.ok()?;
        tokio::spawn(connection);
        Some(sender)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.of.idle().extend(self.sender.take().filter(|sender| !sender.is_closed()));
    }
}

/// Whose certificates are trusted: as [`super::trusted`] says it to the SDK. Read only where they
/// are asked for.
fn trusted(place: &Uri) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if place.scheme_str() != Some("https") {
        return Some(roots);
    }
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = super::own_certificates() {
        let own: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).ok()?.collect();
        roots.add_parsable_certificates(own.ok()?);
    }
    Some(roots)
}
