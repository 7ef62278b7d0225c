//! JSON around flow-log lines: CloudWatch Logs subscriptions and Firehose.
//!
//! Source: AWS, "CloudWatch Logs subscription filters" (message fields), and fixtures of public
//! consumers. Firehose writes CloudWatch messages back to back without any delimiter (`}{`), and
//! direct flow-log records as `{"message":"..."}` lines. Lambda and Kinesis payloads carry the
//! CloudWatch message as base64 of gzip under `awslogs.data`.
//!
//! The text is read through a buffer that holds at least one whole value and grows only for
//! values that do not fit, so memory follows the largest message and not the object.

use std::borrow::Cow;
use std::io::{self, Read};

use base64::Engine;
use serde::Deserialize;

use super::lines::{Lines, Place};
use super::{ObjectError, RecordSink, SkipReason};
use crate::gunzip::{self, Gunzip};
use crate::limits;

/// Envelopes inside envelopes that are opened: `awslogs.data` holds one.
const NESTING_MAX: usize = 2;

/// Text that borrows from the buffer when it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Any of the known shapes; fields of the others are absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    message_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    log_events: Option<Vec<LogEvent<'a>>>,
    #[serde(borrow, default)]
    message: Option<Text<'a>>,
    #[serde(borrow, default)]
    awslogs: Option<Payload<'a>>,
}

#[derive(Deserialize)]
struct LogEvent<'a> {
    /// Milliseconds.
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    data: Text<'a>,
}

/// Where the next event stands.
struct Cursor {
    /// 1-based ordinal of the next log event.
    event: u64,
    /// Byte offset of the buffer's start in the text.
    byte: u64,
    depth: usize,
}

/// Reads JSON values until the source ends.
pub(crate) fn read<S: RecordSink>(
    source: &mut (dyn Read + Send),
    lines: &mut Lines<'_, S>,
) -> Result<(), ObjectError> {
    let mut cursor = Cursor { event: 1, byte: 0, depth: 0 };
    let mut buffer = vec![0; limits::CHUNK_BYTES];
    let mut filled = 0;
    let error = loop {
        if filled == buffer.len() {
            if buffer.len() as u64 >= limits::BUFFERED_OBJECT_BYTES_MAX {
                reject(lines, &mut cursor, 0, &buffer);
                return Ok(());
            }
            buffer.resize(buffer.len() * 2, 0);
        }
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break None,
            Ok(bytes) => {
                filled += bytes;
                lines.report.text_bytes += bytes as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(gunzip::object_error(&error)),
        }
        // Values are parsed again from their start when they turn out to be incomplete; asking
        // for a full buffer first keeps that to once per doubling.
        if filled < buffer.len() {
            continue;
        }
        let taken = values(&buffer[..filled], false, lines, &mut cursor);
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
        cursor.byte += taken as u64;
    };
    let taken = values(&buffer[..filled], error.is_none(), lines, &mut cursor);
    let rest = buffer[taken..filled].trim_ascii();
    if error.is_some() && !rest.is_empty() {
        let place = Place { line: cursor.event, byte: cursor.byte + taken as u64 };
        lines.skip(SkipReason::CutOff, rest, place);
    }
    error.map_or(Ok(()), Err)
}

/// Handles the whole values at the front of `text` and returns the bytes they took. An
/// incomplete value stays, unless nothing more `is_last` to come.
fn values<S: RecordSink>(text: &[u8], is_last: bool, lines: &mut Lines<'_, S>, cursor: &mut Cursor) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<Envelope<'_>>();
        let mut taken = 0;
        let failure = loop {
            match stream.next() {
                None => return text.len(),
                Some(Ok(envelope)) => {
                    let start = at + taken + blanks(&rest[taken..]);
                    taken = stream.byte_offset();
                    open(&envelope, &text[start..at + taken], start, lines, cursor);
                }
                Some(Err(error)) => break error,
            }
        };
        let taken = taken + blanks(&rest[taken..]);
        let bad = &rest[taken..];
        if failure.is_eof() && !is_last {
            return at + taken;
        }
        // Beyond garbage, the next line is the next place where a value can begin.
        reject(lines, cursor, at + taken, bad);
        match memchr::memchr(b'\n', bad) {
            Some(end) => at += taken + end + 1,
            None => return text.len(),
        }
    }
}

