//! One writer at a time: an object that says who writes, and that he is alive.
//!
//! It is made when there is none, and replaced under the entity tag that was seen, so of two who
//! want it one is refused. The holder replaces it again and again. One whose holder is silent for
//! `LEASE_SECONDS` may be taken over; how old it is, is told by the clock of S3 alone.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::{Condition, Put};
use super::Remote;
use crate::aws;
use crate::error::Error;

/// Silence after which a holder counts as dead, seconds.
const LEASE_SECONDS: i64 = 90;
/// How often the holder says that he is alive: three signs may be lost.
const SIGN_EVERY: Duration = Duration::from_secs(20);
/// Silence after which the holder himself gives up, before others may take over.
const GIVE_UP_AFTER: Duration = Duration::from_secs(75);
/// Characters of a holder's name that are shown.
const HOLDER_CHARS_MAX: usize = 200;

/// What the object says.
#[derive(Debug, Serialize, Deserialize)]
struct Sign {
    holder: String,
    /// Tells holders of one name apart: in containers every process is the first.
    token: u64,
    /// Counts the signs, so that each has an entity tag of its own.
    beat: u64,
    /// The holder has ended well.
    released: bool,
}

impl Sign {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are JSON")
    }
}

/// The right to write, until dropped.
#[derive(Debug)]
pub struct Lease {
    name: String,
    life: Arc<Life>,
    stop: Arc<Notify>,
    heart: Option<JoinHandle<()>>,
}

/// Whether the lease is held.
#[derive(Debug)]
struct Life {
    is_lost: AtomicBool,
    /// Before the last sign that S3 took.
    last: Mutex<Instant>,
}

impl Life {
    /// Silence, as others count it at most.
    fn silence(&self) -> Duration {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

impl Lease {
    /// Takes the lease that is the object `key` of `remote`, in the name of `holder`.
    ///
    /// # Errors
    /// When another holds it, or the object cannot be written.
    pub fn take(remote: &Arc<Remote>, key: &str, holder: &str) -> Result<Self, Error> {
        let begun = Instant::now();
        let token = std::hash::RandomState::new().build_hasher().finish();
        let sign = Sign { holder: holder.to_owned(), token, beat: 0, released: false };
        let etag = match remote.put(key, &sign.bytes(), &Condition::Absent)? {
            Put::Done(etag) => etag,
            Put::Refused(now_second) => take_over(remote, key, &sign, now_second)?,
        };
        let life = Arc::new(Life { is_lost: AtomicBool::new(false), last: Mutex::new(begun) });
        let stop = Arc::<Notify>::default();
        let heart = Heart {
            remote: Arc::clone(remote),
            key: key.to_owned(),
            sign,
            etag,
            life: Arc::clone(&life),
            stop: Arc::clone(&stop),
        };
        let heart = aws::runtime()?.spawn(heart.beat());
        Ok(Self { name: remote.name(key), life, stop, heart: Some(heart) })
    }

    /// Makes sure that it is still held.
    ///
    /// # Errors
    /// When another may have taken over.
    pub fn check(&self) -> Result<(), Error> {
        if self.life.is_lost.load(Ordering::SeqCst) || self.life.silence() >= GIVE_UP_AFTER {
            return Err(Error::usage(
                format!(
                    "the right to write that {} stands for is lost: S3 was out of reach for too long, or another \
                     process has taken over",
                    self.name
                ),
                "see that one process writes, and start it again",
            ));
        }
        Ok(())
    }
}

impl Drop for Lease {
    /// Lets the next one in at once.
    fn drop(&mut self) {
        self.stop.notify_one();
        if let (Some(heart), Ok(runtime)) = (self.heart.take(), aws::runtime()) {
            // It has nothing to say, whatever became of it.
            let _ = runtime.block_on(heart);
        }
    }
}

/// Takes the lease of one who is dead or has ended.
fn take_over(remote: &Remote, key: &str, sign: &Sign, now_second: Option<i64>) -> Result<String, Error> {
    // Gone meanwhile: whoever comes again gets it.
    let Some(there) = remote.get(key)? else { return Err(held(remote, key, "another process")) };
    let theirs: Option<Sign> = serde_json::from_slice(&there.bytes).ok();
    let silent_seconds = now_second.zip(there.written_second).map(|(now, written)| now - written);
    let is_free = theirs.as_ref().is_some_and(|theirs| theirs.released)
        || silent_seconds.is_some_and(|silent| silent > LEASE_SECONDS);
    let holder = theirs.map_or_else(|| "another process".to_owned(), |theirs| theirs.holder);
    if !is_free {
        return Err(held(remote, key, &holder));
    }
    match remote.put(key, &sign.bytes(), &Condition::Tag(there.etag))? {
        Put::Done(etag) => Ok(etag),
        Put::Refused(_) => Err(held(remote, key, "another process that was faster")),
    }
}

fn held(remote: &Remote, key: &str, holder: &str) -> Error {
    let holder: String = holder.chars().filter(|c| !c.is_control()).take(HOLDER_CHARS_MAX).collect();
    Error::usage(
        format!("{} is in use by {holder}", remote.name("")),
        format!(
            "one at a time: stop the other one, or choose another place; if it died, start again {LEASE_SECONDS} s \
             after its last sign of life, the object {key}"
        ),
    )
}

/// Says that the holder is alive.
struct Heart {
    remote: Arc<Remote>,
    key: String,
    sign: Sign,
    etag: String,
    life: Arc<Life>,
    stop: Arc<Notify>,
}

impl Heart {
    async fn beat(mut self) {
        let mut next = Instant::now() + SIGN_EVERY;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.stop.notified() => {
                    self.sign.released = true;
                    // When it cannot be told, the next one waits until the silence is long enough.
                    let _ = self.tell().await;
                    return;
                }
            }
            let begun = Instant::now();
            let left = GIVE_UP_AFTER.saturating_sub(self.life.silence());
            match tokio::time::timeout(left, self.tell()).await {
                Ok(Ok(Put::Done(etag))) => {
                    self.etag = etag;
                    *self.life.last.lock().unwrap_or_else(PoisonError::into_inner) = begun;
                }
                Ok(Err(_)) if self.life.silence() < GIVE_UP_AFTER => {}
                _ => {
                    self.life.is_lost.store(true, Ordering::SeqCst);
                    return;
                }
            }
            next = Instant::now() + SIGN_EVERY;
        }
    }

    async fn tell(&mut self) -> Result<Put, Error> {
        self.sign.beat += 1;
        match self.write().await? {
            Put::Refused(_) if self.meets_itself().await? => self.write().await,
            told => Ok(told),
        }
    }

    async fn write(&self) -> Result<Put, Error> {
        let condition = Condition::Tag(self.etag.clone());
        self.remote.put_async(&self.key, &self.sign.bytes(), "application/json", &condition).await
    }

    /// Whether what is in the way is a sign of our own, whose answer was lost. Then it is the one to
    /// replace.
    async fn meets_itself(&mut self) -> Result<bool, Error> {
        let Some(there) = self.remote.get_async(&self.key).await? else { return Ok(false) };
        let sign: Option<Sign> = serde_json::from_slice(&there.bytes).ok();
        let is_ours = sign.is_some_and(|sign| sign.token == self.sign.token);
        if is_ours {
            self.etag = there.etag;
        }
        Ok(is_ours)
    }
}
