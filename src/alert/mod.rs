//! An incident as people and machines read it.

mod alone;
pub mod annotation;
mod build;
mod counterfactual;
mod guardduty;
pub mod model;
pub mod render;
mod suppression;
mod text;

pub use crate::detect::Severity;
pub use alone::{Standing, build_alone};
pub(crate) use build::rfc3339;
pub use build::{Provenance, build};
pub use model::Alert;
pub use suppression::count_hidden;
pub(crate) use text::bytes as human_bytes;
