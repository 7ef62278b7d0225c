//! A batch of Parquet rows to records, a column at a time.
//!
//! What a column holds and what it fills is asked once for a block of rows, which is small enough
//! to stay in the first cache; texts that repeat the row before, which most ids do, are found by
//! comparing two words.

use arrow::array::{Array, RecordBatch};

use super::addresses::Addresses;
use super::columns::Values;
use super::fields::{Field, Target};
use super::lines::{Lines, Place};
use super::text::{Fault, Spare};
use super::words;
use super::{FlowRecord, RecordSink, SkipReason};

/// Rows that are filled together.
const BLOCK_ROWS: usize = 32;

/// Which columns of a batch fill what: (index among them, field).
pub(super) type FieldColumns = [(usize, &'static Field)];

/// Hands the rows of a batch over, in order.
pub(super) fn rows<S: RecordSink>(
    batch: &RecordBatch,
    columns: &FieldColumns,
    first_row: u64,
    addresses: &mut Addresses,
    lines: &mut Lines<'_, S>,
) {
    let values: Vec<(Values, &'static Field)> = columns
        .iter()
        .map(|&(at, field)| {
            let values = Values::of(batch.column(at));
            match field.target {
                Target::Account => (values.with_account_digits(), field),
                _ => (values, field),
            }
        })
        .collect();
    let has = |target| columns.iter().any(|(_, field)| field.target == target);
    // Of some columns the best one present is chosen, and what was chosen stays in the record.
    let is_settled =
        lines.is_transit_gateway || !has(Target::Interface) || super::fields::SPARES.into_iter().any(has);
    let empty = FlowRecord { has_instance_column: has(Target::Instance), ..FlowRecord::EMPTY };
    let mut block = Block {
        records: [empty; BLOCK_ROWS],
        spares: [Spare::default(); BLOCK_ROWS],
        faults: Vec::new(),
        first: 0,
        count: 0,
    };
    for first in (0..batch.num_rows()).step_by(BLOCK_ROWS) {
        block.first = first;
        block.count = BLOCK_ROWS.min(batch.num_rows() - first);
        block.faults.clear();
        if is_settled {
            (block.records, block.spares) = ([empty; BLOCK_ROWS], [Spare::default(); BLOCK_ROWS]);
        }
        for (column, field) in &values {
            block.fill(column, field, addresses);
        }
        block.deliver(first_row + first as u64, is_settled, lines);
    }
}

/// Some rows being filled. Every column writes all of them, so that nothing of the block before
/// is left.
struct Block<'a> {
    records: [FlowRecord<'a>; BLOCK_ROWS],
    spares: [Spare<'a>; BLOCK_ROWS],
    /// The first fault of each row that has one.
    faults: Vec<(usize, Fault<'a>)>,
    /// Row of the batch that is the first of the block.
    first: usize,
    count: usize,
}

impl<'a> Block<'a> {
    fn fill(&mut self, column: &'a Values, field: &'static Field, addresses: &mut Addresses) {
        let name = field.name;
        let text = |row: usize| column.text(row);
        match field.target {
            Target::Skip => {}
            Target::Account => self.texts(column, |r| &mut r.account),
            Target::Interface => self.texts(column, |r| &mut r.eni),
            Target::Vpc => self.texts(column, |r| &mut r.vpc),
            Target::Subnet => self.texts(column, |r| &mut r.subnet),
            Target::Instance => self.texts(column, |r| &mut r.instance),
            Target::Region => self.texts(column, |r| &mut r.region),
            Target::InterfaceType => self.texts(column, |r| &mut r.interface_type),
            Target::SrcService => self.texts(column, |r| &mut r.src_service),
            Target::DstService => self.texts(column, |r| &mut r.dst_service),
            Target::Attachment => self.spares(|spare, row| spare.attachment = text(row)),
            Target::Resource => self.spares(|spare, row| spare.resource = text(row)),
            Target::AsgTag => self.spares(|spare, row| spare.groups[0] = text(row)),
            Target::InterfaceTag => self.spares(|spare, row| spare.groups[1] = text(row)),
            Target::InstanceTag => self.spares(|spare, row| spare.groups[2] = text(row)),
            Target::EcsService => self.spares(|spare, row| spare.groups[3] = text(row)),
            Target::Src => self.each(|row| column.known_address(row, name, addresses), |r, v| r.src = v),
            Target::Dst => self.each(|row| column.known_address(row, name, addresses), |r, v| r.dst = v),
            Target::PktSrc => {
                self.each(|row| column.known_address(row, name, addresses), |r, v| r.pkt_src = v);
            }
            Target::PktDst => {
                self.each(|row| column.known_address(row, name, addresses), |r, v| r.pkt_dst = v);
            }
            Target::SrcPort => self.numbers(column, name, |r, v| r.src_port = v),
            Target::DstPort => self.numbers(column, name, |r, v| r.dst_port = v),
            Target::Protocol => self.numbers(column, name, |r, v| r.protocol = v),
            Target::Packets => self.numbers(column, name, |r, v| r.packets = v),
            Target::Bytes => self.numbers(column, name, |r, v| r.bytes = v),
            Target::Start => self.numbers(column, name, |r, v| r.start = v.and_then(words::seconds)),
            Target::End => self.numbers(column, name, |r, v| r.end = v.and_then(words::seconds)),
            Target::TcpFlags => self.numbers(column, name, |r, v| r.tcp_flags = v),
            Target::Action => self.words(column, name, words::action, |r, v| r.action = v),
            Target::Direction => self.words(column, name, words::direction, |r, v| r.direction = v),
            Target::Status => {
                self.words(column, name, words::log_status, |r, v| r.status = v.unwrap_or_default());
            }
            Target::TrafficPath => self.each(|row| path(column, row, name), |r, v| r.traffic_path = v),
        }
    }

    /// Writes one value of each row, or notes what is wrong with it.
    #[inline]
    fn each<T>(
        &mut self,
        mut value: impl FnMut(usize) -> Result<T, Fault<'a>>,
        set: impl Fn(&mut FlowRecord<'a>, T),
    ) {
        for (n, record) in self.records[..self.count].iter_mut().enumerate() {
            match value(self.first + n) {
                Ok(value) => set(record, value),
                Err(fault) => note(&mut self.faults, n, fault),
            }
        }
    }

    /// Writes one number of each row.
    #[inline]
    fn numbers<T: TryFrom<i64>>(
        &mut self,
        column: &'a Values,
        name: &'static str,
        set: impl Fn(&mut FlowRecord<'a>, Option<T>),
    ) {
        let Some(numbers) = column.integers() else { return self.each(|row| column.narrow(row, name), set) };
        let (all, nulls) = (numbers.values(), numbers.nulls());
        // What kind of column it is, is asked once; of each row, whether it is there and fits.
        for (n, record) in self.records[..self.count].iter_mut().enumerate() {
            let row = self.first + n;
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                set(record, None);
            } else if let Ok(value) = T::try_from(all[row]) {
                set(record, Some(value));
            } else {
                note(&mut self.faults, n, column.fault(row, SkipReason::BadNumber, name));
            }
        }
    }

    /// Writes the meaning of one word of each row.
    #[inline]
    fn words<T: Copy>(
        &mut self,
        column: &'a Values,
        name: &'static str,
        meaning: impl Fn(&[u8]) -> Option<T>,
        set: impl Fn(&mut FlowRecord<'a>, Option<T>),
    ) {
        let mut last = (None, None);
        let word = |row| {
            let view = column.view(row);
            if view.is_none() || view != last.0 {
                last = (view, column.word(row, name, &meaning)?);
            }
            Ok(last.1)
        };
        self.each(word, set);
    }

    #[inline]
    fn spares(&mut self, set: impl Fn(&mut Spare<'a>, usize)) {
        for (n, spare) in self.spares[..self.count].iter_mut().enumerate() {
            set(spare, self.first + n);
        }
    }

    /// Writes one text of each row.
    #[inline]
    fn texts(
        &mut self,
        column: &'a Values,
        slot: impl for<'r> Fn(&'r mut FlowRecord<'a>) -> &'r mut &'a [u8],
    ) {
        let mut last = (None, b"".as_slice());
        for (n, record) in self.records[..self.count].iter_mut().enumerate() {
            let row = self.first + n;
            let view = column.view(row);
            if view.is_none() || view != last.0 {
                last = (view, column.text(row));
            }
            *slot(record) = last.1;
        }
    }

    fn deliver<S: RecordSink>(&mut self, first_row: u64, is_settled: bool, lines: &mut Lines<'_, S>) {
        for (n, record) in self.records[..self.count].iter_mut().enumerate() {
            let place = Place { line: first_row + n as u64 + 1, byte: 0 };
            if let Some((_, fault)) = self.faults.iter().find(|(row, _)| *row == n) {
                lines.row_fault(*fault, place);
                continue;
            }
            if is_settled || record.eni.is_empty() {
                self.spares[n].settle(lines.is_transit_gateway, record);
            }
            lines.row(record, place);
        }
    }
}

/// Placeholders at and below zero occur where the path does not apply.
fn path<'a>(column: &'a Values, row: usize, name: &'static str) -> Result<Option<u8>, Fault<'a>> {
    match column.integer(row, name)? {
        Some(path) if path > 0 => column.narrow(row, name),
        _ => Ok(None),
    }
}

#[cold]
fn note<'a>(faults: &mut Vec<(usize, Fault<'a>)>, n: usize, fault: Fault<'a>) {
    if faults.iter().all(|(row, _)| *row != n) {
        faults.push((n, fault));
    }
}
