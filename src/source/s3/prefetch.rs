//! Downloads ahead of the workers: in the order in which they will ask, within bounds.
//!
//! Inflating keeps a core busy and downloading waits for the network, so the next objects come in
//! while the present ones are read. Each download that has begun owns its share of the bytes in
//! flight until its reader is done, and downloads begin in the order of reading. So the object that
//! a worker waits for always has room to arrive, whatever lies behind it.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::body::{Download, Part};
use crate::aws;
use crate::error::Error;
use crate::limits;
use crate::source::{GoneError, ObjectRef, Source};

/// Downloads under way. Dropping it ends them.
pub(crate) struct Prefetch {
    arrivals: Arc<Arrivals>,
    _downloads: JoinSet<()>,
}

/// Bodies that have begun and that no worker has taken yet.
#[derive(Default)]
struct Arrivals {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By the object's place in the list.
    bodies: HashMap<usize, Body>,
    /// Nothing more will be put in.
    is_closed: bool,
}

impl Prefetch {
    /// Begins to download the objects of `objects` that are in S3.
    ///
    /// # Errors
    /// When there are no threads to do so on.
    pub(crate) fn start(objects: Arc<[ObjectRef]>) -> Result<Self, Error> {
        let runtime = aws::runtime()?;
        let arrivals = Arc::<Arrivals>::default();
        let bytes_max = limits::S3_BYTES_IN_FLIGHT_PER_THREAD as usize * rayon::current_num_threads();
        let queue = Arc::new(tokio::sync::Mutex::new(Queue {
            at: 0,
            room: Arc::new(Semaphore::new(bytes_max)),
            room_bytes_min: (bytes_max / limits::S3_ROOM_PARTS) as u32,
            arrivals: Closing(Arc::clone(&arrivals)),
            objects,
        }));
        let mut downloads = JoinSet::new();
        for _ in 0..limits::S3_DOWNLOADS_MAX {
            downloads.spawn_on(download(Arc::clone(&queue)), runtime.handle());
        }
        Ok(Self { arrivals, _downloads: downloads })
    }

    /// The body of the object at place `at`, each once, in the order of the list. Waits until its
    /// download begins.
    pub(crate) fn take(&self, at: usize) -> io::Result<Body> {
        let mut state = self.arrivals.lock();
        loop {
            if let Some(body) = state.bodies.remove(&at) {
                return Ok(body);
            }
            if state.is_closed {
                return Err(io::Error::other("its download never began"));
            }
            state = self.arrivals.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets no worker wait for ever, however the feeding ends.
struct Closing(Arc<Arrivals>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

/// The objects whose downloads have not begun.
struct Queue {
    objects: Arc<[ObjectRef]>,
    /// The place in the list of the next one.
    at: usize,
    /// Bytes that may be in flight.
    room: Arc<Semaphore>,
    /// What is waited for when there is none.
    room_bytes_min: u32,
    arrivals: Closing,
}

impl Queue {
    /// The next download, whose body is put where a worker finds it, as soon as there is room.
    async fn next(&mut self) -> Option<Download> {
        loop {
            let at = self.at;
            let object = self.objects.get(at)?;
            self.at += 1;
            let Source::S3(place) = &object.path else { continue };
            let share = object.bytes.clamp(1, u64::from(limits::S3_BYTES_PER_OBJECT_MAX)) as u32;
            let (sender, parts) = mpsc::unbounded_channel();
            let window = Arc::new(Semaphore::new(share as usize));
            let body = Body {
                parts,
                window: Arc::clone(&window),
                window_bytes: share,
                chunk: Bytes::new(),
                is_ended: false,
                _room: self.room_of(share).await?,
            };
            let download = Download {
                bucket: Arc::clone(&place.bucket),
                key: object.name[place.key_at()..].to_owned(),
                etag: place.etag.clone(),
                size_bytes: object.bytes,
                window,
                window_bytes: share,
                parts: sender,
            };
            self.arrivals.0.lock().bodies.insert(at, body);
            self.arrivals.0.changed.notify_all();
            return Some(download);
        }
    }

    /// Room for `share` bytes. When there is none, a good part of all is waited for: so many
    /// downloads begin at once, and the threads that move bytes sleep and wake less often.
    async fn room_of(&self, share: u32) -> Option<OwnedSemaphorePermit> {
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(share) {
            return Some(room);
        }
        let mut room =
            Arc::clone(&self.room).acquire_many_owned(share.max(self.room_bytes_min)).await.ok()?;
        room.split(share as usize)
    }
}

/// Downloads what is next, until there is nothing.
async fn download(queue: Arc<tokio::sync::Mutex<Queue>>) {
    loop {
        let next = queue.lock().await.next().await;
        match next {
            Some(download) => download.run().await,
            None => return,
        }
    }
}

/// The bytes of one object, for a worker to read.
pub(crate) struct Body {
    parts: UnboundedReceiver<Part>,
    window: Arc<Semaphore>,
    window_bytes: u32,
    chunk: Bytes,
    is_ended: bool,
    _room: OwnedSemaphorePermit,
}

impl Drop for Body {
    /// A download that waits for room learns that nobody reads any more.
    fn drop(&mut self) {
        self.window.close();
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.is_ended {
            match self.parts.blocking_recv() {
                Some(Part::Bytes(bytes)) => {
                    self.window.add_permits(bytes.len().min(self.window_bytes as usize));
                    self.chunk = bytes;
                }
                Some(Part::End) => self.is_ended = true,
                Some(Part::Failed(None, why)) => return Err(io::Error::other(why)),
                Some(Part::Failed(Some(gone), detail)) => {
                    return Err(io::Error::other(GoneError { gone, detail }));
                }
                None => return Err(io::Error::other("its download was given up")),
            }
        }
        let len = self.chunk.len().min(out.len());
        out[..len].copy_from_slice(&self.chunk.split_to(len));
        Ok(len)
    }
}
