//! A bucket and the way to it: region, credentials, endpoint, proxy, timeouts, retries.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{SharedHttpClient, StalledStreamProtectionConfig};
use aws_sdk_s3::types::RequestPayer;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use tokio::runtime::Runtime;

use crate::config;
use crate::error::Error;

/// Longest wait for a connection. S3 connects within milliseconds; a VPC without a way to S3 never.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);
/// The first wait before a retry is this part of the timeout; later ones double.
const BACKOFF_PART: u32 = 20;
/// Threads that move bytes: decrypting TLS is all they compute.
const IO_THREADS: usize = 2;
/// Region that is signed for where a custom endpoint is given and none is named.
const ENDPOINT_REGION: &str = "us-east-1";

/// The threads that downloads run on. They are the process's: a scan ends with its objects, not with
/// its threads.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("outflow-s3")
        .enable_all()
        .build()
});

/// The threads that S3 is spoken to on.
///
/// # Errors
/// When they cannot be started.
pub(super) fn runtime() -> Result<&'static Runtime, Error> {
    RUNTIME.as_ref().map_err(|error| {
        Error::usage(
            format!("cannot start threads for S3: {error}"),
            "raise the limit of processes (ulimit -u)",
        )
    })
}

/// A bucket that can be read. Equal when the name is: all reading of one run goes one way.
pub struct Bucket {
    pub(super) name: String,
    pub(super) client: Client,
    /// Where requests go to, when not to AWS.
    pub(super) endpoint_url: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) expected_owner: Option<String>,
    pub(super) payer: Option<RequestPayer>,
    /// How long a body may stand still.
    pub(super) stall: Duration,
    /// How often a body is asked for.
    pub(super) attempts: u32,
}

impl Bucket {
    /// The wait before attempt `attempt` (from 1) is repeated.
    pub(super) fn backoff(&self, attempt: u32) -> Duration {
        (self.stall / BACKOFF_PART).saturating_mul(1 << (attempt - 1).min(5))
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.name).finish()
    }
}

impl PartialEq for Bucket {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Bucket {}

/// Sets up the way to the bucket `name`. Nothing is sent yet.
pub(super) async fn connect(name: &str, options: &config::S3) -> Result<Arc<Bucket>, Error> {
    let own = options.of_bucket(name);
    let base = load(options, own.region.as_deref()).await?;
    if base.region().is_none() {
        return Err(Error::usage(
            format!("no region is known for bucket {name}"),
            "name it: --region, AWS_REGION, or `region` in the profile or in [[s3.bucket]]",
        ));
    }
    let mut config = aws_sdk_s3::config::Builder::from(&base)
        .force_path_style(options.path_style)
        // A worker that is busy lets a body wait. How long the network may, `body` measures.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    // For S3 alone: roles are assumed elsewhere.
    if let Some(url) = &options.endpoint_url {
        config = config.endpoint_url(url);
    }
    if let Some(role) = &own.role_arn {
        let mut provider = AssumeRoleProvider::builder(role).session_name("outflow").configure(&base);
        if let Some(id) = &own.external_id {
            provider = provider.external_id(id);
        }
        config = config.credentials_provider(SharedCredentialsProvider::new(provider.build().await));
    }
    Ok(Arc::new(Bucket {
        name: name.to_owned(),
        client: Client::from_conf(config.build()),
        endpoint_url: options.endpoint_url.clone().or_else(|| base.endpoint_url().map(str::to_owned)),
        role_arn: own.role_arn,
        expected_owner: own.expected_bucket_owner,
        payer: own.requester_pays.unwrap_or_default().then_some(RequestPayer::Requester),
        stall: options.timeout,
        attempts: options.attempts,
    }))
}

async fn load(options: &config::S3, region: Option<&str>) -> Result<SdkConfig, Error> {
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
    if let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        let named = || format!("{} (AWS_CA_BUNDLE)", Path::new(&path).display());
        store.add_pem_certificate(
            std::fs::read(&path).map_err(|source| Error::Read { path: named(), source })?,
        );
    }
    let context = TlsContext::builder().with_trust_store(store).build();
    context.map_err(|error| Error::usage(format!("TLS cannot be set up: {error}"), "check AWS_CA_BUNDLE"))
}

/// TLS by `ring`; `HTTPS_PROXY` and `NO_PROXY` are honoured, which the
/// SDK's own default does not do. Connections are pooled for each pair of timeouts.
fn http_client(tls: TlsContext) -> SharedHttpClient {
    type Timeouts = (Option<Duration>, Option<Duration>);
    let pools: Mutex<HashMap<Timeouts, SharedHttpConnector>> = Mutex::default();
    http_client_fn(move |settings: &HttpConnectorSettings, components| {
        let key = (settings.connect_timeout(), settings.read_timeout());
        let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = pools.entry(key).or_insert_with(|| {
            let mut builder = Connector::builder()
                .connector_settings(settings.clone())
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(tls.clone());
            builder.set_sleep_impl(components.sleep_impl());
            SharedHttpConnector::new(builder.build())
        });
        connector.clone()
    })
}
