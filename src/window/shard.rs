//! What one worker owns: open hours of the ENIs it has met. Nothing here is shared while it is
//! written; shards meet by `merge`, in any order, with the same result.

use std::sync::Arc;

use hashbrown::HashTable;

use super::ObjectContext;
use super::hour::{Coverage, EniId, Hour, Totals};
use super::meta::{EniMeta, is_same, lossy};
use super::pair_key::PairKey;
use super::pairs::{Hasher, PROVEN_CLIENT, PROVEN_SERVED, Pairs};
use super::vocabulary::AWS_SERVICES;
use crate::limits::RECORD_BYTES_MAX;
use crate::net::orient::{OwnSide, Service, orient, service_side};
use crate::record::{Action, FlowRecord, LogStatus, SkipReason};
use std::hash::BuildHasher;

/// Protocol number used when the format has no `protocol`: IANA reserves 255.
pub const PROTOCOL_ABSENT: u8 = 255;

/// One ENI in one open hour.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenEniHour {
    pub(super) meta: EniMeta,
    pub(super) coverage: Coverage,
    pub(super) totals: Totals,
    pub(super) pairs: Pairs,
}

impl OpenEniHour {
    fn merge(&mut self, other: Self, names: &[Arc<str>]) {
        self.meta.merge(other.meta);
        self.coverage.add(&other.coverage);
        self.totals.add(&other.totals);
        self.pairs.merge(other.pairs, names);
    }
}

/// The open hours of one ENI; an object touches one or two.
#[derive(Clone, Debug)]
struct Slot {
    id: EniId,
    /// Boxed, because the list keeps room for as many as were ever open at once.
    hours: Vec<(Hour, Box<OpenEniHour>)>,
}

impl Slot {
    fn hour_at(&mut self, hour: Hour) -> usize {
        self.hours.iter().rposition(|(h, _)| *h == hour).unwrap_or_else(|| {
            self.hours.push((hour, Box::default()));
            self.hours.len() - 1
        })
    }

    fn hour(&mut self, hour: Hour) -> &mut OpenEniHour {
        let at = self.hour_at(hour);
        &mut self.hours[at].1
    }
}

/// An open hour: its slot, and its place among the slot's hours.
#[derive(Clone, Copy, Debug, Default)]
struct Located {
    slot: u32,
    hour: u32,
}

/// Where a record went, and which others go there too.
#[derive(Clone, Debug, Default)]
struct Last {
    place: Located,
    /// Seconds of that hour that lie in the period asked for. None at first.
    from_second: i64,
    to_second: i64,
    context: ObjectContext,
    /// Whether the record named its account and its region; else they are the object's.
    has_account: bool,
    has_region: bool,
}

impl Last {
    /// Whether a record of the object described by `context`, which ends at `end`, goes there. Then
    /// it is neither late nor outside the period, because the last one was not.
    #[inline]
    fn holds(&self, record: &FlowRecord<'_>, end: i64, context: &ObjectContext, slots: &[Slot]) -> bool {
        if end < self.from_second || end >= self.to_second || !self.context.is_same(context) {
            return false;
        }
        let Some(Slot { id, .. }) = slots.get(self.place.slot as usize) else { return false };
        let holds_place = |own: &str, given: &[u8], has: bool| {
            if given.is_empty() { !has } else { has && is_same(own.as_bytes(), given) }
        };
        is_same(id.eni.as_bytes(), record.eni)
            && holds_place(&id.account, record.account, self.has_account)
            && holds_place(&id.region, record.region, self.has_region)
    }
}

/// Earliest and latest believable `end`: 2000-01-01 and 2200-01-01. VPC Flow Logs exist since
/// 2015; the room is for clocks, not for nonsense.
const TIME_RANGE: std::ops::Range<i64> = 946_684_800..7_258_118_400;

/// AWS service names by the index that pair sums hold.
pub(super) type ServiceNames = Arc<[Arc<str>]>;

