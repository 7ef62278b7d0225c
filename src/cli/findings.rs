//! `--guardduty`: findings from files, from what GuardDuty exports to S3, and from the service.

use super::text::plural;
use crate::config::S3;
use crate::error::Error;
use crate::scan::{FindingObjects, read_finding_objects};
use crate::source::{self, GUARDDUTY_SCHEME, GuardDuty, GuardDutyUrl, Listing, S3Inputs};

/// How long before the logs a finding may have changed last and still be about them, seconds:
/// findings are joined within a day.
const BEFORE_SECONDS: i64 = 86_400;

/// Where findings are asked for.
pub(super) struct FindingInputs {
    asked: Vec<String>,
    /// Objects, local and in S3.
    pub(super) listing: Listing,
    services: Vec<GuardDuty>,
    changed_from: Option<i64>,
}

impl FindingInputs {
    /// Lists what `asked` names, and sets up the way to the service where it is named. Of what
    /// carries a time, only what can be about logs from `from` on, Unix seconds, counts.
    pub(super) fn list(asked: &[String], aws: &S3, from: Option<i64>) -> Result<Self, Error> {
        let changed_from = from.map(|from| from - BEFORE_SECONDS);
        let (urls, mut places): (Vec<String>, Vec<String>) =
            asked.iter().cloned().partition(|text| text.starts_with(GUARDDUTY_SCHEME));
        let connect = |text: &String| GuardDuty::connect(&GuardDutyUrl::parse(text)?, aws);
        let services = urls.iter().map(connect).collect::<Result<_, _>>()?;
        let remote = S3Inputs::take(&mut places, aws)?;
        let mut listing = source::list(&places)?;
        remote.list_findings(changed_from, &mut listing)?;
        // What is of another time may have held some; what is of another service did not.
        if listing.objects.is_empty()
            && listing.folders_of_other_services > 0
            && listing.folders_of_other_time == 0
        {
            return Err(Error::usage(
                format!("no findings of GuardDuty in {}", asked.join(", ")),
                "name the folder that it exports to, AWSLogs/ or AWSLogs/ACCOUNT/GuardDuty/",
            ));
        }
        // They are expected to be there, and need no note.
        listing.folders_of_other_services = 0;
        Ok(Self { asked: asked.to_vec(), listing, services, changed_from })
    }

    /// What a dry run says of them; empty when there are none.
    pub(super) fn plan(&self) -> String {
        let objects = self.listing.objects.len() as u64;
        let mut parts = Vec::new();
        if objects > 0 {
            parts.push(format!("{} with findings", plural(objects, "object")));
        }
        if !self.services.is_empty() {
            parts.push("asked for findings".to_owned());
        }
        if parts.is_empty() { String::new() } else { format!("GuardDuty   {}\n", parts.join(", ")) }
    }

    /// Reads the findings; `None` when none were asked for.
    pub(super) fn read(&self) -> Result<Option<FindingObjects>, Error> {
        if self.asked.is_empty() {
            return Ok(None);
        }
        let mut read = read_finding_objects(&self.listing.objects);
        if read.is_something_else() {
            return Err(Error::usage(
                format!("no findings of GuardDuty in {}", self.asked.join(", ")),
                "--guardduty takes JSON: exported .jsonl.gz, events, or what `aws guardduty get-findings` prints",
            ));
        }
        for service in &self.services {
            service.findings(self.changed_from, &mut |name, text| read.take(name, text))?;
        }
        Ok(Some(read))
    }
}
