//! Writes the days of a lake on threads of its own: whoever computes them does not wait for
//! encoders and disks, only for room when the lake has fallen far behind. One thread makes the files
//! and another shows them, so that one day is encoded while the disk, or S3, is waited for with the
//! files of another.
//!
//! What is given is written in its order by [`LakeDays`] and shown in that order, so the files are
//! the same. Reports come back: of room that is free again, and, in order, of days that are in the lake,
//! or that it keeps as it held them.

use std::mem::{self, size_of};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use super::days::LakeDays;
use super::error::LakeError;
use super::file::Staged;
use super::writer::LakeWriter;
use crate::alert::Alert;
use crate::baseline::SnapshotRow;
use crate::limits::{LAKE_SHOWING_MAX, LAKE_WAITING_BYTES_MAX};
use crate::pipeline::MemoryRow;
use crate::window::{ClosedHour, Day, EniHour, FlowWindow};

/// The writing side of a lake, beside whoever computes its days. An error is told once, and ends it:
/// nothing is written afterwards.
pub struct LakeThread {
    lake: LakeWriter,
    /// `None` when all is written, or after an error.
    running: Option<Running>,
    /// Of what was given and is not written yet, bytes.
    waiting_bytes: usize,
    /// Days that ended and are not in the lake yet.
    ending: usize,
    /// Alerts of days that are in the lake and that nobody has asked for yet.
    written: Vec<Vec<Alert>>,
    /// Days that the lake keeps as it held them.
    kept: Vec<Day>,
    /// Files could not be shown; `finish` says why.
    has_failed: bool,
}

struct Running {
    steps: Sender<Step>,
    reports: Receiver<Report>,
    thread: JoinHandle<Result<(), LakeError>>,
}

/// What is to be written next.
enum Step {
    Rows(Day, Vec<SnapshotRow>),
    Begin(Day, Vec<MemoryRow>),
    Hour(Arc<ClosedHour>),
    End(Day, Vec<Alert>),
}

/// What happened to what was given.
enum Report {
    /// A step is written, and what it held in memory is free, bytes.
    Written(usize),
    /// A day is in the lake, with these alerts unless the lake keeps it as it held it.
    Ended { day: Day, alerts: Vec<Alert>, is_kept: bool },
    /// Nothing more will be.
    Failed,
}

/// The files of a day that are complete, to be shown group by group, and its alerts.
struct Complete {
    day: Day,
    /// `None` when the lake keeps the day as it held it.
    groups: Option<[Vec<Staged>; 2]>,
    alerts: Vec<Alert>,
}

impl LakeThread {
    /// Starts the threads, of which one writes `days`. No day is in hand.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(days: LakeDays) -> Result<Self, LakeError> {
        let lake = days.lake().clone();
        let no_thread = |error| LakeError::io("start a thread to write", lake.root())(error);
        let (steps, given) = channel();
        let (reports_to, reports) = channel();
        let (complete_to, complete) = sync_channel(LAKE_SHOWING_MAX);
        let ended_to = reports_to.clone();
        let showing = thread::Builder::new().name("lake-show".to_owned());
        let showing = showing.spawn(move || show(&complete, &ended_to)).map_err(no_thread)?;
        let work = move || {
            let written = write(days, given, &complete_to, &reports_to);
            // The other thread ends when nothing more can come.
            drop(complete_to);
            // What could not be shown was given before what could not be written.
            showing.join().expect("showing does not panic").and(written)
        };
        let thread = thread::Builder::new().name("lake".to_owned()).spawn(work).map_err(no_thread)?;
        let running = Some(Running { steps, reports, thread });
        let (written, kept) = (Vec::new(), Vec::new());
        Ok(Self { lake, running, waiting_bytes: 0, ending: 0, written, kept, has_failed: false })
    }

    /// For what is not of one day.
    pub fn lake(&self) -> &LakeWriter {
        &self.lake
    }

    /// Gives rows of the snapshot of the day that is about to begin.
    ///
    /// # Errors
    /// When something given before could not be written.
    pub fn snapshot_rows(&mut self, day: Day, rows: Vec<SnapshotRow>) -> Result<(), LakeError> {
        self.give(Step::Rows(day, rows))
    }

    /// Begins `day` with its memory.
    ///
    /// # Errors
    /// As [`Self::snapshot_rows`].
    pub fn begin(&mut self, day: Day, memory: Vec<MemoryRow>) -> Result<(), LakeError> {
        self.give(Step::Begin(day, memory))
    }

    /// Gives an hour of the day in hand.
    ///
    /// # Errors
    /// As [`Self::snapshot_rows`].
    pub fn hour(&mut self, hour: Arc<ClosedHour>) -> Result<(), LakeError> {
        self.give(Step::Hour(hour))
    }

    /// Ends the day in hand. When it is in the lake, or the lake has decided to keep what it held,
    /// [`Self::take_written`] gives its alerts back.
    ///
    /// # Errors
    /// As [`Self::snapshot_rows`].
    pub fn end(&mut self, day: Day, alerts: Vec<Alert>) -> Result<(), LakeError> {
        self.ending += 1;
        self.give(Step::End(day, alerts))
    }

    /// Waits until all days that ended are in the lake.
    ///
    /// # Errors
    /// As [`Self::snapshot_rows`].
    pub fn wait_for_days(&mut self) -> Result<(), LakeError> {
        while self.ending > 0 {
            self.wait()?;
        }
        Ok(())
    }

    /// The alerts of each day that came into the lake since the last call, in order; after an error
    /// those of the days before it.
    pub fn take_written(&mut self) -> Vec<Vec<Alert>> {
        while let Some(report) = self.running.as_ref().and_then(|running| running.reports.try_recv().ok()) {
            self.note(report);
        }
        mem::take(&mut self.written)
    }

    /// Days, of those that ended so far, that the lake keeps as it held them, in order.
    pub fn kept(&self) -> &[Day] {
        &self.kept
    }

    /// Waits until all that was given is written. A day that did not end leaves nothing.
    ///
    /// # Errors
    /// When something could not be written.
    pub fn finish(&mut self) -> Result<(), LakeError> {
        let Some(Running { steps, reports, thread }) = self.running.take() else { return Ok(()) };
        drop(steps);
        reports.into_iter().for_each(|report| self.note(report));
        thread.join().expect("writing does not panic")
    }

    /// Waits for room, then hands over.
    fn give(&mut self, step: Step) -> Result<(), LakeError> {
        let bytes = step.bytes();
        // What is larger than the room is written alone.
        while self.waiting_bytes > 0 && self.waiting_bytes + bytes > LAKE_WAITING_BYTES_MAX {
            self.wait()?;
        }
        match &self.running {
            Some(running) if running.steps.send(step).is_ok() => {
                self.waiting_bytes += bytes;
                Ok(())
            }
            _ => self.finish(),
        }
    }

    /// Waits until something is reported.
    fn wait(&mut self) -> Result<(), LakeError> {
        let running = self.running.as_ref().filter(|_| !self.has_failed);
        match running.map(|running| running.reports.recv()) {
            Some(Ok(report)) => self.note(report),
            // The threads end before their time with an error only, and then nothing is waited for.
            _ => {
                let finished = self.finish();
                (self.waiting_bytes, self.ending) = (0, 0);
                finished?;
            }
        }
        Ok(())
    }

    fn note(&mut self, report: Report) {
        match report {
            Report::Written(bytes) => self.waiting_bytes -= bytes,
            Report::Ended { day, alerts, is_kept } => {
                self.ending -= 1;
                self.written.push(alerts);
                self.kept.extend(is_kept.then_some(day));
            }
            Report::Failed => self.has_failed = true,
        }
    }
}

