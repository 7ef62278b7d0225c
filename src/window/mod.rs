//! Hourly windows: what each worker owns, how they merge, when an hour closes.

pub mod hour;
mod ledger;
mod open;
mod pairs;
mod resolve;
mod shard;

pub use hour::{Coverage, Day, EniClass, EniHour, EniId, FlowWindow, Hour, Role, Totals};
pub use ledger::{HourObjects, ObjectLedger};
pub use open::{ClosedHour, OpenHours, closes_up_to};
pub use resolve::KnownEni;
pub use shard::{ObjectContext, PROTOCOL_ABSENT, Shard};

#[cfg(test)]
mod tests;
