//! Files to objects. What is large goes in parts, and appears whole when the last one is there.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::Condition;
use super::Remote;
use crate::aws;
use crate::error::Error;
use crate::limits::{S3_UPLOAD_PART_BYTES, S3_UPLOADS_MAX};
use crate::source::{Doing, s3_fault};

impl Remote {
    /// Writes files to objects, several at once: `(key, path)`.
    ///
    /// # Errors
    /// When a file cannot be read or an object cannot be written. Others may be written by then.
    pub fn put_files(self: &Arc<Self>, files: Vec<(String, PathBuf)>) -> Result<(), Error> {
        aws::runtime()?.block_on(async {
            let slots = Arc::new(Semaphore::new(S3_UPLOADS_MAX));
            let mut uploads = JoinSet::new();
            for (key, path) in files {
                let (remote, slots) = (Arc::clone(self), Arc::clone(&slots));
                uploads.spawn(async move {
                    let _slot = slots.acquire_owned().await.expect("the semaphore is never closed");
                    remote.upload(&key, &path).await
                });
            }
            uploads.join_all().await.into_iter().collect()
        })
    }

    async fn upload(&self, key: &str, path: &Path) -> Result<(), Error> {
        let unreadable = |source: io::Error| Error::Read { path: path.display().to_string(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let first = next_part(&mut file).map_err(unreadable)?;
        if first.len() < S3_UPLOAD_PART_BYTES {
            return self
                .put_async(key, &first, "application/vnd.apache.parquet", &Condition::Always)
                .await
                .map(drop);
        }
        let id = self.begin(key).await?;
        let done = match self.parts(key, &id, first, || next_part(&mut file).map_err(unreadable)).await {
            Ok(parts) => self.complete(key, &id, parts).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            // Its parts would be paid for until somebody looks. When this fails too, a life cycle
            // rule removes them.
            let request = self.bucket.client.abort_multipart_upload().bucket(&self.bucket.name);
            drop(request.key(self.key(key)).upload_id(id).send().await);
        }
        done
    }

    async fn begin(&self, key: &str) -> Result<String, Error> {
        let bucket = &self.bucket;
        let request = bucket
            .client
            .create_multipart_upload()
            .bucket(&bucket.name)
            .key(self.key(key))
            .set_server_side_encryption(self.encryption.kind.clone())
            .set_ssekms_key_id(self.encryption.kms_key_id.clone())
            .set_expected_bucket_owner(bucket.expected_owner.clone());
        let begun = request.send().await.map_err(|error| s3_fault(&error, bucket, Doing::Put))?;
        Ok(begun.upload_id().unwrap_or_default().to_owned())
    }

    async fn parts(
        &self,
        key: &str,
        id: &str,
        first: Vec<u8>,
        mut next: impl FnMut() -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<CompletedPart>, Error> {
        let bucket = &self.bucket;
        let mut parts = Vec::new();
        let mut bytes = first;
        while !bytes.is_empty() {
            let number = parts.len() as i32 + 1;
            let request = bucket
                .client
                .upload_part()
                .bucket(&bucket.name)
                .key(self.key(key))
                .upload_id(id)
                .part_number(number)
                .set_expected_bucket_owner(bucket.expected_owner.clone())
                .body(bytes.into());
            let sent = request.send().await.map_err(|error| s3_fault(&error, bucket, Doing::Put))?;
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(sent.e_tag)
                    .set_checksum_crc32(sent.checksum_crc32)
                    .build(),
            );
            bytes = next()?;
        }
        Ok(parts)
    }

    async fn complete(&self, key: &str, id: &str, parts: Vec<CompletedPart>) -> Result<(), Error> {
        let bucket = &self.bucket;
        let request = bucket
            .client
            .complete_multipart_upload()
            .bucket(&bucket.name)
            .key(self.key(key))
            .upload_id(id)
            .set_expected_bucket_owner(bucket.expected_owner.clone())
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
        request.send().await.map(drop).map_err(|error| s3_fault(&error, bucket, Doing::Put).into())
    }
}

/// The next bytes of a file: a part's, or fewer at its end.
fn next_part(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(S3_UPLOAD_PART_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
