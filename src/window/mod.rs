//! Hourly windows: what each worker owns, how they merge, when an hour closes.

pub mod hour;

pub use hour::{Coverage, Day, EniClass, EniHour, EniId, FlowWindow, Hour, Role, Totals};
