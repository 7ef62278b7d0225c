//! The ARN of a topic: it says the region to sign for, and whether the topic is FIFO.

use std::str::FromStr;

/// An SNS topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    arn: String,
}

impl Topic {
    /// The whole ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The region the topic is in.
    pub fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }

    /// Whether messages keep their order and repeats are dropped.
    pub fn is_fifo(&self) -> bool {
        self.arn.strip_suffix(".fifo").is_some()
    }
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let named = |c: u8| c.is_ascii_alphanumeric() || b"-_".contains(&c);
        let is_topic = match parts.as_slice() {
            ["arn", partition, "sns", region, account, name] => {
                let plain = name.strip_suffix(".fifo").unwrap_or(name);
                partition.starts_with("aws")
                    && !region.is_empty()
                    && region.bytes().all(named)
                    && account.len() == 12
                    && account.bytes().all(|c| c.is_ascii_digit())
                    && (1..=256).contains(&name.len())
                    && !plain.is_empty()
                    && plain.bytes().all(named)
            }
            _ => false,
        };
        let found = is_topic.then(|| Self { arn: text.to_owned() });
        found.ok_or_else(|| "use a topic's ARN such as arn:aws:sns:eu-west-1:111111111111:outflow".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_region_and_kind() {
        let topic: Topic = "arn:aws-us-gov:sns:us-gov-west-1:111111111111:alerts.fifo".parse().unwrap();
        assert_eq!((topic.region(), topic.is_fifo()), ("us-gov-west-1", true));
        let topic: Topic = "arn:aws:sns:eu-west-1:111111111111:alerts".parse().unwrap();
        assert!(!topic.is_fifo());
    }

    #[test]
    fn slips_are_refused() {
        for bad in [
            "",
            "outflow",
            "arn:aws:sqs:eu-west-1:111111111111:alerts",
            "arn:aws:sns::111111111111:alerts",
            "arn:aws:sns:eu-west-1:1:alerts",
            "arn:aws:sns:eu-west-1:111111111111:.fifo",
            "arn:aws:sns:eu-west-1:111111111111:a b",
            // A subscription.
            "arn:aws:sns:eu-west-1:111111111111:alerts:00000000-0000-0000-0000-000000000000",
        ] {
            assert!(bad.parse::<Topic>().is_err(), "{bad}");
        }
    }
}
