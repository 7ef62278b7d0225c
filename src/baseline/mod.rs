//! Baselines: what each ENI, and the account around it, normally sends out.
//!
//! A baseline is a left fold over closed days with a 28-day memory. It changes at UTC midnight,
//! event time, and never inside a day, so nothing in a day depends on order. What a day is
//! compared with (`Snapshot`) is derived from the histories and hashed.

pub mod acquaintance;
pub mod contacts;
pub mod counts;
pub mod destination;
pub mod eni;
pub mod fleet;
pub mod hour_level;
mod hours_text;
pub mod level;
pub mod of_day;
pub mod own_tail;
pub mod robust;
pub mod rotating;
pub mod series;
pub mod sized_rate;
pub mod tail;
pub mod uses;
pub mod young;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use hashbrown::HashSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

use crate::limits::{HISTORY_DAYS, SNAPSHOT_ROW_DESTINATIONS_MAX, SNAPSHOT_ROWS_AT_ONCE};
use crate::window::{Day, EniId, Hour, KnownEni, Place};
use destination::DestinationKey;
use eni::{EniHistory, EniModel, EniToday};
use fleet::{FleetDay, FleetHistory, FleetModel, Pool};
use level::Level;
use uses::{Used, Uses};

/// Hashes keys that are looked up and never listed.
pub(crate) type KeyHasher = foldhash::fast::FixedState;

/// Everything remembered between days, by account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Fleets by (account, region).
    pub fleets: BTreeMap<Place, FleetHistory>,
    /// ENIs.
    pub enis: BTreeMap<EniId, EniHistory>,
}

/// What one day is compared with.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The day it is for.
    pub day: Day,
    /// Fleets by (account, region).
    pub fleets: BTreeMap<Place, FleetModel>,
    /// ENIs.
    pub enis: BTreeMap<EniId, EniModel>,
    /// Hash of the histories it was derived from.
    pub hash: String,
}

/// What happened so far on the day being lived.
#[derive(Clone, Debug, Default)]
pub struct Today {
    /// ENIs.
    pub enis: BTreeMap<EniId, EniToday>,
    /// Pooled counts by (account, region).
    pub fleets: BTreeMap<Place, FleetDay>,
}

impl Today {
    /// Adds the whole days of known destinations to the pools, when the day has ended: a day so
    /// far is compared with days.
    pub fn pool_days(&mut self) {
        // How far the most sustained of the day stood out.
        let mut sustained: BTreeMap<OfGroup, Vec<f64>> = BTreeMap::new();
        for (id, lived) in &self.enis {
            let place = id.place();
            let pooled = self.fleets.entry(place.clone()).or_default();
            for (key, met) in lived.destinations.iter() {
                if let Some(known) = &met.known.model {
                    let own_bits = known.own_day_bits(Level::of_bytes(met.app_bytes));
                    pooled.pools[Pool::DestinationDay as usize].add(own_bits);
                    let whole = key.parent().map_or_else(|| key.clone(), DestinationKey::Network);
                    let of_group =
                        sustained.entry((place.clone(), Arc::clone(&lived.group), whole)).or_default();
                    of_group.push(known.sustained_bits(met.sustained));
                }
            }
        }
        for ((place, _, _), mut own_bits) in sustained {
            let pool = &mut self.fleets.entry(place).or_default().pools[Pool::Sustained as usize];
            own_bits.sort_unstable_by(|a, b| b.total_cmp(a));
            let far = own_bits.iter().filter(|bits| **bits >= SHARED_BITS_MIN).count();
            // What most of a group does on one day is one event.
            let is_shared = far >= SHARED_MIN && 2 * far >= own_bits.len();
            for (at, bits) in own_bits.into_iter().enumerate() {
                pool.add(if is_shared && at > 0 { 0.0 } else { bits });
            }
        }
    }
}

/// A network as a group uses it: account and region, group, network.
type OfGroup = (Place, Arc<str>, DestinationKey);

/// Destinations of a group that stand out by so many bits on one day, and make a change of it.
const SHARED_MIN: usize = 3;
const SHARED_BITS_MIN: f64 = 4.0;

/// Destinations that are young to at least [`fleet::ADOPTING_ENIS_MIN`] of the ENIs.
fn adopted<'a>(enis: impl Iterator<Item = &'a EniHistory>) -> HashSet<DestinationKey, KeyHasher> {
    let mut met: BTreeMap<&DestinationKey, u32> = BTreeMap::new();
    enis.flat_map(|eni| eni.young.keys()).for_each(|key| *met.entry(key).or_default() += 1);
    let adopted = met.into_iter().filter(|(_, enis)| *enis >= fleet::ADOPTING_ENIS_MIN);
    adopted.map(|(key, _)| key.clone()).collect()
}

