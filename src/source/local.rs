//! Lists local inputs: files, folders, globs, `-`.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::{ObjectKey, ObjectRef, Source};
use crate::error::Error;

/// Files that one thread asks for at a time, mostly of one folder.
const FILES_AT_ONCE: usize = 256;

/// What the inputs named.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The objects, each once, sorted by the time in their name and then by name.
    pub objects: Vec<ObjectRef>,
    /// Inputs given more than once and read once.
    pub repeated: u64,
    /// Entries inside folders that could not be listed, each with the system's word. What is
    /// lost here is lost evidence, so the run counts as partial.
    pub unreadable: Vec<String>,
    /// Folders in S3 that were not listed because they are for another time.
    pub folders_of_other_time: u64,
    /// Folders in S3 that were not listed because they hold logs of another service.
    pub folders_of_other_services: u64,
}

/// Lists what `inputs` name. In folders, hidden entries are left out and only regular files
/// (also behind links) count; a file named directly may be anything that can be read.
///
/// # Errors
/// When an input does not exist, a glob matches nothing or is malformed, or nothing is named.
pub fn list(inputs: &[String]) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    let mut found = Vec::new();
    for input in inputs {
        let before = found.len();
        list_one(input, &mut found, &mut listing.unreadable)?;
        if found.len() == before && listing.unreadable.is_empty() {
            return Err(Error::usage(
                format!("no file found in {input}"),
                "hidden files are left out; name a file directly to read it anyway",
            ));
        }
    }
    listing.unreadable.sort_unstable();
    // Folders are in no order: which of two names of one file is kept must not depend on it.
    found.par_sort_unstable_by(|a: &Found, b| {
        let time = |found: &Found| found.object.key.as_ref().map(|key| key.time_second);
        time(a).cmp(&time(b)).then_with(|| a.object.name.cmp(&b.object.name))
    });
    let mut met = HashSet::with_capacity(found.len());
    for Found { place, object } in found {
        if met.insert(place) {
            listing.objects.push(object);
        } else {
            listing.repeated += 1;
        }
    }
    Ok(listing)
}

/// An object, and the path without links by which it is known however it is reached.
struct Found {
    place: PathBuf,
    object: ObjectRef,
}

impl Found {
    fn file(path: &Path, place: PathBuf, bytes: u64) -> Self {
        let name = path.to_string_lossy().into_owned();
        let key = ObjectKey::parse(&name);
        Self { place, object: ObjectRef { name, path: Source::File(path.to_owned()), bytes, key } }
    }
}

fn list_one(input: &str, found: &mut Vec<Found>, unreadable: &mut Vec<String>) -> Result<(), Error> {
    if input == "-" {
        let object = ObjectRef { name: "-".to_owned(), path: Source::Stdin, bytes: 0, key: None };
        found.push(Found { place: PathBuf::from("-"), object });
        return Ok(());
    }
    if input.contains("://") {
        return Err(Error::usage(
            format!("cannot read {input}: only local inputs and s3:// can be read"),
            "copy the objects first and name the folder",
        ));
    }
    let path = Path::new(input);
    match path.metadata() {
        Ok(meta) if meta.is_dir() => {
            walk(path, None, found, unreadable);
            Ok(())
        }
        Ok(meta) => {
            found.push(Found::file(path, real(path), meta.len()));
            Ok(())
        }
        Err(_) if is_glob(input) => list_glob(input, found, unreadable),
        Err(source) => Err(Error::Read { path: input.to_owned(), source }),
    }
}

fn list_glob(input: &str, found: &mut Vec<Found>, unreadable: &mut Vec<String>) -> Result<(), Error> {
    let input = input.strip_prefix("./").unwrap_or(input);
    let glob = globset::GlobBuilder::new(input)
        .literal_separator(true)
        .build()
        .map_err(|e| Error::usage(format!("malformed glob: {e}"), "quote [, ], { and } with a backslash"))?
        .compile_matcher();
    let root = glob_root(input);
    if !root.exists() {
        let source = io::Error::from(io::ErrorKind::NotFound);
        return Err(Error::Read { path: input.to_owned(), source });
    }
    walk(&root, Some(&glob), found, unreadable);
    Ok(())
}