/// Bytes of white space at the front.
fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

/// Hands the lines inside an envelope on.
fn open<S: RecordSink>(
    envelope: &Envelope<'_>,
    text: &[u8],
    at: usize,
    lines: &mut Lines<'_, S>,
    cursor: &mut Cursor,
) {
    let byte = cursor.byte + at as u64;
    if let Some(events) = &envelope.log_events {
        // A probe of the destination carries no flow log.
        if envelope.message_type.as_ref().is_some_and(|kind| kind.0 == "CONTROL_MESSAGE") {
            return;
        }
        for event in events {
            let second = event.timestamp.map(|ms| ms.div_euclid(1000));
            bodies(&event.message.0, second, byte, lines, cursor);
        }
    } else if let Some(message) = &envelope.message {
        bodies(&message.0, None, byte, lines, cursor);
    } else if let Some(payload) = &envelope.awslogs {
        if !payload_text(&payload.data.0, lines, cursor) {
            reject(lines, cursor, at, text);
        }
    } else {
        reject(lines, cursor, at, text);
    }
}

/// The line, or lines, of one log event.
fn bodies<S: RecordSink>(
    message: &str,
    second: Option<i64>,
    byte: u64,
    lines: &mut Lines<'_, S>,
    cursor: &mut Cursor,
) {
    for line in message.split('\n') {
        lines.line(line.as_bytes(), Place { line: cursor.event, byte }, second);
    }
    cursor.event += 1;
}

/// Opens base64 of gzip of an envelope; false when it is not that.
fn payload_text<S: RecordSink>(data: &str, lines: &mut Lines<'_, S>, cursor: &mut Cursor) -> bool {
    if cursor.depth >= NESTING_MAX {
        return false;
    }
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(data) else { return false };
    let mut text = Vec::new();
    let limit = limits::BUFFERED_OBJECT_BYTES_MAX;
    let read = Gunzip::new(bytes.as_slice()).take(limit).read_to_end(&mut text);
    if read.is_err() || text.len() as u64 == limit {
        return false;
    }
    cursor.depth += 1;
    values(&text, true, lines, cursor);
    cursor.depth -= 1;
    true
}

