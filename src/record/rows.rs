//! A batch of Parquet rows to records, a column at a time.
//!
//! What a column holds and what it fills is asked once for a block of rows, which is small enough
//! to stay in the first cache; texts that repeat the row before, which most ids do, are found by
//! comparing two words. Of dictionaries each value is understood once (`keyed.rs`).

use std::num::TryFromIntError;

use arrow::array::Array;

use super::addresses::Addresses;
use super::fields::{Field, Target};
use super::keyed::Column;
use super::lines::{Lines, Place};
use super::row_group::Batch;
use super::text::{Fault, Spare};
use super::words;
use super::{FlowRecord, RecordSink};
use crate::net::Addr;

/// Rows that are filled together.
const BLOCK_ROWS: usize = 32;

/// Words of a dictionary whose meaning is remembered for a block.
const KNOWN_WORDS: usize = 4;

/// `traffic-path`: placeholders at and below zero occur where the path does not apply.
struct Path(Option<u8>);

impl TryFrom<i64> for Path {
    type Error = TryFromIntError;

    #[inline]
    fn try_from(number: i64) -> Result<Self, TryFromIntError> {
        if number > 0 { u8::try_from(number).map(|path| Self(Some(path))) } else { Ok(Self(None)) }
    }
}

/// Which columns of a batch fill what: (index among them, field).
pub(super) type FieldColumns = [(usize, &'static Field)];

/// Keys of rows, and the texts that they stand for.
type Texts<'a> = (&'a [i32], Vec<&'a [u8]>);

/// Hands the rows of a batch over, in order.
pub(super) fn rows<S: RecordSink>(
    batch: &Batch,
    columns: &FieldColumns,
    first_row: u64,
    addresses: &mut Addresses,
    lines: &mut Lines<'_, S>,
) {
    let count = batch.rows.num_rows();
    let mut column =
        |&(at, field)| Column::of(batch.rows.column(at), batch.dictionary(at), at, field, addresses);
    let filled: Vec<Column> = columns.iter().map(&mut column).collect();
    let mut filled: Vec<(&Column, Option<Texts>)> =
        filled.iter().map(|column| (column, column.texts())).collect();
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
    for first in (0..count).step_by(BLOCK_ROWS) {
        block.first = first;
        block.count = BLOCK_ROWS.min(count - first);
        block.faults.clear();
        if is_settled {
            (block.records, block.spares) = ([empty; BLOCK_ROWS], [Spare::default(); BLOCK_ROWS]);
        }
        for (column, texts) in &filled {
            block.fill(column, texts.as_ref(), addresses);
        }
        if first == 0 && !is_settled && block.faults.is_empty() {
            // What all rows have in common stays; but where there is no interface another id is chosen.
            filled.retain(|(column, _)| column.field.target == Target::Interface || !column.is_one_value());
        }
        block.deliver(first_row + first as u64, is_settled, lines);
    }
}

/// Some rows being filled. Every column writes all of them, so that of the block before only what is
/// the same is left.
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
    fn fill(&mut self, column: &'a Column, texts: Option<&Texts<'a>>, addresses: &mut Addresses) {
        let text = |row: usize| column.text(row);
        match column.field.target {
            Target::Skip => {}
            Target::Account => self.texts(column, texts, |r| &mut r.account),
            Target::Interface => self.texts(column, texts, |r| &mut r.eni),
            Target::Vpc => self.texts(column, texts, |r| &mut r.vpc),
            Target::Subnet => self.texts(column, texts, |r| &mut r.subnet),
            Target::Instance => self.texts(column, texts, |r| &mut r.instance),
            Target::Region => self.texts(column, texts, |r| &mut r.region),
            Target::InterfaceType => self.texts(column, texts, |r| &mut r.interface_type),
            Target::SrcService => self.texts(column, texts, |r| &mut r.src_service),
            Target::DstService => self.texts(column, texts, |r| &mut r.dst_service),
            Target::Attachment => self.spares(|spare, row| spare.attachment = text(row)),
            Target::Resource => self.spares(|spare, row| spare.resource = text(row)),
            Target::AsgTag => self.spares(|spare, row| spare.groups[0] = text(row)),
            Target::InterfaceTag => self.spares(|spare, row| spare.groups[1] = text(row)),
            Target::InstanceTag => self.spares(|spare, row| spare.groups[2] = text(row)),
            Target::EcsService => self.spares(|spare, row| spare.groups[3] = text(row)),
            Target::Src => self.addresses(column, addresses, |r| &mut r.src),
            Target::Dst => self.addresses(column, addresses, |r| &mut r.dst),
            Target::PktSrc => self.addresses(column, addresses, |r| &mut r.pkt_src),
            Target::PktDst => self.addresses(column, addresses, |r| &mut r.pkt_dst),
            Target::SrcPort => self.numbers(column, |r, v| r.src_port = v),
            Target::DstPort => self.numbers(column, |r, v| r.dst_port = v),
            Target::Protocol => self.numbers(column, |r, v| r.protocol = v),
            Target::Packets => self.numbers(column, |r, v| r.packets = v),
            Target::Bytes => self.numbers(column, |r, v| r.bytes = v),
            Target::Start => self.numbers(column, |r, v| r.start = v.and_then(words::seconds)),
            Target::End => self.numbers(column, |r, v| r.end = v.and_then(words::seconds)),
            Target::TcpFlags => self.numbers(column, |r, v| r.tcp_flags = v),
            Target::Action => self.words(column, words::action, |r, v| r.action = v),
            Target::Direction => self.words(column, words::direction, |r, v| r.direction = v),
            Target::Status => {
                self.words(column, words::log_status, |r, v| r.status = v.unwrap_or_default());
            }
            Target::TrafficPath => {
                self.numbers(column, |r, v| r.traffic_path = v.and_then(|Path(path)| path));
            }
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
    fn numbers<T: TryFrom<i64>>(&mut self, column: &'a Column, set: impl Fn(&mut FlowRecord<'a>, Option<T>)) {
        let Some(numbers) = column.integers() else { return self.each(|row| column.narrow(row), set) };
        let (all, nulls) = (numbers.values(), numbers.nulls());
        // What kind of column it is, is asked once; of each row, whether it is there and fits.
        let Some((keys, null_key)) = column.keys_but_one() else {
            for (n, record) in self.records[..self.count].iter_mut().enumerate() {
                let row = self.first + n;
                let at = column.at(row);
                if nulls.is_some_and(|nulls| nulls.is_null(at)) {
                    set(record, None);
                } else if let Ok(value) = T::try_from(all[at]) {
                    set(record, Some(value));
                } else {
                    note(&mut self.faults, n, column.bad_number(row));
                }
            }
            return;
        };
        let keys = &keys[self.first..self.first + self.count];
        for (n, (record, key)) in self.records.iter_mut().zip(keys).enumerate() {
            if *key == null_key {
                set(record, None);
            } else if let Ok(value) = T::try_from(all[*key as usize]) {
                set(record, Some(value));
            } else {
                note(&mut self.faults, n, column.bad_number(self.first + n));
            }
        }
    }

    /// Writes one address of each row.
    #[inline]
    fn addresses(
        &mut self,
        column: &'a Column,
        addresses: &mut Addresses,
        slot: impl for<'r> Fn(&'r mut FlowRecord<'a>) -> &'r mut Option<Addr>,
    ) {
        let known = column.known_addresses();
        for (n, record) in self.records[..self.count].iter_mut().enumerate() {
            let row = self.first + n;
            let slot = slot(record);
            *slot = known.and_then(|(keys, known)| known[keys[row] as usize]);
            if slot.is_none() {
                match column.address(row, addresses) {
                    Ok(address) => *slot = address,
                    Err(fault) => note(&mut self.faults, n, fault),
                }
            }
        }
    }

    /// Writes the meaning of one word of each row.
    #[inline]
    fn words<T: Copy>(
        &mut self,
        column: &'a Column,
        meaning: impl Fn(&[u8]) -> Option<T>,
        set: impl Fn(&mut FlowRecord<'a>, Option<T>),
    ) {
        // The first few of a dictionary, which are mostly all; of other columns the last one met.
        let mut known = [None; KNOWN_WORDS];
        let mut last = (None, None);
        let word = |row| {
            if let Some(key) = column.key(row).filter(|&key| key < KNOWN_WORDS) {
                if let Some(word) = known[key] {
                    return Ok(word);
                }
                let word = column.word(row, &meaning)?;
                known[key] = Some(word);
                return Ok(word);
            }
            let view = column.view(row);
            if view.is_none() || view != last.0 {
                last = (view, column.word(row, &meaning)?);
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
        column: &'a Column,
        texts: Option<&Texts<'a>>,
        slot: impl for<'r> Fn(&'r mut FlowRecord<'a>) -> &'r mut &'a [u8],
    ) {
        if let Some((keys, texts)) = texts {
            for (record, key) in self.records[..self.count].iter_mut().zip(&keys[self.first..]) {
                *slot(record) = texts[*key as usize];
            }
            return;
        }
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

#[cold]
fn note<'a>(faults: &mut Vec<(usize, Fault<'a>)>, n: usize, fault: Fault<'a>) {
    if faults.iter().all(|(row, _)| *row != n) {
        faults.push((n, fault));
    }
}
