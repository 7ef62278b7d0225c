//! Which objects an hour was built from, and which five minutes of it were delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

use super::Hour;
use super::pairs::Hasher;

/// Counts objects and their names by (account, region, hour), to know which five minutes of an
/// hour were delivered and which objects an hour came from.
#[derive(Clone, Debug, Default)]
pub struct ObjectLedger {
    hours: HashMap<(Arc<str>, Arc<str>, Hour), HourObjects, Hasher>,
}

/// The objects behind one (account, region, hour).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourObjects {
    /// Five-minute slots with an object, bit 0 is the first.
    pub slots: u16,
    /// Names of objects that held records of the hour, sorted, the first
    /// `limits::OBJECTS_PER_HOUR_NAMED_MAX`.
    pub names: BTreeSet<Arc<str>>,
    /// Objects beyond those named.
    pub more: u64,
    /// All objects that held records of the hour or are named in it, with what they were; empty
    /// when nobody keeps it.
    pub read: BTreeMap<Arc<str>, Seal>,
}

/// What an object was when it was read: enough to tell later whether it still is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seal {
    /// Size before inflating as it was listed, bytes; 0 when it was not known beforehand.
    pub bytes: u64,
    /// Entity tag, empty when there is none.
    pub etag: Arc<str>,
    /// BLAKE3 of its bytes, 32 hex digits; empty when it could not be read to its end.
    pub blake3: Arc<str>,
}

impl HourObjects {
    /// Without what the objects were.
    #[must_use]
    pub fn named(&self) -> Self {
        Self { slots: self.slots, names: self.names.clone(), more: self.more, read: BTreeMap::new() }
    }
}

impl ObjectLedger {
    /// Notes that an object named by time was read, whatever it held.
    pub fn note_named(&mut self, account: &Arc<str>, region: &Arc<str>, named_second: i64) {
        let hour = Hour::of_second(named_second);
        let slot = named_second.rem_euclid(3600) / 300;
        self.at(account, region, hour).slots |= 1 << slot;
    }

    /// Notes that `object` held records of `hour`.
    pub fn note_records(&mut self, account: &Arc<str>, region: &Arc<str>, hour: Hour, object: &Arc<str>) {
        let names_max = crate::limits::OBJECTS_PER_HOUR_NAMED_MAX;
        let at = self.at(account, region, hour);
        at.names.insert(Arc::clone(object));
        if at.names.len() > names_max {
            at.names.pop_last();
            at.more += 1;
        }
    }

    /// Notes what `object` was, which `note_records` or `note_named` said to be part of `hour`.
    pub fn note_seal(
        &mut self,
        account: &Arc<str>,
        region: &Arc<str>,
        hour: Hour,
        object: &Arc<str>,
        seal: &Seal,
    ) {
        self.at(account, region, hour).read.insert(Arc::clone(object), seal.clone());
    }

    /// Takes the entry of an hour that closes.
    pub fn take(&mut self, hour: Hour) -> HashMap<(Arc<str>, Arc<str>), HourObjects, Hasher> {
        let taken = self.hours.extract_if(|(_, _, h), _| *h == hour);
        taken.map(|((account, region, _), objects)| ((account, region), objects)).collect()
    }

    /// A copy of the entry of an hour, without what its objects were.
    pub fn peek(&self, hour: Hour) -> HashMap<(Arc<str>, Arc<str>), HourObjects, Hasher> {
        let of_hour = self.hours.iter().filter(|((_, _, h), _)| *h == hour);
        of_hour.map(|((account, region, _), of)| ((account.clone(), region.clone()), of.named())).collect()
    }

    /// Drops the entries of hours up to and including `last`, which have closed: an hour without
    /// records closes without having been taken.
    pub fn forget_up_to(&mut self, last: Hour) {
        self.hours.retain(|(_, _, hour), _| *hour > last);
    }

    fn at(&mut self, account: &Arc<str>, region: &Arc<str>, hour: Hour) -> &mut HourObjects {
        self.hours.entry((Arc::clone(account), Arc::clone(region), hour)).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_kept_do_not_depend_on_the_order_they_came_in() {
        let (account, region): (Arc<str>, Arc<str>) = ("1".into(), "r".into());
        let names: Vec<Arc<str>> = (0..100).map(|i| format!("o{i:03}").into()).collect();
        let taken = |order: &mut dyn Iterator<Item = &Arc<str>>| {
            let mut ledger = ObjectLedger::default();
            order.for_each(|name| ledger.note_records(&account, &region, Hour(7), name));
            ledger.note_named(&account, &region, 7 * 3600 + 300);
            ledger.take(Hour(7)).remove(&(Arc::clone(&account), Arc::clone(&region))).unwrap()
        };
        let one = taken(&mut names.iter());
        assert_eq!(one, taken(&mut names.iter().rev()));
        assert_eq!((one.names.len(), one.more, one.slots), (64, 36, 0b10));
    }

    #[test]
    fn hours_that_closed_without_records_are_not_kept() {
        let (account, region): (Arc<str>, Arc<str>) = ("1".into(), "r".into());
        let mut ledger = ObjectLedger::default();
        (0..10).for_each(|hour| ledger.note_named(&account, &region, hour * 3600));
        ledger.forget_up_to(Hour(7));
        assert_eq!(ledger.hours.len(), 2);
        assert_eq!(ledger.take(Hour(8)).len(), 1);
    }
}