/// The values of `map` that `sorted` names, which ascends by key, each with what stands there.
pub(crate) fn in_step<K: Ord, V, T>(
    map: &mut BTreeMap<K, V>,
    sorted: impl IntoIterator<Item = (impl Borrow<K>, T)>,
) -> Vec<(&mut V, T)> {
    let mut all = map.iter_mut().peekable();
    let of = |(key, with): (_, T)| {
        let key: &K = Borrow::borrow(&key);
        while all.next_if(|(have, _)| *have < key).is_some() {}
        all.next_if(|(have, _)| *have == key).map(|(_, value)| (value, with))
    };
    sorted.into_iter().filter_map(of).collect()
}

/// One row of a stored snapshot: the history of an ENI or a fleet, or a part of a fleet's destinations,
/// as canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRow {
    /// `eni`, `fleet` or `destinations`.
    pub scope: String,
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// ENI id; empty unless the scope is one.
    pub eni: String,
    /// Peer group; empty likewise.
    pub group: String,
    /// First hour with coverage, Unix seconds.
    pub first_seen_second: i64,
    /// Last hour with coverage, Unix seconds.
    pub last_seen_second: i64,
    /// Hours with coverage in the look-back.
    pub active_hours: u32,
    /// Destinations remembered.
    pub destinations: u32,
    /// Usual upper end of hourly client egress, bytes (99th percentile); 0 likewise.
    pub usual_max_bytes: u64,
    /// All of it, JSON.
    pub state: String,
}

impl History {
    /// Derives what `day` is compared with. `take` gets the rows that it is stored as, some at a time:
    /// as text a history is several times as large as in memory.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn snapshot<E: Send>(
        &self,
        day: Day,
        take: impl FnMut(Vec<SnapshotRow>) -> Result<(), E> + Send,
    ) -> Result<Snapshot, E> {
        let (hash, (fleets, enis)) = rayon::join(|| self.hashed_rows(take), || self.models(day));
        Ok(Snapshot { day, fleets, enis, hash: hash? })
    }

    /// Gives all rows to `take`; their hash.
    fn hashed_rows<E>(&self, mut take: impl FnMut(Vec<SnapshotRow>) -> Result<(), E>) -> Result<String, E> {
        let mut hasher = blake3::Hasher::new();
        for rows in self.rows() {
            add_to_hash(&mut hasher, &rows);
            take(rows)?;
        }
        Ok(hasher.finalize().to_hex()[..32].to_owned())
    }

    fn models(&self, day: Day) -> (BTreeMap<Place, FleetModel>, BTreeMap<EniId, EniModel>) {
        let enis: BTreeMap<EniId, EniModel> =
            self.enis.par_iter().map(|(id, history)| (id.clone(), history.model(day))).collect();
        let fleets = self
            .fleets
            .par_iter()
            .map(|(place, history)| {
                let of_place = |id: &EniId| id.account == place.0 && id.region == place.1;
                let members: Vec<(Arc<str>, &EniModel)> = enis
                    .iter()
                    .filter(|(id, _)| of_place(id))
                    .map(|(id, model)| (Arc::clone(&self.enis[id].group), model))
                    .collect();
                let since = day.first_hour().0.saturating_sub(24);
                let active = self.enis.iter().filter(|(id, e)| of_place(id) && e.last_hour >= since).count();
                let histories = self.enis.iter().filter(|(id, _)| of_place(id)).map(|(_, e)| e);
                let model = FleetModel::learn(history, &members, active as u32);
                (place.clone(), FleetModel { adopted: adopted(histories), ..model })
            })
            .collect();
        (fleets, enis)
    }

    /// Folds a day that has ended. Everything unseen for the look-back is forgotten.
    pub fn fold(&mut self, day: Day, today: Today) {
        for (place, pooled) in today.fleets {
            let fleet = self.fleets.entry(place).or_default();
            fleet.first_hour.get_or_insert(day.first_hour().0);
            fleet.days.push_back(FleetDay { day: day.0, ..pooled });
        }
        for (id, lived) in &today.enis {
            let fleet = self.fleets.entry(id.place()).or_default();
            for (key, met) in lived.destinations.iter().filter(|(_, met)| met.is_learned()) {
                fleet.note_destination(key, &lived.group, met.first_hour, met.last_hour);
            }
            for (protocol, port) in &lived.ports {
                fleet.note_port(*protocol, *port, day);
            }
        }
        for (id, lived) in &today.enis {
            if !self.enis.contains_key(id) {
                self.enis.insert(id.clone(), EniHistory::new(lived.first_hour));
            }
        }
        in_step(&mut self.enis, today.enis).into_par_iter().for_each(|(eni, lived)| eni::fold(eni, lived));
    }

    /// Forgets what lies outside the look-back of `day`.
    pub fn advance(&mut self, day: Day) {
        let Self { fleets, enis } = self;
        enis.retain(|_, e| Hour(e.last_hour).day().0 + HISTORY_DAYS as u32 >= day.0);
        rayon::join(
            || fleets.values_mut().for_each(|fleet| fleet.forget(day)),
            || enis.par_iter_mut().for_each(|(_, e)| e.forget(day)),
        );
        fleets.retain(|(account, region), _| {
            enis.keys().any(|id| id.account == *account && id.region == *region)
        });
    }

    /// What the window stage may know of an ENI.
    pub fn known(&self, id: &EniId) -> KnownEni {
        self.enis.get(id).map_or_else(KnownEni::default, |e| {
            let mut own = e.own_addresses();
            own.sort_unstable();
            KnownEni { own, listeners: e.listeners.clone() }
        })
    }

    /// The history that [`Self::rows`] were of.
    ///
    /// # Errors
    /// When a row's state is none of ours.
    pub fn from_rows(rows: &[SnapshotRow]) -> Result<Self, serde_json::Error> {
        let mut history = Self::default();
        for row in rows {
            let (account, region): (Arc<str>, Arc<str>) =
                (row.account.as_str().into(), row.region.as_str().into());
            match row.scope.as_str() {
                "fleet" => {
                    let stored: FleetHistory = serde_json::from_str(&row.state)?;
                    let fleet = history.fleets.entry((account, region)).or_default();
                    *fleet = FleetHistory { destinations: std::mem::take(&mut fleet.destinations), ..stored };
                }
                "destinations" => {
                    let stored: BTreeMap<Arc<str>, BTreeMap<DestinationKey, Used>> =
                        serde_json::from_str(&row.state)?;
                    let fleet = history.fleets.entry((account, region)).or_default();
                    for (group, destinations) in &stored {
                        destinations.iter().for_each(|(key, used)| {
                            fleet.note_destination(key, group, used.first_hour, used.last_hour);
                        });
                    }
                }
                _ => {
                    let id = EniId { account, region, eni: row.eni.as_str().into() };
                    history.enis.insert(id, serde_json::from_str(&row.state)?);
                }
            }
        }
        Ok(history)
    }

    /// The rows that a snapshot is stored as, sorted, in pieces.
    pub fn rows(&self) -> impl Iterator<Item = Vec<SnapshotRow>> {
        let fleets = self.fleets.iter().flat_map(|((account, region), fleet)| {
            let destinations = destination_rows(account, region, fleet);
            iter::once(vec![fleet_row(account, region, fleet)]).chain(destinations)
        });
        let mut enis = self.enis.iter();
        let pieces = iter::from_fn(move || {
            let piece: Vec<_> = enis.by_ref().take(SNAPSHOT_ROWS_AT_ONCE).collect();
            (!piece.is_empty()).then(|| piece.into_par_iter().map(|(id, eni)| eni_row(id, eni)).collect())
        });
        fleets.chain(pieces)
    }
}

