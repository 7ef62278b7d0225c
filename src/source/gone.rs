//! Objects that will not come back as they were: an error inside an `io::Error`, for those who must
//! know whether to try again.

/// How an object is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It is not there.
    Missing,
    /// Another version is in its place.
    Replaced,
}

/// An object is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct GoneError {
    /// How.
    pub gone: Gone,
    /// One line for people.
    pub detail: String,
}
