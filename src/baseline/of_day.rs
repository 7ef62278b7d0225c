//! The destinations of one ENI on the day being lived.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::KeyHasher;
use super::destination::DestinationKey;
use super::eni::{DestinationToday, Novelty};

/// Destinations by key, in the order in which they were first met. Each has a place, which stays
/// its own all day, so that an hour looks for it once. What is asked of all of them does not depend
/// on their order.
#[derive(Clone, Debug, Default)]
pub struct DestinationsToday {
    /// Places, each with a part of its key's hash: to look at keys instead would read them all to grow.
    places: HashTable<(u32, u32)>,
    met: Vec<(DestinationKey, DestinationToday)>,
    /// Places of those that are new: few, and asked for every hour.
    new: Vec<u32>,
}

/// A part of the hash of a key that is kept.
fn hash_of(key: &DestinationKey) -> u32 {
    KeyHasher::default().hash_one(key) as u32
}

/// It as the table asks for it, with its upper bits set too: by Fibonacci's number (Knuth, TAOCP 6.4).
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl DestinationsToday {
    /// The place of a destination, which it is given when it is first met; `None` when it has none and
    /// `most` have.
    pub fn meet(
        &mut self,
        key: &DestinationKey,
        most: usize,
        today: impl FnOnce() -> DestinationToday,
    ) -> Option<u32> {
        let hash = hash_of(key);
        let is_same = |(of, at): &(u32, u32)| *of == hash && self.met[*at as usize].0 == *key;
        if let Some((_, place)) = self.places.find(spread(hash), is_same) {
            return Some(*place);
        }
        let place = self.met.len() as u32;
        if self.met.len() >= most {
            return None;
        }
        self.places.insert_unique(spread(hash), (hash, place), |(of, _)| spread(*of));
        self.met.push((key.clone(), today()));
        Some(place)
    }

    /// The destination at a place of this day.
    pub fn at(&self, place: u32) -> &DestinationToday {
        &self.met[place as usize].1
    }

    /// The same, to add to it.
    pub fn at_mut(&mut self, place: u32) -> &mut DestinationToday {
        &mut self.met[place as usize].1
    }

    /// Notes how new the destination at a place is; `None` when it is known by now.
    pub fn note_novelty(&mut self, place: u32, novelty: Option<Novelty>) {
        let before = std::mem::replace(&mut self.at_mut(place).novelty, novelty);
        match (before, novelty) {
            (None, Some(_)) => self.new.push(place),
            (Some(_), None) => self.new.retain(|new| *new != place),
            _ => {}
        }
    }

    /// Those that are new: how new, and what they have received so far, application bytes.
    pub fn new_ones(&self) -> impl Iterator<Item = (Novelty, u64)> {
        let new = self.new.iter().map(|place| self.at(*place));
        new.filter_map(|today| today.novelty.map(|novelty| (novelty, today.app_bytes)))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&DestinationKey, &DestinationToday)> {
        self.met.iter().map(|(key, today)| (key, today))
    }

    /// All of them, taken out.
    pub fn into_all(self) -> Vec<(DestinationKey, DestinationToday)> {
        self.met
    }
}

#[cfg(test)]
impl std::ops::Index<&DestinationKey> for DestinationsToday {
    type Output = DestinationToday;

    fn index(&self, key: &DestinationKey) -> &DestinationToday {
        self.met.iter().find(|(met, _)| met == key).map(|(_, today)| today).expect("it was met")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ones_are_new_until_they_are_known() {
        let mut day = DestinationsToday::default();
        let of = |day: &DestinationsToday| day.new_ones().collect::<Vec<_>>();
        for n in 0..3 {
            let key = DestinationKey::Network(format!("203.0.{n}.0/24").parse().unwrap());
            day.meet(&key, 3, || DestinationToday { app_bytes: n, ..Default::default() });
        }
        for novelty in [Novelty::NewToAll, Novelty::KnownToOthers] {
            day.note_novelty(2, Some(novelty));
            assert_eq!(of(&day), [(novelty, 2)]);
        }
        day.note_novelty(0, Some(Novelty::NewToAll));
        day.note_novelty(2, None);
        day.note_novelty(1, None);
        assert_eq!(of(&day), [(Novelty::NewToAll, 0)]);
    }

    #[test]
    fn each_destination_has_one_place() {
        let mut day = DestinationsToday::default();
        let key = |n: u32| DestinationKey::Network(format!("203.0.{n}.0/24").parse().unwrap());
        for n in (0..200).rev() {
            let new = || DestinationToday { app_bytes: u64::from(n), ..Default::default() };
            let place = day.meet(&key(n), 200, new).unwrap();
            day.at_mut(place).hours = 1;
        }
        assert_eq!(day.iter().count(), 200);
        for n in 0..200 {
            let place = day.meet(&key(n), 200, || panic!("it was met")).unwrap();
            assert_eq!((day.at(place).app_bytes, day[&key(n)].hours), (u64::from(n), 1));
        }
        assert_eq!(day.meet(&key(200), 200, || panic!("there is no room")), None);
        assert_eq!(day.iter().map(|(_, today)| today.app_bytes).sum::<u64>(), 199 * 100);
    }
}
