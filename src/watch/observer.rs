//! What the engine tells whoever counts and logs.

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::alert::Alert;
use crate::pipeline::Standing;
use crate::record::ReadReport;
use crate::state::Reason;
use crate::window::{Day, Hour};

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// An object was counted for the first time.
    Counted {
        /// Its name.
        name: &'a str,
        /// Its size before inflating, bytes.
        object_bytes: u64,
        /// What reading it came to.
        report: &'a ReadReport,
    },
    /// An object was offered that is counted already.
    Duplicate {
        /// Its name.
        name: &'a str,
    },
    /// Something was refused for good.
    Refused {
        /// Its name.
        name: &'a str,
        /// Why.
        reason: Reason,
        /// More about it.
        detail: &'a str,
    },
    /// An object could not be had for now; it has to come again.
    Again {
        /// Its name.
        name: &'a str,
        /// What happened.
        detail: &'a str,
    },
    /// An hour was closed for the first time.
    HourClosed(Hour),
    /// A day has ended, with these alerts, sent or not.
    DayEnded {
        /// Which.
        day: Day,
        /// Its alerts.
        alerts: &'a [Alert],
        /// It had ended before, and was corrected.
        is_again: bool,
    },
    /// Days were lived again.
    Corrected {
        /// The first of them.
        from: Day,
        /// Objects read again.
        objects: u64,
    },
    /// An alert is to be sent.
    Told(&'a Alert),
    /// An alert that was sent is no longer one, after a correction.
    Withdrawn {
        /// Its id.
        id: &'a str,
    },
    /// A finding of `GuardDuty` was taken in.
    Finding,
    /// The books are on disk.
    Checkpoint {
        /// Size of the file, bytes.
        bytes: u64,
        /// Alerts in it that nobody has confirmed.
        outbox: u64,
    },
    /// Alerts were confirmed by whoever takes them.
    Published {
        /// How many.
        alerts: u64,
    },
    /// Alerts could not be delivered; they stay in the outbox.
    PublishFailed {
        /// How many.
        alerts: u64,
        /// Why, one line.
        detail: &'a str,
    },
    /// How the day in hand stands, after an hour has closed and after a start.
    Standing(&'a Standing),
    /// Messages were received.
    Received {
        /// How many.
        messages: u64,
    },
    /// How long the oldest message waits that is not done, seconds; 0 when none does.
    QueueLag {
        /// Age, seconds.
        lag_seconds: i64,
    },
    /// Messages were deleted; so many could not be.
    Deleted {
        /// How many went.
        messages: u64,
        /// How many did not.
        left: u64,
    },
}

/// Takes events. It may be called from several threads, and must not block.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn note(&self, event: &Event<'_>);
}

/// Counts of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Objects counted.
    pub objects: u64,
    /// Their size, bytes.
    pub object_bytes: u64,
    /// Their records with status OK.
    pub records: u64,
    /// Objects offered again.
    pub duplicates: u64,
    /// Refused, by `Reason as usize`.
    pub refused: [u64; Reason::ALL.len()],
    /// Objects that have to come again.
    pub again: u64,
    /// Hours closed.
    pub hours: u64,
    /// Days ended, corrections included.
    pub days: u64,
    /// Corrections.
    pub corrections: u64,
    /// Objects read again for them.
    pub reread: u64,
    /// Alerts handed to the outbox.
    pub told: u64,
    /// Alerts taken back.
    pub withdrawn: u64,
    /// Findings taken in.
    pub findings: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Alerts confirmed.
    pub published: u64,
    /// Failed deliveries of alerts.
    pub publish_failures: u64,
    /// Messages received.
    pub received: u64,
    /// Messages deleted.
    pub deleted: u64,
    /// Age of the oldest message that is not done, seconds.
    pub queue_lag_seconds: i64,
}

/// An observer that counts.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Sums>);

impl Counts {
    /// The counts so far.
    pub fn sums(&self) -> Sums {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Counts {
    fn note(&self, event: &Event<'_>) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Counted { object_bytes, report, .. } => {
                sums.objects += 1;
                sums.object_bytes += object_bytes;
                sums.records += report.records;
            }
            Event::Duplicate { .. } => sums.duplicates += 1,
            Event::Refused { reason, .. } => sums.refused[*reason as usize] += 1,
            Event::Again { .. } => sums.again += 1,
            Event::HourClosed(_) => sums.hours += 1,
            Event::DayEnded { .. } => sums.days += 1,
            Event::Corrected { objects, .. } => {
                sums.corrections += 1;
                sums.reread += objects;
            }
            Event::Told(_) => sums.told += 1,
            Event::Withdrawn { .. } => sums.withdrawn += 1,
            Event::Finding => sums.findings += 1,
            Event::Checkpoint { .. } => sums.checkpoints += 1,
            Event::Published { alerts } => sums.published += alerts,
            Event::PublishFailed { alerts, .. } => sums.publish_failures += alerts,
            Event::Standing(_) => {}
            Event::Received { messages } => sums.received += messages,
            Event::QueueLag { lag_seconds } => sums.queue_lag_seconds = *lag_seconds,
            Event::Deleted { messages, .. } => sums.deleted += messages,
        }
    }
}
