//! `--sns-topic-arn` and `--security-hub`: alerts to AWS beside what is printed, or, with
//! `--sns-dry-run` and `--security-hub-dry-run`, what would be sent to the standard error.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::term::{BOLD, Term};
use super::text::{plural, safe};
use crate::alert::Alert;
#[cfg(feature = "aws")]
use crate::alert::render::digest;
use crate::alert::render::{Unplaced, asff, sns};
use crate::config::S3;
use crate::error::Error;
use crate::sink::{Delivery, HubSink, SnsSink, Topic};

/// Where alerts are sent besides what is printed.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct PublishArgs {
    /// Publish what is emitted to this SNS topic too; FIFO topics end in `.fifo`
    #[arg(long, env = "OUTFLOW_SNS_TOPIC_ARN", value_name = "ARN")]
    pub(super) sns_topic_arn: Option<Topic>,
    /// Do not publish: print the messages to the standard error, one JSON object a line
    #[arg(long, env = "OUTFLOW_SNS_DRY_RUN", value_parser = FalseyValueParser::new(), requires = "sns_topic_arn")]
    sns_dry_run: bool,
    /// The topic's `https` subscribers are chats of Amazon Q Developer (AWS Chatbot: Slack, Teams): send
    /// them a notification instead of JSON
    #[arg(long, env = "OUTFLOW_SNS_CHAT", value_parser = FalseyValueParser::new(), requires = "sns_topic_arn")]
    sns_chat: bool,
    /// Import what is emitted into Security Hub of the alert's account and region too
    #[arg(long, env = "OUTFLOW_SECURITY_HUB", value_parser = FalseyValueParser::new())]
    security_hub: bool,
    /// Do not import: print the findings to the standard error, one JSON object a line
    #[arg(long, env = "OUTFLOW_SECURITY_HUB_DRY_RUN", value_parser = FalseyValueParser::new(),
          requires = "security_hub")]
    security_hub_dry_run: bool,
}

impl PublishArgs {
    /// Whether anything leaves.
    pub(super) fn is_any(&self) -> bool {
        self.sns_topic_arn.is_some() || self.security_hub
    }
}

/// One way for alerts to leave.
pub(super) enum Way {
    /// Messages of SNS, in this form, are shown instead.
    TopicShown(sns::Form, Term),
    /// To a topic.
    Topic(Box<SnsSink>),
    /// Findings of Security Hub are shown instead.
    HubShown(Term),
    /// To Security Hub.
    Hub(Box<HubSink>),
}

impl Way {
    /// Takes those of `alerts` that were emitted.
    pub(super) fn take(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        let emitted = alerts.iter().filter(|alert| alert.emitted);
        match self {
            Self::TopicShown(form, term) => {
                emitted.for_each(|alert| term.must_say(&sns::entry(alert, *form).to_json()));
                Ok(())
            }
            Self::HubShown(term) => {
                emitted.for_each(|alert| match asff(alert) {
                    Ok(finding) => term.must_say(&finding.to_string()),
                    Err(Unplaced) => term.must_say(&format!(
                        "warning: alert {} is no finding: {}",
                        safe(&alert.id),
                        Unplaced::CAUSE
                    )),
                });
                Ok(())
            }
            Self::Topic(sink) => sink.publish(alerts),
            Self::Hub(sink) => sink.publish(alerts),
        }
    }

    /// Takes the first of `alerts` together, as many as a message holds where it takes messages. How many.
    #[cfg(feature = "aws")]
    pub(super) fn take_together(&mut self, alerts: &[Alert]) -> Result<usize, Error> {
        match self {
            Self::TopicShown(form, term) => {
                let (count, entry) = digest(alerts, form.is_chat);
                term.must_say(&entry.to_json());
                Ok(count)
            }
            Self::Topic(sink) => sink.publish_digest(alerts),
            Self::HubShown(_) | Self::Hub(_) => self.take(alerts).map(|()| alerts.len()),
        }
    }

    /// Ids of the alerts that the last call did not take, and another may.
    #[cfg(feature = "aws")]
    pub(super) fn refused(&self) -> &[String] {
        self.delivery().map_or(&[], |(delivery, _)| delivery.refused())
    }

    /// Tries again what failed so often in a row that it was given up.
    #[cfg(feature = "aws")]
    pub(super) fn try_anew(&mut self) {
        match self {
            Self::TopicShown(..) | Self::HubShown(_) => {}
            Self::Topic(sink) => sink.try_anew(),
            Self::Hub(sink) => sink.try_anew(),
        }
    }

    /// Why the last alert that was refused was, with the remedy, one line.
    #[cfg(feature = "aws")]
    pub(super) fn last_fault(&self) -> Option<String> {
        match self {
            Self::TopicShown(..) | Self::HubShown(_) => None,
            Self::Topic(sink) => sink.last_fault(),
            Self::Hub(sink) => sink.last_fault(),
        }
    }

