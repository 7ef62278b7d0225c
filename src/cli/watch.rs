//! `outflow watch`: sets up queue, buckets, topic and state, and keeps the engine going.

mod doors;
mod inbox;
mod log;
mod outgoing;
mod outlet;
mod rounds;

use std::sync::Arc;

use super::args::WatchArgs;
use super::progress;
use super::scan::all_threads;
use super::term::Term;
use super::text::{plural, safe};
use crate::config::{Config, S3};
use crate::error::Error;
use crate::guardduty::Finding;
use crate::scan::read_finding_objects;
use crate::source::events::Allowed;
use crate::source::queue::Queue;
use crate::source::{Buckets, Listing, S3Inputs, Source};
use crate::state::StateDir;
use crate::watch::{Engine, Fetch, Item, Observer, WatchOptions};
use log::Log;
use outlet::Outlet;
use rounds::Rounds;

/// Checkpoints that may fail to come before `/healthz` says so, and the least time for it: a
/// correction may take minutes.
const CHECKPOINTS_MISSED: u64 = 5;
const CHECKPOINT_AGE_MIN: std::time::Duration = std::time::Duration::from_mins(15);

pub(super) fn run(args: &WatchArgs, config: &Config, term: Term) -> Result<u8, Error> {
    progress::catch_interrupts();
    let aws = args.s3.over(&config.s3);
    let allowed = Allowed::parse(&args.allow)?;
    let quiet_for = std::time::Duration::from_secs(u64::from(args.checkpoint_seconds) * CHECKPOINTS_MISSED);
    let log = Arc::new(Log::new(args.telemetry.start(quiet_for.max(CHECKPOINT_AGE_MIN))?));
    let buckets = Arc::new(Buckets::connect(allowed.buckets(), &aws)?);
    let state = StateDir::open_at(&args.state, &holder(), &aws)?;
    let queue = Queue::connect(&args.queue_url, args.hide_seconds, &aws)?;
    let outlet = Outlet::open(args, &aws, term)?;
    let observer: Arc<dyn Observer> = Arc::clone(&log) as _;
    let fetch = Box::new(S3Fetch(Arc::clone(&buckets)));
    let mut engine = Engine::open(
        &with_overrides(args, config, &aws),
        options(args),
        state,
        fetch,
        Arc::clone(&observer),
    )?;
    if let Some(span) = args.backfill.filter(|_| engine.is_fresh()) {
        backfill(&mut engine, args, span, &aws, term)?;
        engine.checkpoint()?;
    }
    let done = Rounds { args, engine, queue, outlet, allowed, buckets, observer, term }.run();
    term.say(&log.summary());
    done
}

/// Who holds the state, for whoever wants it meanwhile.
fn holder() -> String {
    format!("outflow watch, process {}, since {}", std::process::id(), timestamp())
}

fn options(args: &WatchArgs) -> WatchOptions {
    WatchOptions {
        threads: args.threads.map_or_else(all_threads, usize::from),
        lake: args.lake.clone(),
        reorder_seconds: args.reorder,
        idle_seconds: args.idle,
        correction_seconds: args.correct_every,
        with_findings: args.guardduty,
        is_early: !args.no_early,
    }
}

fn with_overrides(args: &WatchArgs, config: &Config, aws: &S3) -> Config {
    let mut config = Config { s3: aws.clone(), ..config.clone() };
    if let Some(names) = &args.format_fields {
        config.input.format_fields = Some(crate::config::field_names(names));
    }
    if let Some(minutes) = args.lateness {
        config.input.lateness_minutes = minutes;
    }
    config
}

/// Counts what lies in the buckets of the `span_seconds` before the newest object. What the queue
/// announces of it later is known by then.
fn backfill(
    engine: &mut Engine,
    args: &WatchArgs,
    span_seconds: i64,
    aws: &S3,
    term: Term,
) -> Result<(), Error> {
    let remote = S3Inputs::take(&mut args.allow.clone(), aws)?;
    let from = remote.newest_end_second()?.map(|end| end - span_seconds);
    let mut listing = Listing::default();
    remote.list(from, None, &mut listing)?;
    crate::source::prune(&mut listing.objects, from, None);
    if args.guardduty {
        engine.take_findings(exported_findings(&remote, from, term)?, now_second());
    }
    let item = |object: crate::source::ObjectRef| {
        let etag = match &object.path {
            Source::S3(place) => place.etag.trim_matches('"').to_owned(),
            _ => String::new(),
        };
        Item { name: object.name, etag, bytes: object.bytes }
    };
    let items: Vec<Item> = listing.objects.into_iter().map(item).collect();
    term.say(&format!("catching up with {}", plural(items.len() as u64, "object")));
    engine.catch_up(items, now_second())
}

/// The findings that GuardDuty exported below `--allow` since `from`, Unix seconds.
fn exported_findings(remote: &S3Inputs, from: Option<i64>, term: Term) -> Result<Vec<Finding>, Error> {
    let mut listing = Listing::default();
    remote.list_findings(from, &mut listing)?;
    // Where nothing says whose a folder is, everything was listed.
    listing.objects.retain(|object| inbox::is_export_of_findings(&object.name));
    let read = read_finding_objects(&listing.objects);
    for (name, error) in &read.failed {
        term.must_say(&format!("warning: findings left out: {}: {}", safe(name), safe(&error.to_string())));
    }
    Ok(read.set.into_findings().collect())
}

/// Objects in S3.
struct S3Fetch(Arc<Buckets>);

impl Fetch for S3Fetch {
    fn source(&self, item: &Item) -> Result<Source, Error> {
        self.0.source(&item.name, &item.etag)
    }
}

/// The present, Unix seconds. It decides when an idle stream's hours close, and how old messages
/// are; no score depends on it.
#[expect(clippy::disallowed_methods, reason = "the edge reads the clock and hands it to the engine")]
fn now_second() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn timestamp() -> String {
    jiff::Timestamp::from_second(now_second()).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}
