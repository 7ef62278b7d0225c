//! One Parquet file, written beside its place and then moved there: a reader sees the old file
//! or the new one, never a part. Same rows, same bytes: no clock, no host, no version in it, and
//! row groups are cut by row count alone.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::encode::Encoder;
use super::error::LakeError;
use super::rows::{Row, RowError};
use super::shipping::Shipping;
use super::table::Table;
use crate::limits::LAKE_SYNCS_MAX;

/// The one file of a partition.
pub(super) const FILE_NAME: &str = "part-0.parquet";
/// Its name while it is written. Hive, Athena and Spark ignore names with a leading dot.
pub(super) const TEMP_NAME: &str = ".part-0.parquet.tmp";
/// Bytes kept back before the file is touched.
const APPEND_BYTES: usize = 1 << 20;

/// A temporary file that is gone unless it was moved to its place.
struct Temp {
    path: PathBuf,
    moved: bool,
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.moved {
            // Nothing to tell: the next writer of this lake removes what is left.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Appends to a file that is open only while it is appended to: a day over an organisation has
/// more partitions than a process may have open files.
struct AppendFile {
    temp: Temp,
    buffer: Vec<u8>,
}

impl AppendFile {
    fn create(path: PathBuf) -> io::Result<Self> {
        File::create(&path)?;
        Ok(Self { temp: Temp { path, moved: false }, buffer: Vec::new() })
    }

    fn append(&mut self) -> io::Result<()> {
        OpenOptions::new().append(true).open(&self.temp.path)?.write_all(&self.buffer)?;
        self.buffer = Vec::new();
        Ok(())
    }
}

impl Write for AppendFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= APPEND_BYTES {
            self.append()?;
        }
        Ok(bytes.len())
    }

    /// Keeps the buffer: only the finished file has to be on disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes one file of one table, row by row.
pub struct TableWriter {
    writer: Encoder<AppendFile>,
    path: PathBuf,
    /// Directories that got another one for it.
    grown: Vec<PathBuf>,
    shipping: Option<Arc<Shipping>>,
}

impl TableWriter {
    /// Starts the file of the partition directory `dir`, of this machine or of a lake elsewhere.
    pub(super) fn create(
        table: &'static Table,
        dir: &Path,
        shipping: Option<Arc<Shipping>>,
    ) -> Result<Self, LakeError> {
        let grown = dir.ancestors().take_while(|dir| !dir.is_dir()).filter_map(Path::parent);
        let grown = grown.map(Path::to_owned).collect();
        fs::create_dir_all(dir).map_err(LakeError::io("create directory", dir))?;
        let temp = dir.join(TEMP_NAME);
        let file = AppendFile::create(temp.clone()).map_err(LakeError::io("write", &temp))?;
        let path = dir.join(FILE_NAME);
        let writer = Encoder::new(table, file).map_err(LakeError::encode(&path))?;
        Ok(Self { writer, path, grown, shipping })
    }

    /// The table it writes.
    pub fn table(&self) -> &'static Table {
        self.writer.table()
    }

    /// Writes one row; `fill` gives every column of the table in order and ends the row.
    ///
    /// # Errors
    /// When the columns are not the table's, or the file cannot be written.
    pub fn row(&mut self, fill: impl FnOnce(Row<'_>) -> Result<(), RowError>) -> Result<(), LakeError> {
        fill(self.writer.rows(1))?;
        self.writer.end_full_page().map_err(LakeError::encode(&self.path))
    }

    /// Writes several rows together; `fill` gives every column in order for as many of `items` as it
    /// is called with, and ends the rows.
    pub(super) fn rows<T>(
        &mut self,
        mut items: &[T],
        fill: impl Fn(Row<'_>, &[T]) -> Result<(), RowError>,
    ) -> Result<(), LakeError> {
        while !items.is_empty() {
            let (now, later) = items.split_at(items.len().min(self.writer.room()));
            fill(self.writer.rows(now.len()), now)?;
            self.writer.end_full_page().map_err(LakeError::encode(&self.path))?;
            items = later;
        }
        Ok(())
    }

    /// Encodes the rows that were kept back. Where this is called is part of the layout.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn encode(&mut self) -> Result<(), LakeError> {
        self.writer.end_page().map_err(LakeError::encode(&self.path))
    }

    /// Completes the file, still under its temporary name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn close(self) -> Result<Staged, LakeError> {
        let mut file = self.writer.finish().map_err(LakeError::encode(&self.path))?;
        file.append().map_err(LakeError::io("write", &file.temp.path))?;
        Ok(Staged { temp: file.temp, path: self.path, grown: self.grown, shipping: self.shipping })
    }
}

/// A complete file that waits for its name. Dropped, it is removed.
pub struct Staged {
    temp: Temp,
    path: PathBuf,
    grown: Vec<PathBuf>,
    shipping: Option<Arc<Shipping>>,
}

