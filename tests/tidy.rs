//! House rules as a test: the core stays pure, dependencies point one way, files stay small.
//!
//! It reads the sources as text. That is crude, and enough: whoever means to break a rule has to
//! change this file, where it is seen.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines a file may have.
const LINES_MAX: usize = 500;

/// Files that may be longer, each with the reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Rooms without files, clocks, environment, sockets, async or AWS.
const CORE: [&str; 11] = [
    "record",
    "net",
    "window",
    "baseline",
    "guardduty",
    "detect",
    "alert",
    "enrich",
    "gunzip",
    "pipeline",
    "retrospective",
];

/// What the core may not name, and why.
const IMPURE: [(&str, &str); 10] = [
    ("std::fs", "bytes come as arguments"),
    ("std::env", "configuration comes as an argument"),
    ("std::process", "the core decides nothing about the process"),
    ("std::net::Tcp", "no sockets"),
    ("std::net::Udp", "no sockets"),
    ("SystemTime", "event time rules"),
    ("Instant::", "event time rules"),
    ("Timestamp::now", "event time rules"),
    ("tokio", "async at the rim only"),
    ("aws_sdk", "AWS at the rim only"),
];

/// Crates of the network and of async, and where they may be named: everything else is synchronous.
const NETWORK_CRATES: [&str; 5] = ["tokio", "aws_", "hyper", "s3s", "futures"];
const NETWORK_ROOMS: [&str; 7] = [
    "src/aws/",
    "src/sink/",
    "src/source/guardduty/",
    "src/source/queue/",
    "src/source/s3/",
    "src/store/s3/",
    "src/telemetry/",
];

/// Rooms at the edge: they use the core, the core does not know them.
const EDGES: [&str; 17] = [
    "aws",
    "backtest",
    "cli",
    "error",
    "eval",
    "lake",
    "replay",
    "report",
    "scan",
    "schema",
    "simulate",
    "sink",
    "source",
    "state",
    "store",
    "telemetry",
    "watch",
];

/// Rooms of the core that a room may not know: everything to its right in the flow of data.
/// `net` is the vocabulary of all; `alert` writes up what `detect` found.
const RIGHT_OF: [(&str, &[&str]); 10] = [
    ("net", &["window", "baseline", "detect", "alert", "pipeline", "gunzip", "config"]),
    ("record", &["window", "baseline", "detect", "alert", "pipeline", "config"]),
    ("gunzip", &["window", "baseline", "detect", "alert", "pipeline", "config"]),
    ("window", &["baseline", "guardduty", "detect", "alert", "pipeline"]),
    ("guardduty", &["baseline", "detect", "alert", "pipeline", "config"]),
    ("baseline", &["detect", "alert", "pipeline", "retrospective"]),
    ("detect", &["alert", "enrich", "pipeline", "retrospective"]),
    ("alert", &["enrich", "pipeline", "retrospective"]),
    ("enrich", &["baseline", "detect", "pipeline", "config"]),
    ("retrospective", &["pipeline"]),
];

/// Markers of unfinished work. Spelled in two parts so that this file does not hold them.
const MARKERS: [&str; 5] = [
    concat!("todo", "!("),
    concat!("unimpl", "emented!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
];

struct Source {
    /// Path from the package root, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// `detect` for `src/detect/score.rs` and for `src/detect.rs`.
    fn room(&self) -> &str {
        let rest = self.path.strip_prefix("src/").unwrap_or_default();
        rest.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// The lines that are compiled outside tests, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        lines.enumerate().map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let read = |path: PathBuf| Source {
        path: path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(&path).unwrap(),
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Whether `line` names the module `room` of this crate, alone or in a `{...}` list.
fn names_room(line: &str, room: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |rest: &str| !rest[room.len()..].starts_with(is_word);
    line.match_indices("crate::").any(|(at, _)| {
        let rest = &line[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => list.split(',').any(|item| item.trim().starts_with(room) && whole(item.trim())),
            None => rest.starts_with(room) && whole(rest),
        }
    })
}

/// Whether `line` has a path into a crate whose name is `name`, or begins with it when that ends
/// with `_`.
fn names_crate(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let begins = !line[..at].ends_with(is_word);
        let rest = &line[at + name.len()..];
        let rest = if name.ends_with('_') { rest.trim_start_matches(is_word) } else { rest };
        begins && rest.starts_with("::")
    })
}

fn fail_if_any(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| CORE.contains(&source.room())) {
        // Test support beside the code may read samples.
        if source.path.ends_with("/tests.rs") {
            continue;
        }
        for (line, code) in source.code() {
            for (name, reason) in IMPURE {
                if code.contains(name) {
                    broken.push(format!("{}:{line}: `{name}` in the core: {reason}", source.path));
                }
            }
            for edge in EDGES {
                if names_room(code, edge) {
                    broken.push(format!("{}:{line}: the core knows no `{edge}`", source.path));
                }
            }
        }
    }
    fail_if_any(&broken);
}

