//! Amazon GuardDuty: findings of every rendering become one [`Finding`], and findings are joined
//! to what the flow logs show.
//!
//! Joining is a pure function of an activity and a set of findings, and the set is a function of
//! the renderings taken in, not of their order. So a finding that is known before a scan and one
//! that arrives after it lead to the same state. Findings never reach a baseline: they change
//! how an incident ranks, not what is learned, what is quarantined, or the budget's threshold.
//!
//! Sources: GuardDuty API reference (`Finding`), user guide "Finding types" and "Finding
//! format"; the instabilities of types that public samples show are met in `json`.

mod finding;
mod independence;
mod join;
mod json;
mod memory;
mod parse;
mod read;
mod set;
mod sighting;

pub use finding::{Direction, Finding, Interface, Latest, Remote};
pub use independence::Independence;
pub use join::{Activity, Agreement, Join, PlaceMatch, Reached, Reason, RemoteMatch, ServiceMatch, Status};
pub use memory::CorrelationMemory;
pub use read::{FindingTally, Skipped, read_findings};
pub use set::{FindingSet, Upsert};
pub use sighting::{Correlated, Correlation, SeenEnd, SeenHours, Sighting};

#[cfg(test)]
mod tests;