/// Counts an event that is no envelope.
fn reject<S: RecordSink>(lines: &mut Lines<'_, S>, cursor: &mut Cursor, at: usize, text: &[u8]) {
    let place = Place { line: cursor.event, byte: cursor.byte + at as u64 };
    lines.skip(SkipReason::BadEnvelope, text, place);
    cursor.event += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gunzip::gzip;
    use crate::record::fields::DEFAULT_VPC_FORMAT;
    use crate::record::{ColumnPlan, FlowRecord, ReadReport, read_object};

    struct Ends(Vec<Option<i64>>);

    impl RecordSink for Ends {
        fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
            self.0.push(record.end);
            Ok(())
        }
    }

    fn read(text: &[u8], format: &str) -> (Vec<Option<i64>>, ReadReport) {
        let plan = ColumnPlan::from_config(format).unwrap();
        let mut ends = Ends(Vec::new());
        let report = read_object(text, Some(&plan), &mut ends);
        (ends.0, report)
    }

    fn event(ms: i64, line: &str) -> String {
        format!(
            r#"{{"messageType":"DATA_MESSAGE","owner":"1","logEvents":[{{"id":"1","timestamp":{ms},"message":"{line}"}}]}}"#
        )
    }

    #[test]
    fn messages_follow_each_other_with_and_without_delimiter() {
        let one = event(7000, "eni-1 5");
        let control =
            r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"probe"}]}"#;
        let text = format!("{control}{one}{one}\n{one} {{\"message\":\"eni-2 6\"}}\n");
        let (ends, report) = read(text.as_bytes(), "interface-id end");
        assert_eq!(ends, [Some(5), Some(5), Some(5), Some(6)]);
        assert_eq!(report.lines, 4);
    }

    #[test]
    fn the_event_tells_the_time_only_when_the_format_does_not() {
        let text = event(7999, "eni-1 192.0.2.1");
        assert_eq!(read(text.as_bytes(), "interface-id srcaddr").0, [Some(7)]);
        let text = event(7999, "eni-1 -");
        assert_eq!(read(text.as_bytes(), "interface-id end").0, [None], "absent stays absent");
    }

    #[test]
    fn lambda_payloads_are_opened() {
        let inner = event(7000, "eni-1 5");
        let data = base64::engine::general_purpose::STANDARD.encode(gzip(inner.as_bytes()));
        let text = format!("{{\"awslogs\": {{\"data\": \"{data}\"}}}}");
        assert_eq!(read(text.as_bytes(), "interface-id end").0, [Some(5)]);
        let (_, report) = read(br#"{"awslogs":{"data":"!"}}"#, "interface-id end");
        assert_eq!(report.skipped[SkipReason::BadEnvelope as usize], 1);
    }

    #[test]
    fn escapes_inside_messages_are_undone() {
        let (ends, _) = read(br#"{"message":"eni-1\u00205"}"#, "interface-id end");
        assert_eq!(ends, [Some(5)]);
    }

    #[test]
    fn garbage_is_counted_and_the_next_line_goes_on() {
        let text = b"{\"message\":\"eni-1 5\"}\n{\"other\":1}\n{broken\n{\"message\":\"eni-2 6\"}\n";
        let (ends, report) = read(text, "interface-id end");
        assert_eq!(ends, [Some(5), Some(6)]);
        assert_eq!(report.skipped[SkipReason::BadEnvelope as usize], 2);
        assert_eq!((report.samples[0].line, report.samples[0].byte), (2, 22));
        assert_eq!(report.lines, 4);
    }

    #[test]
    fn a_million_levels_are_one_bad_envelope() {
        for text in ["{\"a\":".repeat(1_000_000), format!("{{\"a\":{}", "[".repeat(1_000_000))] {
            let (ends, report) = read(text.as_bytes(), "interface-id end");
            assert!(ends.is_empty());
            assert_eq!(report.skipped_total(), 1);
        }
        let deep = format!("{{\"logEvents\":{}{}}}", "[".repeat(9000), "]".repeat(9000));
        assert_eq!(read(deep.as_bytes(), "interface-id end").1.skipped_total(), 1);
    }

    #[test]
    fn values_larger_than_the_buffer_are_read() {
        let line = "2 1 eni-1 - - - - - - - 1 2 - NODATA";
        let one = format!(r#"{{"id":"1","timestamp":1,"message":"{line}"}}"#);
        let many = vec![one.as_str(); 10_000].join(",");
        let text = format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{many}]}}"#).repeat(3);
        assert!(text.len() > 4 * limits::CHUNK_BYTES);
        let (ends, report) = read(text.as_bytes(), DEFAULT_VPC_FORMAT);
        assert_eq!((ends.len(), report.no_data), (30_000, 30_000));
    }

    #[test]
    fn a_cut_stream_counts_its_last_value() {
        let one = event(7000, "eni-1 5");
        let mut stream = gzip(format!("{one}{}", &one[..20]).as_bytes());
        stream.truncate(stream.len() - 4);
        let (ends, report) = read(&stream, "interface-id end");
        assert_eq!(ends, [Some(5)]);
        assert_eq!(report.skipped[SkipReason::CutOff as usize], 1);
        assert!(report.error.is_some());
    }
}
