//! An incident as people and machines read it.

mod alone;
pub mod annotation;
mod build;
mod counterfactual;
mod guardduty;
pub mod model;
pub mod render;
mod text;

pub use crate::detect::Severity;
pub use alone::{Standing, build_alone};
pub(crate) use build::rfc3339;
pub use build::{Provenance, build};
pub use model::Alert;
pub(crate) use text::bytes as bytes_text;
