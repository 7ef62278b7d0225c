//! The object that records are read from.

use std::sync::Arc;

use super::Hour;

/// What the object being read says for records that do not say it themselves.
#[derive(Clone, Debug)]
pub struct ObjectContext {
    /// Account of the object's key; used when a record has none or says `unknown`.
    pub account: Arc<str>,
    /// Region of the object's key; used when a record has none.
    pub region: Arc<str>,
    /// The time `T` in the object's name, Unix seconds: its records end in `[T, T + 5 min)`.
    pub named_second: Option<i64>,
    /// How long after its end an hour still takes records, seconds.
    pub lateness_seconds: i64,
    /// Only records whose `end` lies in `[from, to)`, Unix seconds, are taken.
    pub from_second: i64,
    /// See `from_second`.
    pub to_second: i64,
}

impl Default for ObjectContext {
    fn default() -> Self {
        Self {
            account: Arc::from("unknown"),
            region: Arc::from("unknown"),
            named_second: None,
            lateness_seconds: i64::MAX / 4,
            from_second: i64::MIN,
            to_second: i64::MAX,
        }
    }
}

impl ObjectContext {
    /// Whether this is the same description, or a clone of it.
    #[inline]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.account, &other.account)
            && Arc::ptr_eq(&self.region, &other.region)
            && self.named_second == other.named_second
            && self.lateness_seconds == other.lateness_seconds
            && self.from_second == other.from_second
            && self.to_second == other.to_second
    }

    /// The hour in which a record of `hour` found in this object arrived, when that was too late.
    /// A property of the record and its object alone: the hour closes when the objects named up
    /// to its end plus the lateness are in, and this object is named after that.
    #[inline]
    pub(super) fn arrived_late(&self, hour: Hour) -> Option<Hour> {
        let named = self.named_second?;
        let is_late = named >= hour.end_second().saturating_add(self.lateness_seconds);
        is_late.then(|| Hour::of_second(named))
    }
}
