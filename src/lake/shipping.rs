//! A lake in S3. Its files are made in a folder of this machine, one day at most, and go to their
//! places when they are complete: each appears whole or not at all, and parts of a run that failed
//! never leave.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::store::{Lease, Remote};

use super::error::LakeError;
use super::file::FILE_NAME;
use super::folder::Folder;

/// The object that says who writes. The leading dot hides it from query engines.
const LEASE_NAME: &str = ".outflow.lease";

/// The way of a lake's files to S3.
#[derive(Debug)]
pub(super) struct Shipping {
    remote: Arc<Remote>,
    lease: Lease,
    /// Where files are made.
    folder: Folder,
}

impl Shipping {
    /// Takes the right to write the lake at `remote`.
    pub(super) fn new(remote: Remote) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let remote = Arc::new(remote);
        let holder = format!("outflow, process {}", std::process::id());
        let lease = Lease::take(&remote, LEASE_NAME, &holder)?;
        Ok(Self { remote, lease, folder })
    }

    /// Where the lake is.
    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Root of the files that are made.
    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Brings complete files, each still under its temporary name, to their places: `(directory that
    /// it is for, path)`.
    pub(super) fn ship(&self, files: Vec<(PathBuf, PathBuf)>) -> Result<(), LakeError> {
        let key = |dir: &Path| {
            let below = dir.strip_prefix(self.root()).unwrap_or(dir);
            let parts = below.iter().map(|part| part.to_string_lossy()).chain([FILE_NAME.into()]);
            parts.collect::<Vec<_>>().join("/")
        };
        let files = files.into_iter().map(|(dir, path)| (key(&dir), path)).collect();
        let shipped = self.lease.check().and_then(|()| self.remote.put_files(files));
        shipped.map_err(LakeError::remote)
    }
}
