//! The one error type at the door: what failed, where, and what to do about it.
//!
//! Bad input never comes here. A malformed line or a damaged object is data: it is counted,
//! located and reported beside the results.

use std::io;
use std::path::PathBuf;

use crate::config::Problems;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do instead.
        hint: String,
    },
    /// The configuration file holds mistakes.
    #[error("{0}")]
    Config(#[from] Problems),
    /// A file or folder cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was to be read.
        path: String,
        /// The system's word.
        source: io::Error,
    },
    /// A file, folder or the standard output cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// What was to be written.
        path: String,
        /// The system's word.
        source: io::Error,
    },
    /// A service outside refused, or cannot be reached.
    #[error("{message}")]
    Service {
        /// The cause.
        message: String,
        /// The remedy.
        hint: String,
    },
    /// The output is already there.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// The lake cannot be written.
    #[error("{0}")]
    Lake(#[from] crate::lake::LakeError),
    /// A stored data set (lake, alert file) holds something unexpected.
    #[error("cannot use {path}: {detail}")]
    Stored {
        /// What was read.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl Error {
    /// A usage error with its remedy.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// What the reader can do about it, when that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } | Self::Service { hint, .. } => Some(hint.clone()),
            Self::Config(_) => Some("`outflow config check FILE` lists every mistake at once".to_owned()),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("check the spelling; quote globs so that outflow expands them".to_owned())
            }
            Self::Exists(_) => Some("choose another name, or add --force to replace it".to_owned()),
            Self::Lake(error) => error.hint(),
            Self::Read { .. } | Self::Write { .. } | Self::Stored { .. } => None,
        }
    }

    /// Whether the reader of our output went away: that is success, as for `head`.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// What a build without the feature `aws` says when it is asked for AWS.
#[cfg(not(feature = "aws"))]
pub(crate) fn without_aws(cannot: &str) -> Error {
    Error::usage(
        format!("{cannot}: this binary was built without AWS"),
        "build it without --no-default-features",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_told_from_a_full_disk() {
        let write = |kind: io::ErrorKind| Error::Write { path: "stdout".into(), source: kind.into() };
        assert!(write(io::ErrorKind::BrokenPipe).is_broken_pipe());
        assert!(!write(io::ErrorKind::StorageFull).is_broken_pipe());
    }

    #[test]
    fn usage_errors_always_carry_their_remedy() {
        let error = Error::usage("no time in the names", "use --from");
        assert_eq!(error.to_string(), "no time in the names");
        assert_eq!(error.hint().as_deref(), Some("use --from"));
    }
}
