//! Findings asked for from `GuardDuty` itself: the ids of those that changed since a time, then the
//! findings, fifty at once. What they are stays JSON: the one reader of findings takes it.
//!
//! Source: `GuardDuty` API Reference, `ListDetectors`, `ListFindings`, `GetFindings`. Archived
//! findings are among them; `guardduty` knows what those are worth.

use serde_json::{Value, json};

use super::GuardDutyUrl;
use super::guardduty_url::is_detector;
use crate::aws;
use crate::aws::fault::Fault;
use crate::aws::rest::{Api, Rest, encoded};
use crate::config;
use crate::error::Error;
use crate::limits::FINDING_PAGES_MAX;

/// Findings of one request, and detectors of one answer: as many as the service takes.
const AT_ONCE: u32 = 50;

static API: Api = Api {
    name: "GuardDuty",
    id: "guardduty",
    setting: "GuardDuty",
    actions: "guardduty:ListDetectors, guardduty:ListFindings and guardduty:GetFindings",
    endpoint_kind: "an interface endpoint for GuardDuty",
    own: &[(
        "detectorId",
        "GuardDuty does not know the detector",
        "`aws guardduty list-detectors` shows those of the account and region; guardduty:// takes all of them",
    )],
};

/// The way to the findings of a region.
pub struct GuardDuty {
    rest: Rest,
    detector: Option<String>,
}

impl GuardDuty {
    /// Sets up the way, and looks for credentials. Profile, time-outs, attempts and kinds of endpoint
    /// are those of `options`.
    ///
    /// # Errors
    /// When there are no credentials, or no region is known.
    pub fn connect(url: &GuardDutyUrl, options: &config::S3) -> Result<Self, Error> {
        let rest = aws::runtime()?.block_on(Rest::connect(&API, url.region.as_deref(), options))?;
        Ok(Self { rest, detector: url.detector.clone() })
    }

    /// Hands the JSON of all findings that changed at or after `changed_from`, Unix seconds, to
    /// `take`, in pieces, each with the name of its detector.
    ///
    /// # Errors
    /// When the service refuses, or there is no detector.
    pub fn findings(
        &self,
        changed_from: Option<i64>,
        take: &mut dyn FnMut(&str, &[u8]),
    ) -> Result<(), Error> {
        let runtime = aws::runtime()?;
        let detectors = match &self.detector {
            Some(detector) => vec![detector.clone()],
            None => runtime.block_on(self.detectors())?,
        };
        let region = self.rest.region();
        if detectors.is_empty() {
            return Err(Error::usage(
                format!("GuardDuty has no detector in {region}"),
                "name the region it is enabled in: guardduty://REGION; for an organisation ask the \
                 administrator's account",
            ));
        }
        for detector in detectors {
            let name = format!("{}{region}/{detector}", super::GUARDDUTY_SCHEME);
            runtime.block_on(self.of_detector(&detector, changed_from, &mut |text| take(&name, text)))?;
        }
        Ok(())
    }

    async fn detectors(&self) -> Result<Vec<String>, Fault> {
        let mut all = Vec::new();
        let mut pages = Pages::default();
        loop {
            let token = pages.token.as_ref().map(|token| format!("&nextToken={}", encoded(token)));
            let path = format!("/detector?maxResults={AT_ONCE}{}", token.unwrap_or_default());
            let answer = self.parsed(&self.rest.call("GET", &path, None).await?)?;
            let ids = texts(&answer, "detectorIds").ok_or_else(|| self.rest.odd("it names no detectors"))?;
            if let Some(bad) = ids.iter().find(|id| !is_detector(id)) {
                return Err(self.rest.odd(&format!("a detector called {bad}")));
            }
            all.extend(ids);
            if !pages.turn(&answer).map_err(|why| self.rest.odd(why))? {
                return Ok(all);
            }
        }
    }

