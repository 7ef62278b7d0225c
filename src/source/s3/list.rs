//! Lists the objects below a prefix: walks the AWS layout and leaves out what is of another time or
//! another service, so that a day of one account does not cost the listing of a year of all.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::S3Place;
use super::S3Url;
use super::client::Bucket;
use super::fault::{Doing, fault};
use super::layout::{self, Service, Visit};
use crate::error::Error;
use crate::limits;
use crate::source::{ObjectKey, ObjectRef, Source};

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// Objects that can hold record ends in `[from, to)`, Unix seconds.
    Between(Option<i64>, Option<i64>),
    /// Findings that were exported at or after a time, Unix seconds.
    Findings(Option<i64>),
    /// Enough to know the newest object: of folders beside each other, the latest.
    Newest,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) objects: Vec<ObjectRef>,
    /// Folders not listed because they are for another time.
    pub(super) folders_of_other_time: u64,
    /// Folders not listed because they hold logs of another service.
    pub(super) folders_of_other_services: u64,
}

impl Found {
    /// Whether there was anything at all.
    fn is_something(&self) -> bool {
        !self.objects.is_empty() || self.folders_of_other_time + self.folders_of_other_services > 0
    }
}

/// One answer: objects, and folders when a delimiter was given.
#[derive(Default)]
struct Folder {
    objects: Vec<ObjectRef>,
    folders: Vec<String>,
}

/// Lists what `url` names: the object of that key, or all below the folder.
pub(super) async fn list(bucket: &Arc<Bucket>, url: &S3Url, wanted: Wanted) -> Result<Found, Error> {
    let Some(root) = root(bucket, &url.prefix).await? else { return single(bucket, &url.prefix).await };
    let mut found = Found::default();
    let slots = Arc::new(Semaphore::new(limits::S3_LISTINGS_MAX));
    let mut tasks = JoinSet::new();
    let walk = |tasks: &mut JoinSet<_>, prefix: String, is_walk: bool| {
        let (bucket, slots) = (Arc::clone(bucket), Arc::clone(&slots));
        tasks.spawn(async move {
            let _slot = slots.acquire_owned().await.expect("the semaphore is never closed");
            folder(&bucket, &prefix, is_walk).await
        });
    };
    match visit(&root, wanted) {
        Visit::OtherTime => found.folders_of_other_time += 1,
        // Findings are looked for beside other logs, so these need not be meant.
        Visit::OtherService if matches!(wanted, Wanted::Findings(_)) => found.folders_of_other_services += 1,
        // Whoever names the folder of another service means it.
        choice => walk(&mut tasks, root, choice == Visit::Walk),
    }
    while let Some(done) = tasks.join_next().await {
        let mut folder = done.map_err(|error| lost(&error.to_string()))??;
        found.objects.append(&mut folder.objects);
        if matches!(wanted, Wanted::Newest) {
            keep_latest(&mut folder.folders);
        }
        for prefix in folder.folders {
            match visit(&prefix, wanted) {
                Visit::OtherTime => found.folders_of_other_time += 1,
                Visit::OtherService => found.folders_of_other_services += 1,
                choice => walk(&mut tasks, prefix, choice == Visit::Walk),
            }
        }
    }
    if found.is_something() { Ok(found) } else { Err(nothing(bucket, &url.prefix)) }
}

fn visit(prefix: &str, wanted: Wanted) -> Visit {
    match wanted {
        Wanted::Between(from, to) => layout::visit(Service::FlowLogs, prefix, from, to),
        Wanted::Findings(from) => layout::visit(Service::GuardDuty, prefix, from, None),
        Wanted::Newest => layout::visit(Service::FlowLogs, prefix, None, None),
    }
}

/// Of the folders that are for a time, only the latest.
fn keep_latest(folders: &mut Vec<String>) {
    let latest = folders.iter().filter_map(|folder| layout::start_second(folder)).max();
    folders.retain(|folder| layout::start_second(folder).is_none_or(|start| Some(start) == latest));
}

