//! One watcher for one state: a locked file that says who holds it. The lock goes with the
//! process, however it ends, so a crash leaves nothing to clear away.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

use super::write_error;
use crate::error::Error;

const LEASE: &str = "lease";
/// Bytes of the holder's text that are read: it is shown in one line.
const HOLDER_BYTES_MAX: u64 = 200;

/// The right to use a directory, until dropped.
#[derive(Debug)]
pub(super) struct Lease {
    _file: File,
}

impl Lease {
    /// Takes it in the name of `holder`.
    pub(super) fn take(root: &Path, holder: &str) -> Result<Self, Error> {
        let path = root.join(LEASE);
        let opened = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = opened.map_err(write_error(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(root, &file)),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Err(Error::usage(
                    format!("{} is on a file system without locks", root.display()),
                    "keep the state on a local disk",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(write_error(&path)(error)),
        }
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{holder}"));
        written.map_err(write_error(&path))?;
        Ok(Self { _file: file })
    }
}

fn held(root: &Path, file: &File) -> Error {
    let mut holder = String::new();
    // Who it is may be unreadable; that somebody is there is what counts.
    let _ = file.take(HOLDER_BYTES_MAX).read_to_string(&mut holder);
    let holder = holder.lines().next().filter(|line| !line.is_empty()).unwrap_or("another process");
    Error::usage(
        format!("{} is in use by {holder}", root.display()),
        "one watcher per state: stop the other one, or give this one a --state (and a queue) of its own",
    )
}