    /// Why it can never take `alert`, with the remedy, one line.
    #[cfg(feature = "aws")]
    pub(super) fn never_takes(&self, alert: &Alert) -> Option<String> {
        let is_hub = matches!(self, Self::HubShown(_) | Self::Hub(_));
        let is_left_out = is_hub && asff(alert) == Err(Unplaced);
        is_left_out.then(|| format!("not for Security Hub: {}; {}", Unplaced::CAUSE, Unplaced::REMEDY))
    }

    /// What became of the alerts; `None` where they are shown. With what was done to them.
    fn delivery(&self) -> Option<(&Delivery, &'static str)> {
        match self {
            Self::TopicShown(..) | Self::HubShown(_) => None,
            Self::Topic(sink) => Some((sink.delivery(), "published")),
            Self::Hub(sink) => Some((sink.delivery(), "imported into Security Hub")),
        }
    }
}

/// Sets up the ways that are asked for. `s3` is the way to AWS, flags included.
pub(super) fn ways(args: &PublishArgs, s3: &S3, term: Term) -> Result<Vec<Way>, Error> {
    let mut ways = Vec::new();
    if let Some(topic) = &args.sns_topic_arn {
        ways.push(if args.sns_dry_run {
            let form = sns::Form { is_fifo: topic.is_fifo(), is_chat: args.sns_chat };
            Way::TopicShown(form, term)
        } else {
            Way::Topic(Box::new(SnsSink::connect(topic.clone(), args.sns_chat, s3)?))
        });
    }
    if args.security_hub {
        ways.push(if args.security_hub_dry_run {
            Way::HubShown(term)
        } else {
            Way::Hub(Box::new(HubSink::connect(s3)?))
        });
    }
    Ok(ways)
}

/// Where the alerts of a scan are published.
pub(super) struct Publisher {
    ways: Vec<Way>,
}

impl Publisher {
    /// Sets up the ways that are asked for. `s3` is the way to AWS, flags included.
    pub(super) fn open(args: &PublishArgs, s3: &S3, term: Term) -> Result<Self, Error> {
        Ok(Self { ways: ways(args, s3, term)? })
    }

    /// Takes the alerts of a day.
    pub(super) fn take(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        // One must not keep alerts from the other.
        let taken: Vec<_> = self.ways.iter_mut().map(|way| way.take(alerts)).collect();
        taken.into_iter().collect()
    }

    /// Says what became of the alerts. Whether all were delivered.
    pub(super) fn finish(self, term: Term) -> bool {
        let mut is_delivered = true;
        for (delivery, done) in self.ways.iter().filter_map(Way::delivery) {
            let title = format!("{}{}", done[..1].to_uppercase(), &done[1..]);
            term.say(&format!("{BOLD}{title}{BOLD:#}\n  {}", plural(delivery.published, "alert")));
            warnings(delivery, done).iter().for_each(|line| term.must_say(line));
            is_delivered &= delivery.undelivered.is_empty();
        }
        is_delivered
    }
}

/// Two lines for each reason why alerts were not delivered.
fn warnings(delivery: &Delivery, done: &str) -> Vec<String> {
    let told = |same: &crate::sink::Undelivered| {
        let more = same.alerts.saturating_sub(same.ids.len() as u64);
        let more = if more > 0 { format!(" +{more} more") } else { String::new() };
        let number = plural(same.alerts, "alert");
        let ids = same.ids.join(" ");
        [
            format!("warning: {number} not {done}: {} (ids {}{more})", safe(&same.cause), safe(&ids)),
            format!("{BOLD}hint:{BOLD:#} {}", safe(&same.remedy)),
        ]
    };
    delivery.undelivered.iter().flat_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Undelivered;

    #[test]
    fn each_cause_is_told_once_with_its_remedy() {
        let same = |alerts, cause: &str| Undelivered {
            cause: cause.into(),
            remedy: "do this".into(),
            alerts,
            is_hopeless: false,
            ids: vec!["a1".into(), "b2".into()],
        };
        let delivery = Delivery {
            published: 3,
            undelivered: vec![same(2, "gone"), same(5, "full\u{1b}")],
            ..Delivery::default()
        };
        let lines: Vec<_> = warnings(&delivery, "published")
            .iter()
            .map(|l| anstream::adapter::strip_str(l).to_string())
            .collect();
        assert_eq!(
            lines,
            [
                "warning: 2 alerts not published: gone (ids a1 b2)",
                "hint: do this",
                "warning: 5 alerts not published: full\\u{1b} (ids a1 b2 +3 more)",
                "hint: do this",
            ]
        );
    }
}
