//! Imports alerts into Security Hub, each until it is taken or refused for good.
//!
//! A finding belongs to an account and a region, and the region's endpoint takes those of one
//! account at a time, a hundred at most. An answer of 200 holds refusals of its own. The same finding
//! may be sent again: it keeps its id, and updates itself.
//!
//! Source: Security Hub API Reference, `BatchImportFindings`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::delivery::Delivery;
use super::fault::is_passing;
use crate::alert::Alert;
use crate::alert::render::{Unplaced, asff};
use crate::aws;
use crate::aws::fault::{Fault, Symptom, one_line};
use crate::aws::rest::{Api, Rest};
use crate::config;
use crate::error::Error;
use crate::limits::HUB_BATCH_FINDINGS_MAX;

/// Requests in a row that failed as a whole, after which no more are made.
const FAILED_REQUESTS_MAX: u32 = 3;
/// Region that credentials are looked for with where none is named: nothing is sent there.
const ANY_REGION: &str = "us-east-1";

static API: Api = Api {
    name: "Security Hub",
    id: "securityhub",
    setting: "SecurityHub",
    actions: "securityhub:BatchImportFindings",
    endpoint_kind: "an interface endpoint for Security Hub",
    own: &[(
        "InvalidAccess",
        "Security Hub is not enabled for the account",
        "enable it in that region (aws securityhub enable-security-hub), or import from the account that has it",
    )],
};

/// Imports into Security Hub of every region that alerts are of.
pub struct HubSink {
    options: config::S3,
    ways: BTreeMap<String, Rest>,
    failed_requests: u32,
    last_fault: Option<Fault>,
    delivery: Delivery,
}

/// Alerts of one region and account.
type Batch<'a> = Vec<&'a Alert>;

impl HubSink {
    /// Looks for credentials, so that hours of scanning do not end with their absence. Profile,
    /// time-outs, attempts and kinds of endpoint are those of `options`; the region is each alert's.
    ///
    /// # Errors
    /// When there are no credentials.
    pub fn connect(options: &config::S3) -> Result<Self, Error> {
        let region = options.common.region.as_deref().unwrap_or(ANY_REGION);
        aws::runtime()?.block_on(Rest::connect(&API, Some(region), options))?;
        Ok(Self {
            options: options.clone(),
            ways: BTreeMap::new(),
            failed_requests: 0,
            last_fault: None,
            delivery: Delivery::default(),
        })
    }

    /// Imports those of `alerts` that were emitted. What cannot be delivered is in
    /// [`Self::delivery`].
    ///
    /// # Errors
    /// When there are no threads to do so on.
    pub fn publish(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        self.delivery.begin();
        let mut batches: BTreeMap<(&str, &str), Batch<'_>> = BTreeMap::new();
        for alert in alerts.iter().filter(|alert| alert.emitted) {
            if asff(alert).is_err() {
                self.delivery.note_hopeless(&alert.id, Unplaced::CAUSE, Unplaced::REMEDY);
                continue;
            }
            batches.entry((&alert.region, &alert.account)).or_default().push(alert);
        }
        let runtime = aws::runtime()?;
        for ((region, _), batch) in batches {
            if !self.ways.contains_key(region) {
                match runtime.block_on(Rest::connect(&API, Some(region), &self.options)) {
                    Ok(way) => {
                        self.ways.insert(region.to_owned(), way);
                    }
                    Err(error) => {
                        let hint = error.hint().unwrap_or_default();
                        self.fail(Fault::new(error.to_string(), hint), &batch);
                        continue;
                    }
                }
            }
            for batch in batch.chunks(HUB_BATCH_FINDINGS_MAX) {
                runtime.block_on(self.deliver(region, batch.to_vec()));
            }
        }
        Ok(())
    }

    /// Forgets how often requests failed in a row: whoever runs for long tries again later.
    pub fn try_anew(&mut self) {
        self.failed_requests = 0;
    }

    /// Why alerts were not taken last, with the remedy, one line.
    pub fn last_fault(&self) -> Option<String> {
        self.last_fault.as_ref().map(Fault::line)
    }

