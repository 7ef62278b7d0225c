//! A few hours or days of logs after the fact, with no baseline: what is worth reading first?
//!
//! The other mode compares each hour with a past that it has not learned from yet, and can say
//! how often it will be wrong. Here there is no past. Everything is compared with the rest of the
//! same period: a destination with the ENI's other destinations, an hour with its other hours, a
//! port and a peer with the rest of the fleet. What comes out is an order of reading for each
//! ENI, with evidence in the same unit. It is no probability of anything, because the period may
//! be the attack.
//!
//! Sums are those of closed hours, so files and threads may come in any order.

mod clues;
mod rank;
mod survey;

pub use clues::Clue;
pub use rank::{PeerBytes, Ranked, SCHEMA};
pub use survey::Survey;