/// The destinations of a fleet, some to a row.
fn destination_rows<'a>(
    account: &'a str,
    region: &'a str,
    fleet: &'a FleetHistory,
) -> impl Iterator<Item = Vec<SnapshotRow>> + 'a {
    let mut destinations = fleet.destinations.iter();
    iter::from_fn(move || {
        let piece: Vec<_> =
            destinations.by_ref().take(SNAPSHOT_ROWS_AT_ONCE * SNAPSHOT_ROW_DESTINATIONS_MAX).collect();
        let rows = piece.par_chunks(SNAPSHOT_ROW_DESTINATIONS_MAX);
        (!piece.is_empty()).then(|| rows.map(|uses| destinations_row(account, region, uses)).collect())
    })
}

fn fleet_row(account: &str, region: &str, fleet: &FleetHistory) -> SnapshotRow {
    SnapshotRow {
        first_seen_second: Hour(fleet.first_hour.unwrap_or(0)).start_second(),
        last_seen_second: fleet.days.back().map_or(0, |d| Day(d.day).first_hour().start_second()),
        active_hours: fleet.days.len() as u32 * 24,
        ..account_row("fleet", account, region, fleet.destinations.len(), json(fleet))
    }
}

fn destinations_row(account: &str, region: &str, uses: &[(&DestinationKey, &Uses)]) -> SnapshotRow {
    let hours = || uses.iter().flat_map(|(_, uses)| uses.all());
    let first = hours().map(|used| used.first_hour).min();
    let last = hours().map(|used| used.last_hour).max();
    let mut by_group: BTreeMap<&str, ByKey<'_>> = BTreeMap::new();
    for (key, uses) in uses {
        uses.by_group().for_each(|(group, used)| by_group.entry(group).or_default().0.push((key, used)));
    }
    let state = json(&by_group);
    SnapshotRow {
        first_seen_second: Hour(first.unwrap_or(0)).start_second(),
        last_seen_second: Hour(last.unwrap_or(0)).start_second(),
        ..account_row("destinations", account, region, uses.len(), state)
    }
}

