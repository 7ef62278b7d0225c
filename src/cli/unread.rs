//! What to do when lines were skipped: who could read nothing must not hear that there is nothing
//! to report.

use super::term::{BOLD, RED, Term};
use super::text::count;
use crate::limits::SKIP_SAMPLE_CHARS_MAX;
use crate::record::fields::DEFAULT_VPC_FORMAT;
use crate::record::{SkipReason, SkipSample};
use crate::scan::Seen;

/// How files begin that cannot be read, as samples show them, and what they are.
const FOREIGN_FORMATS: [(&str, &str); 6] = [
    (r"PK\x03\x04", "a zip archive"),
    ("BZh", "bzip2"),
    (r"(\xb5/\xfd", "zstd"),
    (r"\xfd7zXZ\x00", "xz"),
    (r"\xff\xfe", "UTF-16 text"),
    (r"\xfe\xff", "UTF-16 text"),
];

/// Whether there were lines and none of them is a record.
pub(super) fn reads_nothing(seen: &Seen) -> bool {
    seen.objects > 0 && seen.lines > 0 && seen.records + seen.no_data + seen.skip_data == 0
}

/// Warns, also when quiet, if less than half of the lines could be read. `has_format`: the names of
/// the columns were given.
pub(super) fn warn(seen: &Seen, has_format: bool, term: Term) {
    let skipped: u64 = seen.skipped.iter().sum();
    if skipped <= seen.lines / 2 {
        return;
    }
    // Of two that are as frequent the first.
    let by_number = |reason: &SkipReason| seen.skipped[*reason as usize];
    let Some(reason) = SkipReason::ALL.into_iter().rev().max_by_key(by_number) else { return };
    let nothing = if reads_nothing(seen) { "nothing could be read: " } else { "" };
    let (lines, skipped) = (count(seen.lines), count(skipped));
    term.must_say(&format!(
        "{RED}warning:{RED:#} {nothing}{skipped} of {lines} lines were skipped, first of all for {}",
        reason.as_str()
    ));
    if let Some(hint) = remedy(reason, &seen.skip_samples, has_format) {
        term.must_say(&format!("{BOLD}hint:{BOLD:#} {hint}"));
    }
}

/// What to do about lines that were skipped mostly for `reason`.
fn remedy(reason: SkipReason, samples: &[(String, SkipSample)], has_format: bool) -> Option<String> {
    let begins = |sample: &SkipSample, start: &str| sample.byte == 0 && sample.text.starts_with(start);
    for (object, sample) in samples {
        if let Some((_, what)) = FOREIGN_FORMATS.iter().find(|(start, _)| begins(sample, start)) {
            let object = super::text::safe(object);
            return Some(format!(
                "{object} is {what}; plain text, gzip and Parquet are read: convert it first"
            ));
        }
    }
    let text = samples.iter().find(|(_, sample)| sample.reason == reason).map(|(_, sample)| &*sample.text);
    let remedy = match reason {
        SkipReason::NoHeader if text.is_some_and(has_default_columns) => {
            format!("the lines have no header; they look like the default format: --format-fields '{DEFAULT_VPC_FORMAT}'")
        }
        SkipReason::NoHeader if text.is_some_and(|text| text.contains(',')) => {
            "columns are separated by spaces, as AWS delivers them; these lines hold commas".to_owned()
        }
        SkipReason::NoHeader => {
            "the lines have no header: name their columns in order, --format-fields 'version account-id ...'"
                .to_owned()
        }
        SkipReason::NoEventTime => {
            "a record's time is its `end`, else `start`: the format needs one of them, or objects named as AWS \
             names them"
                .to_owned()
        }
        SkipReason::BadEnvelope => {
            "JSON is read as CloudWatch Logs and Firehose deliver it, around flow log lines".to_owned()
        }
        SkipReason::TooFewFields | SkipReason::TooManyFields if !has_format => {
            "the header does not match the lines: it names each column, in order".to_owned()
        }
        SkipReason::TooFewFields
        | SkipReason::TooManyFields
        | SkipReason::BadNumber
        | SkipReason::BadAddress
        | SkipReason::BadWord
            if has_format =>
        {
            "the list of --format-fields does not match the lines: it names each column, in order".to_owned()
        }
        _ => return None,
    };
    Some(remedy)
}

/// Whether a line, of which a sample may hold the beginning only, looks like AWS's default format.
fn has_default_columns(text: &str) -> bool {
    let tokens: Vec<&str> = text.split(' ').collect();
    let wanted = DEFAULT_VPC_FORMAT.split(' ').count();
    let is_cut = text.len() >= SKIP_SAMPLE_CHARS_MAX;
    tokens[0] == "2" && if is_cut { tokens.len() <= wanted } else { tokens.len() == wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(reason: SkipReason, text: &str, has_format: bool) -> String {
        let sample = SkipSample { reason, line: 1, byte: 0, field: None, text: text.into() };
        remedy(reason, &[("a.log".into(), sample)], has_format).unwrap_or_default()
    }

    #[test]
    fn the_first_skipped_line_says_what_to_do() {
        let line =
            "2 111111111111 eni-0123456789abcdef0 10.0.0.5 203.0.113.9 49152 443 6 10 8400 1 2 ACCEPT OK";
        for line in [line, &line[..SKIP_SAMPLE_CHARS_MAX], "2 - eni-1 - - - - - - - 1 2 - NODATA"] {
            assert!(told(SkipReason::NoHeader, line, false).contains(DEFAULT_VPC_FORMAT), "{line}");
        }
        for line in ["2 111111111111 eni-1", "3 111111111111 eni-1 - - - - - - - 1 2 - NODATA", ""] {
            let told = told(SkipReason::NoHeader, line, false);
            assert!(told.contains("--format-fields") && !told.contains("log-status"), "{line}");
        }
        assert!(told(SkipReason::NoHeader, "2,1,eni-1", false).contains("commas"));
        assert!(told(SkipReason::TooManyFields, "a", true).contains("--format-fields does not match"));
        assert!(told(SkipReason::TooManyFields, "a", false).contains("header does not match"));
        assert!(told(SkipReason::NoEventTime, "a", true).contains("`end`"));
        assert_eq!(told(SkipReason::BadNumber, "a", false), "");
    }

    #[test]
    fn foreign_formats_are_named() {
        let mut zip = Vec::from(*b"PK\x03\x04\n");
        zip.extend([0; 9]);
        for (bytes, what) in [
            (zip.as_slice(), "a zip archive"),
            (b"BZh91AY&SY", "bzip2"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd"),
            (b"\xfd7zXZ\x00\x00", "xz"),
            (b"\xff\xfev\x00e\x00", "UTF-16 text"),
        ] {
            let text = bytes.escape_ascii().to_string();
            assert!(told(SkipReason::NoHeader, &text, false).contains(what), "{what}");
        }
    }
}
