//! Reads GuardDuty findings, before any scoring: from files, from objects in S3, from answers of the
//! service.

use std::io::{self, Read};
use std::sync::Arc;

use super::ObjectRef;
use crate::guardduty::{FindingSet, FindingTally, Skipped, Upsert, read_findings};
use crate::gunzip::{self, Gunzip};
use crate::limits::FINDINGS_TEXT_BYTES_MAX;
use crate::record::ObjectError;
use crate::source::{Open, Opener};

/// The findings of some objects, and what reading them came to.
#[derive(Clone, Debug, Default)]
pub struct FindingObjects {
    /// The findings, each once.
    pub set: FindingSet,
    /// What the objects held, as counts of renderings.
    pub tally: FindingTally,
    /// Objects read to their end.
    pub objects: u64,
    /// Objects that do not begin as JSON: other logs in the same folders.
    pub foreign_objects: u64,
    /// Findings left out because the set is full.
    pub over_limit: u64,
    /// The first entry that could not be taken, with its object.
    pub first_skipped: Option<(String, Skipped)>,
    /// Objects that failed, with the reason.
    pub failed: Vec<(String, ObjectError)>,
}

/// Reads objects of any rendering, gzip or plain. What the set holds does not depend on their
/// order, as long as it is not full.
pub fn read_finding_objects(objects: &[ObjectRef]) -> FindingObjects {
    let mut read = FindingObjects::default();
    let shared: Arc<[ObjectRef]> = objects.into();
    let opener = match Opener::new(shared) {
        Ok(opener) => opener,
        Err(error) => {
            let failed = |object: &ObjectRef| (object.name.clone(), ObjectError::Io(error.to_string()));
            read.failed.extend(objects.iter().map(failed));
            return read;
        }
    };
    for (at, object) in objects.iter().enumerate() {
        let mut text = Vec::new();
        if let Err(error) = text_of(opener.open(at), &mut text) {
            read.failed.push((object.name.clone(), error));
        }
        // Also of a damaged object: what came before the damage counts.
        read.take(&object.name, &text);
    }
    read
}

impl FindingObjects {
    /// Whether there was something to read and none of it can be findings: a wrong path, which
    /// must not read as "GuardDuty is silent".
    pub fn is_something_else(&self) -> bool {
        self.foreign_objects > 0 && self.objects == 0 && self.failed.is_empty()
    }

    /// Takes in a text of any rendering, called `name`.
    pub fn take(&mut self, name: &str, text: &[u8]) {
        let (set, over_limit) = (&mut self.set, &mut self.over_limit);
        let tally = read_findings(text, &mut |finding| {
            *over_limit += u64::from(set.upsert(finding) == Upsert::Full);
        });
        self.tally.add(&tally);
        if text.is_empty() {
            return;
        }
        if tally.is_foreign {
            self.foreign_objects += 1;
        } else {
            self.objects += 1;
        }
        if let Some(skipped) = tally.first_skipped.filter(|_| self.first_skipped.is_none()) {
            self.first_skipped = Some((name.to_owned(), skipped));
        }
    }
}

/// Appends the object's text to `text`, up to the limit or to where it is damaged.
fn text_of(opened: io::Result<Box<dyn Read + Send>>, text: &mut Vec<u8>) -> Result<(), ObjectError> {
    let io_error = |error: io::Error| ObjectError::Io(error.to_string());
    let mut source = opened.map_err(io_error)?;
    let mut head = Vec::with_capacity(gunzip::MAGIC.len());
    (&mut source).take(gunzip::MAGIC.len() as u64).read_to_end(&mut head).map_err(io_error)?;
    let is_gzip = head == gunzip::MAGIC;
    let whole = io::Cursor::new(head).chain(source);
    let plain: Box<dyn Read> = if is_gzip { Box::new(Gunzip::new(whole)) } else { Box::new(whole) };
    let read = plain.take(FINDINGS_TEXT_BYTES_MAX + 1).read_to_end(text);
    read.map_err(|error| gunzip::object_error(&error))?;
    if text.len() as u64 > FINDINGS_TEXT_BYTES_MAX {
        return Err(ObjectError::Bomb(format!("{FINDINGS_TEXT_BYTES_MAX} bytes of findings")));
    }
    Ok(())
}