impl Staged {
    /// Brings it to disk and moves it to its place over what was there.
    ///
    /// # Errors
    /// When the rename, or the upload, fails; the old file is then untouched.
    pub fn publish(self) -> Result<(), LakeError> {
        Self::publish_all(vec![self])
    }

    /// The same with several: all are on disk, or in S3, before the first takes its place.
    ///
    /// # Errors
    /// As [`Staged::publish`]; when a rename fails, some may be in their places by then.
    pub fn publish_all(mut staged: Vec<Self>) -> Result<(), LakeError> {
        if let Some(shipping) = staged.iter().find_map(|staged| staged.shipping.clone()) {
            let place = |staged: &Self| (staged.dir().to_owned(), staged.temp.path.clone());
            // The files here go when they have arrived there.
            return shipping.ship(staged.iter().map(place).collect());
        }
        at_once(&staged, |staged| {
            let on_disk =
                OpenOptions::new().append(true).open(&staged.temp.path).and_then(|file| file.sync_all());
            on_disk.map_err(LakeError::io("write", &staged.temp.path))
        })?;
        for staged in &mut staged {
            fs::rename(&staged.temp.path, &staged.path).map_err(LakeError::io("rename to", &staged.path))?;
            staged.temp.moved = true;
        }
        let grown = staged.iter().flat_map(|staged| staged.grown.iter().map(PathBuf::as_path));
        let dirs: BTreeSet<&Path> = staged.iter().map(Self::dir).chain(grown).collect();
        at_once(&Vec::from_iter(dirs), |dir| sync_dir(dir))
    }

    /// The partition directory.
    pub(super) fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Where it is until it has its name.
    pub(super) fn made_at(&self) -> &Path {
        &self.temp.path
    }
}

/// Makes what was renamed or created in a directory durable, where directories can be synced.
fn sync_dir(dir: &Path) -> Result<(), LakeError> {
    if cfg!(unix) {
        // The first of a relative path has no name.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(LakeError::io("sync", dir))?;
    }
    Ok(())
}

/// Does something to several files or directories that is mostly waiting for the disk, which takes
/// about as long for all that it is asked at once as for one.
fn at_once<T: Sync>(all: &[T], act: impl Fn(&T) -> Result<(), LakeError> + Sync) -> Result<(), LakeError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), LakeError> {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            act(one)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        // Where no thread can be had, this one does it all.
        let helpers: Vec<_> = (1..all.len().min(LAKE_SYNCS_MAX))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut done = work();
        for helper in helpers {
            done = done.and(helper.join().expect("the work does not panic"));
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::super::table::{Column, Kind};
    use super::*;

    static TABLE: Table = Table {
        name: "numbers",
        partitions: &["date"],
        columns: &[Column::new("n", Kind::Int64, "", "a number")],
        doc: "A number.",
    };

    fn write(dir: &Path, count: i64) -> TableWriter {
        let mut writer = TableWriter::create(&TABLE, dir, None).unwrap();
        for n in 0..count {
            writer.row(|row| row.int64("n", n).end()).unwrap();
        }
        writer
    }

    #[test]
    fn nothing_is_visible_before_publish_and_nothing_is_left_after_drop() {
        let dir = tempfile::tempdir().unwrap();
        let (path, temp) = (dir.path().join(FILE_NAME), dir.path().join(TEMP_NAME));
        write(dir.path(), 3).close().unwrap().publish().unwrap();
        let first = fs::read(&path).unwrap();
        assert!(!temp.exists());

        let writer = write(dir.path(), 100_000);
        assert!(temp.exists());
        assert_eq!(fs::read(&path).unwrap(), first);
        drop(writer);
        assert!(!temp.exists(), "an unfinished file is removed");

        let staged = write(dir.path(), 100_000).close().unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        drop(staged);
        assert!(!temp.exists(), "an unpublished file is removed");
        assert_eq!(fs::read(&path).unwrap(), first);
    }

    #[test]
    fn row_groups_are_cut_by_rows() {
        use super::super::encode::CREATED_BY;
        use parquet::basic::Compression;
        use parquet::file::reader::{FileReader, SerializedFileReader};
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 150_000).close().unwrap().publish().unwrap();
        let reader = SerializedFileReader::new(File::open(dir.path().join(FILE_NAME)).unwrap()).unwrap();
        let footer = reader.metadata();
        let rows: Vec<i64> =
            footer.row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).collect();
        assert_eq!(rows, [65_536, 65_536, 18_928]);
        assert_eq!(footer.file_metadata().created_by(), Some(CREATED_BY));
        let codec = footer.row_group(0).column(0).compression();
        assert!(matches!(codec, Compression::ZSTD(_)), "{codec:?}");
    }

    #[test]
    fn a_failed_row_never_becomes_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = write(dir.path(), 1);
        assert!(matches!(writer.row(|row| row.int64("m", 1).end()), Err(LakeError::Row(_))));
        drop(writer);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
