//! `[s3]`: how inputs in S3 are reached.
//!
//! Accounts of an organisation keep their logs in buckets of their own or in a central one. A role,
//! a region and an owner belong to a bucket, so `[[s3.bucket]]` overrides what holds for all.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::read::Reader;

/// `[s3]`. What is not set comes from where AWS tools look: environment, profile, instance role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// `profile`: of `~/.aws/config`.
    pub profile: Option<String>,
    /// `endpoint_url`: another endpoint, such as that of a VPC endpoint or of a store that speaks S3.
    pub endpoint_url: Option<String>,
    /// `path_style`: the bucket in the path instead of the host name. Default false.
    pub path_style: bool,
    /// `fips`: FIPS endpoints. Default false.
    pub fips: bool,
    /// `dual_stack`: endpoints that speak IPv6 too. Default false.
    pub dual_stack: bool,
    /// `timeout_seconds`: how long a request or a body may stand still before it is tried again.
    /// In [1, 600]. Default 20. The first wait before a retry is a twentieth of it.
    pub timeout: Duration,
    /// `attempts`: how often a request is made, and how often a body that breaks off is resumed.
    /// In [1, 20]. Default 5.
    pub attempts: u32,
    /// `sse`: how objects that are written are encrypted: `AES256`, `aws:kms` or `aws:kms:dsse`; as
    /// the bucket says when not set.
    pub sse: Option<String>,
    /// `sse_kms_key_id`: with which KMS key; the account's own for S3 when not set.
    pub sse_kms_key_id: Option<String>,
    /// What holds for buckets that have no entry of their own, and for keys their entry leaves out.
    pub common: S3Bucket,
    /// `[[s3.bucket]]`.
    pub buckets: Vec<S3Bucket>,
}

/// What can differ from bucket to bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Bucket {
    /// `name`; empty where it holds for all.
    pub name: String,
    /// `region`: where the bucket is.
    pub region: Option<String>,
    /// `role_arn`: the role to assume for it.
    pub role_arn: Option<String>,
    /// `external_id`: what the role's trust policy asks for, when it does.
    pub external_id: Option<String>,
    /// `expected_bucket_owner`: account id; S3 refuses when the bucket belongs to another one.
    pub expected_bucket_owner: Option<String>,
    /// `requester_pays`: accept to pay for requests. Default false.
    pub requester_pays: Option<bool>,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            profile: None,
            endpoint_url: None,
            path_style: false,
            fips: false,
            dual_stack: false,
            timeout: Duration::from_secs(20),
            attempts: 5,
            sse: None,
            sse_kms_key_id: None,
            common: S3Bucket::default(),
            buckets: Vec::new(),
        }
    }
}

impl S3 {
    /// What holds for the bucket `name`: its own entry before the common one. A role goes together
    /// with its external id.
    pub fn of_bucket(&self, name: &str) -> S3Bucket {
        let own = self.buckets.iter().find(|bucket| bucket.name == name).cloned().unwrap_or_default();
        let common = self.common.clone();
        let external_id = if own.role_arn.is_some() { own.external_id } else { common.external_id };
        S3Bucket {
            name: name.to_owned(),
            region: own.region.or(common.region),
            role_arn: own.role_arn.or(common.role_arn),
            external_id,
            expected_bucket_owner: own.expected_bucket_owner.or(common.expected_bucket_owner),
            requester_pays: own.requester_pays.or(common.requester_pays),
        }
    }
}

const KEYS: [&str; 15] = [
    "region",
    "role_arn",
    "external_id",
    "expected_bucket_owner",
    "requester_pays",
    "profile",
    "endpoint_url",
    "path_style",
    "fips",
    "dual_stack",
    "timeout_seconds",
    "attempts",
    "sse",
    "sse_kms_key_id",
    "bucket",
];
const BUCKET_KEYS: [&str; 6] =
    ["name", "region", "role_arn", "external_id", "expected_bucket_owner", "requester_pays"];

/// What S3 calls its ways to encrypt.
pub(crate) const SSE: [&str; 3] = ["AES256", "aws:kms", "aws:kms:dsse"];

type Value<'a, 'i> = &'a Spanned<DeValue<'i>>;

