//! What a message may make the watcher read. Whoever can write to the queue must not be able to
//! point it elsewhere: at a bucket that somebody else pays for, or at data that is not flow logs.

use super::Announced;
use crate::error::Error;
use crate::source::{S3Url, SCHEME};

/// Buckets and prefixes that may be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<S3Url>);

impl Allowed {
    /// From `s3://bucket` and `s3://bucket/prefix`. A prefix is compared as text, as IAM does.
    ///
    /// # Errors
    /// When one of them is malformed.
    pub fn parse<'a>(urls: impl IntoIterator<Item = &'a String>) -> Result<Self, Error> {
        let parse = |text: &String| {
            if text.starts_with(SCHEME) {
                return S3Url::parse(text);
            }
            Err(Error::usage(format!("{text} names no bucket"), "write s3://BUCKET or s3://BUCKET/PREFIX"))
        };
        urls.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this object may be read.
    pub fn permits(&self, object: &Announced) -> bool {
        self.0.iter().any(|url| url.bucket == object.bucket && object.key.starts_with(&url.prefix))
    }

    /// The buckets, each once.
    pub fn buckets(&self) -> std::collections::BTreeSet<&str> {
        self.0.iter().map(|url| url.bucket.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_may_be_read() {
        let urls = ["s3://logs/AWSLogs/".to_owned(), "s3://whole-bucket".to_owned()];
        let allowed = Allowed::parse(&urls).unwrap();
        let object = |bucket: &str, key: &str| Announced {
            bucket: bucket.into(),
            key: key.into(),
            other_key: None,
            etag: String::new(),
            bytes: None,
        };
        assert!(allowed.permits(&object("logs", "AWSLogs/1/x")));
        assert!(allowed.permits(&object("whole-bucket", "any")));
        for (bucket, key) in
            [("logs", "other/x"), ("logs2", "AWSLogs/x"), ("log", "AWSLogs/"), ("", "AWSLogs/x")]
        {
            assert!(!allowed.permits(&object(bucket, key)), "{bucket}/{key}");
        }
        assert_eq!(allowed.buckets().len(), 2);
        for bad in ["logs", "s3://", "s3://Logs/x", "https://logs"] {
            assert!(Allowed::parse(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
