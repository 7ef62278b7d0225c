//! One object, whatever it is, to records and a report.
//!
//! Content decides: gzip is inflated and looked at again (CloudWatch Logs through a compressing
//! Firehose gives gzip inside gzip), Parquet and JSON are known by how they begin, and everything
//! else is text.

use std::io::{self, Read};

use super::ahead::read_ahead;
use super::cuts::{FRONT_BYTES, PIECE_BYTES, WINDOW_BYTES, Window};
use super::hold::{fill, hold};
use super::lines::{Lines, Place, Tools};
use super::{ColumnPlan, ObjectError, ReadReport, RecordSink, SkipReason, envelope, parquet};
use crate::gunzip::{self, Gunzip, Whole};
use crate::limits;

/// Bytes looked at to tell what an object is.
const SNIFF_BYTES: usize = 16;
/// Layers of gzip that are taken off; two occur.
const GZIP_LAYERS_MAX: usize = 3;

/// Reads objects one after the other, keeping its buffers.
#[derive(Default)]
pub struct ObjectReader {
    /// The beginning of an object as it is stored; of most, all of it.
    stored: Vec<u8>,
    whole: Whole,
    /// Text, with room on both sides.
    chunk: Vec<u8>,
    /// One for each thread that reads an object.
    tools: Vec<Tools>,
    /// Size of the next object as it is stored, as far as it is known.
    expected_bytes: usize,
}

impl ObjectReader {
    /// Reads one object to its end. `format` holds for lines before which there is no header.
    /// Whatever is wrong with the object, what could be read reaches the sink, and the report
    /// says the rest.
    pub fn read(
        &mut self,
        input: impl Read + Send,
        format: Option<&ColumnPlan>,
        sink: &mut (impl RecordSink + Send),
    ) -> ReadReport {
        self.read_together(input, format, std::slice::from_mut(sink))
    }

    /// Says how large the next object is as it is stored: what has to be held at once then gets its
    /// room at once. Nothing else depends on it.
    pub fn expect(&mut self, object_bytes: u64) {
        self.expected_bytes = usize::try_from(object_bytes).unwrap_or(usize::MAX);
    }

    /// Reads one object on as many threads as there are sinks: for a large object when cores are
    /// idle. Row groups of Parquet are read by one thread each; of text the first sink has all, and
    /// it is inflated on a second thread. Which sink has which record is left to chance; the report
    /// is the same as of one. For no sink nothing is read.
    pub fn read_together<S: RecordSink + Send>(
        &mut self,
        input: impl Read + Send,
        format: Option<&ColumnPlan>,
        sinks: &mut [S],
    ) -> ReadReport {
        self.stored.resize(limits::WHOLE_OBJECT_BYTES_MAX, 0);
        self.chunk.resize(self.chunk.len().max(limits::CHUNK_BYTES + WINDOW_BYTES), 0);
        self.tools.resize_with(self.tools.len().max(sinks.len()), Tools::default);
        let readers = self.tools.iter_mut().zip(sinks);
        let mut readers: Vec<_> = readers.map(|(tools, sink)| Lines::new(format, tools, sink)).collect();
        let Some((first, others)) = readers.split_first_mut() else { return ReadReport::default() };
        let expected_bytes = std::mem::take(&mut self.expected_bytes);
        let mut source = Counted { source: input, bytes: 0 };
        let (len, error) = fill(&mut source, &mut self.stored);
        let stored = &self.stored[..len];
        let is_small = len < self.stored.len() && error.is_none() && stored.starts_with(&gunzip::MAGIC);
        let around_bytes = (FRONT_BYTES, WINDOW_BYTES - FRONT_BYTES);
        let inflate = || self.whole.inflate_object(stored, around_bytes, &mut self.chunk);
        let text_bytes = is_small.then(inflate).flatten();
        let read = match text_bytes {
            Some(text_bytes) => read_inflated(text_bytes, &mut self.chunk, first, others),
            None => {
                let mut source = stored.chain(Cut { source: &mut source, error });
                read_layer(&mut source, Layer { depth: 0, expected_bytes }, &mut self.chunk, first, others)
            }
        };
        let error = read.err();
        let reports = readers.into_iter().map(|lines| lines.report);
        let mut report = reports.reduce(ReadReport::with).unwrap_or_default();
        report.object_bytes = source.bytes;
        report.error = error;
        report
    }
}