/// The open hours of the ENIs one worker has met.
#[derive(Clone, Debug)]
pub struct Shard {
    slots: Vec<Slot>,
    index: HashTable<u32>,
    hasher: Hasher,
    /// AWS service names; index 0 is the empty name.
    service_names: Vec<Arc<str>>,
    /// Where the last record went: neighbours in an object are often of one ENI and hour.
    last: Last,
    /// Records outside `--from/--to`, which belong to no hour of this run.
    pub out_of_period_records: u64,
    /// Earliest and latest `end` taken, Unix seconds.
    pub seconds: Option<(i64, i64)>,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            index: HashTable::new(),
            hasher: Hasher::default(),
            service_names: vec![Arc::from("")],
            last: Last::default(),
            out_of_period_records: 0,
            seconds: None,
        }
    }
}

impl Shard {
    /// Adds one record of the object described by `context`; gives the hour it was added to, or
    /// `None` when it came too late or lies outside the period asked for (both are counted).
    ///
    /// # Errors
    /// The reason for which the record belongs to no ENI or hour.
    #[inline]
    pub fn add(
        &mut self,
        record: &FlowRecord<'_>,
        context: &ObjectContext,
    ) -> Result<Option<Hour>, SkipReason> {
        let end = record.end.or(record.start).or(context.named_second);
        let place = match end {
            Some(end) if self.last.holds(record, end, context, &self.slots) => self.last.place,
            _ => match self.locate(record, context, end)? {
                Some(place) => place,
                None => return Ok(None),
            },
        };
        let end = end.ok_or(SkipReason::NoEventTime)?;
        let service = self.service_index(record);
        let Self { slots, service_names, .. } = self;
        let (hour, open) = &mut slots[place.slot as usize].hours[place.hour as usize];
        self.seconds = Some(self.seconds.map_or((end, end), |(a, b)| (a.min(end), b.max(end))));
        open.note(record, end, service, service_names);
        Ok(Some(*hour))
    }

    /// Finds where a record belongs and remembers it; `None` when it came too late or lies outside
    /// the period, which is then counted.
    #[inline(never)]
    fn locate(
        &mut self,
        record: &FlowRecord<'_>,
        context: &ObjectContext,
        end: Option<i64>,
    ) -> Result<Option<Located>, SkipReason> {
        if record.eni.is_empty() {
            return Err(SkipReason::NoInterface);
        }
        let end = end.ok_or(SkipReason::NoEventTime)?;
        if !TIME_RANGE.contains(&end) {
            return Err(SkipReason::TimeOutOfRange);
        }
        if end < context.from_second || end >= context.to_second {
            self.out_of_period_records += 1;
            return Ok(None);
        }
        let hour = Hour::of_second(end);
        let at = self.slot(record, context);
        if let Some(arrived) = context.arrived_late(hour) {
            if arrived.start_second() >= context.to_second {
                self.out_of_period_records += 1;
                return Ok(None);
            }
            // Its own hour has closed and must not open again: it counts in the hour it came in.
            let open = self.slots[at].hour(arrived);
            open.meta.note(record);
            open.coverage.late_records += 1;
            return Ok(None);
        }
        let place = Located { slot: at as u32, hour: self.slots[at].hour_at(hour) as u32 };
        let last = &mut self.last;
        last.place = place;
        last.from_second = hour.start_second().max(context.from_second).max(TIME_RANGE.start);
        last.to_second = hour.end_second().min(context.to_second).min(TIME_RANGE.end);
        last.has_account = !matches!(record.account, b"" | b"unknown");
        last.has_region = !record.region.is_empty();
        if !last.context.is_same(context) {
            last.context = context.clone();
        }
        Ok(Some(place))
    }

    /// Adds everything in `other`.
    pub fn merge(&mut self, other: Self) {
        if self.slots.is_empty() {
            let out = self.out_of_period_records + other.out_of_period_records;
            let seconds = widest(self.seconds, other.seconds);
            *self = Self { out_of_period_records: out, seconds, ..other };
            return;
        }
        let to: Vec<u16> = other.service_names.iter().map(|name| self.intern_service(name)).collect();
        let same_names = to.iter().enumerate().all(|(from, to)| from == *to as usize);
        for slot in other.slots {
            let at = self.slot_of(&slot.id);
            let Self { slots, service_names, .. } = self;
            for (hour, mut open) in slot.hours {
                if !same_names {
                    open.pairs.renumber_services(&to);
                }
                slots[at].hour(hour).merge(*open, service_names);
            }
        }
        self.out_of_period_records += other.out_of_period_records;
        self.seconds = widest(self.seconds, other.seconds);
    }