/// Writes what is given, in order, and hands over what is complete.
fn write(
    mut days: LakeDays,
    given: Receiver<Step>,
    complete_to: &SyncSender<Complete>,
    reports_to: &Sender<Report>,
) -> Result<(), LakeError> {
    for step in given {
        let bytes = step.bytes();
        let complete = step.write(&mut days)?;
        // Where nobody takes it any more there was an error, and where nobody listens, no need.
        let is_shown = complete.is_none_or(|complete| complete_to.send(complete).is_ok());
        if !is_shown || reports_to.send(Report::Written(bytes)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Shows what is complete, in order.
fn show(complete: &Receiver<Complete>, reports_to: &Sender<Report>) -> Result<(), LakeError> {
    for Complete { day, groups, alerts } in complete {
        let is_kept = groups.is_none();
        if let Err(error) = groups.into_iter().flatten().try_for_each(Staged::publish_all) {
            // Whoever waits for it has to know; where nobody does, the error is told at the end.
            drop(reports_to.send(Report::Failed));
            return Err(error);
        }
        if reports_to.send(Report::Ended { day, alerts, is_kept }).is_err() {
            break;
        }
    }
    Ok(())
}

impl Drop for LakeThread {
    /// Gives up what is not written yet. The lake is free for others afterwards.
    fn drop(&mut self) {
        if let Some(Running { steps, reports, thread }) = self.running.take() {
            drop((steps, reports));
            // Who gives up has a reason that is told instead.
            drop(thread.join());
        }
    }
}

impl Step {
    /// Memory that it holds, by its largest part, bytes; at least one, so that any step counts.
    fn bytes(&self) -> usize {
        let held = match self {
            Self::Rows(_, rows) => rows.iter().map(|row| row.state.len()).sum(),
            Self::Begin(_, rows) => rows.iter().map(|row| row.state.len()).sum(),
            Self::Hour(hour) => {
                let flows: usize = hour.enis.iter().map(|eni| eni.flows.len()).sum();
                flows * size_of::<FlowWindow>() + hour.enis.len() * size_of::<EniHour>()
            }
            Self::End(_, alerts) => size_of_val(alerts.as_slice()),
        };
        held + 1
    }

    /// Writes it; gives the files that it completes.
    fn write(self, days: &mut LakeDays) -> Result<Option<Complete>, LakeError> {
        Ok(match self {
            Self::Rows(day, rows) => {
                days.snapshot_rows(day, &rows)?;
                None
            }
            Self::Begin(day, memory) => {
                days.begin(day, &memory)?;
                None
            }
            Self::Hour(hour) => {
                days.hour(&hour)?;
                None
            }
            Self::End(day, alerts) => Some(Complete { day, groups: days.end(day, &alerts)?, alerts }),
        })
    }
}
