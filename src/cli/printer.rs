//! Where the alerts of a scan go, as they are found: lines for machines at once, in event order,
//! so that a long history costs no more memory than a short one. A table is sorted by weight, so
//! its rows, and no more of the alerts, wait for the end.

use super::args::{Format, ScanArgs};
use super::render::{Block, csv_line, head, header, json_line};
use super::term::{BOLD, Output, Term};
use super::text::plural;
use crate::alert::Alert;
use crate::alert::render::{Unplaced, asff, ocsf};
use crate::error::Error;

/// Prints the alerts of a scan.
pub(super) struct Printer {
    format: Format,
    /// Also those that were kept back.
    all: bool,
    output: Output,
    /// CSV's first line is out.
    has_header: bool,
    term: Term,
    /// Alerts that the format cannot hold.
    left_out: u64,
    /// What a table will show.
    blocks: Vec<Block>,
    /// The scan has something to do beside printing: a lake to complete, alerts to publish.
    outlives_reader: bool,
    /// The reader of the output has left, as `head` does.
    left: Option<Error>,
}

impl Printer {
    /// Opens the output that `args` ask for.
    pub(super) fn open(args: &ScanArgs, term: Term) -> Result<Self, Error> {
        Ok(Self {
            format: args.output.format,
            all: args.all,
            output: Output::open(args.output.out.as_deref(), args.output.force, term)?,
            has_header: false,
            term,
            left_out: 0,
            blocks: Vec::new(),
            outlives_reader: args.lake.is_some() || args.publish.is_any(),
            left: None,
        })
    }

    /// Takes the alerts of a day.
    ///
    /// A reader that leaves ends the scan, unless there is a lake or a topic: nothing is to be missing
    /// there because somebody looked at the first lines only.
    pub(super) fn take(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        if self.left.is_some() {
            return Ok(());
        }
        match self.print(alerts) {
            Err(error) if self.outlives_reader && error.is_broken_pipe() => {
                self.left = Some(error);
                Ok(())
            }
            printed => printed,
        }
    }

    fn print(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        let all = self.all;
        for alert in alerts.iter().filter(|alert| all || alert.emitted) {
            match self.format {
                Format::Table => self.blocks.push(Block::new(alert)),
                Format::Jsonl => self.output.write(&json_line(alert))?,
                Format::Ocsf => self.output.write(&format!("{}\n", ocsf(alert)))?,
                Format::Asff => match asff(alert) {
                    Ok(finding) => self.output.write(&format!("{finding}\n"))?,
                    Err(Unplaced) => self.left_out += 1,
                },
                Format::Csv => {
                    self.header()?;
                    self.output.write(&csv_line(alert))?;
                }
            }
        }
        self.output.flush()
    }

    /// CSV begins with its header, also when nothing follows.
    fn header(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.has_header, true) { Ok(()) } else { self.output.write(&header()) }
    }

    /// Prints what waited for the end and puts a file in its place, unless the scan was stopped
    /// before its end.
    pub(super) fn finish(mut self, stopped: bool) -> Result<(), Error> {
        if let Some(error) = self.left {
            return Err(error);
        }
        if self.format == Format::Csv {
            self.header()?;
        }
        if !self.blocks.is_empty() {
            self.output.write(&head())?;
        }
        self.blocks.sort_by(|a, b| a.weight().reading_order(&b.weight()));
        self.blocks.iter().try_for_each(|block| self.output.write(&block.text))?;
        if self.left_out > 0 {
            let alerts = plural(self.left_out, "alert");
            self.term.must_say(&format!("warning: {alerts} left out of the findings: {}", Unplaced::CAUSE));
            self.term.must_say(&format!("{BOLD}hint:{BOLD:#} {}", Unplaced::REMEDY));
        }
        self.output.end(stopped, self.term)
    }
}
