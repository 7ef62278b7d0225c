//! The destinations of one ENI on the day being lived.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::KeyHasher;
use super::destination::DestinationKey;
use super::eni::DestinationToday;

/// Destinations by key, in the order in which they were first met. Each has a place, which stays
/// its own all day, so that an hour looks for it once. What is asked of all of them does not depend
/// on their order.
#[derive(Clone, Debug, Default)]
pub struct DestinationsToday {
    places: HashTable<u32>,
    met: Vec<(DestinationKey, DestinationToday)>,
}

fn hash(key: &DestinationKey) -> u64 {
    KeyHasher::default().hash_one(key)
}

impl DestinationsToday {
    /// How many were met.
    pub fn len(&self) -> usize {
        self.met.len()
    }

    /// Whether none was met.
    pub fn is_empty(&self) -> bool {
        self.met.is_empty()
    }

    /// The place of a destination that was met.
    pub fn place(&self, key: &DestinationKey) -> Option<u32> {
        self.places.find(hash(key), |at| self.met[*at as usize].0 == *key).copied()
    }

    /// Adds a destination that has no place yet, and gives it one.
    pub fn add(&mut self, key: DestinationKey, today: DestinationToday) -> u32 {
        let place = self.met.len() as u32;
        self.places.insert_unique(hash(&key), place, |at| hash(&self.met[*at as usize].0));
        self.met.push((key, today));
        place
    }

    /// The destination at a place of this day.
    pub fn at(&self, place: u32) -> &DestinationToday {
        &self.met[place as usize].1
    }

    /// The same, to add to it.
    pub fn at_mut(&mut self, place: u32) -> &mut DestinationToday {
        &mut self.met[place as usize].1
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
        self.at(self.place(key).expect("an index is of a destination that was met"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_has_one_place() {
        let mut day = DestinationsToday::default();
        let key = |n: u32| DestinationKey::Network(format!("203.0.{n}.0/24").parse().unwrap());
        for n in (0..200).rev() {
            assert_eq!(day.place(&key(n)), None);
            let place = day.add(key(n), DestinationToday { app_bytes: u64::from(n), ..Default::default() });
            day.at_mut(place).hours = 1;
        }
        assert_eq!(day.len(), 200);
        for n in 0..200 {
            let place = day.place(&key(n)).unwrap();
            assert_eq!((day.at(place).app_bytes, day[&key(n)].hours), (u64::from(n), 1));
        }
        assert_eq!(day.iter().map(|(_, today)| today.app_bytes).sum::<u64>(), 199 * 100);
    }
}
