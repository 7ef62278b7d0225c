//! A lake in S3, read. What is there is listed once, when it is opened; a file comes to a folder of
//! this machine when it is first read, with the few that follow it, and everything else reads it
//! there. So a reading costs the files that it needs, each once, and the disk that they take.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::limits::{LAKE_AHEAD_BYTES_MAX, LAKE_AHEAD_FILES_MAX};
use crate::source::{ObjectRef, Open as _, Opener};
use crate::store::Remote;

use super::error::LakeError;
use super::file::{FILE_NAME, TEMP_NAME};
use super::folder::Folder;
use super::table::Table;

/// Files that are in S3 until they are read.
#[derive(Debug)]
pub(super) struct Fetching {
    folder: Folder,
    /// By table and date, as they are read.
    files: Vec<Filed>,
    /// Where in `files` that of a partition directory is.
    places: BTreeMap<PathBuf, usize>,
    /// Directories whose file is here. Held while one comes.
    here: Mutex<BTreeSet<usize>>,
}

/// A file of the lake.
#[derive(Debug)]
struct Filed {
    /// Its partition directory on this machine.
    dir: PathBuf,
    table: String,
    object: ObjectRef,
}

impl Fetching {
    /// Lists these tables of the lake at `remote`.
    pub(super) fn new(remote: &Remote, tables: &[&Table]) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let top = remote.name("");
        let mut files: Vec<Filed> = Vec::new();
        for object in remote.objects()? {
            let below = object.name.strip_prefix(&top).map(PathBuf::from);
            let named = below.as_deref().and_then(partition);
            if let Some((table, dir)) = named.filter(|(name, _)| tables.iter().any(|of| of.name == *name)) {
                files.push(Filed { dir: folder.path().join(dir), table: table.to_owned(), object });
            }
        }
        files.sort_by(|a, b| (&a.table, date(&a.dir), &a.dir).cmp(&(&b.table, date(&b.dir), &b.dir)));
        for file in &files {
            // Whoever looks for partitions finds their directories.
            fs::create_dir_all(&file.dir)
                .map_err(|source| Error::Write { path: file.dir.display().to_string(), source })?;
        }
        let places = files.iter().enumerate().map(|(at, file)| (file.dir.clone(), at)).collect();
        Ok(Self { folder, files, places, here: Mutex::default() })
    }

    /// Whether there is nothing of it.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Root of the lake on this machine.
    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Whether the partition has a file.
    pub(super) fn has_file(&self, dir: &Path) -> bool {
        self.places.contains_key(dir)
    }

    /// Makes sure that the file of a partition, if there is one, is on this machine.
    pub(super) fn fetch(&self, dir: &Path) -> Result<(), LakeError> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = self.places.get(dir).copied().filter(|at| !here.contains(at)) else {
            return Ok(());
        };
        let wanted = self.with_those_after(at, &here);
        let objects: Arc<[ObjectRef]> = wanted.iter().map(|at| self.files[*at].object.clone()).collect();
        let opener = Opener::new(objects).map_err(LakeError::remote)?;
        for (nth, place) in wanted.into_iter().enumerate() {
            match bring(&opener, nth, &self.files[place].dir) {
                Ok(()) => {
                    here.insert(place);
                }
                Err(error) if place == at => return Err(self.explain(at, &error)),
                // It was not asked for, and may never be.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// The file at `at` and, of the same table, those after it that are read next if all are.
    fn with_those_after(&self, at: usize, here: &BTreeSet<usize>) -> Vec<usize> {
        let table = &self.files[at].table;
        let mut bytes = self.files[at].object.bytes;
        let after = (at + 1..self.files.len()).take(LAKE_AHEAD_FILES_MAX);
        let ahead =
            after.take_while(|next| self.files[*next].table == *table).filter(|next| !here.contains(next));
        let ahead = ahead.take_while(|next| {
            bytes += self.files[*next].object.bytes;
            bytes <= LAKE_AHEAD_BYTES_MAX
        });
        std::iter::once(at).chain(ahead).collect()
    }

    fn explain(&self, at: usize, error: &io::Error) -> LakeError {
        LakeError::remote(Error::Service {
            message: format!("cannot read {}: {error}", self.files[at].object.name),
            hint: "run again; who may read it needs s3:GetObject, and kms:Decrypt for a key of your own"
                .to_owned(),
        })
    }
}

/// Writes the object at place `nth` of the opener's to the file of a partition directory.
fn bring(opener: &Opener, nth: usize, dir: &Path) -> io::Result<()> {
    let unfinished = dir.join(TEMP_NAME);
    let mut body = opener.open(nth)?;
    io::copy(&mut body, &mut File::create(&unfinished)?)?;
    fs::rename(unfinished, dir.join(FILE_NAME))
}

/// Table and directory of a file of a lake, by its path below the lake; `None` for other things, and
/// for what would lead out of it.
fn partition(path: &Path) -> Option<(&str, &Path)> {
    let dir = path.parent().filter(|_| path.file_name().is_some_and(|name| name == FILE_NAME))?;
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let table = path.components().next()?.as_os_str().to_str()?;
    (is_plain && dir.components().nth(1).is_some()).then_some((table, dir))
}

/// The date of a partition directory, as it is written: the last key of all tables.
fn date(dir: &Path) -> Option<&std::ffi::OsStr> {
    dir.file_name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_partitions_are_taken_and_nothing_leads_out() {
        let taken = |path: &str| {
            partition(Path::new(path))
                .map(|(table, dir)| (table.to_owned(), dir.to_str().unwrap().to_owned()))
        };
        let day = "hourly/account=1/region=r/date=2026-01-01";
        assert_eq!(taken(&format!("{day}/part-0.parquet")), Some(("hourly".into(), day.into())));
        for other in [
            "part-0.parquet",
            "hourly/part-0.parquet",
            ".outflow.lease",
            "hourly/date=1/.part-0.parquet.tmp",
            "../x/date=1/part-0.parquet",
            "hourly/../../x/part-0.parquet",
            "/etc/date=1/part-0.parquet",
        ] {
            assert_eq!(taken(other), None, "{other}");
        }
    }
}
