//! The shape of `outflow watch`, apart from what it does.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::publish::PublishArgs;
use super::s3_args::S3Args;
use super::when;

pub(super) const WATCH_EXAMPLES: &str = "\
Examples:
  outflow watch --queue-url https://sqs.eu-west-1.amazonaws.com/111111111111/outflow \\
      --allow s3://central-logs/AWSLogs/ --state ./state --lake ./lake --backfill 28d \\
      --sns-topic-arn arn:aws:sns:eu-west-1:111111111111:outflow
  outflow watch --queue-url ... --allow s3://central-logs --state ./state --drain

Alerts go to stdout, one JSON object a line, each at least once, under an id and a revision
that stay. SIGTERM and Ctrl-C end it after what is in hand; it goes on from --state.";

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// URL of the SQS queue that S3, SNS or `EventBridge` announces objects on
    #[arg(long, env = "OUTFLOW_QUEUE_URL", value_name = "URL")]
    pub(super) queue_url: String,
    /// What may be read, `s3://BUCKET` or `s3://BUCKET/PREFIX`; repeatable. Messages that announce
    /// anything else are refused
    #[arg(long, env = "OUTFLOW_ALLOW", value_name = "S3_URL", value_delimiter = ',', required = true)]
    pub(super) allow: Vec<String>,
    /// Folder, on a local disk or `s3://BUCKET/PREFIX`, that keeps what is needed to go on after a stop
    /// or a crash
    #[arg(long, env = "OUTFLOW_STATE", value_name = "DIR")]
    pub(super) state: PathBuf,
    /// Also write Parquet summaries to this folder or `s3://BUCKET/PREFIX`, as days end
    #[arg(long, env = "OUTFLOW_LAKE", value_name = "DIR")]
    pub(super) lake: Option<PathBuf>,
    #[command(flatten)]
    pub(super) publish: PublishArgs,
    /// Publish what comes within this span as one message, the worst first: 15m. CRITICAL leaves at
    /// once, after what waited before it [default: each alert by itself, at once]
    #[arg(long, env = "OUTFLOW_DIGEST", value_name = "SPAN", value_parser = when::span_seconds,
          requires = "sns_topic_arn")]
    pub(super) digest: Option<i64>,
    /// Findings of `GuardDuty` come on the same queue: as events of `EventBridge`, or as objects that
    /// it exports below --allow
    #[arg(long, env = "OUTFLOW_GUARDDUTY_EVENTS", value_parser = FalseyValueParser::new())]
    pub(super) guardduty: bool,
    /// With an empty --state: first count what lies below --allow of this span before the newest
    /// object, so that baselines are there from the start: 28d
    #[arg(long, env = "OUTFLOW_BACKFILL", value_name = "SPAN", value_parser = when::span_seconds)]
    pub(super) backfill: Option<i64>,
    /// Tell nothing before its hour has closed. Else what is HIGH by bytes alone is told once, as
    /// revision 1, while its hour is open
    #[arg(long, env = "OUTFLOW_NO_EARLY", value_parser = FalseyValueParser::new())]
    pub(super) no_early: bool,
    /// End when the queue is empty, and end the day in hand as `scan` would; a later run goes on
    #[arg(long, env = "OUTFLOW_DRAIN", value_parser = FalseyValueParser::new())]
    pub(super) drain: bool,
    /// Objects after which a checkpoint is written
    #[arg(long, env = "OUTFLOW_CHECKPOINT_OBJECTS", value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) checkpoint_objects: u32,
    /// Seconds after which one is written
    #[arg(long, env = "OUTFLOW_CHECKPOINT_SECONDS", value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(super) checkpoint_seconds: u16,
    /// How long a message is hidden from others at a time, prolonged while it is in hand; after a
    /// crash it comes again so much later
    #[arg(long, env = "OUTFLOW_HIDE_SECONDS", value_name = "N", default_value_t = 120,
          value_parser = clap::value_parser!(u16).range(3..=3600))]
    pub(super) hide_seconds: u16,
    /// How far objects may come out of order before hours close; more delays alerts, less makes
    /// more corrections
    #[arg(long, env = "OUTFLOW_REORDER", value_name = "SPAN", default_value = "10m", value_parser = when::span_seconds)]
    pub(super) reorder: i64,
    /// How long nothing has to arrive before hours close by the clock
    #[arg(long, env = "OUTFLOW_IDLE", value_name = "SPAN", default_value = "30m", value_parser = when::span_seconds)]
    pub(super) idle: i64,
    /// How long what came too late waits for a correction, so that one is done for all of it; never
    /// beyond the end of the day in hand
    #[arg(long, env = "OUTFLOW_CORRECT_EVERY", value_name = "SPAN", default_value = "5m",
          value_parser = when::span_seconds)]
    pub(super) correct_every: i64,
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
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub(super) telemetry: crate::telemetry::TelemetryArgs,
    #[command(flatten)]
    pub(super) s3: S3Args,
}
