//! What reading one object came to: counts, the skipped lines by reason, and where they were.

use super::SkipReason;

/// Where a line was skipped, and what was wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SkipSample {
    /// Why.
    pub reason: SkipReason,
    /// 1-based line in the inflated text (row for Parquet, log event for envelopes).
    pub line: u64,
    /// Byte offset of the line's start in the inflated text; 0 for Parquet.
    pub byte: u64,
    /// The column at fault, when there is one.
    pub field: Option<&'static str>,
    /// The offending token or the line's start, control characters escaped, at most
    /// `limits::SKIP_SAMPLE_CHARS_MAX` characters.
    pub text: String,
}

/// Why an object could not be read to its end. What was read before stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Opening or reading failed.
    #[error("cannot read: {0}")]
    Io(String),
    /// The gzip stream is damaged or ends early.
    #[error("gzip stream damaged after {text_bytes} bytes of text: {detail}")]
    Gzip {
        /// Inflated bytes that came out before the damage.
        text_bytes: u64,
        /// The decoder's word.
        detail: String,
    },
    /// More text than `limits::OBJECT_TEXT_BYTES_MAX`, or more per compressed byte than
    /// `limits::INFLATE_RATIO_MAX`.
    #[error("inflates to more than {0}: refused as a decompression bomb")]
    Bomb(String),
    /// The Parquet footer or a page cannot be read.
    #[error("not a readable Parquet file: {0}")]
    Parquet(String),
}

/// The outcome of reading one object.
#[derive(Clone, Debug, Default)]
pub struct ReadReport {
    /// Bytes taken from the source, before inflating.
    pub object_bytes: u64,
    /// Bytes of text (or Parquet) after inflating.
    pub text_bytes: u64,
    /// Non-blank lines or rows seen, without headers.
    pub lines: u64,
    /// Records with status OK.
    pub records: u64,
    /// NODATA records.
    pub no_data: u64,
    /// SKIPDATA records.
    pub skip_data: u64,
    /// Skipped lines, by `SkipReason as usize`.
    pub skipped: [u64; SkipReason::ALL.len()],
    /// The first skipped line of each reason, in the order met.
    pub samples: Vec<SkipSample>,
    /// Column names no table of ours knows, sorted, at most `limits::UNKNOWN_COLUMNS_MAX`.
    pub unknown_columns: Vec<String>,
    /// What stopped the reading, if anything did.
    pub error: Option<ObjectError>,
}

impl ReadReport {
    /// Counts a skipped line and keeps it when it is the first of its reason.
    #[cold]
    pub fn skip(
        &mut self,
        reason: SkipReason,
        line: u64,
        byte: u64,
        field: Option<&'static str>,
        text: &[u8],
    ) {
        self.skipped[reason as usize] += 1;
        if self.samples.iter().all(|s| s.reason != reason) {
            let cut = &text[..text.len().min(crate::limits::SKIP_SAMPLE_CHARS_MAX)];
            let text = cut.escape_ascii().to_string();
            let text = text.chars().take(crate::limits::SKIP_SAMPLE_CHARS_MAX).collect();
            self.samples.push(SkipSample { reason, line, byte, field, text });
        }
    }

    /// This and what another thread on the same object saw: their sum, and of each reason the sample
    /// that comes first in the object.
    #[must_use]
    pub(super) fn with(mut self, other: Self) -> Self {
        self.object_bytes += other.object_bytes;
        self.text_bytes += other.text_bytes;
        self.lines += other.lines;
        self.records += other.records;
        self.no_data += other.no_data;
        self.skip_data += other.skip_data;
        self.skipped.iter_mut().zip(other.skipped).for_each(|(sum, count)| *sum += count);
        for sample in other.samples {
            match self.samples.iter_mut().find(|have| have.reason == sample.reason) {
                Some(have) if have.line <= sample.line => {}
                Some(have) => *have = sample,
                None => self.samples.push(sample),
            }
        }
        self.samples.sort_unstable_by_key(|sample| sample.line);
        self.note_unknown(&other.unknown_columns);
        self.error = self.error.or(other.error);
        self
    }

    /// Adds column names: sorted, without repeats, the first in that order up to the limit.
    pub(super) fn note_unknown(&mut self, names: &[String]) {
        for name in names {
            if let Err(at) = self.unknown_columns.binary_search(name) {
                self.unknown_columns.insert(at, name.clone());
                self.unknown_columns.truncate(crate::limits::UNKNOWN_COLUMNS_MAX);
            }
        }
    }

    /// Skipped lines of all reasons.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.iter().sum()
    }
}