impl Reader<'_> {
    pub(super) fn s3(&mut self, value: Value<'_, '_>, s3: &mut S3) {
        let Some(table) = self.table(value, "s3") else { return };
        self.keys(table, "s3", &KEYS, |reader, key, value| match key {
            "profile" => s3.profile = reader.string(value, "s3.profile").map(str::to_owned),
            "endpoint_url" => s3.endpoint_url = reader.string(value, "s3.endpoint_url").map(str::to_owned),
            "path_style" => s3.path_style = reader.boolean(value, "s3.path_style").unwrap_or_default(),
            "fips" => s3.fips = reader.boolean(value, "s3.fips").unwrap_or_default(),
            "dual_stack" => s3.dual_stack = reader.boolean(value, "s3.dual_stack").unwrap_or_default(),
            "timeout_seconds" => {
                let seconds = reader.integer(value, "s3.timeout_seconds", 1..=600);
                s3.timeout = Duration::from_secs(seconds.unwrap_or(1));
            }
            "attempts" => s3.attempts = reader.integer(value, "s3.attempts", 1..=20).unwrap_or(1) as u32,
            "sse" => s3.sse = reader.encryption(value),
            "sse_kms_key_id" => {
                s3.sse_kms_key_id = reader.string(value, "s3.sse_kms_key_id").map(str::to_owned);
            }
            "bucket" => {
                for item in reader.array(value, "s3.bucket") {
                    let bucket = reader.s3_bucket(item);
                    s3.buckets.extend(bucket);
                }
            }
            _ => reader.of_bucket(key, value, "s3", &mut s3.common),
        });
    }

    fn s3_bucket(&mut self, value: Value<'_, '_>) -> Option<S3Bucket> {
        let table = self.table(value, "s3.bucket")?;
        let before = self.problems.len();
        let mut bucket = S3Bucket::default();
        self.keys(table, "s3.bucket", &BUCKET_KEYS, |reader, key, value| match key {
            "name" => bucket.name.push_str(reader.string(value, "s3.bucket.name").unwrap_or_default()),
            _ => reader.of_bucket(key, value, "s3.bucket", &mut bucket),
        });
        if bucket.name.is_empty() && self.problems.len() == before {
            self.problem(value.span(), "a [[s3.bucket]] needs a `name`".to_owned());
        }
        Some(bucket)
    }

    fn of_bucket(&mut self, key: &str, value: Value<'_, '_>, section: &str, bucket: &mut S3Bucket) {
        let whole = format!("{section}.{key}");
        match key {
            "requester_pays" => bucket.requester_pays = self.boolean(value, &whole),
            "region" => bucket.region = self.string(value, &whole).map(str::to_owned),
            "role_arn" => bucket.role_arn = self.role_arn(value, &whole),
            "external_id" => bucket.external_id = self.string(value, &whole).map(str::to_owned),
            _ => bucket.expected_bucket_owner = self.account(value, &whole),
        }
    }

    fn encryption(&mut self, value: Value<'_, '_>) -> Option<String> {
        let found = value.get_ref().as_str().filter(|text| SSE.contains(text)).map(str::to_owned);
        self.expect(found, value, "s3.sse", "\"AES256\", \"aws:kms\" or \"aws:kms:dsse\"")
    }

    fn role_arn(&mut self, value: Value<'_, '_>, key: &str) -> Option<String> {
        let found = value.get_ref().as_str().filter(|text| is_role_arn(text)).map(str::to_owned);
        self.expect(found, value, key, "an ARN such as \"arn:aws:iam::111111111111:role/outflow\"")
    }

    fn account(&mut self, value: Value<'_, '_>, key: &str) -> Option<String> {
        let found = value.get_ref().as_str().filter(|text| is_account(text)).map(str::to_owned);
        self.expect(found, value, key, "an account id of 12 digits, quoted")
    }
}

/// Whether `text` is an account id.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` looks like the ARN of a role, in any partition.
pub(crate) fn is_role_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, _region, account, name) = (next(), next(), next(), next(), next(), next());
    arn == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && is_account(account)
        && name.starts_with("role/")
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn mistakes_are_located_and_explained() {
        let text = "[s3]\npath_stile = true\nfips = 'yes'\nattempts = 0\nexpected_bucket_owner = 111111111111\n\
                    role_arn = 'outflow'\n[[s3.bucket]]\nregion = 'eu-west-1'\n";
        let problems = Config::parse(text, "o.toml").unwrap_err().to_string();
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(lines.len(), 6, "{problems}");
        assert!(lines[0].contains("unknown key `s3.path_stile`; did you mean `path_style`?"), "{problems}");
        assert!(lines[1].contains("`s3.fips` wants true or false, not "), "{problems}");
        assert!(lines[2].contains("from 1 to 20, not 0"), "{problems}");
        assert!(lines[3].contains("12 digits, quoted"), "{problems}");
        assert!(lines[4].contains("an ARN such as"), "{problems}");
        assert!(lines[5].contains("needs a `name`"), "{problems}");
    }

    #[test]
    fn role_arns_of_every_partition_are_known() {
        for good in ["arn:aws:iam::111111111111:role/a", "arn:aws-us-gov:iam::111111111111:role/path/a"] {
            assert!(super::is_role_arn(good), "{good}");
        }
        for bad in ["", "role/a", "arn:aws:iam::1:role/a", "arn:aws:iam::111111111111:user/a"] {
            assert!(!super::is_role_arn(bad), "{bad}");
        }
    }
}
