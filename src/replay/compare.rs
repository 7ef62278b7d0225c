//! What a replay says about an alert: the same, bit for bit, or where it differs and why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Replayed, by_id};
use crate::alert::Alert;
use crate::alert::model::TableVersion;
use crate::detect::Threshold;
use crate::lake::StoredObject;
use crate::window::Seal;

/// A field of the alert that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where: `detectors[0].bits`.
    pub field: String,
    /// What the lake says, JSON; `None`: nothing.
    pub then: Option<String>,
    /// What the replay says, JSON; `None`: nothing.
    pub now: Option<String>,
}

/// Something that an alert is a function of, and that is not what it was.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Another configuration, by hash.
    Configuration {
        /// The hash on the alert.
        then: String,
        /// The hash at hand.
        now: String,
    },
    /// Another version of a file beside the logs.
    Table {
        /// Which one.
        kind: String,
        /// Its hash then, when there was one.
        then: Option<String>,
        /// Its hash now, when there is one.
        now: Option<String>,
    },
    /// Another version of outflow.
    Version {
        /// On the alert.
        then: String,
        /// At hand.
        now: String,
    },
    /// The snapshot in the lake is not the one that the alert was scored against.
    Snapshot {
        /// The hash on the alert.
        then: String,
        /// The hash of what the lake holds.
        now: String,
    },
    /// The lake keeps no memory of incidents for that day: an earlier version wrote it. Thresholds
    /// and what was told before cannot be computed again.
    NoMemory,
    /// The memory in the lake gives another threshold than the day had.
    Memory {
        /// The stored threshold.
        then: Threshold,
        /// What the memory gives.
        now: Threshold,
    },
    /// The lake does not say what the objects were: an earlier version wrote it.
    NoObjects,
    /// An object has other bytes.
    ObjectChanged {
        /// Its name.
        name: Arc<str>,
        /// What it was.
        then: Seal,
        /// What it is.
        now: Seal,
    },
    /// An object of then is not there, or holds nothing of the day any more.
    ObjectMissing {
        /// Its name.
        name: Arc<str>,
    },
    /// An object of now was not there.
    ObjectAdded {
        /// Its name.
        name: Arc<str>,
    },
    /// Findings of GuardDuty were given then and not now, or the other way round.
    Findings {
        /// Whether they were given then.
        then: bool,
    },
    /// Everything that is recorded is as it was: the memory of incidents or the findings are not,
    /// or the code is not under the same version.
    Unrecorded,
}

/// What a replay says about an alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The alert came out the same, bit for bit.
    pub is_same: bool,
    /// The incident came out at all.
    pub is_found: bool,
    /// Fields that differ, in the order of the alert.
    pub changes: Vec<Change>,
    /// What is not as it was. It may be there though the alert is the same.
    pub causes: Vec<Cause>,
}

/// Compares an alert of the lake with the day computed again; `stored` are the objects that the
/// lake names for the day.
pub fn compare(alert: &Alert, stored: &[StoredObject], replayed: &Replayed) -> Verdict {
    let now = by_id(&replayed.alerts).get(alert.id.as_str()).copied();
    let mut changes = Vec::new();
    if let Some(now) = now {
        differences("", Some(&value(alert)), Some(&value(now)), &mut changes);
    }
    let is_same = now.is_some_and(|now| text(now) == text(alert));
    let mut causes = Vec::new();
    recorded(alert, now, replayed, &mut causes);
    objects(stored, &replayed.objects, &mut causes);
    if !is_same && causes.is_empty() {
        causes.push(Cause::Unrecorded);
    }
    Verdict { is_same, is_found: now.is_some(), changes, causes }
}

fn text(alert: &Alert) -> String {
    serde_json::to_string(alert).expect("an alert is JSON")
}

fn value(alert: &Alert) -> Value {
    serde_json::to_value(alert).expect("an alert is JSON")
}

