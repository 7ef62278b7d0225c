//! Reads GuardDuty findings from files, before any scoring.

use std::fs::File;
use std::io::{self, Read};

use super::{ObjectRef, Source};
use crate::guardduty::{FindingSet, FindingTally, Skipped, Upsert, read_findings};
use crate::gunzip::{self, Gunzip};
use crate::limits::FINDINGS_TEXT_BYTES_MAX;
use crate::record::ObjectError;

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
    for object in objects {
        let mut text = Vec::new();
        if let Err(error) = text_of(object, &mut text) {
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

    fn take(&mut self, name: &str, text: &[u8]) {
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
fn text_of(object: &ObjectRef, text: &mut Vec<u8>) -> Result<(), ObjectError> {
    let io_error = |error: io::Error| ObjectError::Io(error.to_string());
    let mut source: Box<dyn Read> = match &object.path {
        Source::File(path) => Box::new(File::open(path).map_err(io_error)?),
        Source::Stdin => Box::new(io::stdin()),
        Source::S3(_) => return Err(ObjectError::Io("findings are read from files".into())),
    };
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
