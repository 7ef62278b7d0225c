//! The engine: takes objects, findings and the passing of time; keeps the books.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::Alert;
use crate::config::Config;
use crate::detect::Settings;
use crate::error::Error;
use crate::guardduty::FindingSet;
use crate::lake::LakeWriter;
use crate::limits::{NAMED_AHEAD_SECONDS_MAX, QUARANTINED_NAMED_MAX};
use crate::pipeline::Pipeline;
use crate::scan::Beside;
use crate::scan::batch::Batch;
use crate::source::ObjectRef;
use crate::state::{Book, Entry, Quarantined, Reason, StateDir};
use crate::window::{Day, Hour, OpenHours};

use super::WatchOptions;
use super::fetch::{Fetch, Item, Lack};
use super::live::{Live, Tell};
use super::observer::{Event, Observer};
use super::output::Shelf;

/// What became of an object that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in the books, from now on or already; with the next checkpoint its message may go.
    Counted,
    /// It was refused for good and is on the list; its message may go with the next checkpoint.
    Refused,
    /// It could not be had for now: its message has to come again.
    Again,
}

/// The continuous scanner. See [`crate::watch`].
pub struct Engine {
    pub(super) config: Config,
    pub(super) settings: Settings,
    pub(super) beside: Beside,
    pub(super) config_hash: String,
    pub(super) lateness_seconds: i64,
    pub(super) options: WatchOptions,
    pub(super) pool: rayon::ThreadPool,
    pub(super) state: StateDir,
    pub(super) fetch: Box<dyn Fetch>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) shelf: Shelf,
    pub(super) live: Live,
    pub(super) book: Book,
    /// Days from here on have to be lived again before anything else, and how that is told.
    pub(super) rebuild: Option<(Day, Tell)>,
    /// Days from here on have to be lived again soon.
    pub(super) dirty_from: Option<Day>,
    /// Days from here on have to be lived again before the day in hand ends.
    pub(super) stale_from: Option<Day>,
    /// When that was first known, or done last, by the caller's clock.
    pub(super) corrected_second: Option<i64>,
    /// The day in hand is only looked at to its end; it goes on.
    pub(super) is_settling: bool,
    /// How far the names reached when open hours were last looked at, Unix seconds.
    pub(super) looked_second: Option<i64>,
    /// The queue holds more than was received.
    pub(super) is_behind: bool,
    /// How often objects that were counted could not be read again in a row, by name.
    pub(super) unreadable: BTreeMap<String, u32>,
    /// The list of refused things changed since it was written.
    is_list_stale: bool,
}

impl Engine {
    /// Goes on from what `state` holds, or begins. Reads nothing yet.
    ///
    /// # Errors
    /// When the state cannot be used, or the lake cannot be written.
    pub fn open(
        config: &Config,
        options: WatchOptions,
        state: StateDir,
        fetch: Box<dyn Fetch>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
        let pool = pool.map_err(|e| {
            Error::usage(format!("cannot start {} threads: {e}", options.threads), "ask for fewer --threads")
        })?;
        let mut book = state.load()?.unwrap_or_default();
        book.findings =
            options.with_findings.then(|| book.findings.take().unwrap_or_else(FindingSet::default));
        let open_day = book.days.last().map_or(Day(0), |day| Day(day.after.0 + 1));
        let rebuild = match book.dirty_from {
            Some(dirty) => (dirty.min(open_day), Tell::Later),
            None => (open_day, Tell::Nothing),
        };
        let lake = options.lake.as_deref().map(|root| LakeWriter::open(root, &config.s3)).transpose()?;
        let lateness_seconds = i64::from(config.input.lateness_minutes) * 60;
        let beside = Beside::load(config)?;
        let (settings, config_hash) = (beside.settings(config), beside.config_hash(config));
        let pipeline = Pipeline::new(settings.clone(), &config_hash, lateness_seconds);
        Ok(Self {
            config: config.clone(),
            settings,
            beside,
            config_hash,
            lateness_seconds,
            options,
            pool,
            state,
            fetch,
            observer,
            shelf: Shelf::new(lake),
            live: Live { pipeline, open: OpenHours::default() },
            dirty_from: book.dirty_from,
            stale_from: book.stale_from,
            book,
            rebuild: Some(rebuild),
            corrected_second: None,
            is_settling: false,
            looked_second: None,
            is_behind: false,
            unreadable: BTreeMap::new(),
            is_list_stale: false,
        })
    }

