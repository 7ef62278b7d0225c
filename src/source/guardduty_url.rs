//! `guardduty://` as people type it: findings asked for from the service itself.

use crate::error::Error;

/// The beginning of every such input.
pub const GUARDDUTY_SCHEME: &str = "guardduty://";

/// Whose findings are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardDutyUrl {
    /// The region; `None`: the one of flags, environment or profile.
    pub region: Option<String>,
    /// The detector; `None`: all of the region.
    pub detector: Option<String>,
}

impl GuardDutyUrl {
    /// Reads `guardduty://`, `guardduty://REGION`, `guardduty://DETECTOR` or
    /// `guardduty://REGION/DETECTOR`.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rest = text.strip_prefix(GUARDDUTY_SCHEME).unwrap_or(text).trim_end_matches('/');
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        let some = |part: &&str| Some((*part).to_owned());
        match parts.as_slice() {
            [] => Ok(Self::default()),
            [one] if is_detector(one) => Ok(Self { region: None, detector: some(one) }),
            [one] if is_region(one) => Ok(Self { region: some(one), detector: None }),
            [region, detector] if is_region(region) && is_detector(detector) => {
                Ok(Self { region: some(region), detector: some(detector) })
            }
            _ => Err(Error::usage(
                format!("{text} names neither a region nor a detector"),
                "write guardduty:// for all detectors of the region, guardduty://REGION, or \
                 guardduty://REGION/DETECTOR (aws guardduty list-detectors)",
            )),
        }
    }
}

/// Whether this is the id of a detector: letters and digits, 32 of them as AWS makes them.
pub(super) fn is_detector(text: &str) -> bool {
    (20..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_region(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (5..=32).contains(&text.len()) && text.contains('-') && text.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETECTOR: &str = "12abc34d567e8fa901bc2d34e56789f0";

    #[test]
    fn regions_and_detectors_are_told_apart() {
        let parsed = |text: &str| GuardDutyUrl::parse(text).map(|url| (url.region, url.detector)).ok();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parsed("guardduty://"), Some((None, None)));
        assert_eq!(parsed("guardduty://eu-west-1/"), Some((some("eu-west-1"), None)));
        assert_eq!(parsed(&format!("guardduty://{DETECTOR}")), Some((None, some(DETECTOR))));
        let both = format!("guardduty://us-gov-west-1/{DETECTOR}");
        assert_eq!(parsed(&both), Some((some("us-gov-west-1"), some(DETECTOR))));
        for bad in [
            "guardduty://x",
            "guardduty://eu-west-1/x",
            "guardduty://a/b/c",
            "guardduty://EU-WEST-1",
            "guardduty://a?b=c&d=e-f",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
