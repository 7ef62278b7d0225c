//! Lines to the sink, under the format that holds at that place, with every skip counted and
//! located.

use super::brisk::{self, Memory, Slate};
use super::cuts::{Cursor, Cuts, FRONT_BYTES, Window};
use super::text::{Fault, parse_line};
use super::{ColumnPlan, FlowRecord, LogStatus, ReadReport, RecordSink, SkipReason};

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// 1-based line of the text, or log event of an envelope.
    pub(crate) line: u64,
    /// Byte offset of its start in the inflated text.
    pub(crate) byte: u64,
}

/// What reading lines needs and keeps from object to object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tools {
    cuts: Cuts,
    memory: Memory,
}

/// Parses lines one after the other and hands their records to the sink.
pub(crate) struct Lines<'s, S> {
    /// The format of the lines that follow: of the last header met, else as configured.
    plan: Option<ColumnPlan>,
    /// Whether a line was met yet: the first one may be a header although a format is configured.
    started: bool,
    /// Whether the rows are a transit gateway's (Parquet; text formats know it by their plan).
    pub(crate) is_transit_gateway: bool,
    sink: &'s mut S,
    tools: &'s mut Tools,
    pub(crate) report: ReadReport,
}

/// A call of [`Lines::any_piece`].
struct Piece<'l, 's, S> {
    lines: &'l mut Lines<'s, S>,
    window: &'l Window,
    len: usize,
    place: Place,
}

impl<S: RecordSink> pulp::NullaryFnOnce for Piece<'_, '_, S> {
    type Output = Option<Place>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
    fn call(self) -> Option<Place> {
        self.lines.any_piece(self.window, self.len, self.place)
    }
}

impl<'s, S: RecordSink> Lines<'s, S> {
    pub(crate) fn new(format: Option<&ColumnPlan>, tools: &'s mut Tools, sink: &'s mut S) -> Self {
        Self {
            plan: format.cloned(),
            started: false,
            is_transit_gateway: false,
            sink,
            tools,
            report: ReadReport::default(),
        }
    }