/// Hashes on the alert, and what else it says about how it came to be.
fn recorded(alert: &Alert, now: Option<&Alert>, replayed: &Replayed, causes: &mut Vec<Cause>) {
    let version = env!("CARGO_PKG_VERSION");
    if alert.version != version {
        causes.push(Cause::Version { then: alert.version.clone(), now: version.to_owned() });
    }
    if alert.config_hash != replayed.config_hash {
        let (then, now) = (alert.config_hash.clone(), replayed.config_hash.clone());
        causes.push(Cause::Configuration { then, now });
    }
    // Without an alert there is nobody to say which tables are in force.
    if let Some(now) = now {
        tables(&alert.tables, &now.tables, causes);
        let given = |alert: &Alert| alert.guardduty.status != "not_given";
        if given(alert) != given(now) {
            causes.push(Cause::Findings { then: given(alert) });
        }
    }
    if alert.snapshot_hash != replayed.snapshot_hash {
        let (then, now) = (alert.snapshot_hash.clone(), replayed.snapshot_hash.clone());
        causes.push(Cause::Snapshot { then, now });
    }
    match replayed.stored_threshold {
        None => causes.push(Cause::NoMemory),
        // Under another configuration the budget may be another.
        Some(then) if then != replayed.threshold && alert.config_hash == replayed.config_hash => {
            causes.push(Cause::Memory { then, now: replayed.threshold });
        }
        Some(_) => {}
    }
}

fn tables(then: &[TableVersion], now: &[TableVersion], causes: &mut Vec<Cause>) {
    let hash = |of: &[TableVersion], kind: &str| {
        of.iter().find(|table| table.kind == kind).map(|table| table.blake3.clone())
    };
    let kinds: BTreeSet<&str> = then.iter().chain(now).map(|table| table.kind.as_str()).collect();
    for kind in kinds {
        let (then, now) = (hash(then, kind), hash(now, kind));
        if then != now {
            causes.push(Cause::Table { kind: kind.to_owned(), then, now });
        }
    }
}

fn objects(then: &[StoredObject], now: &[StoredObject], causes: &mut Vec<Cause>) {
    if then.is_empty() {
        causes.push(Cause::NoObjects);
        return;
    }
    let by_name = |of: &[StoredObject]| -> BTreeMap<Arc<str>, Seal> {
        of.iter().map(|object| (Arc::clone(&object.name), object.seal.clone())).collect()
    };
    let (then, now) = (by_name(then), by_name(now));
    for (name, was) in &then {
        match now.get(name) {
            None => causes.push(Cause::ObjectMissing { name: Arc::clone(name) }),
            Some(is) if !is_same(was, is) => {
                let (then, now) = (was.clone(), is.clone());
                causes.push(Cause::ObjectChanged { name: Arc::clone(name), then, now });
            }
            Some(_) => {}
        }
    }
    let added = now.keys().filter(|name| !then.contains_key(*name));
    causes.extend(added.map(|name| Cause::ObjectAdded { name: Arc::clone(name) }));
}

/// Whether two objects have the same bytes, as far as can be told. A copy has another entity tag,
/// or none, and the same hash.
fn is_same(then: &Seal, now: &Seal) -> bool {
    if !then.blake3.is_empty() && !now.blake3.is_empty() {
        return then.blake3 == now.blake3;
    }
    let tags_agree = then.etag.is_empty() || now.etag.is_empty() || then.etag == now.etag;
    then.blake3 == now.blake3 && then.bytes == now.bytes && tags_agree
}

