//! Labelled real traffic as flow logs. The sets lie beside the project (`../shared`, or
//! `OUTFLOW_SHARED`) and are not part of it.

#![allow(clippy::print_stdout, reason = "what is not run is said aloud")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unpacks each set and hands on its root and the temporary folder it is in. Where there are none,
/// says so.
pub fn each_set(check: impl Fn(&Path, &Path)) {
    let sets = sets();
    if sets.is_empty() {
        println!("NOT RUN: no benchmark sets beside the project; set OUTFLOW_SHARED");
    }
    for archive in sets {
        let dir = tempfile::tempdir().unwrap();
        let untar = Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(dir.path()).status().unwrap();
        assert!(untar.success(), "tar cannot read {}", archive.display());
        let root = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        check(&root, dir.path());
    }
}

fn sets() -> Vec<PathBuf> {
    let shared = std::env::var_os("OUTFLOW_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let Ok(entries) = fs::read_dir(shared.join("benchmark")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut sets: Vec<PathBuf> = paths.filter(|path| path.to_string_lossy().ends_with(".tar.gz")).collect();
    sets.sort();
    sets
}
