//! Logs: one line an event to the standard error, as text for people or JSON for machines.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::alert::render::safe;
use crate::error::Error;

/// How an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

const LEVELS: &str = "use off, error, warn, info, debug or trace";

/// Which events are written.
///
/// A level (`off`, `error`, `warn`, `info`, `debug`, `trace`) is that of `outflow` itself: what it
/// is built on says at most warnings, because the AWS SDK writes requests to its debug log. Text
/// with `=` is taken as the directives of `tracing-subscriber`, e.g. `info,aws_config=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    fn filter(&self) -> Result<EnvFilter, String> {
        EnvFilter::builder().parse(&self.0).map_err(|error| error.to_string())
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let directives = match text.parse::<LevelFilter>() {
            // Nothing is a level to `tracing`.
            Ok(_) if text.is_empty() => return Err(LEVELS.to_owned()),
            Ok(level) if level <= LevelFilter::WARN => level.to_string(),
            Ok(level) => format!("warn,outflow={level}"),
            Err(_) if text.contains('=') => text.to_owned(),
            // As a directive it would be the name of a target, and silence all others.
            Err(_) => return Err(LEVELS.to_owned()),
        };
        let filter = Self(directives);
        filter.filter().map(|_| filter)
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// From now on, writes the events of all threads to the standard error.
///
/// # Errors
/// When it was done before in this process.
pub(super) fn init(format: LogFormat, filter: &LogFilter) -> Result<(), Error> {
    let usage = |error: String| Error::usage(format!("cannot set up logs: {error}"), "see --log-level");
    let subscriber = subscriber(format, filter, io::stderr).map_err(usage)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| usage(error.to_string()))
}

fn subscriber<W>(
    format: LogFormat,
    filter: &LogFilter,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // No colours: the escaping below could not tell them from those of an attacker.
    let lines = tracing_subscriber::fmt().with_env_filter(filter.filter()?).with_ansi(false);
    Ok(match format {
        LogFormat::Text => Box::new(lines.with_writer(Escaped(writer)).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_writer(writer).finish()),
    })
}

/// Escapes what could end a line early, drive a terminal or hide: object names and errors are
/// foreign text. (JSON escapes control characters itself.)
struct Escaped<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Escaped<W> {
    type Writer = EscapedWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        EscapedWriter(self.0.make_writer())
    }
}

/// Takes one event a call, which is how `tracing-subscriber` writes them.
struct EscapedWriter<W>(W);

impl<W: Write> Write for EscapedWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = safe(text.strip_suffix('\n').unwrap_or(&text));
        self.0.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written by `events` in a format and with a filter.
    fn written(format: LogFormat, filter: &str, events: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber(format, &filter.parse().unwrap(), move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, events);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_is_one_line_an_event_whatever_is_in_it() {
        let hostile = "a\nINFO outflow: all is well\u{1b}[2J\u{202e}\u{9b}";
        let log = written(LogFormat::Text, "info", || {
            tracing::info!(object = hostile, "read {hostile}");
            tracing::warn!(error = %hostile, "failed");
        });
        assert_eq!(log.lines().count(), 2, "{log}");
        assert!(log.chars().all(|c| c == '\n' || !c.is_control()), "{log:?}");
        assert!(!log.contains('\u{202e}'), "{log:?}");
        assert!(log.contains("INFO") && log.contains("WARN"), "{log}");
    }

    #[test]
    fn json_is_one_object_an_event() {
        let log = written(LogFormat::Json, "info", || {
            tracing::info!(object = "a\nb\u{1b}", records = 7, "read");
        });
        assert_eq!(log.lines().count(), 1, "{log}");
        let event: Value = serde_json::from_str(&log).unwrap();
        assert_eq!((&event["level"], &event["message"]), (&"INFO".into(), &"read".into()));
        assert_eq!((&event["object"], &event["records"]), (&"a\nb\u{1b}".into(), &7.into()));
        assert!(event["timestamp"].is_string());
    }

    #[test]
    fn a_level_is_that_of_ours_and_others_only_warn() {
        let log = written(LogFormat::Text, "debug", || {
            tracing::debug!("ours");
            tracing::trace!("too much");
            tracing::info!(target: "aws_config", "theirs");
            tracing::warn!(target: "aws_config", "theirs, a warning");
        });
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines[0].ends_with("ours") && lines[1].ends_with("a warning"), "{log}");
    }

    #[test]
    fn directives_are_taken_and_misspelt_levels_are_not() {
        let log = written(LogFormat::Text, "error,aws_config=info", || {
            tracing::warn!("ours");
            tracing::info!(target: "aws_config", "theirs");
        });
        assert!(log.lines().count() == 1 && log.contains("theirs"), "{log}");
        for bad in ["", "degub", "outflow=loud", "info,"] {
            assert!(bad.parse::<LogFilter>().is_err(), "{bad:?}");
        }
        assert_eq!("off".parse::<LogFilter>().unwrap().to_string(), "off");
    }
}
