//! The command line: what people and scripts touch.

mod answers;
mod args;
mod backtest;
mod demo;
mod eval;
mod explain;
mod explain_args;
mod export;
mod findings;
mod printer;
mod progress;
mod publish;
mod render;
mod replay;
mod report;
mod retrospective;
mod s3_args;
mod scan;
mod schema;
mod simulate;
mod summary;
mod suppress;
mod tables;
mod term;
mod text;
mod unread;
#[cfg(feature = "aws")]
mod watch;
#[cfg(not(feature = "aws"))]
#[path = "watch_absent.rs"]
mod watch;
mod watch_args;
mod when;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, ConfigVerb, Verb};
use term::{BOLD, RED, Term};

use crate::config::Config;
use crate::error::Error;
use crate::scan::{Beside, column_plan};

/// Exit code of usage and configuration errors.
const FAILED: u8 = 2;
/// Read when it is there and no other is named.
const DEFAULT_CONFIG: &str = "outflow.toml";

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let term = Term::new(&cli.common);
    match dispatch(&cli, term) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            term.must_say(&format!("{RED}error:{RED:#} {}", tame(&error)));
            if let Some(hint) = error.hint() {
                term.must_say(&format!("{BOLD}hint:{BOLD:#} {hint}"));
            }
            ExitCode::from(FAILED)
        }
    }
}

/// The error's text made safe for a terminal, its own line breaks kept.
fn tame(error: &Error) -> String {
    error.to_string().lines().map(text::safe).collect::<Vec<_>>().join("\n")
}

fn dispatch(cli: &Cli, term: Term) -> Result<u8, Error> {
    match &cli.verb {
        Verb::Scan(args) => scan::run(args, &load_config(cli)?, term),
        Verb::Backtest(args) => backtest::run(args, &load_config(cli)?, term),
        Verb::Eval(args) => eval::run(args, || load_config(cli), term),
        Verb::Explain(args) => explain::run(args, || load_config(cli), term),
        Verb::Report(args) => report::run(args, &load_config(cli)?, term),
        Verb::Schema(verb) => schema::run(verb, term),
        Verb::Export(args) => export::run(args, &load_config(cli)?, term),
        Verb::Suppress(verb) => suppress::run(verb, || load_config(cli), term),
        Verb::Config(ConfigVerb::Check { file }) => check_config(file.as_deref(), cli, term),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "outflow", &mut script);
            term.print(&String::from_utf8_lossy(&script))?;
            Ok(0)
        }
        Verb::Demo(args) => demo::run(args, &load_config(cli)?, term),
        Verb::Simulate(args) => simulate::run(args, term),
        Verb::Watch(args) => watch::run(args, &load_config(cli)?, term),
    }
}

/// The file that `--config` names, else `./outflow.toml` when it is there.
fn config_path(cli: &Cli) -> Option<PathBuf> {
    let here = || Some(PathBuf::from(DEFAULT_CONFIG)).filter(|path| path.exists());
    cli.common.config.clone().or_else(here)
}

fn load_config(cli: &Cli) -> Result<Config, Error> {
    config_path(cli).map_or_else(|| Ok(Config::default()), |path| Config::load(&path))
}

fn check_config(file: Option<&Path>, cli: &Cli, term: Term) -> Result<u8, Error> {
    let Some(path) = file.map(Path::to_owned).or_else(|| config_path(cli)) else {
        return Err(Error::usage(
            format!("no configuration file: ./{DEFAULT_CONFIG} is not there"),
            "name one: outflow config check FILE",
        ));
    };
    let config = Config::load(&path)?;
    column_plan(&config)?;
    let hash = Beside::load(&config)?.config_hash(&config);
    term.print(&format!("OK {} (scoring hash {hash})\n", path.display()))?;
    Ok(0)
}
