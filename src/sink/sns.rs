//! Publishes alerts to a topic, each until SNS has it or says no for good.
//!
//! The SDK repeats requests that fail as a whole. A batch can also be taken in part, with the
//! refusals inside an answer that says 200; those are repeated here. Delivery is at least once:
//! when an answer is lost, the same messages go again, with the same ids.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_sns::Client;
use aws_sdk_sns::operation::publish_batch::PublishBatchOutput;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};

use super::batch::batches;
use super::delivery::Delivery;
use super::fault::{Way, is_about_content, is_passing};
use super::topic::Topic;
use crate::alert::Alert;
use crate::alert::render::digest;
use crate::alert::render::sns::{Entry, Form, entry};
use crate::aws;
use crate::aws::fault::{Fault, Symptom, of_credentials, one_line, symptom};
use crate::config;
use crate::error::Error;

/// Requests in a row that failed as a whole, after which no more are made: a topic that is not
/// there, or a network that is gone, would otherwise cost its time-outs for each day of a history.
/// Throttling does not count: it passes.
const FAILED_REQUESTS_MAX: u32 = 3;

/// Publishes to one topic.
pub struct SnsSink {
    topic: Topic,
    form: Form,
    client: Client,
    endpoint_url: Option<String>,
    attempts: u32,
    timeout: Duration,
    /// Requests in a row that failed as a whole.
    failed_requests: u32,
    /// Why the last of them failed.
    last_fault: Option<Fault>,
    delivery: Delivery,
}

/// What became of a request.
enum Answer {
    /// Answered: places in the batch of the messages that were refused, and how.
    Taken(Vec<(usize, Symptom)>),
    /// Refused as a whole.
    Failed(Symptom),
}

impl SnsSink {
    /// Sets up the way to `topic`, and looks for credentials, so that hours of scanning do not end
    /// with their absence. The profile, time-outs, attempts and kinds of endpoint are those of
    /// `options`; the region is the topic's. `is_chat`: its `https` subscribers are chats.
    ///
    /// # Errors
    /// When there are no credentials.
    pub fn connect(topic: Topic, is_chat: bool, options: &config::S3) -> Result<Self, Error> {
        let base = aws::runtime()?.block_on(aws::load(options, Some(topic.region())))?;
        let endpoint_url = base.endpoint_url().map(str::to_owned);
        let way = Way { topic: &topic, endpoint_url: endpoint_url.as_deref() };
        if let Some(provider) = base.credentials_provider() {
            let found = aws::runtime()?.block_on(provider.provide_credentials());
            found.map_err(|error| of_credentials(&error, &way.common()))?;
        }
        Ok(Self {
            client: Client::new(&base),
            form: Form { is_fifo: topic.is_fifo(), is_chat },
            topic,
            endpoint_url,
            attempts: options.attempts,
            timeout: options.timeout,
            failed_requests: 0,
            last_fault: None,
            delivery: Delivery::default(),
        })
    }

    /// Publishes those of `alerts` that were emitted, in their order. What cannot be delivered is
    /// in [`Self::delivery`].
    ///
    /// # Errors
    /// When there are no threads to publish on.
    pub fn publish(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        self.delivery.begin();
        let emitted = alerts.iter().filter(|alert| alert.emitted);
        let entries: Vec<Entry> = emitted.map(|alert| entry(alert, self.form)).collect();
        let runtime = aws::runtime()?;
        for batch in batches(entries) {
            runtime.block_on(self.deliver(batch));
        }
        Ok(())
    }

    /// Publishes the first of `alerts`, in their order, as one message: as many as it holds, which it
    /// gives. What cannot be delivered is in [`Self::delivery`]. For standard topics.
    ///
    /// # Errors
    /// When there are no threads to publish on.
    pub fn publish_digest(&mut self, alerts: &[Alert]) -> Result<usize, Error> {
        self.delivery.begin();
        let (count, entry) = digest(alerts, self.form.is_chat);
        aws::runtime()?.block_on(self.deliver(vec![entry]));
        Ok(count)
    }

    /// Forgets how often requests failed in a row: whoever runs for long tries again later.
    pub fn try_anew(&mut self) {
        self.failed_requests = 0;
    }

    /// Why alerts were not delivered last, with the remedy, one line.
    pub fn last_fault(&self) -> Option<String> {
        self.last_fault.as_ref().map(Fault::line)
    }

