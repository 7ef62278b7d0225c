//! The command line's shape, apart from what it does. Every flag has an `OUTFLOW_*` twin.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) use super::explain_args::ExplainArgs;
use super::publish::PublishArgs;
use super::report::ReportArgs;
use super::s3_args::S3Args;
use super::tables::TableArgs;
use super::watch_args::WATCH_EXAMPLES;
pub(super) use super::watch_args::WatchArgs;
use super::when::{self, When};
use crate::alert::Severity;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    done, and --fail-on was given and reached, or a replayed alert differs
  2    usage or configuration error, or an input or output that cannot be opened
  3    finished but partial: objects failed or could not be listed, no line in them could be
       read, a limit cost detail, or alerts could not be published
  130  interrupted; what was seen until then is reported

Every flag has an environment twin: --fail-on is OUTFLOW_FAIL_ON.
Data goes to stdout, everything else to stderr. The network is used for s3:// and
guardduty:// and for --sns-topic-arn and --security-hub only.";

const SCAN_EXAMPLES: &str = "\
Examples:
  outflow scan ./AWSLogs --last 7d
  outflow scan 'logs/**/*.log.gz' --lake ./lake --format jsonl --out alerts.jsonl
  zcat flows.gz | outflow scan - --format-fields 'version account-id interface-id ...'
  outflow scan ./AWSLogs --guardduty ./findings
  outflow scan s3://central-logs/AWSLogs/ --last 7d --guardduty guardduty://eu-west-1
  outflow scan ./evidence --retrospective --format csv --out reading-order.csv
  outflow scan ./AWSLogs --from 2026-03-01 --to 2026-04-01 --dry-run
  outflow scan s3://central-logs/AWSLogs/ --last 30d --region eu-west-1 --lake ./lake
  outflow scan ./AWSLogs --last 1d --sns-topic-arn arn:aws:sns:eu-west-1:111111111111:outflow";

