//! Flow log objects: five minutes of one account, named and compressed as AWS delivers them.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;

use super::Plan;
use super::chance::mix;
use super::connection::Connection;
use super::record_writer::{Capture, RecordWriter, is_private};

/// Seconds that one object covers.
const SLOT_SECONDS: i64 = 300;
/// Most slots by which a late record is delayed: two hours.
const LATE_SLOTS_MAX: u64 = 24;

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimObject {
    /// S3 key, `AWSLogs/<account>/vpcflowlogs/...`.
    pub key: String,
    /// Gzip of the header line and the records.
    pub gzip_bytes: Vec<u8>,
    /// Lines after the header.
    pub records: u64,
    /// Length of the text, bytes.
    pub text_bytes: u64,
}

/// Text collected for one (slot, account).
#[derive(Default)]
struct Pending {
    text: Vec<u8>,
    records: u64,
}

type Slots = BTreeMap<(i64, u32), Pending>;

/// Writes the whole run in time order, one account after the other in each five minutes, and
/// gives every object to `take`. Work is shared out over rayon's current pool; the bytes are the
/// same for any number of threads. Memory holds about an hour of text.
///
/// # Errors
/// The first error of `take` ends the run.
pub fn write_objects<E>(plan: &Plan, mut take: impl FnMut(SimObject) -> Result<(), E>) -> Result<(), E> {
    // `plan` has checked the format; an empty one cannot get here.
    let columns = plan.options.format.columns().unwrap_or_default();
    let writer = RecordWriter::new(columns, plan.options.region.clone());
    let header = writer.header();
    let mut pending = Slots::new();
    let mut busy: Vec<BTreeMap<u32, u64>> = vec![BTreeMap::new(); plan.world.fleet.enis.len()];
    for hour in 0..plan.options.days * 24 {
        let connections = connections_by_eni(plan, hour);
        let written: Vec<Slots> = busy
            .par_iter_mut()
            .zip(connections.par_iter())
            .enumerate()
            .map(|(eni, (busy, connections))| {
                EniHour { plan, writer: &writer, eni, hour, busy }.write(connections)
            })
            .collect();
        for (key, mut part) in written.into_iter().flatten() {
            let slot = pending.entry(key).or_default();
            slot.text.append(&mut part.text);
            slot.records += part.records;
        }
        let last = hour + 1 == plan.options.days * 24;
        let open_slot = plan.world.second(hour + 1).div_euclid(SLOT_SECONDS);
        // Records that would end after the run are beyond its end.
        let rest = pending.split_off(&(open_slot, 0));
        let ready = std::mem::replace(&mut pending, if last { Slots::new() } else { rest });
        let objects: Vec<SimObject> = ready
            .into_par_iter()
            .map(|((slot, account), part)| object(plan, &header, slot, account, &part))
            .collect();
        objects.into_iter().try_for_each(&mut take)?;
    }
    Ok(())
}

/// What each ENI records from connections that start in this hour: its own, the far ends of
/// internal ones, and the relays' copies. ENI order, so that it does not depend on threads.
fn connections_by_eni(plan: &Plan, hour: u32) -> Vec<Vec<Connection>> {
    let fleet = &plan.world.fleet;
    let drawn: Vec<Vec<(u32, Connection)>> = (0..fleet.enis.len() as u32)
        .into_par_iter()
        .map(|eni| {
            let mut all = plan.world.connections(eni, hour);
            let planned = plan.planned.get(&(eni, hour)).into_iter().flatten();
            all.extend(planned.map(|connection| (eni, *connection)));
            all
        })
        .collect();
    let mut by_eni = vec![Vec::new(); fleet.enis.len()];
    for (eni, connection) in drawn.into_iter().flatten() {
        by_eni[eni as usize].push(connection);
        if let Some((relay, copy)) = relayed(plan, eni, &connection) {
            by_eni[relay as usize].push(copy);
        }
    }
    by_eni
}

/// The NAT gateway's part in a connection to the internet. Blocked ones never reach it.
fn relayed(plan: &Plan, eni: u32, connection: &Connection) -> Option<(u32, Connection)> {
    let relay = plan.world.fleet.enis[eni as usize].nat?;
    if connection.rejected || !connection.client || is_private(connection.peer) {
        return None;
    }
    let local = plan.world.fleet.enis[relay as usize].address;
    Some((relay, Connection { local, behind: Some(connection.local), ..*connection }))
}

/// One ENI in one hour, being written.
struct EniHour<'a> {
    plan: &'a Plan,
    writer: &'a RecordWriter,
    eni: usize,
    hour: u32,
    /// Minutes in which a record ended, by hour: this one and those that connections reach.
    busy: &'a mut BTreeMap<u32, u64>,
}

