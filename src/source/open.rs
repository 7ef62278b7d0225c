//! Opens objects for the workers, wherever they are.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::s3::Prefetch;
use super::{ObjectRef, Source};
use crate::error::Error;

/// Opens objects by their place in a list. Each is opened once, in the order of the list.
pub trait Open: Sync {
    /// Opens the object at place `at` of the list.
    ///
    /// # Errors
    /// When it cannot be opened; what goes wrong later is told when reading.
    fn open(&self, at: usize) -> io::Result<Box<dyn Read>>;
}

/// Opens the objects of one scan. Objects in S3 are downloaded ahead, so they have to be opened in
/// the order of the list, each once; the others may be.
pub struct Opener {
    objects: Arc<[ObjectRef]>,
    prefetch: Option<Prefetch>,
}

impl Opener {
    /// For `objects`. Downloads begin at once where there is something to download.
    ///
    /// # Errors
    /// When there are no threads to download on.
    pub fn new(objects: Arc<[ObjectRef]>) -> Result<Self, Error> {
        let is_remote = objects.iter().any(|object| matches!(object.path, Source::S3(_)));
        let prefetch = is_remote.then(|| Prefetch::start(Arc::clone(&objects))).transpose()?;
        Ok(Self { objects, prefetch })
    }
}

impl Open for Opener {
    fn open(&self, at: usize) -> io::Result<Box<dyn Read>> {
        Ok(match &self.objects[at].path {
            Source::File(path) => Box::new(File::open(path)?),
            Source::Stdin => Box::new(io::stdin()),
            Source::S3(_) => {
                let prefetch = self.prefetch.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                Box::new(prefetch.take(at)?)
            }
        })
    }
}
