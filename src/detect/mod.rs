//! Detectors: a closed hour and a snapshot in, evidence in bits out. Pure functions.
//!
//! Invariant: nothing here sees an object key, a bucket, a file or a clock.

mod agreement;
mod balance;
pub mod beacon;
mod budget;
mod evidence;
mod features;
mod grouped;
mod hour;
mod incident;
mod known_destination;
mod learn;
mod memory;
mod met;
mod new_destination;
mod probe;
mod protocol;
mod score;
mod served;
mod spread;
mod stretch;
pub mod suppress;
mod told;
mod traffic;
mod unit;
mod volume;
mod young;

pub use budget::{DayScores, Threshold, allowed_per_day};
pub use evidence::{BITS_MAX, Detector, Evidence, Family, bits};
pub use features::{EniFeatures, KeySums, is_transfer};
pub use grouped::ByKey;
pub use hour::{EniContext, HourOutcome, KEEP_BITS, Scored, against, score_hour};
pub use incident::{Incident, IncidentCoverage, IncidentId, Incidents, Kept, Place};
pub use memory::{IncidentMemory, MemoryPart};
pub use protocol::RareEvent;
pub use score::{Score, Severity, combine};
pub use traffic::{KeyHour, Reach};
pub use unit::{Against, SEEN_MIN, Subject, Unit, UnitKind};
pub use young::Stay;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::baseline::destination::NamedPrefixes;
use crate::net::{Addr, InternalNetworks, PrefixTable};

/// What scoring depends on beside windows and snapshot.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is inside.
    pub internal: InternalNetworks,
    /// Prefixes with the operator's names.
    pub named: NamedPrefixes,
    /// AWS services by range, for records that name none.
    pub services: PrefixTable<Arc<str>>,
    /// DNS servers outside that hosts may use, sorted.
    pub resolvers: Vec<Addr>,
    /// Peer groups by ENI id, over what the records say.
    pub groups: BTreeMap<Arc<str>, Arc<str>>,
    /// Alerts a day per 1,000 ENIs that an operator wants to read.
    pub budget_per_day_per_1000_enis: f64,
    /// ENI-hours below this many bytes raise no volume evidence.
    pub volume_floor_bytes: u64,
    /// ENI-hours above this many bytes are always HIGH, when set.
    pub volume_ceiling_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            internal: InternalNetworks::new(&[]),
            named: NamedPrefixes::default(),
            services: PrefixTable::default(),
            resolvers: Vec::new(),
            groups: BTreeMap::new(),
            budget_per_day_per_1000_enis: 5.0,
            volume_floor_bytes: 10 << 20,
            volume_ceiling_bytes: None,
        }
    }
}

#[cfg(test)]
mod tests;