/// Adds the leaves at which two JSON trees differ.
fn differences(at: &str, then: Option<&Value>, now: Option<&Value>, found: &mut Vec<Change>) {
    match (then, now) {
        (Some(Value::Object(then)), Some(Value::Object(now))) => {
            let keys = then.keys().chain(now.keys().filter(|key| !then.contains_key(*key)));
            for key in keys {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                differences(&at, then.get(key), now.get(key), found);
            }
        }
        (Some(Value::Array(then)), Some(Value::Array(now))) => {
            for index in 0..then.len().max(now.len()) {
                differences(&format!("{at}[{index}]"), then.get(index), now.get(index), found);
            }
        }
        (then, now) if then != now => {
            let text = |value: Option<&Value>| value.map(ToString::to_string);
            found.push(Change { field: at.to_owned(), then: text(then), now: text(now) });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::render::tests::alert;
    use crate::window::Day;

    fn object(name: &str, blake3: &str) -> StoredObject {
        let seal = Seal { bytes: 7, etag: "".into(), blake3: blake3.into() };
        StoredObject { name: name.into(), seal }
    }

    fn scored() -> Alert {
        Alert { version: env!("CARGO_PKG_VERSION").into(), ..alert() }
    }

    fn replayed(alert: &Alert) -> Replayed {
        Replayed {
            day: Day(20_500),
            alerts: vec![alert.clone()],
            objects: vec![object("a", "1"), object("b", "2")],
            failed: Vec::new(),
            snapshot_hash: alert.snapshot_hash.clone(),
            config_hash: alert.config_hash.clone(),
            threshold: Threshold(Some(14.0)),
            stored_threshold: Some(Threshold(Some(14.0))),
        }
    }

    #[test]
    fn what_is_as_it_was_is_the_same() {
        let alert = scored();
        let day = replayed(&alert);
        let verdict = compare(&alert, &day.objects, &day);
        let expected = Verdict { is_same: true, is_found: true, ..Verdict::default() };
        assert_eq!(verdict, expected);
    }

    #[test]
    fn each_thing_that_changed_is_named() {
        let alert = scored();
        let causes = |change: &dyn Fn(&mut Replayed)| {
            let mut day = replayed(&alert);
            let stored = day.objects.clone();
            change(&mut day);
            compare(&alert, &stored, &day).causes
        };
        let one = |change: &dyn Fn(&mut Replayed)| {
            let mut causes = causes(change);
            assert_eq!(causes.len(), 1, "{causes:?}");
            causes.remove(0)
        };
        assert!(matches!(one(&|day| day.config_hash = "x".into()), Cause::Configuration { .. }));
        assert!(matches!(one(&|day| day.snapshot_hash = "x".into()), Cause::Snapshot { .. }));
        assert_eq!(one(&|day| day.stored_threshold = None), Cause::NoMemory);
        assert!(matches!(one(&|day| day.threshold = Threshold(None)), Cause::Memory { .. }));
        let changed = one(&|day| day.objects[1].seal.blake3 = "3".into());
        assert!(matches!(changed, Cause::ObjectChanged { name, .. } if &*name == "b"));
        assert_eq!(one(&|day| drop(day.objects.pop())), Cause::ObjectMissing { name: "b".into() });
        assert_eq!(one(&|day| day.objects.push(object("c", "3"))), Cause::ObjectAdded { name: "c".into() });
        let given = one(&|day| day.alerts[0].guardduty.status = "not_given".into());
        assert_eq!(given, Cause::Findings { then: true });
        let table = TableVersion { kind: "names".into(), blake3: "aa".into() };
        let added = one(&|day| day.alerts[0].tables.push(table.clone()));
        let expected = Cause::Table { kind: "names".into(), then: None, now: Some("aa".into()) };
        assert_eq!(added, expected);
        assert_eq!(one(&|day| day.alerts[0].score += 1.0), Cause::Unrecorded);
        assert_eq!(one(&|day| day.alerts.clear()), Cause::Unrecorded);
    }

    #[test]
    fn another_version_and_a_lake_that_names_no_objects_are_told() {
        let alert = Alert { version: "0.0.1".into(), ..scored() };
        let mut day = replayed(&alert);
        day.alerts[0].version = env!("CARGO_PKG_VERSION").into();
        let verdict = compare(&alert, &[], &day);
        assert!(matches!(&verdict.causes[..], [Cause::Version { .. }, Cause::NoObjects]), "{verdict:?}");
        assert_eq!(verdict.changes.len(), 1);
        assert_eq!((verdict.changes[0].field.as_str(), verdict.is_same), ("version", false));
    }

    #[test]
    fn fields_are_named_by_their_place() {
        let alert = scored();
        let mut day = replayed(&alert);
        day.alerts[0].detectors[0].bits += 0.5;
        day.alerts[0].objects.push("zz".into());
        let verdict = compare(&alert, &day.objects, &day);
        let fields: Vec<&str> = verdict.changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields[0], "detectors[0].bits");
        assert!(fields[1].starts_with("objects["), "{fields:?}");
        assert!(verdict.changes[1].then.is_none() && verdict.changes[1].now.as_deref() == Some("\"zz\""));
    }

    #[test]
    fn a_copy_with_another_tag_is_the_same_object() {
        let seal = |etag: &str, blake3: &str| Seal { bytes: 7, etag: etag.into(), blake3: blake3.into() };
        assert!(is_same(&seal("x", "1"), &seal("", "1")));
        assert!(is_same(&seal("x", "1"), &seal("y", "1")));
        assert!(!is_same(&seal("x", "1"), &seal("x", "2")));
        assert!(is_same(&seal("x", ""), &seal("", "")));
        assert!(!is_same(&seal("x", ""), &seal("y", "")), "damaged then and now");
        assert!(!is_same(&seal("x", "1"), &seal("x", "")), "damaged now");
    }
}
