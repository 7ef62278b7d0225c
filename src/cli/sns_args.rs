//! Flags of alerts to Amazon SNS, for every verb that has them.

use clap::Args;
use clap::builder::FalseyValueParser;

use crate::sink::Topic;

#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "fields are called as their flags")]
pub(super) struct SnsArgs {
    /// Publish what is emitted to this SNS topic too; FIFO topics end in `.fifo`
    #[arg(long, env = "OUTFLOW_SNS_TOPIC_ARN", value_name = "ARN")]
    pub(super) sns_topic_arn: Option<Topic>,
    /// Do not publish: print the messages to the standard error, one JSON object a line
    #[arg(long, env = "OUTFLOW_SNS_DRY_RUN", value_parser = FalseyValueParser::new(), requires = "sns_topic_arn")]
    pub(super) sns_dry_run: bool,
    /// The topic's `https` subscribers are chats of Amazon Q Developer (AWS Chatbot: Slack, Teams): send
    /// them a notification instead of JSON
    #[arg(long, env = "OUTFLOW_SNS_CHAT", value_parser = FalseyValueParser::new(), requires = "sns_topic_arn")]
    pub(super) sns_chat: bool,
}
