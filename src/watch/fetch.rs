//! How objects are got at, and what became of each. Whether an object is gone for good, or only
//! out of reach for now, decides whether its message may be deleted.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::scan::Progress;
use crate::source::{Gone, ObjectKey, ObjectRef, Open, Opener, Source};

/// An object as it was announced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// As `scan` names it: a path, or `s3://bucket/key`.
    pub name: String,
    /// Entity tag, empty when there is none.
    pub etag: String,
    /// Size before inflating, bytes.
    pub bytes: u64,
}

impl Item {
    /// The time in its name, Unix seconds.
    pub(super) fn named_second(&self) -> Option<i64> {
        ObjectKey::parse(&self.name).map(|key| key.time_second)
    }
}

/// Gets at objects.
pub trait Fetch: Send + Sync {
    /// How to get at one object.
    ///
    /// # Errors
    /// When its name is of a kind that cannot be read here.
    fn source(&self, item: &Item) -> Result<Source, Error>;

    /// Gets ready to read `objects`, in that order, each once.
    ///
    /// # Errors
    /// When nothing can be read at all.
    fn begin(&self, objects: Arc<[ObjectRef]>) -> Result<Box<dyn Open>, Error> {
        Ok(Box::new(Opener::new(objects)?))
    }
}

/// Objects that are files: a name is a path.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalFetch;

impl Fetch for LocalFetch {
    fn source(&self, item: &Item) -> Result<Source, Error> {
        Ok(Source::File(PathBuf::from(&item.name)))
    }
}

/// Why an object could not be read to its end, apart from what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is not there, or no longer as it was announced.
    Gone(Gone, String),
    /// It may be had later.
    Passing(String),
}

impl Lack {
    fn of(error: &io::Error) -> Self {
        let told = error.get_ref().and_then(|inner| inner.downcast_ref::<crate::source::GoneError>());
        match told {
            Some(gone) => Self::Gone(gone.gone, gone.detail.clone()),
            None if error.kind() == io::ErrorKind::NotFound => Self::Gone(Gone::Missing, error.to_string()),
            None => Self::Passing(error.to_string()),
        }
    }
}

/// What was lacking, by the object's place in the list.
type Lacking = Arc<Mutex<BTreeMap<usize, Lack>>>;

fn lock(lacking: &Lacking) -> MutexGuard<'_, BTreeMap<usize, Lack>> {
    lacking.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens objects and notes which of them could not be had: to whoever decodes them a broken
/// connection and a damaged file look alike.
pub(super) struct Noting {
    inner: Box<dyn Open>,
    lacking: Lacking,
}

impl Noting {
    pub(super) fn new(inner: Box<dyn Open>) -> Self {
        Self { inner, lacking: Lacking::default() }
    }

    /// What was lacking since the last call.
    pub(super) fn take(&self) -> BTreeMap<usize, Lack> {
        std::mem::take(&mut *lock(&self.lacking))
    }
}

impl Open for Noting {
    fn open(&self, at: usize) -> io::Result<Box<dyn Read>> {
        match self.inner.open(at) {
            Ok(inner) => Ok(Box::new(NotingRead { at, inner, lacking: Arc::clone(&self.lacking) })),
            Err(error) => {
                lock(&self.lacking).insert(at, Lack::of(&error));
                Err(error)
            }
        }
    }
}

struct NotingRead {
    at: usize,
    inner: Box<dyn Read>,
    lacking: Lacking,
}

impl Read for NotingRead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out);
        if let Err(error) = &read
            && error.kind() != io::ErrorKind::Interrupted
        {
            lock(&self.lacking).insert(self.at, Lack::of(error));
        }
        read
    }
}

/// Says nothing and never stops: what has begun is finished.
pub(super) struct Quiet;

impl Progress for Quiet {
    fn object_done(&self, _: u64) {}

    fn stop(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::GoneError;

    #[test]
    fn what_is_gone_is_told_from_what_may_come_back() {
        let gone = GoneError { gone: Gone::Replaced, detail: "it changed".into() };
        assert_eq!(Lack::of(&io::Error::other(gone)), Lack::Gone(Gone::Replaced, "it changed".into()));
        let missing = Lack::of(&io::ErrorKind::NotFound.into());
        assert!(matches!(missing, Lack::Gone(Gone::Missing, _)));
        assert!(matches!(Lack::of(&io::Error::other("503")), Lack::Passing(_)));
    }
}
