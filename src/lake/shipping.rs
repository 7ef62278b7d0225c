//! A lake in S3. Its files are made in a folder of this machine, one day at most, and go to their
//! places when they are complete: each appears whole or not at all, and parts of a run that failed
//! never leave.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::store::{Lease, Remote};

use super::error::LakeError;
use super::file::FILE_NAME;

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

    /// Root of the files that are made.
    pub(super) fn root(&self) -> &Path {
        &self.folder.0
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

/// A folder of our own that goes when we do.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Error> {
        let base = std::env::temp_dir();
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        let path = base.join(format!("outflow-lake-{random:016x}"));
        let mut builder = std::fs::DirBuilder::new();
        // Others of this machine need not see who talks to whom.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&path);
        made.map_err(|source| Error::Write { path: path.display().to_string(), source })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