/// The folder that `prefix` means: itself, or with `/` added; `None` when it is an object's key.
async fn root(bucket: &Bucket, prefix: &str) -> Result<Option<String>, Error> {
    if prefix.is_empty() || prefix.ends_with('/') {
        return Ok(Some(prefix.to_owned()));
    }
    let slashed = format!("{prefix}/");
    let page = request(bucket, &slashed).max_keys(1).send().await;
    let page = page.map_err(|error| fault(&error, bucket, Doing::List))?;
    Ok((!page.contents().is_empty()).then_some(slashed))
}

/// The object whose key is `key`.
async fn single(bucket: &Arc<Bucket>, key: &str) -> Result<Found, Error> {
    // The key itself is the first of all that begin with it.
    let page = request(bucket, key).max_keys(1).send().await;
    let page = page.map_err(|error| fault(&error, bucket, Doing::List))?;
    let object = page.contents().first().filter(|object| object.key() == Some(key));
    let object = object.and_then(|object| reference(bucket, object)).ok_or_else(|| nothing(bucket, key))?;
    Ok(Found { objects: vec![object], ..Found::default() })
}

/// Everything below `prefix`, or, when `is_walk`, only what lies directly in it.
async fn folder(bucket: &Arc<Bucket>, prefix: &str, is_walk: bool) -> Result<Folder, Error> {
    let mut out = Folder::default();
    let mut token = None;
    loop {
        let page = request(bucket, prefix)
            .set_delimiter(is_walk.then(|| "/".to_owned()))
            .set_continuation_token(token.take())
            .send()
            .await
            .map_err(|error| fault(&error, bucket, Doing::List))?;
        out.objects.extend(page.contents().iter().filter_map(|object| reference(bucket, object)));
        out.folders
            .extend(page.common_prefixes().iter().filter_map(|folder| folder.prefix().map(str::to_owned)));
        token = page.next_continuation_token().map(str::to_owned);
        if !page.is_truncated().unwrap_or_default() {
            return Ok(out);
        }
        if token.is_none() {
            return Err(lost("an answer was cut short and named no continuation"));
        }
    }
}

fn request(
    bucket: &Bucket,
    prefix: &str,
) -> aws_sdk_s3::operation::list_objects_v2::builders::ListObjectsV2FluentBuilder {
    bucket
        .client
        .list_objects_v2()
        .bucket(&bucket.name)
        .prefix(prefix)
        .set_expected_bucket_owner(bucket.expected_owner.clone())
        .set_request_payer(bucket.payer.clone())
}

/// The object of a listing; `None` for the empty objects that consoles create as folders.
fn reference(bucket: &Arc<Bucket>, object: &aws_sdk_s3::types::Object) -> Option<ObjectRef> {
    let key = object.key()?;
    let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    if key.ends_with('/') && bytes == 0 {
        return None;
    }
    let name = format!("s3://{}/{key}", bucket.name);
    let etag = object.e_tag().unwrap_or_default().into();
    let place = S3Place { bucket: Arc::clone(bucket), etag };
    Some(ObjectRef { key: ObjectKey::parse(key), name, path: Source::S3(place), bytes })
}

fn nothing(bucket: &Bucket, prefix: &str) -> Error {
    Error::usage(
        format!("no object found in s3://{}/{prefix}", bucket.name),
        "`aws s3 ls` shows what is there; name a whole folder or a whole key, not the beginning of one",
    )
}

fn lost(detail: &str) -> Error {
    Error::Service { message: format!("listing broke off: {detail}"), hint: "run again".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_dated_folders_is_kept_and_all_others_too() {
        let base = "AWSLogs/111111111111/vpcflowlogs/eu-west-1";
        let folders = |names: &[&str]| names.iter().map(|name| format!("{base}/{name}")).collect::<Vec<_>>();
        let mut dated = folders(&["2025/", "2026/", "2024/", "odd/"]);
        keep_latest(&mut dated);
        assert_eq!(dated, folders(&["2026/", "odd/"]));
        let mut regions = vec!["AWSLogs/1/".to_owned(), "AWSLogs/2/".to_owned()];
        keep_latest(&mut regions);
        assert_eq!(regions.len(), 2);
    }
}
