//! How far the work is: a bar on a terminal, a line now and then elsewhere. Also where Ctrl-C
//! arrives: once stops cleanly, twice leaves.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::term::Term;
use super::text::{bytes, count};
use crate::scan::Progress;

/// Time between progress lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// The exit code of an interrupted command, as shells have it: 128 + SIGINT.
pub(super) const INTERRUPTED: u8 = 130;

static STOP: AtomicBool = AtomicBool::new(false);

/// Makes the first Ctrl-C ask for a clean stop and the second leave at once.
pub(super) fn catch_interrupts() {
    // It fails only when a handler is there already; then that one rules.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        // A bar leaves its line open.
        let start = if Term::stderr_is_terminal() { "\n" } else { "" };
        let words = format!("{start}stopping after what is in hand; a second Ctrl-C leaves at once\n");
        drop(io::stderr().write_all(words.as_bytes()));
    });
}

/// Whether a clean stop was asked for.
pub(super) fn interrupted() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// The one clock of the program: it measures how long things take and decides nothing.
#[expect(clippy::disallowed_methods, reason = "durations for people; no result depends on it")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Shows how far a scan is.
pub(super) struct Meter {
    term: Term,
    bar: Option<ProgressBar>,
    objects: AtomicU64,
    object_bytes: AtomicU64,
    objects_total: u64,
    object_bytes_total: u64,
    last_line: Mutex<Instant>,
}

impl Meter {
    /// For a work of so many objects and bytes.
    pub(super) fn new(term: Term, objects_total: u64, object_bytes_total: u64) -> Self {
        let bar = (term.progress && Term::stderr_is_terminal()).then(|| {
            // Where sizes are not known beforehand, objects are what can be counted.
            let (total, template) = match object_bytes_total {
                0 => (objects_total, "{wide_bar} {msg}  {eta} left"),
                known => (known, "{wide_bar} {bytes}/{total_bytes}  {msg}  {eta} left"),
            };
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            bar.with_style(ProgressStyle::with_template(template).expect("the template is well-formed"))
        });
        Self {
            term,
            bar,
            objects: AtomicU64::new(0),
            object_bytes: AtomicU64::new(0),
            objects_total,
            object_bytes_total,
            last_line: Mutex::new(now()),
        }
    }

    /// Prints with the bar out of the way, where both are on one terminal.
    pub(super) fn step_aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) if Term::stdout_is_terminal() => bar.suspend(print),
            _ => print(),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn plain_line(&self, objects: u64, object_bytes: u64) {
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if now.duration_since(*last) < LINE_EVERY {
            return;
        }
        *last = now;
        let of = match self.object_bytes_total {
            0 => String::new(),
            total => format!(" of {}", bytes(total)),
        };
        let total = count(self.objects_total);
        self.term.say(&format!("{} of {total} objects, {}{of}", count(objects), bytes(object_bytes)));
    }
}

impl Progress for Meter {
    fn object_done(&self, object_bytes: u64) {
        let objects = self.objects.fetch_add(1, Ordering::Relaxed) + 1;
        let done = self.object_bytes.fetch_add(object_bytes, Ordering::Relaxed) + object_bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(if self.object_bytes_total == 0 { objects } else { done });
            bar.set_message(format!("{}/{} objects", count(objects), count(self.objects_total)));
        } else if self.term.progress {
            self.plain_line(objects, done);
        }
    }

    fn stop(&self) -> bool {
        interrupted()
    }
}
