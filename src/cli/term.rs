//! Where words go: messages to stderr, data to stdout or a file; both with colour only when asked.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice, StripStream};
use anstyle::{AnsiColor, Style};

use super::args::{Color, Common};
use super::text::safe;
use crate::alert::Severity;
use crate::error::Error;

/// Bold.
pub(super) const BOLD: Style = Style::new().bold();
/// Less important.
pub(super) const DIM: Style = Style::new().dimmed();
/// Errors.
pub(super) const RED: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));

/// The colour that goes with a severity's word, never instead of it.
pub(super) fn severity_style(severity: Severity) -> Style {
    let color = match severity {
        Severity::Low => AnsiColor::Blue,
        Severity::Medium => AnsiColor::Yellow,
        Severity::High => AnsiColor::Red,
        Severity::Critical => AnsiColor::Magenta,
    };
    Style::new().bold().fg_color(Some(color.into()))
}

/// How to speak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    color: ColorChoice,
    /// Only results and errors.
    pub(super) quiet: bool,
    /// Everything.
    pub(super) verbose: bool,
    /// Progress is wanted.
    pub(super) progress: bool,
}

impl Term {
    pub(super) fn new(common: &Common) -> Self {
        let color = match common.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self {
            color,
            quiet: common.quiet,
            verbose: common.verbose,
            progress: !common.no_progress && !common.quiet,
        }
    }

    /// A message for people, unless they asked for quiet. A closed stderr is no reason to stop.
    pub(super) fn say(self, text: &str) {
        if !self.quiet {
            self.must_say(text);
        }
    }

    /// A message that is told even when quiet.
    pub(super) fn must_say(self, text: &str) {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.color);
        let _ = writeln!(stderr, "{text}");
    }

    /// Data to the standard output.
    pub(super) fn print(self, text: &str) -> Result<(), Error> {
        let mut stdout = AutoStream::new(io::stdout().lock(), self.color);
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|source| write_error("stdout", source))
    }

    /// Whether stderr is a terminal, for progress bars.
    pub(super) fn stderr_is_terminal() -> bool {
        io::stderr().is_terminal()
    }

    /// Whether stdout is a terminal, where data and a progress bar would meet.
    pub(super) fn stdout_is_terminal() -> bool {
        io::stdout().is_terminal()
    }
}

/// A file that appears under its name only when complete, or the standard output.
#[derive(Debug)]
pub(super) enum Output {
    /// The standard output.
    Stdout(BufWriter<AutoStream<io::Stdout>>),
    /// A file.
    File {
        /// Its name in the end.
        path: PathBuf,
        /// Its name until then; `None` for a device or a pipe, which is written to as it is.
        partial: Option<PathBuf>,
        /// The open file.
        file: BufWriter<StripStream<File>>,
    },
}

impl Output {
    /// Opens the output before the work starts, so that hours of reading are never lost to a name
    /// that is taken or a folder that cannot be written.
    pub(super) fn open(path: Option<&Path>, force: bool, term: Term) -> Result<Self, Error> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::new(AutoStream::new(io::stdout(), term.color))));
        };
        let there = std::fs::metadata(path);
        let cannot = |source| write_error(&path.display().to_string(), source);
        let (partial, file) = if there.as_ref().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            // /dev/null and pipes hold nothing to keep, and must not be replaced by a file.
            (None, OpenOptions::new().write(true).open(path).map_err(cannot)?)
        } else {
            if there.is_ok() && !force {
                return Err(Error::Exists(path.to_owned()));
            }
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(".partial");
            let partial = path.with_file_name(name);
            let file = File::create(&partial).map_err(cannot)?;
            (Some(partial), file)
        };
        Ok(Self::File { path: path.to_owned(), partial, file: BufWriter::new(StripStream::new(file)) })
    }

    /// Adds `text`.
    pub(super) fn write(&mut self, text: &str) -> Result<(), Error> {
        let written = match self {
            Self::Stdout(stdout) => stdout.write_all(text.as_bytes()),
            Self::File { file, .. } => file.write_all(text.as_bytes()),
        };
        written.map_err(|source| self.failed(source))
    }

    /// Adds bytes that are no text, as they are.
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.flush()?;
        let written = match self {
            Self::Stdout(_) => io::stdout().lock().write_all(bytes),
            Self::File { file, .. } => {
                let mut file = file.get_ref().as_inner();
                file.write_all(bytes)
            }
        };
        written.map_err(|source| self.failed(source))
    }

    /// Lets the reader see what was written so far.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        let flushed = match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File { file, .. } => file.flush(),
        };
        flushed.map_err(|source| self.failed(source))
    }

    /// Writes what is still buffered and puts the file in its place.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.flush()?;
        match &self {
            Self::Stdout(_) | Self::File { partial: None, .. } => Ok(()),
            Self::File { path, partial: Some(partial), file } => {
                let on_disk = file.get_ref().as_inner().sync_all();
                let placed = on_disk.and_then(|()| std::fs::rename(partial, path));
                placed.map_err(|source| self.failed(source))
            }
        }
    }

    /// Writes what is still buffered and leaves a file under the name that it has until it is
    /// complete, which is given: what is cut off must not pass for all.
    pub(super) fn leave(mut self) -> Result<Option<PathBuf>, Error> {
        self.flush()?;
        match &mut self {
            Self::Stdout(_) => Ok(None),
            Self::File { partial, .. } => Ok(partial.take()),
        }
    }

    /// Finishes, or leaves what was stopped before the end and says where it is.
    pub(super) fn end(self, stopped: bool, term: Term) -> Result<(), Error> {
        if !stopped {
            return self.finish();
        }
        if let Some(partial) = self.leave()? {
            let text = format!("interrupted: what was found until then is in {}", partial.display());
            term.must_say(&format!("{RED}warning:{RED:#} {}", safe(&text)));
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> Error {
        match self {
            Self::Stdout(_) => write_error("stdout", source),
            Self::File { path, .. } => write_error(&path.display().to_string(), source),
        }
    }
}

impl Drop for Output {
    /// Takes away what was left unfinished.
    fn drop(&mut self) {
        if let Self::File { partial: Some(partial), .. } = self {
            let _ = std::fs::remove_file(partial);
        }
    }
}

/// An error of writing to `path`.
pub(super) fn write_error(path: &str, source: io::Error) -> Error {
    Error::Write { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Term = Term { color: ColorChoice::Never, quiet: false, verbose: false, progress: false };

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_stays_one() {
        use std::os::unix::fs::FileTypeExt as _;
        let mut output = Output::open(Some(Path::new("/dev/null")), false, PLAIN).unwrap();
        output.write("x").unwrap();
        output.finish().unwrap();
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[test]
    fn a_file_appears_only_when_finished_and_is_never_overwritten_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        let mut output = Output::open(Some(&path), false, PLAIN).unwrap();
        output.write("a\x1b[1mb").unwrap();
        output.flush().unwrap();
        output.write("\x1b[0mc\n").unwrap();
        assert!(!path.exists());
        output.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc\n");
        assert!(matches!(Output::open(Some(&path), false, PLAIN), Err(Error::Exists(_))));
        let mut abandoned = Output::open(Some(&path), true, PLAIN).unwrap();
        abandoned.write("d").unwrap();
        drop(abandoned);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc\n", "an abandoned output changes nothing");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let mut stopped = Output::open(Some(&path), true, PLAIN).unwrap();
        stopped.write("e").unwrap();
        let partial = stopped.leave().unwrap().unwrap();
        assert_eq!(std::fs::read_to_string(partial).unwrap(), "e");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc\n", "nor does one that was stopped");
    }
}
