//! `--sns-topic-arn`: alerts to Amazon SNS beside what is printed, or, with `--sns-dry-run`, the
//! messages to the standard error.

use super::sns_args::SnsArgs;
use super::term::{BOLD, Term};
use super::text::{plural, safe};
use crate::alert::Alert;
#[cfg(feature = "aws")]
use crate::alert::render::digest;
use crate::alert::render::sns;
use crate::config::S3;
use crate::error::Error;
use crate::sink::{Delivery, SnsSink};

/// Where alerts are published.
pub(super) enum Publisher {
    /// Nowhere.
    None,
    /// They are shown instead.
    Shown {
        /// What they look like.
        form: sns::Form,
        /// How to.
        term: Term,
    },
    /// To a topic.
    Topic(Box<SnsSink>),
}

impl Publisher {
    /// Sets up the way to the topic that `args` name, if any. `s3` is the way to AWS, flags included.
    pub(super) fn open(args: &SnsArgs, s3: &S3, term: Term) -> Result<Self, Error> {
        Ok(match &args.sns_topic_arn {
            None => Self::None,
            Some(topic) if args.sns_dry_run => {
                let form = sns::Form { is_fifo: topic.is_fifo(), is_chat: args.sns_chat };
                Self::Shown { form, term }
            }
            Some(topic) => Self::Topic(Box::new(SnsSink::connect(topic.clone(), args.sns_chat, s3)?)),
        })
    }

    /// Takes the alerts of a day.
    pub(super) fn take(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        match self {
            Self::None => {}
            Self::Shown { form, term } => {
                let emitted = alerts.iter().filter(|alert| alert.emitted);
                emitted.for_each(|alert| term.must_say(&sns::entry(alert, *form).to_json()));
            }
            Self::Topic(sink) => sink.publish(alerts)?,
        }
        Ok(())
    }

    /// Takes the first of `alerts` as one message: as many as it holds, which it gives.
    #[cfg(feature = "aws")]
    pub(super) fn take_digest(&mut self, alerts: &[Alert]) -> Result<usize, Error> {
        match self {
            Self::None => Ok(alerts.len()),
            Self::Shown { form, term } => {
                let (count, entry) = digest(alerts, form.is_chat);
                term.must_say(&entry.to_json());
                Ok(count)
            }
            Self::Topic(sink) => sink.publish_digest(alerts),
        }
    }

    /// Tries again what failed so often in a row that it was given up.
    #[cfg(feature = "aws")]
    pub(super) fn try_anew(&mut self) {
        if let Self::Topic(sink) = self {
            sink.try_anew();
        }
    }

    /// Alerts that were not delivered so far.
    #[cfg(feature = "aws")]
    pub(super) fn undelivered_alerts(&self) -> u64 {
        if let Self::Topic(sink) = self { sink.delivery().undelivered_alerts() } else { 0 }
    }

    /// Why the last of them was not, with the remedy, one line.
    #[cfg(feature = "aws")]
    pub(super) fn last_fault(&self) -> Option<String> {
        if let Self::Topic(sink) = self { sink.last_fault() } else { None }
    }

    /// Says what became of the alerts. Whether all were delivered.
    pub(super) fn finish(self, term: Term) -> bool {
        let Self::Topic(sink) = self else { return true };
        let delivery = sink.delivery();
        term.say(&format!("{BOLD}Published{BOLD:#}\n  {}", plural(delivery.published, "alert")));
        warnings(delivery).iter().for_each(|line| term.must_say(line));
        delivery.undelivered.is_empty()
    }
}

/// Two lines for each reason why alerts were not delivered.
fn warnings(delivery: &Delivery) -> Vec<String> {
    let told = |same: &crate::sink::Undelivered| {
        let more = same.alerts.saturating_sub(same.ids.len() as u64);
        let more = if more > 0 { format!(" +{more} more") } else { String::new() };
        let number = plural(same.alerts, "alert");
        let ids = same.ids.join(" ");
        [
            format!("warning: {number} not published: {} (ids {}{more})", safe(&same.cause), safe(&ids)),
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
            ids: vec!["a1".into(), "b2".into()],
        };
        let delivery = Delivery { published: 3, undelivered: vec![same(2, "gone"), same(5, "full\u{1b}")] };
        let lines: Vec<_> =
            warnings(&delivery).iter().map(|l| anstream::adapter::strip_str(l).to_string()).collect();
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
