//! Longest-match look-up of prefixes: the narrowest prefix of a table that holds a peer.

use super::{Addr, Prefix};

/// What is known of some prefixes.
#[derive(Clone, Debug)]
pub struct PrefixTable<T> {
    /// By length, the longest first; within a length sorted by first address.
    by_len128: Vec<(u8, Vec<(Addr, T)>)>,
}

impl<T> Default for PrefixTable<T> {
    fn default() -> Self {
        Self { by_len128: Vec::new() }
    }
}

impl<T: Ord> PrefixTable<T> {
    /// A table of entries in any order. Of several for the same prefix the least counts.
    pub fn new(mut entries: Vec<(Prefix, T)>) -> Self {
        entries
            .sort_unstable_by(|a, b| (b.0.len128(), a.0.addr(), &a.1).cmp(&(a.0.len128(), b.0.addr(), &b.1)));
        entries.dedup_by_key(|(prefix, _)| *prefix);
        let mut by_len128: Vec<(u8, Vec<(Addr, T)>)> = Vec::new();
        for (prefix, value) in entries {
            match by_len128.last_mut().filter(|(len, _)| *len == prefix.len128()) {
                Some((_, list)) => list.push((prefix.addr(), value)),
                None => by_len128.push((prefix.len128(), vec![(prefix.addr(), value)])),
            }
        }
        Self { by_len128 }
    }

    /// What the longest prefix that holds all of `peer` stands for.
    pub fn find(&self, peer: Prefix) -> Option<&T> {
        self.by_len128.iter().filter(|(len, _)| *len <= peer.len128()).find_map(|(len, list)| {
            let wanted = Prefix::from_parts(peer.addr(), *len).addr();
            let at = list.binary_search_by(|(addr, _)| addr.cmp(&wanted)).ok()?;
            list.get(at).map(|(_, value)| value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_narrowest_prefix_that_holds_all_of_it_wins() {
        let table = PrefixTable::new(vec![
            (prefix("203.0.0.0/8"), 'w'),
            (prefix("203.0.113.0/24"), 'n'),
            (prefix("203.0.113.128/25"), 'h'),
            (prefix("2001:db8::/32"), 's'),
            (prefix("203.0.113.0/24"), 'z'),
        ]);
        let found = |text| table.find(prefix(text)).copied();
        assert_eq!(found("203.0.113.9"), Some('n'));
        assert_eq!(found("203.0.113.200"), Some('h'));
        assert_eq!(found("203.0.113.0/24"), Some('n'));
        assert_eq!(found("203.0.112.0/23"), Some('w'));
        assert_eq!(found("2001:db8:1::/48"), Some('s'));
        assert_eq!(found("198.51.100.7"), None);
        assert_eq!(found("::/0"), None);
    }
}
