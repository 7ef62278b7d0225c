//! Which objects a day is made of: those that somebody names again, or those that the lake names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::lake::StoredObject;
use crate::source::{ObjectKey, ObjectRef, SCHEME, Source, file_name};
use crate::window::{Day, Hour};

/// What the lake names, as it can be had now.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Files that are there.
    pub files: Vec<ObjectRef>,
    /// Folders in S3 to be listed, `s3://bucket/prefix/`; only what the lake names counts in them.
    pub s3_folders: BTreeSet<String>,
}

/// How the objects that a lake names can be had. What is not there is left out: the comparison
/// will miss it.
pub fn named_by_lake(stored: &[StoredObject]) -> Inputs {
    let mut inputs = Inputs::default();
    for object in stored {
        let name = &*object.name;
        if name.starts_with(SCHEME) {
            inputs.s3_folders.extend(name.rfind('/').map(|at| name[..=at].to_owned()));
        } else if let Ok(meta) = Path::new(name).metadata()
            && meta.is_file()
        {
            inputs.files.push(ObjectRef {
                name: name.to_owned(),
                path: Source::File(name.into()),
                bytes: meta.len(),
                key: ObjectKey::parse(name),
            });
        }
    }
    inputs
}

/// Of `given`, the objects that `day` can be made of: those that the lake names, and those whose
/// name says that they hold records of the day, or nothing. Copies in another place take the name
/// that the lake knows, because names are part of alerts; they are known by their file name, which
/// AWS makes unique.
pub fn of_day(
    given: Vec<ObjectRef>,
    stored: &[StoredObject],
    day: Day,
    lateness_seconds: i64,
) -> Vec<ObjectRef> {
    let names: BTreeSet<&str> = stored.iter().map(|object| &*object.name).collect();
    let mut by_file_name: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for name in &names {
        // Two with one file name: nothing can be said.
        let is_first = !by_file_name.contains_key(file_name(name));
        by_file_name.insert(file_name(name), is_first.then_some(*name));
    }
    let from = day.first_hour().start_second();
    let to = Hour(day.first_hour().0 + 23).end_second() + lateness_seconds;
    let renamed = given.into_iter().map(|object| {
        let known = by_file_name.get(file_name(&object.name)).copied().flatten();
        let is_elsewhere = !names.contains(object.name.as_str());
        match known.filter(|_| is_elsewhere) {
            Some(name) => ObjectRef { name: name.to_owned(), ..object },
            None => object,
        }
    });
    let mut met = BTreeSet::new();
    let is_of_day = |object: &ObjectRef| {
        let key = object.key.as_ref();
        names.contains(object.name.as_str())
            || key.is_none_or(|key| key.end_second() > from && key.time_second < to)
    };
    renamed.filter(|object| is_of_day(object) && met.insert(object.name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Seal;

    const DAY: Day = Day(20_454);

    fn name(folder: &str, date: &str, time: &str) -> String {
        format!("{folder}/111111111111_vpcflowlogs_eu-west-1_fl-0a_{date}T{time}Z_{date}{time}.log.gz")
    }

    fn given(name: &str) -> ObjectRef {
        ObjectRef {
            name: name.into(),
            path: Source::File(name.into()),
            bytes: 1,
            key: ObjectKey::parse(name),
        }
    }

    fn stored(name: &str) -> StoredObject {
        StoredObject { name: name.into(), seal: Seal::default() }
    }

    #[test]
    fn the_day_with_what_may_come_late_is_read_and_what_the_lake_names() {
        assert_eq!(DAY.date().to_string(), "2026-01-01");
        let names = [
            name("a", "20251231", "2350"),
            name("a", "20251231", "2355"),
            name("a", "20260101", "0000"),
            name("a", "20260102", "0025"),
            name("a", "20260102", "0030"),
            "notes.txt".to_owned(),
        ];
        let known = [stored(&names[1])];
        let taken = of_day(names.iter().map(|name| given(name)).collect(), &known, DAY, 30 * 60);
        let taken: Vec<&str> = taken.iter().map(|object| object.name.as_str()).collect();
        assert_eq!(taken, [&names[1], &names[2], &names[3], &names[5]]);
    }

    #[test]
    fn a_copy_takes_the_name_that_the_lake_knows_and_counts_once() {
        let (there, here) = (name("s3://logs/a", "20260101", "0000"), name("copy", "20260101", "0000"));
        let taken = of_day(vec![given(&here), given(&there)], &[stored(&there)], DAY, 0);
        assert_eq!(taken.len(), 1);
        assert_eq!((&taken[0].name, &taken[0].path), (&there, &Source::File(here.clone().into())));
        // Two known objects of one file name: the copy could be either, and keeps its own name.
        let twice = [stored(&there), stored(&name("s3://logs/b", "20260101", "0000"))];
        assert_eq!(of_day(vec![given(&here)], &twice, DAY, 0)[0].name, here);
    }

    #[test]
    fn what_the_lake_names_is_looked_for_where_it_was() {
        let inputs = named_by_lake(&[
            stored("s3://logs/x/one.log.gz"),
            stored("s3://logs/x/two.log.gz"),
            stored("not/there.log.gz"),
        ]);
        assert_eq!(inputs.s3_folders, BTreeSet::from(["s3://logs/x/".to_owned()]));
        assert!(inputs.files.is_empty());
    }
}
