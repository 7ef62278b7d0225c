//! `outflow explain`: all evidence of one alert, months later, from what was stored with it; and the
//! proof of it, by computing it again.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use super::args::ExplainArgs;
use super::render::evidence;
use super::replay;
use super::term::Term;
use crate::alert::Alert;
use crate::config::Config;
use crate::error::Error;
use crate::lake::{Lake, LakeError};
use crate::window::Day;

/// `config` loads the configuration: only a replay and a lake in S3 need it.
pub(super) fn run(
    args: &ExplainArgs,
    config: impl Fn() -> Result<Config, Error>,
    term: Term,
) -> Result<u8, Error> {
    let lake = args.lake.as_ref().filter(|_| args.replay || args.alerts.is_none());
    let lake = lake.map(|root| args.of.s3.lake(root, &config)).transpose()?;
    let (day, alert) = match (&args.alerts, &lake) {
        (Some(file), _) => (None, find_in_file(file, &args.id)?),
        (None, Some(lake)) => {
            let (day, alert) = find_in_lake(lake, &args.id)?;
            (Some(day), alert)
        }
        (None, None) => {
            return Err(Error::usage("where is the alert?", "name --lake DIR or --alerts FILE"));
        }
    };
    term.print(&evidence(&alert))?;
    if args.replay {
        let Some(lake) = lake else {
            return Err(Error::usage("a replay needs the lake of the scan", "name it with --lake DIR"));
        };
        return replay::run(&args.of, &lake, &alert, day, &config()?, term);
    }
    Ok(0)
}

/// The alert in a JSONL file as `scan --format jsonl` writes it.
fn find_in_file(path: &Path, id: &str) -> Result<Alert, Error> {
    let name = path.display().to_string();
    let read = |source| Error::Read { path: name.clone(), source };
    let mut found = Vec::new();
    for (at, line) in BufReader::new(File::open(path).map_err(read)?).lines().enumerate() {
        let line = line.map_err(read)?;
        // Only lines that can hold the id are read in full: the file may be large.
        if line.trim().is_empty() || !line.contains(id) {
            continue;
        }
        let alert: Alert = serde_json::from_str(&line).map_err(|error| Error::Stored {
            path: name.clone(),
            detail: format!("line {} is not an alert: {error}", at + 1),
        })?;
        if alert.id.starts_with(id) {
            found.push(alert);
        }
    }
    choose(found, id, &name)
}

/// The alert in the lake's `alerts/`.
fn find_in_lake(lake: &Lake, id: &str) -> Result<(Day, Alert), Error> {
    let place = lake.root().display().to_string();
    let stored = |error: LakeError| match error {
        // It says itself where, and what to do.
        LakeError::Remote(_) => Error::Lake(error),
        _ => Error::Stored { path: place.clone(), detail: error.to_string() },
    };
    lake.find_alert_of_day(id).map_err(stored)?.ok_or_else(|| none_of(id, &place))
}

/// The one alert meant by `id` among those whose id begins with it: the exact one if there is
/// one, and the latest revision of it.
fn choose(mut found: Vec<Alert>, id: &str, place: &str) -> Result<Alert, Error> {
    if found.iter().any(|alert| alert.id == id) {
        found.retain(|alert| alert.id == id);
    }
    found.sort_by(|a, b| a.id.cmp(&b.id).then(b.revision.cmp(&a.revision)));
    found.dedup_by(|later, first| later.id == first.id);
    if found.len() > 1 {
        let ids: Vec<_> = found.iter().take(5).map(|alert| alert.id.as_str()).collect();
        return Err(Error::usage(
            format!("{} alerts of {place} have ids that begin with {id}", found.len()),
            format!("give more of it: {}", ids.join(", ")),
        ));
    }
    found.pop().ok_or_else(|| none_of(id, place))
}

fn none_of(id: &str, place: &str) -> Error {
    Error::usage(
        format!("no alert of {place} has an id that begins with {id}"),
        "`scan --all --format jsonl` writes every incident, also those kept back",
    )
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::alert;
    use super::*;
    use crate::alert::Severity;

    fn find(id: &str) -> Result<Alert, Error> {
        let mut grown = alert("abc1", Severity::High, true);
        grown.revision = 2;
        let alerts = [alert("abc1", Severity::Low, true), grown, alert("abc123", Severity::Low, true)];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let lines: Vec<_> = alerts.iter().map(|alert| serde_json::to_string(alert).unwrap()).collect();
        std::fs::write(&path, lines.join("\n") + "\n\n").unwrap();
        find_in_file(&path, id)
    }

    #[test]
    fn a_unique_beginning_is_enough_and_the_exact_id_wins() {
        assert_eq!(find("abc12").unwrap().id, "abc123");
        let exact = find("abc1").unwrap();
        assert_eq!((exact.id.as_str(), exact.revision), ("abc1", 2));
    }

    #[test]
    fn doubt_and_absence_say_what_to_do() {
        let doubt = find("abc").unwrap_err();
        assert!(doubt.hint().unwrap().contains("abc1, abc123"), "{doubt}");
        assert!(find("zzz").unwrap_err().to_string().contains("no alert"));
    }

    #[test]
    fn a_file_of_something_else_is_located() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, "\n{\"id\":\"abc\"}\n").unwrap();
        let error = find_in_file(&path, "abc").unwrap_err().to_string();
        assert!(error.contains("line 2 is not an alert"), "{error}");
    }
}
