//! A folder of this machine that is ours alone, for the files of a lake in S3 while they are made or
//! read.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// A folder of our own that goes when we do.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes one where temporary files go.
    pub(super) fn new() -> Result<Self, Error> {
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

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
