//! Hourly windows: what each worker owns, how they merge, when an hour closes.

mod context;
pub mod hour;
mod ledger;
mod meta;
mod open;
mod pair_key;
mod pairs;
mod resolve;
mod shard;
mod vocabulary;

pub use context::ObjectContext;
pub use hour::{Coverage, Day, EniClass, EniHour, EniId, FlowWindow, Hour, Place, Role, Totals};
pub use ledger::{HourObjects, ObjectLedger, Seal};
pub use open::{ClosedHour, OpenHours, closes_up_to};
pub use resolve::KnownEni;
pub use shard::{PROTOCOL_ABSENT, Shard};

#[cfg(test)]
mod tests;