    /// What became of all alerts so far.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    async fn deliver(&mut self, batch: Vec<Entry>) {
        if self.failed_requests >= FAILED_REQUESTS_MAX
            && let Some(fault) = &self.last_fault
        {
            batch.iter().for_each(|entry| self.delivery.note(&entry.alert_id, &fault.cause, &fault.remedy));
            return;
        }
        match self.repeat(batch).await {
            Err((symptom, batch)) if batch.len() > 1 && is_about_content(&symptom.code) => {
                // One message is not to take the others with it.
                for entry in batch {
                    if let Err((symptom, rest)) = self.repeat(vec![entry]).await {
                        self.fail(&symptom, &rest);
                    }
                }
            }
            Err((symptom, batch)) => {
                self.fail(&symptom, &batch);
                if !is_about_content(&symptom.code) && !is_passing(&symptom.code) {
                    self.failed_requests += 1;
                }
            }
            Ok(()) => {}
        }
    }

    fn fail(&mut self, symptom: &Symptom, batch: &[Entry]) {
        let way = Way { topic: &self.topic, endpoint_url: self.endpoint_url.as_deref() };
        let fault = way.explain(symptom);
        batch.iter().for_each(|entry| self.delivery.note(&entry.alert_id, &fault.cause, &fault.remedy));
        self.last_fault = Some(fault);
    }

    /// Sends `batch`, and again what of it was refused for now. `Err` when a request failed as a
    /// whole, with what is left.
    async fn repeat(&mut self, batch: Vec<Entry>) -> Result<(), (Symptom, Vec<Entry>)> {
        let mut left = batch;
        for attempt in 1..=self.attempts {
            let refused = match self.send(&left).await {
                Answer::Failed(symptom) => return Err((symptom, left)),
                Answer::Taken(refused) => refused,
            };
            self.failed_requests = 0;
            self.delivery.published += left.len().saturating_sub(refused.len()) as u64;
            let is_last = attempt == self.attempts;
            let mut again = Vec::new();
            for (at, symptom) in refused {
                let Some(entry) = left.get(at) else { continue };
                if !is_last && is_passing(&symptom.code) {
                    again.push(entry.clone());
                } else {
                    self.fail(&symptom, std::slice::from_ref(entry));
                }
            }
            if again.is_empty() {
                break;
            }
            left = again;
            tokio::time::sleep(aws::backoff(self.timeout, attempt)).await;
        }
        Ok(())
    }

    async fn send(&self, batch: &[Entry]) -> Answer {
        let entries = batch.iter().enumerate().map(|(at, entry)| request(at, entry)).collect();
        let sent = self.client.publish_batch().topic_arn(self.topic.arn());
        match sent.set_publish_batch_request_entries(Some(entries)).send().await {
            Err(error) => Answer::Failed(symptom(&error)),
            Ok(answer) => Answer::Taken(refusals(batch.len(), &answer)),
        }
    }
}

/// The messages of a batch of `len` that an answer does not call taken. Nothing counts as published
/// because it was not mentioned.
fn refusals(len: usize, answer: &PublishBatchOutput) -> Vec<(usize, Symptom)> {
    let is_taken = |id: &str| answer.successful().iter().any(|taken| taken.id() == Some(id));
    let refusal = |at: usize| {
        let id = at.to_string();
        let told = answer.failed().iter().find(|refusal| refusal.id() == id);
        let (code, message) =
            told.map_or(("", "no word about the message"), |t| (t.code(), t.message().unwrap_or_default()));
        let symptom =
            Symptom { code: one_line(code), message: one_line(message), status: 200, ..Symptom::default() };
        (told.is_some() || !is_taken(&id)).then_some((at, symptom))
    };
    (0..len).filter_map(refusal).collect()
}

/// An entry of a request; its id is its place.
fn request(at: usize, entry: &Entry) -> PublishBatchRequestEntry {
    let mut builder = PublishBatchRequestEntry::builder()
        .id(at.to_string())
        .subject(&entry.subject)
        .message(&entry.message)
        .message_structure("json")
        .set_message_group_id(entry.group_id.clone())
        .set_message_deduplication_id(entry.deduplication_id.clone());
    for attribute in &entry.attributes {
        let value = MessageAttributeValue::builder()
            .data_type(attribute.data_type)
            .string_value(&attribute.value)
            .build()
            .expect("a data type was given");
        builder = builder.message_attributes(attribute.name, value);
    }
    builder.build().expect("id and message were given")
}
