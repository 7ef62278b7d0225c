//! How S3 is reached: flags of the verbs that read from it or write to it.

use clap::Args;
use clap::builder::FalseyValueParser;

use std::path::Path;

use crate::config::{Config, S3, SSE, is_account, is_role_arn};
use crate::error::Error;
use crate::lake::Lake;
use crate::store::is_remote;

/// Each wins over `[s3]` of the configuration. `[[s3.bucket]]`, being about one bucket, wins over both.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "S3")]
pub(super) struct S3Args {
    /// Region of the buckets [default: `AWS_REGION`, or the profile's]
    #[arg(long, env = "OUTFLOW_REGION", value_name = "REGION")]
    region: Option<String>,
    /// Profile of `~/.aws/config` [default: `AWS_PROFILE`]
    #[arg(long, env = "OUTFLOW_PROFILE", value_name = "NAME")]
    profile: Option<String>,
    /// Another endpoint, such as that of a VPC endpoint [default: `AWS_ENDPOINT_URL`]
    #[arg(long, env = "OUTFLOW_ENDPOINT_URL", value_name = "URL", value_parser = url)]
    endpoint_url: Option<String>,
    /// The bucket in the path instead of the host name
    #[arg(long, env = "OUTFLOW_PATH_STYLE", value_parser = FalseyValueParser::new())]
    path_style: bool,
    /// FIPS endpoints
    #[arg(long, env = "OUTFLOW_FIPS", value_parser = FalseyValueParser::new())]
    fips: bool,
    /// Endpoints that speak IPv6 too
    #[arg(long, env = "OUTFLOW_DUAL_STACK", value_parser = FalseyValueParser::new())]
    dual_stack: bool,
    /// Pay for the requests
    #[arg(long, env = "OUTFLOW_REQUESTER_PAYS", value_parser = FalseyValueParser::new())]
    requester_pays: bool,
    /// Refuse buckets that do not belong to this account
    #[arg(long, env = "OUTFLOW_EXPECTED_BUCKET_OWNER", value_name = "ACCOUNT", value_parser = account)]
    expected_bucket_owner: Option<String>,
    /// How what is written is encrypted [default: as the bucket says]
    #[arg(long, env = "OUTFLOW_SSE", value_name = "KIND", value_parser = SSE)]
    sse: Option<String>,
    /// KMS key that it is encrypted with; means --sse aws:kms
    #[arg(long, env = "OUTFLOW_SSE_KMS_KEY_ID", value_name = "KEY")]
    sse_kms_key_id: Option<String>,
    /// Role to assume
    #[arg(long, env = "OUTFLOW_ASSUME_ROLE", value_name = "ARN", value_parser = role_arn)]
    assume_role: Option<String>,
    /// External id that the role's trust policy asks for
    #[arg(long, env = "OUTFLOW_EXTERNAL_ID", value_name = "ID", requires = "assume_role")]
    external_id: Option<String>,
}

impl S3Args {
    /// `configured`, with what the flags say instead.
    pub(super) fn over(&self, configured: &S3) -> S3 {
        let mut s3 = configured.clone();
        let set = |to: &mut Option<String>, flag: &Option<String>| {
            if flag.is_some() {
                to.clone_from(flag);
            }
        };
        set(&mut s3.profile, &self.profile);
        set(&mut s3.endpoint_url, &self.endpoint_url);
        set(&mut s3.sse, &self.sse);
        set(&mut s3.sse_kms_key_id, &self.sse_kms_key_id);
        set(&mut s3.common.region, &self.region);
        set(&mut s3.common.expected_bucket_owner, &self.expected_bucket_owner);
        if self.assume_role.is_some() {
            s3.common.role_arn.clone_from(&self.assume_role);
            s3.common.external_id.clone_from(&self.external_id);
        }
        s3.path_style |= self.path_style;
        s3.fips |= self.fips;
        s3.dual_stack |= self.dual_stack;
        if self.requester_pays {
            s3.common.requester_pays = Some(true);
        }
        s3
    }
}

impl S3Args {
    /// The lake at `root`, on this machine or in S3. Only there the configuration is asked for.
    pub(super) fn lake(
        &self,
        root: &Path,
        config: impl FnOnce() -> Result<Config, Error>,
    ) -> Result<Lake, Error> {
        let s3 = if is_remote(root) { self.over(&config()?.s3) } else { S3::default() };
        Lake::open_at(root, &s3)
    }
}

fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let found = rest.filter(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
    found
        .map(|_| text.to_owned())
        .ok_or_else(|| "use a URL such as https://s3.eu-west-1.amazonaws.com".to_owned())
}

fn account(text: &str) -> Result<String, String> {
    is_account(text).then(|| text.to_owned()).ok_or_else(|| "use an account id, 12 digits".to_owned())
}

fn role_arn(text: &str) -> Result<String, String> {
    let found = is_role_arn(text).then(|| text.to_owned());
    found.ok_or_else(|| "use an ARN such as arn:aws:iam::111111111111:role/outflow".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_leave_the_rest_of_it() {
        let mut file = S3 { profile: Some("audit".into()), fips: true, ..S3::default() };
        file.common.region = Some("eu-west-1".into());
        file.common.external_id = Some("of-the-file".into());
        let none = S3Args::default().over(&file);
        assert_eq!(none, file);
        let args = S3Args {
            region: Some("eu-central-1".into()),
            assume_role: Some("arn:aws:iam::111111111111:role/outflow".into()),
            path_style: true,
            requester_pays: true,
            ..S3Args::default()
        };
        let s3 = args.over(&file);
        assert_eq!(s3.common.region.as_deref(), Some("eu-central-1"));
        assert_eq!((s3.profile.as_deref(), s3.fips, s3.path_style), (Some("audit"), true, true));
        assert_eq!(s3.common.requester_pays, Some(true));
        assert_eq!(s3.common.external_id, None, "another role's external id is not sent");
    }

    #[test]
    fn slips_are_refused() {
        assert!(
            url("s3.amazonaws.com").is_err() && url("https://").is_err() && url("http://127.0.0.1:1").is_ok()
        );
        assert!(account("1111").is_err() && account("111111111111").is_ok());
        assert!(role_arn("outflow").is_err());
    }
}
