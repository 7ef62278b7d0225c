//! A queue of SQS, as far as the watcher needs it: receive, keep hidden, delete, give back.
//!
//! A message that was received is in hand until it is deleted or given back. While it is, a
//! heartbeat keeps it hidden from others, however long its objects wait for a checkpoint; SQS ends
//! that after 12 hours. A standard queue delivers a message again now and then, also while it is in
//! hand: then only the latest receipt deletes it. Async stays in here.
//!
//! Source: SQS Developer Guide, "visibility timeout"; API Reference, `ReceiveMessage`,
//! `DeleteMessageBatch`, `ChangeMessageVisibilityBatch`.

mod fault;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::aws;
use crate::aws::fault::{of_credentials, symptom};
use crate::config;
use crate::error::Error;
use fault::Way;

/// Entries of a batch, and messages of an answer.
const BATCH: usize = 10;
/// Heartbeats in the time for which a message is hidden: two may be lost.
const BEATS: u32 = 3;
/// How long after its receipt a message may stay hidden, seconds: 12 hours.
const HIDDEN_SECONDS_MAX: u64 = 12 * 3600;
/// Longest wait for messages, seconds.
pub const WAIT_SECONDS_MAX: i32 = 20;
/// A request may take this much longer than the wait that it asks for.
const ANSWER_WITHIN: Duration = Duration::from_secs(WAIT_SECONDS_MAX as u64 + 10);
/// How often somebody who waits looks whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often deleting is tried.
const DELETE_ATTEMPTS: u32 = 4;

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its id: the same when it comes again.
    pub id: String,
    /// Its body.
    pub body: String,
    /// When it was sent, Unix seconds, when told.
    pub sent_second: Option<i64>,
    /// How often it was received, this time included.
    pub receipts: u32,
}

/// A message in hand.
struct Hand {
    /// The latest receipt.
    receipt: String,
    since: Instant,
}

type Hands = Arc<Mutex<BTreeMap<String, Hand>>>;

fn lock(hands: &Hands) -> MutexGuard<'_, BTreeMap<String, Hand>> {
    hands.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A queue. Dropped, it stops to hide what is in hand.
pub struct Queue {
    client: Client,
    url: String,
    endpoint_url: Option<String>,
    hands: Hands,
    /// How long a message is hidden at a time, seconds.
    hidden_seconds: u16,
    heart: JoinHandle<()>,
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.heart.abort();
    }
}

impl Queue {
    /// Sets up the way to the queue at `url`, and looks for credentials. A message is
    /// hidden from others for `hidden_seconds` at a time: so long it takes after a crash until it comes
    /// again. Profile, time-outs and attempts are those of `options`.
    ///
    /// # Errors
    /// When there are no credentials.
    pub fn connect(url: &str, hidden_seconds: u16, options: &config::S3) -> Result<Self, Error> {
        let own = config::S3 { timeout: options.timeout.max(ANSWER_WITHIN), ..options.clone() };
        let base = aws::runtime()?.block_on(aws::load(&own, region_of(url)))?;
        let endpoint_url = base.endpoint_url().map(str::to_owned);
        let way = Way { url, endpoint_url: endpoint_url.as_deref() };
        if let Some(provider) = base.credentials_provider() {
            let found = aws::runtime()?.block_on(provider.provide_credentials());
            found.map_err(|error| of_credentials(&error, &way.common()))?;
        }
        let client = Client::new(&base);
        let hands = Hands::default();
        let heart = beat(client.clone(), url.to_owned(), Arc::clone(&hands), hidden_seconds);
        let heart = aws::runtime()?.spawn(heart);
        Ok(Self { client, url: url.to_owned(), endpoint_url, hands, hidden_seconds, heart })
    }

    /// Messages, at most ten; none when there are none for `wait_seconds` (0 to 20), or when `stop`
    /// says so meanwhile.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn receive(
        &self,
        wait_seconds: i32,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Received>, Error> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(BATCH as i32)
            .wait_time_seconds(wait_seconds.clamp(0, WAIT_SECONDS_MAX))
            .visibility_timeout(i32::from(self.hidden_seconds))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = aws::runtime()?.block_on(async {
            tokio::select! {
                answer = request.send() => Some(answer),
                () = stopped(stop) => None,
            }
        });
        let Some(answer) = answer else { return Ok(Vec::new()) };
        let answer = answer.map_err(|error| self.way().explain(&symptom(&error)))?;
        let mut hands = lock(&self.hands);
        let mut received = Vec::new();
        for message in answer.messages.unwrap_or_default() {
            let (Some(id), Some(receipt)) = (message.message_id, message.receipt_handle) else { continue };
            let told = |name| message.attributes.as_ref()?.get(&name)?.parse::<i64>().ok();
            let sent_second = told(MessageSystemAttributeName::SentTimestamp).map(|ms| ms.div_euclid(1000));
            let receipts = told(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
            let receipts = u32::try_from(receipts).unwrap_or(1);
            hands.insert(id.clone(), Hand { receipt, since: Instant::now() });
            received.push(Received { id, body: message.body.unwrap_or_default(), sent_second, receipts });
        }
        Ok(received)
    }

    /// Messages in hand.
    pub fn in_hand(&self) -> usize {
        lock(&self.hands).len()
    }

