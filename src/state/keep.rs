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
    /// What the file that is replaced under its tag was, when it was last read or written.
    seen: Mutex<Condition>,
}

impl RemoteKeep {
    fn seen(&self) -> MutexGuard<'_, Condition> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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
        Ok(Self::Remote(RemoteKeep { remote, lease, seen: Mutex::new(Condition::Absent) }))
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
                    *keep.seen() = Condition::Tag(etag);
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
        let mut seen = keep.seen();
        match keep.remote.put(file, bytes, &seen)? {
            Put::Done(etag) => {
                *seen = Condition::Tag(etag);
                Ok(())
            }
            Put::Refused(_) => Err(Error::usage(
                format!("{} was written by another watcher", self.name(file)),
                "one watcher per state: see which one is to go on, and start that one again",
            )),
        }
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