fn account_row(scope: &str, account: &str, region: &str, destinations: usize, state: String) -> SnapshotRow {
    SnapshotRow {
        scope: scope.to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        eni: String::new(),
        group: String::new(),
        first_seen_second: 0,
        last_seen_second: 0,
        active_hours: 0,
        destinations: destinations as u32,
        usual_max_bytes: 0,
        state,
    }
}

/// What a group uses, and when; stored as a map.
#[derive(Default)]
struct ByKey<'a>(Vec<(&'a DestinationKey, &'a Used)>);

impl Serialize for ByKey<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().copied())
    }
}

fn eni_row(id: &EniId, eni: &EniHistory) -> SnapshotRow {
    SnapshotRow {
        scope: "eni".into(),
        account: id.account.to_string(),
        region: id.region.to_string(),
        eni: id.eni.to_string(),
        group: eni.group.to_string(),
        first_seen_second: Hour(eni.first_hour).start_second(),
        last_seen_second: Hour(eni.last_hour).start_second(),
        active_hours: eni.active_hours(),
        destinations: eni.destinations.len() as u32,
        usual_max_bytes: eni.usual_max_bytes(),
        state: json(eni),
    }
}

/// Adds rows to the hash of their snapshot.
fn add_to_hash(hasher: &mut blake3::Hasher, rows: &[SnapshotRow]) {
    for row in rows {
        for text in [&row.scope, &row.account, &row.region, &row.eni, &row.state] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
}

/// Canonical JSON: maps are ordered and every number is an integer.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("histories hold only strings, integers, lists and string-keyed maps")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Addr, Prefix};
    use eni::DestinationToday;

    #[test]
    fn a_destination_is_adopted_when_five_have_taken_to_it() {
        let key = |text: &str| DestinationKey::Network(text.parse().unwrap());
        let (of_five, of_four) = (key("203.0.113.0/24"), key("198.51.100.0/24"));
        let met = DestinationToday { app_bytes: 1, hours: 1, ..DestinationToday::default() };
        let eni = |keys: &[&DestinationKey]| {
            let mut history = EniHistory::new(Hour(0));
            keys.iter().for_each(|key| history.young.note(key, 0, &met, true));
            history
        };
        let both = || eni(&[&of_five, &of_four]);
        let enis = [both(), both(), both(), both(), eni(&[&of_five])];
        assert_eq!(adopted(enis.iter()), HashSet::from_iter([of_five.clone()]));
        assert!(adopted(enis[..4].iter()).is_empty());
    }

    #[test]
    fn a_history_comes_back_from_its_rows_however_many_there_are() {
        let mut fleet = FleetHistory::default();
        let count = 2 * SNAPSHOT_ROW_DESTINATIONS_MAX + 1;
        for n in 0..count as u32 {
            let network = Prefix::cut(Addr::from_v4(0xf000_0000 + (n << 8)), 24, 48);
            fleet.note_destination(&DestinationKey::Network(network), &"web".into(), n, n + 5);
            if n % 3 == 0 {
                fleet.note_destination(&DestinationKey::Network(network), &"db".into(), 7, 8);
            }
        }
        fleet.note_destination(&DestinationKey::Service("S3".into()), &"".into(), 1, 2);
        fleet.note_port(6, 443, Day(3));
        let mut history = History::default();
        history.fleets.insert(("1".into(), "r".into()), fleet);
        let id =
            |n: usize| EniId { account: "1".into(), region: "r".into(), eni: format!("eni-{n:03}").into() };
        let enis = 0..SNAPSHOT_ROWS_AT_ONCE + 2;
        history.enis.extend(enis.map(|n| (id(n), EniHistory::new(Hour(n as u32)))));
        let pieces: Vec<Vec<SnapshotRow>> = history.rows().collect();
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, SNAPSHOT_ROWS_AT_ONCE, 2]);
        assert_eq!(pieces[1].iter().map(|row| row.destinations as usize).sum::<usize>(), count + 1);
        assert_eq!(pieces[0][0].destinations as usize, count + 1);
        let mut rows = pieces.concat();
        assert_eq!(History::from_rows(&rows).unwrap(), history);
        rows.reverse();
        assert_eq!(History::from_rows(&rows).unwrap(), history, "in any order");
    }
}