/// Reads AWS VPC Flow Logs and says, with evidence, when data leaves for somewhere it should not.
#[derive(Debug, Parser)]
#[command(name = "outflow", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Configuration file [default: ./outflow.toml when it is there]
    #[arg(long, global = true, env = "OUTFLOW_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// When to colour; `NO_COLOR` is honoured
    #[arg(long, global = true, env = "OUTFLOW_COLOR", value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
    /// No progress bar and no progress lines
    #[arg(long, global = true, env = "OUTFLOW_NO_PROGRESS", value_parser = FalseyValueParser::new())]
    pub(super) no_progress: bool,
    /// Only results and errors
    #[arg(short, long, global = true, env = "OUTFLOW_QUIET", value_parser = FalseyValueParser::new())]
    pub(super) quiet: bool,
    /// Every failed object and unknown column, not only the first few
    #[arg(short, long, global = true, env = "OUTFLOW_VERBOSE", value_parser = FalseyValueParser::new(),
          conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Simulate a small fleet with hidden exfiltration, scan it, and show what was found
    Demo(DemoArgs),
    /// Scan flow logs: files, folders, globs, `s3://BUCKET/PREFIX`, or `-` for the standard input
    #[command(after_help = SCAN_EXAMPLES)]
    Scan(Box<ScanArgs>),
    /// Read what a queue announces, for as long as it runs, and tell as hours close
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(Box<WatchArgs>),
    /// Write the flow logs of a simulated fleet, with labels of what was hidden in them
    Simulate(SimulateArgs),
    /// Show all evidence of one alert; with --replay, compute it again from the raw objects and compare
    #[command(after_help = super::explain_args::EXAMPLES)]
    Explain(Box<ExplainArgs>),
    /// Write the lake as one HTML file to look at: incidents, evidence, coverage, fleet
    #[command(after_help = super::report::EXAMPLES)]
    Report(ReportArgs),
    /// Roll a lake up by network interface, destination or incident, as CSV or Parquet
    Export(super::export::ExportArgs),
    /// Print DDL for Athena, views for `DuckDB`, or the JSON Schema of an alert
    #[command(subcommand)]
    Schema(super::schema::SchemaVerb),
    /// Add, test and list suppressions: known traffic that need not be told, for a while
    #[command(subcommand)]
    Suppress(super::suppress::SuppressVerb),
    /// Score a lake's stored hours again: what another configuration would tell, and what it would
    /// let pass
    Backtest(BacktestArgs),
    /// Measure what a lake's alerts found against labels: recall, false alarms, time to detect
    Eval(EvalArgs),
    /// Check the configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Print shell completions
    Completions {
        /// The shell
        #[arg(env = "OUTFLOW_SHELL")]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigVerb {
    /// Print OK, or every mistake with its line; reads the files that it names, too
    Check {
        /// The file [default: as for the other verbs]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct ScanArgs {
    /// Files, folders (recursive), quoted globs, `s3://BUCKET/PREFIX`, or `-`
    #[arg(required = true, value_name = "INPUT")]
    pub(super) inputs: Vec<String>,
    /// First event time that counts: RFC 3339, or a date (UTC midnight)
    #[arg(long, env = "OUTFLOW_FROM", value_name = "TIME", value_parser = When::parse)]
    pub(super) from: Option<When>,
    /// Event time at which to end, itself left out: RFC 3339, or a date (UTC midnight)
    #[arg(long, env = "OUTFLOW_TO", value_name = "TIME", value_parser = When::parse)]
    pub(super) to: Option<When>,
    /// Only this much before the end of the newest object, by the time in its name: 90m, 12h, 7d
    #[arg(long, env = "OUTFLOW_LAST", value_name = "SPAN", value_parser = when::span_seconds,
          conflicts_with_all = ["from", "to"])]
    pub(super) last: Option<i64>,
    /// Tell alerts of only this much before the end of the newest object that is read; what lies before
    /// is the past to learn from. For a job a day: --last 30d --alerts-last 25h
    #[arg(long, env = "OUTFLOW_ALERTS_LAST", value_name = "SPAN", value_parser = when::span_seconds)]
    pub(super) alerts_last: Option<i64>,
    /// Also write Parquet summaries to this folder, or to `s3://BUCKET/PREFIX`
    #[arg(long, env = "OUTFLOW_LAKE", value_name = "DIR")]
    pub(super) lake: Option<PathBuf>,
    /// Also replace days of the lake that were made from more objects, or a longer past, than this
    /// scan reads; without it they stay as they are, and the summary names them
    #[arg(long, env = "OUTFLOW_REPLACE_DAYS", value_parser = FalseyValueParser::new())]
    pub(super) replace_days: bool,
    /// GuardDuty's findings: files, folders, quoted globs or `s3://BUCKET/PREFIX` with what it
    /// exports, events, or what `aws guardduty get-findings` prints; or `guardduty://[REGION]`, to
    /// ask it; may be repeated; overrides the configuration
    #[arg(long, env = "OUTFLOW_GUARDDUTY", value_name = "PATH")]
    pub(super) guardduty: Vec<String>,
    #[command(flatten)]
    pub(super) tables: TableArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Also the incidents that were kept back, with the reason
    #[arg(long, env = "OUTFLOW_ALL", value_parser = FalseyValueParser::new())]
    pub(super) all: bool,
    /// For a few hours or days of logs that have no past: rank each interface's outbound
    /// destinations against the rest of the same period, instead of alerting
    #[arg(long, env = "OUTFLOW_RETROSPECTIVE", value_parser = FalseyValueParser::new(),
          conflicts_with_all = ["all", "alerts_last", "guardduty", "fail_on", "sns_topic_arn", "security_hub"])]
    pub(super) retrospective: bool,
    /// Destinations of each interface that --retrospective shows
    #[arg(long, env = "OUTFLOW_PER_ENI", value_name = "N", default_value_t = 10, requires = "retrospective",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) per_eni: u16,
    /// List what would be read, and read nothing
    #[arg(long, env = "OUTFLOW_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(super) dry_run: bool,
    /// Worker threads [default: all cores]
    #[arg(long, env = "OUTFLOW_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Columns, in order, of bodies that carry no header; overrides the configuration
    #[arg(long, env = "OUTFLOW_FORMAT_FIELDS", value_name = "NAMES")]
    pub(super) format_fields: Option<String>,
    /// How long after an hour's end to wait for its records, in event time; overrides the
    /// configuration
    #[arg(long, env = "OUTFLOW_LATENESS", value_name = "SPAN", value_parser = when::lateness_minutes)]
    pub(super) lateness: Option<u32>,
    /// Exit with 1 when an emitted alert is at least this severe
    #[arg(long, env = "OUTFLOW_FAIL_ON", value_name = "SEVERITY", value_parser = severity)]
    pub(super) fail_on: Option<Severity>,
    #[command(flatten)]
    pub(super) publish: PublishArgs,
    #[command(flatten)]
    pub(super) s3: S3Args,
}

