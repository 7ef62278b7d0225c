//! The loop: receive, absorb, checkpoint, delete, publish. A message goes only after the checkpoint
//! that holds what it announced; an alert is forgotten only after SNS has it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cli::args::WatchArgs;
use crate::cli::progress::{interrupted, now};
use crate::cli::term::Term;
use crate::error::Error;
use crate::limits::{OUTBOX_ALERTS_MAX, QUEUE_MESSAGES_AT_ONCE_MAX, QUEUE_MESSAGES_IN_HAND_MAX};
use crate::source::Buckets;
use crate::source::events::Allowed;
use crate::source::queue::{Queue, Received, WAIT_SECONDS_MAX};
use crate::watch::{Engine, Event, Fate, Item, Observer};

use super::inbox::Inbox;
use super::now_second;
use super::outlet::Outlet;

/// How long a queue has to be empty for `--drain`, in answers of `DRAIN_WAIT_SECONDS`.
const DRAIN_ANSWERS: u32 = 2;
const DRAIN_WAIT_SECONDS: i32 = 1;
/// When a message that could not be done comes again, seconds.
const AGAIN_SECONDS: i32 = 10;
/// When alerts that SNS did not take are offered again.
const OFFER_AGAIN: Duration = Duration::from_secs(30);
/// Exit code when alerts could not be published.
const PARTIAL: u8 = 3;
/// Longest pause after errors in a row.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// How often a pause looks whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Everything the loop needs.
pub(super) struct Rounds<'a> {
    pub(super) args: &'a WatchArgs,
    pub(super) engine: Engine,
    pub(super) queue: Queue,
    pub(super) outlet: Outlet,
    pub(super) allowed: Allowed,
    pub(super) buckets: Arc<Buckets>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) term: Term,
}

/// What changes from round to round.
struct Progress {
    /// Messages that may go after the next checkpoint.
    done: Vec<String>,
    /// Objects since the last one.
    objects: usize,
    last_checkpoint: Instant,
    last_arrival: Instant,
    empty_answers: u32,
    /// Messages given back that have to come again.
    given_back: bool,
    errors: u32,
    /// When alerts that SNS did not take are offered again.
    offer_after: Instant,
    /// It is about to end: nothing waits for more.
    is_last: bool,
}

