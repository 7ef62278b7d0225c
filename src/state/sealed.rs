//! Files that say what they are: one line with version, hash and length, then JSON. Written beside
//! their place, brought to disk, then moved there.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::write_error;
use crate::error::Error;

/// First word of every sealed file, with the version of the layout.
const MAGIC: &str = "outflow-state/3";

/// The text of a sealed file.
pub(super) struct Sealed {
    pub(super) text: Vec<u8>,
    /// blake3 of the JSON, hexadecimal.
    pub(super) hash: String,
}

/// The sealed text of `value`.
pub(super) fn seal(value: &impl Serialize) -> Sealed {
    let json = serde_json::to_vec(value).expect("states hold nothing that JSON cannot");
    let hash = blake3::hash(&json).to_hex().to_string();
    let mut text = format!("{MAGIC} {hash} {}\n", json.len()).into_bytes();
    text.extend_from_slice(&json);
    Sealed { text, hash }
}

/// Replaces the file at `path`: a reader, and a machine that comes up again, sees the old text or
/// the new one.
pub(super) fn replace(path: &Path, text: &[u8]) -> Result<(), Error> {
    let error = write_error(path);
    let temp = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temp)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&temp, path)?;
        match path.parent().filter(|_| cfg!(unix)) {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(error)
}

/// The value of the sealed `text` of a file called `name`.
pub(super) fn open<T: DeserializeOwned>(text: &[u8], name: &str) -> Result<T, Error> {
    let damaged = |detail: &str| Error::Stored {
        path: name.to_owned(),
        detail: format!("{detail}; move the state directory away and start with --backfill"),
    };
    let end = memchr::memchr(b'\n', text).ok_or_else(|| damaged("it is cut"))?;
    let head = String::from_utf8_lossy(&text[..end]);
    let json = &text[end + 1..];
    let (magic, rest) = head.split_once(' ').unwrap_or_default();
    if magic != MAGIC {
        return Err(damaged(&format!("it is of version `{}`, not {MAGIC}", magic.escape_debug())));
    }
    if rest != format!("{} {}", blake3::hash(json).to_hex(), json.len()) {
        return Err(damaged("its checksum differs"));
    }
    serde_json::from_slice(json).map_err(|error| damaged(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_a_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        replace(&path, &seal(&vec![1_u32, 22, 333]).text).unwrap();
        assert!(!path.with_extension("tmp").exists());
        let good = fs::read(&path).unwrap();
        let read = |text: &[u8]| open::<Vec<u32>>(text, "x");
        assert_eq!(read(&good).unwrap(), [1, 22, 333]);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(&bad).is_err(), "byte {at}");
            assert!(read(&good[..at]).is_err(), "cut at {at}");
        }
    }
}