    /// Takes the lines that end in the first `len` bytes of a piece, which begins where a line does,
    /// at `place`; gives where the next one begins. `None`, with nothing taken, when there are two
    /// separators in a row.
    ///
    /// It is compiled twice, for the oldest processors of the target and for those since 2013
    /// (x86-64-v3), and what is here chooses; so all that is called in there has to be inlined.
    pub(crate) fn piece(&mut self, window: &Window, len: usize, place: Place) -> Option<Place> {
        pulp::Arch::new().dispatch(Piece { lines: self, window, len, place })
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "to be compiled for the processor that was found")]
    fn any_piece(&mut self, window: &Window, len: usize, place: Place) -> Option<Place> {
        let lines = self.tools.cuts.find(window, len)?;
        let mut next = place;
        let (mut cursor, mut slate) = (Cursor::default(), Slate::default());
        for _ in 0..lines {
            let columns = self.plan.as_ref().map_or(0, ColumnPlan::len);
            let line = self.tools.cuts.next(&mut cursor, columns);
            let text = &window[FRONT_BYTES + line.begin..FRONT_BYTES + line.end];
            let after = Place { line: next.line + 1, byte: place.byte + line.end as u64 + 1 };
            if let Some(begins) = line.tokens
                && let Some(plan) = &self.plan
                && self.started
                && !plan.looks_like_header(text)
                && text.last() != Some(&b'\r')
                && brisk::parse(window, begins, plan, &mut self.tools.memory, &mut slate).is_some()
            {
                slate.record.has_instance_column = plan.has_instance;
                deliver(self.sink, &mut self.report, &slate.record, text, next);
            } else {
                slate = Slate::default();
                self.line(text, next, None);
            }
            next = after;
        }
        Some(next)
    }

    /// Takes one line, without its `\n`, by the patient parser. `event_second` stands in for `end`
    /// in formats that carry no time at all.
    pub(crate) fn line(&mut self, line: &[u8], place: Place, event_second: Option<i64>) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        match &self.plan {
            Some(plan) if self.started && !plan.looks_like_header(line) => {
                self.irregular(line, place, event_second);
            }
            _ => self.first_or_header(line, place, event_second),
        }
    }

    /// A line that the fast parser leaves to the patient one.
    #[inline(never)]
    fn irregular(&mut self, line: &[u8], place: Place, event_second: Option<i64>) {
        let Some(plan) = &self.plan else { return };
        let mut record = FlowRecord::EMPTY;
        match parse_line(line, plan, &mut record) {
            Ok(()) => {
                if !plan.has_time {
                    record.end = event_second;
                }
                deliver(self.sink, &mut self.report, &record, line, place);
            }
            Err(fault) => self.fault(fault, line, place),
        }
    }

    /// A line before which no format is settled, or which begins like a header.
    #[cold]
    #[inline(never)]
    fn first_or_header(&mut self, line: &[u8], place: Place, event_second: Option<i64>) {
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if text.iter().all(|&b| b == b' ') {
            return;
        }
        if self.take_header(text) {
            return;
        }
        let Some(plan) = &self.plan else {
            self.report.lines += 1;
            return self.report.skip(SkipReason::NoHeader, place.line, place.byte, None, text);
        };
        if !self.started {
            self.started = true;
            self.report.note_unknown(&plan.unknown);
        }
        let mut record = FlowRecord::EMPTY;
        match parse_line(text, plan, &mut record) {
            Ok(()) => {
                if !plan.has_time {
                    record.end = event_second;
                }
                deliver(self.sink, &mut self.report, &record, text, place);
            }
            Err(fault) => self.fault(fault, text, place),
        }
    }

    /// A line that is no record: a header of another format (concatenated objects), blank, or
    /// wrong.
    #[cold]
    #[inline(never)]
    fn fault(&mut self, fault: Fault<'_>, line: &[u8], place: Place) {
        let is_blank = line.iter().all(|&b| b == b' ');
        if is_blank || self.take_header(line) {
            return;
        }
        self.report.lines += 1;
        self.report.skip(fault.reason, place.line, place.byte, fault.field, fault.text);
    }

    /// Counts a line that is not parsed at all.
    pub(crate) fn skip(&mut self, reason: SkipReason, line: &[u8], place: Place) {
        self.report.lines += 1;
        self.report.skip(reason, place.line, place.byte, None, line);
    }

    /// Changes the format if the line is a header.
    fn take_header(&mut self, line: &[u8]) -> bool {
        let Some(plan) = ColumnPlan::from_header(line) else { return false };
        self.report.note_unknown(&plan.unknown);
        self.plan = Some(plan);
        self.started = true;
        true
    }

    /// Takes the record of a row.
    pub(crate) fn row(&mut self, record: &FlowRecord<'_>, place: Place) {
        deliver(self.sink, &mut self.report, record, b"", place);
    }

    /// Counts a row that is no record.
    #[cold]
    pub(crate) fn row_fault(&mut self, fault: Fault<'_>, place: Place) {
        self.report.lines += 1;
        self.report.skip(fault.reason, place.line, place.byte, fault.field, fault.text);
    }
}

/// Hands a record over and counts it by its status, or as skipped when the sink refuses it.
#[inline]
fn deliver<S: RecordSink>(
    sink: &mut S,
    report: &mut ReadReport,
    record: &FlowRecord<'_>,
    line: &[u8],
    place: Place,
) {
    report.lines += 1;
    match sink.record(record) {
        Ok(()) => match record.status {
            LogStatus::Ok => report.records += 1,
            LogStatus::NoData => report.no_data += 1,
            LogStatus::SkipData => report.skip_data += 1,
        },
        Err(reason) => report.skip(reason, place.line, place.byte, None, line),
    }
}
