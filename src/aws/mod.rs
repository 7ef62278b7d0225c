//! What all AWS services have in common: the way there (credentials, region, TLS, proxy, time-outs,
//! retries), the threads it is gone on, and what errors mean that any of them can give.

pub(crate) mod connections;
pub(crate) mod credentials;
pub(crate) mod fault;
pub(crate) mod rest;
pub(crate) mod signature;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::SharedAsyncSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use tokio::runtime::Runtime;

use crate::config;
use crate::error::Error;

/// Longest wait for a connection. AWS connects within milliseconds; a VPC without a way out never.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);
/// The first wait before a retry is this part of the timeout; later ones double.
const BACKOFF_PART: u32 = 20;
/// Doublings of that wait.
const BACKOFF_DOUBLINGS_MAX: u32 = 5;
/// Threads that move bytes: decrypting TLS is all they compute.
const IO_THREADS: usize = 2;
/// Region that is signed for where a custom endpoint is given and none is named.
const ENDPOINT_REGION: &str = "us-east-1";

/// The threads that AWS is spoken to on. They are the process's: a scan ends with its objects, not
/// with its threads.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("outflow-aws")
        .enable_all()
        .build()
});

/// The threads that AWS is spoken to on.
///
/// # Errors
/// When they cannot be started.
pub(crate) fn runtime() -> Result<&'static Runtime, Error> {
    RUNTIME.as_ref().map_err(|error| {
        Error::usage(
            format!("cannot start threads for AWS: {error}"),
            "raise the limit of processes (ulimit -u)",
        )
    })
}

/// The wait before attempt `attempt` (from 1) is repeated, for requests that may take `timeout`.
pub(crate) fn backoff(timeout: Duration, attempt: u32) -> Duration {
    (timeout / BACKOFF_PART).saturating_mul(1 << attempt.saturating_sub(1).min(BACKOFF_DOUBLINGS_MAX))
}

/// What the SDK needs to know for every service: credentials, region, TLS, time-outs, retries. A
/// `region` given here wins over the environment's and the profile's.
///
/// # Errors
/// When `AWS_CA_BUNDLE` cannot be used.
pub(crate) async fn load(options: &config::S3, region: Option<&str>) -> Result<SdkConfig, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.timeout.min(CONNECT_TIMEOUT_MAX))
        .read_timeout(options.timeout)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(options.attempts)
        .with_initial_backoff(options.timeout / BACKOFF_PART);
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client(trusted()?))
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    // Only what was asked for: the environment and the profile may turn these on by themselves.
    if options.fips {
        loader = loader.use_fips(true);
    }
    if options.dual_stack {
        loader = loader.use_dual_stack(true);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    let config = loader.load().await;
    let has_endpoint = options.endpoint_url.is_some() || config.endpoint_url().is_some();
    if config.region().is_none() && has_endpoint {
        return Ok(config.into_builder().region(Region::from_static(ENDPOINT_REGION)).build());
    }
    Ok(config)
}

/// The system's certificates, and those of `AWS_CA_BUNDLE`, which the CLI honours too: without them
/// nothing passes a proxy that looks into TLS.
fn trusted() -> Result<TlsContext, Error> {
    let mut store = TrustStore::default();
    if let Some(path) = own_certificates() {
        let named = || format!("{} (AWS_CA_BUNDLE)", path.display());
        store.add_pem_certificate(
            std::fs::read(&path).map_err(|source| Error::Read { path: named(), source })?,
        );
    }
    let context = TlsContext::builder().with_trust_store(store).build();
    context.map_err(|error| Error::usage(format!("TLS cannot be set up: {error}"), "check AWS_CA_BUNDLE"))
}

/// The file that `AWS_CA_BUNDLE` names.
fn own_certificates() -> Option<PathBuf> {
    std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Clients whose connections are pooled for each pair of timeouts.
fn http_client(tls: TlsContext) -> SharedHttpClient {
    type Timeouts = (Option<Duration>, Option<Duration>);
    let pools: Mutex<HashMap<Timeouts, SharedHttpConnector>> = Mutex::default();
    http_client_fn(move |settings: &HttpConnectorSettings, components| {
        let key = (settings.connect_timeout(), settings.read_timeout());
        let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = pools.entry(key).or_insert_with(|| pool(settings, &tls, components.sleep_impl()));
        connector.clone()
    })
}

/// Connections for requests that the SDK has no client for here, with the time-outs of `options`.
///
/// # Errors
/// When `AWS_CA_BUNDLE` cannot be used.
pub(crate) fn connector(options: &config::S3, base: &SdkConfig) -> Result<SharedHttpConnector, Error> {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(options.timeout.min(CONNECT_TIMEOUT_MAX))
        .read_timeout(options.timeout)
        .build();
    Ok(pool(&settings, &trusted()?, base.sleep_impl()))
}

/// TLS by `ring`; `HTTPS_PROXY` and `NO_PROXY` are honoured, which the
/// SDK's own default does not do.
fn pool(
    settings: &HttpConnectorSettings,
    tls: &TlsContext,
    sleep: Option<SharedAsyncSleep>,
) -> SharedHttpConnector {
    let mut builder = Connector::builder()
        .connector_settings(settings.clone())
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls.clone());
    builder.set_sleep_impl(sleep);
    SharedHttpConnector::new(builder.build())
}
