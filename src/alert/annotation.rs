//! D11, peer rarity, and D12, off-hours: said on an alert, and worth nothing in its score. Rarity is
//! inside D1's classes and the hour of the week inside D2's expectation already.

use super::model::Evidence;
use crate::baseline::destination::DestinationKey;
use crate::baseline::eni::{EniHistory, EniModel};
use crate::baseline::series::Series;
use crate::detect::bits;
use crate::window::Hour;

/// Peers below which their absence says nothing (detection.md D11).
const PEERS_MIN: u64 = 8;
/// Weeks of history below which an hour of the week says nothing.
const WEEKS_MIN: u64 = 2;

/// D11: how many of the other ENIs of its group have used a destination; `None` of few peers.
pub fn peer_rarity<'a>(key: &DestinationKey, peers: impl Iterator<Item = &'a EniModel>) -> Option<Evidence> {
    let (mut n, mut users) = (0_u64, 0_u64);
    for peer in peers {
        n += 1;
        users += u64::from(peer.destinations.contains_key(key));
    }
    if n < PEERS_MIN {
        return None;
    }
    let p = (1.0 + users as f64) / (1.0 + n as f64);
    let text = format!("{users} of {n} peers have used this destination");
    Some(annotation("D11", "peers", p, (users as f64, n as f64), n, text))
}

/// D12: in how many past weeks the ENI sent anything out at this hour of the week; `None` of a
/// short past.
pub fn off_hours(history: &EniHistory, hour: Hour) -> Option<Evidence> {
    let same = history.days.iter().filter(|day| {
        day.day % 7 == hour.day().0 % 7 && day.day < hour.day().0 && day.seen >> hour.of_day() & 1 == 1
    });
    let (mut weeks, mut active) = (0_u64, 0_u64);
    for day in same {
        weeks += 1;
        active += u64::from(day.levels[Series::Client as usize][hour.of_day()].0 > 0);
    }
    if weeks < WEEKS_MIN {
        return None;
    }
    let p = (active as f64 + 1.0) / (weeks as f64 + 2.0);
    let text = format!("it sent something out at this hour of the week in {active} of {weeks} weeks");
    Some(annotation("D12", "weeks", p, (active as f64, weeks as f64), weeks, text))
}

fn annotation(
    id: &str,
    unit: &str,
    p: f64,
    (observed, expected): (f64, f64),
    n: u64,
    text: String,
) -> Evidence {
    let bits = super::build::rounded(bits(p));
    Evidence {
        id: id.into(),
        bits,
        observed,
        expected,
        unit: unit.into(),
        p: super::build::rounded(p),
        n,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::level::Level;
    use crate::baseline::series::DaySamples;
    use crate::window::Day;

    /// Four weeks that are busy at noon, and silent at three.
    fn history() -> EniHistory {
        let mut history = EniHistory::new(Hour(0));
        for day in 0..28 {
            let mut samples = DaySamples::new(Day(day));
            samples.seen = 0xff_ffff;
            samples.levels[Series::Client as usize][12] = Level::of_bytes(1 << 20);
            history.days.push_back(samples);
        }
        history
    }

    #[test]
    fn an_hour_that_is_always_silent_is_worth_a_word_and_never_more_than_three_bits() {
        let history = history();
        let night = off_hours(&history, Hour(28 * 24 + 3)).unwrap();
        let noon = off_hours(&history, Hour(28 * 24 + 12)).unwrap();
        assert!(night.bits > 2.0 && night.bits < 3.0 && noon.bits < 0.3, "{night:?} {noon:?}");
        assert!(off_hours(&EniHistory::new(Hour(0)), Hour(28 * 24)).is_none());
    }

    #[test]
    fn rarity_among_peers_needs_peers() {
        let key = DestinationKey::Network("192.0.2.0/24".parse().unwrap());
        let blank = history().model(Day(28));
        let mut user = blank.clone();
        user.destinations.insert(key.clone(), None);
        let of = |users: usize, others: usize| {
            let peers = std::iter::repeat_n(&user, users).chain(std::iter::repeat_n(&blank, others));
            peer_rarity(&key, peers)
        };
        assert!(of(0, 7).is_none());
        assert!(of(0, 20).unwrap().bits > 4.0 && of(15, 5).unwrap().bits < 0.5);
    }
}
