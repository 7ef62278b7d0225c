//! Who uses something, and since when: by group. Most destinations of an account are used by one or two
//! groups and there are hundreds of thousands of them, so this is a short sorted list, in place for one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

/// First and last use of something by a group. Stored as a pair: an account has hundreds of thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32)", into = "(u32, u32)")]
pub struct Used {
    /// First hour.
    pub first_hour: u32,
    /// Last hour.
    pub last_hour: u32,
}

impl From<(u32, u32)> for Used {
    fn from((first_hour, last_hour): (u32, u32)) -> Self {
        Self { first_hour, last_hour }
    }
}

impl From<Used> for (u32, u32) {
    fn from(used: Used) -> Self {
        (used.first_hour, used.last_hour)
    }
}

/// Use by group. Stored as a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses(SmallVec<[(Arc<str>, Used); 1]>);

impl Uses {
    /// Notes a use by `group` between two hours.
    pub fn note(&mut self, group: &Arc<str>, first_hour: u32, last_hour: u32) {
        match self.0.binary_search_by(|(have, _)| have.cmp(group)) {
            Ok(at) => {
                let used = &mut self.0[at].1;
                used.first_hour = used.first_hour.min(first_hour);
                used.last_hour = used.last_hour.max(last_hour);
            }
            Err(at) => {
                // One at a time: the usual growth keeps room for four.
                self.0.reserve_exact(1);
                self.0.insert(at, (Arc::clone(group), Used { first_hour, last_hour }));
            }
        }
    }

    /// Keeps what `keep` says.
    pub fn retain(&mut self, keep: impl Fn(&Used) -> bool) {
        self.0.retain(|(_, used)| keep(used));
    }

    /// Whether nobody uses it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Use by a group.
    pub fn by(&self, group: &str) -> Option<&Used> {
        self.0.binary_search_by(|(have, _)| (**have).cmp(group)).ok().map(|at| &self.0[at].1)
    }

    /// All, by group.
    pub fn all(&self) -> impl Iterator<Item = &Used> {
        self.0.iter().map(|(_, used)| used)
    }
}

impl Serialize for Uses {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(group, used)| (group, used)))
    }
}

impl<'de> Deserialize<'de> for Uses {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // By way of a map: a list must be sorted, and what was stored may have been edited.
        BTreeMap::<Arc<str>, Used>::deserialize(from).map(|uses| Self(uses.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_kept_by_group_and_survive_their_text() {
        let mut uses = Uses::default();
        for (group, first, last) in [("web", 5, 6), ("batch", 9, 9), ("web", 3, 4), ("db", 1, 1)] {
            uses.note(&group.into(), first, last);
        }
        assert_eq!(uses.by("web"), Some(&Used { first_hour: 3, last_hour: 6 }));
        assert_eq!(uses.by("none"), None);
        let json = serde_json::to_string(&uses).unwrap();
        assert_eq!(json, r#"{"batch":[9,9],"db":[1,1],"web":[3,6]}"#);
        assert_eq!(serde_json::from_str::<Uses>(&json).unwrap(), uses);
        let unsorted = r#"{"db":[1,1],"batch":[9,9]}"#;
        assert!(serde_json::from_str::<Uses>(unsorted).unwrap().by("batch").is_some());
        uses.retain(|used| used.last_hour > 8);
        assert_eq!(uses.all().count(), 1);
        assert!(!uses.is_empty());
    }
}