/// Reads one object to its end; see [`ObjectReader::read`].
pub fn read_object(
    input: impl Read + Send,
    format: Option<&ColumnPlan>,
    sink: &mut (impl RecordSink + Send),
) -> ReadReport {
    ObjectReader::default().read(input, format, sink)
}

/// Counts what is taken from the source.
struct Counted<R> {
    source: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(out)?;
        self.bytes += bytes as u64;
        Ok(bytes)
    }
}

/// Reads what a small object held, which is in the chunk. That it is a text of lines is as good as
/// certain; then it stays where it is.
fn read_inflated<S: RecordSink + Send>(
    text_bytes: usize,
    chunk: &mut [u8],
    lines: &mut Lines<'_, S>,
    others: &mut [Lines<'_, S>],
) -> Result<(), ObjectError> {
    let text = &chunk[FRONT_BYTES..FRONT_BYTES + text_bytes];
    let head = &text[..text.len().min(SNIFF_BYTES)];
    if head.starts_with(&gunzip::MAGIC) || head.starts_with(parquet::MAGIC) || is_envelope(head) {
        let inner = text.to_vec();
        let layer = Layer { depth: 1, expected_bytes: inner.len() };
        return read_layer(&mut inner.as_slice(), layer, chunk, lines, others);
    }
    lines.report.text_bytes += text_bytes as u64;
    let mut place = Place { line: 1, byte: 0 };
    let start = whole_lines(chunk, text_bytes, &mut false, &mut place, lines);
    let last = &chunk[FRONT_BYTES + start..FRONT_BYTES + text_bytes];
    if last.len() > limits::LINE_BYTES_MAX {
        lines.skip(SkipReason::LineTooLong, last, place);
    } else {
        lines.line(last, place, None);
    }
    Ok(())
}

/// Whether what begins so is JSON around log events.
fn is_envelope(head: &[u8]) -> bool {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().starts_with(b"{")
}

/// What is about to be read.
#[derive(Clone, Copy)]
struct Layer {
    /// Layers of gzip around it.
    depth: usize,
    /// As far as it is known.
    expected_bytes: usize,
}

/// Looks at the first bytes and reads the rest accordingly. The source is `dyn` so that gzip
/// inside gzip is the same code; it is called once per chunk. `others` may take a part of the object.
fn read_layer<S: RecordSink + Send>(
    source: &mut (dyn Read + Send),
    layer: Layer,
    chunk: &mut [u8],
    lines: &mut Lines<'_, S>,
    others: &mut [Lines<'_, S>],
) -> Result<(), ObjectError> {
    let mut head = [0; SNIFF_BYTES];
    let (len, error) = fill(source, &mut head);
    let head = &head[..len];
    let mut source = head.chain(Cut { source, error });
    let Layer { depth, expected_bytes } = layer;
    if head.starts_with(&gunzip::MAGIC) && depth < GZIP_LAYERS_MAX {
        let inner = Layer { depth: depth + 1, expected_bytes: 0 };
        return read_layer(&mut Gunzip::new(source), inner, chunk, lines, others);
    }
    if head.starts_with(parquet::MAGIC) {
        // It has its index at the end.
        let (bytes, error) = hold(&mut source, expected_bytes, chunk);
        lines.report.text_bytes += bytes.len() as u64;
        return error.map_or_else(|| parquet::read(&bytes.into(), lines, others), Err);
    }
    let is_envelope = is_envelope(head);
    let mut read = |source: &mut (dyn Read + Send)| {
        if is_envelope { envelope::read(source, lines) } else { read_text(source, chunk, lines) }
    };
    let is_ahead = depth > 0 && !others.is_empty();
    if is_ahead { read_ahead(&mut source, read) } else { read(&mut source) }
}

/// A source that failed while its head was read fails again where it stood.
struct Cut<'a> {
    source: &'a mut (dyn Read + Send),
    error: Option<io::Error>,
}

impl Read for Cut<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.source.read(out),
        }
    }
}

