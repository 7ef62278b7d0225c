//! The text of an object to findings: JSON lines, one document, arrays, wrappers. Content decides,
//! and documents may stand one after another.
//!
//! Text is cut into raw documents first and only a single finding is ever held as a tree, so
//! memory follows the largest finding, depth is `serde_json`'s 128, and what is wrong is located
//! and costs no more than itself.

use serde_json::Value;
use serde_json::value::RawValue;

use super::finding::Finding;
use super::parse;
use crate::limits::{FINDING_BYTES_MAX, FINDING_WRAPPERS_MAX, SKIP_SAMPLE_CHARS_MAX};

/// How many times its own length an object may be read over to find documents after damage.
const REREAD_FACTOR: usize = 8;

/// The first entry that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// 1-based line on which it starts.
    pub line: u64,
    /// What is wrong with it.
    pub detail: String,
}

/// What an object held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingTally {
    /// Findings handed over, samples among them; renderings, not distinct findings.
    pub findings: u64,
    /// Sample findings among them.
    pub samples: u64,
    /// Findings among them that name no remote end.
    pub without_network: u64,
    /// Entries that are JSON and no finding: other events, other logs.
    pub others: u64,
    /// Entries that are damaged, too large, or lack what a finding must have.
    pub skipped: u64,
    /// The first of those.
    pub first_skipped: Option<Skipped>,
    /// The object does not begin as JSON: it was not read at all.
    pub is_foreign: bool,
}

impl FindingTally {
    /// Adds what another object held; the first skipped entry is kept by the caller, who knows
    /// the object's name.
    pub fn add(&mut self, other: &Self) {
        self.findings += other.findings;
        self.samples += other.samples;
        self.without_network += other.without_network;
        self.others += other.others;
        self.skipped += other.skipped;
    }
}

/// Hands every finding of `text` to `take`.
pub fn read_findings(text: &[u8], take: &mut dyn FnMut(Finding)) -> FindingTally {
    let mut reader = Reader { text, tally: FindingTally::default(), take };
    let body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match body.trim_ascii_start().first() {
        None => {}
        Some(b'{' | b'[') => reader.documents(text.len() - body.len()),
        Some(_) => reader.tally.is_foreign = true,
    }
    reader.tally
}

struct Reader<'t, 'f> {
    text: &'t [u8],
    tally: FindingTally,
    take: &'f mut dyn FnMut(Finding),
}

impl<'t> Reader<'t, '_> {
    /// Documents one after another from byte `from`. After damage it goes on at the next line
    /// that begins a document, as long as that does not cost more than reading a few times over:
    /// brackets that are never closed could make every line the start of the rest.
    fn documents(&mut self, mut from: usize) {
        let mut work_left = self.text.len().saturating_mul(REREAD_FACTOR);
        loop {
            let rest = &self.text[from..];
            let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
            let error = loop {
                match stream.next() {
                    Some(Ok(raw)) => self.value(raw, FINDING_WRAPPERS_MAX),
                    Some(Err(error)) => break error,
                    None => return,
                }
            };
            let good = from + stream.byte_offset();
            let start = self.text.len() - self.text[good..].trim_ascii_start().len();
            // Its own place counts from `from`.
            let detail = error.to_string();
            self.skip(start, detail.split(" at line ").next().unwrap_or_default());
            work_left = work_left.saturating_sub(line_start(rest, error.line()) + error.column());
            if error.is_eof() {
                return;
            }
            if work_left == 0 {
                return self.skip(start, "too damaged; the rest was not read");
            }
            from = start + next_document(&self.text[start..]);
        }
    }

    /// A finding, or something that wraps findings.
    fn value(&mut self, raw: &'t RawValue, wrappers: usize) {
        let text = raw.get().trim_ascii_start();
        if text.starts_with('[') {
            match serde_json::from_str::<Vec<&RawValue>>(text) {
                Ok(items) if wrappers > 0 => {
                    items.into_iter().for_each(|item| self.value(item, wrappers - 1));
                }
                _ => self.skip_raw(raw, "arrays too deep"),
            }
        } else if !text.starts_with('{') {
            self.skip_raw(raw, "neither an object nor an array");
        } else if let Some(inside) = unwrapped(text).filter(|_| wrappers > 0) {
            inside.into_iter().for_each(|item| self.value(item, wrappers - 1));
        } else if text.len() > FINDING_BYTES_MAX {
            self.skip_raw(raw, &format!("larger than {FINDING_BYTES_MAX} bytes"));
        } else {
            self.finding(raw);
        }
    }

    fn finding(&mut self, raw: &'t RawValue) {
        let value: Value = match serde_json::from_str(raw.get()) {
            Ok(value) => value,
            Err(error) => return self.skip_raw(raw, &error.to_string()),
        };
        if !parse::is_finding(&value) {
            self.tally.others += 1;
            return;
        }
        match parse::finding(&value) {
            Ok(finding) => {
                self.tally.findings += 1;
                self.tally.samples += u64::from(finding.is_sample);
                self.tally.without_network += u64::from(finding.remotes.is_empty());
                (self.take)(finding);
            }
            Err(missing) => self.skip_raw(raw, &format!("a finding with {missing}")),
        }
    }

    fn skip_raw(&mut self, raw: &RawValue, detail: &str) {
        // `raw` borrows from `text`, so the distance is its place.
        let start = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.skip(start.min(self.text.len()), detail);
    }

    fn skip(&mut self, start: usize, detail: &str) {
        self.tally.skipped += 1;
        if self.tally.first_skipped.is_none() {
            let line = 1 + memchr::memchr_iter(b'\n', &self.text[..start]).count() as u64;
            let detail = detail.chars().take(SKIP_SAMPLE_CHARS_MAX).collect();
            self.tally.first_skipped = Some(Skipped { line, detail });
        }
    }
}

/// What a wrapper holds: `{"Findings": [...]}` of the command line and the API, and the `detail`
/// of an event. `None` when the object is no wrapper.
fn unwrapped(text: &str) -> Option<Vec<&RawValue>> {
    #[derive(serde::Deserialize)]
    struct Wrapper<'a> {
        #[serde(borrow, default, alias = "Findings")]
        findings: Option<Vec<&'a RawValue>>,
        #[serde(borrow, default, alias = "Detail")]
        detail: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "detail-type", alias = "DetailType")]
        detail_type: Option<&'a RawValue>,
    }
    let wrapper: Wrapper<'_> = serde_json::from_str(text).ok()?;
    let is_event = wrapper.detail_type.is_some_and(|t| t.get() == "\"GuardDuty Finding\"");
    wrapper.findings.or_else(|| wrapper.detail.filter(|_| is_event).map(|detail| vec![detail]))
}

/// Byte at which the 1-based `line` of `text` starts.
fn line_start(text: &[u8], line: usize) -> usize {
    let before = line.saturating_sub(2);
    if line < 2 { 0 } else { memchr::memchr_iter(b'\n', text).nth(before).map_or(text.len(), |at| at + 1) }
}

/// Bytes to the next line that begins with a bracket, or to the end. Lines inside an indented
/// document do not.
fn next_document(damaged: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', damaged)
        .map(|at| at + 1)
        .find(|at| matches!(damaged.get(*at), Some(b'{' | b'[')))
        .unwrap_or(damaged.len())
}
