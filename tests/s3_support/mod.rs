//! An S3 server on a loopback port, with faults, and the command line pointed at it.

#![allow(dead_code, reason = "each test binary uses the part it needs")]

#[path = "../command_support/mod.rs"]
mod command_support;
pub mod faults;
pub mod store;

use std::path::Path;
use std::sync::Arc;

use assert_cmd::Command;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

pub use command_support::bare;
use faults::Faults;
use store::Store;

/// The region that requests are signed for.
pub const REGION: &str = "eu-west-1";
pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub const SECRET_KEY: &str = "secret";

/// A running server. Dropping it ends it.
pub struct Server {
    pub url: String,
    pub store: Store,
    pub faults: Faults,
    _runtime: Runtime,
}

impl Server {
    pub fn start() -> Self {
        Self::over(Store::default())
    }

    pub fn over(store: Store) -> Self {
        Self::serve(store, "http", |stream| async { Ok(stream) })
    }

    /// A server that is spoken to by TLS, and its certificate, which nobody else has signed (PEM).
    pub fn with_tls() -> (Self, String) {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let server = Self::serve(Store::default(), "https", move |stream| acceptor.accept(stream));
        (server, own.cert.pem())
    }

    /// Answers on connections as `open` makes them of those of TCP.
    fn serve<S, F>(store: Store, scheme: &str, open: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = std::io::Result<S>> + Send + 'static,
    {
        let faults = Faults::default();
        let mut builder = S3ServiceBuilder::new(store.clone());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let all_faults = faults.clone();
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (service, faults) = (service.clone(), all_faults.clone());
                let answer = service_fn(move |request| faults.clone().answer(service.clone(), request));
                let opening = open(stream);
                tokio::spawn(async move {
                    let Ok(stream) = opening.await else { return };
                    // A client that goes away is none of the server's trouble.
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
                });
            }
        });
        Self { url, store, faults, _runtime: runtime }
    }

    /// Puts every file below `root` into `bucket`, under its path from there.
    pub fn upload(&self, root: &Path, bucket: &str) {
        for entry in walkdir::WalkDir::new(root).into_iter().map(Result::unwrap) {
            if entry.file_type().is_file() {
                let key = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                self.store.put(bucket, &key, std::fs::read(entry.path()).unwrap());
            }
        }
    }

    /// The command line in `dir`, with this server as S3, credentials that it accepts, and three
    /// attempts. Patient enough for a busy machine, unless the test waits for patience to end.
    pub fn outflow(&self, dir: &Path) -> Command {
        self.outflow_patient_for(5, dir)
    }

    /// The same, giving a request or body up after so many seconds of silence.
    pub fn outflow_patient_for(&self, seconds: u32, dir: &Path) -> Command {
        let config = format!("[s3]\ntimeout_seconds = {seconds}\nattempts = 3\n");
        std::fs::write(dir.join("outflow.toml"), config).unwrap();
        let mut command = bare(dir);
        command.env("OUTFLOW_ENDPOINT_URL", &self.url).env("OUTFLOW_PATH_STYLE", "1");
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_REGION", REGION);
        command
    }

    /// Folders that were listed, `*` after those listed whole.
    pub fn listed(&self) -> Vec<String> {
        let mut listed: Vec<String> =
            self.faults.log().iter().filter_map(|request| folder(request)).collect();
        listed.sort();
        listed
    }

    /// Requests for objects, their keys and ranges.
    pub fn read(&self) -> Vec<String> {
        self.faults.log().into_iter().filter(|request| !request.contains("list-type=2")).collect()
    }
}

fn folder(request: &str) -> Option<String> {
    let query = request.split_once('?')?.1;
    let value = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    };
    value("list-type")?;
    let folder = value("prefix").unwrap_or_default().replace("%2F", "/").replace("%3D", "=");
    Some(if value("delimiter").is_some() { folder } else { format!("{folder}*") })
}