    /// The hours in which something is open, ascending.
    pub fn hours(&self) -> std::collections::BTreeSet<Hour> {
        self.slots.iter().flat_map(|s| s.hours.iter().map(|(hour, _)| *hour)).collect()
    }

    /// Takes one hour out, sorted by ENI; ENIs left without open hours are forgotten.
    pub(super) fn take(&mut self, hour: Hour) -> (Vec<(EniId, OpenEniHour)>, ServiceNames) {
        let mut taken = Vec::new();
        for slot in &mut self.slots {
            if let Some(at) = slot.hours.iter().position(|(h, _)| *h == hour) {
                taken.push((slot.id.clone(), *slot.hours.swap_remove(at).1));
            }
        }
        if self.slots.iter().any(|s| s.hours.is_empty()) {
            self.slots.retain(|s| !s.hours.is_empty());
            self.index.clear();
            for at in 0..self.slots.len() {
                let hash = id_hash(&self.hasher, self.slots[at].id.eni.as_bytes());
                let Self { index, slots, hasher, .. } = self;
                index.insert_unique(hash, at as u32, |&i| {
                    id_hash(hasher, slots[i as usize].id.eni.as_bytes())
                });
            }
        }
        self.last = Last::default();
        taken.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        (taken, self.service_names.clone().into())
    }

    /// A copy of one hour, sorted by ENI.
    pub(super) fn peek(&self, hour: Hour) -> (Vec<(EniId, OpenEniHour)>, ServiceNames) {
        let of_hour = |slot: &Slot| {
            let open = slot.hours.iter().find(|(h, _)| *h == hour)?;
            Some((slot.id.clone(), (*open.1).clone()))
        };
        let mut copied: Vec<_> = self.slots.iter().filter_map(of_hour).collect();
        copied.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        (copied, self.service_names.clone().into())
    }

    /// The slot a record belongs to.
    fn slot(&mut self, record: &FlowRecord<'_>, context: &ObjectContext) -> usize {
        let account = match record.account {
            b"" | b"unknown" => context.account.as_bytes(),
            own => own,
        };
        let region = if record.region.is_empty() { context.region.as_bytes() } else { record.region };
        let is = |slot: &Slot| {
            is_same(slot.id.eni.as_bytes(), record.eni)
                && is_same(slot.id.account.as_bytes(), account)
                && is_same(slot.id.region.as_bytes(), region)
        };
        let hash = id_hash(&self.hasher, record.eni);
        let found = self.index.find(hash, |&i| is(&self.slots[i as usize])).copied();
        let at = found.unwrap_or_else(|| {
            let id = EniId { account: lossy(account), region: lossy(region), eni: lossy(record.eni) };
            self.new_slot(id)
        });
        at as usize
    }

    fn slot_of(&mut self, id: &EniId) -> usize {
        let hash = id_hash(&self.hasher, id.eni.as_bytes());
        let found = self.index.find(hash, |&i| self.slots[i as usize].id == *id).copied();
        found.unwrap_or_else(|| self.new_slot(id.clone())) as usize
    }

    #[cold]
    fn new_slot(&mut self, id: EniId) -> u32 {
        // A lossy id can differ from the record's bytes; it is then found by its own text.
        let hash = id_hash(&self.hasher, id.eni.as_bytes());
        if let Some(&at) = self.index.find(hash, |&i| self.slots[i as usize].id == id) {
            return at;
        }
        let at = self.slots.len() as u32;
        self.slots.push(Slot { id, hours: Vec::new() });
        let Self { index, slots, hasher, .. } = self;
        index.insert_unique(hash, at, |&i| id_hash(hasher, slots[i as usize].id.eni.as_bytes()));
        at
    }

    /// Index of the peer's AWS service name.
    #[inline]
    fn service_index(&mut self, record: &FlowRecord<'_>) -> (u16, u16) {
        let mut of = |name: &[u8]| {
            if name.is_empty() { 0 } else { self.intern_service(&String::from_utf8_lossy(name)) }
        };
        (of(record.src_service), of(record.dst_service))
    }

