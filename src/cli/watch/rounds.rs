//! The loop: receive, absorb, checkpoint, delete, publish. A message goes only after the checkpoint
//! that holds what it announced; an alert is forgotten only after SNS has it.

use std::collections::BTreeMap;
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
/// When a message that could not be done comes again for the first time, seconds; then twice as long each
/// time, up to `AGAIN_SECONDS_MAX`: an outage of an hour must not make it a dead letter. With `--drain`,
/// where somebody waits, always so soon.
const AGAIN_SECONDS: i32 = 10;
const AGAIN_SECONDS_MAX: i32 = 900;
/// How long nothing is received when there is no room for what would come of it.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(1);
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
    /// When the oldest message was sent that is not done, Unix seconds.
    oldest_second: Option<i64>,
    /// When the queue answered last, Unix seconds; `None`: it never did.
    answered_second: Option<i64>,
    /// Alerts that do not leave fill the outbox, so nothing more can be received.
    is_stuck: bool,
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
            oldest_second: None,
            answered_second: None,
            is_stuck: false,
            errors: 0,
            offer_after: start,
            is_last: false,
        };
        self.outlet.look(self.engine.outbox(), now_second());
        while !interrupted() && !self.is_drained(&at) {
            match self.round(&mut at) {
                Ok(()) => at.errors = 0,
                // A queue that never answered will not come right by waiting.
                Err(error @ Error::Service { .. }) if at.answered_second.is_some() => {
                    self.pause(&error, &mut at);
                }
                Err(error) => return Err(error),
            }
        }
        if self.args.drain && !interrupted() && !at.is_stuck {
            self.engine.settle()?;
        }
        at.offer_after = now();
        at.is_last = true;
        let kept = self.keep(&mut at);
        self.engine.checkpoint()?;
        kept?;
        Ok(if self.engine.outbox().is_empty() { 0 } else { PARTIAL })
    }

    fn is_drained(&self, at: &Progress) -> bool {
        let waits = if at.given_back { AGAIN_SECONDS as u32 + DRAIN_ANSWERS } else { DRAIN_ANSWERS };
        self.args.drain && (at.is_stuck || at.empty_answers >= waits)
    }

    fn round(&mut self, at: &mut Progress) -> Result<(), Error> {
        if self.is_full() {
            return self.make_room(at);
        }
        let received = match self.receive(at) {
            Ok(received) => received,
            Err(error) => {
                // What is in hand, and what is to be told, does not wait for the queue.
                self.keep_if_due(at, true)?;
                return Err(error);
            }
        };
        at.answered_second = Some(now_second());
        let is_empty = received.is_empty();
        if is_empty {
            at.empty_answers += 1;
            // What was given back is not done; where nothing was, nothing waits.
            at.oldest_second = at.oldest_second.filter(|_| at.given_back);
            self.tell_lag(at);
            let idle = now().duration_since(at.last_arrival).as_secs() as i64;
            self.engine.pass_time(now_second(), idle >= self.args.idle)?;
        } else {
            at.empty_answers = 0;
            at.given_back = false;
            at.last_arrival = now();
            at.oldest_second = received.iter().filter_map(|message| message.sent_second).min();
            self.observer.note(&Event::Received { messages: received.len() as u64 });
            self.tell_lag(at);
            self.absorb(received, at)?;
        }
        self.outlet.look(self.engine.outbox(), now_second());
        self.keep_if_due(at, is_empty)
    }

    /// Whether there is no room for what more messages would bring.
    fn is_full(&self) -> bool {
        self.engine.outbox().len() >= OUTBOX_ALERTS_MAX || self.queue.in_hand() >= QUEUE_MESSAGES_IN_HAND_MAX
    }

    /// Lets alerts and messages go until there is room. The queue is not asked meanwhile, so nobody knows
    /// whether it is empty.
    fn make_room(&mut self, at: &mut Progress) -> Result<(), Error> {
        at.last_arrival = now();
        self.tell_lag(at);
        self.outlet.look(self.engine.outbox(), now_second());
        self.keep_if_due(at, true)?;
        at.is_stuck = self.is_full();
        if at.is_stuck {
            wait(WAIT_FOR_ROOM);
        }
        Ok(())
    }

    /// Tells how far the queue is behind. One that does not answer may be, since it did last.
    fn tell_lag(&self, at: &Progress) {
        let oldest = at.oldest_second.or(at.answered_second.filter(|_| at.errors > 0));
        let lag_seconds = oldest.map_or(0, |second| (now_second() - second).max(0));
        self.observer.note(&Event::QueueLag { lag_seconds });
    }

    /// Makes safe and tells what there is, when enough of it is there or waited long enough.
    /// `is_idle`: nothing else is to be done.
    fn keep_if_due(&mut self, at: &mut Progress, is_idle: bool) -> Result<(), Error> {
        let waited = now().duration_since(at.last_checkpoint).as_secs();
        let has_work = !at.done.is_empty() || self.has_offers(at);
        let is_due = at.objects >= self.args.checkpoint_objects as usize
            || waited >= u64::from(self.args.checkpoint_seconds)
            || is_idle && has_work;
        if is_due { self.keep(at) } else { Ok(()) }
    }

    /// As many messages as are there, within bounds. Waits for the first.
    fn receive(&mut self, at: &Progress) -> Result<Vec<Received>, Error> {
        let mut all: Vec<Received> = Vec::new();
        let longest = i32::from(self.args.checkpoint_seconds).min(WAIT_SECONDS_MAX);
        let mut wait = if self.args.drain { DRAIN_WAIT_SECONDS } else { longest };
        if !at.done.is_empty() || self.has_offers(at) {
            wait = wait.min(DRAIN_WAIT_SECONDS);
        }
        let mut is_behind = true;
        while all.len() < QUEUE_MESSAGES_AT_ONCE_MAX {
            match self.queue.receive(wait, &interrupted) {
                Ok(more) if more.is_empty() => {
                    is_behind = false;
                    break;
                }
                Ok(more) => all.extend(more),
                // They are in hand, and hidden from everybody else; the error comes again.
                Err(_) if !all.is_empty() => break,
                Err(error) => return Err(error),
            }
            wait = 0;
        }
        self.engine.note_behind(is_behind);
        Ok(all)
    }

    fn absorb(&mut self, received: Vec<Received>, at: &mut Progress) -> Result<(), Error> {
        let mut inbox = Inbox::default();
        let receipts = received.iter().map(|message| (message.id.clone(), message.receipts)).collect();
        for message in received {
            inbox.take(message, &self.allowed, &self.buckets, &mut self.engine);
        }
        self.engine.take_findings(std::mem::take(&mut inbox.findings), now_second());
        let items: Vec<Item> = inbox.messages.iter().flat_map(|(_, items)| items.iter().cloned()).collect();
        let fates = match self.engine.absorb(&items, now_second()) {
            Ok(fates) => fates,
            Err(error) => {
                inbox.again.extend(inbox.messages.into_iter().map(|(id, _)| id));
                self.give_back(&inbox.again, &receipts, at)?;
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
        self.give_back(&inbox.again, &receipts, at)
    }

    /// Gives messages back, each for longer the more `receipts` it has.
    fn give_back(
        &self,
        ids: &[String],
        receipts: &BTreeMap<String, u32>,
        at: &mut Progress,
    ) -> Result<(), Error> {
        let mut by_seconds: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        for id in ids {
            let before = receipts.get(id).map_or(0, |receipts| receipts.saturating_sub(1));
            let seconds = again_seconds(if self.args.drain { 0 } else { before });
            by_seconds.entry(seconds).or_default().push(id.clone());
        }
        at.given_back |= !ids.is_empty();
        by_seconds.iter().try_for_each(|(seconds, ids)| self.queue.give_back(ids, *seconds))
    }

    /// Makes safe what was counted, then lets its messages go, then lets alerts out.
    fn keep(&mut self, at: &mut Progress) -> Result<(), Error> {
        self.engine.checkpoint()?;
        (at.objects, at.last_checkpoint) = (0, now());
        // A message that stays in the queue costs a duplicate; an alert that is not told, an incident.
        let deleted = self.queue.delete(&at.done);
        if let Ok(left) = deleted {
            let (messages, left) = (at.done.len().saturating_sub(left) as u64, left as u64);
            self.observer.note(&Event::Deleted { messages, left });
            at.done.clear();
        }
        if self.has_offers(at) {
            let is_refused =
                self.outlet.drain(&mut self.engine, &*self.observer, now_second(), at.is_last)?;
            at.offer_after = if is_refused { now() + OFFER_AGAIN } else { now() };
        }
        deleted.map(drop)
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
        self.tell_lag(at);
        wait(pause);
    }
}

/// When a message comes again that was given back `before`, seconds.
fn again_seconds(before: u32) -> i32 {
    AGAIN_SECONDS.saturating_mul(1 << before.min(16)).min(AGAIN_SECONDS_MAX)
}

/// Waits, unless it is time to stop.
fn wait(pause: Duration) {
    let start = now();
    while !interrupted() && now().duration_since(start) < pause {
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The queue of the template gives a message up when it was received this often.
    const RECEIPTS_MAX: u32 = 12;

    #[test]
    fn an_outage_of_an_hour_makes_no_dead_letters() {
        let seconds: Vec<i32> = (0..RECEIPTS_MAX).map(again_seconds).collect();
        assert_eq!(seconds[..8], [10, 20, 40, 80, 160, 320, 640, 900]);
        assert!(seconds[..RECEIPTS_MAX as usize - 1].iter().sum::<i32>() > 3_600, "{seconds:?}");
        assert_eq!(again_seconds(u32::MAX), AGAIN_SECONDS_MAX);
    }
}
