//! What `watch` keeps between runs, in one directory on a local disk or one folder in S3.
//!
//! ```text
//! lease                          says who runs: held locked, or, in S3, said again and again
//! checkpoint                     what was counted, closed, told and refused: one atomic write
//! day-<YYYY-MM-DD>-<hash>        the pipeline's state after that day
//! quarantine.jsonl               what was refused and why, for people; written, never read
//! ```
//!
//! Invariants: a file is replaced whole or not at all; every file but the last says its version
//! and its own hash, and is refused when either is not as it should be; the checkpoint names the
//! day states that it goes with, by hash, so the two never mix. In S3 the checkpoint is replaced
//! under the entity tag that was read: of two watchers, whatever became of the lease, only one goes
//! on.

mod book;
mod keep;
mod lease;
mod sealed;

use std::io;
use std::path::Path;

pub use book::{Book, DayState, Early, Entry, Quarantined, Reason, Told};

use crate::config;
use crate::error::Error;
use crate::pipeline::Carried;
use crate::window::Day;
use keep::Keep;

const CHECKPOINT: &str = "checkpoint";
const QUARANTINE: &str = "quarantine.jsonl";
const DAY: &str = "day-";

/// A state directory that this process, and no other, may use.
#[derive(Debug)]
pub struct StateDir {
    keep: Keep,
}

impl StateDir {
    /// Creates the directory when there is none, and takes the lease on it. `holder` is what
    /// another process is told that wants it meanwhile.
    ///
    /// # Errors
    /// When it cannot be written, or another process holds it.
    pub fn open(root: &Path, holder: &str) -> Result<Self, Error> {
        Ok(Self { keep: Keep::local(root, holder)? })
    }

    /// The same for a state that may be in S3, `s3://bucket/prefix`, reached by `options`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_at(root: &Path, holder: &str, options: &config::S3) -> Result<Self, Error> {
        match crate::store::remote(root, options)? {
            Some(remote) => Ok(Self { keep: Keep::remote(remote, holder)? }),
            None => Self::open(root, holder),
        }
    }

    /// The last checkpoint; `None` when there was never one.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is of another version.
    pub fn load(&self) -> Result<Option<Book>, Error> {
        self.unsealed(CHECKPOINT)
    }

    /// Replaces the checkpoint, then removes what no checkpoint names any more. Gives its size,
    /// bytes.
    ///
    /// # Errors
    /// When it cannot be written; the old one is then untouched.
    pub fn save(&self, book: &Book) -> Result<u64, Error> {
        let sealed = sealed::seal(book);
        self.keep.replace_under_tag(CHECKPOINT, &sealed.text)?;
        let keep: Vec<&str> = book.days.iter().map(|day| day.file.as_str()).collect();
        self.remove_days_except(&keep)?;
        Ok(sealed.text.len() as u64)
    }

    /// Writes the list of what was refused, a line each.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn list_quarantine(&self, book: &Book) -> Result<(), Error> {
        let mut text = Vec::new();
        for refused in &book.quarantine {
            serde_json::to_writer(&mut text, refused).expect("texts and numbers are JSON");
            text.push(b'\n');
        }
        self.keep.replace(QUARANTINE, &text)
    }

    /// Stores the state after a day. It counts from the next checkpoint on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save_day(&self, after: Day, carried: &Carried) -> Result<DayState, Error> {
        let sealed = sealed::seal(carried);
        let file = format!("{DAY}{}-{}", after.date(), &sealed.hash[..16]);
        self.keep.add(&file, &sealed.text)?;
        Ok(DayState { after, file })
    }

    /// The state after a day.
    ///
    /// # Errors
    /// When it is not there, damaged, or of another version.
    pub fn load_day(&self, day: &DayState) -> Result<Carried, Error> {
        self.unsealed(&day.file)?.ok_or_else(|| Error::Stored {
            path: self.keep.name(&day.file),
            detail: "the checkpoint names it and it is not there".to_owned(),
        })
    }

    fn unsealed<T: serde::de::DeserializeOwned>(&self, file: &str) -> Result<Option<T>, Error> {
        let text = self.keep.read(file)?;
        text.map(|text| sealed::open(&text, &self.keep.name(file))).transpose()
    }

    fn remove_days_except(&self, keep: &[&str]) -> Result<(), Error> {
        for name in self.keep.names()? {
            if name.starts_with(DAY) && !keep.contains(&name.as_str()) {
                self.keep.remove(&name)?;
            }
        }
        Ok(())
    }
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.display().to_string();
    move |source| Error::Write { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_watcher_is_refused_and_told_who_holds_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let first = StateDir::open(dir.path(), "process 7 on alpha").unwrap();
        let refused = StateDir::open(dir.path(), "process 8").unwrap_err();
        assert!(refused.to_string().contains("process 7 on alpha"), "{refused}");
        drop(first);
        StateDir::open(dir.path(), "process 8").unwrap();
    }

    #[test]
    fn days_that_no_checkpoint_names_are_removed_with_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path(), "test").unwrap();
        assert!(state.load().unwrap().is_none());
        let day = state.save_day(Day(20_500), &Carried::default()).unwrap();
        assert_eq!(state.load_day(&day).unwrap(), Carried::default());
        state.save(&Book { days: vec![day.clone()], ..Book::default() }).unwrap();
        assert_eq!(state.load().unwrap().unwrap().days, std::slice::from_ref(&day));
        state.save(&Book::default()).unwrap();
        let gone = state.load_day(&day).unwrap_err();
        assert!(gone.to_string().contains("not there"), "{gone}");
    }
}
