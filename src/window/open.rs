//! All open hours of a run, and when they close.

use rayon::prelude::*;

use super::hour::{EniHour, EniId, Hour, Place};
use super::ledger::{HourObjects, ObjectLedger};
use super::resolve::{KnownEni, resolve};
use super::shard::{OpenEniHour, ServiceNames, Shard};

/// The merged open hours, with the objects they came from.
#[derive(Clone, Debug, Default)]
pub struct OpenHours {
    /// Sums by ENI and hour.
    pub shard: Shard,
    /// Objects by account, region and hour.
    pub ledger: ObjectLedger,
}

/// One closed hour of all ENIs.
#[derive(Clone, Debug)]
pub struct ClosedHour {
    /// When.
    pub hour: Hour,
    /// ENIs with records or NODATA/SKIPDATA in it, sorted by id.
    pub enis: Vec<EniHour>,
    /// The objects it came from, by (account, region).
    pub objects: ObjectsByPlace,
}

/// Objects by (account, region).
type ObjectsByPlace = hashbrown::HashMap<Place, HourObjects, foldhash::fast::FixedState>;

/// The last hour that is complete once all objects named up to `newest_named_second` are in:
/// its end plus the lateness has passed. An object named T holds records up to T + 5 minutes.
pub fn closes_up_to(newest_named_second: i64, lateness_seconds: i64) -> Hour {
    Hour::of_second(newest_named_second + 300 - lateness_seconds - 3600)
}

impl OpenHours {
    /// Open hours up to and including `last`, ascending.
    pub fn due(&self, last: Hour) -> Vec<Hour> {
        self.shard.hours().into_iter().filter(|hour| *hour <= last).collect()
    }

    /// Drops what was read of the hours before `first`: they are not this run's to close.
    pub fn forget_before(&mut self, first: Hour) {
        for hour in self.shard.hours().into_iter().take_while(|hour| *hour < first) {
            self.shard.take(hour);
        }
        if let Some(last) = first.0.checked_sub(1) {
            self.ledger.forget_up_to(Hour(last));
        }
    }

    /// Closes one hour. `known` gives what earlier hours taught about an ENI.
    pub fn close(&mut self, hour: Hour, known: impl Fn(&EniId) -> KnownEni + Sync) -> ClosedHour {
        let objects = self.ledger.take(hour);
        let (open, names) = self.shard.take(hour);
        resolved(hour, objects, open, &names, known)
    }

    /// What one hour would be if it closed now. It stays open.
    pub fn peek(&self, hour: Hour, known: impl Fn(&EniId) -> KnownEni + Sync) -> ClosedHour {
        let (open, names) = self.shard.peek(hour);
        resolved(hour, self.ledger.peek(hour), open, &names, known)
    }
}

fn resolved(
    hour: Hour,
    objects: ObjectsByPlace,
    open: Vec<(EniId, OpenEniHour)>,
    names: &ServiceNames,
    known: impl Fn(&EniId) -> KnownEni + Sync,
) -> ClosedHour {
    let enis = open
        .into_par_iter()
        .map(|(id, eni)| {
            let known = known(&id);
            let mut closed = resolve(id, hour, eni, names, &known);
            let delivered = objects.get(&closed.id.place());
            closed.coverage.slots = delivered.map_or(0, |objects| objects.slots);
            closed
        })
        .collect();
    ClosedHour { hour, enis, objects }
}
