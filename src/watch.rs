//! The continuous driver: objects in as they arrive, in any order and more than once; alerts out as
//! hours close. In the end there are the alerts and the lake that `scan` makes of the same objects.
//!
//! How. Everything is a function of the set of objects, and what a day is compared with changes at
//! UTC midnight only. So the engine keeps the pipeline's state between days, and a ledger of the
//! objects of the days since. What comes too late for an hour that has closed, a crash, and a start
//! from nothing are then the same thing: a day is lived again, from the state before it, with the
//! objects of the ledger. Hours may close too early; that costs living a day twice, and
//! never a wrong result. It is the invariant of this room.
//!
//! Nothing here knows AWS or a clock: objects come through [`Fetch`], the present as an argument.

mod digest;
mod early;
mod engine;
mod fetch;
mod findings;
mod live;
mod observer;
mod outbox;
mod output;
mod replay;

use std::path::PathBuf;

pub use digest::{Digest, Parcel};
pub use engine::{Engine, Fate};
pub use fetch::{Fetch, Item, LocalFetch};
pub use observer::{Counts, Event, Observer};

/// How to watch.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// Worker threads, >= 1.
    pub threads: usize,
    /// Root of the lake to write, a folder or `s3://bucket/prefix`; `None`: none is written.
    pub lake: Option<PathBuf>,
    /// How far objects may come out of the order of their names before hours close, seconds. More
    /// costs delay, less costs days lived again.
    pub reorder_seconds: i64,
    /// How long after an object's time it is given up when nothing arrives at all, seconds.
    pub idle_seconds: i64,
    /// Least time between two corrections, seconds.
    pub correction_seconds: i64,
    /// Findings of `GuardDuty` are given; `false`: alerts say that none were.
    pub with_findings: bool,
    /// Hours that are still open are looked at, and what is HIGH by bytes alone is told at once.
    pub is_early: bool,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            threads: 1,
            lake: None,
            reorder_seconds: 600,
            idle_seconds: 1_800,
            correction_seconds: 300,
            with_findings: false,
            is_early: true,
        }
    }
}
