//! AWS's `ip-ranges.json` (VPC user guide, "AWS IP address ranges").

use std::sync::Arc;

use serde::Deserialize;

use super::names::text_of;
use crate::net::{Prefix, PrefixTable};

/// Names that say who owns a range, not which service answers.
const GENERAL: [&str; 2] = ["AMAZON", "EC2"];

/// One range. The order decides where two services name the same prefix: the more telling one is
/// the lesser.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    is_general: bool,
    pub(super) service: Arc<str>,
    pub(super) region: Arc<str>,
}

/// All ranges.
#[derive(Clone, Debug)]
pub(super) struct AwsRanges {
    ranges: PrefixTable<Range>,
    entries: Vec<(Prefix, Range)>,
}

#[derive(Deserialize)]
struct File {
    prefixes: Vec<V4>,
    #[serde(default)]
    ipv6_prefixes: Vec<V6>,
}

#[derive(Deserialize)]
struct V4 {
    ip_prefix: String,
    service: String,
    region: String,
}

#[derive(Deserialize)]
struct V6 {
    ipv6_prefix: String,
    service: String,
    region: String,
}

impl AwsRanges {
    /// Reads the file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let v4 = file.prefixes.into_iter().map(|v| (v.ip_prefix, v.service, v.region));
        let v6 = file.ipv6_prefixes.into_iter().map(|v| (v.ipv6_prefix, v.service, v.region));
        let mut entries = Vec::new();
        for (prefix, service, region) in v4.chain(v6) {
            let parsed = prefix.parse::<Prefix>().map_err(|_| format!("`{prefix}` is no prefix"))?;
            let is_general = GENERAL.contains(&service.as_str());
            let range = Range { is_general, service: text_of(&service)?, region: text_of(&region)? };
            entries.push((parsed, range));
        }
        if entries.is_empty() {
            return Err("it lists no prefix".to_owned());
        }
        Ok(Self { ranges: PrefixTable::new(entries.clone()), entries })
    }

    /// The narrowest range that holds all of `peer`.
    pub(super) fn find(&self, peer: Prefix) -> Option<&Range> {
        self.ranges.find(peer)
    }

    /// Services by prefix.
    pub(super) fn services(&self) -> PrefixTable<Arc<str>> {
        // Ties are settled as above: what is left of each prefix is its most telling service.
        let telling =
            self.entries.iter().filter_map(|(prefix, _)| Some((*prefix, self.ranges.find(*prefix)?)));
        PrefixTable::new(telling.map(|(prefix, range)| (prefix, Arc::clone(&range.service))).collect())
    }
}