/// Where alerts go, and how.
#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// How to print alerts
    #[arg(long, env = "OUTFLOW_FORMAT", value_name = "FORMAT", default_value = "table")]
    pub(super) format: Format,
    /// Write alerts to this file instead of stdout
    #[arg(long, env = "OUTFLOW_OUT", value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Replace what is there
    #[arg(long, env = "OUTFLOW_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,
}

/// How to print alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, 80 columns.
    Table,
    /// One JSON object a line: the contract for machines.
    Jsonl,
    /// For spreadsheets; cells that would be read as formulas are quoted.
    Csv,
    /// OCSF Detection Findings (class 2004), one JSON object a line: Security Lake, SIEMs.
    Ocsf,
    /// AWS Security Finding Format, one JSON object a line: `aws securityhub batch-import-findings`.
    Asff,
}

#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    /// The lake that `scan --lake` wrote, a folder or `s3://BUCKET/PREFIX`
    #[arg(value_name = "LAKE")]
    pub(super) lake: PathBuf,
    /// First day that is compared, UTC: 2026-03-01; earlier ones are learned from
    #[arg(long, env = "OUTFLOW_FROM", value_name = "DATE", value_parser = When::parse_date)]
    pub(super) from: Option<When>,
    /// Day before which to stop, UTC
    #[arg(long, env = "OUTFLOW_TO", value_name = "DATE", value_parser = When::parse_date)]
    pub(super) to: Option<When>,
    /// Also how much could leave each ENI unseen on the last day; lives that day dozens of times
    #[arg(long, env = "OUTFLOW_HEADROOM", value_parser = FalseyValueParser::new())]
    pub(super) headroom: bool,
    /// Keep the headroom in the lake, as its data set `headroom`
    #[arg(long, env = "OUTFLOW_SAVE", value_parser = FalseyValueParser::new(), requires = "headroom")]
    pub(super) save: bool,
    /// How to print
    #[arg(long, env = "OUTFLOW_FORMAT", value_name = "FORMAT", default_value = "table")]
    pub(super) format: ReportFormat,
    /// Also write the incidents as they would be to this file, as `scan --format jsonl` does
    #[arg(long, env = "OUTFLOW_ALERTS", value_name = "FILE")]
    pub(super) alerts: Option<PathBuf>,
    #[command(flatten)]
    pub(super) s3: S3Args,
}

#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// The lake that `scan --lake` wrote, a folder or `s3://BUCKET/PREFIX`
    #[arg(value_name = "LAKE")]
    pub(super) lake: PathBuf,
    /// What was hidden: the CSV that `simulate` writes, or one with its columns
    #[arg(long, env = "OUTFLOW_LABELS", value_name = "FILE")]
    pub(super) labels: PathBuf,
    /// Judge this ranked list instead of the lake's alerts: JSON lines as `scan --all --format jsonl`
    /// writes them; `eni`, `peer`, `first_seen`, `last_seen` and `score` are enough
    #[arg(long, env = "OUTFLOW_INCIDENTS", value_name = "FILE")]
    pub(super) incidents: Option<PathBuf>,
    /// First day that counts, UTC [default: the day of the first labelled attack]
    #[arg(long, env = "OUTFLOW_FROM", value_name = "DATE", value_parser = When::parse_date)]
    pub(super) from: Option<When>,
    /// How to print
    #[arg(long, env = "OUTFLOW_FORMAT", value_name = "FORMAT", default_value = "table")]
    pub(super) format: ReportFormat,
    #[command(flatten)]
    pub(super) s3: S3Args,
}