#[test]
fn async_and_aws_stay_at_the_rim() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src/")) {
        if NETWORK_ROOMS.iter().any(|room| source.path.starts_with(room)) {
            continue;
        }
        for (line, code) in source.code() {
            for name in NETWORK_CRATES.iter().filter(|name| names_crate(code, name)) {
                broken.push(format!("{}:{line}: `{name}` outside {NETWORK_ROOMS:?}", source.path));
            }
            if code.contains("async fn") || code.contains("async move") || code.contains(".await") {
                broken.push(format!("{}:{line}: async outside {NETWORK_ROOMS:?}", source.path));
            }
        }
    }
    fail_if_any(&broken);
}

#[test]
fn crates_are_recognised_in_paths() {
    assert!(names_crate("use tokio::sync::Semaphore;", "tokio"));
    assert!(names_crate("use aws_sdk_s3::Client;", "aws_"));
    assert!(names_crate("let x: Vec<tokio::task::Id> = f();", "tokio"));
    assert!(!names_crate("let text = \"aws_config\";", "aws_"));
    assert!(!names_crate("fn hyper_geometric() {}", "hyper"));
}

#[test]
fn dependencies_point_one_way() {
    let mut broken = Vec::new();
    for source in sources() {
        let rules = RIGHT_OF.iter().filter(|(room, _)| *room == source.room());
        for (room, right) in rules.flat_map(|(room, right)| right.iter().map(move |r| (room, r))) {
            for (line, _) in source.code().filter(|(_, code)| names_room(code, right)) {
                broken.push(format!("{}:{line}: `{room}` may not know `{right}`", source.path));
            }
        }
    }
    fail_if_any(&broken);
}

#[test]
fn only_the_command_line_knows_the_command_line() {
    let outside = sources().into_iter().filter(|s| s.path.starts_with("src/") && s.room() != "cli");
    let mut broken = Vec::new();
    for source in outside.filter(|source| source.room() != "main") {
        for (line, _) in source.code().filter(|(_, code)| names_room(code, "cli")) {
            broken.push(format!("{}:{line}: knows `cli`", source.path));
        }
    }
    fail_if_any(&broken);
}

#[test]
fn files_stay_small() {
    let mut broken = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        let allowed = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        if lines > LINES_MAX && !allowed {
            broken.push(format!("{}: {lines} lines; split it by ideas", source.path));
        }
    }
    fail_if_any(&broken);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut broken = Vec::new();
    for source in sources() {
        for (at, line) in source.text.lines().enumerate() {
            for marker in MARKERS.iter().filter(|marker| line.contains(**marker)) {
                broken.push(format!("{}:{}: `{marker}`", source.path, at + 1));
            }
        }
    }
    fail_if_any(&broken);
}

#[test]
fn every_file_says_what_it_is() {
    let without = sources().into_iter().filter(|s| s.path.starts_with("src/") && !s.text.starts_with("//!"));
    let broken: Vec<_> = without
        .filter(|source| !source.path.ends_with("/tests.rs"))
        .map(|source| format!("{}: begin with a `//!` comment: what and why", source.path))
        .collect();
    fail_if_any(&broken);
}

#[test]
fn rooms_are_recognised_in_use_lines() {
    assert!(names_room("use crate::detect::Score;", "detect"));
    assert!(names_room("use crate::{net, detect::Score};", "detect"));
    assert!(names_room("    let x = crate::lake::Lake::open();", "lake"));
    assert!(!names_room("use crate::detector::Score;", "detect"));
    assert!(!names_room("use super::detect::Score;", "detect"));
}