/// The deepest folder of a glob that holds no pattern.
fn glob_root(input: &str) -> PathBuf {
    let fixed: PathBuf = Path::new(input)
        .components()
        .take_while(|part| !is_glob(&part.as_os_str().to_string_lossy()))
        .collect();
    if fixed.as_os_str().is_empty() { PathBuf::from(".") } else { fixed }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Adds the files below `root`. Names come first, and what is asked of each file is asked by all cores.
fn walk(
    root: &Path,
    glob: Option<&globset::GlobMatcher>,
    found: &mut Vec<Found>,
    unreadable: &mut Vec<String>,
) {
    let is_hidden = |entry: &DirEntry| {
        entry.depth() > 0 && entry.file_name().as_encoded_bytes().first().is_some_and(|first| *first == b'.')
    };
    let mut files = Vec::new();
    for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(|entry| !is_hidden(entry)) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => files.push(entry),
            Ok(_) => {}
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    let some = |files: &[DirEntry]| {
        let mut folders = Folders::default();
        let file = |entry: &DirEntry| {
            // `a*.log` is walked from `.`, whose entries are spelled `./a1.log`.
            let path = entry.path().strip_prefix(".").unwrap_or(entry.path());
            if glob.is_some_and(|glob| !glob.is_match(path)) {
                return None;
            }
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(error) => return Some(Err(error.to_string())),
            };
            let place = if entry.path_is_symlink() { real(path) } else { folders.file(path) };
            Some(Ok(Found::file(path, place, meta.len())))
        };
        files.iter().filter_map(file).collect::<Vec<_>>()
    };
    let told: Vec<Vec<Result<Found, String>>> = files.par_chunks(FILES_AT_ONCE).map(some).collect();
    for file in told.into_iter().flatten() {
        match file {
            Ok(file) => found.push(file),
            Err(error) => unreadable.push(error),
        }
    }
}

/// The path without links, by which a file is known however it is reached.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The folder met last without links: its files ask for it once, not each for all folders above.
#[derive(Default)]
struct Folders {
    last: PathBuf,
    real: PathBuf,
}

impl Folders {
    /// The path without links of a file that is none.
    fn file(&mut self, path: &Path) -> PathBuf {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return real(path) };
        if self.real.as_os_str().is_empty() || self.last != parent {
            parent.clone_into(&mut self.last);
            // `a.log` lies in the folder that has no name of its own.
            self.real = real(if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
        }
        self.real.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "12345").unwrap();
        }
        dir
    }

    fn names(dir: &tempfile::TempDir, inputs: &[&str]) -> Result<Vec<String>, Error> {
        let root = dir.path().to_string_lossy().into_owned();
        let inputs: Vec<_> = inputs.iter().map(|i| format!("{root}/{i}")).collect();
        let listing = list(&inputs)?;
        let cut = |o: &ObjectRef| o.name.trim_start_matches(&root).trim_start_matches('/').to_owned();
        Ok(listing.objects.iter().map(cut).collect())
    }

    #[test]
    fn folders_are_walked_sorted_and_without_hidden_entries() {
        let dir = tree(&["b/2.log", "b/1.log", "a.log", ".hidden", ".git/x.log"]);
        assert_eq!(names(&dir, &[""]).unwrap(), ["a.log", "b/1.log", "b/2.log"]);
        assert_eq!(names(&dir, &[".hidden"]).unwrap(), [".hidden"]);
    }

    #[test]
    fn an_object_named_twice_is_read_once() {
        let dir = tree(&["a.log", "b/1.log"]);
        let root = dir.path().to_string_lossy().into_owned();
        let listing = list(&[root.clone(), format!("{root}/a.log"), "-".into(), "-".into()]).unwrap();
        assert_eq!((listing.objects.len(), listing.repeated), (3, 2));
        assert_eq!(listing.objects.iter().map(|o| o.bytes).sum::<u64>(), 10);
    }

    #[test]
    fn globs_match_within_and_across_folders() {
        let dir = tree(&["a.log", "a.txt", "b/1.log", "b/c/2.log"]);
        assert_eq!(names(&dir, &["*.log"]).unwrap(), ["a.log"]);
        assert_eq!(names(&dir, &["**/*.log"]).unwrap(), ["a.log", "b/1.log", "b/c/2.log"]);
        assert_eq!(names(&dir, &["b/?.log"]).unwrap(), ["b/1.log"]);
    }

    #[test]
    fn objects_sort_by_the_time_in_their_name() {
        let late = "z/111111111111_vpcflowlogs_eu-west-1_fl-0a_20260101T0000Z_aa.log.gz";
        let later = "a/111111111111_vpcflowlogs_eu-west-1_fl-0a_20260101T0005Z_aa.log.gz";
        let dir = tree(&[late, later, "plain.log"]);
        assert_eq!(names(&dir, &[""]).unwrap(), ["plain.log", late, later]);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let dir = tree(&["a.log"]);
        assert!(matches!(names(&dir, &["missing.log"]), Err(Error::Read { .. })));
        assert!(matches!(names(&dir, &["*.gz"]), Err(Error::Usage { .. })));
        assert!(matches!(names(&dir, &["none/*.gz"]), Err(Error::Read { .. })));
        let remote = list(&["gs://bucket/prefix".into()]).unwrap_err().to_string();
        assert!(remote.contains("only local inputs and s3://"), "{remote}");
    }

    #[test]
    #[cfg(unix)]
    fn a_broken_link_is_reported_and_the_rest_is_read() {
        let dir = tree(&["a.log"]);
        std::os::unix::fs::symlink("nowhere", dir.path().join("broken")).unwrap();
        let listing = list(&[dir.path().to_string_lossy().into_owned()]).unwrap();
        assert_eq!((listing.objects.len(), listing.unreadable.len()), (1, 1));
    }
}
