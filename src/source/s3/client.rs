//! A bucket and the way to it: region, role, endpoint.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::types::RequestPayer;

use super::direct::Direct;
use crate::aws;
use crate::config;
use crate::error::Error;

/// A bucket that can be reached. Equal when the name is: all reading of one run goes one way.
pub struct Bucket {
    pub(crate) name: String,
    pub(crate) client: Client,
    /// The short way to its objects, when there are credentials.
    pub(super) direct: Option<Direct>,
    /// Where requests go to, when not to AWS.
    pub(crate) endpoint_url: Option<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) expected_owner: Option<String>,
    pub(crate) payer: Option<RequestPayer>,
    /// How long a body may stand still.
    pub(crate) stall: Duration,
    /// How often a body is asked for.
    pub(crate) attempts: u32,
}

impl Bucket {
    /// The wait before attempt `attempt` (from 1) is repeated.
    pub(crate) fn backoff(&self, attempt: u32) -> Duration {
        aws::backoff(self.stall, attempt)
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
pub(crate) async fn connect(name: &str, options: &config::S3) -> Result<Arc<Bucket>, Error> {
    let own = options.of_bucket(name);
    let base = aws::load(options, own.region.as_deref()).await?;
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
    let mut provider = base.credentials_provider();
    if let Some(role) = &own.role_arn {
        let mut assumed = AssumeRoleProvider::builder(role).session_name("outflow").configure(&base);
        if let Some(id) = &own.external_id {
            assumed = assumed.external_id(id);
        }
        let assumed = SharedCredentialsProvider::new(assumed.build().await);
        config = config.credentials_provider(assumed.clone());
        provider = Some(assumed);
    }
    Ok(Arc::new(Bucket {
        name: name.to_owned(),
        client: Client::from_conf(config.build()),
        direct: provider.map(Direct::new),
        endpoint_url: options.endpoint_url.clone().or_else(|| base.endpoint_url().map(str::to_owned)),
        role_arn: own.role_arn,
        expected_owner: own.expected_bucket_owner,
        payer: own.requester_pays.unwrap_or_default().then_some(RequestPayer::Requester),
        stall: options.timeout,
        attempts: options.attempts,
    }))
}
