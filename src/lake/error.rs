//! What can go wrong with the lake, where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::rows::RowError;

/// An operation on the lake failed.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The file system said no.
    #[error("cannot {action} {}: {source}; check that the directory exists, is yours and has space", path.display())]
    Io {
        /// The verb: `write`, `rename`, `read` ..
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// S3 said no.
    #[error("{0}")]
    Remote(Box<crate::error::Error>),
    /// Another process writes to this lake.
    #[error("another outflow is writing to the lake {}; wait for it to end, or use another --lake", path.display())]
    Locked {
        /// The lake.
        path: PathBuf,
    },
    /// There is no lake to read.
    #[error("{} is not a lake", path.display())]
    NotALake {
        /// The directory.
        path: PathBuf,
    },
    /// Encoding a file failed.
    #[error("cannot write {}: {detail}; nothing under that name was changed", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// The encoder's word.
        detail: String,
    },
    /// A file cannot be read back as what its table says.
    #[error("{} is damaged: {detail}; scan that day again, with those before it, and the same --lake, to replace it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A row writer and its table disagree.
    #[error("{0}; this is a defect of outflow, please report it")]
    Row(#[from] RowError),
    /// Hours must come in ascending order, each ENI once an hour.
    #[error(
        "hour {hour} of {eni} came after the partition had passed it; this is a defect of outflow, please report it"
    )]
    Order {
        /// The ENI.
        eni: String,
        /// The hour, RFC 3339.
        hour: String,
    },
    /// An hour was given to the writer of another day.
    #[error("hour {hour} of {eni} does not belong to {date}; this is a defect of outflow, please report it")]
    WrongDay {
        /// The ENI.
        eni: String,
        /// The hour, RFC 3339.
        hour: String,
        /// The day of the writer.
        date: String,
    },
    /// The partition values do not fit the table's partition keys.
    #[error("table `{table}` is partitioned by {expected}; this is a defect of outflow, please report it")]
    PartitionKeys {
        /// The table.
        table: &'static str,
        /// Its keys.
        expected: String,
    },
    /// An alert cannot be stored so that it reads back.
    #[error("alert {id} cannot be stored: {detail}; this is a defect of outflow, please report it")]
    Alert {
        /// The alert's id.
        id: String,
        /// What is wrong.
        detail: String,
    },
    /// There is more than is kept apart.
    #[error("more than {max} {what} in the time asked for; ask for less, with --from and --to")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// An id prefix fits several alerts.
    #[error("alert id `{prefix}` is ambiguous: {}; give more characters", ids.join(", "))]
    Ambiguous {
        /// The prefix asked for.
        prefix: String,
        /// Some of the ids it fits.
        ids: Vec<String>,
    },
}

impl LakeError {
    /// What to do about it, where the message does not say it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Remote(error) => error.hint(),
            Self::NotALake { .. } => Some(
                "name the folder that a scan was given as --lake: it holds hourly/ and alerts/".to_owned(),
            ),
            _ => None,
        }
    }

    /// For `map_err` on file operations.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// For `map_err` on what goes to S3.
    pub(super) fn remote(error: crate::error::Error) -> Self {
        Self::Remote(Box::new(error))
    }

    /// For `map_err` on encoding.
    pub(super) fn encode<E: ToString>(path: &Path) -> impl FnOnce(E) -> Self {
        move |error| Self::Encode { path: path.to_owned(), detail: error.to_string() }
    }

    /// For `map_err` on decoding.
    pub(super) fn damaged<E: ToString>(path: &Path) -> impl FnOnce(E) -> Self {
        move |error| Self::Damaged { path: path.to_owned(), detail: error.to_string() }
    }
}
