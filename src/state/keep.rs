//! Where the files of a state are: a directory of this machine, or a folder in S3.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::lease::Lease;
use super::{sealed, write_error};
use crate::error::Error;
use crate::store::{self, Condition, Put, Remote, Stored};

/// The object that says who runs.
const LEASE: &str = "lease";

/// The files of one state.
#[derive(Debug)]
pub(super) enum Keep {
    /// On this machine.
    Local { root: PathBuf, _lease: Lease },
    /// In S3.
    Remote(RemoteKeep),
}

/// The files of a state in S3.
#[derive(Debug)]
pub(super) struct RemoteKeep {
    remote: Arc<Remote>,
    lease: store::Lease,
    seen: Mutex<Seen>,
}

impl RemoteKeep {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file that is replaced under its tag.
#[derive(Debug)]
struct Seen {
    /// As it was last read or written.
    condition: Condition,
    /// What was written since and has no answer: one of these may be there.
    unanswered: Vec<blake3::Hash>,
}

impl Seen {
    fn of(condition: Condition) -> Self {
        Self { condition, unanswered: Vec::new() }
    }

    /// Replaces it; tells whether that was let, and not refused.
    fn replace(&mut self, remote: &Remote, file: &str, bytes: &[u8]) -> Result<bool, Error> {
        self.unanswered.push(blake3::hash(bytes));
        match remote.put(file, bytes, &self.condition)? {
            Put::Done(etag) => {
                *self = Self::of(Condition::Tag(etag));
                Ok(true)
            }
            Put::Refused(_) => Ok(false),
        }
    }

    /// Whether what is in the way was written here, and only its answer was lost. Then it is the one
    /// to replace.
    fn meets_own(&mut self, remote: &Remote, file: &str) -> Result<bool, Error> {
        let there = remote.get(file)?;
        let own = there.filter(|there| self.unanswered.contains(&blake3::hash(&there.bytes)));
        let is_own = own.is_some();
        if let Some(own) = own {
            *self = Self::of(Condition::Tag(own.etag));
        }
        Ok(is_own)
    }
}

/// An error that a watcher must not go on after: a day that ended in memory and not in the books
/// is half lived.
fn ending(error: Error) -> Error {
    match error {
        Error::Service { message, hint } => {
            Error::usage(message, format!("{hint}; started again it goes on from the last checkpoint"))
        }
        other => other,
    }
}

impl Keep {
    /// The directory `root`, created when there is none, in the name of `holder`.
    pub(super) fn local(root: &Path, holder: &str) -> Result<Self, Error> {
        fs::create_dir_all(root).map_err(write_error(root))?;
        Ok(Self::Local { root: root.to_owned(), _lease: Lease::take(root, holder)? })
    }

    /// The folder `remote`, in the name of `holder`.
    pub(super) fn remote(remote: Remote, holder: &str) -> Result<Self, Error> {
        let remote = Arc::new(remote);
        let lease = store::Lease::take(&remote, LEASE, holder)?;
        Ok(Self::Remote(RemoteKeep { remote, lease, seen: Mutex::new(Seen::of(Condition::Absent)) }))
    }

    /// The whole name of a file, for people.
    pub(super) fn name(&self, file: &str) -> String {
        match self {
            Self::Local { root, .. } => root.join(file).display().to_string(),
            Self::Remote(keep) => keep.remote.name(file),
        }
    }

    /// The bytes of a file; `None` when there is none.
    pub(super) fn read(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Local { root, .. } => match fs::read(root.join(file)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(Error::Read { path: self.name(file), source }),
            },
            Self::Remote(keep) => {
                let Some(Stored { bytes, etag, .. }) = keep.remote.get(file)? else { return Ok(None) };
                if file == super::CHECKPOINT {
                    *keep.seen() = Seen::of(Condition::Tag(etag));
                }
                Ok(Some(bytes))
            }
        }
    }

    /// Replaces a file.
    pub(super) fn replace(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Local { root, .. } => sealed::replace(&root.join(file), bytes),
            Self::Remote(keep) => {
                keep.lease.check()?;
                keep.remote.put(file, bytes, &Condition::Always).map(drop)
            }
        }
    }

    /// Replaces the checkpoint, unless somebody else did since it was read.
    pub(super) fn replace_under_tag(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let Self::Remote(keep) = self else { return self.replace(file, bytes) };
        keep.lease.check()?;
        let (mut seen, remote) = (keep.seen(), &*keep.remote);
        if seen.replace(remote, file, bytes)?
            || seen.meets_own(remote, file)? && seen.replace(remote, file, bytes)?
        {
            return Ok(());
        }
        Err(Error::usage(
            format!("{} was written by another watcher", self.name(file)),
            "one watcher per state: see which one is to go on, and start that one again",
        ))
    }

    /// Writes a file whose name says what is in it, when it is not there.
    pub(super) fn add(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Local { root, .. } if root.join(file).exists() => Ok(()),
            Self::Local { .. } => self.replace(file, bytes),
            Self::Remote(keep) => {
                keep.lease.check()?;
                // Refused: it is there.
                keep.remote.put(file, bytes, &Condition::Absent).map(drop).map_err(ending)
            }
        }
    }

    /// The names of all files.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Local { root, .. } => {
                let listed = fs::read_dir(root).and_then(Iterator::collect::<io::Result<Vec<_>>>);
                let entries = listed.map_err(write_error(root))?;
                Ok(entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
            }
            Self::Remote(keep) => keep.remote.list(),
        }
    }

    /// Removes a file.
    pub(super) fn remove(&self, file: &str) -> Result<(), Error> {
        match self {
            Self::Local { root, .. } => {
                let path = root.join(file);
                fs::remove_file(&path).map_err(write_error(&path))
            }
            Self::Remote(keep) => {
                keep.lease.check()?;
                keep.remote.remove(file)
            }
        }
    }
}
