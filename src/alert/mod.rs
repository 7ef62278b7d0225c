//! An incident as people and machines read it.

pub mod model;

pub use model::{Alert, Severity};