/// How to print what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// For people, 80 columns.
    Table,
    /// One JSON object.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Keep everything in this folder, which must be empty or absent [default: a new temporary one]
    #[arg(long, env = "OUTFLOW_DIR", value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Seed of the fleet and of what is hidden in it
    #[arg(long, env = "OUTFLOW_SEED", value_name = "N", default_value_t = 7)]
    pub(super) seed: u64,
}

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// Folder to write to
    #[arg(value_name = "OUT_DIR")]
    pub(super) out_dir: PathBuf,
    /// Equal seeds write equal bytes
    #[arg(long, env = "OUTFLOW_SEED", value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Network interfaces
    #[arg(long, env = "OUTFLOW_ENIS", value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) enis: u32,
    /// Days of traffic
    #[arg(long, env = "OUTFLOW_DAYS", value_name = "N", default_value_t = 42,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) days: u32,
    /// First day, UTC
    #[arg(long, env = "OUTFLOW_START", value_name = "DATE", default_value = "2026-01-05", value_parser = When::parse_date)]
    pub(super) start: When,
    /// First day that can hold an attack, counted from 0
    #[arg(long, env = "OUTFLOW_ATTACK_FROM_DAY", value_name = "N", default_value_t = 28)]
    pub(super) attack_from_day: u32,
    /// Aggregation interval, seconds
    #[arg(long, env = "OUTFLOW_INTERVAL", value_name = "SECONDS", default_value = "60")]
    pub(super) interval: Interval,
    /// Columns of the flow logs
    #[arg(long, env = "OUTFLOW_FORMAT_VERSION", value_name = "VERSION", default_value = "v2")]
    pub(super) format: LogFormat,
    /// Scale of the number of connections; 1 gives 4 to 6 records per ENI and minute
    #[arg(long, env = "OUTFLOW_DENSITY", value_name = "X", default_value_t = 1.0, value_parser = density)]
    pub(super) density: f64,
    /// `all`, `none`, or attack families
    #[arg(
        long,
        env = "OUTFLOW_ATTACKS",
        value_name = "FAMILY,...",
        value_delimiter = ',',
        default_value = "all"
    )]
    pub(super) attacks: Vec<String>,
    /// How often each family attacks
    #[arg(long, env = "OUTFLOW_ATTACKS_PER_FAMILY", value_name = "N", default_value_t = 3)]
    pub(super) attacks_per_family: u32,
    /// Without the benign changes that look like attacks
    #[arg(long, env = "OUTFLOW_NO_LOOK_ALIKES", value_parser = FalseyValueParser::new())]
    pub(super) no_look_alikes: bool,
    /// Share of aggregation intervals that AWS reports as SKIPDATA, in [0, 1)
    #[arg(long, env = "OUTFLOW_SKIP_DATA_SHARE", value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(super) skip_data_share: f64,
    /// Share of records delivered up to two hours late, in [0, 1)
    #[arg(long, env = "OUTFLOW_LATE_SHARE", value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(super) late_share: f64,
    /// Accounts the fleet is spread over
    #[arg(long, env = "OUTFLOW_ACCOUNTS", value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) accounts: u32,
    /// What was hidden, as CSV [default: `OUT_DIR/labels.csv`]
    #[arg(long, env = "OUTFLOW_LABELS", value_name = "FILE")]
    pub(super) labels: Option<PathBuf>,
    /// Write into a folder that is not empty
    #[arg(long, env = "OUTFLOW_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,
}

/// Aggregation interval of the simulated flow logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Interval {
    /// One minute.
    #[value(name = "60")]
    Minute,
    /// Ten minutes.
    #[value(name = "600")]
    TenMinutes,
}

/// Columns of the simulated flow logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// The default format: 14 columns, no direction.
    V2,
    /// With VPC, subnet, instance, tcp-flags and packet addresses.
    V3,
    /// With direction, AWS services and traffic path.
    V5,
    /// All columns.
    V11,
}

fn severity(text: &str) -> Result<Severity, String> {
    let all = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let found = all.into_iter().find(|severity| severity.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "use low, medium, high or critical".to_owned())
}

fn density(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|x| *x > 0.0 && *x <= 1000.0);
    found.ok_or_else(|| "use a number above 0, at most 1000".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|x| (0.0..1.0).contains(x));
    found.ok_or_else(|| "use a number from 0 to below 1, e.g. 0.01".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_environment_twin() {
        fn check(command: &clap::Command) {
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long().filter(|long| !matches!(*long, "help" | "version")) else {
                    continue;
                };
                let env = arg.get_env().map(|env| env.to_string_lossy().into_owned());
                assert!(
                    env.is_some_and(|env| env.starts_with("OUTFLOW_")),
                    "{} --{long}",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn contradictions_are_refused() {
        for bad in [
            vec!["outflow", "scan"],
            vec!["outflow", "scan", "x", "--last", "7d", "--from", "2026-01-01"],
            vec!["outflow", "scan", "x", "-q", "-v"],
            vec!["outflow", "scan", "x", "--threads", "0"],
            vec!["outflow", "scan", "x", "--per-eni", "5"],
            vec!["outflow", "scan", "x", "--retrospective", "--all"],
            vec!["outflow", "scan", "x", "--fail-on", "dire"],
            vec!["outflow", "explain", "abc"],
        ] {
            assert!(Cli::try_parse_from(&bad).is_err(), "{bad:?}");
        }
    }
}
