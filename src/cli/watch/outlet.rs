//! Where alerts leave: the topic and Security Hub, when they were named, and the standard output, a line
//! each. An alert is printed once it is confirmed, and confirmed once all of them have it.

use std::collections::BTreeMap;

use crate::alert::Alert;
use crate::cli::args::WatchArgs;
use crate::cli::publish::Publisher;
use crate::cli::render::json_line;
use crate::cli::term::Term;
use crate::config::S3;
use crate::error::Error;
use crate::sink::Topic;
use crate::state::Reason;
use crate::watch::{Digest, Engine, Event, Observer, Parcel};

/// Alerts offered to SNS at once.
const AT_ONCE: usize = 10;
/// How often SNS may refuse an alert while it takes others, before it is put on the list.
const REFUSALS_MAX: u32 = 5;

pub(super) struct Outlet {
    publisher: Publisher,
    term: Term,
    digest: Digest,
    /// How often each was refused, by id and revision.
    refusals: BTreeMap<(String, u32), u32>,
}

impl Outlet {
    pub(super) fn open(args: &WatchArgs, aws: &S3, term: Term) -> Result<Self, Error> {
        if args.digest.is_some() && args.publish.sns_topic_arn.as_ref().is_some_and(Topic::is_fifo) {
            return Err(Error::usage(
                "a digest on a FIFO topic: it is for people, and only SQS can subscribe there",
                "name a standard topic, or leave --digest out",
            ));
        }
        let publisher = Publisher::open(&args.publish, aws, term)?;
        Ok(Self { publisher, term, digest: Digest::new(args.digest.unwrap_or(0)), refusals: BTreeMap::new() })
    }

    /// Notes at `now_second` whether alerts wait.
    pub(super) fn look(&mut self, outbox: &[Alert], now_second: i64) {
        self.digest.look(outbox, now_second);
    }

    /// Whether something of `outbox` is to leave at `now_second`.
    pub(super) fn is_due(&self, outbox: &[Alert], now_second: i64) -> bool {
        self.digest.due(outbox, now_second, false).is_some()
    }

    /// Offers what is due at `now_second`, in order. What is not taken stays, and is offered with the
    /// next call; gives whether there is such. `is_last`: there is none.
    pub(super) fn drain(
        &mut self,
        engine: &mut Engine,
        observer: &dyn Observer,
        now_second: i64,
        is_last: bool,
    ) -> Result<bool, Error> {
        self.publisher.try_anew();
        while let Some(parcel) = self.digest.due(engine.outbox(), now_second, is_last) {
            let is_taken = match parcel {
                Parcel::Each(alerts) => self.offer_each(engine, alerts, observer)?,
                Parcel::Together(alerts) => self.offer_together(engine, alerts, observer)?,
            };
            if !is_taken {
                return Ok(true);
            }
            self.digest.left(parcel, engine.outbox());
        }
        Ok(false)
    }

    /// Offers the first `alerts` of the outbox as digests. Whether SNS took them.
    fn offer_together(
        &mut self,
        engine: &mut Engine,
        alerts: usize,
        observer: &dyn Observer,
    ) -> Result<bool, Error> {
        let mut left = alerts;
        while left > 0 {
            let waiting = engine.outbox()[..left].to_vec();
            let (count, is_taken) = self.publisher.offer_together(&waiting)?;
            if !is_taken {
                if self.note_refusal(&waiting[0], engine, observer) < REFUSALS_MAX {
                    return Ok(false);
                }
                // It may be what the digest holds: each by itself tells which.
                return self.offer_each(engine, left, observer);
            }
            self.confirm(engine, &waiting[..count])?;
            left -= count;
        }
        Ok(true)
    }

    /// Offers the first `alerts` of the outbox, each as a message. Whether SNS took them.
    fn offer_each(
        &mut self,
        engine: &mut Engine,
        alerts: usize,
        observer: &dyn Observer,
    ) -> Result<bool, Error> {
        let mut left = alerts;
        while left > 0 {
            let waiting: Vec<Alert> = engine.outbox().iter().take(left.min(AT_ONCE)).cloned().collect();
            if self.publisher.offer(&waiting)? {
                self.confirm(engine, &waiting)?;
                left -= waiting.len();
                continue;
            }
            // Some of them were refused, and nobody says which: one by one.
            let first = std::slice::from_ref(&waiting[0]);
            self.publisher.try_anew();
            if self.publisher.offer(first)? {
                self.confirm(engine, first)?;
                left -= 1;
                continue;
            }
            let refused = self.note_refusal(&waiting[0], engine, observer);
            let is_hopeless = refused >= REFUSALS_MAX && self.takes_others(&waiting[1..])?;
            if !is_hopeless {
                return Ok(false);
            }
            let detail = self.publisher.last_fault().unwrap_or_default();
            engine.refuse(&waiting[0].id, Reason::Unpublishable, &detail);
            self.publisher.forget(&waiting[..1]);
            engine.drop_first();
            left -= 1;
        }
        Ok(true)
    }

    /// Notes and tells that SNS refused `alert`. How often it did.
    fn note_refusal(&mut self, alert: &Alert, engine: &Engine, observer: &dyn Observer) -> u32 {
        let refused = self.refusals.entry((alert.id.clone(), alert.revision)).or_default();
        *refused += 1;
        let detail = self.publisher.last_fault().unwrap_or_default();
        observer.note(&Event::PublishFailed { alerts: engine.outbox().len() as u64, detail: &detail });
        *refused
    }

    /// Whether SNS takes the next alert: then it is the refused one, not the way, that is wrong.
    fn takes_others(&mut self, others: &[Alert]) -> Result<bool, Error> {
        self.publisher.try_anew();
        match others.first() {
            Some(other) => self.publisher.offer(std::slice::from_ref(other)),
            None => Ok(false),
        }
    }

    fn confirm(&mut self, engine: &mut Engine, alerts: &[Alert]) -> Result<(), Error> {
        let lines: String = alerts.iter().map(json_line).collect();
        self.term.print(&lines)?;
        for alert in alerts {
            if let Some(why) = self.publisher.never_taken(alert) {
                engine.refuse(&alert.id, Reason::Unpublishable, &why);
            }
        }
        self.publisher.forget(alerts);
        engine.confirm(alerts.len());
        Ok(())
    }
}
