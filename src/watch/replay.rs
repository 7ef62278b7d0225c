//! Lives days again: after a start, for what came too late, and to catch up with a history.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::limits::REPLAYS_WITHOUT_MAX;
use crate::pipeline::{Carried, Pipeline};
use crate::scan::batch::{Batch, BatchReader, Outcome};
use crate::scan::{batches, time};
use crate::source::{Gone, OBJECT_SECONDS, ObjectKey, ObjectRef};
use crate::state::Reason;
use crate::window::{Day, Hour, OpenHours, closes_up_to};

use super::early;
use super::engine::Engine;
use super::fetch::{Item, Lack, Noting, Quiet};
use super::live::{Live, Tell};
use super::observer::Event;
use super::outbox;

/// How often an object is read before it has to come again. The way to it has tried for itself by
/// then; but a whole day is not to be read again because of one connection.
const READ_ATTEMPTS: u32 = 3;

/// Takes a batch that was read, and what is named first of those that are still to come.
type TakeBatch<'t> = dyn FnMut(&mut Engine, &[ObjectRef], Batch, Option<i64>) -> Result<(), Error> + 't;

impl Engine {
    /// The first day that can be lived again.
    pub(super) fn first_day(&self) -> Day {
        let oldest = self.book.days.first().filter(|_| self.book.has_forgotten);
        oldest.map_or(Day(0), |day| Day(day.after.0 + 1))
    }

    /// Lives all days from `from` on again, up to the last hour that was closed, from the state before
    /// them and with the objects of the ledger. What differs then is told as a correction.
    pub(super) fn live_again(&mut self, from: Day, tell: Tell) -> Result<(), Error> {
        // Until this is done, what is in memory is neither the old nor the new.
        self.rebuild = Some((from, tell));
        let base = self.book.days.iter().rposition(|day| day.after < from);
        let base = base.or_else(|| self.book.has_forgotten.then_some(0));
        self.book.days.truncate(base.map_or(0, |at| at + 1));
        let (carried, first) = match base.map(|at| &self.book.days[at]) {
            Some(day) => (self.state.load_day(day)?, Day(day.after.0 + 1)),
            None => (Carried::default(), Day(0)),
        };
        self.shelf.restart();
        let findings = self.book.findings.clone();
        let pipeline = Pipeline::resume(
            self.settings.clone(),
            &self.config_hash,
            self.lateness_seconds,
            carried,
            findings,
        );
        let pipeline = pipeline.map_err(|error| Error::Stored {
            path: "the state after a day".to_owned(),
            detail: error.to_string(),
        })?;
        let pipeline = self.beside.clone().into_pipeline(pipeline);
        self.live = Live { pipeline, open: OpenHours::default() };
        let items: Vec<Item> = self
            .book
            .ledger
            .iter()
            .filter(|(_, entry)| entry.last_day >= first)
            .map(|(name, entry)| Item { name: name.clone(), etag: entry.etag.clone(), bytes: entry.bytes })
            .collect();
        let target = self.book.closed;
        let objects = items.len() as u64;
        let lacking = self.read(items, &mut |engine, batch, read, next| {
            engine.take_again(batch, read, first, next, target, tell)
        })?;
        self.settle_lacking(lacking, objects)?;
        if let Some(target) = target {
            self.close_up_to(target, tell)?;
        }
        self.rebuild = None;
        self.dirty_from = None;
        self.stale_from = None;
        self.corrected_second = None;
        self.unreadable.clear();
        self.tell_standing();
        match tell {
            Tell::Later => {
                self.tell_corrections(first);
                self.observer.note(&Event::Corrected { from: first, objects });
            }
            Tell::Nothing => self.shelf.forget_ended(),
            Tell::News | Tell::Since(_) => {}
        }
        Ok(())
    }

    /// Merges a batch of a replay and closes what is whole, as `scan` does.
    fn take_again(
        &mut self,
        batch: &[ObjectRef],
        read: Batch,
        first: Day,
        next: Option<i64>,
        target: Option<Hour>,
        tell: Tell,
    ) -> Result<(), Error> {
        for (object, (_, outcome)) in batch.iter().zip(&read.outcomes) {
            outcome.note_in(object, &mut self.live.open.ledger);
            let days = self.days_of(object, outcome);
            if let Some(entry) = self.book.ledger.get_mut(&object.name) {
                (entry.first_day, entry.last_day) = days;
            }
            if matches!(tell, Tell::Since(_)) {
                self.note_counted(object, outcome);
            }
        }
        self.live.open.shard.merge(read.shard);
        self.live.open.forget_before(first.first_hour());
        if let (Some(target), Some(next)) = (target, next) {
            let whole = closes_up_to(next - OBJECT_SECONDS, self.lateness_seconds);
            self.close_up_to(whole.min(target), tell)?;
        }
        Ok(())
    }

    /// Tells that an object was counted for the first time, and what is wrong with it.
    pub(super) fn note_counted(&mut self, object: &ObjectRef, outcome: &Outcome) {
        let (name, report) = (object.name.as_str(), outcome.report());
        self.observer.note(&Event::Counted { name, object_bytes: object.bytes, report });
        if let Some(error) = &outcome.report().error {
            self.refuse(name, Reason::Damaged, &error.to_string());
        }
    }

