//! Flows of one hour grouped by what they belong to, and values by key in a sorted list.
//!
//! The flows of an hour come sorted by role and peer, so those of one network follow each other and
//! most groups are found by looking at the last one. A list that is made once and read in order
//! costs a fraction of a tree.

use std::ops::Range;
use std::sync::Arc;

use super::features::KeySums;

/// Values by key, ascending.
#[derive(Clone, Debug)]
pub struct ByKey<K, V>(Vec<(K, V)>);

impl<K, V> Default for ByKey<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> ByKey<K, V> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.binary_search_by(|(at, _)| at.cmp(key)).ok().map(|at| &self.0[at].1)
    }

    /// Keys and values, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Keys, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Values, by ascending key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

/// Flows that follow each other and belong to the same.
#[derive(Debug)]
struct Part<'a, K> {
    key: K,
    service: &'a Arc<str>,
    flows: Range<usize>,
}

/// Flows by key, as they come.
#[derive(Debug)]
pub(super) struct Groups<'a, K> {
    /// Indexes of flows, those of a part together.
    flows: Vec<u32>,
    parts: Vec<Part<'a, K>>,
}

impl<K> Default for Groups<'_, K> {
    fn default() -> Self {
        Self { flows: Vec::new(), parts: Vec::new() }
    }
}

impl<'a, K: Ord> Groups<'a, K> {
    /// None yet, with room for so many flows.
    pub(super) fn of_at_most(flows: usize) -> Self {
        Self { flows: Vec::with_capacity(flows), parts: Vec::with_capacity(flows) }
    }

    /// Adds a flow, by its index, whose peer is of an AWS `service` or, when empty, of none.
    pub(super) fn add(&mut self, key: K, service: &'a Arc<str>, flow: u32) {
        let is_same = |last: &Part<'a, K>| last.key == key && last.service == service;
        if !self.parts.last().is_some_and(is_same) {
            let at = self.flows.len();
            self.parts.push(Part { key, service, flows: at..at });
        }
        self.add_to_last(flow);
    }

    /// Adds a flow to what the last one belonged to.
    pub(super) fn add_to_last(&mut self, flow: u32) {
        self.flows.push(flow);
        if let Some(last) = self.parts.last_mut() {
            last.flows.end = self.flows.len();
        }
    }

    /// The groups, with their flows added to `order`, as they came, and nothing summed yet.
    pub(super) fn into_keyed(mut self, order: &mut Vec<u32>) -> ByKey<K, KeySums> {
        // Clients come before what has no known role, each in order: mostly there is one of them.
        if !self.parts.is_sorted_by(|a, b| a.key <= b.key) {
            self.parts.sort_by(|a, b| a.key.cmp(&b.key));
        }
        let mut keyed: Vec<(K, KeySums)> = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            match keyed.last_mut() {
                Some((key, sums)) if *key == part.key => sums.note_service(part.service),
                _ => {
                    let mut sums = KeySums { flows: order.len()..order.len(), ..KeySums::default() };
                    sums.note_service(part.service);
                    keyed.push((part.key, sums));
                }
            }
            order.extend(&self.flows[part.flows]);
            if let Some((_, sums)) = keyed.last_mut() {
                sums.flows.end = order.len();
            }
        }
        ByKey(keyed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_of_a_key_come_together_and_stay_in_order() {
        let (none, s3): (Arc<str>, Arc<str>) = ("".into(), "S3".into());
        let mut groups = Groups::default();
        for (flow, key) in ['b', 'b', 'a', 'c', 'b'].into_iter().enumerate() {
            groups.add(key, if flow == 4 { &s3 } else { &none }, flow as u32);
        }
        groups.add_to_last(5);
        let mut order = vec![9];
        let keyed = groups.into_keyed(&mut order);
        let of = |key: char| keyed.get(&key).map(|sums| &order[sums.flows.clone()]);
        assert_eq!(of('a'), Some(&[2][..]));
        assert_eq!(of('b'), Some(&[0, 1, 4, 5][..]));
        assert_eq!(of('c'), Some(&[3][..]));
        assert_eq!(of('d'), None);
        assert_eq!(keyed.keys().collect::<String>(), "abc");
        assert_eq!(keyed.get(&'b').and_then(|sums| sums.service.clone()), Some(s3));
        assert_eq!(keyed.get(&'a').and_then(|sums| sums.service.clone()), None);
    }
}