impl EniHour<'_> {
    fn write(mut self, connections: &[Connection]) -> Slots {
        let mut slots = Slots::new();
        let fleet = &self.plan.world.fleet;
        let eni = &fleet.enis[self.eni];
        let capture = Capture { eni, group: &fleet.groups[eni.group] };
        let interval = i64::from(self.plan.options.interval_seconds);
        for (n, connection) in connections.iter().enumerate() {
            connection.cut(interval, |slice| {
                let end = slice.end_second;
                self.mark_busy(end);
                let mut line_of_slice = 0;
                self.writer.slice(&capture, connection, slice, |line| {
                    line_of_slice += 1;
                    let draw = self.draw(&[end as u64, n as u64, line_of_slice]);
                    // The second half of the draw decides which records a lossy interval keeps.
                    if draw & 1 == 1 && self.skipped(end.div_euclid(interval)) {
                        return;
                    }
                    add(&mut slots, self.slot(end, draw >> 1), capture.group.account, line);
                });
            });
        }
        self.silence(&capture, &mut slots);
        slots
    }

    fn mark_busy(&mut self, second: i64) {
        let since = second - self.plan.world.start_second;
        *self.busy.entry((since / 3600) as u32).or_default() |= 1 << (since % 3600 / 60);
    }

    /// NODATA for intervals without a record, SKIPDATA for those that lost some.
    fn silence(&mut self, capture: &Capture<'_>, slots: &mut Slots) {
        let busy = self.busy.remove(&self.hour).unwrap_or(0);
        if !(capture.eni.alive_hours.0..capture.eni.alive_hours.1).contains(&self.hour) {
            return;
        }
        let interval = i64::from(self.plan.options.interval_seconds);
        let minutes = interval / 60;
        let mask = (1_u64 << minutes) - 1;
        for n in 0..3600 / interval {
            let start = self.plan.world.second(self.hour) + n * interval;
            let end = start + interval - 1;
            let status = if busy & (mask << (n * minutes)) == 0 {
                "NODATA"
            } else if self.skipped(end.div_euclid(interval)) {
                "SKIPDATA"
            } else {
                continue;
            };
            let mut line = Vec::with_capacity(256);
            self.writer.status(&mut line, capture, start, end, status);
            add(slots, end.div_euclid(SLOT_SECONDS), capture.group.account, &line);
        }
    }

    /// Whether this interval lost records.
    fn skipped(&self, interval: i64) -> bool {
        let share = self.plan.options.skip_data_share;
        share > 0.0 && unit(mix(&[self.plan.options.seed, 0x5c1b, self.eni as u64, interval as u64])) < share
    }

    /// The object a record goes to: the one of its `end`, or a later one.
    fn slot(&self, end: i64, draw: u64) -> i64 {
        let share = self.plan.options.late_share;
        let slot = end.div_euclid(SLOT_SECONDS);
        if share <= 0.0 || unit(draw << 1) >= share {
            return slot;
        }
        // Nothing is delivered after the last object of the run: those arrive on time or with it.
        let last_slot = self.plan.world.second(self.plan.options.days * 24).div_euclid(SLOT_SECONDS) - 1;
        slot.max(last_slot.min(slot + 1 + (draw % LATE_SLOTS_MAX) as i64))
    }

    /// A draw for one record; zero when nothing depends on it, because it is asked per record.
    fn draw(&self, record: &[u64; 3]) -> u64 {
        let options = &self.plan.options;
        if options.late_share > 0.0 || options.skip_data_share > 0.0 {
            mix(&[
                options.seed,
                0x1a7e,
                self.eni as u64,
                u64::from(self.hour),
                record[0],
                record[1],
                record[2],
            ])
        } else {
            0
        }
    }
}

/// A number in [0, 1) from 64 random bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn add(slots: &mut Slots, slot: i64, account: u32, line: &[u8]) {
    let part = slots.entry((slot, account)).or_default();
    part.text.extend_from_slice(line);
    part.records += 1;
}

fn object(plan: &Plan, header: &str, slot: i64, account: u32, part: &Pending) -> SimObject {
    let mut gzip = GzEncoder::new(Vec::with_capacity(part.text.len() / 6), Compression::fast());
    let body = gzip.write_all(header.as_bytes()).and_then(|()| gzip.write_all(&part.text));
    let gzip_bytes = body.and_then(|()| gzip.finish()).expect("a Vec takes every byte");
    SimObject {
        key: key(plan, slot, account),
        gzip_bytes,
        records: part.records,
        text_bytes: (header.len() + part.text.len()) as u64,
    }
}

/// The plain (not Hive) S3 key of a five-minute object.
fn key(plan: &Plan, slot: i64, account: u32) -> String {
    let options = &plan.options;
    let id = format!("{:012}", options.account + u64::from(account));
    let region = &options.region;
    let flow_log = mix(&[options.seed, 0xf1, u64::from(account)]);
    let hash = mix(&[options.seed, 0xf2, u64::from(account), slot as u64]) as u32;
    let at = jiff::Timestamp::from_second(slot * SLOT_SECONDS)
        .unwrap_or_default()
        .to_zoned(jiff::tz::TimeZone::UTC);
    let (y, m, d, h, min) = (at.year(), at.month(), at.day(), at.hour(), at.minute());
    format!(
        "AWSLogs/{id}/vpcflowlogs/{region}/{y:04}/{m:02}/{d:02}/\
         {id}_vpcflowlogs_{region}_fl-0{flow_log:016x}_{y:04}{m:02}{d:02}T{h:02}{min:02}Z_{hash:08x}.log.gz"
    )
}