    /// Deletes messages. Those that SQS does not take back now stay in hand, those whose receipt is too
    /// old will come again; gives how many of both.
    ///
    /// # Errors
    /// When the queue cannot be reached, or does not allow it.
    pub fn delete(&self, ids: &[String]) -> Result<usize, Error> {
        let mut left: Vec<String> = ids.to_vec();
        let mut outdated = 0;
        for attempt in 1..=DELETE_ATTEMPTS {
            let mut refused = Vec::new();
            for batch in left.chunks(BATCH) {
                refused.extend(self.delete_batch(batch, &mut outdated)?);
            }
            left = refused;
            if left.is_empty() {
                break;
            }
            aws::runtime()?.block_on(tokio::time::sleep(aws::backoff(ANSWER_WITHIN, attempt)));
        }
        Ok(left.len() + outdated)
    }

    /// Deletes up to ten messages; gives those that were refused for now, and counts the `outdated`.
    fn delete_batch(&self, ids: &[String], outdated: &mut usize) -> Result<Vec<String>, Error> {
        let entries: Vec<DeleteMessageBatchRequestEntry> = {
            let hands = lock(&self.hands);
            let of = |(at, id): (usize, &String)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
                let entry = entry.receipt_handle(&hands.get(id)?.receipt).build();
                Some(entry.expect("id and receipt were given"))
            };
            ids.iter().enumerate().filter_map(of).collect()
        };
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let request = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = aws::runtime()?.block_on(request.send());
        let answer = answer.map_err(|error| self.way().explain(&symptom(&error)))?;
        // An answer of 200 holds refusals of its own. A receipt that is no longer good cannot become
        // good: the message will come again, and be known.
        let mut refused = Vec::new();
        for failed in answer.failed() {
            let id = failed.id().parse::<usize>().ok().and_then(|at| ids.get(at));
            match id {
                Some(id) if !failed.sender_fault() => refused.push(id.clone()),
                _ => *outdated += 1,
            }
        }
        let mut hands = lock(&self.hands);
        ids.iter().filter(|id| !refused.contains(id)).for_each(|id| {
            hands.remove(id);
        });
        Ok(refused)
    }

    /// Gives messages back: they come again, here or elsewhere, after `seconds`, and go to the
    /// dead-letter queue when that has happened too often.
    ///
    /// # Errors
    /// When there are no threads to do so on.
    pub fn give_back(&self, ids: &[String], seconds: i32) -> Result<(), Error> {
        let given: Vec<(String, String)> = {
            let mut hands = lock(&self.hands);
            ids.iter().filter_map(|id| hands.remove(id).map(|hand| (id.clone(), hand.receipt))).collect()
        };
        aws::runtime()?.block_on(hide(&self.client, &self.url, &given, seconds));
        Ok(())
    }

    fn way(&self) -> Way<'_> {
        Way { url: &self.url, endpoint_url: self.endpoint_url.as_deref() }
    }
}

/// Comes back when `stop` says so.
async fn stopped(stop: &(dyn Fn() -> bool + Sync)) {
    while !stop() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Hides what is in hand, again and again.
async fn beat(client: Client, url: String, hands: Hands, hidden_seconds: u16) {
    let hidden = Duration::from_secs(u64::from(hidden_seconds));
    let in_hand_max = Duration::from_secs(HIDDEN_SECONDS_MAX).saturating_sub(hidden);
    loop {
        tokio::time::sleep(hidden / BEATS).await;
        let messages: Vec<(String, String)> = {
            let mut hands = lock(&hands);
            // What SQS does not hide any longer comes again by itself, and is known by then.
            hands.retain(|_, hand| hand.since.elapsed() < in_hand_max);
            hands.iter().map(|(id, hand)| (id.clone(), hand.receipt.clone())).collect()
        };
        hide(&client, &url, &messages, i32::from(hidden_seconds)).await;
    }
}

/// Hides messages for `seconds`. One that cannot be hidden comes again; that costs a duplicate and
/// nothing else, so it is no error.
async fn hide(client: &Client, url: &str, messages: &[(String, String)], seconds: i32) {
    for batch in messages.chunks(BATCH) {
        let entry = |(at, (_, receipt)): (usize, &(String, String))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(at.to_string())
                .receipt_handle(receipt)
                .visibility_timeout(seconds)
                .build()
                .expect("id and receipt were given")
        };
        let entries = batch.iter().enumerate().map(entry).collect();
        let request = client.change_message_visibility_batch().queue_url(url).set_entries(Some(entries));
        drop(request.send().await);
    }
}

/// The region in `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
fn region_of(url: &str) -> Option<&str> {
    let host = url.split("://").nth(1)?.split('/').next()?;
    let mut parts = host.split('.').skip_while(|part| *part != "sqs" && *part != "sqs-fips");
    parts.next()?;
    let region = parts.next()?;
    (host.contains(".amazonaws.") && region.contains('-')).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_in_the_url() {
        for (url, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/111111111111/outflow", Some("eu-west-1")),
            ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", Some("us-gov-west-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", Some("cn-north-1")),
            ("http://127.0.0.1:4566/000000000000/outflow", None),
            ("outflow", None),
        ] {
            assert_eq!(region_of(url), region, "{url}");
        }
    }
}
