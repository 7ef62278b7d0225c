//! `s3://bucket/key` as people type it.

use crate::error::Error;

/// The beginning of every S3 input.
pub const SCHEME: &str = "s3://";

/// A bucket and what to look for in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket's name.
    pub bucket: String,
    /// A folder (ends with `/`, or empty for the whole bucket), or a folder or object (otherwise).
    pub prefix: String,
}

impl S3Url {
    /// Reads `s3://bucket` or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// When there is no bucket, or what stands there cannot be one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // Amazon S3 User Guide, "Bucket naming rules"; access point ARNs hold colons and slashes.
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(known) {
            return Err(Error::usage(
                format!("{text} names no bucket"),
                "write s3://BUCKET/PREFIX; for an access point, its alias stands for the bucket",
            ));
        }
        if prefix.contains(['*', '?', '[']) {
            return Err(Error::usage(
                format!("{text} holds a pattern, which S3 cannot list"),
                "name the folder, and the time with --from and --to",
            ));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_prefixes_are_told_apart() {
        let parsed = |text| S3Url::parse(text).map(|url| (url.bucket, url.prefix)).ok();
        let want = |bucket: &str, prefix: &str| Some((bucket.to_owned(), prefix.to_owned()));
        assert_eq!(parsed("s3://logs"), want("logs", ""));
        assert_eq!(parsed("s3://logs/"), want("logs", ""));
        assert_eq!(parsed("s3://my.logs-1/a/AWSLogs/"), want("my.logs-1", "a/AWSLogs/"));
        assert_eq!(parsed("s3://logs/a b+c=é"), want("logs", "a b+c=é"));
        for bad in ["s3://", "s3:///x", "s3://Logs/x", "s3://a/x", "s3://logs/**/x.gz"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
