//! The minutes of a day in which a destination was contacted.

/// Minutes by hour of the day, bit 0 is minute 0. Most new destinations are met in one hour only,
/// which takes no memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ContactMinutes {
    /// No hour yet.
    #[default]
    Never,
    /// One hour of the day, and its minutes.
    OneHour(u8, u64),
    /// All hours.
    Hours(Box<[u64; 24]>),
}

impl ContactMinutes {
    /// Adds minutes of an hour of the day.
    pub fn add(&mut self, hour: usize, minutes: u64) {
        match self {
            Self::Never => *self = Self::OneHour(hour as u8, minutes),
            Self::OneHour(first, of_first) if usize::from(*first) == hour => *of_first |= minutes,
            Self::OneHour(first, of_first) => {
                let mut hours = Box::new([0; 24]);
                hours[usize::from(*first)] = *of_first;
                hours[hour] |= minutes;
                *self = Self::Hours(hours);
            }
            Self::Hours(hours) => hours[hour] |= minutes,
        }
    }

    /// Hours of the day and their minutes, ascending.
    pub fn hours(&self) -> impl Iterator<Item = (u32, u64)> {
        let (one, all) = match self {
            Self::Never => (None, &[][..]),
            Self::OneHour(hour, minutes) => (Some((u32::from(*hour), *minutes)), &[][..]),
            Self::Hours(hours) => (None, &hours[..]),
        };
        one.into_iter().chain((0..).zip(all.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_add_up_by_hour() {
        let mut contacts = ContactMinutes::default();
        assert_eq!(contacts.hours().count(), 0);
        contacts.add(7, 0b01);
        contacts.add(7, 0b10);
        assert_eq!(contacts.hours().collect::<Vec<_>>(), [(7, 0b11)]);
        contacts.add(3, 1 << 59);
        contacts.add(7, 0b100);
        let used: Vec<_> = contacts.hours().filter(|(_, minutes)| *minutes != 0).collect();
        assert_eq!(used, [(3, 1 << 59), (7, 0b111)]);
    }
}
