//! Leaves out objects whose name already says that they hold nothing of the time asked for.

use super::ObjectRef;

/// What pruning left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Objects left out.
    pub objects: u64,
    /// Their size before inflating, bytes.
    pub object_bytes: u64,
}

/// Drops the objects that cannot hold a record end in `[from, to)`, Unix seconds. Objects whose
/// name carries no time are kept: only reading them can tell.
pub fn prune(objects: &mut Vec<ObjectRef>, from: Option<i64>, to: Option<i64>) -> Pruned {
    let mut pruned = Pruned::default();
    objects.retain(|object| {
        let keep = object.key.as_ref().is_none_or(|key| {
            from.is_none_or(|from| key.end_second() > from) && to.is_none_or(|to| key.time_second < to)
        });
        if !keep {
            pruned.objects += 1;
            pruned.object_bytes += object.bytes;
        }
        keep
    });
    pruned
}

/// The first second after everything the newest named object can hold, Unix seconds; `None` when
/// no name carries a time. This is what "the last seven days" of a set of objects counts from:
/// event time, so that the same command over the same objects says the same tomorrow.
pub fn newest_end_second(objects: &[ObjectRef]) -> Option<i64> {
    objects.iter().filter_map(|object| object.key.as_ref()).map(super::ObjectKey::end_second).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::object_of_time as object;

    #[test]
    fn the_object_that_straddles_an_edge_is_kept() {
        let mut objects: Vec<_> = [Some(0), Some(300), Some(600), Some(900), None].map(object).into();
        let pruned = prune(&mut objects, Some(301), Some(601));
        let names: Vec<_> = objects.iter().map(|o| o.name.as_str()).collect();
        assert_eq!(names, ["Some(300)", "Some(600)", "None"]);
        assert_eq!(pruned, Pruned { objects: 2, object_bytes: 20 });
    }

    #[test]
    fn edges_are_half_open() {
        let mut objects: Vec<_> = [Some(0), Some(300), Some(600)].map(object).into();
        prune(&mut objects, Some(300), Some(600));
        assert_eq!(objects.len(), 1);
        assert_eq!(objects[0].name, "Some(300)");
    }

    #[test]
    fn the_newest_end_ignores_objects_without_a_time() {
        assert_eq!(newest_end_second(&[object(None), object(Some(600)), object(Some(300))]), Some(900));
        assert_eq!(newest_end_second(&[object(None)]), None);
    }
}
