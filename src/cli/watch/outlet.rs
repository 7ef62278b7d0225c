//! Where alerts leave: the standard output, a line each, the topic and Security Hub, when they were
//! named. Each gets an alert as soon as it is due, whatever the others do; the alert is kept until all of
//! them have it.

use crate::alert::Alert;
use crate::cli::args::WatchArgs;
use crate::cli::publish::{Way, ways};
use crate::cli::render::json_line;
use crate::cli::term::Term;
use crate::config::S3;
use crate::error::Error;
use crate::sink::Topic;
use crate::state::Reason;
use crate::watch::{Digest, Engine, Event, Observer};

use super::doors::Doors;

pub(super) struct Outlet {
    doors: Doors<Way>,
    term: Term,
}

impl Outlet {
    pub(super) fn open(args: &WatchArgs, aws: &S3, term: Term) -> Result<Self, Error> {
        if args.digest.is_some() && args.publish.sns_topic_arn.as_ref().is_some_and(Topic::is_fifo) {
            return Err(Error::usage(
                "a digest on a FIFO topic: it is for people, and only SQS can subscribe there",
                "name a standard topic, or leave --digest out",
            ));
        }
        let ways = ways(&args.publish, aws, term)?;
        Ok(Self { doors: Doors::new(ways, Digest::new(args.digest.unwrap_or(0))), term })
    }

    /// Notes at `now_second` whether alerts wait.
    pub(super) fn look(&mut self, outbox: &[Alert], now_second: i64) {
        self.doors.look(outbox, now_second);
    }

    /// Whether something of `outbox` is to leave at `now_second`, for the first time or again.
    pub(super) fn is_due(&self, outbox: &[Alert], now_second: i64) -> bool {
        self.doors.is_due(outbox, now_second)
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
        let term = self.term;
        let mut print = |alerts: &[Alert]| term.print(&alerts.iter().map(json_line).collect::<String>());
        self.doors.offer(engine.outbox(), now_second, is_last, &mut print)?;
        for (alerts, detail) in self.doors.refused_now() {
            observer.note(&Event::PublishFailed { alerts, detail: &detail });
        }
        let settled = self.doors.settle(engine.outbox());
        settled.missed.iter().for_each(|(id, why)| engine.refuse(id, Reason::Unpublishable, why));
        engine.confirm(&settled.told);
        engine.give_up(&settled.untold);
        Ok(self.doors.has_left())
    }
}
