//! The bytes of one object, in order, however often the connection breaks.
//!
//! A body that breaks off or stands still is asked for again from where it stopped, under the
//! entity tag that was listed, so that two versions never mix. It ends well only with as many bytes
//! as were listed: a short body is an error, never a short object.

use std::sync::Arc;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use super::client::Bucket;
use super::fault::{Doing, fault};
use crate::aws::connections::Lease;
use crate::source::Gone;

/// What S3 answered to a request for an object.
pub(super) struct Answer {
    pub(super) etag: Option<String>,
    pub(super) length_bytes: Option<u64>,
    pub(super) body: ByteStream,
    /// The connection that the body comes over, when it is one of ours; given back after the body.
    pub(super) _lease: Option<Lease>,
}

/// What the reading side gets.
#[derive(Debug)]
pub(super) enum Part {
    /// The next bytes.
    Bytes(Bytes),
    /// All listed bytes were sent.
    End,
    /// The rest will not come; how the object is gone, when it is.
    Failed(Option<Gone>, String),
}

/// One object to download.
pub(super) struct Download {
    pub(super) bucket: Arc<Bucket>,
    pub(super) key: String,
    pub(super) etag: Box<str>,
    /// As listed.
    pub(super) size_bytes: u64,
    /// Bytes that may lie between network and reader; the reader gives back what it has taken.
    pub(super) window: Arc<Semaphore>,
    pub(super) window_bytes: u32,
    /// Unbounded, because the window bounds it in bytes.
    pub(super) parts: UnboundedSender<Part>,
}

/// Why a body stopped.
enum Stop {
    /// Nobody reads any more.
    Unread,
    /// Trying again makes no sense.
    Final(Option<Gone>, String),
    /// The connection; what came before it counts.
    Broken(String),
}

impl Download {
    /// Sends the object's bytes and how it ended.
    pub(super) async fn run(self) {
        let mut sent = 0;
        let mut attempt = 1;
        let end = loop {
            match self.attempt(&mut sent).await {
                Ok(()) => break Part::End,
                Err(Stop::Unread) => return,
                Err(Stop::Final(gone, why)) => break Part::Failed(gone, why),
                Err(Stop::Broken(why)) if attempt >= self.bucket.attempts => {
                    let size = self.size_bytes;
                    let why = format!("{why}: {sent} of {size} bytes came in {attempt} attempts");
                    break Part::Failed(None, why);
                }
                Err(Stop::Broken(_)) => tokio::time::sleep(self.bucket.backoff(attempt)).await,
            }
            attempt += 1;
        };
        // A reader that has gone does not want to know.
        drop(self.parts.send(end));
    }

    /// Asks for everything from `sent` on, and sends it: the last bytes when the end is known to be
    /// good, so that the reader of a small object wakes once.
    async fn attempt(&self, sent: &mut u64) -> Result<(), Stop> {
        let mut answer = self.request(*sent).await?;
        self.check_head(&answer, *sent)?;
        let (mut arrived, mut last) = (*sent, Bytes::new());
        while let Some(bytes) = self.next(&mut answer, arrived).await? {
            arrived += bytes.len() as u64;
            if arrived > self.size_bytes {
                let why = format!("it holds more than the {} bytes listed", self.size_bytes);
                return Err(Stop::Final(Some(Gone::Replaced), why));
            }
            if arrived < self.size_bytes {
                self.send(bytes, sent).await?;
            } else if !bytes.is_empty() {
                last = bytes;
            }
        }
        if !last.is_empty() {
            self.send(last, sent).await?;
        }
        if *sent < self.size_bytes {
            return Err(Stop::Broken("the body ended early".to_owned()));
        }
        Ok(())
    }

    /// Sends bytes when there is room for them.
    async fn send(&self, bytes: Bytes, sent: &mut u64) -> Result<(), Stop> {
        let permits = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(self.window_bytes);
        let Ok(permit) = self.window.acquire_many(permits).await else { return Err(Stop::Unread) };
        permit.forget();
        *sent += bytes.len() as u64;
        self.parts.send(Part::Bytes(bytes)).map_err(|_| Stop::Unread)
    }

    async fn request(&self, sent: u64) -> Result<Answer, Stop> {
        let bucket = &self.bucket;
        if let (0, Some(direct)) = (sent, &bucket.direct)
            && let Some(answer) = direct.get(bucket, &self.key, &self.etag).await
        {
            return Ok(answer);
        }
        let result = bucket
            .client
            .get_object()
            .bucket(&bucket.name)
            .key(&self.key)
            .set_if_match((!self.etag.is_empty()).then(|| self.etag.to_string()))
            .set_range((sent > 0).then(|| format!("bytes={sent}-")))
            .set_expected_bucket_owner(bucket.expected_owner.clone())
            .set_request_payer(bucket.payer.clone())
            .send()
            .await;
        // The client has tried again where that makes sense.
        let output = result.map_err(|error| {
            let gone = match error.code() {
                Some("NoSuchKey") => Some(Gone::Missing),
                Some("PreconditionFailed") => Some(Gone::Replaced),
                _ => None,
            };
            Stop::Final(gone, fault(&error, bucket, Doing::Get).line())
        })?;
        Ok(Answer {
            length_bytes: output.content_length().and_then(|length| u64::try_from(length).ok()),
            etag: output.e_tag,
            body: output.body,
            _lease: None,
        })
    }

    /// Whether this is the version that was listed, from the place asked for.
    fn check_head(&self, answer: &Answer, sent: u64) -> Result<(), Stop> {
        if !self.etag.is_empty() && answer.etag.as_deref().is_some_and(|etag| *etag != *self.etag) {
            let why = "it changed since it was listed (run again to read it as it is now)";
            return Err(Stop::Final(Some(Gone::Replaced), why.to_owned()));
        }
        let rest = self.size_bytes - sent;
        match answer.length_bytes.filter(|length| *length != rest) {
            Some(length) => Err(Stop::Broken(format!("{length} bytes are offered where {rest} are left"))),
            None => Ok(()),
        }
    }

    async fn next(&self, answer: &mut Answer, sent: u64) -> Result<Option<Bytes>, Stop> {
        let next = tokio::time::timeout(self.bucket.stall, answer.body.next()).await;
        let next = next.map_err(|_| Stop::Broken("the body stood still".to_owned()))?;
        match next.transpose() {
            Ok(bytes) => Ok(bytes),
            // The checksum is compared at the end; other errors are the connection's.
            Err(error) if sent == self.size_bytes => {
                Err(Stop::Final(None, format!("its bytes are damaged: {error}")))
            }
            Err(_) => Err(Stop::Broken("the connection broke off".to_owned())),
        }
    }
}
