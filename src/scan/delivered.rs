//! Which five minutes were delivered, to count what is missing.

use std::collections::BTreeMap;

use crate::source::{OBJECT_SECONDS, ObjectRef};

/// Five-minute slots with an object, by account and region. A year of them is as large as a day.
#[derive(Debug, Default)]
pub(super) struct Delivered(BTreeMap<(String, String), Slots>);

/// The slots of one place, counted from the epoch.
#[derive(Debug)]
struct Slots {
    first: i64,
    last: i64,
    /// Distinct slots from `first` to `last` with an object, >= 1.
    delivered: u64,
}

impl Delivered {
    /// Notes an object that was read; objects come in the order of the time in their names.
    pub(super) fn note(&mut self, object: &ObjectRef) {
        let Some(key) = &object.key else { return };
        let slot = key.time_second.div_euclid(OBJECT_SECONDS);
        let place = (key.account.clone(), key.region.clone());
        let slots = self.0.entry(place).or_insert(Slots { first: slot, last: slot, delivered: 1 });
        if slot > slots.last {
            slots.last = slot;
            slots.delivered += 1;
        }
    }

    /// Slots without an object between the first and the last of each place.
    pub(super) fn missing(&self) -> u64 {
        self.0.values().map(|slots| (slots.last - slots.first + 1) as u64 - slots.delivered).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{ObjectKey, Source};

    fn object(account: &str, time_second: i64) -> ObjectRef {
        let key = ObjectKey {
            account: account.into(),
            region: "eu-west-1".into(),
            flow_log: "fl-0".into(),
            time_second,
        };
        ObjectRef { name: String::new(), path: Source::Stdin, bytes: 0, key: Some(key) }
    }

    #[test]
    fn gaps_are_counted_by_place_and_only_between_its_own_ends() {
        let mut delivered = Delivered::default();
        for (account, slot) in [("1", 0), ("1", 0), ("2", 1), ("1", 1), ("1", 4), ("2", 6)] {
            delivered.note(&object(account, slot * 300 + 60));
        }
        assert_eq!(delivered.missing(), 2 + 4);
        assert_eq!(Delivered::default().missing(), 0);
    }

    #[test]
    fn objects_without_a_time_say_nothing() {
        let mut delivered = Delivered::default();
        delivered.note(&ObjectRef { key: None, ..object("1", 0) });
        assert!(delivered.0.is_empty());
    }
}