    fn intern_service(&mut self, name: &str) -> u16 {
        match self.service_names.iter().position(|have| **have == *name) {
            Some(at) => at as u16,
            // Which of a flood of invented names came first would depend on order.
            None if !AWS_SERVICES.contains(&name) => 0,
            None => {
                self.service_names.push(Arc::from(name));
                (self.service_names.len() - 1) as u16
            }
        }
    }
}

/// The range that holds both.
fn widest(one: Option<(i64, i64)>, two: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (one, two) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, two) => one.or(two),
    }
}

fn id_hash(hasher: &Hasher, eni: &[u8]) -> u64 {
    hasher.hash_one(eni)
}

impl OpenEniHour {
    /// Adds one record that belongs to this ENI-hour.
    #[inline]
    fn note(&mut self, record: &FlowRecord<'_>, end: i64, services: (u16, u16), names: &[Arc<str>]) {
        self.meta.note(record);
        match record.status {
            LogStatus::Ok => {}
            LogStatus::NoData => {
                self.coverage.no_data_records += 1;
                return;
            }
            LogStatus::SkipData => {
                self.coverage.skip_data_records += 1;
                return;
            }
        }
        self.coverage.records += 1;
        // More than any link carries is a lie; it must not overflow a sum.
        let bytes = record.bytes.unwrap_or(0).min(RECORD_BYTES_MAX);
        let Some(at) = orient(record) else {
            self.totals.unknown_bytes = self.totals.unknown_bytes.saturating_add(bytes);
            self.coverage.direction_unknown_records += 1;
            return;
        };
        let start = record.start.unwrap_or(end).min(end);
        let interval = (end - start).clamp(0, 600) as u16;
        self.coverage.interval_seconds =
            self.coverage.interval_seconds.max(if interval > 60 { 600 } else { 60 });
        if at.side == OwnSide::Undecided {
            // Counted into totals once the hour has decided.
        } else if at.egress {
            self.totals.egress_bytes = self.totals.egress_bytes.saturating_add(bytes);
        } else {
            self.totals.ingress_bytes = self.totals.ingress_bytes.saturating_add(bytes);
            if record.action == Some(Action::Reject) {
                // Strangers knocking: a count is all that egress needs, and there are many.
                self.totals.ingress_rejected_records += 1;
                return;
            }
        }
        let service = service_side(&at, record.tcp_flags);
        let key = PairKey {
            peer: at.peer,
            own: at.own,
            port: service.port,
            protocol: record.protocol.unwrap_or(PROTOCOL_ABSENT),
            service: service.side,
            side: at.side,
            action: record.action,
        };
        let sums = self.pairs.at(&key);
        let way = if at.egress { &mut sums.egress } else { &mut sums.ingress };
        way.bytes = way.bytes.saturating_add(bytes);
        way.packets = way.packets.saturating_add(record.packets.unwrap_or(0));
        way.records = way.records.saturating_add(1);
        way.flags |= record.tcp_flags.unwrap_or(0);
        way.paths |= record.traffic_path.map_or(0, |path| 1 << path.min(15));
        way.minutes |= 1 << (end.rem_euclid(3600) / 60);
        if service.proven {
            way.proven |= if service.side == Service::Peer { PROVEN_CLIENT } else { PROVEN_SERVED };
        }
        sums.first_second = sums.first_second.min(start.clamp(0, i64::from(u32::MAX)) as u32);
        sums.last_second = sums.last_second.max(end.clamp(0, i64::from(u32::MAX)) as u32);
        sums.name(if at.egress { services.1 } else { services.0 }, names);
    }
}

impl Coverage {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.no_data_records += other.no_data_records;
        self.skip_data_records += other.skip_data_records;
        self.late_records += other.late_records;
        self.direction_unknown_records += other.direction_unknown_records;
        self.role_unknown_records += other.role_unknown_records;
        self.slots |= other.slots;
        self.interval_seconds = self.interval_seconds.max(other.interval_seconds);
    }
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.egress_bytes = self.egress_bytes.saturating_add(other.egress_bytes);
        self.ingress_bytes = self.ingress_bytes.saturating_add(other.ingress_bytes);
        self.unknown_bytes = self.unknown_bytes.saturating_add(other.unknown_bytes);
        self.ingress_rejected_records += other.ingress_rejected_records;
    }
}