    fn tell_corrections(&mut self, first: Day) {
        let mut days = self.shelf.take_ended();
        for (day, alerts) in &days {
            self.observer.note(&Event::DayEnded { day: *day, alerts, is_again: true });
        }
        if let Some(day) = self.live.pipeline.day() {
            days.push((day, self.pool.install(|| self.live.pipeline.alerts_so_far())));
        }
        days.iter().for_each(|(day, alerts)| early::settle(&mut self.book, *day, alerts));
        let (news, withdrawn) = outbox::correct(&mut self.book, first, &days);
        news.iter().for_each(|alert| self.observer.note(&Event::Told(alert)));
        withdrawn.iter().for_each(|id| self.observer.note(&Event::Withdrawn { id }));
    }

    /// An object of the ledger that is gone cannot count again; one that is out of reach for now
    /// must, unless it stays so while others of the `objects` can be read: then it is that one.
    fn settle_lacking(&mut self, lacking: Vec<(Item, Lack)>, objects: u64) -> Result<(), Error> {
        let are_others_there = (lacking.len() as u64) < objects;
        let mut waits_for = None;
        for (item, lack) in lacking {
            match lack {
                Lack::Passing(detail) => {
                    let replays = self.unreadable.entry(item.name.clone()).or_default();
                    *replays += 1;
                    if *replays < REPLAYS_WITHOUT_MAX || !are_others_there {
                        waits_for.get_or_insert((item.name, detail));
                        continue;
                    }
                    self.book.ledger.remove(&item.name);
                    let detail = format!("counted before, and cannot be read any more: {detail}");
                    self.refuse(&item.name, Reason::Missing, &detail);
                }
                Lack::Gone(Gone::Missing, detail) => {
                    self.book.ledger.remove(&item.name);
                    self.refuse(&item.name, Reason::Missing, &format!("counted before; {detail}"));
                }
                // The event of the version that replaced it comes by itself.
                Lack::Gone(Gone::Replaced, _) => {
                    self.book.ledger.remove(&item.name);
                }
            }
        }
        waits_for.map_or(Ok(()), |(name, detail)| {
            Err(Error::Service {
                message: format!("cannot read {name} again: {detail}"),
                hint: "what was counted is safe; it is tried again".to_owned(),
            })
        })
    }

    /// The days that an object is part of: by its records, and by its name, because it says that
    /// five minutes were delivered and holds what is late.
    pub(super) fn days_of(&self, object: &ObjectRef, outcome: &Outcome) -> (Day, Day) {
        let named = object.key.as_ref().map(|key| Hour::of_second(key.time_second));
        let hours = || outcome.hours().iter().copied().chain(named);
        // An object that says nothing is remembered for as long as the day in hand.
        let now = self.book.closed.map_or(Day(0), Hour::day);
        let first = hours().min().map_or(now, Hour::day);
        (first, hours().max().map_or(now, Hour::day))
    }

    /// Reads objects in the order of the time in their names, those without one first, and hands
    /// over batches. Gives those that could not be had; of them nothing was handed over.
    pub(super) fn read(
        &mut self,
        mut items: Vec<Item>,
        take: &mut TakeBatch<'_>,
    ) -> Result<Vec<(Item, Lack)>, Error> {
        items.sort_by_cached_key(|item| (item.named_second(), item.name.clone()));
        let mut lacking = Vec::new();
        let mut attempts: BTreeMap<String, u32> = BTreeMap::new();
        while !items.is_empty() {
            let objects = items.iter().map(|item| self.reference(item)).collect::<Result<Arc<[_]>, _>>()?;
            let noting = Noting::new(self.fetch.begin(Arc::clone(&objects))?);
            let mut done = 0;
            for batch in batches(&objects, self.options.threads) {
                let reader = BatchReader::new(&self.config, &noting, &Quiet)?;
                let reader = reader.after(done).sealing(self.shelf.lake().is_some());
                let read = self.pool.install(|| reader.read(batch));
                let lacks = noting.take();
                if !lacks.is_empty() {
                    // What came before a connection broke is in the sums: the batch is read again,
                    // without the objects that cannot be had.
                    for (at, lack) in lacks.into_iter().rev() {
                        let tried = attempts.entry(items[at].name.clone()).or_default();
                        *tried += 1;
                        if *tried >= READ_ATTEMPTS || matches!(lack, Lack::Gone(..)) {
                            lacking.push((items.remove(at), lack));
                        }
                    }
                    break;
                }
                done += batch.len();
                let next = objects.get(done).and_then(time);
                let is_last = done == objects.len();
                take(self, batch, read, if is_last { None } else { next })?;
            }
            items.drain(..done);
        }
        Ok(lacking)
    }

    fn reference(&self, item: &Item) -> Result<ObjectRef, Error> {
        Ok(ObjectRef {
            name: item.name.clone(),
            path: self.fetch.source(item)?,
            bytes: item.bytes,
            key: ObjectKey::parse(&item.name),
        })
    }
}
