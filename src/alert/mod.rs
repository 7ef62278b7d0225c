//! An incident as people and machines read it.

mod build;
mod counterfactual;
pub mod model;
pub mod render;
mod text;

pub use crate::detect::Severity;
pub use build::{Provenance, build};
pub use model::Alert;