    /// Whether there is a past to go on from.
    pub fn is_fresh(&self) -> bool {
        self.book.ledger.is_empty() && self.book.days.is_empty()
    }

    /// Whether findings are given.
    pub fn takes_findings(&self) -> bool {
        self.options.with_findings
    }

    /// Notes whether more waits than was received. While it does, states between days are kept that would
    /// else be forgotten: what waits may belong to them.
    pub fn note_behind(&mut self, is_behind: bool) {
        self.is_behind = is_behind;
    }

    /// Makes the day in hand again after a start; whatever needs it does so by itself.
    ///
    /// # Errors
    /// When an object of it cannot be had for now, or the lake or the state cannot be written.
    pub fn ready(&mut self) -> Result<(), Error> {
        match self.rebuild {
            Some((from, tell)) => {
                // What is to be corrected anyway is corrected with it.
                let dirty = self.dirty_from;
                let (from, tell) = dirty.map_or((from, tell), |dirty| (from.min(dirty), Tell::Later));
                let stale_from = self.stale_from;
                self.live_again(from, tell)?;
                // What was made again is as it was.
                self.stale_from = stale_from.filter(|stale| *stale < from);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Catches up with a history: counts `items` as if they had arrived in order. Alerts are told of
    /// the last day of it and the day before; those of earlier days are in the lake only.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub fn catch_up(&mut self, items: Vec<Item>, now_second: i64) -> Result<(), Error> {
        for item in items {
            self.note_time(item.named_second(), now_second);
            let named = item.named_second().map(|second| Hour::of_second(second).day());
            // Where the name says nothing, reading will.
            let (first_day, last_day) = (named.unwrap_or(Day(0)), named.unwrap_or(Day(u32::MAX)));
            let entry = Entry { etag: item.etag, bytes: item.bytes, first_day, last_day };
            self.book.ledger.insert(item.name, entry);
        }
        self.book.closed = self.due_by_names();
        let newest = self.book.closed.map_or(Day(0), Hour::day);
        self.live_again(Day(0), Tell::Since(Day(newest.0.saturating_sub(1))))
    }

    /// Takes objects in, in any order, and closes the hours that are due. `now_second` is the
    /// present, Unix seconds. Gives what became of each.
    ///
    /// # Errors
    /// When the day in hand cannot be made, or the lake or the state cannot be written. Then
    /// nothing of `items` is safe: their messages have to come again.
    pub fn absorb(&mut self, items: &[Item], now_second: i64) -> Result<Vec<Fate>, Error> {
        self.ready()?;
        let mut fates: BTreeMap<&Item, Fate> = BTreeMap::new();
        let mut wanted = Vec::new();
        let mut etags: BTreeMap<String, String> = BTreeMap::new();
        for item in items {
            if fates.contains_key(item) {
                self.observer.note(&Event::Duplicate { name: &item.name });
                continue;
            }
            let fate = self.sort_out(item).or_else(|| {
                // Of two versions of an object one is there, and only reading tells which: one at a time.
                if etags.contains_key(&item.name) {
                    return Some(self.again(item, "another version of it is being read"));
                }
                etags.insert(item.name.clone(), item.etag.clone());
                None
            });
            if fate.is_none() {
                wanted.push(item.clone());
            }
            fates.insert(item, fate.unwrap_or(Fate::Counted));
        }
        let lacking = self.read(wanted, &mut |engine, batch, read, _| {
            engine.take(batch, read, &etags, now_second);
            Ok(())
        })?;
        for (item, lack) in lacking {
            let fate = self.lack(&item, &lack);
            if let Some(known) = fates.get_mut(&item) {
                *known = fate;
            }
        }
        self.advance(now_second)?;
        self.look_early();
        Ok(items.iter().map(|item| fates.get(item).copied().unwrap_or(Fate::Again)).collect())
    }

    /// Lets time pass while nothing arrives: closes what is due by the clock, and lives again what
    /// has to be.
    ///
    /// # Errors
    /// As [`Self::absorb`].
    pub fn pass_time(&mut self, now_second: i64, is_idle: bool) -> Result<(), Error> {
        self.ready()?;
        self.advance(now_second)?;
        let due = self.due_by_clock(now_second);
        if is_idle && self.book.closed < Some(due) && !self.live.open.due(due).is_empty() {
            self.close(due)?;
        }
        Ok(())
    }

    /// Writes the books. What was counted before is safe afterwards.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn checkpoint(&mut self) -> Result<(), Error> {
        // A correction that was begun and not done is begun again after a crash.
        let begun = self.rebuild.filter(|(_, tell)| *tell == Tell::Later).map(|(from, _)| from);
        self.book.dirty_from = earlier(self.dirty_from, begun);
        self.book.stale_from = self.stale_from;
        let bytes = self.state.save(&self.book)?;
        if std::mem::take(&mut self.is_list_stale) {
            self.state.list_quarantine(&self.book)?;
        }
        self.observer.note(&Event::Checkpoint { bytes, outbox: self.book.outbox.len() as u64 });
        Ok(())
    }

    /// Ends as `scan` would: corrects what is due, closes all hours, ends the day in hand and writes
    /// it to the lake. The books stay where they were, so that the day goes on with what comes later.
    ///
    /// # Errors
    /// As [`Self::absorb`].
    pub fn settle(&mut self) -> Result<(), Error> {
        self.ready()?;
        if let Some(from) = earlier(self.dirty_from, self.stale_from) {
            self.live_again(from, Tell::Later)?;
        }
        let closed = self.book.closed;
        self.is_settling = true;
        let done = self.close_up_to(Hour(u32::MAX), Tell::News).and_then(|()| self.finish());
        self.is_settling = false;
        self.book.closed = closed;
        let open_day = self.book.days.last().map_or(Day(0), |day| Day(day.after.0 + 1));
        self.rebuild = Some((open_day, Tell::Nothing));
        done
    }

    fn finish(&mut self) -> Result<(), Error> {
        let (pool, live, shelf) = (&self.pool, &mut self.live, &mut self.shelf);
        let tally = pool.install(|| live.pipeline.finish(shelf))?;
        if let (Some(lake), true) = (self.shelf.lake(), self.book.findings.is_some()) {
            lake.write_findings(&tally.findings)?;
        }
        self.tell_ended(Tell::News);
        Ok(())
    }

    /// Alerts that nobody has confirmed yet, in order.
    pub fn outbox(&self) -> &[Alert] {
        &self.book.outbox
    }

    /// Takes alerts, by id and revision, out of the outbox: nobody need be offered them any more. It is
    /// remembered with the next checkpoint; until then they may be sent again, under the same ids and
    /// revisions.
    pub fn confirm(&mut self, done: &BTreeSet<(String, u32)>) {
        let before = self.book.outbox.len();
        self.give_up(done);
        self.observer.note(&Event::Published { alerts: (before - self.book.outbox.len()) as u64 });
    }

    /// The same with alerts that nobody takes; see [`Self::refuse`].
    pub fn give_up(&mut self, done: &BTreeSet<(String, u32)>) {
        self.book.outbox.retain(|alert| !done.contains(&alert.name_and_revision()));
    }

    /// Puts something on the list of what was refused, once: its message may come again before it is
    /// deleted.
    pub fn refuse(&mut self, name: &str, reason: Reason, detail: &str) {
        let refused = Quarantined { name: name.to_owned(), reason, detail: detail.to_owned() };
        let list = &mut self.book.quarantine;
        if list.contains(&refused) {
            return;
        }
        self.observer.note(&Event::Refused { name, reason, detail });
        list.push(refused);
        if list.len() > QUARANTINED_NAMED_MAX {
            list.remove(0);
            self.book.quarantined_more += 1;
        }
        self.is_list_stale = true;
    }

    /// What can be said about an object without reading it.
    fn sort_out(&mut self, item: &Item) -> Option<Fate> {
        if self.book.ledger.get(&item.name).is_some_and(|entry| entry.etag == item.etag) {
            self.observer.note(&Event::Duplicate { name: &item.name });
            return Some(Fate::Counted);
        }
        let first = self.first_day();
        // The day before, because what an object holds may reach over midnight.
        if item.named_second().is_some_and(|second| Hour::of_second(second).day().0 + 1 < first.0) {
            self.refuse_late(&item.name, first);
            return Some(Fate::Refused);
        }
        None
    }

    fn refuse_late(&mut self, name: &str, first: Day) {
        let detail = format!("days before {} are closed for good; scan counts it", first.date());
        self.refuse(name, Reason::TooLate, &detail);
    }

    /// Takes a batch of new objects into the open hours. What belongs to closed ones waits for a
    /// correction.
    fn take(
        &mut self,
        batch: &[ObjectRef],
        mut read: Batch,
        etags: &BTreeMap<String, String>,
        now_second: i64,
    ) {
        let first_day = self.first_day();
        for (object, (_, outcome)) in batch.iter().zip(&read.outcomes) {
            let days = self.days_of(object, outcome);
            let named = object.key.as_ref().map(|key| Hour::of_second(key.time_second));
            let earliest = outcome.hours().iter().copied().chain(named).min();
            if days.0 < first_day {
                self.refuse_late(&object.name, first_day);
            }
            if earliest.is_some_and(|hour| Some(hour) <= self.book.closed) {
                self.soil(days.0.max(first_day), now_second);
            }
            self.note_counted(object, outcome);
            let etag = etags.get(&object.name).cloned().unwrap_or_default();
            let entry = Entry { etag, bytes: object.bytes, first_day: days.0, last_day: days.1 };
            self.enter(&object.name, entry, now_second);
            outcome.note_in(object, &mut self.live.open.ledger);
            // Where names say nothing, the hours of the records tell how far the stream has come.
            let told = object.key.as_ref().map(|key| key.time_second);
            let newest = || outcome.hours().iter().max().map(|hour| hour.start_second());
            self.note_time(told.or_else(newest), now_second);
        }
        if let Some(closed) = self.book.closed {
            let open = Hour(closed.0.saturating_add(1));
            let mut late = OpenHours { shard: read.shard, ..OpenHours::default() };
            late.forget_before(open);
            read.shard = late.shard;
            self.live.open.ledger.forget_up_to(closed);
        }
        self.live.open.shard.merge(read.shard);
    }

    /// Enters an object in the ledger.
    fn enter(&mut self, name: &str, entry: Entry, now_second: i64) {
        if let Some(old) = self.book.ledger.insert(name.to_owned(), entry) {
            // Another version: what the old one held has to go.
            self.soil(old.first_day.max(self.first_day()), now_second);
        }
    }

    fn lack(&mut self, item: &Item, lack: &Lack) -> Fate {
        match lack {
            Lack::Passing(detail) => self.again(item, detail),
            // When another version is in its place, the event of that one is on its way.
            Lack::Gone(_, detail) => {
                self.refuse(&item.name, Reason::Missing, detail);
                Fate::Refused
            }
        }
    }

    fn again(&self, item: &Item, detail: &str) -> Fate {
        self.observer.note(&Event::Again { name: &item.name, detail });
        Fate::Again
    }

    /// Notes how far the stream has come. A name from the future closes nothing.
    fn note_time(&mut self, second: Option<i64>, now_second: i64) {
        let believed = second.filter(|second| *second <= now_second.saturating_add(NAMED_AHEAD_SECONDS_MAX));
        self.book.newest_named_second = self.book.newest_named_second.max(believed);
    }

    /// Notes that days from `from` on have to be lived again.
    pub(super) fn soil(&mut self, from: Day, now_second: i64) {
        self.corrected_second.get_or_insert(now_second);
        self.dirty_from = Some(self.dirty_from.map_or(from, |dirty| dirty.min(from)));
    }

    /// Lives again what has waited long enough, then closes what is due by the names met.
    fn advance(&mut self, now_second: i64) -> Result<(), Error> {
        let since = self.corrected_second.unwrap_or(now_second);
        if let Some(from) = self.dirty_from
            && now_second - since >= self.options.correction_seconds
        {
            self.live_again(from, Tell::Later)?;
        }
        match self.due_by_names() {
            Some(due) if Some(due) > self.book.closed => self.close(due),
            _ => Ok(()),
        }
    }

    /// Closes hours. Before the day in hand ends, what waits for a correction is corrected, however soon
    /// that is: days end fast when there is much to catch up with, and their states are forgotten.
    fn close(&mut self, due: Hour) -> Result<(), Error> {
        let ends = self.live.pipeline.day().is_some_and(|day| due >= Day(day.0 + 1).first_hour());
        if let Some(from) = earlier(self.dirty_from, self.stale_from).filter(|_| ends) {
            self.live_again(from, Tell::Later)?;
        }
        self.close_up_to(due, Tell::News)
    }
}

/// The earlier of two days, where there are any.
pub(super) fn earlier(one: Option<Day>, two: Option<Day>) -> Option<Day> {
    one.into_iter().chain(two).min()
}
