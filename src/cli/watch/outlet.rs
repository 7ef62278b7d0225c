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
use crate::state::Reason;
use crate::watch::{Engine, Event, Observer};

/// Alerts offered to SNS at once.
const AT_ONCE: usize = 10;
/// How often SNS may refuse an alert while it takes others, before it is put on the list.
const REFUSALS_MAX: u32 = 5;

pub(super) struct Outlet {
    publisher: Publisher,
    term: Term,
    /// How often each was refused, by id and revision.
    refusals: BTreeMap<(String, u32), u32>,
}

impl Outlet {
    pub(super) fn open(args: &WatchArgs, aws: &S3, term: Term) -> Result<Self, Error> {
        let publisher = Publisher::open(&args.publish, aws, term)?;
        Ok(Self { publisher, term, refusals: BTreeMap::new() })
    }

    /// Offers what waits, in order. What is not taken stays, and is offered with the next call.
    pub(super) fn drain(&mut self, engine: &mut Engine, observer: &dyn Observer) -> Result<(), Error> {
        self.publisher.try_anew();
        while !engine.outbox().is_empty() {
            let waiting: Vec<Alert> = engine.outbox().iter().take(AT_ONCE).cloned().collect();
            if self.offer(&waiting)? {
                self.confirm(engine, &waiting)?;
                continue;
            }
            // Some of them were refused, and nobody says which: one by one.
            let first = std::slice::from_ref(&waiting[0]);
            self.publisher.try_anew();
            if self.offer(first)? {
                self.confirm(engine, first)?;
                continue;
            }
            let alert = &waiting[0];
            let refused = self.refusals.entry((alert.id.clone(), alert.revision)).or_default();
            *refused += 1;
            let detail = self.publisher.last_fault().unwrap_or_default();
            observer.note(&Event::PublishFailed { alerts: engine.outbox().len() as u64, detail: &detail });
            let is_hopeless = *refused >= REFUSALS_MAX && self.takes_others(&waiting[1..])?;
            if is_hopeless {
                engine.refuse(&alert.id, Reason::Unpublishable, &detail);
                self.publisher.forget(&waiting[..1]);
                engine.drop_first();
                continue;
            }
            return Ok(());
        }
        Ok(())
    }

    /// Whether SNS takes the next alert: then it is the refused one, not the way, that is wrong.
    fn takes_others(&mut self, others: &[Alert]) -> Result<bool, Error> {
        self.publisher.try_anew();
        match others.first() {
            Some(other) => self.offer(std::slice::from_ref(other)),
            None => Ok(false),
        }
    }

    fn offer(&mut self, alerts: &[Alert]) -> Result<bool, Error> {
        self.publisher.offer(alerts)
    }

    fn confirm(&mut self, engine: &mut Engine, alerts: &[Alert]) -> Result<(), Error> {
        let lines: String = alerts.iter().map(json_line).collect();
        self.term.print(&lines)?;
        self.publisher.forget(alerts);
        engine.confirm(alerts.len());
        Ok(())
    }
}
