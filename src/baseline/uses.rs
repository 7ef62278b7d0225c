//! Who uses something, and since when: by group. Most destinations of an account are used by one or two
//! groups and there are hundreds of thousands of them, so this is a short sorted list, in place for one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// First and last use of something by a group. Stored as a pair, or as one number where both are the
/// same hour: an account has hundreds of thousands, most of them met once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredUse", into = "StoredUse")]
pub struct Used {
    /// First hour.
    pub first_hour: u32,
    /// Last hour.
    pub last_hour: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredUse {
    Once(u32),
    Between(u32, u32),
}

impl From<StoredUse> for Used {
    fn from(stored: StoredUse) -> Self {
        let (first_hour, last_hour) = match stored {
            StoredUse::Once(hour) => (hour, hour),
            StoredUse::Between(first, last) => (first, last),
        };
        Self { first_hour, last_hour }
    }
}

impl From<Used> for StoredUse {
    fn from(Used { first_hour, last_hour }: Used) -> Self {
        if first_hour == last_hour { Self::Once(first_hour) } else { Self::Between(first_hour, last_hour) }
    }
}

/// Use by group.
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

    /// All, without their group.
    pub fn all(&self) -> impl Iterator<Item = &Used> {
        self.0.iter().map(|(_, used)| used)
    }

    /// All, by group.
    pub fn by_group(&self) -> impl Iterator<Item = (&str, &Used)> {
        self.0.iter().map(|(group, used)| (&**group, used))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_kept_by_group() {
        let mut uses = Uses::default();
        for (group, first, last) in [("web", 5, 6), ("batch", 9, 9), ("web", 3, 4), ("db", 1, 1)] {
            uses.note(&group.into(), first, last);
        }
        assert_eq!(uses.by("web"), Some(&Used { first_hour: 3, last_hour: 6 }));
        assert_eq!(uses.by("none"), None);
        assert!(uses.by_group().map(|(group, _)| group).eq(["batch", "db", "web"]));
        uses.retain(|used| used.last_hour > 8);
        assert_eq!(uses.all().count(), 1);
        assert!(!uses.is_empty());
    }

    #[test]
    fn a_use_survives_its_text() {
        for (first_hour, last_hour, text) in [(3, 6, "[3,6]"), (9, 9, "9")] {
            let used = Used { first_hour, last_hour };
            assert_eq!(serde_json::to_string(&used).unwrap(), text);
            assert_eq!(serde_json::from_str::<Used>(text).unwrap(), used);
        }
        assert_eq!(serde_json::from_str::<Used>("[9,9]").unwrap(), Used { first_hour: 9, last_hour: 9 });
        assert!(serde_json::from_str::<Used>("[9]").is_err());
    }
}