    async fn of_detector(
        &self,
        detector: &str,
        changed_from: Option<i64>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Fault> {
        let mut pages = Pages::default();
        loop {
            let asked = list_request(changed_from, pages.token.as_deref());
            let answer =
                self.rest.call("POST", &format!("/detector/{detector}/findings"), Some(&asked)).await?;
            let answer = self.parsed(&answer)?;
            let ids = texts(&answer, "findingIds").ok_or_else(|| self.rest.odd("it names no findings"))?;
            for ids in ids.chunks(AT_ONCE as usize) {
                let path = format!("/detector/{detector}/findings/get");
                let answer = self.rest.call("POST", &path, Some(&json!({ "findingIds": ids }))).await?;
                // What is no answer must not read as "there are none".
                if let Err(error) = serde_json::from_slice::<Held<'_>>(&answer) {
                    return Err(self.rest.odd(&error.to_string()));
                }
                take(&answer);
            }
            if !pages.turn(&answer).map_err(|why| self.rest.odd(why))? {
                return Ok(());
            }
        }
    }

    fn parsed(&self, answer: &[u8]) -> Result<Value, Fault> {
        serde_json::from_slice(answer).map_err(|error| self.rest.odd(&error.to_string()))
    }
}

/// The shape of an answer to `GetFindings`.
#[derive(serde::Deserialize)]
struct Held<'a> {
    #[serde(borrow, rename = "findings", alias = "Findings")]
    _findings: Vec<&'a serde_json::value::RawValue>,
}

/// From page to page.
#[derive(Default)]
struct Pages {
    token: Option<String>,
    turned: usize,
}

impl Pages {
    /// Whether there is another page. One that comes again, or never ends, is no answer: what was
    /// left out would read as "there are none".
    fn turn(&mut self, answer: &Value) -> Result<bool, &'static str> {
        let next = member(answer, "nextToken").and_then(Value::as_str).filter(|token| !token.is_empty());
        if next.is_some() && next == self.token.as_deref() {
            return Err("the same page again and again");
        }
        self.token = next.map(str::to_owned);
        self.turned += 1;
        if self.token.is_some() && self.turned >= FINDING_PAGES_MAX {
            return Err("more pages than findings can be held; ask for less, with --from or --last");
        }
        Ok(self.token.is_some())
    }
}

/// The oldest change first, so that what changes meanwhile comes at the end and is not missed.
fn list_request(changed_from: Option<i64>, token: Option<&str>) -> Value {
    let mut asked = json!({
        "maxResults": AT_ONCE,
        "sortCriteria": { "attributeName": "updatedAt", "orderBy": "ASC" },
    });
    if let Some(second) = changed_from {
        let milliseconds = second.saturating_mul(1000);
        asked["findingCriteria"] =
            json!({ "criterion": { "updatedAt": { "greaterThanOrEqual": milliseconds } } });
    }
    if let Some(token) = token {
        asked["nextToken"] = json!(token);
    }
    asked
}

/// A member in either spelling: stand-ins write as the SDKs do.
fn member<'a>(answer: &'a Value, name: &str) -> Option<&'a Value> {
    let members = answer.as_object()?;
    members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn texts(answer: &Value, name: &str) -> Option<Vec<String>> {
    let items = member(answer, name)?.as_array()?;
    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_asked_for_in_milliseconds() {
        let asked = list_request(Some(1_772_323_200), Some("t"));
        let at = &asked["findingCriteria"]["criterion"]["updatedAt"]["greaterThanOrEqual"];
        assert_eq!((at.as_i64(), asked["nextToken"].as_str()), (Some(1_772_323_200_000), Some("t")));
        assert!(list_request(None, None).get("findingCriteria").is_none());
    }

    #[test]
    fn pages_end_or_are_refused() {
        let mut pages = Pages::default();
        assert_eq!(pages.turn(&json!({ "nextToken": "a" })), Ok(true));
        assert_eq!(pages.turn(&json!({ "NextToken": "b" })), Ok(true));
        assert!(pages.turn(&json!({ "nextToken": "b" })).is_err(), "the same page again");
        for last in [json!({ "nextToken": "" }), json!({})] {
            assert_eq!(Pages::default().turn(&last), Ok(false));
        }
        let mut endless = Pages { token: None, turned: FINDING_PAGES_MAX - 1 };
        assert!(endless.turn(&json!({ "nextToken": "c" })).is_err());
    }
}