impl Rounds<'_> {
    /// Goes on until told to stop, or until the queue is empty with `--drain`.
    pub(super) fn run(mut self) -> Result<u8, Error> {
        let start = now();
        let mut at = Progress {
            done: Vec::new(),
            objects: 0,
            last_checkpoint: start,
            last_arrival: start,
            empty_answers: 0,
            given_back: false,
            errors: 0,
            offer_after: start,
            is_last: false,
        };
        self.outlet.look(self.engine.outbox(), now_second());
        let mut is_first = true;
        while !interrupted() && !self.is_drained(&at) {
            match self.round(&mut at) {
                Ok(()) => at.errors = 0,
                // What never worked will not come right by waiting.
                Err(error @ Error::Service { .. }) if !is_first || at.errors > 0 => {
                    self.pause(&error, &mut at);
                }
                Err(error) => return Err(error),
            }
            is_first = false;
        }
        if self.args.drain && !interrupted() {
            self.engine.settle()?;
        }
        at.offer_after = now();
        at.is_last = true;
        self.keep(&mut at)?;
        self.engine.checkpoint()?;
        Ok(if self.engine.outbox().is_empty() { 0 } else { PARTIAL })
    }

    fn is_drained(&self, at: &Progress) -> bool {
        let waits = if at.given_back { AGAIN_SECONDS as u32 + DRAIN_ANSWERS } else { DRAIN_ANSWERS };
        self.args.drain && at.empty_answers >= waits
    }

    fn round(&mut self, at: &mut Progress) -> Result<(), Error> {
        let received = self.receive(at)?;
        let is_empty = received.is_empty();
        if is_empty {
            at.empty_answers += 1;
            let idle = now().duration_since(at.last_arrival).as_secs() as i64;
            self.engine.pass_time(now_second(), idle >= self.args.idle)?;
        } else {
            at.empty_answers = 0;
            at.given_back = false;
            at.last_arrival = now();
            let oldest = received.iter().filter_map(|message| message.sent_second).min();
            let (messages, lag_seconds) =
                (received.len() as u64, oldest.map_or(0, |sent| (now_second() - sent).max(0)));
            self.observer.note(&Event::Received { messages, lag_seconds });
            self.absorb(received, at)?;
        }
        self.outlet.look(self.engine.outbox(), now_second());
        let waited = now().duration_since(at.last_checkpoint).as_secs();
        let has_work = !at.done.is_empty() || self.has_offers(at);
        let is_due = at.objects >= self.args.checkpoint_objects as usize
            || waited >= u64::from(self.args.checkpoint_seconds)
            || is_empty && has_work;
        if is_due { self.keep(at) } else { Ok(()) }
    }

    /// As many messages as are there, within bounds. Waits for the first.
    fn receive(&self, at: &Progress) -> Result<Vec<Received>, Error> {
        let mut all: Vec<Received> = Vec::new();
        let is_full = self.engine.outbox().len() >= OUTBOX_ALERTS_MAX
            || self.queue.in_hand() >= QUEUE_MESSAGES_IN_HAND_MAX;
        if is_full {
            return Ok(all);
        }
        let longest = i32::from(self.args.checkpoint_seconds).min(WAIT_SECONDS_MAX);
        let mut wait = if self.args.drain { DRAIN_WAIT_SECONDS } else { longest };
        if !at.done.is_empty() || self.has_offers(at) {
            wait = wait.min(DRAIN_WAIT_SECONDS);
        }
        while all.len() < QUEUE_MESSAGES_AT_ONCE_MAX {
            let more = self.queue.receive(wait, &interrupted)?;
            if more.is_empty() {
                break;
            }
            all.extend(more);
            wait = 0;
        }
        Ok(all)
    }

    fn absorb(&mut self, received: Vec<Received>, at: &mut Progress) -> Result<(), Error> {
        let mut inbox = Inbox::default();
        for message in received {
            inbox.take(message, &self.allowed, &self.buckets, &mut self.engine);
        }
        self.engine.take_findings(std::mem::take(&mut inbox.findings), now_second());
        let items: Vec<Item> = inbox.messages.iter().flat_map(|(_, items)| items.iter().cloned()).collect();
        let fates = match self.engine.absorb(&items, now_second()) {
            Ok(fates) => fates,
            Err(error) => {
                inbox.again.extend(inbox.messages.into_iter().map(|(id, _)| id));
                self.give_back(&inbox.again, at)?;
                return Err(error);
            }
        };
        let mut fates = fates.into_iter();
        for (id, items) in inbox.messages {
            at.objects += items.len();
            // `all` would leave fates of this message to the next one.
            let again = fates.by_ref().take(items.len()).filter(|fate| *fate == Fate::Again).count();
            if again > 0 { inbox.again.push(id) } else { at.done.push(id) }
        }
        self.give_back(&inbox.again, at)
    }

    fn give_back(&self, ids: &[String], at: &mut Progress) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        at.given_back = true;
        self.queue.give_back(ids, AGAIN_SECONDS)
    }

    /// Makes safe what was counted, then lets its messages go, then lets alerts out.
    fn keep(&mut self, at: &mut Progress) -> Result<(), Error> {
        self.engine.checkpoint()?;
        (at.objects, at.last_checkpoint) = (0, now());
        let left = self.queue.delete(&at.done)?;
        let (messages, left) = (at.done.len().saturating_sub(left) as u64, left as u64);
        self.observer.note(&Event::Deleted { messages, left });
        at.done.clear();
        if self.has_offers(at) {
            let is_refused =
                self.outlet.drain(&mut self.engine, &*self.observer, now_second(), at.is_last)?;
            at.offer_after = if is_refused { now() + OFFER_AGAIN } else { now() };
        }
        Ok(())
    }

    /// Whether alerts are due, and it is time to offer them.
    fn has_offers(&self, at: &Progress) -> bool {
        let outbox = self.engine.outbox();
        let is_due = at.is_last && !outbox.is_empty() || self.outlet.is_due(outbox, now_second());
        is_due && now() >= at.offer_after
    }

    /// Waits after an error that may pass.
    fn pause(&self, error: &Error, at: &mut Progress) {
        let hint = error.hint().unwrap_or_default();
        self.term.must_say(&format!("warning: {}", crate::cli::text::safe(&error.to_string())));
        self.term.must_say(&format!("hint: {}", crate::cli::text::safe(&hint)));
        let pause = Duration::from_secs(1).saturating_mul(1 << at.errors.min(6)).min(PAUSE_MAX);
        at.errors += 1;
        let start = now();
        while !interrupted() && now().duration_since(start) < pause {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