    /// What became of all alerts so far.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    fn fail(&mut self, fault: Fault, batch: &[&Alert]) {
        batch.iter().for_each(|alert| self.delivery.note(&alert.id, &fault.cause, &fault.remedy));
        self.last_fault = Some(fault);
    }

    /// Sends a batch, and again what of it was refused for now.
    async fn deliver(&mut self, region: &str, batch: Batch<'_>) {
        let mut left = batch;
        for attempt in 1..=self.options.attempts {
            if self.failed_requests >= FAILED_REQUESTS_MAX
                && let Some(fault) = self.last_fault.clone()
            {
                return self.fail(fault, &left);
            }
            let Some(way) = self.ways.get(region) else { return };
            let refused = match import(way, &left).await {
                Ok(refused) => refused,
                Err(fault) => {
                    self.failed_requests += 1;
                    return self.fail(fault, &left);
                }
            };
            let faults: Vec<(usize, Symptom, Fault)> = refused
                .into_iter()
                .map(|(at, symptom)| {
                    let fault = way.explain(&symptom);
                    (at, symptom, fault)
                })
                .collect();
            self.failed_requests = 0;
            self.delivery.published += left.len().saturating_sub(faults.len()) as u64;
            let is_last = attempt == self.options.attempts;
            let mut again = Vec::new();
            for (at, symptom, fault) in faults {
                let Some(alert) = left.get(at).copied() else { continue };
                if !is_last && is_passing(&symptom.code) {
                    again.push(alert);
                } else {
                    self.fail(fault, &[alert]);
                }
            }
            if again.is_empty() {
                return;
            }
            left = again;
            tokio::time::sleep(aws::backoff(self.options.timeout, attempt)).await;
        }
    }
}

/// An answer of `BatchImportFindings`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Imported {
    success_count: usize,
    #[serde(default)]
    failed_findings: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    error_message: String,
}

/// Sends a batch; the places of those that were not taken, and why.
async fn import(way: &Rest, batch: &[&Alert]) -> Result<Vec<(usize, Symptom)>, Fault> {
    let findings: Vec<Value> = batch.iter().filter_map(|alert| finding(alert)).collect();
    let answer = way.call("POST", "/findings/import", Some(&json!({ "Findings": findings }))).await?;
    let answer: Imported = serde_json::from_slice(&answer).map_err(|error| way.odd(&error.to_string()))?;
    Ok(refusals(&findings, &answer))
}

/// The alert as a finding. Security Hub takes an update only when its time is later, and a
/// correction is about the same hours: its revision makes the difference. `None` when it cannot be one.
fn finding(alert: &Alert) -> Option<Value> {
    let mut finding = asff(alert).ok()?;
    let updated = finding["UpdatedAt"].as_str().and_then(|time| time.strip_suffix('Z'));
    if let Some(second) = updated.filter(|time| !time.contains('.')) {
        finding["UpdatedAt"] = json!(format!("{second}.{:03}Z", alert.revision.min(999)));
    }
    Some(finding)
}

/// The findings that an answer does not call taken. Nothing counts as taken because it was not
/// mentioned.
fn refusals(findings: &[Value], answer: &Imported) -> Vec<(usize, Symptom)> {
    let is_whole = answer.success_count + answer.failed_findings.len() == findings.len();
    let refusal = |(at, finding): (usize, &Value)| {
        let told = answer.failed_findings.iter().find(|failed| finding["Id"] == failed.id.as_str());
        let (code, message) = match told {
            Some(failed) => (failed.error_code.as_str(), failed.error_message.as_str()),
            None if is_whole => return None,
            None => ("", "no word about the finding"),
        };
        let symptom =
            Symptom { code: one_line(code), message: one_line(message), status: 200, ..Symptom::default() };
        Some((at, symptom))
    };
    findings.iter().enumerate().filter_map(refusal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_later_than_the_one_before() {
        let alert = |revision| Alert { revision, ..crate::alert::render::tests::alert() };
        let at = |revision| finding(&alert(revision)).unwrap()["UpdatedAt"].as_str().unwrap().to_owned();
        assert!(at(2) > at(1) && at(10) > at(2) && at(1).contains(".001"), "{}", at(1));
        assert!(at(1).parse::<jiff::Timestamp>().is_ok());
    }

    #[test]
    fn what_is_not_called_taken_was_not() {
        let findings = [json!({ "Id": "a" }), json!({ "Id": "b" }), json!({ "Id": "c" })];
        let answer = |text: &str| -> Vec<(usize, String)> {
            let answer: Imported = serde_json::from_str(text).unwrap();
            refusals(&findings, &answer).into_iter().map(|(at, symptom)| (at, symptom.code)).collect()
        };
        assert_eq!(answer(r#"{"SuccessCount":3,"FailedCount":0}"#), []);
        let one = r#"{"SuccessCount":2,"FailedCount":1,"FailedFindings":[{"Id":"b","ErrorCode":"InvalidInput","ErrorMessage":"m"}]}"#;
        assert_eq!(answer(one), [(1, "InvalidInput".to_owned())]);
        assert_eq!(answer(r#"{"SuccessCount":2}"#).len(), 3, "which of them?");
    }
}