/// Cuts text into lines. The chunk holds whole lines and the beginning of the next one, which
/// moves to its front before more is read; so memory does not depend on the object.
fn read_text<S: RecordSink>(
    source: &mut (dyn Read + Send),
    chunk: &mut [u8],
    lines: &mut Lines<'_, S>,
) -> Result<(), ObjectError> {
    let mut filled = 0;
    let mut place = Place { line: 1, byte: 0 };
    // Inside a line longer than the limit, which was counted at its beginning.
    let mut is_discarding = false;
    let error = loop {
        match source.read(&mut chunk[FRONT_BYTES + filled..FRONT_BYTES + limits::CHUNK_BYTES]) {
            Ok(0) => break None,
            Ok(bytes) => {
                filled += bytes;
                lines.report.text_bytes += bytes as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(gunzip::object_error(&error)),
        }
        let start = whole_lines(chunk, filled, &mut is_discarding, &mut place, lines);
        let rest = &chunk[FRONT_BYTES + start..FRONT_BYTES + filled];
        if is_discarding || rest.len() > limits::LINE_BYTES_MAX {
            if !is_discarding {
                lines.skip(SkipReason::LineTooLong, rest, place);
            }
            is_discarding = true;
            place.byte += rest.len() as u64;
            filled = 0;
        } else {
            filled = rest.len();
            chunk.copy_within(FRONT_BYTES + start..FRONT_BYTES + start + filled, FRONT_BYTES);
        }
    };
    let last = &chunk[FRONT_BYTES..FRONT_BYTES + filled];
    match error {
        None => lines.line(last, place, None),
        Some(_) if last.is_empty() => {}
        Some(_) => lines.skip(SkipReason::CutOff, last, place),
    }
    error.map_or(Ok(()), Err)
}

/// Takes all lines that end in the first `filled` bytes of text, a piece at a time; gives where
/// the next one begins.
fn whole_lines<S: RecordSink>(
    chunk: &[u8],
    filled: usize,
    is_discarding: &mut bool,
    place: &mut Place,
    lines: &mut Lines<'_, S>,
) -> usize {
    let mut start = 0;
    // Up to here a piece is one line, because among them is one that cannot be indexed.
    let mut irregular_end = 0;
    while start < filled {
        let text = &chunk[FRONT_BYTES + start..FRONT_BYTES + filled];
        if !*is_discarding && start >= irregular_end {
            let len = text.len().min(PIECE_BYTES);
            match lines.piece(window(chunk, start), len, *place) {
                Some(next) if next.byte > place.byte => {
                    start += (next.byte - place.byte) as usize;
                    *place = next;
                    continue;
                }
                // Longer than a piece, or the end of the text.
                Some(_) => {}
                None => irregular_end = start + len,
            }
        }
        let Some(len) = memchr::memchr(b'\n', text) else { break };
        let line = &text[..len];
        if *is_discarding {
            *is_discarding = false;
        } else if len > limits::LINE_BYTES_MAX {
            lines.skip(SkipReason::LineTooLong, line, *place);
        } else if lines.piece(window(chunk, start), len + 1, *place).is_none() {
            lines.line(line, *place, None);
        }
        start += len + 1;
        *place = Place { line: place.line + 1, byte: place.byte + len as u64 + 1 };
    }
    start
}

/// What the text holds from `start` on, which is all in the chunk.
fn window(chunk: &[u8], start: usize) -> &Window {
    chunk[start..].first_chunk().expect("the chunk is longer by a window than its text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gunzip::gzip;
    use crate::record::FlowRecord;
    use crate::record::fields::DEFAULT_VPC_FORMAT;

    /// Keeps the ENI and end of each record, and refuses those of `eni-refused`.
    #[derive(Default)]
    struct Seen(Vec<(String, Option<i64>)>);

    impl RecordSink for Seen {
        fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
            if record.eni == b"eni-refused" {
                return Err(SkipReason::NoEventTime);
            }
            self.0.push((String::from_utf8_lossy(record.eni).into_owned(), record.end));
            Ok(())
        }
    }

    /// A source that gives at most `step` bytes at a time.
    struct Steps<'a>(&'a [u8], usize);

    impl Read for Steps<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(out.len()).min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn read(bytes: &[u8], format: Option<&str>) -> (Vec<(String, Option<i64>)>, ReadReport) {
        let format = format.map(|f| ColumnPlan::from_config(f).unwrap());
        let mut seen = Seen::default();
        let report = read_object(bytes, format.as_ref(), &mut seen);
        assert_eq!(
            report.lines,
            report.records + report.no_data + report.skip_data + report.skipped_total(),
            "every line is accounted for"
        );
        // The same in steps of seven bytes.
        let mut again = Seen::default();
        let stepped = read_object(Steps(bytes, 7), format.as_ref(), &mut again);
        assert_eq!(again.0, seen.0);
        assert_eq!((stepped.samples, stepped.error), (report.samples.clone(), report.error.clone()));
        // And on two threads.
        let mut both = [Seen::default(), Seen::default()];
        let together = ObjectReader::default().read_together(bytes, format.as_ref(), &mut both);
        assert_eq!((&both[0].0, both[1].0.len()), (&seen.0, 0));
        assert_eq!(format!("{together:?}"), format!("{report:?}"));
        (seen.0, report)
    }

    fn enis(seen: &[(String, Option<i64>)]) -> Vec<&str> {
        seen.iter().map(|s| s.0.as_str()).collect()
    }

    #[test]
    fn lines_end_in_every_known_way() {
        let text = b"\xef\xbb\xbfinterface-id end\r\neni-1 5\r\n\r\n  \neni-2 6\n\neni-3 7";
        let (seen, report) = read(text, None);
        assert_eq!(enis(&seen), ["eni-1", "eni-2", "eni-3"]);
        assert_eq!((report.lines, report.skipped_total()), (3, 0));
        assert_eq!(report.text_bytes, text.len() as u64);
    }

    #[test]
    fn an_empty_object_is_no_error() {
        for bytes in [Vec::new(), b"\n\n".to_vec(), gzip(b""), gzip(b"interface-id end\n")] {
            let (seen, report) = read(&bytes, None);
            assert!(seen.is_empty());
            assert_eq!((report.lines, report.error), (0, None));
        }
    }

    #[test]
    fn gzip_is_taken_off_however_often_it_was_put_on() {
        let text = b"interface-id end\neni-1 5\n";
        for bytes in [gzip(text), gzip(&gzip(text)), gzip(&gzip(&gzip(text)))] {
            assert_eq!(enis(&read(&bytes, None).0), ["eni-1"]);
        }
        let deep = gzip(&gzip(&gzip(&gzip(text))));
        let (seen, report) = read(&deep, None);
        assert!(seen.is_empty());
        assert!(report.skipped[SkipReason::NoHeader as usize] > 0, "the fourth layer is not text");
    }

    #[test]
    fn a_small_object_reads_the_same_in_one_step_and_piece_by_piece() {
        let lines = format!("interface-id end\n{}", "eni-1 5\neni-refused 5\n\neni-2 x\n".repeat(70_000));
        let long = format!("interface-id end\neni-1 5\n{}", "x".repeat(limits::LINE_BYTES_MAX + 1));
        let texts = [limits::CHUNK_BYTES, limits::WHOLE_TEXT_BYTES_MAX];
        let texts = texts.into_iter().flat_map(|bytes| [0, 1, 2].map(|n| &lines[..bytes - 1 + n]));
        for text in texts.chain([long.as_str(), "interface-id end\n"]) {
            let bytes = gzip(text.as_bytes());
            assert!(bytes.len() < limits::WHOLE_OBJECT_BYTES_MAX);
            let (seen, report) = read(&bytes, None);
            let (plain_seen, plain) = read(text.as_bytes(), None);
            assert_eq!(seen, plain_seen);
            let report = ReadReport { object_bytes: plain.object_bytes, ..report };
            assert_eq!(format!("{report:?}"), format!("{plain:?}"));
        }
    }

    #[test]
    fn a_repeated_or_different_header_changes_the_format() {
        let text = b"interface-id end\neni-1 5\ninterface-id end\neni-2 6\nend interface-id\n7 eni-3\n";
        let (seen, report) = read(text, None);
        assert_eq!(seen.iter().map(|s| s.1).collect::<Vec<_>>(), [Some(5), Some(6), Some(7)]);
        assert_eq!(enis(&seen), ["eni-1", "eni-2", "eni-3"]);
        assert_eq!((report.lines, report.skipped_total()), (3, 0));
    }

    #[test]
    fn a_header_of_text_columns_only_is_seen_by_its_first_token() {
        let (seen, _) = read(b"interface-id vpc-id\neni-1 vpc-1\ninterface-id vpc-id\neni-2 vpc-1\n", None);
        assert_eq!(enis(&seen), ["eni-1", "eni-2"]);
    }

    #[test]
    fn without_header_the_configured_format_holds_and_a_header_overrules_it() {
        let (seen, report) = read(b"eni-1 5\neni-2 6\n", Some("interface-id end"));
        assert_eq!((enis(&seen), report.lines), (vec!["eni-1", "eni-2"], 2));
        let (seen, _) = read(b"end interface-id\n5 eni-1\n", Some("interface-id end"));
        assert_eq!(seen, [("eni-1".to_owned(), Some(5))]);
        let (seen, report) = read(b"eni-1 5\neni-2 6\n", None);
        assert!(seen.is_empty());
        assert_eq!(report.skipped[SkipReason::NoHeader as usize], 2);
        assert_eq!((report.samples[0].line, report.samples[0].text.as_str()), (1, "eni-1 5"));
    }

    #[test]
    fn skips_are_located_by_line_and_byte() {
        let text = b"interface-id end\neni-1 5\n\neni-2 x\neni-3\neni-refused 5\neni-4 y\n";
        let (seen, report) = read(text, None);
        assert_eq!(enis(&seen), ["eni-1"]);
        let places: Vec<_> =
            report.samples.iter().map(|s| (s.reason, s.line, s.byte, s.field, s.text.as_str())).collect();
        assert_eq!(
            places,
            [
                (SkipReason::BadNumber, 4, 26, Some("end"), "x"),
                (SkipReason::TooFewFields, 5, 34, None, "eni-3"),
                (SkipReason::NoEventTime, 6, 40, None, "eni-refused 5"),
            ]
        );
        assert_eq!(report.skipped[SkipReason::BadNumber as usize], 2);
    }

    #[test]
    fn unknown_columns_are_tolerated_and_told() {
        let (seen, report) = read(b"interface-id end zeta alpha\neni-1 5 a b\n", None);
        assert_eq!(seen, [("eni-1".to_owned(), Some(5))]);
        assert_eq!(report.unknown_columns, ["alpha", "zeta"]);
    }

    #[test]
    fn lines_over_the_limit_are_skipped_wherever_they_lie() {
        let long = "x".repeat(limits::LINE_BYTES_MAX + 1);
        let huge = "y".repeat(3 * limits::CHUNK_BYTES);
        let text = format!("interface-id end\n{long}\neni-1 5\n{huge}\neni-2 6\n{huge}");
        let (seen, report) = read(text.as_bytes(), None);
        assert_eq!(enis(&seen), ["eni-1", "eni-2"]);
        assert_eq!(report.skipped[SkipReason::LineTooLong as usize], 3);
        assert_eq!((report.samples[0].line, report.samples[0].byte), (2, 17));
        let just = "z".repeat(limits::LINE_BYTES_MAX - 2);
        let (seen, _) = read(format!("interface-id end\n{just} 5\n").as_bytes(), None);
        assert_eq!(seen.len(), 1, "the limit itself is allowed");
    }

    #[test]
    fn a_cut_stream_gives_its_whole_lines_and_counts_the_last_one() {
        let mut stream =
            gzip(format!("{DEFAULT_VPC_FORMAT}\n2 1 eni-1 - - - - - - - 1 2 - NODATA\n2 1 en").as_bytes());
        stream.truncate(stream.len() - 4);
        let (seen, report) = read(&stream, None);
        assert_eq!(enis(&seen), ["eni-1"]);
        assert_eq!((report.no_data, report.skipped[SkipReason::CutOff as usize]), (1, 1));
        assert_eq!((report.samples[0].line, report.samples[0].text.as_str()), (3, "2 1 en"));
        assert!(matches!(report.error, Some(ObjectError::Gzip { .. })));
    }

    #[test]
    fn one_reader_reads_many_objects() {
        let mut reader = ObjectReader::default();
        let mut seen = Seen::default();
        for n in 0..3 {
            let text = format!("interface-id end\neni-{n} 5");
            let report = reader.read(text.as_bytes(), None, &mut seen);
            assert_eq!((report.records, report.object_bytes), (1, text.len() as u64));
        }
        assert_eq!(enis(&seen.0), ["eni-0", "eni-1", "eni-2"]);
    }
}
