//! An incident as people and machines read it.

mod alone;
mod build;
mod counterfactual;
mod guardduty;
pub mod model;
pub mod render;
mod suppression;
mod text;

pub use crate::detect::Severity;
pub use alone::{Standing, build_alone};
pub use build::{Provenance, build};
pub use model::Alert;
pub use suppression::count_hidden;
